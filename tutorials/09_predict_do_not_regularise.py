# %% [markdown]
# # Predict, do not regularise
#
# An autoencoder has a vector of weights for each column of the rating matrix: a user (or an item) that was not in
# training has none. NRP (Raziperchikolaei, Li, Chung 2020, https://arxiv.org/abs/2010.06070) has no such vectors. It
# *encodes* both: the user from a row of the matrix, the item from a column, each also from its features, and predicts
# the rating from the two codes. Hybrids before it used codes only to regularise the vectors of a matrix factorisation.
# Read tutorials 01 and 04 first.
#
# ## 1. One prediction by hand
#
# Four users rate five movies. What does user 3 think of Dumbo? The two codes are multiplied, as in eq. 2, or joined and
# read by a further network $h$, as in the *direct structure*, which has no decoders (eq. 6):
#
# $$\hat R_{jk} = z_j^\top z_k \quad \text{or} \quad \hat R_{jk} = h([z_j, z_k])$$

# %%
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import tinyrec as tr
from tinyrec.data import Features
from tinyrec.evaluation.precision import precision_top
from tinyrec.models.pairs import Sides, part
from tinyrec.optim import Adam
from tinyrec.sparse import Ratings
from tinyrec.training.run import rows_of

na, movies = np.nan, ["Alien", "Brazil", "Casablanca", "Dumbo", "Eraserhead"]
stars = np.array([[5, 4, na, 1, na], [4, na, 5, 1, 2], [1, na, 2, na, 5], [na, 1, 1, 4, 5]])  # users x movies
users, items = np.nonzero(~np.isnan(stars))
R = Ratings.from_cells(users, items, stars[users, items], stars.shape)

settings = {"hidden_units": (4, 2), "activation": "tanh", "center": False}
model = tr.NRP(head="dot", **settings, target_in_input="as printed")
direct = tr.NRP(head="mlp", head_units=(3,), **settings, target_in_input="as printed")


def encode(tower, x):  # x (d,) -> code (2,)
    h = np.tanh(tower["V1"].T @ x + tower["mu1"])  # (4,)
    return np.tanh(tower["V2"].T @ h + tower["mu2"])


row, column = np.nan_to_num(stars[3]), np.nan_to_num(stars[:, 3])  # an unobserved rating adds nothing: 0
for its in (model, direct):
    params = its.init(Sides(R), np.random.default_rng(0))
    z_j, z_k = encode(part(params, "user"), row), encode(part(params, "item"), column)
    h, by_hand = part(params, "head"), z_j @ z_k
    if its is direct:
        first = np.vstack([h["user"], h["item"]])  # (4, 3): the first layer reads both codes
        by_hand = (np.tanh(np.hstack([z_j, z_k]) @ first + h["mu1"]) @ h["w"] + h["b"])[0]
    predicted = its.predict_cells(params, Sides(R), R)
    assert np.isclose(predicted[(users == 3) & (items == 3)], by_hand)
    print(f"user 3, Dumbo, by {its.head}: {by_hand:.3f} before any training")

# %% [markdown]
# ## 2. The rating that is to be predicted is in the input
#
# In training, the target of this pair is 4, and that 4 is also in row 3 and in column 3, which were just encoded. The
# paper does not say what becomes of it. A network that copies it learns nothing for the ratings that are asked for
# later, which are in no input. tinyrec removes all ratings of a batch from its inputs (`target_in_input="held out"`).

# %%
held_out = tr.NRP(head="dot", **settings, target_in_input="held out")
batch = next(held_out.batches(Sides(R), 4, np.random.default_rng(0)))
for its, name in ((model, "as printed"), (held_out, "held out")):
    of_users, of_items, targets = its.rows_of(batch)
    in_row = of_users.ratings.to_dense(0)[targets.rows, of_items.numbers[targets.cols]]
    print(f"{name}: the inputs have {in_row} where the targets are {targets.values}")
    assert (in_row == (targets.values if its is model else 0)).all()

# %% [markdown]
# ## 3. Train it, and compare what the target in the input costs
#
# 200 users each like one of two kinds of movies. Both trainings get the same batches and the same noise.

