"""a5: the products of a sparse matrix, compiled and parallel, without a bit that depends on the number of threads."""

from __future__ import annotations

import numpy as np

from tinyrec.backend import Array
from tinyrec.teach.assignment import Assignment, Case, Mistake, Option, Outputs, Part, Task, large_matrix, matrices

UNITS = 1, 2, 2, 3, 4, 2, 3, 2, 3  # k of each matrix of `matrices`; the square one is square in all
ADVICE = "Do not make all n x d cells, nor an array of p x k numbers."


def kernel_cases(rng: np.random.Generator) -> list[Case]:
    """The matrices; one of float32 numbers, whose sums are exact; and one of many cells, whose bits are compared."""
    cases = [with_dense(rng, c, k) for c, k in zip(matrices(rng), UNITS, strict=True)]
    many = with_dense(rng, large_matrix(rng, 40, 30, 800), 3)
    return [*cases, exact(rng), many.with_(many=True)]


def with_dense(rng: np.random.Generator, c: Case, k: int) -> Case:
    """H and W for sddmm; X for spmm, which has d rows, and Y for its transpose, which has n."""
    n, d = c.shape
    return c.with_(rows=c.rows.astype(np.int32)).drawn(rng, H=(n, k), W=(d, k), X=(d, k), Y=(n, k))


def exact(rng: np.random.Generator) -> Case:
    """Quarters, in rows of 1, 2 or 4 cells: float32 holds all their sums and means."""
    counts = np.array([2, 4, 0, 1, 2, 4])
    cols = np.concatenate([np.sort(rng.permutation(5)[:count]) for count in counts]).astype(np.int32)
    c = Case(shape=np.array([6, 5]), indptr=np.append(0, np.cumsum(counts)).astype(np.int64), cols=cols)
    c = with_dense(rng, c.drawn(rng, r=len(cols)), 3)
    names = "r", "H", "W", "X", "Y"
    return c.with_(**{name: (np.round(c[name] * 4) / 4 + 0.25).astype(np.float32) for name in names})


def only(c: Case, *names: str) -> Case:
    """The case with these dense arrays alone."""
    return Case({name: its for name, its in c.items() if name in names or name not in ("H", "W", "X", "Y")})


def cases_of(*names: str):
    return lambda rng: [only(c, *names) for c in kernel_cases(rng)]


def large_of(*names: str):
    return lambda rng: only(with_dense(rng, large_matrix(rng, 1000, 1500, 30_000), 16).with_(timed=True), *names)


def answer(kernel, dtype: str = ""):
    """c -> all outputs, y being kernel(c). dtype: of y, if it is not that of the inputs"""

    def outputs(c: Case) -> Outputs:
        found = {"y": np.asarray(kernel(c)).astype(c.r.dtype), "dtype": np.array(dtype or str(c.r.dtype))}
        return found | ({"same_bits": np.array(1), "parallel": np.array(1)} if "many" in c else {})

    return outputs


def known(says: str, kernel) -> Mistake:
    return Mistake(says, lambda c: {"y": np.asarray(kernel(c)).astype(c.r.dtype)})


def of_bits(**outputs: int):
    return lambda c: {name: np.array(its) for name, its in outputs.items()} if "many" in c else {}


def always_float64(c: Case) -> Outputs:
    return {"dtype": np.array("float64")}


def always_float32(c: Case) -> Outputs:
    return {"dtype": np.array("float32")}


SERIAL = Mistake(
    "no loop runs in parallel: it takes numba's parallel loop, and the option that turns it on.", of_bits(parallel=0)
)
BITS = Mistake(
    "the numbers depend on the order of the iterations or on the number of threads: two iterations of a parallel loop "
    "add to the same place, or each thread has a sum of its own.",
    of_bits(same_bits=0),
)
DTYPE = Mistake("the output is always float64; it has the dtype of the inputs.", always_float64)

# Task 1: sddmm


def dots(c: Case) -> Array:
    return np.array([sum(h * w for h, w in zip(c.H[i], c.W[col], strict=True)) for i, col in cells_of(c)])


def cells_of(c: Case) -> list[tuple[int, int]]:
    return [(int(i), int(col)) for i, col in zip(c.rows, c.cols, strict=True)]


def last_cells(c: Case) -> Array:
    """(p,), whether a cell is the last of its row"""
    ends = np.zeros(len(c.cols) + 1, bool)
    ends[c.indptr[1:][np.diff(c.indptr) > 0]] = True
    return ends[1:]


def running(c: Case) -> Array:
    """The sums of the cells of a row so far."""
    y = dots(c)
    for i in range(len(c.indptr) - 1):
        row = slice(c.indptr[i], c.indptr[i + 1])
        y[row] = np.cumsum(y[row])
    return y


