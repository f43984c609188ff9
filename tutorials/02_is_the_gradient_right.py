# %% [markdown]
# # Is the gradient right?
#
# A wrong gradient seldom stops a program. It trains, the loss falls, and the result is a little worse than it should
# be. So a gradient that is written by hand is compared with numbers that do not come from the same formulas. This
# tutorial does it in two ways for the AutoRec of tutorial 01, plants twelve bugs, and counts which of them are caught.
# The last part is about those that are not.
#
# ## 1. What is checked
#
# The ratings, the parameters and `by_hand` are those of tutorial 01: AutoRec, its loss (eq. 2) and the backward pass.

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np

import tinyrec as tr
from tinyrec.gradcheck import complex_step, relative_error
from tinyrec.sparse import Ratings

na, lam = np.nan, 1.0
X = np.array([[5, 4, na, 1, na], [4, na, 5, 1, 2], [1, na, 2, na, 5], [na, 1, 1, 4, 5]])  # users x movies
R0, mask = np.nan_to_num(X.T), ~np.isnan(X.T)  # (n, d), 0 where unobserved; (n, d), True where observed
(n, d), k = R0.shape, 2
rng = np.random.default_rng(0)
params = {"V": rng.normal(0, 0.5, (d, k)), "W": rng.normal(0, 0.5, (d, k))}
params |= {"mu": rng.normal(0, 0.5, k), "b": rng.normal(3, 0.5, d)}


def by_hand(params, M=mask):
    V, mu, W, b = params["V"], params["mu"], params["W"], params["b"]
    H = 1 / (1 + np.exp(-(R0 @ V + mu)))  # (n, k)
    E = M * (H @ W.T + b - R0)  # (n, d), 0 where unobserved
    loss = (E**2).sum() + lam / 2 * ((W**2).sum() + (V**2).sum())
    dY = 2 * E  # (n, d)
    dZ = dY @ W * H * (1 - H)  # (n, k)
    return loss, {"V": R0.T @ dZ + lam * V, "mu": dZ.sum(axis=0), "W": dY.T @ H + lam * W, "b": dY.sum(axis=0)}


# %% [markdown]
# ## 2. The central difference
#
# Move one weight by $\pm h$: $\partial L / \partial w \approx (L(w + h) - L(w - h)) / 2h$. The error of this formula is
# proportional to $h^2$, but the rounding error from subtracting two nearly equal numbers grows like $1/h$. The best $h$
# is in between. With the machine precision $\epsilon \approx 2 \cdot 10^{-16}$ the two meet near
# $\epsilon^{1/3} \approx 6 \cdot 10^{-6}$, where about ten of the sixteen digits are right.
#
# ## 3. The complex step
#
# The complex step is more accurate (Squire and Trapp 1998). By Taylor's series, with the imaginary unit $i$,
# $L(w + ih) = L + ih L' - h^2 L'' / 2 - i h^3 L^{(3)} / 6 + \dots$, so $L'(w) = \mathrm{Im}\, L(w + ih) / h$ with an
# error proportional to $h^2$. Nothing is subtracted, so $h = 10^{-30}$ works, and the result is correct to the last
# digits. The price: the forward pass must take complex numbers. Products, sums and `exp` do; `abs`, `max` and
# comparisons do not.


# %%
def moved(step, row=0, unit=1):
    """The loss with one weight, V[row, unit], moved by a real or complex step."""
    move = np.zeros((d, k), complex)
    move[row, unit] = 1
    V = params["V"] + step * (move if isinstance(step, complex) else move.real)
    return by_hand({**params, "V": V})[0]


exact = by_hand(params)[1]["V"][0, 1]
steps = 10.0 ** np.arange(-1, -17, -0.5)
central = np.array([(moved(h) - moved(-h)) / (2 * h) for h in steps])
complex_ = np.array([moved(1j * h).imag / h for h in steps])
errors = {"central difference": abs(central / exact - 1), "complex step": abs(complex_ / exact - 1)}
print("      h   central   complex")
for h, *its in zip(steps[::4], *(error[::4] for error in errors.values()), strict=True):
    print(f"{h:7.0e} {its[0]:9.0e} {its[1]:9.0e}")
