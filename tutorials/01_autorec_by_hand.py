# %% [markdown]
# # AutoRec by hand
#
# AutoRec (Sedhain, Menon, Sanner, Xie 2015, https://doi.org/10.1145/2740908.2742726) predicts ratings with a small
# autoencoder. This tutorial computes it on a matrix that fits on the screen, once in dense NumPy and once with tinyrec,
# and `assert`s that both give the same numbers. It needs matplotlib, an optional dependency
# (`pip install matplotlib`). Run it cell by cell in VS Code, Spyder or Jupyter (with Jupytext), or as a script:
# `python tutorials/01_autorec_by_hand.py`.
#
# ## 1. Ratings
#
# Four users rate five movies with 1 to 5 stars. An unobserved cell (`nan`) is not a rating of 0 stars: the user has not
# rated the movie, so the rating is unknown. If its two unobserved cells counted as 0, Brazil would look like a bad
# movie.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinyrec as tr
from tinyrec.nn import l2_penalty, sampled_out, sigmoid, sparse_in, squared_error
from tinyrec.sparse import Ratings

np.set_printoptions(precision=2, suppress=True)
na, movies = np.nan, ["Alien", "Brazil", "Casablanca", "Dumbo", "Eraserhead"]
X = np.array([[5, 4, na, 1, na], [4, na, 5, 1, 2], [1, na, 2, na, 5], [na, 1, 1, 4, 5]])  # Ann, Bob, Cem, Dee
print(f"ratings:\n{X}")
print(f"Brazil: mean {np.nanmean(X[:, 1])} over observed cells, {np.nan_to_num(X)[:, 1].mean()} with unobserved as 0")

# %% [markdown]
# ## 2. The forward pass
#
# Equation 1 of the paper reconstructs a vector of ratings $r$ as $h(r) = f(W\, g(V r + \mu) + b)$. As in the authors'
# best model, $f$ is the identity and $g$ the sigmoid. In the item-based I-AutoRec, $r$ holds all ratings of one item.
# The outputs for users who have not rated the item are the predictions (eq. 3).
#
# The code processes all items at once, one per row: $n = 5$ rows, $d = 4$ users, $k = 2$ hidden units. tinyrec stores
# $V$ as $(d, k)$, the transpose of the paper's $V$, so `R @ V` computes $V r$ for all rows. An unobserved rating must
# add nothing to the sum $V r$, and a 0 in its place adds nothing. Here, and only here, it is correct to fill
# unobserved cells with zeros.

# %%
R0, mask = np.nan_to_num(X.T), ~np.isnan(X.T)  # (n, d), 0 where unobserved; (n, d), True where observed
(n, d), k = R0.shape, 2
rng = np.random.default_rng(0)
V, W = rng.normal(0, 0.5, (d, k)), rng.normal(0, 0.5, (d, k))
mu, b = rng.normal(0, 0.5, k), rng.normal(3, 0.5, d)

Z = R0 @ V + mu  # (n, d) @ (d, k) + (k,) -> (n, k)
H = 1 / (1 + np.exp(-Z))  # (n, k)
Y = H @ W.T + b  # (n, k) @ (k, d) + (d,) -> (n, d)
print(f"hidden codes H, one row per movie:\n{H}\npredictions Yᵀ, one row per user:\n{Y.T}")

# %% [markdown]
# The weights are random, so the predictions are far from the ratings. An error exists only where there is a rating to
# compare with: at 14 of the 20 cells. The largest is that of Cem and Eraserhead, 5 stars that are predicted as 1.8.

# %%
error = np.abs(Y.T - X)  # (d, n), nan where unobserved
assert np.nanargmax(error) == np.ravel_multi_index((2, 4), X.shape) and np.isclose(Y[4, 2], 1.8, atol=0.05)

