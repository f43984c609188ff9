# %% [markdown]
# # On a GPU
#
# `tinyrec/backend/kernels.cu` has the products of tutorial 05 in CUDA C. This tutorial does what its blocks and threads
# do, one after another in NumPy, then runs the kernels themselves: on an NVIDIA GPU if there is one, else on the CPU,
# where g++ compiles them for the fake CuPy of the tests. Read `05_only_the_cells_there_are.py` first. It needs
# matplotlib (`pip install matplotlib`), and no data: all ratings are made up.
#
# ## 1. Equal work for each block
#
# A GPU runs thousands of threads, in blocks that run in any order and cannot wait for each other. An epoch is over when
# the last block is. If a block owned a row, the block of the best-known movie would be that last one, as a few rows
# have most of the cells. So the work is cut in another way (Merrill and Garland 2016). It is a list of $n + p$ steps,
# one for each row, followed by one for each of its cells. A chunk is a number of consecutive steps, whatever rows they
# are of, and a block owns a chunk.

# %%
import shutil
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import tinyrec as tr
from tinyrec.backend import get_backend, reference
from tinyrec.bench.shapes import SHAPES, draw
from tinyrec.errors import BackendError
from tinyrec.optim import RProp
from tinyrec.training import fit

counts, length = np.array([9, 0, 2, 14, 1, 4]), 6  # cells of each row; steps of a chunk
steps = np.concatenate([np.full(1 + count, row) for row, count in enumerate(counts)])  # the row of each step
indptr = np.append(0, np.cumsum(counts))
starts = indptr[:-1] + np.arange(6)  # row i is step indptr[i] + i
assert np.array_equal(steps[starts], np.arange(6)) and len(steps) == 6 + 30

R = draw(SHAPES["ml-100k"]).T  # movies x users
per_row = 1 + np.diff(R.pattern.indptr)
print(f"a block for each row: the largest has {per_row.max() / per_row.mean():.1f} times the mean work")
assert per_row.max() > 8 * per_row.mean()

