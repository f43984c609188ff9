# %% [markdown]
# # Deep autoencoders, and implicit feedback
#
# NCAE ("Neural Collaborative Autoencoder", Li et al.) works with both kinds of feedback. For ratings it is a deep
# autoencoder that is pretrained layer by layer. For implicit feedback there are no low ratings, only which items a user
# has interacted with. This tutorial computes the parts in dense NumPy and `assert`s that tinyrec gives the same
# numbers. Read `01_autorec_by_hand.py` first. It needs matplotlib, an optional dependency (`pip install matplotlib`).
#
# ## 1. Pretraining layer by layer: a head start that is soon gone
#
# A deep network trained from random weights may end no better than a shallow one. NCAE is therefore pretrained in three
# stages (section 4.3). Here they are, and what they are worth on a small data set: a head start, and no better end.
#
# * Stage 1 trains the first hidden layer supervised: it predicts the ratings through a decoder that is then discarded.
# * Stage 2 trains the second hidden layer unsupervised: it reconstructs the output of the first and uses no ratings.
# * Stage 3 trains the output layer supervised, with all layers below it frozen.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinyrec as tr
from tinyrec.data.sets.fetch import find
from tinyrec.optim import Adam
from tinyrec.recommenders.scaling import Scaling
from tinyrec.training import fit
from tinyrec.training.early_stopping import validator
from tinyrec.training.loop import begin
from tinyrec.training.run import pretrain

data = tr.load_dataset("ml-100k" if find("ml-100k") else "synthetic")
train, test = tr.split_random(data, test=0.1, seed=0)
model = tr.NCAE(hidden_units=(100, 100), l2=0.15, balance=0.0, pretrain_epochs=5)
scaling = Scaling.of(train, model.offset)
R = scaling.to_model(train.ratings, np.float32).T.to("auto")  # (n movies, d users)

adam = Adam(0.003, beta1=0.7, beta2=0.9, linear_decay=True)
stages = {1: [], 2: [], 3: []}
pretrained_params = pretrain(
    model, R, adam, batch_size=64, observe=lambda epoch, layer: stages[layer].append(epoch.loss)
)
tasks = {1: "predict ratings", 2: "reconstruct the codes of layer 1", 3: "predict ratings, lower layers frozen"}
for layer, task in tasks.items():
    print(f"stage {layer}, {task}: loss {stages[layer][0]:.3f} -> {stages[layer][-1]:.3f}")
    assert stages[layer][-1] < stages[layer][0]

# %% [markdown]
# After pretraining, the loss is much lower than with random weights. The next cell trains a network from each of these
# two starting points, for the same number of epochs, and computes the RMSE on the test ratings after each (nothing is
# chosen by it). The pretrained network is ahead after one epoch, and at the end both have about the same RMSE, although
# one of them has had the epochs of three stages on top. `python -m tinyrec reproduce ncae-table-3` compares the two on
# MovieLens 1M.

# %%
random_params = model.init(R, np.random.default_rng(0))
initial_losses = [float(model.loss_and_grads(params, R)[0]) for params in (random_params, pretrained_params)]
print(f"loss before fine-tuning: {initial_losses[0]:.2f} with random weights, {initial_losses[1]:.2f} pretrained")
assert initial_losses[1] < initial_losses[0]

validate, curves = validator(model, R, scaling, train, test), {}
for name, start in (("random weights", None), ("pretrained", begin(model, R, adam, params=pretrained_params))):
    curves[name] = [validate(epoch.params) for epoch in fit(model, R, adam, epochs=15, batch_size=64, start=start)]
    print(f"{data.name}, {name}: test RMSE {curves[name][0]:.4f} after 1 epoch, {curves[name][-1]:.4f} after 15")
ahead = np.subtract(curves["random weights"], curves["pretrained"])
assert ahead[0] > 0.01 and abs(ahead[-1]) < 0.008

plt.figure(figsize=(6, 3.5), layout="constrained")
for name, rmse in curves.items():
    plt.plot(range(1, 16), rmse, ".-", label=f"{name}: {rmse[-1]:.3f} at the end")