_, axes = plt.subplots(1, 3, figsize=(8, 3.2), sharey=True, layout="constrained")
panels = (
    ("ratings (stars)\nhatched: not rated", X, "Blues", "g"),
    ("untrained predictions (stars)\nof all 20 cells", Y.T, "Blues", ".2f"),
    ("absolute error (stars)\nat the 14 ratings", error, "Reds", ".2f"),
)
for its, (title, values, cmap, digits) in zip(axes, panels, strict=True):
    its.patch.set(hatch="////", edgecolor="silver")  # seen where imshow leaves out a nan
    its.imshow(values, cmap=cmap, vmin=0, vmax=8)  # 8: the darkest cell is still light enough for its number
    for at in np.argwhere(~np.isnan(values)):
        its.text(*at[::-1], f"{values[tuple(at)]:{digits}}", ha="center", va="center")
    its.set_xticks(range(n), movies, rotation=45, ha="right")
    its.set_yticks(range(d), ["Ann", "Bob", "Cem", "Dee"])
    its.set_title(title, fontsize=11)
plt.show()

# %% [markdown]
# Dense NumPy computes all 20 cells of $Y$, but training uses only the 14 observed ones (in MovieLens 1M, fewer than 5 %
# of the cells are observed). tinyrec stores and computes only the observed cells. Its `y` lists them row by row. Each
# layer returns its output and a function for the backward pass, which is not needed yet.

# %%
R = Ratings.from_cells(*np.nonzero(mask), R0[mask], (n, d))  # p = 14 cells
Z_tinyrec, _ = sparse_in(R, V, mu)  # (n, k)
H_tinyrec, _ = sigmoid(Z_tinyrec)  # (n, k)
y, _ = sampled_out(H_tinyrec, W, b, at=R)  # (p,)
assert np.allclose(Z_tinyrec, Z) and np.allclose(H_tinyrec, H) and np.allclose(y, Y[mask])
print(f"dense NumPy computes {Y.size} cells, sampled_out {y.size}")

# %% [markdown]
# ## 3. The loss
#
# Equation 2: $L = \sum_{\text{observed}} (Y - R)^2 + \frac{\lambda}{2} (\|W\|^2 + \|V\|^2)$.
#
# * The first term is a sum, so each rating has the same weight. With $\lambda = 1$, a weight of 1 costs as much as an
#   error of $\sqrt{1/2}$ stars in one rating. With more ratings the first term grows and the penalty does not, so a
#   larger data set needs a larger $\lambda$: 1 here, 50 in part 7, hundreds for MovieLens 1M. If code takes the mean
#   instead of the sum, its $\lambda$ is on a different scale.
# * The biases are not penalised. $b$ holds the typical rating of each user (3.6 stars, say). Pulling it towards 0 stars
#   would be wrong for every movie. With $W = 0$, the best $b$ is the mean rating of each user, as it should be.

# %%
lam = 1.0
loss = ((Y - R0)[mask] ** 2).sum() + lam / 2 * ((W**2).sum() + (V**2).sum())
penalty_grads = {"W": 0 * W, "V": 0 * V}  # l2_penalty adds λ W and λ V to these
assert np.isclose(loss, squared_error(y, R.values)[0] + l2_penalty(lam, {"W": W, "V": V}, penalty_grads, R))
print(f"loss {loss:.2f}")

model = tr.AutoRec(by="item", hidden_units=k, l2=lam)
_, grads = model.loss_and_grads({"V": V, "mu": mu, "W": 0 * W, "b": np.nanmean(X, axis=1)}, R)
assert np.allclose(grads["b"], 0)  # so no other b is better

# %% [markdown]
# ## 4. The backward pass
#
# $dA$ denotes the derivatives of $L$ with respect to the entries of $A$, and $M$ the mask (1 where observed). Apply the
# chain rule from the last line of the forward pass to the first:
#
# * $L$ contains $(Y_{ij} - R_{ij})^2$ where $M_{ij} = 1$, so $dY = 2 M \circ (Y - R)$.
# * $Y_{ij} = \sum_l H_{il} W_{jl} + b_j$, so $dH = dY\, W$, $dW = dY^T H + \lambda W$, $db_j = \sum_i dY_{ij}$.
# * $H = g(Z)$ entry by entry and $g' = g (1 - g)$, so $dZ = dH \circ H \circ (1 - H)$.
# * $Z_{il} = \sum_j R_{ij} V_{jl} + \mu_l$, so $dV = R^T dZ + \lambda V$ and $d\mu_l = \sum_i dZ_{il}$.
#
# The paper says that an item updates only "those weights that are associated with observed inputs". Bob and Cem have
# not rated Brazil, so without the penalty, the gradient for Brazil alone is 0 in their rows of $V$ and $W$.