_, (left, right) = plt.subplots(1, 2, figsize=(8, 3), width_ratios=(3, 2), layout="constrained")
for step, row in enumerate(steps):
    colour = plt.get_cmap("Set2")(row)
    left.add_patch(plt.Rectangle((step % length, step // length), 1, 1, facecolor=colour, edgecolor="white"))
    text = f"row {row}" if step in starts else step - row - 1
    left.text(step % length + 0.5, step // length + 0.5, text, ha="center", va="center")
left.set(xlim=(0, length), ylim=(len(steps) / length, 0), xticks=[], title="6 rows and 30 cells, in 6 chunks")
left.set(yticks=np.arange(6) + 0.5, yticklabels=[f"block {block}" for block in range(6)])
right.plot(np.sort(per_row)[::-1] / per_row.mean(), label="a row each (the baseline)")
right.plot([0, len(per_row)], [1, 1], label="a chunk each")
right.set(xlabel="block, largest first", title="shape of ml-100k")
right.set(ylabel="work / mean work", yscale="log", ylim=(0.01, 100))
right.legend(loc="upper right")
plt.show()

# %% [markdown]
# ## 2. spmm: a thread for each column
#
# Each thread of the block goes through the chunk for one column of $X$: neighbouring threads read neighbouring numbers,
# which the memory delivers together. A row is written to `out` by the block in which it begins. If it goes on in later
# chunks, their blocks cannot add to it, since they may run first. Each stores its part in `partial`, and a second
# kernel adds the parts, in ascending order. So the order of the blocks changes no bit. An atomic addition would need no
# second kernel, and would give other bits in each run.


# %%
def spmm(indptr, cols, values, X, length, order):
    """As in kernels.cu: a block for each chunk, here one after another, in this order."""
    n, p = len(indptr) - 1, len(cols)
    starts = indptr[:-1] + np.arange(n)
    out, partial = np.full((n + 1, X.shape[1]), np.nan), np.zeros((len(order), X.shape[1]))
    for chunk in order:
        start, stop = chunk * length, min((chunk + 1) * length, n + p)
        row, last = np.searchsorted(starts, [start, stop])  # by binary search: how many rows begin before
        j, end, target = start - row, stop - last, partial[chunk]  # the cells j to end are of this chunk
        for i in range(row, last + 1):
            row_end = min(indptr[i], end)
            target[:] = values[j:row_end] @ X[cols[j:row_end]]  # a thread for each column
            j, target = row_end, out[i]
    for chunk in range(1, len(order)):  # the second kernel: the row that began before the chunk
        out[np.searchsorted(starts, chunk * length) - 1] += partial[chunk]
    return out[:-1]


rng = np.random.default_rng(0)
arrays, X = (R.pattern.indptr, R.cols, R.values), rng.normal(size=(R.shape[1], 8))
chunks = -(-(R.shape[0] + R.size) // 32)
ascending, shuffled = (spmm(*arrays, X, 32, order) for order in (range(chunks), rng.permutation(chunks)))
assert np.array_equal(ascending, shuffled)  # to the last bit
assert np.allclose(ascending, reference.spmm(*arrays, X))

# %% [markdown]
# ## 3. sddmm: a warp for a chunk
#
# $h_i \cdot w_c$ is one number for each cell, too little for a block. A warp is 32 threads, its lanes, that run
# together and read each other's registers. Lane $l$ sums the products at columns $l, l + 32, l + 64, \dots$ Then lane
# $l$ adds what lane $l + 16$ has, then lane $l + 8$, and so on: after five additions, lane 0 has the dot product. The
# kernel does four cells of a row at once, so that $h_i$ is read once for all of them.

# %%
h, w = rng.normal(size=500), rng.normal(size=500)
lanes = np.array([h[lane::32] @ w[lane::32] for lane in range(32)])
columns = [np.array([len(h[lane::32]) for lane in range(32)])]  # how many columns are in the sum of each lane
for distance in (16, 8, 4, 2, 1):
    lanes[:distance] += lanes[distance : 2 * distance]
    columns.append(np.where(np.arange(32) < distance, columns[-1] + np.roll(columns[-1], -distance), 0))
assert np.isclose(lanes[0], h @ w) and columns[-1][0] == 500

plt.figure(figsize=(6, 2.6), layout="constrained")
plt.imshow(np.ma.masked_equal(columns, 0), aspect="auto", norm="log")
plt.colorbar(label="columns in its sum", ticks=[16, 32, 64, 128, 256, 500], format="%d").minorticks_off()
plt.yticks(range(6), ["own columns", *(f"+ lane l + {distance}" for distance in (16, 8, 4, 2, 1))])
plt.gca().set(xlabel="lane l", title="the reduction of a warp, k = 500 (white: no longer needed)")
plt.show()

# %% [markdown]
# ## 4. The kernels themselves
#
# `gpu.py` compiles them at the first use and launches them. Without a GPU, the fake CuPy takes its place. It runs the
# same source, thread by thread, and is stricter than CuPy: it counts each copy between host and device, and refuses
# those that CuPy would make silently.

# %%
root, backend, fake = Path(tr.__file__).parents[1], None, None
try:
    backend = get_backend("cupy")
except BackendError:
    if shutil.which("g++") and (root / "tests" / "fake_cupy").exists():
        sys.path.insert(0, str(root))
        from tests import fake_cupy

        with fake_cupy.installed() as fake:
            backend = get_backend("cupy")
print(f"GPU: {'none, and no fake CuPy' if backend is None else 'the fake CuPy' if fake else 'a real one'}")

small = tr.make_synthetic(60, 40, 900).ratings.T.to("reference", np.float64)
model = tr.AutoRec(hidden_units=40, l2=1.0)
expected = [epoch.loss for epoch in fit(model, small, RProp(), epochs=3)]
if backend:
    on_device = small.to("cupy")
    for epoch, loss in zip(fit(model, on_device, RProp(), epochs=3), expected, strict=True):
        assert np.isclose(epoch.loss, loss, rtol=1e-10)
        if fake:
            seen = fake.fake_counts
            copies = f"{seen.to_device} copies to the GPU, {seen.to_host} back"
            print(f"epoch {epoch.number}: {seen.launches} launches of our kernels, {copies}")
            assert epoch.number == 1 or (seen.to_device, seen.to_host) == (0, 1)
            seen.reset()

# %% [markdown]
# The ratings and the weights go to the GPU once. From then on, an epoch on the full batch copies nothing to the GPU,
# and one small array back: the loss and the sum of each gradient, to see whether they are finite. (The first line shows
# the copies of the beginning, too.) All else is queued: Python launches a kernel while the last one runs.
#
# ## 5. What to expect of a card
#
# Measured on one NVIDIA H100 in November 2026 (CuPy 14.2, float32, 500 hidden units, `python -m tinyrec bench`):
# milliseconds an epoch of I-AutoRec, beside those of two cores of an AMD EPYC from the page of results. They are copied
# here, not measured by this page.
#
# For your own card, `python -m tinyrec doctor --gpu` checks the kernels and two fits against the CPU, times an epoch on
# both, and prints a text for a bug report.

# %%
h100 = {"ml-100k": 1.05, "ml-1m": 2.43, "ml-10m": 20.3, "netflix": 258}
cpu = {"ml-100k": 13, "ml-1m": 125, "ml-10m": 1340, "netflix": 17500}
ratings = np.array([its.ratings for its in SHAPES.values()])
gathered = 5 * 4 * 500 * ratings / 1e9  # GB, by the five products of an epoch
speed = dict(zip(SHAPES, gathered / list(h100.values()), strict=True))  # TB/s
print({name: f"{its:.1f} TB/s" for name, its in speed.items()})
assert np.isclose(gathered[1], 10, atol=0.01) and np.isclose(speed["ml-1m"], 4.1, atol=0.05)

plt.figure(figsize=(6, 3.2), layout="constrained")
plt.loglog(ratings, list(cpu.values()), "s--", label="two CPU cores (the baseline)")
plt.loglog(ratings, list(h100.values()), "o-", label="H100")
for name, x in zip(SHAPES, ratings, strict=True):
    plt.text(x, 2 * cpu[name], f"{name}\n{cpu[name] / h100[name]:.0f} x", ha="center")
plt.gca().set(xlabel="ratings", xlim=(4e4, 3e8), ylabel="ms an epoch", ylim=(0.5, 3e5), title="AutoRec, 500 units")
plt.legend(loc="lower right")
plt.show()
print("each block in NumPy gives what the kernel is specified to give")

# %% [markdown]
# An epoch of ML-1M gathers 10 GB in 2.4 ms. That is 4.1 TB/s, more than the memory of the card delivers (3.35 TB/s by
# its data sheet): the caches answer most reads, which is why `spmm` works on 64 columns of $X$ at a time. Small data
# gain least. The accuracy is the same: over eleven seeds, the RMSE on the card minus that on the CPU is 0.0001 in the
# mean.
#
# ## Questions
#
# 1. How many steps has ML-1M by item, and how many has a chunk of spmm for $k = 500$? Read `_split` in `gpu.py`.
#    (Expect 1,003,915 and 240.)
# 2. In part 2, let each block add to `out` at once, without `partial`, and shuffle. How far are two orders apart at
#    most? (Expect about 6e-14, and not 0.)
# 3. Train with `Adam()` and `batch_size=10` on the fake CuPy. How many copies to the GPU has an epoch? (Expect 4.)
#
# Assignment: [a5, fast, and the same bits](assignments/a5.md), where threads of the CPU must not race either.