SDDMM_MISTAKES = (
    known(
        "rows and columns are mixed up: H belongs to the row of a cell, W to its column.",
        lambda c: (c.H[c.cols] * c.W[c.rows]).sum(axis=1),
    ),
    known("the last unit is left out of the sum.", lambda c: (c.H[c.rows] * c.W[c.cols])[:, :-1].sum(axis=1)),
    known("only the last unit is left: its product replaces the sum.", lambda c: (c.H[c.rows] * c.W[c.cols])[:, -1]),
    known("the sum is not set back to 0 for the next cell of the row.", running),
    known("the last cell of each row is never written.", lambda c: np.where(last_cells(c), np.nan, dots(c))),
    known(
        "the cells of the last row are never written.",
        lambda c: np.where(c.rows == len(c.indptr) - 2, np.nan, dots(c)),
    ),
    known("all cells use the row of H of the first row.", lambda c: (c.H[0] * c.W[c.cols]).sum(axis=1)),
    known("the dot product is divided by the number of units.", lambda c: dots(c) / c.H.shape[1]),
    known("the dot products are squared.", lambda c: dots(c) ** 2),
    known(
        "the cells are in the order of the columns; they go row by row.",
        lambda c: dots(c)[np.argsort(c.cols, kind="stable")],
    ),
    DTYPE,
    SERIAL,
    BITS,
)

CONTRACT = """
    Compiled by numba; the loop over {rows} is parallel. The output has the dtype of {dense}, and the same bits for any
    number of threads. {memory}
"""

SDDMM = Task(
    title="dot products at the cells",
    stub="tinyrec.backend.reference:sddmm",
    contract=CONTRACT.format(rows="rows or columns", dense="the factors", memory="Never make p x k numbers."),
    cases=cases_of("H", "W"),
    answer=answer(dots),
    parts=(Part(("y", "dtype"), 2), Part(("y", "dtype", "same_bits", "parallel"), 2)),
    mistakes=SDDMM_MISTAKES,
    large=large_of("H", "W"),
    budget=8,
    advice=ADVICE,
    ratio=1,
    slow=1,
    tolerance=1e-12,
    seconds=60,
    megabytes=4096,
)

# Task 2: spmm


def products(c: Case) -> Array:
    out = np.zeros((c.shape[0], c.X.shape[1]))
    for (i, col), r in zip(cells_of(c), c.r, strict=True):
        for f in range(c.X.shape[1]):
            out[i, f] += r * c.X[col, f]
    return out


def counts(c: Case) -> Array:
    return np.diff(c.indptr)[:, None]


def where_no_cell(c: Case, value: float) -> Array:
    return np.where(counts(c) == 0, value, products(c))


def last_of_row(c: Case) -> Array:
    out = np.zeros((c.shape[0], c.X.shape[1]))
    for (i, col), r in zip(cells_of(c), c.r, strict=True):
        out[i] = r * c.X[col]
    return out


def one_less(c: Case) -> Array:
    return products(c.with_(r=np.where(last_cells(c), 0, c.r)))


def last_row_unset(c: Case) -> Array:
    out = products(c)
    out[-1] = np.nan
    return out


def own_rows(c: Case) -> Array:
    return products(c.with_(cols=c.rows))


SPMM_MISTAKES = (
    known("the values are not used, only where they are.", lambda c: products(c.with_(r=np.ones(len(c.r))))),
    known("a row without cells is left as it was in memory; its sum is 0.", lambda c: where_no_cell(c, np.nan)),
    known("the sums start from what happens to be in memory; they start from 0.", lambda c: products(c) + np.nan),
    known("only the last cell of a row is left: it replaces the sum.", last_of_row),
    known("the last cell of each row is left out.", one_less),
    known("the last row is never written.", last_row_unset),
    known("the sums run on into the next row.", lambda c: np.cumsum(products(c), axis=0)),
    known("the rows of X are those of the rows of S; they are those of the columns of the cells.", own_rows),
    known("it is a mean over the cells; the product has a sum.", lambda c: products(c) / np.maximum(counts(c), 1)),
    known(
        "the last unit is never written.",
        lambda c: np.where(np.arange(c.X.shape[1]) == c.X.shape[1] - 1, np.nan, products(c)),
    ),
    DTYPE,
    SERIAL,
    BITS,
)

SPMM = Task(
    title="a sparse matrix times a dense one",
    stub="tinyrec.backend.reference:spmm",
    contract=CONTRACT.format(rows="rows", dense="X", memory="A row without cells gives 0. Never make p x k numbers."),
    cases=cases_of("X"),
    answer=answer(products),
    parts=(Part(("y", "dtype"), 2), Part(("y", "dtype", "same_bits", "parallel"), 2)),
    mistakes=SPMM_MISTAKES,
    large=large_of("X"),
    budget=8,
    advice=ADVICE,
    ratio=1,
    slow=1,
    tolerance=1e-12,
    seconds=60,
    megabytes=4096,
)

# Task 3: spmm_transposed


