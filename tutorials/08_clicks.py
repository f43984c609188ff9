# %% [markdown]
# # Clicks
#
# Often there are no ratings, only which items a user has interacted with: clicks, plays, purchases. This is *implicit
# feedback*. There is no low rating to learn from, and no RMSE to measure. NCAE (Li et al.) has a loss for it. This
# tutorial computes the loss in dense NumPy and without visiting every cell, ranks with ties, and recommends to a user.
# Read `01_autorec_by_hand.py` first.
#
# ## 1. The loss for implicit feedback
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
import matplotlib.pyplot as plt
import numpy as np

import tinyrec as tr
from tinyrec.data.sets.fetch import find
from tinyrec.evaluation.ranking_metrics import rank
from tinyrec.optim import Adam
from tinyrec.sparse import Ratings

X = np.array([[1, 1, 1, 1, 0], [0, 1, 1, 0, 0], [0, 1, 1, 1, 0], [1, 0, 1, 0, 1]], float)  # figure 3 of the paper
R = Ratings.from_cells(*np.nonzero(X), X[X > 0], X.shape)
model = tr.ImplicitNCAE(hidden_units=2, l2=0.1, c0=1.0, omega=1.0, output="identity", dropout=0.0)
f = X.sum(axis=0) / X.sum()
c = f / f.sum()  # c0 = 1, omega = 1
R = model.prepare(R)
assert np.allclose(R.unobserved_weights, c) and (c.round(2) == [0.17, 0.25, 0.33, 0.17, 0.08]).all()
print(f"weights of unobserved cells, as in the paper: {c.round(2)}")

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
# What the weights do on real data: Last.fm (HetRec 2011) if it is on this machine, and otherwise synthetic data: two
# groups of users, each of which mostly listens to its own half of the artists, and to some artists more than to others.
# $\omega$ shifts the same sum of weights, $c_0$, from all artists to the popular ones. With $\omega = 0$ all are equal.


# %%
def two_groups():
    rng = np.random.default_rng(0)
    share = np.where(np.arange(300)[:, None] % 2 == np.arange(400) % 2, 0.2, 0.02) * rng.uniform(0.1, 1, 400) ** 2
    users, items = np.nonzero(rng.random(share.shape) < share)
    return tr.Dataset.from_triples(users, items, np.ones(len(users)), name="two-groups").binarized()


data = tr.load_dataset("lastfm") if find("lastfm") else two_groups()
train, test = tr.split_leave_one_out(data, seed=0)
print(data)
c0 = 512.0 if data.name == "lastfm" else 40.0
listeners = np.bincount(train.ratings.cols, minlength=len(data.items))
known = listeners > 0
popularity = listeners / listeners.sum()

plt.figure(figsize=(6.4, 3.8), layout="constrained")
for omega in (1.0, 0.5, 0.0):
    c_j = c0 * popularity**omega / (popularity**omega).sum()
    model = tr.ImplicitNCAE(hidden_units=2, c0=c0, omega=omega)
    assert np.allclose(model.prepare(train.ratings).unobserved_weights, c_j) and np.isclose(c_j.sum(), c0)
    plt.plot(listeners[known], c_j[known], ".", markersize=4, label=f"ω = {omega:g}")
    most = listeners.argmax()
    print(f"ω = {omega:g}: c is {c_j[most]:.2f} for the most popular artist, {np.median(c_j[known]):.4f} in the median")
plt.axhline(1, color="grey", linestyle=":", label="an observed cell")
plt.gca().set(
    xscale="log", yscale="log", xlabel="popularity of the artist (listeners)", ylabel="weight $c_j$ in the loss"
)
plt.title(f"Weights of unobserved cells on {data.name}, $c_0$ = {c0:g}")
plt.legend()
plt.show()

# %% [markdown]
# ## 2. The loss over all cells, without computing each cell
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
assert data.name != "lastfm" or (len(data.users), len(data.items), data.ratings.size) == (1892, 17632, 92834)

# %% [markdown]
# With a tanh output, which the paper uses and which is better on Last.fm, there is no such shortcut: every cell is
# computed, for a few users at a time (`tinyrec/nn/all_cells.py`).
#
# ## 3. Evaluate the ranking
#
# One item of each user is held out, and the model ranks it among all items that the user has not interacted with in
# training. The hit ratio HR@k is the share of users whose held-out item is among the first k; its 95 % interval is
# 1.96 standard errors to both sides. The baselines are popularity, the same list for all, and EASE, a linear
# autoencoder (Steck 2019).