# %%
rng = np.random.default_rng(1)
taste, kind = rng.integers(0, 2, 200), rng.integers(0, 2, 120)
u, i = np.nonzero(rng.random((200, 120)) < 0.2)
liked = np.where(taste[u] == kind[i], 1.0, -1.0)
rating = np.clip(np.round(3 + liked + rng.normal(0, 1, len(u))), 1, 5)
data = tr.Dataset.from_triples(u, i, rating, scale=(1, 5))
train, test = tr.split_random(data, test=0.2, seed=0)

rmse, settings = {}, {"head": "dot", "hidden_units": (30, 10), "activation": "tanh", "dropout": 0.0}
for target in ("as printed", "held out"):
    its = tr.NRP(**settings, hidden_dropout=0.0, target_in_input=target)
    fitted = its.fit(train, epochs=12, batch_size=200, seed=0)
    rmse[target] = (fitted.info["history"][-1]["loss"] / train.ratings.size) ** 0.5, fitted.score(test)["rmse"]
    print(f"{target}: RMSE {rmse[target][0]:.3f} in training, {rmse[target][1]:.3f} on the test part")
(train_printed, test_printed), (train_held_out, test_held_out) = rmse.values()
assert train_printed < train_held_out and test_printed > test_held_out  # worse where it has not seen the answers

# %% [markdown]
# ## 4. A movie without ratings, and a user who was not in training
#
# With features, a second tower encodes each side. Here a movie has its kind, and a user an age that goes with the
# taste. Most ratings are dropped from the inputs in training, so that the features have to be used. A new movie is
# encoded from its features alone, and a new user from her ratings; nothing is trained again.

# %%
kinds = Features.of({"kind": np.array(["romance", "horror"])[kind[data.items.ids]].tolist()})
ages = Features.of({"age": np.array(["young", "old"])[taste[data.users.ids]].tolist()})
both = tr.NRP(**{**settings, "dropout": 0.9}, hidden_dropout=0.0)
full = train.with_features(users=ages, items=kinds)
nrp = both.fit(full, epochs=12, batch_size=200, seed=0)
horror = nrp.predict_new_item({}, {"kind": "horror"})  # by all users
fans, others = horror[taste == 1].mean(), horror[taste == 0].mean()
print(f"a new horror movie: {fans:.2f} by those who like horror, {others:.2f} by others")
assert fans > others + 1

liked_horror = {int(movie): 5.0 for movie in np.flatnonzero(kind == 1)[:6]}
new_user = nrp.predict_new_user(liked_horror, {"age": "old"})
print(f"a new user: {new_user[kind == 1].mean():.2f} for horror, {new_user[kind == 0].mean():.2f} for romance")
assert new_user[kind == 1].mean() > new_user[kind == 0].mean() + 1

# %% [markdown]
# ## 5. From regularising to predicting
#
# aSDAE and DHA predict with the vectors $U$ and $V$ of a matrix factorisation, and two autoencoders keep them near
# their codes (eq. 1, with $J$ the errors of reconstruction and $\lambda_1 = 1$):
#
# $$J + \sum_{\text{observed}} (R_{jk} - U_j^\top V_k)^2
#   + \lambda_2 \|U - g_u(R, X)\|^2 + \lambda_3 \|V - g_i(R, Y)\|^2$$
#
# With $\lambda_2 = \lambda_3 = 0$ the ratings are predicted by a matrix factorisation alone. For
# $\lambda_2 = \lambda_3 \to \infty$ it has the solution of eq. 3, where $U = g_u$ and $V = g_i$: that of the twin of
# aSDAE which predicts with its codes (eq. 2), `NRPaSDAE`. But the paper expects that alternating over vectors and
# networks will not find it: the ratings hardly count beside the two terms. The twin has neither of the two.

# %%
lams, options = [0.001, 0.1, 1.0, 10.0, 100.0, 1000.0], {"epochs": 10, "batch_size": 200, "seed": 0}
path, distances, vectors, options["optimizer"] = [], [], None, Adam(0.003, linear_decay=True)
for lam in lams:
    its = tr.ASDAE(hidden_units=(30, 10), lambda2=lam, lambda3=lam, l2_factors=0.1).fit(full, **options)
    path.append(its.score(test)["rmse"])
    distances.append(its.model.distance(its.params, rows_of(its.model, its.data, its.scaling, np.float32, "auto")))
    print(f"λ2 = λ3 = {lam:g}: test RMSE {path[-1]:.3f}, distance of vectors and codes {distances[-1]:.3f}")
    vectors = vectors or its  # the first is nearly a matrix factorisation