plt.gca().set(xlabel="epoch", ylabel="test RMSE (stars)", title=f"NCAE on {data.name}", xticks=[1, 5, 10, 15])
plt.legend()
plt.show()

# %% [markdown]
# ## 2. The loss for implicit feedback
#
# There are four users and five artists, and 1 means that the user has listened to the artist. An unobserved cell does
# not mean that the user dislikes the artist. But it carries some information, since users would not like most of the
# artists that they have not listened to. So NCAE treats unobserved cells as 0, with a small weight $c_j$ in the loss.
# The weight is larger for a popular artist $j$: users have probably heard of the artist and chosen not to listen
# (eq. 10):
#
# $$c_j = c_0 \frac{f_j^\omega}{\sum_k f_k^\omega}, \qquad
#   L(u, \tilde u) = \sum_{j \text{ observed}} (nn(\tilde u)_j - 1)^2
#   + \sum_{j \text{ unobserved}} c_j\, nn(\tilde u)_j^2 \quad \text{(eq. 11)}$$

# %%
from tinyrec.sparse import Ratings

X = np.array([[1, 1, 1, 1, 0], [0, 1, 1, 0, 0], [0, 1, 1, 1, 0], [1, 0, 1, 0, 1]], float)  # figure 3 of the paper
R = Ratings.from_cells(*np.nonzero(X), X[X > 0], X.shape)
model = tr.ImplicitNCAE(hidden_units=2, l2=0.1, c0=1.0, omega=1.0, output="identity", dropout=0.0)
f = X.sum(axis=0) / X.sum()
c = f / f.sum()  # c0 = 1, omega = 1
R = model.prepare(R)
assert np.allclose(R.unobserved_weights, c)
print(f"weights of unobserved cells: {c.round(2)}")

params = model.init(R, np.random.default_rng(0))
V, mu, W, b = (params[name] for name in ("V1", "mu1", "W", "b"))  # (d, k), (k,), (d, k), (d,)
H = np.tanh(X @ V + mu)  # (n, k)
Y = H @ W.T + b  # (n, d)
weight = np.where(X > 0, 1.0, c)
error = (weight * (Y - X) ** 2).sum() / len(X)
penalty = 0.1 / 2 * sum((w**2).sum() for w in params.values())
loss, grads = model.loss_and_grads(params, R)
assert np.isclose(loss, error + penalty)
print(f"loss {loss:.4f}")

# %% [markdown]
# ## 3. The loss over all cells, without computing each cell
#
# Last.fm has 1,892 users and 17,632 artists: 33 million cells, of which 93 thousand are observed. With an identity
# output, the sum over the other cells can still be computed without computing each one (section 4.1 hints at it):
#
# $$\sum_i \sum_j c_j (h_i \cdot w_j)^2 = \sum_i h_i^T \Big(\sum_j c_j w_j w_j^T\Big) h_i = \sum_i h_i^T G\, h_i$$
#
# $G$ is only $k \times k$. So the loss is computed in two steps: $G$ gives the sum over all cells as if all were
# unobserved, and then the few observed cells are corrected.

# %%
W_b, H_1 = np.hstack([W, b[:, None]]), np.hstack([H, np.ones((4, 1))])  # the bias as one more hidden unit
G = W_b.T @ (c[:, None] * W_b)  # (k + 1, k + 1)
all_unobserved = np.einsum("ik,kl,il->", H_1, G, H_1)
assert np.isclose(all_unobserved, (c * Y**2).sum())
correction = ((Y - 1) ** 2 - c * Y**2)[X > 0].sum()
assert np.isclose((all_unobserved + correction) / len(X), error)
print(f"all cells as unobserved {all_unobserved:.4f} + correction {correction:.4f} = {all_unobserved + correction:.4f}")

dY = 2 * weight * (Y - X) / len(X)
assert np.allclose(grads["W"], dY.T @ H + 0.1 * W)
assert np.allclose(grads["V1"], X.T @ ((dY @ W) * (1 - H**2)) + 0.1 * V)

