# %% [markdown]
# # AutoRec by hand
#
# AutoRec (Sedhain, Menon, Sanner, Xie 2015, https://doi.org/10.1145/2740908.2742726) predicts ratings with a small
# autoencoder. This tutorial computes it on a matrix that fits on the screen, once in dense NumPy and once with tinyrec,
# and `assert`s that both give the same numbers.
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
# add nothing to the sum $V r$, and a 0 in its place adds nothing. So in the input it is correct to fill unobserved
# cells with zeros. In the loss it is not: there, the mask takes them out again.

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
# * The first term is a sum. The mean over all $p$ ratings has the same minimum with $\lambda / p$: code that takes the
#   mean has its $\lambda$ on another scale, and the paper's value is far too strong in it. With $\lambda = 1$, a weight
#   of 1 costs as much as an error of $\sqrt{1/2}$ stars in one rating. Part 5 says why $\lambda$ is in the hundreds on
#   MovieLens 1M.
# * The biases are not penalised. $b$ holds the typical rating of each user (3.6 stars, say); in tutorial 00, the mean
#   was subtracted first. Pulling $b$ towards 0 stars would be wrong for every movie. With $W = 0$, the best $b$ is the
#   mean rating of each user, as it should be.

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
# ## 5. Why λ is large
#
# On MovieLens 1M the best $\lambda$, found by trying, is about 250. Is that much? Take one hidden unit, $k = 1$, and
# look at the weight $w_j$ of one user in eq. 2, with all other parameters fixed:
# $\sum_i (h_i w_j + b_j - R_{ij})^2 + \frac{\lambda}{2} w_j^2$, over the items $i$ that the user has rated. Its
# derivative is 0 at
#
# $$w_j = \frac{\sum_i h_i (R_{ij} - b_j)}{\sum_i h_i^2 + \lambda / 2} .$$
#
# This is the damping of tutorial 00, here $\lambda / 2$. It should be $\sigma^2 / \sigma_w^2$, the variance of what is
# left, divided by that of the weights. It was 6 for the one bias of a user. Here, 500 weights share what biases leave
# over: the variance that AutoRec explains beyond them is $0.906^2 - 0.831^2 = 0.13$. With $h^2 \approx 1/4$, as of a
# sigmoid near ½, a weight has a variance of about $0.13 / (500 / 4) = 0.001$. What is left has $0.831^2 = 0.69$, so the
# damping should be about 660. That is rough, as hidden units are not independent. But it says why $\lambda$ is in the
# hundreds: the weights are many, and each is small.
#
# A user with few ratings keeps a small weight, and predictions close to $b_j$. One with many is hardly held back:
# below, the five movies are copied 1, 10 and 100 times, and the ratio of $w_j$ to its value for $\lambda = 0$ goes to
# 1.


# %%
def best_weight(copies, lam, user=0):
    h = np.tile(H[mask[:, user], 0], copies)
    rest = np.tile((R0 - b)[mask[:, user], user], copies)
    w = (h * rest).sum() / ((h * h).sum() + lam / 2)
    assert np.isclose(2 * (h * (h * w - rest)).sum() + lam * w, 0)  # the derivative of eq. 2
    return w


kept = [best_weight(copies, lam) / best_weight(copies, 0) for copies in (1, 10, 100)]
print(f"Ann's weight, as a part of the one without a penalty: {np.array(kept)} for 3, 30 and 300 ratings")
assert np.round(kept, 2).tolist() == [0.79, 0.97, 1.0]
assert round(0.906**2 - 0.831**2, 2) == 0.13 and round(0.13 / (500 / 4), 3) == 0.001
assert round(0.831**2, 2) == 0.69 and round(0.69 / (0.13 / (500 / 4)), -1) == 660
print("All assertions passed: the results by hand and those of tinyrec are the same.")

# %% [markdown]
# ## Questions
#
# 1. Let the loss run over all 20 cells, as if an unobserved rating were one of 0 stars:
#    `by_hand(params, M=np.ones((n, d)))`. Expect about 86.1 instead of 46.9.
# 2. Take the mean over the ratings in place of the sum in eq. 2. Which $\lambda$ then gives the same minimum as
#    $\lambda = 1$ here? Expect about 0.071. And as $\lambda = 250$ with the 900,188 training ratings of MovieLens 1M?
#    Expect about 0.00028.
# 3. How many parameters has an I-AutoRec with 500 hidden units for the 6,040 users of MovieLens 1M? The paper counts
#    $2mk + m + k$, with our $d$ as $m$. Expect about 6.05 million, nearly seven for each of the training ratings.
#
# Assignments: [a1](assignments/a1.md), what is not there, and then [a2](assignments/a2.md), encoder and decoder.
