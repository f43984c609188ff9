"""Hypothesis strategies for data and matrices, and conversions for comparison and between backends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from tinyrec.backend import get_backend, to_host
from tinyrec.data import Dataset
from tinyrec.models import AutoRec
from tinyrec.nn import ACTIVATIONS, OUTPUTS
from tinyrec.sparse import Ratings

GPU = pytest.param("gpu", marks=pytest.mark.gpu)  # a parameter of the fixture `backend`
fast_backends = pytest.mark.parametrize("backend", ["numpy", "cupy", GPU], indirect=True)

DIFFERENTIABLE = [name for name in ACTIVATIONS if name != "binary"]
RATINGS = st.sampled_from([0.0, -1.0, 1.0, 2.5, 5.0])  # 0 and -1 are ratings like any other
INTEGER_IDS = st.integers(-(2**63), 2**63 - 1)
TEXT_IDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
GENERATORS = st.builds(np.random.default_rng, st.integers(0, 9999))


@st.composite
def triples(draw, ids=INTEGER_IDS, unique=True, max_size=30):
    """Three lists (users, items, ratings) of equal length, at least 1; unique: no duplicate pairs."""
    few = st.sampled_from(draw(st.lists(ids, min_size=1, max_size=6)))
    by = (lambda triple: triple[:2]) if unique else None
    rows = draw(st.lists(st.tuples(few, few, RATINGS), min_size=1, max_size=max_size, unique_by=by))
    return tuple(map(list, zip(*rows, strict=True)))


@st.composite
def datasets(draw, ids=INTEGER_IDS):
    return Dataset.from_triples(*draw(triples(ids)))


@st.composite
def matrices(draw, max_rows=6, max_cols=6, min_cells=0, dtype=np.float64):
    """A Ratings matrix with any pattern: empty rows, empty columns, stored zeros."""
    n, d = draw(st.integers(1, max_rows)), draw(st.integers(1, max_cols))
    cells = draw(st.lists(st.integers(0, n * d - 1), min_size=min(min_cells, n * d), unique=True))
    values = draw(st.lists(RATINGS, min_size=len(cells), max_size=len(cells)))
    rows, cols = np.divmod(np.array(cells, np.int64), d)
    return Ratings.from_cells(rows, cols, np.array(values, dtype), (n, d))


@st.composite
def wide_matrices(draw, max_rows=6, max_cols=40, dtype=np.float64):
    """A Ratings matrix with normally distributed values, from empty to fully observed, with rows up to max_cols."""
    n, d, rng = draw(st.integers(1, max_rows)), draw(st.integers(1, max_cols)), draw(GENERATORS)
    observed = rng.random((n, d)) < draw(st.sampled_from([0, 0.1, 0.5, 1]))
    return from_dense(rng.standard_normal((n, d)).astype(dtype), observed)


@st.composite
def problems(draw, dtype=np.float64):
    """(an AutoRec with random settings, random parameters, a matrix), for loss_and_grads."""
    R, rng = draw(matrices(dtype=dtype)), draw(GENERATORS)
    model = AutoRec(
        hidden_units=draw(st.integers(1, 4)),
        l2=draw(st.sampled_from([0.0, 0.7, 30.0])),
        activation=draw(st.sampled_from(DIFFERENTIABLE)),
        center=(center := draw(st.booleans())),
        output="identity" if center else draw(st.sampled_from(sorted(OUTPUTS))),
    )
    params = {name: rng.standard_normal(w.shape).astype(dtype) for name, w in model.init(R, rng).items()}
    return model, params, R


def put(value, backend):
    """Move an array, or nested tuples and dicts of arrays, to the backend of this name."""
    return _mapped(get_backend(backend).asarray, value)


def fetch(value):
    """Move the same back to the host."""
    return _mapped(to_host, value)


def _mapped(function, value):
    if isinstance(value, dict):
        return {name: _mapped(function, part) for name, part in value.items()}
    return tuple(_mapped(function, part) for part in value) if isinstance(value, tuple) else function(value)


def leaves(tree):
    """The values of nested dicts."""
    for value in tree.values():
        yield from leaves(value) if isinstance(value, dict) else [value]


def from_dense(r, observed):
    """The Ratings matrix of r (n, d) where `observed` (n, d) is true; ignores the other cells of r."""
    return Ratings.from_cells(*np.nonzero(observed), r[observed], r.shape)


def as_dense(R):
    """(r, observed), both (n, d): r is 0 at unobserved cells, and where the rating is 0."""
    R = R.to("reference")
    r, observed = np.zeros(R.shape, R.values.dtype), np.zeros(R.shape, bool)
    r[R.rows, R.cols], observed[R.rows, R.cols] = R.values, True
    return r, observed


def as_dict(data):
    """{(raw user, raw item): rating}, for comparison."""
    R = data.ratings
    users, items = data.users.ids[R.rows].tolist(), data.items.ids[R.cols].tolist()
    return dict(zip(zip(users, items, strict=True), R.values.tolist(), strict=True))