# %%
def by_hand(params, M=mask):
    V, mu, W, b = params["V"], params["mu"], params["W"], params["b"]
    H = 1 / (1 + np.exp(-(R0 @ V + mu)))  # (n, k)
    E = M * (H @ W.T + b - R0)  # (n, d), 0 where unobserved
    loss = (E**2).sum() + lam / 2 * ((W**2).sum() + (V**2).sum())
    dY = 2 * E  # (n, d)
    dZ = dY @ W * H * (1 - H)  # (n, k)
    return loss, {"V": R0.T @ dZ + lam * V, "mu": dZ.sum(axis=0), "W": dY.T @ H + lam * W, "b": dY.sum(axis=0)}


params = {"V": V, "mu": mu, "W": W, "b": b}
(loss, grads), (loss_tinyrec, grads_tinyrec) = by_hand(params), model.loss_and_grads(params, R)
assert np.isclose(loss, loss_tinyrec) and all(np.allclose(grads[name], grads_tinyrec[name]) for name in params)
print(f"dV, one row per user:\n{grads['V']}")

brazil = R.take_rows([movies.index("Brazil")])
_, brazil_grads = tr.AutoRec(hidden_units=k, l2=0.0).loss_and_grads(params, brazil)
for name in ("V", "W"):
    assert np.array_equal(np.any(brazil_grads[name] != 0, axis=1), [True, False, False, True])  # Ann, Bob, Cem, Dee

# %% [markdown]
# ## 5. Check the gradient
#
# Move one weight by $\pm h$: $\partial L / \partial w \approx (L(w + h) - L(w - h)) / 2h$. The error of this formula is
# proportional to $h^2$, but the rounding error from subtracting two nearly equal numbers grows like $1/h$. The best $h$
# is in between.

# %%
for h in (1e-1, 1e-5, 1e-12):
    high, low = V.copy(), V.copy()
    high[0, 1] += h
    low[0, 1] -= h
    slope = (by_hand({**params, "V": high})[0] - by_hand({**params, "V": low})[0]) / (2 * h)
    print(f"h = {h:g}: {slope:.10f}, by hand {grads['V'][0, 1]:.10f}")
    assert np.isclose(slope, grads["V"][0, 1], rtol=1e-8) == (h == 1e-5)

# %% [markdown]
# The complex step is more accurate. $L(w + ih) = L(w) + ih L'(w) - \dots$, so $L'(w) = \mathrm{Im}\, L(w + ih) / h$
# with an error proportional to $h^2$. Nothing is subtracted, so $h = 10^{-30}$ works, and the result is correct to the
# last digits. The next cell checks every parameter this way. It then adds a bug on purpose, $2 \lambda W$ as the
# gradient of $\frac{\lambda}{2} \|W\|^2$, and the check finds it.
#
# A gradient check has a limit: it compares the gradient with the loss, not with the paper. If both ignore the mask, as
# if unobserved cells were ratings of 0 stars, the check passes. Only an independent computation of the loss, as in
# part 3, finds that bug.

# %%
from tinyrec.gradcheck import complex_step, relative_error


def max_error(function):
    (_, grads), numeric = function(params), complex_step(function, params)
    return max(relative_error(grads[name], numeric[name]) for name in params)


def wrong_penalty(params):
    loss, grads = by_hand(params)
    return loss, {**grads, "W": grads["W"] + lam * params["W"]}


def no_mask(params):
    return by_hand(params, M=np.ones((n, d)))