of_central, of_complex = errors.values()
assert 1e-6 < steps[of_central.argmin()] < 1e-4 and 1e-10 < of_central.min() < 1e-9  # ten digits, at best
assert np.allclose(of_central[1:5] / of_central[3:7], 100, rtol=0.02)  # ten times h: a hundred times the error
assert of_complex[steps < 3e-9].max() < 1e-15
assert abs(moved(1e-30j).imag / 1e-30 / exact - 1) < 1e-15

plt.figure(figsize=(8, 3.4), layout="constrained")
for (name, error), marker in zip(errors.items(), "os", strict=True):
    plt.loglog(steps, np.maximum(error, 1e-16), marker=marker, markersize=4, label=name)
plt.axhline(np.finfo(float).eps, color="black", linestyle="--", linewidth=1, label="machine precision")
plt.text(3e-4, 1e-5, "∝ h²")
plt.text(3e-11, 1e-3, "∝ 1/h")
plt.gca().set(xlabel="step h", ylabel="relative error of one derivative", ylim=(3e-17, 30))
plt.title("A central difference needs a good h; a complex step needs a small one")
plt.gca().invert_xaxis()
plt.legend(loc=(0.02, 0.2), fontsize=9)
plt.show()

# %% [markdown]
# ## 4. Twelve bugs
#
# One derivative is not enough: each entry of each array may be wrong. `complex_step` of tinyrec goes through all of
# them. The error of an array is its largest difference, divided by its largest entry, since a tiny derivative beside
# large ones has fewer digits than they have. The gradient by hand and that of `tr.AutoRec` pass.


# %%
def max_error(function, params=params):
    (_, grads), numeric = function(params), complex_step(function, params)
    return max(relative_error(grads[name], numeric[name]) for name in params)


model, R = tr.AutoRec(by="item", hidden_units=k, l2=lam), Ratings.from_cells(*np.nonzero(mask), R0[mask], (n, d))
right = max_error(by_hand), max_error(lambda params: model.loss_and_grads(params, R))
print(f"relative errors: by hand {right[0]:.0e}, tinyrec {right[1]:.0e}")
assert max(right) < 1e-14

# %% [markdown]
# Now the bugs. Each is a change of the text of `by_hand`: what stands left of the arrow is replaced by what stands
# right of it. The first eight change the gradient alone, the last four the loss as well.

# %%
bugs = {
    "the 2 of the square is lost": ["dY = 2 * E -> dY = E"],
    "g' is forgotten": ["dY @ W * H * (1 - H) -> dY @ W"],
    "V in place of W": ["dY @ W * H -> dY @ V * H"],
    "no mask on the way back": ["dY = 2 * E -> dY = 2 * (H @ W.T + b - R0)"],
    "λ/2 in place of λ for W": ["dY.T @ H + lam * W -> dY.T @ H + lam / 2 * W"],
    "no penalty in dV": ["R0.T @ dZ + lam * V -> R0.T @ dZ"],
    "mean in place of sum for dμ": ["dZ.sum(axis=0) -> dZ.mean(axis=0)"],
    "the first user's db is 0": ["dY.sum(axis=0) -> dY.sum(axis=0) * (np.arange(d) > 0)"],
    "no mask at all": ["E = M * ( -> E = ("],
    "mean in place of sum": ["(E**2).sum() -> (E**2).sum() / M.sum()", "dY = 2 * E -> dY = 2 * E / M.sum()"],
    "λ in place of λ/2": ["lam / 2 * ( -> lam * (", "+ lam * V -> + 2 * lam * V", "+ lam * W -> + 2 * lam * W"],
    "b is penalised": ["(V**2).sum()) -> (V**2).sum() + b @ b)", "dY.sum(axis=0) -> dY.sum(axis=0) + lam * b"],
}


