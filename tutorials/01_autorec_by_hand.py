# %% [markdown]
# # AutoRec by hand
#
# AutoRec (Sedhain, Menon, Sanner, Xie 2015, https://doi.org/10.1145/2740908.2742726) predicts ratings with a small
# autoencoder. We compute it on a matrix that fits on the screen, in dense NumPy and with the pieces of tinyrec, and
# `assert` that both agree. Needs matplotlib, an extra (`pip install matplotlib`). Run it cell by cell in VS Code,
# Spyder or Jupyter (with Jupytext), or whole: `python tutorials/01_autorec_by_hand.py`.
#
# ## 1. Ratings
#
# Four users rate five films with 1 to 5 stars. An absent cell (`nan`) is not a zero: nobody gave 0 stars, we just do
# not know. With zeros in its two absent cells, Brazil would look like a bad film.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinyrec as tr
from tinyrec.nn import l2_penalty, sampled_out, sigmoid, sparse_in, squared_error
from tinyrec.sparse import Ratings

np.set_printoptions(precision=2, suppress=True)
na, films = np.nan, ["Alien", "Brazil", "Casablanca", "Dumbo", "Eraserhead"]
X = np.array([[5, 4, na, 1, na], [4, na, 5, 1, 2], [1, na, 2, na, 5], [na, 1, 1, 4, 5]])  # Ann, Bob, Cem, Dee
print(f"ratings:\n{X}")
print(f"Brazil: mean {np.nanmean(X[:, 1])} of the ratings there are, {np.nan_to_num(X)[:, 1].mean()} with absent as 0")

# %% [markdown]
# ## 2. The model, forward
#
# Equation 1 of the paper reconstructs a vector of ratings $r$ as $h(r) = f(W\, g(V r + \mu) + b)$. As the authors do in
# their best model, we let $f$ be the identity and $g$ the sigmoid. In the item-based I-AutoRec, $r$ is all ratings of
# one film, and what comes out for users who did not rate it is the prediction (eq. 3).
#
# In code all films go through at once, each a row: $n = 5$ rows, $d = 4$ users, $k = 2$ hidden units. tinyrec stores
# $V$ as $(d, k)$, the transpose of the paper's, so that $V r$ of all rows is `R @ V`. An absent rating must add nothing
# to the sum $V r$, and a 0 in its place adds nothing: here, and only here, filling with zeros is right.

# %%
R0, mask = np.nan_to_num(X.T), ~np.isnan(X.T)  # (n, d) with absent as 0; (n, d), True where there is a rating
(n, d), k = R0.shape, 2
rng = np.random.default_rng(0)
V, W = rng.normal(0, 0.5, (d, k)), rng.normal(0, 0.5, (d, k))
mu, b = rng.normal(0, 0.5, k), rng.normal(3, 0.5, d)

Z = R0 @ V + mu  # (n, d) @ (d, k) + (k,) -> (n, k)
H = 1 / (1 + np.exp(-Z))  # (n, k)
Y = H @ W.T + b  # (n, k) @ (k, d) + (d,) -> (n, d)
print(f"hidden codes H, a row for each film:\n{H}\npredictions Yᵀ, a row for each user:\n{Y.T}")

# %% [markdown]
# We computed all 20 cells of $Y$, but training looks only at the 14 with a rating (in MovieLens 1M: at less than 5 in
# 100). tinyrec stores and computes the observed cells alone. Its `y` lists them row by row. Each layer returns its
# output and its backward; we do not need the second yet.

# %%
R = Ratings.from_cells(*np.nonzero(mask), R0[mask], (n, d))  # p = 14 cells
Z_too, _ = sparse_in(R, V, mu)  # (n, k)
H_too, _ = sigmoid(Z_too)  # (n, k)
y, _ = sampled_out(H_too, W, b, at=R)  # (p,)
assert np.allclose(Z_too, Z) and np.allclose(H_too, H) and np.allclose(y, Y[mask])
print(f"dense NumPy computes {Y.size} cells, sampled_out {y.size}")

