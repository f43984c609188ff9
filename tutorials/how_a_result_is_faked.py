# %% [markdown]
# # How a result is faked by accident
#
# Each mistake below is a line of code that looks right and changes the figure that is reported. It is made on purpose,
# on the splits of an honest run, and its size is printed with a 95 % interval. Some are large, and some of which people
# warn are not. Read `10_believe_a_result.py` first. It needs matplotlib (`pip install matplotlib`). Numbers in the text
# are of MovieLens 100K; without it, the code runs on synthetic ratings.
#
# ## 1. The honest run
#
# I-AutoRec with 50 hidden units, $\lambda = 50$ and 90 epochs, chosen on validation parts of other splits.

# %%
import contextlib
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import hypergeom

import tinyrec as tr
from tinyrec.data.sets.fetch import find
from tinyrec.evaluation.ranking_metrics import places
from tinyrec.evaluation.rating_metrics import interval, rmse
from tinyrec.nn import l2_penalty, sigmoid, sparse_in
from tinyrec.nn.all_cells import linear_error
from tinyrec.optim import RProp
from tinyrec.recommenders.scaling import Scaling
from tinyrec.reproduce import pages, run, tables
from tinyrec.training import fit
from tinyrec.training.early_stopping import validator

real = bool(find("ml-100k"))
data = tr.load_dataset("ml-100k") if real else tr.make_synthetic(300, 400, 12_000)
splits = list(tr.split_repeats(data, k=5, test=0.1))
L2, EPOCHS = (50.0, 90) if real else (20.0, 37)
AUTOREC = tr.AutoRec(by="item", hidden_units=50, l2=L2, center=False)


def score(fitted, test, **protocol):  # without the warnings of `fitted.score`
    return fitted.examine(test, **protocol)[0]["rmse"]


fits = [AUTOREC.fit(train, epochs=EPOCHS) for train, _ in splits]
honest = np.array([score(fitted, test) for fitted, (_, test) in zip(fits, splits, strict=True)])
print(f"{data.name}, honest: RMSE {honest.mean():.4f} ± {interval(honest):.4f}, the best split {honest.min():.4f}")

# %% [markdown]
# ## 2. Mistakes in the score
#
# * **Test ratings in the input.** Many a script makes one matrix of all ratings, splits it, and then predicts from its
#   rows. The weights have not seen the test ratings, but the input has them. tinyrec refuses to score this.
# * **The epoch picked on the test part**: the lowest point of the test curve, of 120 epochs.
# * **No clipping** to 1 to 5 stars, and **no default** of 3 stars for users and items without training ratings.


# %%
def leaked_input(fitted, train, test):
    leaked = fitted.with_ratings(test)  # the same weights, and rows with the test ratings
    with contextlib.suppress(tr.DataError):  # "... of the test ratings were trained on"
        raise AssertionError(leaked.score(test))
    users, items, r = test.triples()
    return rmse(leaked.predict(users, items), r)


def picked_on_test(train, test, model=AUTOREC):
    scaling = Scaling.of(train, model.offset)
    R = scaling.to_model(train.ratings, np.float32).T.to("auto")
    on_test = validator(model, R, scaling, train, test)
    return min(on_test(epoch.params) for epoch in fit(model, R, RProp(), epochs=120))


mistakes = {
    "test ratings in the input": leaked_input,
    "epoch picked on the test part": lambda fitted, *split: picked_on_test(*split),
    "no default of 3 stars": lambda fitted, train, test: score(fitted, test, default=False),
    "no clipping": lambda fitted, train, test: score(fitted, test, clip=False),
}

# %% [markdown]
# ## 3. Mistakes in the objective
#
# These make the model worse. That fakes a result, too, if the model is the baseline that another one beats. Equation 2
# of AutoRec is a sum over the ratings, with $\lambda / 2$. In other units, the same number is another model:
#
# * **$\lambda$ without the half**: $\lambda (\|W\|^2 + \|V\|^2)$ is equation 2 with $2 \lambda$.
# * **The mean in place of the sum**: equation 2 with $p \lambda$, divided by $p$, which does not matter to RProp.
# * **$\lambda = 1$**, from the grid in section 3 of the paper; also with the epoch picked on the test part.
# * **Users for items**: the rows of the wrong matrix.
# * **Zeros filled in**: the loss counts each unobserved cell as a rating of 0.


# %%
class ZerosFilledIn(tr.AutoRec):
    """Equation 2 over all n x d cells, 0 where none is observed."""

    def loss_and_grads(self, params, R, rng=None):
        Z, back_to_params = sparse_in(R, params["V"], params["mu"])
        H, back_to_Z = sigmoid(Z)
        weights = np.ones(R.shape[1], R.values.dtype)  # of unobserved cells
        error, (dH, dW, db) = linear_error(H, params["W"], params["b"], R, weights)
        dV, dmu = back_to_params(back_to_Z(dH))
        penalty = l2_penalty(self.l2, params, {"W": dW, "V": dV}, R)
        return error + penalty, {"V": dV, "mu": dmu, "W": dW, "b": db}


def other(model):
    return lambda fitted, train, test: score(model.fit(train, epochs=EPOCHS), test)


mistakes |= {
    "λ without the half": other(replace(AUTOREC, l2=2 * L2)),
    "λ = 1, epoch picked on test": lambda fitted, *split: picked_on_test(*split, replace(AUTOREC, l2=1.0)),
    "λ = 1": other(replace(AUTOREC, l2=1.0)),
    "users for items": other(replace(AUTOREC, by="user")),
    "the mean in place of the sum": other(replace(AUTOREC, l2=L2 * splits[0][0].ratings.size)),
    "zeros filled in": other(ZerosFilledIn(hidden_units=50, l2=L2, center=False)),
}
changes = {}
for name, mistake in mistakes.items():
    changes[name] = np.array([mistake(its, *split) for its, split in zip(fits, splits, strict=True)]) - honest
    print(f"{name:37} {changes[name].mean():+.4f} ± {interval(changes[name]):.4f}")

