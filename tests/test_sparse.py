import copy
import pickle
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import GENERATORS, as_dense, fetch, from_dense, matrices, put
from tinyrec.errors import DataError, UsageError
from tinyrec.sparse import Ratings


def assert_same(actual, expected):
    """The same cells with the same values; values are compared as bits, so that no rounding passes for equal."""
    actual = actual.to("reference")
    assert actual.shape == expected.shape
    np.testing.assert_array_equal(actual.pattern.indptr, expected.pattern.indptr)
    np.testing.assert_array_equal(actual.cols, expected.cols)
    np.testing.assert_array_equal(actual.values, expected.values)


def assert_close(actual, expected):
    np.testing.assert_allclose(fetch(actual), expected, rtol=1e-12, atol=1e-12)


@given(R=matrices(), rng=GENERATORS)
def test_products_are_those_of_the_dense_matrix(backend, R, rng):
    (n, d), (r, _) = R.shape, as_dense(R)
    X, Y = rng.standard_normal((d, 3)), rng.standard_normal((n, 3))
    assert_close(R.to(backend) @ put(X, backend), r @ X)
    assert_close(R.to(backend).T @ put(Y, backend), r.T @ Y)


@given(R=matrices(), rng=GENERATORS)
def test_sampled_is_the_dense_product_at_the_observed_cells(backend, R, rng):
    H, W = rng.standard_normal((R.shape[0], 3)), rng.standard_normal((R.shape[1], 3))
    _, observed = as_dense(R)
    assert_close(R.to(backend).sampled(*put((H, W), backend)), (H @ W.T)[observed])


@given(R=matrices())
def test_sum_rows_adds_up_each_column(backend, R):
    assert_close(R.to(backend).sum_rows(), as_dense(R)[0].sum(axis=0))


@given(R=matrices())
def test_with_values_keeps_the_cells_and_not_the_old_values(backend, R):
    R = R.to(backend)
    _, observed = as_dense(R.T)  # the transpose is cached now
    ones = R.with_values(put(np.ones(R.size), backend))
    assert_close(ones @ put(np.eye(R.shape[1]), backend), observed.T)
    assert_close(ones.T @ put(np.eye(R.shape[0]), backend), observed)


@given(R=matrices(), data=st.data())
def test_take_rows_takes_rows_in_any_order_and_more_than_once(backend, R, data):
    rows = np.array(data.draw(st.lists(st.integers(0, R.shape[0] - 1))), np.int64)
    r, observed = as_dense(R)
    part = R.to(backend).take_rows(rows)
    assert_same(part, from_dense(r[rows], observed[rows]))
    assert part.backend.name == backend