# %% [markdown]
# ## 3. The loss
#
# Equation 2: $L = \sum_{\text{observed}} (Y - R)^2 + \frac{\lambda}{2} (\|W\|^2 + \|V\|^2)$.
#
# * It is a sum: each rating counts the same. With $\lambda = 1$, a weight of 1 costs as much as a rating that is wrong
#   by $\sqrt{1/2}$ stars. More ratings make the first term larger and not the second, so larger data need a larger
#   $\lambda$: 1 here, 50 in part 7, hundreds for MovieLens 1M. Code that takes the mean means another $\lambda$.
# * The biases are free. $b$ is a level (this user gives 3.6 stars), and to pull it towards 0 stars would be wrong for
#   all films alike. With $W = 0$, the best $b$ is each user's mean rating, as it should be.

# %%
lam = 1.0
loss = ((Y - R0)[mask] ** 2).sum() + lam / 2 * ((W**2).sum() + (V**2).sum())
penalty_grads = {"W": 0 * W, "V": 0 * V}  # λ W and λ V are added to these
assert np.isclose(loss, squared_error(y, R.values)[0] + l2_penalty(lam, {"W": W, "V": V}, penalty_grads, R.backend))
print(f"loss {loss:.2f}")

model = tr.AutoRec(by="item", hidden_units=k, l2=lam)
_, grads = model.loss_and_grads({"V": V, "mu": mu, "W": 0 * W, "b": np.nanmean(X, axis=1)}, R)
assert np.allclose(grads["b"], 0)  # no better b

# %% [markdown]
# ## 4. Backward
#
# Write $dA$ for the derivatives of $L$ by the entries of $A$, and $M$ for the mask (1 where observed). The chain rule,
# from the last line of the forward pass to the first:
#
# * $L$ contains $(Y_{ij} - R_{ij})^2$ where $M_{ij} = 1$, so $dY = 2 M \circ (Y - R)$.
# * $Y_{ij} = \sum_l H_{il} W_{jl} + b_j$, so $dH = dY\, W$, $dW = dY^T H + \lambda W$, $db_j = \sum_i dY_{ij}$.
# * $H = g(Z)$ entry by entry and $g' = g (1 - g)$, so $dZ = dH \circ H \circ (1 - H)$.
# * $Z_{il} = \sum_j R_{ij} V_{jl} + \mu_l$, so $dV = R^T dZ + \lambda V$ and $d\mu_l = \sum_i dZ_{il}$.
#
# The paper says that a film updates only "those weights that are associated with observed inputs". Bob and Cem did not
# rate Brazil, so without the penalty Brazil's gradient is 0 in their rows of $V$ and $W$.


# %%
def by_hand(params, M=mask):
    V, mu, W, b = params["V"], params["mu"], params["W"], params["b"]
    H = 1 / (1 + np.exp(-(R0 @ V + mu)))  # (n, k)
    E = M * (H @ W.T + b - R0)  # (n, d), 0 where absent
    loss = (E**2).sum() + lam / 2 * ((W**2).sum() + (V**2).sum())
    dY = 2 * E  # (n, d)
    dZ = dY @ W * H * (1 - H)  # (n, k)
    return loss, {"V": R0.T @ dZ + lam * V, "mu": dZ.sum(axis=0), "W": dY.T @ H + lam * W, "b": dY.sum(axis=0)}


params = {"V": V, "mu": mu, "W": W, "b": b}
(loss, grads), (loss_too, grads_too) = by_hand(params), model.loss_and_grads(params, R)
assert np.isclose(loss, loss_too) and all(np.allclose(grads[name], grads_too[name]) for name in params)
print(f"dV, a row for each user:\n{grads['V']}")

brazil = R.take_rows([films.index("Brazil")])
_, of_brazil = tr.AutoRec(hidden_units=k, l2=0.0).loss_and_grads(params, brazil)
for name in ("V", "W"):
    assert np.array_equal(np.any(of_brazil[name] != 0, axis=1), [True, False, False, True])  # Ann, Bob, Cem, Dee