# %%
options = {"epochs": 8, "batch_size": 64, "optimizer": Adam(0.003)}  # the paper: 30 epochs, learning rate 0.001
ncae = tr.ImplicitNCAE(hidden_units=64, c0=c0).fit(train, **options)
pop, ease = (its.fit(train) for its in (tr.Pop(), tr.EASE()))
metrics = {name: its.score(test) for name, its in (("popularity", pop), ("EASE", ease), ("NCAE", ncae))}
for name, its in metrics.items():
    print(f"{name:10}  HR@10 {its['hr@10']:.3f} ± {1.96 * its['hr@10_se']:.3f}  NDCG@100 {its['ndcg@100']:.3f}")
assert metrics["NCAE"]["hr@10"] > metrics["popularity"]["hr@10"]
if data.name == "lastfm":  # NCAE and EASE differ by less than one standard error
    assert abs(metrics["NCAE"]["hr@10"] - metrics["EASE"]["hr@10"]) < metrics["EASE"]["hr@10_se"]

plt.figure(figsize=(6.4, 3.8), layout="constrained")
lengths = np.array([10, 50, 100])
for shift, (name, its) in zip((-2, 0, 2), metrics.items(), strict=True):  # side by side, so that none is hidden
    hr, se = ([its[f"hr@{k}{end}"] for k in lengths] for end in ("", "_se"))
    plt.errorbar(lengths + shift, hr, yerr=1.96 * np.array(se), fmt="o-", capsize=3, label=name)
plt.gca().set(xlabel="length of the list, k (items)", ylabel="hit ratio HR@k (share of users)", ylim=0, xticks=lengths)
plt.title(f"Leave-one-out on {data.name} (bars: 95 % intervals)")
plt.legend(loc="upper left")
plt.show()

# %% [markdown]
# A model that gives all items the same score must not rank high. If only items with a *strictly* higher score counted,
# every held-out item would have rank 1. tinyrec takes the mean over all orders of tied items: each of the $m$ items
# that a user does not have is then among the first 100 with probability $100 / m$.

# %%
constant = rank(lambda users: np.zeros((len(users), len(data.items))), train.ratings, test.ratings)
m = len(data.items) - np.bincount(train.ratings.rows)[test.ratings.rows]
assert np.isclose(constant["hr@100"], (100 / m).mean())
print(f"equal scores: HR@100 {constant['hr@100']:.3f}, and 1 with ties in its favour")

# %% [markdown]
# ## 4. Ten recommendations for one user
#
# These are the items with the highest scores that the user does not have yet. One user's list does not measure a model.
# It shows how popular the items are: popularity recommends to all users the same items, less what each has already.

# %%
user = data.users.ids[0].item()
names = data.item_info.get("name", np.array([f"artist {artist}" for artist in data.items.ids]))
_, axes = plt.subplots(1, 2, figsize=(7.4, 3.8), sharex=True, layout="constrained")
for ax, (name, its) in zip(axes, (("popularity", pop), ("NCAE", ncae)), strict=True):
    ten = data.items.find([artist for artist, _ in its.recommend(user, n=10)])
    print(f"{name}, for user {user}: {', '.join(f'{names[place]} ({listeners[place]})' for place in ten)}")
    ax.barh(range(10), listeners[ten], color="C0" if its is pop else "C2")
    ax.axvline(np.median(listeners[known]), color="black", linestyle=":", label="median artist")
    ax.set(title=f"{name}, for user {user}", xlabel="listeners in training", ylim=(9.5, -0.5))
    ax.set_yticks(range(10), [names[place][:20] for place in ten], fontsize=8)
    assert not set(ten) & set(train.ratings.cols[train.ratings.rows == 0])
axes[1].legend(fontsize=8, loc="lower right")
plt.show()
assert pop.recommend(user)[0][1] == listeners[data.items.find([pop.recommend(user)[0][0]])[0]]
print("All assertions passed: the results by hand and those of tinyrec are the same.")

# %% [markdown]
# ## Questions
#
# 1. What is the weight of the most popular artist of Last.fm with $\omega = 0.5$, and with $\omega = 1$? Expect about
#    0.43, and 3.31: more than an observed cell has.
# 2. In part 3, `output="identity"` is much faster on Last.fm. What does it cost? Expect an NDCG@100 of about 0.193.
# 3. And how many different artists are on the ten-item lists of the first 100 users? Expect about 629 by this NCAE, and
#    26 by popularity.
#
# Assignment a7 asks for the weights, the loss over all cells without visiting them, and ranks
# (`tutorials/assignments/a7.md`). To train NCAE as in the paper:
# `python -m tinyrec train --model ncae --feedback implicit --dataset lastfm --save lastfm.npz`.
