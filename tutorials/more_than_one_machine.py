# %% [markdown]
# # More than one machine
#
# What to do when ratings outgrow one machine: first, whether they do; then, how an autoencoder is shared out over
# several processes so that they train exactly what one process trains. Nothing here needs MPI: the processes are
# threads, which you can step through. The last part says how to run the same with MPI.
#
# ## 1. Do you need it?
#
# One parameter of an I-AutoRec with 100 hidden units for 40 million users takes 40 000 000 · 100 · 4 bytes = 16 GB.
# V, W, their gradients and RProp's state are eight of these, 128 GB: one large machine holds them. And most users have
# few ratings. Leave those out and fold them in afterwards (`with_ratings`): a new user needs a small linear system and
# no training. Folding half of the users in costs an RMSE of less than 0.01.

# %%
import threading
from concurrent.futures import ThreadPoolExecutor

import matplotlib.pyplot as plt
import numpy as np

import tinyrec as tr
from tinyrec.data.sets.fetch import find
from tinyrec.parts import united
from tinyrec.shard import Shard

data = tr.load_dataset("ml-100k" if find("ml-100k") else "synthetic")
train, test = tr.split_random(data, test=0.1, seed=0)
counts = np.bincount(train.ratings.rows, minlength=len(train.users))
is_active = counts >= np.median(counts)
active, others = (train.select(which[train.ratings.rows]) for which in (is_active, ~is_active))
tested = test.select(~is_active[train.users.find(test.users.ids)][test.ratings.rows])  # users who are folded in

model = tr.AutoRec(hidden_units=50, l2=100.0, center=True)
whole = model.fit(train, epochs=40, seed=0).score(tested)["rmse"]
folded = model.fit(active, epochs=40, seed=0).with_ratings(others).score(tested)["rmse"]
biases = tr.Bias().fit(train).score(tested)["rmse"]
print(f"{data.name}: the active half of the users has {active.ratings.size / train.ratings.size:.0%} of the ratings")
print(f"RMSE for the other half: trained with all {whole:.4f}, folded in {folded:.4f}, biases {biases:.4f}")
assert active.ratings.size > 0.6 * train.ratings.size and whole < folded < biases and folded - whole < 0.01

# %% [markdown]
# ## 2. The algebra
#
# $R$ is $n \times d$: for an I-AutoRec a row is an item and a column is a user. Share out the **columns**: rank $r$, a
# process, has the columns $R_r$, the rows $V_r$, $W_r$ and $b_r$ that belong to them, and the optimiser's state for
# these rows. Everything else, such as $\mu$ and the codes $H$, is the same on all ranks. Then
#
# | on paper | on rank $r$ | who else |
# | --- | --- | --- |
# | $Z = R V$ | $R_r V_r$ | **a sum over the ranks**, $(n, k)$ |
# | $Y = H W^T + b$ | $H W_r^T + b_r$ at own cells | nobody |
# | $dH = E W$ | $E_r W_r$ | **a sum over the ranks**, $(n, k)$ |
# | $dW = E^T H$, $dV = R^T dZ$ | own rows | nobody |
#
# Two sums of $n k$ numbers for each pass over the rows. The number of users is not in it.

# %%
rng = np.random.default_rng(0)
R, V, dZ = rng.random((6, 10)), rng.random((10, 3)), rng.random((6, 3))
left, right = slice(0, 4), slice(4, 10)  # the columns of two ranks
assert np.allclose(R[:, left] @ V[left] + R[:, right] @ V[right], R @ V, rtol=1e-12)  # one sum
assert np.allclose(np.vstack([R[:, left].T @ dZ, R[:, right].T @ dZ]), R.T @ dZ, rtol=1e-12)  # no sum

# %% [markdown]
# ## 3. Ranks that are threads
#
# `Shard` is a matrix with the columns of one rank, whose product `R @ X` is summed over the ranks, so no model knows of
# ranks. It needs a few methods of a communicator. Those of mpi4py have them, and so have these threads:


# %%
class Comm:
    def __init__(self, rank, size, barrier, sent):
        self.rank, self.size, self.Barrier, self.sent = rank, size, barrier.wait, sent

    def allgather(self, value):
        self.sent[self.rank] = value
        self.Barrier()
        values = list(self.sent)
        self.Barrier()
        return values

    def bcast(self, value, root):
        return self.allgather(value)[root]

    def Allreduce(self, sent, received):
        received[...] = sum(self.allgather(sent))

    def Allgatherv(self, sent, received):
        received[0][...] = np.concatenate(self.allgather(sent))


def on_ranks(size, function):
    barrier, sent = threading.Barrier(size), [None] * size
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(lambda rank: function(Comm(rank, size, barrier, sent)), range(size)))


# Four ranks, one pass: the loss and every gradient are those of one process. The bytes are counted.
small = tr.make_synthetic(200, 300, 6000, seed=0).ratings.T.to("reference", np.float64)  # 300 items x 200 users
model = tr.AutoRec(hidden_units=20, l2=5.0)
params = model.init(small, np.random.default_rng(0))
loss, grads = model.loss_and_grads(params, small)


def one_pass(comm):
    S = Shard.of(small, comm)
    before = S.traffic.bytes
    loss, grads = model.loss_and_grads(S.cut(params), S)
    print(f"a rank with {S.shape[1]} users, {S.size} ratings: {(S.traffic.bytes - before) / 1e3:.0f} kB summed")
    assert S.traffic.bytes - before == 2 * 300 * 20 * 8  # two sums of n k float64 numbers
    return S.total(loss), S.gathered(grads)


