# %% [markdown]
# # Only the cells there are
#
# Fewer than 5 % of the cells of MovieLens 1M are rated. This tutorial stores a matrix by its rated cells, multiplies it
# cell by cell, and asks what makes these loops fast and their result the same to the last bit. Read
# `01_autorec_by_hand.py` first. It needs matplotlib (`pip install matplotlib`), and no data: all ratings are made up.
#
# ## 1. Three arrays
#
# Ratings as in tutorial 01, a row for each movie. Nobody has rated Dumbo: an empty row is a case that all code must
# survive. CSR, compressed sparse rows, goes through the matrix row by row and writes three arrays: `values` $(p,)$, the
# ratings; `cols` $(p,)$, the column of each; and `indptr` $(n + 1,)$, where each row begins. The cells of row $i$ are
# `indptr[i]` to `indptr[i + 1]`, so an empty row has the same number twice. A stored 0 would be a rating like any
# other. Nothing below asks whether a value is 0.

# %%
import timeit

import matplotlib.pyplot as plt
import numpy as np

from tinyrec.backend import get_backend, reference
from tinyrec.bench.shapes import SHAPES, Shape, draw
from tinyrec.sparse import Ratings

na, movies, people = np.nan, ["Alien", "Brazil", "Casablanca", "Dumbo", "Eraserhead"], ["Ann", "Bob", "Cem", "Dee"]
X = np.array([[5, 4, 1, na], [4, na, na, 1], [na, 5, 2, 1], [na, na, na, na], [na, 2, 5, 5]])  # (n movies, d users)
n, d = X.shape

rows, cols = np.nonzero(~np.isnan(X))  # (p,), row by row
values, p = X[rows, cols], len(rows)
indptr = np.append(0, np.cumsum((~np.isnan(X)).sum(axis=1)))  # (n + 1,)
print(f"indptr {indptr}\ncols   {cols}\nvalues {values}")

R = Ratings.from_cells(rows, cols, values, (n, d))
assert np.array_equal(R.pattern.indptr, indptr) and np.array_equal(R.cols, cols) and np.array_equal(R.values, values)
assert indptr[3] == indptr[4] == 8  # Dumbo has no cell

# %% [markdown]
# Each row has a colour. The rows lie end to end in `cols` and `values`, and `indptr` points between them.

# %%
colours = plt.get_cmap("Set2")(range(n))
_, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), width_ratios=(2, 5), layout="constrained")


def box(axes, x, y, value, colour):
    axes.add_patch(plt.Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="white"))
    axes.text(x, y, "" if np.isnan(value) else f"{value:g}", ha="center", va="center")


for i, j in np.ndindex(n, d):
    box(left, j, i, X[i, j], "whitesmoke" if np.isnan(X[i, j]) else colours[i])
for cell in range(p):
    box(right, cell, 2, values[cell], colours[rows[cell]])
    box(right, cell, 1, cols[cell], colours[rows[cell]])
for i, start in enumerate(indptr):
    x = start - 0.5 - 0.42 * (start in indptr[i + 1 :])  # the number of the empty row stands beside the next one's
    right.text(x, 3.6, start, ha="center", backgroundcolor=colours[i] if i < n else "white")
    right.annotate("", (start - 0.5, 2.5), (x, 3.5), arrowprops={"arrowstyle": "->"})
left.set(title=f"{n} x {d} cells, {p} of them rated", xticks=range(d), xticklabels=people, xlim=(-0.5, d - 0.5))
left.set(yticks=range(n), yticklabels=movies, ylim=(n - 0.5, -0.5), frame_on=False)
right.set(title="the three arrays of CSR", xlim=(-1.5, p), ylim=(0.4, 4.2), xticks=range(p), xlabel="cell")
right.set(yticks=[1, 2, 3.75], yticklabels=["cols", "values", "indptr"], frame_on=False)
plt.show()