# %% [markdown]
# ## 5. Is the gradient right?
#
# Move one weight by $\pm h$: $\partial L / \partial w \approx (L(w + h) - L(w - h)) / 2h$. The error of the formula
# shrinks like $h^2$, but the difference of two nearly equal numbers loses digits like $1/h$. The best $h$ lies between.

# %%
for h in (1e-1, 1e-5, 1e-12):
    high, low = V.copy(), V.copy()
    high[0, 1] += h
    low[0, 1] -= h
    slope = (by_hand({**params, "V": high})[0] - by_hand({**params, "V": low})[0]) / (2 * h)
    print(f"h = {h:g}: {slope:.10f}, by hand {grads['V'][0, 1]:.10f}")
    assert np.isclose(slope, grads["V"][0, 1], rtol=1e-8) == (h == 1e-5)

# %% [markdown]
# The complex step does better. $L(w + ih) = L(w) + ih L'(w) - \dots$, so $L'(w) = \mathrm{Im}\, L(w + ih) / h$ up to
# $h^2$. Nothing is subtracted, so $h = 10^{-30}$ is fine, and the answer is right to the last digits. We check every
# parameter. Then we plant a bug, $2 \lambda W$ for the gradient of $\frac{\lambda}{2} \|W\|^2$, and it is caught.
#
# A gradient check has a limit: it compares the gradient with the loss, not with the paper. Forget the mask in both, as
# if absent cells were ratings of 0 stars, and it passes. Only another computation of the loss, as in part 3, finds it.

# %%
from tinyrec.gradcheck import complex_step, relative_error


def worst_error(function):
    (_, grads), numeric = function(params), complex_step(function, params)
    return max(relative_error(grads[name], numeric[name]) for name in params)


def wrong_penalty(params):
    loss, grads = by_hand(params)
    return loss, {**grads, "W": grads["W"] + lam * params["W"]}


def no_mask(params):
    return by_hand(params, M=np.ones((n, d)))


good = {"by hand": worst_error(by_hand), "tinyrec": worst_error(lambda params: model.loss_and_grads(params, R))}
bad = {"wrong penalty": worst_error(wrong_penalty), "no mask": worst_error(no_mask)}
print("relative errors:", ", ".join(f"{name} {error:.0e}" for name, error in {**good, **bad}.items()))
assert max(good.values()) < 1e-12
assert bad["wrong penalty"] > 1e-2 and bad["no mask"] < 1e-12  # caught, and not caught

# %% [markdown]
# ## 6. Training
#
# The authors train with RProp (Riedmiller and Braun 1993). It reads only the sign of each derivative. Each weight has a
# step of its own, which grows by 1.2 while the sign stays, and halves when the sign turns, because then the last move
# jumped over a minimum. In this variant, iRprop- (Igel and Hüsken 2000), a weight whose sign turned rests that epoch.


# %%
def rprop(w, g, previous, step):
    change = g * previous  # > 0: the sign stayed, < 0: it turned
    step *= np.where(change > 0, 1.2, np.where(change < 0, 0.5, 1.0))
    g = np.where(change < 0, 0, g)  # rest
    w -= np.sign(g) * step
    return g  # the next previous


params = model.init(R, np.random.default_rng(0))
previous = {name: np.zeros_like(w) for name, w in params.items()}
step = {name: np.full_like(w, 0.0125) for name, w in params.items()}
losses = []
for _ in range(200):
    loss, grads = by_hand(params)
    losses.append(loss)
    for name in params:
        previous[name] = rprop(params[name], grads[name], previous[name], step[name])
assert losses[-50] - losses[-1] < 1e-3  # flat

Y = model.decode(params, model.encode(params, R), cols=np.arange(d))  # (n, d), observed or not
print(f"ratings:\n{X}\npredictions, at a loss of {losses[-1]:.2f}:\n{Y.T}")
assert Y[films.index("Casablanca"), 0] > 4 > 2 > Y[films.index("Eraserhead"), 0]  # Ann likes what Bob likes