for its_loss, its_grads in on_ranks(4, one_pass):
    assert np.isclose(its_loss, loss, rtol=1e-12)
    assert all(np.allclose(its_grads[name], grads[name], rtol=1e-9, atol=1e-9) for name in grads)

# %% [markdown]
# ## 4. Training, and what goes wrong
#
# The loss is summed, too, so that all ranks stop together, and of the penalty of a hidden layer, which all ranks have,
# one rank's is counted. Noise needs a generator a rank: ranks draw different numbers of it.
#
# If no machine has all ratings, each rank reads a part: some users, and all of their ratings. Items are united, sums
# are over the ranks, and a rank's model serves its users alone: it keeps the codes, which take all users to compute.


# %%
def of_part(comm):
    users, items, r = train.select(train.ratings.rows % 2 == comm.rank).triples()
    part = united(tr.Dataset.from_triples(users, items, r), comm)
    fitted = tr.AutoRec(hidden_units=50, l2=100.0, center=True).fit(part, epochs=40, seed=0)
    own = test.select(fitted.data.users.find(test.triples()[0]) >= 0)
    return f"a rank with {len(fitted.data.users)} users: RMSE {fitted.score(own)['rmse']:.4f} for them"


print(*on_ranks(2, of_part), sep="\n")

# %% [markdown]
# ## 5. On paper: a billion users
#
# 10⁹ users, 10⁷ items, 10¹¹ ratings, $k = 100$. Stated, not measured: 0.7 ns of a core for each rating and hidden unit;
# 32 cores a machine; RProp reads and writes five arrays at 100 GB/s; in a ring, each of $P$ ranks sends
# $2 (P - 1) / P$ times the array, twice an epoch, at 100 or 10 Gbit/s.


# %%
def epoch(ranks, gbit, users=1e9, items=1e7, ratings=1e11, k=100):
    """Memory of a rank in GB, and the seconds of an epoch that compute and that communicate."""
    weights, codes = 2 * users * k, items * k
    memory = (weights * 4 * 5 + ratings * 56) / ranks + 7 * codes * 4
    computing = ratings * k * 0.7e-9 / 32 / ranks + weights * 4 * 5 / ranks / 100e9
    return memory / 1e9, computing, 2 * 2 * (ranks - 1) / ranks * codes * 4 / (gbit * 1e9 / 8)


sizes = np.array([4, 8, 16, 32, 64, 128, 256])
for ranks in sizes:
    print("{:4} ranks: {:5.0f} GB each, {:4.1f} s computing, {:.1f} s sending".format(ranks, *epoch(ranks, 100)))
fast, slow = ([sum(epoch(ranks, gbit)[1:]) for ranks in sizes] for gbit in (100, 10))
assert fast[-1] < fast[0] / 10 and slow[-1] > slow[0] / 6  # with a slow network, machines are wasted

plt.figure(figsize=(6.4, 4), layout="constrained")
for gbit, seconds, style in zip((100, 10), (fast, slow), ("o-", "s--"), strict=True):
    plt.loglog(sizes, seconds, style, label=f"network of {gbit} Gbit/s")
plt.loglog(sizes, [epoch(ranks, 1)[1] for ranks in sizes], ":", color="gray", label="no communication")
plt.gca().set(xlabel="machines", ylabel="seconds an epoch (on paper)", title="A billion users, ten million items")
plt.legend()
plt.show()

# %% [markdown]
# ## 6. With MPI
#
#     pip install "tinyrec[mpi]"
#     mpiexec -n 4 python -m tinyrec train --mpi --dataset ml-1m --save ml-1m.npz
#     mpiexec -n 4 python -m tinyrec train --mpi --dataset 'ratings-{rank}.csv' --save 'model-{rank}.npz'
#
# First, every rank reads all ratings, and there is one model file. Then, with parts, each has a file of its own, from
# which every command serves its users without MPI. An error on one rank ends all, with its sentence and exit code.
# Ctrl-C stops after the epoch; `--resume` continues from `--checkpoint DIR` or, on as many ranks, `'DIR-{rank}'`.
# L-BFGS, models of pairs and models of your own are refused. Tested with processes of one machine, never on several
# machines. Many *different* trainings, as in `reproduce --jobs`, need none of this: joblib runs them on dask, too.
#
# What does not scale: the codes, $n k$ numbers on every rank; the layers between hidden layers, which every rank
# computes whole; and the start, where every rank draws all parameters to keep its own.

# %%
print("All assertions passed: ranks train what one process trains.")

# %% [markdown]
# ## Questions
#
# 1. How many bytes does an epoch on MovieLens 1M send for each rank's part of the sums, with 3706 items and 500 hidden
#    units in float32? Expect 14.8 MB, for 2 ranks as for 20, and for ten times as many users.
# 2. On 64 machines with 10 Gbit/s, which part of an epoch is spent on the network? Expect about three quarters.
# 3. Leave a sum out: put `S.total = lambda x: x` below the first line of `one_pass`. Expect half of the bytes. Without
#    that assertion each rank encodes its own columns alone, returns its own loss, and nothing stops.
#
# Assignment: [a8](assignments/a8.md), somebody new, folds a user in.
