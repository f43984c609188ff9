# %% [markdown]
# # Write your own model
#
# An autoencoder of your own is one class in one file. This page writes one with two changes to AutoRec:
#
# * **tied weights**: the decoder uses the transpose of the encoder's weights, so there is no $W$;
# * **the Huber loss** in place of the squared error: quadratic for small errors, linear for large ones, so that a few
#   strange ratings pull less.
#
# $$h(r) = V^\top\!\,g(V r + \mu) + b, \qquad
#   L = \sum_{\text{observed}} \rho(h(r)_j - r_j) + \frac{\lambda}{2} \lVert V \rVert^2, \qquad
#   \rho(e) = \begin{cases} e^2 & |e| \le \delta \\ 2 \delta |e| - \delta^2 & |e| > \delta \end{cases}$$
#
# Then it checks the gradient, trains the model, saves it and loads it. Tutorial 01 explains AutoRec itself.
#
# ## 1. The loss
#
# A loss takes predictions and ratings, both $(p,)$, and returns its value and a function that returns the gradient. The
# gradient check calls it with complex numbers, so compare real parts only, and write $|e|$ as $\pm e$.

# %%
from dataclasses import dataclass

import numpy as np

import tinyrec as tr
from tinyrec.nn import ACTIVATIONS, l2_penalty, sampled_out, sparse_in


def huber(y, r, delta=1.0):
    """loss = Σ ρ(y - r);  y, r (p,)  ->  loss ()"""
    e = y - r
    sign = np.where(e.real < 0, -1.0, 1.0).astype(e.real.dtype)
    small = np.abs(e.real) <= delta
    rho = np.where(small, e * e, 2 * delta * sign * e - delta**2)

    def backward():
        return np.where(small, 2 * e, 2 * delta * sign)  # dy (p,)

    return rho.sum(), backward


# %% [markdown]
# ## 2. The model
#
# A model is a frozen dataclass of its hyper-parameters. `Autoencoder` brings three: `by` (what a row is), `l2`
# ($\lambda$) and `center` (subtract user and item biases first). Add your own. Four methods say what the model is:
#
# | method | what it returns |
# | --- | --- |
# | `shapes(d, q)` | the shape of each parameter, by name, for rows of `d` ratings (and `q` features, unused here) |
# | `encode(params, R)` | the codes $H$, $(n, k)$, as `loss_and_grads` computes them, without noise |
# | `decoder(params)` | the output layer, `W` $(d, k)$ and `b` $(d,)$: predictions are $H W^\top + b$; here `W` is `V` |
# | `loss_and_grads(params, R, rng)` | the objective on a batch of rows `R`, and its gradient by every parameter |
#
# * The gradient of tied weights is the sum of two: $V$ is used in the encoder *and* in the decoder.
# * `l2_penalty` adds $\lambda w$ to the gradients that you list, in place, and returns $\lambda/2 \sum w^2$. `R.share`
#   is the part of all rows that the batch holds: the penalties of all batches add up to the whole.
# * Matrices start at random (Glorot & Bengio 2010), vectors at 0. Define `init(R, rng)` for others.
# * A second hidden layer is `tinyrec.nn.dense`. Noise is drawn from `rng`, which is `None` when there should be none:
#   `tinyrec.nn.dropout(R, 0.3, rng)` hides ratings. Then train with Adam, not with RProp, the default.
# * Fields called `output`, `activation`, `dropout` and `hidden_units` are checked as in the models of tinyrec. An
#   `output` such as `"tanh"` is applied to predictions: then `loss_and_grads` must apply it, too.


# %%
@dataclass(frozen=True, kw_only=True)
class TiedAutoRec(tr.Autoencoder):
    """h(r) = Vᵀ g(V r + mu) + b, with the Huber loss; parameters: V (d, k), mu (k,), b (d,)"""

    l2: float = 150.0
    activation: str = "sigmoid"
    hidden_units: int = 50
    delta: float = 1.0

    def shapes(self, d, q=0):
        return {"V": (d, self.hidden_units), "mu": (self.hidden_units,), "b": (d,)}

    def encode(self, params, R):
        Z, _ = sparse_in(R, params["V"], params["mu"])
        H, _ = ACTIVATIONS[self.activation](Z)
        return H

    def decoder(self, params):
        return {"W": params["V"], "b": params["b"]}

    def loss_and_grads(self, params, R, rng=None):
        V, mu, b = params["V"], params["mu"], params["b"]
        Z, back_to_params = sparse_in(R, V, mu)  # (n, k)
        H, back_to_Z = ACTIVATIONS[self.activation](Z)  # (n, k)
        y, back_to_H = sampled_out(H, V, b, at=R)  # (p,)
        error, back_to_y = huber(y, R.values, self.delta)

        dH, dV_out, db = back_to_H(back_to_y())
        dV_in, dmu = back_to_params(back_to_Z(dH))
        grads = {"V": dV_in + dV_out, "mu": dmu, "b": db}
        penalty = l2_penalty(R.share * self.l2, params, {"V": grads["V"]}, R)
        return error + penalty, grads