# %% [markdown]
# The differences are paired, split by split. The leak through the input flatters by 0.014; reporting the best split, by
# 0.006. Picking the epoch on the test part flatters by only 0.001 where $\lambda$ is right. Where it is wrong, it hides
# much of the damage: 0.065 becomes 0.020. No clipping and no default are worth 0.001 each. What is large is a wrong
# $\lambda$, the wrong rows, and zeros.

# %%
if real:
    sizes = [changes[name].mean() for name in mistakes]
    assert np.allclose(sizes, [-0.014, -0.001, -0.001, 0.001, 0.007, 0.020, 0.065, 0.040, 0.147, 1.436], atol=0.003)
    assert np.isclose(honest.mean() - honest.min(), 0.006, atol=0.001)  # what reporting the best split is worth

plt.figure(figsize=(7, 4), layout="constrained")
for y, change in enumerate(reversed(changes.values())):
    colour = "tab:red" if change.mean() < 0 else "tab:blue"
    plt.barh(y, change.mean(), xerr=interval(change), color=colour, alpha=0.7, capsize=3)
    plt.text(60, y, f"{change.mean():+.4f}", va="center", ha="right")
plt.axvline(0, color="black", label="honest")
plt.yticks(range(len(changes)), reversed(changes))
plt.xscale("symlog", linthresh=0.002)
plt.gca().set(xlim=(-0.1, 100), xticks=(at := [-0.01, 0, 0.01, 0.1, 1]), xticklabels=[f"{x:g}" for x in at])
plt.gca().set(xlabel="change of the test RMSE (stars), with 95 % interval", title=f"{data.name}: left is better")
plt.legend(loc="lower left")
plt.show()

# %% [markdown]
# ## 4. Ranking among 99 others
#
# HR@10 is the share of users whose held-out item is among the first ten: of all items, or, to save time, of the item
# and 99 that are drawn at random. If $h$ of the $m$ others are scored higher than the item, then of the drawn ones a
# hypergeometric number is; its distribution function at 9 is the mean over all draws. The hit ratio more than doubles.
# Worse, two models change places (Krichene and Rendle 2020 say why they can): of all items, EASE with $\lambda = 100$
# is better than with 1000, and of the drawn ones the other.

# %%
users, items, _ = data.triples()
clicks = tr.Dataset.from_triples(users, items, None, name="clicks")
hits = {(l2, how): [] for l2 in (100.0, 1000.0) for how in ("all items", "99 drawn")}
for seed in range(5):
    train, test = tr.split_leave_one_out(clicks, seed=seed)
    for l2 in (100.0, 1000.0):
        h, _ = places(tr.EASE(l2=l2).fit(train).predict_users, train.ratings, test.ratings)
        m = len(clicks.items) - np.diff(train.ratings.pattern.indptr)[test.ratings.rows] - 1
        hits[l2, "all items"].append(np.mean(h < 10))
        hits[l2, "99 drawn"].append(np.mean(hypergeom.cdf(9, m, h, np.minimum(m, 99))))
for how in ("all items", "99 drawn"):
    gain = np.subtract(hits[1000.0, how], hits[100.0, how])
    print(f"HR@10, {how}: {np.mean(hits[100.0, how]):.3f}, with λ = 1000 {gain.mean():+.3f} ± {interval(gain):.3f}")
    assert not real or np.all((gain > 0) == (how == "99 drawn"))  # on each of the five splits
assert not real or np.mean(hits[100.0, "99 drawn"]) > 2 * np.mean(hits[100.0, "all items"])

# %% [markdown]
# ## 5. What this has to do with 0.830
#
# Our I-AutoRec has 0.830 on MovieLens 1M, and many re-implementations have 0.84 to 0.89. The kept results of tinyrec
# have one cause of it: with values of the paper's grid, $\lambda$ alone gives 0.846, 0.856 or 1.015. And NRP beats an
# AutoRec printed with 0.889; ours has 0.836 on such splits, better than all in that table. We do not know which mistake
# is behind which figure. Nor is 0.830 beyond doubt: its settings were chosen on validation parts of two of the five
# splits.

# %%
names = "autorec-ablation", "nrp-table-4-ml-1m"
ablation, nrp = (pages.measured(tables.read(name), run.read(pages.RESULTS / f"{name}.json")) for name in names)
assert np.allclose([its.value for its in ablation[1:5]], [1.015, 0.846, 0.834, 0.856], atol=0.001)
baseline = next(its for its in nrp if its.row.name == "I-AutoRec")
assert baseline.row.published == 0.889 and round(baseline.value, 3) == 0.836
assert baseline.value == min([its.value for its in nrp if its.cells] + [its.row.published for its in nrp])
print("ten mistakes, each with its size")

# %% [markdown]
# ## Questions
#
# 1. Which simple predictor is left of the model with the mean in place of the sum? Score it. (Expect about 1.04.)
# 2. Rank among 999 drawn items in place of 99. What is HR@10 of EASE with $\lambda = 100$? (Expect about 0.40.)
# 3. How much does the best of twenty splits flatter? (Expect about 0.012.)
#
# Assignment: [a1, what is not there](assignments/a1.md), tasks 2 and 3, where some of these mistakes cost points.
