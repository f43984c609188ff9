# %% [markdown]
# # Neural representations for prediction
#
# An autoencoder has a vector of weights for each column of the rating matrix: a user (or an item) that was not in
# training has none. NRP (Raziperchikolaei, Li, Chung 2020, https://arxiv.org/abs/2010.06070) has no such vectors. It
# *encodes* both: the user from a row of the matrix, the item from a column, each also from its features, and predicts
# the rating from the two codes (eq. 6). This tutorial computes one prediction in dense NumPy, shows a question that the
# paper leaves open, and predicts a movie without ratings. Read `01_autorec_by_hand.py` first. It needs
# matplotlib, an optional dependency (`pip install matplotlib`).
#
# ## 1. One prediction by hand
#
# Four users rate five movies. We predict what user 3 thinks of Dumbo, as the dot product of two codes.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinyrec as tr
from tinyrec.data import Features
from tinyrec.models.pairs import Sides, part
from tinyrec.sparse import Ratings

na, movies = np.nan, ["Alien", "Brazil", "Casablanca", "Dumbo", "Eraserhead"]
stars = np.array([[5, 4, na, 1, na], [4, na, 5, 1, 2], [1, na, 2, na, 5], [na, 1, 1, 4, 5]])  # users x movies
users, items = np.nonzero(~np.isnan(stars))
R = Ratings.from_cells(users, items, stars[users, items], stars.shape)

model = tr.NRP(head="dot", hidden_units=(4, 2), activation="tanh", center=False, target_in_input="as printed")
params = model.init(Sides(R), np.random.default_rng(0))


def encode(tower, x):  # x (d,) -> code (2,)
    h = np.tanh(tower["V1"].T @ x + tower["mu1"])  # (4,)
    return np.tanh(tower["V2"].T @ h + tower["mu2"])


row, column = np.nan_to_num(stars[3]), np.nan_to_num(stars[:, 3])  # an unobserved rating adds nothing: 0
by_hand = encode(part(params, "user"), row) @ encode(part(params, "item"), column)
predicted = model.predict_cells(params, Sides(R), R)
assert np.isclose(predicted[(users == 3) & (items == 3)], by_hand)
print(f"user 3, Dumbo: {by_hand:.3f} before any training")

# %% [markdown]
# ## 2. The rating that is to be predicted is in the input
#
# In training, the target of this pair is 4, and that 4 is also in row 3 and in column 3, which were just encoded. The
# paper does not say what becomes of it. A network that copies it has a low training error, and learns nothing for the
# ratings that are asked for later, which are in no input. tinyrec removes all ratings of a batch from the inputs of
# that batch (`target_in_input="held out"`).

# %%
held_out = tr.NRP(head="dot", hidden_units=(4, 2), activation="tanh", center=False, target_in_input="held out")
batch = next(held_out.batches(Sides(R), 4, np.random.default_rng(0)))
for its, name in ((model, "as printed"), (held_out, "held out")):
    of_users, of_items, targets = its.rows_of(batch)
    in_row = [
        of_users.ratings.to_dense(0)[j, of_items.numbers[k]] for j, k in zip(targets.rows, targets.cols, strict=True)
    ]
    print(f"{name}: the inputs have {np.array(in_row)} where the targets are {targets.values}")
    assert (np.array(in_row) == (targets.values if its is model else 0)).all()

# %% [markdown]
# ## 3. Train it, and compare what the target in the input costs
#
# 60 users like one of two kinds of movies. Both trainings get the same batches and the same noise.

# %%
rng = np.random.default_rng(1)
taste, kind = rng.integers(0, 2, 200), rng.integers(0, 2, 120)
u, i = np.nonzero(rng.random((200, 120)) < 0.2)
liked = np.where(taste[u] == kind[i], 1.0, -1.0)
rating = np.clip(np.round(3 + liked + rng.normal(0, 1, len(u))), 1, 5)
data = tr.Dataset.from_triples(u, i, rating, scale=(1, 5))
train, test = tr.split_random(data, test=0.2, seed=0)

curves, settings = {}, {"head": "dot", "hidden_units": (30, 10), "activation": "tanh", "dropout": 0.0}
for target in ("as printed", "held out"):
    its = tr.NRP(**settings, hidden_dropout=0.0, target_in_input=target)
    fitted = its.fit(train, epochs=12, batch_size=200, seed=0)
    losses = [row["loss"] / train.ratings.size for row in fitted.info["history"]]
    curves[target] = np.sqrt(losses), fitted.score(test)["rmse"]
    print(f"{target}: RMSE {curves[target][0][-1]:.3f} in training, {curves[target][1]:.3f} on the test part")
assert curves["as printed"][0][-1] < curves["held out"][0][-1]  # it has seen the answers
assert curves["as printed"][1] > curves["held out"][1]  # and is worse where it has not

figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
for number, (target, (losses, rmse)) in enumerate(curves.items()):
    axes.plot(np.arange(1, 13), losses, color=f"C{number}", label=f"{target}: in training")
    axes.axhline(rmse, color=f"C{number}", linestyle=":", label=f"{target}: test, after 12 epochs")
axes.set(xlabel="epoch", ylabel="RMSE", title="What the target in the input does")
axes.xaxis.get_major_locator().set_params(integer=True)
axes.legend(fontsize=8)
plt.show()

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
fitted = both.fit(train.with_features(users=ages, items=kinds), epochs=12, batch_size=200, seed=0)
horror = fitted.predict_new_item({}, {"kind": "horror"})  # by all users
fans, others = horror[taste == 1].mean(), horror[taste == 0].mean()
print(f"a new horror movie: {fans:.2f} by those who like horror, {others:.2f} by others")
assert fans > others + 1

liked_horror = {int(movie): 5.0 for movie in np.flatnonzero(kind == 1)[:6]}
new_user = fitted.predict_new_user(liked_horror, {"age": "old"})
print(f"a new user: {new_user[kind == 1].mean():.2f} for horror, {new_user[kind == 0].mean():.2f} for romance")
assert new_user[kind == 1].mean() > new_user[kind == 0].mean() + 1
print("All assertions passed: the prediction by hand and that of tinyrec are the same.")

# %% [markdown]
# ## Exercises
#
# 1. Train part 3 with `head="mlp"` and `head_units=(20, 10)`: expect a test RMSE of about 0.95, less than with the dot
#    product here. What can a network add to a product of two codes?
# 2. `target_in_input="leave one out"` removes only the rating of the pair itself: expect about 0.96. Why does it take
#    longer?
# 3. In part 4, compute the test RMSE, and again with `dropout=0.0`: expect about 0.92 and 0.96. Why are the features of
#    no use if no ratings are dropped?
