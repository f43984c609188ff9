# %% [markdown]
# # Deep, and for clicks
#
# NCAE ("Neural Collaborative Autoencoder", Li et al.) is an autoencoder for both kinds of feedback: for ratings a deep
# one, which is trained layer by layer before it is trained as a whole; and for clicks, where there are no low ratings,
# only what somebody has met and what not. We write the parts down in dense NumPy and `assert` that tinyrec computes the
# same. Read `01_autorec_by_hand.py` first. Needs matplotlib, an extra (`pip install matplotlib`).
#
# ## 1. One layer after the other
#
# A deep network trained from random weights may end no better than a shallow one. NCAE trains three times before
# (section 4.3): the first hidden layer *with* the ratings as a goal, through a decoder that is thrown away; the second
# to reconstruct what the first one says, with no ratings in sight; then the output layer, with all below frozen.

# %%
import matplotlib.pyplot as plt
import numpy as np

import tinyrec as tr
from tinyrec.data.sets.fetch import find
from tinyrec.optim import Adam
from tinyrec.recommenders.scaling import Scaling
from tinyrec.training.stages import pretrain_stages

data = tr.load_dataset("ml-100k" if find("ml-100k") else "synthetic")
train, test = tr.split_random(data, test=0.1, seed=0)
model = tr.NCAE(hidden_units=(100, 100), l2=0.15, balance=0.0, pretrain_epochs=5)
R = Scaling.of(train, *model.centring).to_model(train.ratings, np.float32).T.to("auto")  # (n films, d users)

adam = Adam(0.003, beta1=0.7, beta2=0.9, linear_decay=True)
stages = {1: [], 2: [], 3: []}
start = pretrain_stages(model, R, adam, batch_size=64, observe=lambda layer, epoch: stages[layer].append(epoch.loss))
for layer, what in ((1, "predict ratings"), (2, "reconstruct the codes of layer 1"), (3, "predict, all else frozen")):
    print(f"stage {layer}, {what}: loss {stages[layer][0]:.3f} -> {stages[layer][-1]:.3f}")
    assert stages[layer][-1] < stages[layer][0]

# %% [markdown]
# Where fine-tuning starts is then no random place: the loss is much lower. Both networks are now trained for as many
# epochs. On as few ratings as these they end alike; on MovieLens 1M, `python -m tinyrec reproduce ncae-table-3` tells.

# %%
drawn = model.init(R, np.random.default_rng(0))
at_start = [float(model.loss_and_grads(params, R)[0]) for params in (drawn, start)]
print(f"loss before fine-tuning: {at_start[0]:.2f} from random weights, {at_start[1]:.2f} pretrained")
assert at_start[1] < at_start[0]

options = {"epochs": 15, "optimizer": adam, "batch_size": 64}
pretrained = model.fit(train, **options)
plain = tr.NCAE(hidden_units=(100, 100), l2=0.15, balance=0.0, pretrain="none").fit(train, **options)
scores = [its.score(test)["rmse"] for its in (plain, pretrained)]
print(f"{data.name}, test RMSE after 15 epochs: from random weights {scores[0]:.4f}, pretrained {scores[1]:.4f}")

# %% [markdown]
# ## 2. Clicks
#
# Four users and five artists; 1 is "has listened to". An absent cell is not a 0 here either, but it is not nothing:
# most of what somebody has not met they would not like. So absent cells count, too, by a small weight $c_j$; the more
# popular artist $j$ is, the larger, as who has not listened to what everybody knows probably does not want to (eq. 10):
#
# $$c_j = c_0 \frac{f_j^\omega}{\sum_k f_k^\omega}, \qquad
#   L(u, \tilde u) = \sum_{j \text{ met}} (nn(\tilde u)_j - 1)^2 + \sum_{j \text{ not met}} c_j\, nn(\tilde u)_j^2
#   \quad \text{(eq. 11)}$$

# %%
from tinyrec.sparse import Ratings

X = np.array([[1, 1, 1, 1, 0], [0, 1, 1, 0, 0], [0, 1, 1, 1, 0], [1, 0, 1, 0, 1]], float)  # figure 3 of the paper
R = Ratings.from_cells(*np.nonzero(X), X[X > 0], X.shape)
model = tr.ImplicitNCAE(hidden_units=2, l2=0.1, c0=1.0, omega=1.0, output="identity", dropout=0.0)
f = X.sum(axis=0) / X.sum()
c = f / f.sum()  # c0 = 1, omega = 1
R = model.prepare(R)
assert np.allclose(R.unobserved_weights, c)
print(f"weights of absent cells: {c.round(2)}")

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
# ## 3. All cells, without making them
#
# Last.fm has 1,892 users and 17,632 artists: 33 million cells, of which 93 thousand are met. Yet with an identity
# output nobody needs the others one by one (section 4.1 hints at it):
#
# $$\sum_i \sum_j c_j (h_i \cdot w_j)^2 = \sum_i h_i^T \Big(\sum_j c_j w_j w_j^T\Big) h_i = \sum_i h_i^T G\, h_i$$
#
# $G$ is only $k \times k$. So: all cells as if none was met, through $G$; then the few that were met are put right.