# %% [markdown]
# ## 2. Two products
#
# The input layer of AutoRec is $R V$, a sparse matrix times a dense one (spmm): each rating adds its multiple of a row
# of $V$ to a row of the result. Of the output layer $H W^T$, only the rated cells stand under the norm of equation 2: a
# dot product for each of them (sddmm, the sampled product of two dense matrices). Cell by cell:

# %%
rng = np.random.default_rng(0)
V, W, H = rng.normal(size=(d, 3)), rng.normal(size=(d, 3)), rng.normal(size=(n, 3))
Z = np.zeros((n, 3))
for i, c, r in zip(rows, cols, values, strict=True):
    Z[i] += r * V[c]
y = np.array([H[i] @ W[c] for i, c in zip(rows, cols, strict=True)])  # (p,)
assert np.allclose(Z, np.nan_to_num(X) @ V) and np.allclose(Z, R @ V) and not Z[3].any()
assert np.allclose(y, (H @ W.T)[rows, cols]) and np.allclose(y, R.sampled(H, W))

# %% [markdown]
# ## 3. Who owns a place of the output?
#
# Let each thread do some rows of $R$. In $R V$, the cells of row $i$ add to row $i$ of the output and to no other: each
# place has one owner. In $R^T dZ$, which the backward pass needs, they add to many rows of the output, and threads
# meet. Each addition would have to be atomic. That is slow, and worse: the threads come in another order each time, and
# in floating point the order of a sum decides about its last bits. RProp reads signs, and a sign may hang on that.

# %%
large, one = np.float32(1e8), np.float32(1)
assert (large - large) + one == 1 and (one + large) - large == 0

many = rng.standard_normal(1000).astype(np.float32)
sums = {float(np.cumsum(many[rng.permutation(1000)])[-1]) for _ in range(100)}  # cumsum adds one after another
print(f"the same 1000 numbers, added in 100 orders, have {len(sums)} sums")
assert len(sums) > 10

# %% [markdown]
# So tinyrec also stores the transpose: the same cells, sorted by column; `order` says which cell of $R$ each is. The
# backward pass gathers `values[order]`, and runs the same loop as the forward pass. Each place has one owner again,
# which adds in a fixed order: no atomics, and the same bits with any number of threads.

# %%
order, dZ = R.pattern.order, rng.normal(size=(n, 3))
assert np.array_equal(R.T.values, values[order]) and np.array_equal(R.T.cols, rows[order])
assert np.allclose(R.T @ dZ, np.nan_to_num(X).T @ dZ)

_, panels = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True, layout="constrained")
titles = "a thread for each row of R:\nthreads meet", "a thread for each row of the transpose:\none owner a place"
for axes, title, threads, its in zip(panels, titles, (rows, R.T.rows), (cols, R.T.rows), strict=True):
    for thread, place in zip(threads, its, strict=True):
        axes.plot([0, 1], [thread, place], color=colours[thread], linewidth=2)
        axes.text(-0.06, thread, f"thread {thread}", ha="right", va="center", color=colours[thread], weight="bold")
    writers = [len(set(threads[its == place])) for place in range(d)]
    for place in range(d):
        axes.text(1.06, place, f"place {place}: {writers[place]} thread{'s' * (writers[place] > 1)}", va="center")
    axes.set(title=title, xlim=(-0.5, 1.8), ylim=(n - 0.5, -0.5))
    axes.axis("off")
    assert (max(writers) == 1) == (its is not cols)
plt.show()

# %% [markdown]
# ## 4. Memory
#
# A rating costs 8 bytes, 4 for its value and 4 for its column; a row 8, for its place in `indptr`; and a cell that is
# not rated nothing. The dense matrix costs 4 bytes a cell in the same float32.

# %%
users, items, ratings = np.transpose([(its.users, its.items, its.ratings) for its in SHAPES.values()])
dense, sparse = 4 * users * items / 1e9, (8 * ratings + 8 * (users + 1)) / 1e9
assert np.allclose(dense / sparse, [7.9, 11.1, 37.0, 42.3], atol=0.05)
assert ratings[1] / (users[1] * items[1]) < 0.05  # ML-1M

