# %% [markdown]
# # Is 0.83 good?
#
# The AutoRec paper (Sedhain, Menon, Sanner, Xie 2015, https://doi.org/10.1145/2740908.2742726) predicts ratings of
# movies, on MovieLens 1M, with a root mean square error (RMSE) of 0.831 stars. Is that good? The number alone does not
# say. This tutorial computes what to compare it with: the errors of the simplest predictions, and the one that nobody
# can avoid. There is no neural network in it yet. It needs matplotlib, and runs cell by cell in VS Code, Spyder or
# Jupyter (with Jupytext), or as a script: `python tutorials/00_is_0_83_good.py`. It uses MovieLens 1M if that is on
# this machine, and synthetic ratings otherwise. The numbers in the text are those of MovieLens 1M.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinyrec as tr
from tinyrec.data.sets.fetch import find
from tinyrec.data.sets.synthetic import NOISE, expected_rating
from tinyrec.evaluation.rating_metrics import interval
from tinyrec.recommenders.scaling import Biases
from tinyrec.reproduce import pages, run, tables

real = bool(find("ml-1m"))
data = tr.load_dataset("ml-1m" if real else "synthetic")
if not real:
    print('MovieLens 1M was not found (tr.load_dataset("ml-1m") downloads it), so this uses synthetic ratings.')
print(data)

# %% [markdown]
# ## 1. The error, and the best constant
#
# $\mathrm{RMSE} = \sqrt{\frac{1}{|T|} \sum_{(u, i) \in T} (r_{ui} - \hat r_{ui})^2}$ over the test ratings $T$
# (Raziperchikolaei, Li, Chung 2020, eq. 7). It is in the unit of the ratings, stars.
#
# If the prediction is the same number $c$ for all, the sum has the derivative $-2 \sum (r - c)$, which is 0 where $c$
# is the mean of the ratings. The RMSE of the mean is the standard deviation: 1.117 stars, the easiest number to beat.


# %%
def rmse(y, r):
    return np.sqrt(np.mean((y - r) ** 2))


r = data.ratings.values.astype(float)  # (p,), one number per rating
assert np.isclose(rmse(r.mean(), r), r.std()) and rmse(r.mean() + 0.1, r) > r.std() < rmse(r.mean() - 0.1, r)
assert not real or round(r.std(), 3) == 1.117

# %% [markdown]
# ## 2. Biases
#
# Some users give more stars than others, and some movies get more. The model $\hat r_{ui} = m + b_u + b_i$ has the mean
# $m$, one bias per user and one per item. It minimises
#
# $$\sum_{(u, i)} (r_{ui} - m - b_u - b_i)^2 + \alpha \sum_u b_u^2 + \beta \sum_i b_i^2 .$$
#
# Set the derivative with respect to one $b_i$ to 0: $b_i = \sum_u (r_{ui} - m - b_u) / (n_i + \beta)$, over the $n_i$
# ratings of this item, and likewise for $b_u$. Each is a closed form once the others are known: compute them in turn.
#
# The damping $\beta$ acts like $\beta$ more ratings without any deviation. With one rating of 5 stars, an item has a
# bias of 5 - 3.6 = 1.4 without damping, and 0.5 with $\beta = 2$: one rating is weak evidence. How much damping is
# right follows from the data. If biases are normal with variances $\sigma_u^2$ and $\sigma_i^2$, and what they leave
# has variance $\sigma^2$, the most probable biases minimise the sum above with $\alpha = \sigma^2 / \sigma_u^2$ and
# $\beta = \sigma^2 / \sigma_i^2$. On MovieLens 1M, a rough estimate is 6 for users and 2 for items.


# %%
def biases(R, user_damping, item_damping):
    (n, d), rest, b_user = R.shape, R.values - R.values.mean(dtype=float), np.zeros(R.shape[0])
    per_user, per_item = np.bincount(R.rows, minlength=n), np.bincount(R.cols, minlength=d)
    for _ in range(10):
        b_item = np.bincount(R.cols, rest - b_user[R.rows], d) / np.maximum(per_item + item_damping, 1e-9)
        b_user = np.bincount(R.rows, rest - b_item[R.cols], n) / np.maximum(per_user + user_damping, 1e-9)
    return b_user, b_item


