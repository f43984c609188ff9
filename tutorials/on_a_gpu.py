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
from tinyrec.reproduce import gpu_page, pages
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
# ## 2. spmm: a thread for two columns
#
# Each thread of the block goes through the chunk for two neighbouring columns of $X$ (`WIDTH` in `kernels.cu`), which
# one instruction reads. Neighbouring threads read neighbouring numbers, which the memory delivers together. A row is
# written to `out` by the block in which it begins. If it goes on in later chunks, their blocks cannot add to it, since
# they may run first. Each stores its part in `partial`, and the block in which the row begins notes it as `unfinished`.
# A second kernel completes these rows, adding the parts in ascending order. So the order of the blocks changes no bit.
# An atomic addition would need no second kernel, and would give other bits in each run.


# %%
def spmm(indptr, cols, values, X, length, order):
    """As in kernels.cu: a block for each chunk, here one after another, in this order."""
    n, p = len(indptr) - 1, len(cols)
    starts = indptr[:-1] + np.arange(n)
    out, partial = np.full((n + 1, X.shape[1]), np.nan), np.zeros((len(order), X.shape[1]))
    unfinished = np.empty(len(order), int)  # of each chunk, the row that begins in it and goes on after it
    for chunk in order:
        start, stop = chunk * length, min((chunk + 1) * length, n + p)
        row, last = np.searchsorted(starts, [start, stop])  # by binary search: how many rows begin before
        j, end, target = start - row, stop - last, partial[chunk]  # the cells j to end are of this chunk
        unfinished[chunk] = last - 1 if last > row and indptr[last] > end else -1
        for i in range(row, last + 1):
            row_end = min(indptr[i], end)
            target[:] = values[j:row_end] @ X[cols[j:row_end]]  # a thread for two columns
            j, target = row_end, out[i]
    for chunk in np.flatnonzero(unfinished >= 0):  # add_partial, the second kernel: a block for each chunk
        row = unfinished[chunk]
        out[row] += partial[chunk + 1 : (indptr[row + 1] + row) // length + 1].sum(axis=0)  # to its last chunk
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
# together and read each other's registers. Four neighbouring columns are a group, read at once; lane $l$ sums the
# products of groups $l, l + 32, l + 64, \dots$ Then it adds what lane $l + 16$ has, then lane $l + 8$, and so on: after
# five additions, lane 0 has the dot product. The kernel does two cells of a row at once, so that $h_i$ is read once.

# %%
h, w = rng.normal(size=(125, 4)), rng.normal(size=(125, 4))  # k = 500
lanes = np.array([np.sum(h[lane::32] * w[lane::32]) for lane in range(32)])
columns = [np.array([h[lane::32].size for lane in range(32)])]  # how many columns are in the sum of each lane
for distance in (16, 8, 4, 2, 1):
    lanes[:distance] += lanes[distance : 2 * distance]
    columns.append(np.where(np.arange(32) < distance, columns[-1] + np.roll(columns[-1], -distance), 0))
assert np.isclose(lanes[0], np.sum(h * w)) and columns[-1][0] == 500

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
# the copies of the beginning, too.) All else is queued: Python launches a kernel while the last one runs. One launch
# updates all parameters, and one adds up all gradients, as a launch can take longer than a small array does.
#
# In mini-batches, an epoch copies the order of its rows to the GPU, which sorts the cells of all batches at once. A
# step copies nothing there, and one line of sums back, read while the GPU does the next step. Noise is drawn there,
# too: each thread jumps to its part of the sequence of NumPy's PCG64, and draws the same bits.
#
# ## 5. What to expect of a card
#
# The results of tinyrec keep what `python -m tinyrec bench` measured on a GPU: I-AutoRec, 500 hidden units, in float32.
# On your own card, `python -m tinyrec doctor --gpu` compares the kernels and two fits with the CPU, and times an epoch.

# %%
kept = gpu_page.read_extras(pages.RESULTS)
for shape, bench in kept.shapes:
    seconds, memory = shape["epoch"]["seconds"], bench["ceilings"]["memory_gb_per_s"] / 1000
    rate = 5 * 4 * bench["hidden_units"] * shape["ratings"] / 1e12 / seconds  # TB/s that the five products gather
    print(f"an epoch of {shape['shape']} takes {1000 * seconds:.3g} ms: {rate:.1f} TB/s; of memory: {memory:.1f}")
if len(kept.shapes) > 1:
    plt.figure(figsize=(6, 3.2), layout="constrained")
    for name, ms in gpu_page.curves(kept).items():
        plt.loglog(list(ms), list(ms.values()), "o-", label=name)
    plt.gca().set(xlabel="ratings", ylabel="ms an epoch", title=gpu_page.caption(kept).partition(",")[0])
    plt.legend()
    plt.show()
print("each block in NumPy gives what the kernel is specified to give")

# %% [markdown]
# Where the products gather more than the memory can deliver in this time, the caches answer the rest of the reads, and
# bound the products. So `spmm` works on 64 columns of $X$ at a time, which can stay in the cache for all rows, and a
# thread reads several at once, in fewer requests. The [results](../tinyrec/reproduce/results/README.md) tell the RMSE.
#
# ## Questions
#
# 1. How many steps has ML-1M by item, and how many has a chunk of spmm for $k = 500$? Read `_split` in `gpu.py`.
#    (Expect 1,003,915 and 120.)
# 2. In part 2, let each block add to `out` at once, without `partial`, and shuffle. How far are two orders apart at
#    most? (Expect about 6e-14, and not 0.)
# 3. Train with `Adam()` and `batch_size=10` on the fake CuPy. How many copies to the GPU has an epoch? (Expect 1.)
#
# Assignment: [a5, fast, and the same bits](assignments/a5.md), where threads of the CPU must not race either.