correct = {"by hand": max_error(by_hand), "tinyrec": max_error(lambda params: model.loss_and_grads(params, R))}
wrong = {"wrong penalty": max_error(wrong_penalty), "no mask": max_error(no_mask)}
print("relative errors:", ", ".join(f"{name} {error:.0e}" for name, error in {**correct, **wrong}.items()))
assert max(correct.values()) < 1e-12
assert wrong["wrong penalty"] > 1e-2 and wrong["no mask"] < 1e-12  # the first bug is found, the second is not

# %% [markdown]
# ## 6. Training
#
# The authors train with RProp (Riedmiller and Braun 1993), which uses only the sign of each derivative. Each weight has
# its own step size. It is multiplied by 1.2 while the sign of the derivative stays the same, and halved when the sign
# changes, because then the last step jumped over a minimum. In this variant, iRprop- (Igel and Hüsken 2000), a weight
# whose derivative has changed sign is not updated in that epoch.


# %%
def rprop(w, g, previous, step):
    change = g * previous  # > 0: same sign as before, < 0: the sign changed
    step *= np.where(change > 0, 1.2, np.where(change < 0, 0.5, 1.0))
    g = np.where(change < 0, 0, g)  # no update where the sign changed
    w -= np.sign(g) * step
    return g  # `previous` of the next epoch


params = model.init(R, np.random.default_rng(0))
previous = {name: np.zeros_like(w) for name, w in params.items()}
step = {name: np.full_like(w, 0.0125) for name, w in params.items()}
losses = []
for _ in range(200):
    loss, grads = by_hand(params)
    losses.append(loss)
    for name in params:
        previous[name] = rprop(params[name], grads[name], previous[name], step[name])
assert losses[-50] - losses[-1] < 1e-3  # converged

Y = model.decode(params, model.encode(params, R), cols=np.arange(d))  # (n, d), all cells
print(f"ratings:\n{X}\npredictions, at a loss of {losses[-1]:.2f}:\n{Y.T}")
assert Y[movies.index("Casablanca"), 0] > 4 > 2 > Y[movies.index("Eraserhead"), 0]  # Ann has the same taste as Bob

plt.figure(figsize=(6, 3.5), layout="constrained")
plt.plot(range(1, 201), losses)
plt.gca().set(xlabel="epoch", ylabel="loss (eq. 2)", title="RProp on 14 ratings", ylim=0)
plt.show()

# %% [markdown]
# tinyrec's `fit` is a generator that yields after each epoch, so you write the training loop yourself. With the same
# seed it gives the same losses:

# %%
from tinyrec.optim import RProp
from tinyrec.training import EarlyStopping, fit

assert np.allclose(losses, [epoch.loss for epoch in fit(model, R, RProp(), epochs=200, seed=0)])

# %% [markdown]
# ## 7. Real ratings
#
# This part uses MovieLens 100K if it is on this machine, and synthetic ratings otherwise. A tenth of the training
# ratings is held out for validation, and training stops when the validation RMSE has not improved for 20 epochs.
# $\lambda = 50$ for 50 hidden units was also chosen on the validation ratings, not on the test ratings. A user or item
# without training ratings gets 3 stars (section 3 of the paper). The baseline to beat has one bias per user and one per
# item: $\hat R_{ui} = m + b_u + b_i$. The right plot is cut off at the top, to show how far the curve falls below
# the baseline: the first epochs, with an RMSE of up to 2.8 stars, are not in it.

# %%
from tinyrec.data.sets.fetch import find
from tinyrec.evaluation.rating_metrics import rmse, warm

data = tr.load_dataset("ml-100k" if find("ml-100k") else "synthetic")
if data.name == "synthetic":
    print('MovieLens 100K was not found (tr.load_dataset("ml-100k") downloads it), so this uses synthetic ratings.')
print(data)
train, test = tr.split_random(data, test=0.1, seed=0)
part, valid = tr.split_random(train, test=0.1, seed=0)