def transposed(c: Case) -> Array:
    out = np.zeros((c.shape[1], c.Y.shape[1]))
    for (i, col), r in zip(cells_of(c), c.r, strict=True):
        for f in range(c.Y.shape[1]):
            out[col, f] += r * c.Y[i, f]
    return out


def in_columns(c: Case) -> Array:
    return np.bincount(c.cols, minlength=c.shape[1])[:, None]


def last_of_column(c: Case) -> Array:
    out = np.zeros((c.shape[1], c.Y.shape[1]))
    for (i, col), r in zip(cells_of(c), c.r, strict=True):
        out[col] = r * c.Y[i]
    return out


def not_transposed(c: Case) -> Array:
    """S X, where X has the right number of rows for it"""
    if c.shape[0] != c.shape[1]:
        raise IndexError("the shapes do not fit")
    return products(c.with_(X=c.Y))


TRANSPOSED_MISTAKES = (
    known("the values are not used, only where they are.", lambda c: transposed(c.with_(r=np.ones(len(c.r))))),
    known(
        "a column without cells is left as it was in memory; its sum is 0.",
        lambda c: np.where(in_columns(c) == 0, np.nan, transposed(c)),
    ),
    known("the sums start from what happens to be in memory; they start from 0.", lambda c: transposed(c) + np.nan),
    known("only the last cell of a column is left: it replaces the sum.", last_of_column),
    known(
        "the cells of the last row are left out.",
        lambda c: transposed(c.with_(r=np.where(c.rows == c.shape[0] - 1, 0, c.r))),
    ),
    known("the last cell of each row is left out.", lambda c: transposed(c.with_(r=np.where(last_cells(c), 0, c.r)))),
    known("the sums run on into the next column.", lambda c: np.cumsum(transposed(c), axis=0)),
    known(
        "it is a mean over the cells; the product has a sum.",
        lambda c: transposed(c) / np.maximum(in_columns(c), 1),
    ),
    known(
        "the values belong to other cells: they go along when cells are put in another order.",
        lambda c: transposed(c.with_(r=c.r[np.argsort(np.argsort(c.cols, kind="stable"))])),
    ),
    known(
        "the last column is never written.",
        lambda c: np.where(np.arange(c.shape[1]) == c.shape[1] - 1, np.nan, transposed(c).T).T,
    ),
    DTYPE,
    SERIAL,
    BITS,
)

SPMM_TRANSPOSED = Task(
    title="the transposed product",
    stub='''
    def spmm_transposed(indptr, cols, values, X, d):
        """out = Sᵀ X: out[c] = sum of values[j] X[i] over the cells j of column c, where i is the row of cell j.

        indptr (n + 1,), cols (p,), values (p,), X (n, k), the number d of columns  ->  (d, k)

        Compiled by numba, with a parallel loop. The output has the dtype of X, and the same bits for any number of
        threads. A column without cells gives 0.
        """
    ''',
    cases=cases_of("Y"),
    answer=answer(transposed),
    parts=(Part(("y", "dtype"), 1), Part(("y", "dtype", "same_bits", "parallel"), 1)),
    mistakes=TRANSPOSED_MISTAKES,
    tolerance=1e-12,
    seconds=60,
    megabytes=4096,
)

AXES = {
    "storage": {
        "by rows": Option(),
        "by columns": Option(
            "In task 1 the cells go column by column, and the row of each cell is given.",
            {
                1: (
                    ("(indptr, cols, H", "(indptr, rows, H"),
                    ("H[i] · W[cols[j]] for each cell j of row i.", "H[rows[j]] · W[c] for each cell j of column c."),
                    ("indptr (n + 1,), cols (p,)", "indptr (d + 1,), rows (p,)"),
                )
            },
        ),
    },
    "values": {
        "pattern": Option(),
        "times values": Option(
            "In task 1 the dot products are multiplied by the values of the cells.",
            {
                1: (
                    (", H, W):", ", values, H, W):"),
                    ("out[j] = ", "out[j] = values[j] "),
                    (", H (n, k)", ", values (p,), H (n, k)"),
                )
            },
        ),
    },
    "row": {
        "sum": Option(),
        "mean": Option(
            "Task 2 takes means over the cells of a row.", {2: (("out[i] = sum of values", "out[i] = mean of values"),)}
        ),
    },
    "dense": {
        "rows x units": Option(),
        "units x rows": Option(
            "In task 3 the dense arrays have a row for each unit.",
            {
                3: (
                    ("values[j] X[i] over", "values[j] X[:, i] over"),
                    ("out[c] = ", "out[:, c] = "),
                    ("X (n, k), the", "X (k, n), the"),
                    ("->  (d, k)", "->  (k, d)"),
                )
            },
        ),
    },
}

ASSIGNMENT = Assignment(
    title="Fast, and the same bits",
    minutes=120,
    tasks=(SDDMM, SPMM, SPMM_TRANSPOSED),
    needs=("numba",),
    axes=AXES,
    bonus=1,
)