@given(R=matrices(), size=st.integers(1, 9), rng=GENERATORS, bounds=st.integers(1, 60))
def test_the_batches_and_their_transposes_are_the_rows_taken_one_batch_at_a_time(backend, R, size, rng, bounds):
    (n, _), order = R.shape, rng.permutation(R.shape[0])
    side, share = put(np.arange(2.0 * n).reshape(n, 2), "reference"), 0.5
    with patch("tinyrec.sparse.BOUNDS", bounds):
        batches = list(R.with_side(side).with_share(share).to(backend).batches(order, size))
    assert len(batches) == -(-n // size)
    for i, batch in enumerate(batches):
        rows = order[i * size : (i + 1) * size]
        expected = R.take_rows(rows)
        assert_same(batch, expected)
        assert_same(batch.T, expected.T)
        np.testing.assert_array_equal(fetch(batch.rows), expected.rows)
        np.testing.assert_array_equal(fetch(batch.side), side[rows])
        assert batch.share == pytest.approx(share * len(rows) / n)
        assert batch.pattern.indptr.dtype == np.int64 and batch.cols.dtype == batch.rows.dtype == np.int32
        ones = put(np.ones((len(rows), 3)), backend)
        assert_close(batch.T @ ones, expected.T @ fetch(ones))


@given(R=matrices())
def test_transpose_of_the_transpose_is_the_matrix(R):
    r, observed = as_dense(R)
    assert_same(R.T, from_dense(r.T, observed.T))
    assert_same(R.T.T, R)


@given(R=matrices(), data=st.data())
def test_cells_may_come_in_any_order(R, data):
    order = np.array(data.draw(st.permutations(range(R.size))), np.int64)
    assert_same(Ratings.from_cells(R.rows[order], R.cols[order], R.values[order], R.shape), R)


@given(R=matrices())
def test_columns_ascend_within_each_row(R):
    for S in (R, R.T, R.take_rows(np.arange(R.shape[0])[::-1])):
        steps, same_row = np.diff(S.cols), np.diff(S.rows) == 0
        assert (steps[same_row] > 0).all()


def test_a_stored_zero_is_a_cell_like_any_other(backend):
    R = Ratings.from_cells([0, 0, 1], [1, 2, 0], [0.0, 5.0, 0.0], (2, 3)).to(backend)
    ones = put((np.ones((2, 1)), np.ones((3, 1))), backend)
    assert R.size == R.T.size == R.take_rows(np.array([0, 1])).size == 3
    np.testing.assert_array_equal(fetch(R.sampled(*ones)), [1, 1, 1])
    np.testing.assert_array_equal(fetch(R.T.sampled(*ones[::-1])), [1, 1, 1])


def test_a_cell_given_twice_is_refused_by_name():
    with pytest.raises(DataError, match="row 1, column 2 is rated twice"):
        Ratings.from_cells([0, 1, 0, 1], [2, 2, 1, 2], [1, 2, 3, 2], (2, 3))


@pytest.mark.parametrize("rows, cols, values", [
    ([0, 1], [3, 0], [1, 2]), ([1], [-1], [1]), ([2], [0], [1]), ([-1], [0], [1]), ([0], [0, 1, 2], [1, 2, 3]),
])  # fmt: skip
def test_cells_outside_the_matrix_are_refused(rows, cols, values):
    """The kernels would read whatever is there."""
    with pytest.raises(DataError, match="outside the 2 x 3 matrix|give as many of each"):
        Ratings.from_cells(rows, cols, values, (2, 3))


def test_there_is_no_row_minus_one():
    with pytest.raises(DataError, match="-1 stands for an unknown id"):
        Ratings.from_cells([0], [0], [1.0], (2, 3)).take_rows([0, -1])


@pytest.mark.parametrize(
    "given_dtype, dtype", [(np.float32, np.float32), (np.float64, np.float64), (np.int64, np.float64)]
)
def test_values_keep_their_dtype_but_integers_become_float64(given_dtype, dtype):
    assert Ratings.from_cells([0], [0], np.ones(1, given_dtype), (1, 1)).values.dtype == dtype


def test_a_matrix_may_have_more_cells_than_int32_can_count():
    n = 10**6
    R = Ratings.from_cells(np.array([n - 1, 0], np.int32), np.array([n - 1, n - 2], np.int32), [1.0, 2.0], (n, n))
    assert (R.rows.tolist(), R.cols.tolist(), R.values.tolist()) == ([0, n - 1], [n - 2, n - 1], [2.0, 1.0])


def test_to_changes_the_backend_and_on_request_the_dtype(backend):
    R = Ratings.from_cells([0, 1], [1, 0], [0.5, 2.0], (2, 2))
    moved, single = R.to(backend), R.to(backend, np.float32)
    assert moved.backend.name == single.backend.name == backend
    assert (moved.pattern is R.pattern) == (moved.xp is np)
    assert (moved.values.dtype, single.values.dtype) == (np.float64, np.float32)
    assert_same(single, R)


@given(R=matrices(), rng=GENERATORS)
def test_wrong_shapes_are_refused_before_a_kernel_reads_memory(backend, R, rng):
    (n, d), R = R.shape, R.to(backend)
    for shape in ((d + 1, 2), (n, 2), (d,), (d, 2, 2)):
        if shape != (d, 2):
            with pytest.raises(UsageError, match=rf"R is {n} x {d}, so R @ X needs X of shape \({d}, k\), not"):
                R @ put(rng.standard_normal(shape), backend)
    for h, w in (((n + 1, 2), (d, 2)), ((n, 2), (d + 1, 2)), ((n, 2), (d, 3)), ((n,), (d, 2))):
        with pytest.raises(UsageError, match=rf"R is {n} x {d}, so R.sampled needs H of shape \({n}, k\)"):
            R.sampled(put(rng.standard_normal(h), backend), put(rng.standard_normal(w), backend))


@given(R=matrices(max_rows=9, max_cols=9))
def test_repr_shows_shape_cells_and_a_corner(backend, R):
    head, *lines = repr(R.to(backend)).splitlines()
    (n, d), (r, observed) = R.shape, as_dense(R)
    assert head == f"<Ratings, {n} x {d}, {R.size} cells observed, float64, on {backend}>"
    for line, values, seen in zip(lines, r[:6], observed[:6], strict=False):
        assert line.split()[: min(d, 6)] == [f"{v:.4g}" if o else "." for v, o in zip(values, seen, strict=True)][:6]
    assert len(lines) == min(n, 6) + (n > 6)


@given(R=matrices())
def test_to_dense_and_to_scipy_keep_what_is_observed(backend, R):
    r, observed = as_dense(R)
    dense, sparse = R.to(backend).to_dense(), R.to(backend).to_scipy()
    np.testing.assert_array_equal(dense, np.where(observed, r, np.nan))
    np.testing.assert_array_equal(R.to(backend).to_dense(fill=0), np.where(observed, r, 0))
    np.testing.assert_array_equal(sparse.toarray(), np.where(observed, r, 0))
    assert sparse.nnz == R.size  # observed zeros are stored


@given(R=matrices(), rng=GENERATORS)
def test_pickle_and_deepcopy_keep_everything_and_the_backend_by_its_name(backend, R, rng):
    R = (
        R.with_side(rng.standard_normal((R.shape[0], 2)))
        .with_unobserved_weights(rng.random(R.shape[1]))
        .with_share(0.5)
    )
    R = R.to(backend)
    for copied in (pickle.loads(pickle.dumps(R)), copy.deepcopy(R)):  # noqa: S301 - of what was just pickled
        assert_same(copied, R.to("reference"))
        assert copied.backend.name == backend and copied.share == 0.5
        np.testing.assert_array_equal(fetch(copied.side), fetch(R.side))
        np.testing.assert_array_equal(fetch(copied.unobserved_weights), fetch(R.unobserved_weights))
        assert copied.values is not R.values


def test_rows_know_which_share_of_the_whole_they_are():
    R = from_dense(np.ones((8, 3)), np.ones((8, 3), bool))
    part = R.take_rows([1, 5])
    assert (R.share, part.share, part.take_rows([0]).share, part.with_values(part.values).share) == (
        1,
        0.25,
        0.125,
        0.25,
    )