# %% [markdown]
# With a tanh output, which the paper uses and which is better on Last.fm, there is no such shortcut: every cell is
# computed, for a few users at a time (`tinyrec/nn/all_cells.py`).
#
# ## 4. Evaluate the ranking
#
# There are no ratings to predict, so there is no RMSE. Instead, one item of each user is held out, and the model ranks
# it among all items that the user has not interacted with in training. The hit ratio HR@10 is the share of users whose
# held-out item is among the first ten. Its "±" is one standard error; a 95 % interval is about ± 2 of them. This part
# uses Last.fm if it is on this machine, and otherwise synthetic data: two groups of users, each of which mostly listens
# to its own half of the artists. On Last.fm, NCAE and EASE differ by less than one standard error at k = 10.

# %%
from tinyrec.evaluation.ranking_metrics import rank


def two_groups():
    rng = np.random.default_rng(0)
    own = np.arange(300)[:, None] % 2 == np.arange(400) % 2
    users, items = np.nonzero(rng.random(own.shape) < np.where(own, 0.1, 0.01))
    return tr.Dataset.from_triples(users, items, np.ones(len(users)), name="two-groups").binarized()


data = tr.load_dataset("lastfm") if find("lastfm") else two_groups()
train, test = tr.split_leave_one_out(data, seed=0)
print(data)
options = {"epochs": 8, "batch_size": 64, "optimizer": Adam(0.003)}  # the paper: 30 epochs, learning rate 0.001
ncae = tr.ImplicitNCAE(hidden_units=64, c0=512.0 if data.name == "lastfm" else 40.0).fit(train, **options)
metrics = {}
for name, baseline in (("popularity", tr.Pop()), ("EASE", tr.EASE())):
    metrics[name] = baseline.fit(train).score(test)
metrics["NCAE"] = ncae.score(test)
for name, values in metrics.items():
    print(f"{name:10}  HR@10 {values['hr@10']:.3f} ± {values['hr@10_se']:.3f}  NDCG@100 {values['ndcg@100']:.3f}")
assert metrics["NCAE"]["hr@10"] > metrics["popularity"]["hr@10"]
if data.name == "lastfm":
    assert abs(metrics["NCAE"]["hr@10"] - metrics["EASE"]["hr@10"]) < metrics["EASE"]["hr@10_se"]

plt.figure(figsize=(6, 3.5), layout="constrained")
lengths = np.array([10, 50, 100])
for shift, (name, values) in zip((-2, 0, 2), metrics.items(), strict=True):  # side by side, so that none is hidden
    hr, se = ([values[f"hr@{k}{end}"] for k in lengths] for end in ("", "_se"))
    plt.errorbar(lengths + shift, hr, yerr=se, fmt="o-", capsize=3, label=name)
plt.gca().set(xlabel="length of the list, k (items)", ylabel="hit ratio HR@k (share of users)", ylim=0, xticks=lengths)
plt.title(f"Leave-one-out on {data.name} (bars: ± 1 standard error)")
plt.legend()
plt.show()

# %% [markdown]
# A model that gives all items the same score must not rank high. If only items with a *strictly* higher score counted,
# every held-out item would have rank 1. tinyrec takes the mean over all orders of tied items: each of the c items that
# a user does not have is then among the first 100 with probability 100 / c.

# %%
constant = rank(lambda users: np.zeros((len(users), len(data.items))), train.ratings, test.ratings)
print(f"equal scores: HR@100 {constant['hr@100']:.3f}")
c = len(data.items) - np.bincount(train.ratings.rows)[test.ratings.rows]
assert np.isclose(constant["hr@100"], (100 / c).mean())
print("All assertions passed: the results by hand and those of tinyrec are the same.")

# %% [markdown]
# ## Exercises
#
# 1. In part 2, `omega=0.0` gives all unobserved cells the same weight. Check `c` by hand.
# 2. In part 4, `output="identity"` is much faster. How much NDCG does it cost?
# 3. Train NCAE as in the paper, and save it: `python -m tinyrec train --model ncae --feedback implicit --dataset lastfm
#    --save lastfm.npz`, then `python -m tinyrec recommend lastfm.npz --user 2`.