train, test = tr.split_random(data, test=0.1, seed=0)
R, T = train.ratings, test.ratings
m = R.values.mean(dtype=float)
b_user, undamped = biases(R, 0, 0)
variance = np.var(R.values - m - b_user[R.rows] - undamped[R.cols])
dampings = variance / b_user.var(), variance / undamped.var()
b_user, b_item = biases(R, *dampings)
print(f"dampings: {dampings[0]:.1f} for users, {dampings[1]:.1f} for items")
by_tinyrec = Biases.fit(R, *dampings)  # what `tr.Bias` fits, with dampings of 15 and 10 if you give none
assert np.allclose(b_user, by_tinyrec.user, atol=1e-4) and np.allclose(b_item, by_tinyrec.item, atol=1e-4)
assert not real or (round(dampings[0]), round(dampings[1])) == (6, 2)
assert round((5 - 3.6) / (1 + 0), 1) == 1.4 and round((5 - 3.6) / (1 + 2), 1) == 0.5

per_item = np.bincount(R.cols, minlength=R.shape[1])
_, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
left.bar(range(1, 6), 100 * np.bincount(r.astype(int), minlength=6)[1:] / len(r), color="tab:blue")
left.axvline(r.mean(), ymax=0.85, color="black", linestyle="--")
left.text(r.mean(), 42, f"mean {r.mean():.2f}, standard deviation {r.std():.2f}", ha="center")
left.set(xlabel="rating (stars)", ylabel="ratings (%)", title=f"Ratings of {data.name}", ylim=(0, 45))
right.semilogx(per_item, undamped, ".", ms=4, color="silver", label="item bias, not damped")
right.semilogx(per_item, b_item, ".", ms=2, color="tab:blue", label="damped")
right.axhline(0, color="black", linestyle="--", linewidth=1, label="mean of all ratings")
right.set(
    xlabel="training ratings of the item", ylabel="bias (stars)", title="Few ratings, wild biases", ylim=(-3, 3.6)
)
right.legend(loc="upper right", fontsize=9, markerscale=3)
plt.show()

# %% [markdown]
# Does damping matter? For test ratings of items with fewer than five training ratings, yes: the RMSE is 1.18 with, and
# 1.33 without it. Over all test ratings both have 0.906, since less than one in a thousand is of such items.
#
# Predictions are clipped to the scale, 1 to 5. For a user or an item without training ratings the paper predicts 3
# stars (section 3). Here such an item simply has the bias 0; that concerns 10 of the 100,021 test ratings.


# %%
def score(b_user, b_item, T, subset=slice(None)):
    return rmse(np.clip(m + b_user[T.rows] + b_item[T.cols], 1, 5)[subset], T.values[subset])


few, without = per_item[T.cols] < 5, biases(R, 0, 0)
of_few = score(b_user, b_item, T, few), score(*without, T, few)
print(f"items with few ratings: RMSE {of_few[0]:.2f} damped, {of_few[1]:.2f} not; {few.mean():.2%} of the test ratings")
assert of_few[0] < of_few[1] and few.mean() < (1e-3 if real else 1e-2)
assert not real or (np.round(of_few, 2).tolist() == [1.18, 1.33] and (per_item[T.cols] == 0).sum() == 10)
assert not real or round(score(b_user, b_item, T), 3) == round(score(*without, T), 3) == 0.906

# %% [markdown]
# ## 3. The noise floor
#
# Nobody predicts every rating. Asked again, the same user may give the same movie 3 stars instead of 4. The best
# possible prediction is the expectation $E[r_{ui}]$ of a user's answers, and its RMSE is the *noise floor*, also called
# the magic barrier (Bellogín, Said, de Vries 2014). How can it be estimated? Let users rate the same movies twice. Two
# independent answers have $E (r - r')^2 = 2 \mathrm{Var}(r)$, so the floor is the RMSE between them, divided by
# $\sqrt 2$. The next cell does this with simulated users, whose expectation is known.
#
# MovieLens has one answer per movie, so its floor is *unknown*. What is known is a bound: it is not above the lowest
# error that anyone has reached. Of tinyrec's synthetic ratings the floor is known, because we drew the noise.

# %%
rng = np.random.default_rng(0)
opinion = rng.normal(3.6, 1, 100_000)  # of a user on a movie; each answer adds noise, and is rounded to whole stars
first, second = (np.clip(np.rint(opinion + NOISE * rng.standard_normal(len(opinion))), 1, 5) for _ in range(2))
floor, estimate = rmse(expected_rating(opinion), first), rmse(first, second) / np.sqrt(2)
print(f"floor: {floor:.3f} from the known expectation, {estimate:.3f} from two answers")
assert abs(floor - estimate) < 0.005