# %% [markdown]
# ## 3. Is the gradient right?
#
# `check_model` compares every entry of every gradient with the complex step, on matrices with all known traps: empty
# rows and columns, observed zeros, a single cell. It names the parameter whose gradient is wrong, here on purpose.

# %%
import tempfile
from dataclasses import replace
from pathlib import Path

from tinyrec.gradcheck import check_model
from tinyrec.testing import check_recommender

check_model(TiedAutoRec(hidden_units=3, l2=0.7))


class Halved(TiedAutoRec):
    def loss_and_grads(self, params, R, rng=None):
        loss, grads = super().loss_and_grads(params, R, rng)
        return loss, {**grads, "V": grads["V"] / 2}


try:
    check_model(Halved(hidden_units=3, l2=0.7))
except AssertionError as problem:
    assert "dV" in str(problem)
    print(problem)

# %% [markdown]
# A model with the right gradient can still predict badly, without any error: if `encode` and `decoder` do not compute
# what `loss_and_grads` does, it learns one function and predicts another. `check_model` finds this, too, if the loss is
# made of errors of predictions, and penalties in proportion to `l2` or `R.share` (`tinyrec/gradcheck/predictions.py`).
#
# ## 4. Train, predict, save, load
#
# The rest works as for every model of tinyrec, with raw ids. On small data, `center=True` is needed to beat the biases.
# To see what the Huber loss is for, 1,500 of 10,800 ratings become 1 star. A `delta` of 100 makes it the squared error.

# %%
data = tr.make_synthetic(300, 200, 12_000, seed=1)
train, test = tr.split_random(data, test=0.1, seed=0)
values = train.ratings.values.copy()
values[np.random.default_rng(0).choice(len(values), 1500, replace=False)] = 1.0
clean, train = train, replace(train, ratings=train.ratings.with_values(values), name="spoiled")
rmse = {}
for delta in (1.0, 100.0):
    fitted = TiedAutoRec(delta=delta, center=True).fit(train, epochs=60, seed=0)
    rmse[delta] = fitted.score(test)["rmse"]
    print(f"delta {delta:5}: test RMSE {rmse[delta]:.4f}")
biases = tr.Bias().fit(train).score(test)["rmse"]
print(f"user and item biases alone: {biases:.4f}; the best possible, given the noise: {data.noise_floor:.4f}")
assert rmse[1.0] < biases and rmse[1.0] < rmse[100.0]

# %%
print(fitted.recommend(data.users.ids[0].item(), n=3))
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "tied.npz"
    fitted.save(path)
    again = tr.load(path)  # it finds the class, since this page has defined it
users, items = data.users.ids[test.ratings.rows], data.items.ids[test.ratings.cols]
assert np.array_equal(again.predict(users, items), fitted.predict(users, items)) and again.model == fitted.model

# %% [markdown]
# ## 5. Does it keep every promise of a recommender?
#
# `check_recommender` runs the checks that all models of tinyrec pass: one user, empty rows, the same seed, and more.

# %%
check_recommender(TiedAutoRec(hidden_units=3), epochs=3)

# %% [markdown]
# ## 6. On the command line
#
# Put the two cells of code of parts 1 and 2 into a file `mine.py`. Then:
#
# ```
# python -m tinyrec gradcheck --model mine.py:TiedAutoRec
# python -m tinyrec train --model mine.py:TiedAutoRec --dataset ratings.csv --set center=true --save tied.npz
# python -m tinyrec tune --model mine.py:TiedAutoRec --dataset ratings.csv --set center=true --grid delta=0.5,1,100
# python -m tinyrec recommend tied.npz --model mine.py:TiedAutoRec --user 3
# ```
#
# A model file holds numbers and names but no code, so a model of your own needs `--model` again when it is loaded, and
# in Python an `import mine` before `tr.load`, or `tr.load(path, model=TiedAutoRec)`.
# A new activation is a function like `huber`: `tinyrec.gradcheck.check_function` checks it, and a line such as
# `ACTIVATIONS["softplus"] = softplus` in `mine.py` gives it a name.

# %%
print("All assertions passed: a model of one's own is checked, trained, saved and loaded.")

# %% [markdown]
# ## Questions
#
# 1. Train part 4 on the ratings before 1,500 of them were spoiled, with both values of `delta`. Expect a test RMSE of
#    about 0.926 with 1 and 0.915 with 100. What does the Huber loss cost where no rating is strange?
# 2. How many parameters has the model of part 4, and an AutoRec with as many hidden units? Expect 15,350 and 30,350.
# 3. Replace `huber` by $\log \cosh e$, whose gradient is $\tanh e$. Expect a test RMSE of about 1.014 in part 4.
#
# Assignments a2 and a4 go with this page: the layers, and a gradient check of your own (`tutorials/assignments/`).