# %%
W_b, H_1 = np.hstack([W, b[:, None]]), np.hstack([H, np.ones((4, 1))])  # with the bias as one more unit
G = W_b.T @ (c[:, None] * W_b)  # (k + 1, k + 1)
as_if_absent = np.einsum("ik,kl,il->", H_1, G, H_1)
assert np.isclose(as_if_absent, (c * Y**2).sum())
put_right = ((Y - 1) ** 2 - c * Y**2)[X > 0].sum()
assert np.isclose((as_if_absent + put_right) / len(X), error)
print(f"all cells {as_if_absent:.4f}, put right {put_right:.4f}: together {as_if_absent + put_right:.4f}")

dY = 2 * weight * (Y - X) / len(X)
assert np.allclose(grads["W"], dY.T @ H + 0.1 * W)
assert np.allclose(grads["V1"], X.T @ ((dY @ W) * (1 - H**2)) + 0.1 * V)

# %% [markdown]
# With tanh at the output, as in the paper and better on Last.fm, there is no such way round: each cell is computed, a
# few users at a time (`tinyrec/nn/all_cells.py`).
#
# ## 4. Who is ranked where
#
# There are no stars to predict, so there is no RMSE. One item of each user is held out, and all that the user has not
# met are ranked: is it among the first ten? Last.fm if it is on this machine, else two tribes that each listen to their
# own half of the artists, mostly.

# %%
from tinyrec.baselines import EASE, Pop
from tinyrec.evaluation.ranking_metrics import rank


def tribes():
    rng = np.random.default_rng(0)
    own = np.arange(300)[:, None] % 2 == np.arange(400) % 2
    users, items = np.nonzero(rng.random(own.shape) < np.where(own, 0.1, 0.01))
    return tr.Dataset.from_triples(users, items, np.ones(len(users)), name="tribes").binarized()


data = tr.load_dataset("lastfm") if find("lastfm") else tribes()
train, test = tr.split_leave_one_out(data, seed=0)
print(data)
few = {"epochs": 8, "batch_size": 64, "optimizer": Adam(0.003)}  # the paper: 30 epochs, a rate of 0.001
ncae = tr.ImplicitNCAE(hidden_units=64, c0=512.0 if data.name == "lastfm" else 40.0).fit(train, **few)
ranked = {name: rank(kind.fit(train.ratings).scores, train.ratings, test.ratings) for name, kind in
          (("popularity", Pop()), ("EASE", EASE()))}  # fmt: skip
ranked["NCAE"] = ncae.score(test)
for name, its in ranked.items():
    print(f"{name:10}  HR@10 {its['hr@10']:.3f} ± {its['hr@10_se']:.3f}  NDCG@100 {its['ndcg@100']:.3f}")
assert ranked["NCAE"]["hr@10"] > ranked["popularity"]["hr@10"]

plt.figure(figsize=(6, 3.5), layout="constrained")
for name, its in ranked.items():
    plt.plot([10, 50, 100], [its[f"hr@{k}"] for k in (10, 50, 100)], "o-", label=name)
plt.gca().set(xlabel="length of the list, k", ylabel="hit ratio", title=f"One item of each user: {data.name}", ylim=0)
plt.legend()
plt.show()

# %% [markdown]
# A model that scores everything alike must not win. Whoever counts only *strictly* better items finds each held-out
# item on the first place; tinyrec takes the middle of those that are tied.

# %%
constant = rank(lambda users: np.zeros((len(users), len(data.items))), train.ratings, test.ratings)
print(f"everything alike: HR@100 {constant['hr@100']:.3f}")
assert constant["hr@100"] < 0.01
print("Every assertion held: what we computed by hand and what tinyrec computes are the same.")

# %% [markdown]
# ## Where to go next
#
# 1. In part 2, `omega=0.0` makes all absent cells count the same. Check `c` by hand.
# 2. In part 4, `output="identity"` is faster by far. How much of the NDCG does it cost?
# 3. Train it as the paper does, and save it: `python -m tinyrec train --model ncae --feedback implicit --dataset lastfm
#    --save lastfm.npz`, then `python -m tinyrec recommend lastfm.npz --user 2`.