# %% [markdown]
# ## 4. What to beat
#
# The paper trains on 90 % and tests on 10 % of the ratings, and reports the mean of five random splits. The five
# results differ, so the mean has a 95 % interval, $\pm t\, s / \sqrt 5$ with their standard deviation $s$ and Student's
# $t = 2.78$. It says where the mean of very many splits *of these ratings* would be, and nothing about other data.

# %%
results = {"mean of all ratings": [], "user biases": [], "item biases": [], "user and item biases": []}
for train, test in tr.split_repeats(data, k=5, test=0.1, seed=0):
    R, T = train.ratings, test.ratings
    m, (n, d) = R.values.mean(dtype=float), R.shape
    models = (np.zeros(n), np.zeros(d)), biases(R, 0, np.inf), biases(R, np.inf, 0), biases(R, *dampings)
    for rmses, model in zip(results.values(), models, strict=True):
        rmses.append(score(*model, T))
assert np.isclose(interval(rmses), 2.776 * np.std(rmses, ddof=1) / np.sqrt(5), rtol=1e-3)
rows = {name: (np.mean(rmses), interval(rmses)) for name, rmses in results.items()}
kept = pages.measured(tables.read("ml-1m"), run.read(pages.RESULTS / "ml-1m.json"))[-1]  # of tinyrec's result pages
published = {"I-AutoRec, published": (0.831, 0.003)}  # on MovieLens 1M: table 1, and section 3: "±0.003 or less"
published |= {"SparseFC (2018)": (0.823, 0), f"{kept.row.name}, ours": (kept.value, kept.interval)}  # 0: not printed
rows |= published if real else {"noise floor, known": (data.noise_floor, 0)}
for name, (mean, half) in rows.items():
    print(f"{name:21} {mean:.4f} ± {half:.4f}, explains {1 - (mean / r.std()) ** 2:.0%} of the variance")
explained = [1 - (mean / r.std()) ** 2 for mean, _ in rows.values()]
assert explained == sorted(explained) and (not real or np.round(explained, 2).tolist()[-4:] == [0.34, 0.45, 0.46, 0.47])

_, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
for place, (name, (mean, half)) in enumerate(rows.items()):
    axes.errorbar(mean, place, xerr=half, fmt="o", c="tab:blue" if name in results else "tab:orange", ms=5, capsize=4)
    axes.text(mean + half + 0.012, place, f"{mean:.3f}" + (f" ± {half:.3f}" if half else ""), va="center")
axes.set(xlim=(0.75, 1.22), ylim=(len(rows) - 0.4, -0.6), xlabel="test RMSE (stars), with 95 % interval")
axes.set_title(f"What to beat on {data.name}; orange: {'reported elsewhere' if real else 'known'}")
axes.set_yticks(range(len(rows)), rows)
plt.show()

# %% [markdown]
# So is 0.83 good? Yes: biases alone reach 0.906, and that is the number to beat. They rank movies in the same order for
# everybody, so a network that does not beat them has learned nothing about taste. AutoRec is 0.075 stars below them.
# Biases explain 34 % of the variance, AutoRec 45 %, our average of four models 47 %; how much of the rest is noise,
# nobody knows. 0.002 less than LLORMA, another model of table 1c, is within the interval. Next: tutorial 10.

# %%
assert not real or round(rows["user and item biases"][0] - 0.831, 3) == 0.075
print("All assertions passed: there is a number to beat.")

# %% [markdown]
# ## Questions
#
# Use MovieLens 1M.
#
# 1. What is the RMSE of user and item biases if each prediction is rounded to whole stars? First guess it: rounding
#    adds an error that is uniform between -½ and ½, with variance 1/12. Expect about 0.950, and 0.951 by the guess.
# 2. With dampings of 100 and 100, the biases are pulled too far towards 0. Expect about 0.928.
# 3. Train on a hundredth of the ratings, `tr.split_random(data, test=0.99, seed=0)`, with the dampings above and
#    without any. Expect about 1.02 and 1.20: now damping decides, and without it the biases are worse than the mean.
#
# Assignment: [a1](assignments/a1.md), task 3, the score.