plt.figure(figsize=(6, 3.2), layout="constrained")
plt.plot(ratings, dense, "s--", label="dense (the baseline)")
plt.plot(ratings, sparse, "o-", label="CSR")
for name, x, top, ratio in zip(SHAPES, ratings, dense, dense / sparse, strict=True):
    plt.annotate(f"{name}\n{ratio:.1f} x", (x, top), (0, 8), textcoords="offset points", ha="center")
plt.gca().set(xscale="log", xlim=(4e4, 3e8), xlabel="ratings", title="users x items, float32")
plt.gca().set(yscale="log", ylim=(3e-4, 1e3), ylabel="memory of R (GB)")
plt.legend(loc="lower right")
plt.show()

# %% [markdown]
# ## 5. Time, and how to step through it
#
# `backend/reference.py` has the products in plain NumPy, a row at a time, and `backend/cpu.py` in loops that numba
# compiles. Seconds depend on the machine, so here are ratios: cells per second, with NumPy as 1.
#
# To follow a product in a debugger, take plain NumPy: `model.fit(train, backend="reference")`, or `R.to("reference")`.
# To step through the loops themselves, set the environment variable `NUMBA_DISABLE_JIT=1` before Python starts: then
# `cpu.py` runs as Python, in one thread. `py_func` below is a loop in that form.

# %%
big = draw(Shape(1000, 1500, 100_000)).take_rows(np.arange(200))
arrays, V = (big.pattern.indptr, big.cols, big.values), rng.standard_normal((1500, 64)).astype(np.float32)


def cells_per_second(run, cells, repeats):
    return cells / min(timeit.repeat(run, number=1, repeat=repeats))


def in_python():
    out = np.empty((3, 64), np.float32)
    getattr(cpu._spmm_rows, "py_func", cpu._spmm_rows)(0, 3, *arrays, V, out, len(V))
    return out


speeds = {"NumPy, a row at a time": cells_per_second(lambda: reference.spmm(*arrays, V), big.size, 20)}
if get_backend("numpy").name == "numpy":  # else numba cannot be used here
    from tinyrec.backend import cpu

    for part in (in_python(), cpu.spmm(*arrays, V)[:3]):
        assert np.allclose(part, reference.spmm(*arrays, V)[:3], atol=1e-3)  # float32, in another order of additions
    speeds = {"loops, in Python": cells_per_second(in_python, big.pattern.indptr[3], 3)} | speeds
    compiled = f"loops, compiled ({cpu.THREADS} thread{'s' * (cpu.THREADS > 1)})"
    speeds[compiled] = cells_per_second(lambda: cpu.spmm(*arrays, V), big.size, 50)
    assert speeds[compiled] > 20 * speeds["loops, in Python"] or not hasattr(cpu._spmm_rows, "py_func")

ratios = [speed / speeds["NumPy, a row at a time"] for speed in speeds.values()]
plt.figure(figsize=(6, 2.4), layout="constrained")
plt.bar_label(plt.barh(list(speeds), ratios), [f"{ratio:.2g} x" for ratio in ratios], padding=3)
plt.axvline(1, color="gray", linestyle="--")
plt.gca().set(xscale="log", xlim=(min(ratios) / 3, max(ratios) * 4), xlabel="cells per second, NumPy = 1 (dashed)")
plt.title("spmm on this machine, k = 64, float32")
plt.show()
print("the loops by hand, NumPy's and numba's give the same numbers")

# %% [markdown]
# ## Questions
#
# 1. How many bytes are the three arrays of ML-1M, users x items, in float32? (Expect 8,050,000; dense, 89,536,960.)
# 2. Which share of the cells must be rated for CSR to be larger than the dense matrix? (Expect about 0.50.)
# 3. Add the numbers of part 3 in float64, in 100 orders, and round to float32. How many sums are left? (Expect 1.)
#
# Assignments: [a5, fast, and the same bits](assignments/a5.md), and [a1, what is not there](assignments/a1.md).