def planted(changes):
    source = inspect.getsource(by_hand)
    for change in changes:
        old, new = change.split(" -> ")
        assert source.count(old) == 1
        source = source.replace(old, new)
    names = dict(globals())
    exec(source, names)  # noqa: S102 - our own text, with a bug
    return names["by_hand"]


functions = {name: planted(changes) for name, changes in bugs.items()}
errors = {name: max_error(function) for name, function in functions.items()}
caught = [name for name in bugs if errors[name] > 1e-10]
assert caught == list(bugs)[:8] and min(list(errors.values())[:8]) > 1e-2 > 1e-14 > max(list(errors.values())[8:])

_, axes = plt.subplots(figsize=(8, 3.8), layout="constrained")
axes.barh(list(bugs), errors.values(), color=["tab:blue"] * 8 + ["tab:orange"] * 4)
axes.axvline(1e-10, color="black", linestyle="--", linewidth=1)
axes.set(xscale="log", xlim=(1e-17, 10), xlabel="largest relative error of the gradient (dashed: the tolerance)")
axes.set_title(f"{len(caught)} of {len(bugs)} bugs are caught (blue); the others have exact gradients")
axes.invert_yaxis()
plt.show()

# %% [markdown]
# ## 5. What a gradient check cannot find
#
# **A wrong loss.** The check compares the gradient with the loss, not with the paper. The last four bugs have the exact
# gradient of another loss. Only an independent computation of the loss finds them: slow, one cell at a time, written
# from the paper and not from the code.
#
# **A wrong place.** At $W = 0$, where a training may start, $dY\, W$ and $\lambda W$ are 0, and so is every product
# with them. Three of the eight bugs go unnoticed there. So check at random parameters.
#
# **What is no gradient.** A wrong split or a wrong optimiser has no derivative. A known result finds it: tutorial 00.


# %%
def slow_loss(params):
    total = lam / 2 * sum((params[name] ** 2).sum() for name in ("W", "V"))
    for user, movie in np.argwhere(~np.isnan(X)):
        raters = np.flatnonzero(~np.isnan(X[:, movie]))
        z = params["mu"] + sum(X[rater, movie] * params["V"][rater] for rater in raters)  # (k,)
        total += (params["W"][user] @ (1 / (1 + np.exp(-z))) + params["b"][user] - X[user, movie]) ** 2
    return total


wrong_loss = [name for name in bugs if not np.isclose(functions[name](params)[0], slow_loss(params), rtol=1e-12)]
assert wrong_loss == list(bugs)[8:] and np.isclose(by_hand(params)[0], slow_loss(params), rtol=1e-12)

at_zero = {**params, "W": np.zeros((d, k))}
unseen = [name for name in caught if max_error(functions[name], at_zero) < 1e-14]
print(f"not caught at W = 0: {', '.join(unseen)}")
assert unseen == ["g' is forgotten", "λ/2 in place of λ for W", "mean in place of sum for dμ"]
print("All assertions passed: eight bugs are caught by the gradient, four by the loss.")

# %% [markdown]
# ## Questions
#
# 1. Use the one-sided difference, $(L(w + h) - L(w)) / h$. Its error grows like $h$, not $h^2$. Where is the best $h$?
#    Expect about 3e-8, near $\sqrt\epsilon$, and an error of about 4e-8.
# 2. Compute the loss in float32, and take the central difference with $h = 10^{-5}$. Expect about 3e-3. Which $h$ is
#    better? Expect about 1e-3 for $h$.
# 3. Write the loss with `(np.abs(E) ** 2).sum()`. It is the same number, and the gradient is right. What does
#    `max_error` say? Expect about 1. Why? What is the absolute value of a complex number?
#
# Assignment: [a4](assignments/a4.md), trust nobody.