model = tr.AutoRec(by="item", hidden_units=50, l2=50.0)
R, at = part.ratings.T.to("auto"), valid.ratings.T.to("auto")  # "reference" is plain NumPy, to step through; slower
warm_users, warm_items = warm(part.ratings)
known = warm_items[at.rows] & warm_users[at.cols]  # (p,)


def validate(params):
    y = np.clip(model.predict_cells(params, R, at), 1, 5)  # (p,)
    return rmse(np.where(known, y, 3.0), at.values)


def bias_rmse(train, test):
    return tr.Bias().fit(train).score(test)["rmse"]  # with the same clipping and default rating


stop = EarlyStopping(validate, patience=20)
losses, rmses = [], []
for epoch in fit(model, R, RProp(), epochs=500, seed=0):
    should_stop = stop(epoch)
    losses.append(epoch.loss)
    rmses.append(stop.rmse)
    if should_stop:
        break
baseline = bias_rmse(part, valid)
print(f"validation RMSE: {stop.best_rmse:.4f} in epoch {stop.best_epoch} of {epoch.number}, biases {baseline:.4f}")
assert stop.best_rmse < baseline

_, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
left.semilogy(range(1, len(losses) + 1), losses)
left.set(xlabel="epoch", ylabel="training loss (eq. 2)", title=f"AutoRec on {data.name}")
right.plot(range(1, len(rmses) + 1), rmses, label="AutoRec")
right.plot(stop.best_epoch, stop.best_rmse, "o", label=f"best: {stop.best_rmse:.3f} in epoch {stop.best_epoch}")
right.axhline(baseline, color="gray", linestyle="--", label=f"user and item biases: {baseline:.3f}")
right.set(xlabel="epoch", ylabel="validation RMSE (stars)", ylim=(stop.best_rmse - 0.02, baseline + 0.15))
assert max(rmses) == max(rmses[:3]) > baseline + 0.15 and np.isclose(max(rmses), 2.8, atol=0.1)
right.legend()
plt.show()

# %% [markdown]
# `model.fit` does all of this: it holds out the same tenth, finds the same best epoch, and then trains for that many
# epochs on all of `train`. Only now do we use the test ratings.

# %%
recommender = model.fit(train, valid=0.1, seed=0)
assert recommender.info["epochs"] == stop.best_epoch
assert np.isclose(recommender.info["valid_rmse"], stop.best_rmse)

test_rmse, baseline = recommender.score(test)["rmse"], bias_rmse(train, test)
print(f"test RMSE: AutoRec {test_rmse:.4f}, biases {baseline:.4f}")
assert test_rmse < baseline

user, titles = 196, data.item_info.get("title", [f"item {item}" for item in data.items.ids])
own = train.ratings.take_rows(train.users.find([user]))
best = own.cols[np.argsort(-own.values, kind="stable")[:4]]
print(f"highest ratings of user {user}: {'; '.join(titles[i] for i in best)}. Recommended:")
for item, stars in recommender.recommend(user, n=5):
    print(f"  {stars:.2f}  {titles[data.items.find([item])[0]]}")
print("All assertions passed: the results by hand and those of tinyrec are the same.")

# %% [markdown]
# ## Exercises
#
# First, train with `no_mask` instead of `by_hand` in part 6, without the two assertions there. What happens to the
# prediction for Ann and Casablanca? Expect 1 star instead of 4. For the others, use MovieLens 100K and
# `model.fit(train, valid=0.1).info["valid_rmse"]` (above: about 0.891, and 0.938 for the biases).
#
# 1. Is the sigmoid needed? With `activation="identity"` and $\lambda$ of 50 and 400, expect about 0.938 and 0.912.
#    Table 1b of the paper has 0.872 without and 0.831 with a sigmoid, on MovieLens 1M.
# 2. With users as rows instead of items, `by="user"`, expect about 0.936. The paper explains this gap by the average
#    number of ratings per item and per user. Count them: does the explanation hold here?
# 3. With $\lambda = 5$ expect about 0.907 in fewer epochs, and with $\lambda = 500$ about 0.931 in many more.
