import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import datasets
from tinyrec.data import Dataset, make_synthetic
from tinyrec.errors import DataError, UsageError
from tinyrec.splits import split_folds, split_random, split_repeats


@pytest.fixture(scope="module")
def data():
    return make_synthetic(60, 50, 1000)


def cells(part):
    return set(zip(part.ratings.rows.tolist(), part.ratings.cols.tolist(), part.ratings.values.tolist(), strict=True))


@given(datasets(), st.floats(0.01, 0.99), st.integers(0, 100))
def test_random_split_is_a_partition_of_the_right_size(data, share, seed):
    p = data.ratings.size
    if not 0 < round(share * p) < p:
        with pytest.raises(DataError, match="too few"):
            split_random(data, share, seed)
        return
    train, test = split_random(data, share, seed)
    assert test.ratings.size == round(share * p)
    assert cells(train) | cells(test) == cells(data) and not cells(train) & cells(test)
    assert train.users is test.users is data.users and train.ratings.shape == test.ratings.shape


def test_same_seed_same_split_other_seed_another(data):
    first, again, other = (split_random(data, seed=seed)[1].fingerprint() for seed in (1, 1, 2))
    assert first == again != other


def test_repeats_are_the_splits_of_consecutive_seeds(data):
    repeats = list(split_repeats(data, k=3, test=0.2, seed=5))
    for i, (train, test) in enumerate(repeats):
        expected = split_random(data, 0.2, 5 + i)
        assert (train.fingerprint(), test.fingerprint()) == tuple(part.fingerprint() for part in expected)
    assert len(repeats) == 3


@pytest.mark.parametrize("k", [2, 3, 7])
def test_folds_are_disjoint_even_and_cover_all(data, k):
    pairs = list(split_folds(data, k, seed=1))
    assert len(pairs) == k
    for train, test in pairs:
        assert cells(train) | cells(test) == cells(data) and not cells(train) & cells(test)
    sizes = [test.ratings.size for _, test in pairs]
    assert sum(sizes) == data.ratings.size and max(sizes) - min(sizes) <= 1
    assert set.union(*(cells(test) for _, test in pairs)) == cells(data)


def test_folds_are_shuffled(data):
    _, test = next(split_folds(data, 5))
    assert len(np.unique(test.ratings.rows)) > 20  # not the first fifth of the users


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_fractions_outside_0_to_1_are_usage_errors(data, share):
    with pytest.raises(UsageError, match="between 0 and 1"):
        split_random(data, share)


def test_bad_numbers_of_parts_are_refused_at_the_call(data):
    with pytest.raises(UsageError):
        split_folds(data, 1)
    with pytest.raises(UsageError):
        split_repeats(data, 0)
    with pytest.raises(DataError, match="2 ratings are too few for 3 folds"):
        split_folds(Dataset.from_triples([1, 2], [1, 2], [1, 2]), 3)