plt.figure(figsize=(6, 3.5), layout="constrained")
plt.plot(range(1, 201), losses)
plt.gca().set(xlabel="epoch", ylabel="loss (eq. 2)", title="RProp on 14 ratings", ylim=0)
plt.show()

# %% [markdown]
# tinyrec's `fit` is a generator: it yields after each epoch, and the loop stays yours. The same seed, the same numbers:

# %%
from tinyrec.optim import RProp
from tinyrec.training.loop import EarlyStopping, fit

assert np.allclose(losses, [epoch.loss for epoch in fit(model, R, RProp(), epochs=200, seed=0)])

# %% [markdown]
# ## 7. Real ratings
#
# MovieLens 100K if it is on this machine, else ratings that tinyrec makes up. A tenth of the training ratings is held
# out: we stop when their RMSE has not fallen for 20 epochs. On them, and not on the test part, we also found
# $\lambda = 50$ for 50 hidden units. A user or film without training ratings gets 3 stars (section 3 of the paper). The
# least to beat is a level for each user and each film, $\hat R_{ui} = m + b_u + b_i$.

# %%
from tinyrec.data.sets.fetch import find
from tinyrec.evaluation.rating_metrics import rmse, score, warm

data = tr.load_dataset("ml-100k" if find("ml-100k") else "synthetic")
if data.name == "synthetic":
    print('MovieLens 100K is not here (tr.load_dataset("ml-100k") downloads it), so these ratings are made up.')
print(data)
train, test = tr.split_random(data, test=0.1, seed=0)
part, valid = tr.split_random(train, test=0.1, seed=0)

model = tr.AutoRec(by="item", hidden_units=50, l2=50.0)
R, at = part.ratings.T.to("auto"), valid.ratings.T.to("auto")  # "auto" is fast; "reference" is NumPy, for a debugger
warm_users, warm_items = warm(part.ratings)
known = warm_items[at.rows] & warm_users[at.cols]  # (p,)


def validate(params):
    y = np.clip(model.predict_cells(params, R, at), 1, 5)  # (p,)
    return rmse(np.where(known, y, 3.0), at.values)


def bias_rmse(train, test):
    y = tr.Bias.fit(train.ratings).predict(test.ratings.rows, test.ratings.cols)
    return score(y, train.ratings, test.ratings, data.scale)["rmse"]  # with the same clipping and the same 3 stars


stop = EarlyStopping(validate, patience=20)
losses, rmses = [], []
for epoch in fit(model, R, RProp(), epochs=500, seed=0):
    enough = stop(epoch)
    losses.append(epoch.loss)
    rmses.append(stop.rmse)
    if enough:
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
right.legend()
plt.show()

# %% [markdown]
# `model.fit` does all of this: it holds out the same tenth, finds the same best epoch, then trains for so many epochs
# on all of `train`. Only now do we look at the test part.

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
print(f"user {user} gave most stars to {'; '.join(titles[i] for i in best)}. Recommended:")
for item, stars in recommender.recommend(user, n=5):
    print(f"  {stars:.2f}  {titles[data.items.find([item])[0]]}")
print("Every assertion held: what we computed by hand and what tinyrec computes are the same.")

# %% [markdown]
# ## Where to go next
#
# In part 6, train with `no_mask` in place of `by_hand`. What becomes of Ann's Casablanca? Expect 1 star instead of 4.
# Then, on MovieLens 100K, `model.fit(train, valid=0.1).info["valid_rmse"]` (above: about 0.891, biases 0.938):
#
# 1. Is the sigmoid needed? With `activation="identity"` and $\lambda$ of 50 and 400, expect about 0.937 and 0.912.
#    Table 1b of the paper has 0.872 without and 0.831 with a sigmoid, on MovieLens 1M.
# 2. Users instead of films, `by="user"`: expect about 0.936. The paper explains such a gap by how many ratings an item
#    and a user have on average. Count them: does the explanation hold here?
# 3. With $\lambda = 5$ expect about 0.907 in half as many epochs, with $\lambda = 500$ about 0.931 in many more.
