import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinyrec.evaluation.top_n import top

SCORES = st.tuples(st.integers(1, 4), st.integers(1, 30)).flatmap(
    lambda shape: arrays(float, shape, elements=st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0]))
)


@given(scores=SCORES, n=st.integers(1, 35))
def test_top_is_what_sorting_gives_with_ties_by_column_and_without_minus_infinity(scores, n):
    rows, cols = top(scores, n)
    expected = []
    for row, line in enumerate(scores):
        best = sorted((-score, col) for col, score in enumerate(line) if score > -np.inf)
        expected += [(row, col) for _, col in best[:n]]
    assert list(zip(rows.tolist(), cols.tolist(), strict=True)) == expected


@given(seed=st.integers(0, 99), n=st.integers(1, 20))
def test_top_finds_the_best_of_many_columns(seed, n):
    scores = np.random.default_rng(seed).standard_normal((3, 1000))
    _, cols = top(scores, n)
    assert cols.reshape(3, n).tolist() == np.argsort(-scores, axis=1)[:, :n].tolist()