twin = tr.NRPaSDAE(hidden_units=(30, 10)).fit(full, **options).score(test)["rmse"]
assert distances == sorted(distances, reverse=True) and distances[-1] < 0.02
assert path[0] > path[3] > path[4] < path[5] and abs(path[4] - twin) < 0.01 < path[5] - twin

page = json.loads((Path(tr.__file__).parent / "reproduce/results/nrp-figure-1.json").read_text())
found = {}  # by split and λ2, which the twin does not have
for its in page["cells"]:
    lam = its["task"]["trainings"][0]["settings"].get("lambda2")
    found[its["task"]["split"], lam] = its["scores"]["usual"]["rmse"]
_, axes = plt.subplots(1, 2, figsize=(7.4, 3.7), layout="constrained")
axes[0].plot(lams, path, ".-", label="aSDAE")
axes[0].axhline(twin, color="C1", linestyle="--", label="NRP_aSDAE")
for split, style in ((0, "-"), (1, ":")):
    x = sorted(lam for its, lam in found if its == split and lam)
    axes[1].plot(x, [found[split, lam] for lam in x], "C0.", linestyle=style, label=f"aSDAE, split {split}")
    axes[1].axhline(found[split, None], color="C1", linestyle=style, label=f"NRP_aSDAE, split {split}")
for ax, title in zip(axes, ("two kinds of movies", "MovieLens 100K (our result page)"), strict=True):
    ax.set(xscale="log", xlabel="λ2 = λ3 (log scale)", ylabel="test RMSE (stars)", title=title)
    ax.legend(fontsize=8)
plt.show()

# %% [markdown]
# ## 6. Precision at the top p %
#
# RMSE (eq. 7) asks how far off the stars are. Precision (eq. 8) asks whether the items that are predicted highest are
# those rated highest: of a user's $n$ test items, take the $k = \lfloor p\, n \rfloor$ highest predictions, and count
# how many are among the $k$ highest ratings. All items with the $k$-th rating count; users with $k = 0$ do not.

# %%
y, r = np.array([4.6, 3.9, 3.1, 2.2]), np.array([4.0, 1.0, 5.0, 4.0])  # four test items of a user: k = 2 at p = 50 %
retrieved, relevant = np.argsort(-y)[:2], np.flatnonzero(r >= 4.0)  # three are relevant
assert precision_top(y, r, np.zeros(4), 0.5) == len(np.intersect1d(retrieved, relevant)) / 2 == 0.5

shares, (rows, cols, r) = np.arange(2, 11) / 10, (test.ratings.rows, test.ratings.cols, test.ratings.values)
plt.figure(figsize=(6.4, 3.7), layout="constrained")
precision = {}
predicted = {"NRP": nrp.predict_cells(rows, cols), "vectors": vectors.predict_cells(rows, cols), "random order": 0 * r}
for name, y in predicted.items():
    precision[name] = [precision_top(y, r, rows, share) for share in shares]
    print(f"{name}: precision at 50 % {precision[name][3]:.3f}, at 100 % {precision[name][-1]:.3f}")
    plt.plot(100 * shares, precision[name], ":" if name == "random order" else ".-", label=name)
assert precision["NRP"][3] > precision["vectors"][3] > precision["random order"][3] > 0.5
assert precision["NRP"][-1] == precision["random order"][-1] == 1
plt.gca().set(xlabel="p, the share of a user's test items that is retrieved (%)", ylabel="precision", ylim=(0, 1.05))
plt.legend()
plt.show()
print("All assertions passed: the prediction by hand and that of tinyrec are the same.")

# %% [markdown]
# ## Questions
#
# 1. Train part 3 with `head="mlp"` and `head_units=(20, 10)`: expect a test RMSE of about 0.95. What can a network
#    add to a product of two codes?
# 2. In part 3, `target_in_input="leave one out"` removes only the rating of the pair itself: expect about 0.96.
# 3. In part 4, what is the test RMSE, and with `dropout=0.0`? Expect about 0.92 and 0.96. Why is it higher?
#
# Assignment a9 asks for the network that reads both codes, and its loss (`tutorials/assignments/a9.md`).
