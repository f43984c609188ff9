import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import as_dict, datasets, triples
from tinyrec.data import Dataset, make_synthetic
from tinyrec.errors import DataError, UsageError
from tinyrec.evaluation.splits import (
    split_folds,
    split_leave_one_out,
    split_random,
    split_repeats,
    split_time,
    split_users,
)


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


def by_user(part):
    """{user: the set of its items}."""
    items = {}
    for user, item, _ in cells(part):
        items.setdefault(user, set()).add(item)
    return items


def is_partition(data, *parts):
    return set.union(*map(cells, parts)) == cells(data) and sum(len(cells(part)) for part in parts) == len(cells(data))


@given(datasets(), st.integers(0, 100))
def test_leave_one_out_holds_one_of_each_user_who_has_two(data, seed):
    several = {user for user, items in by_user(data).items() if len(items) >= 2}
    if not several:
        with pytest.raises(DataError, match="no user of ratings has two ratings"):
            split_leave_one_out(data, seed=seed)
        return
    train, test = split_leave_one_out(data, seed=seed)
    assert is_partition(data, train, test)
    assert {user: len(items) for user, items in by_user(test).items()} == dict.fromkeys(several, 1)
    assert train.users is test.users is data.users and train.ratings.shape == test.ratings.shape == data.ratings.shape
    assert split_leave_one_out(data, seed=seed)[1].fingerprint() == test.fingerprint()


def test_leave_one_out_draws_each_rating_alike():
    data = Dataset.from_triples([0] * 4 + [1] * 3, [0, 1, 2, 3, 0, 1, 2], [1, 2, 3, 4, 5, 6, 7])
    drawn = [split_leave_one_out(data, seed=seed)[1].ratings.values.tolist() for seed in range(600)]
    first, second = (np.unique(column, return_counts=True) for column in zip(*drawn, strict=True))
    assert first[0].tolist() == [1, 2, 3, 4] and first[1].min() > 110
    assert second[0].tolist() == [5, 6, 7] and second[1].min() > 150


@pytest.mark.filterwarnings("ignore:all times of ratings are equal")
@given(triples(st.integers(0, 5)), st.data())
def test_leave_latest_out_holds_the_last_in_time_and_then_in_the_file(data, draw):
    times = draw.draw(st.lists(st.integers(0, 2), min_size=len(data[0]), max_size=len(data[0])))
    last = {}
    for user, item, time in zip(*data[:2], times, strict=True):
        if user not in last or time >= last[user][0]:  # >=: later in the file is later
            last[user] = time, item
    whole = Dataset.from_triples(*data, times=times)
    several = [user for user in last if data[0].count(user) >= 2]
    if several:
        train, test = split_leave_one_out(whole.select(np.arange(whole.ratings.size)), latest=True)
        assert set(as_dict(test)) == {(user, last[user][1]) for user in several}
        assert is_partition(whole, train, test)


def test_latest_needs_times(data):
    with pytest.raises(UsageError, match="synthetic has no times; leave latest out"):
        split_leave_one_out(data, latest=True)


@pytest.mark.filterwarnings("ignore:all times of ratings are equal")
@given(triples(st.integers(0, 5)), st.data(), st.floats(0.01, 0.99))
def test_split_by_time_holds_out_the_latest_in_time_and_then_in_the_file(data, draw, share):
    p = len(data[0])
    times = draw.draw(st.lists(st.integers(0, 3), min_size=p, max_size=p))
    whole = Dataset.from_triples(*data, times=times)
    size = round(share * p)
    if not 0 < size < p:
        with pytest.raises(DataError, match="would be held out"):
            split_time(whole, share)
        return
    train, test = split_time(whole, share)
    order = sorted(range(p), key=lambda j: (times[j], j))
    assert set(as_dict(test)) == {(data[0][j], data[1][j]) for j in order[p - size :]}
    assert is_partition(whole, train, test) and train.times.max() <= test.times.min()


TIMED = Dataset.from_triples([1, 2, 3, 4], [1, 1, 1, 1], [1, 2, 3, 4], times=[988675199, 988675200, 988761600, 0])


@pytest.mark.parametrize(
    "at, ratings",
    [
        ("2001-05-01", [2, 3]),  # the first of them at midnight in UTC
        ("2001-05-01T00:00:01", [3]),
        ("2001-05-01T00:00Z", [2, 3]),
        ("2001-05-01 01:59:59+02:00", [1, 2, 3]),
        ("1970-01-02", [1, 2, 3]),
    ],
)
def test_the_test_part_begins_at_a_time(at, ratings):
    train, test = split_time(TIMED, at=at)
    assert test.ratings.values.tolist() == ratings and is_partition(TIMED, train, test)


def test_what_cannot_be_split_by_time_is_refused_in_one_sentence(data):
    with pytest.raises(UsageError, match="synthetic has no times; split it at random"):
        split_time(data)
    for at in ("yesterday", "2001-13-01", "", 2001):
        with pytest.raises(UsageError, match="is no date; write it as in 2001-05-01"):
            split_time(TIMED, at=at)
    with pytest.raises(DataError, match="0 of the 4 ratings, of 1970-01-01T00:00:00 to 2001-05-02T00:00:00, would be"):
        split_time(TIMED, at="2001-05-02T00:00:01")
    with pytest.raises(DataError, match="4 of the 4 ratings"):
        split_time(TIMED, at="1970-01-01")
    with pytest.raises(UsageError, match="between 0 and 1"):
        split_time(TIMED, 10)


@given(datasets(), st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.integers(0, 100))
def test_users_held_out_are_in_no_way_in_train(data, users, part, seed):
    ratings = by_user(data)
    several = [user for user, items in ratings.items() if len(items) >= 2]
    if not 0 < round(users * len(several)) < len(ratings):
        with pytest.raises(DataError, match="too few"):
            split_users(data, users, part, seed)
        return
    parts = split_users(data, users, part, seed)
    train, known, test = map(by_user, parts)
    assert is_partition(data, *parts)
    assert set(known) == set(test) <= set(several) and not set(train) & set(test)
    assert len(test) == round(users * len(several))
    for user in test:
        n = len(ratings[user])
        assert len(test[user]) == min(max(round(part * n), 1), n - 1)
    assert all(its.ratings.shape == data.ratings.shape and its.users is data.users for its in parts)
    assert [its.fingerprint() for its in split_users(data, users, part, seed)] == [its.fingerprint() for its in parts]


def test_users_and_their_ratings_are_drawn_at_random(data):
    tests = [by_user(split_users(data, 0.2, 0.5, seed)[2]) for seed in range(60)]
    times = np.bincount([user for test in tests for user in test], minlength=60)
    assert times.min() > 2 and times.max() < 26  # 12 expected
    of_one = [frozenset(test[user]) for user in (int(times.argmax()),) for test in tests if user in test]
    assert len(set(of_one)) == len(of_one)


@pytest.mark.parametrize("part", [0.001, 0.999])
def test_users_held_out_have_a_known_rating_and_one_to_test(data, part):
    _, known, test = map(by_user, split_users(data, 0.5, part))
    assert set(known) == set(test) and len(test) == 30
    assert {len(items) for items in (test if part < 0.5 else known).values()} == {1}


@pytest.mark.parametrize("options", [{"users": 0}, {"users": 1}, {"part": 0}, {"part": 1.0}, {"part": float("nan")}])
def test_parts_of_users_outside_0_to_1_are_usage_errors(data, options):
    with pytest.raises(UsageError, match="between 0 and 1"):
        split_users(data, **options)


@pytest.mark.parametrize("seed", [-1, 1.0, True, "0", None])
def test_seeds_that_are_not_whole_numbers_from_0_on_are_usage_errors(data, seed):
    calls = [
        lambda: split_random(data, 0.1, seed),
        lambda: split_folds(data, 3, seed),
        lambda: list(split_repeats(data, 2, 0.1, seed)),
        lambda: split_leave_one_out(data, seed=seed),
        lambda: split_users(data, seed=seed),
        lambda: make_synthetic(20, 20, 100, seed=seed),
    ]
    for call in calls:
        with pytest.raises(UsageError, match="seed is .*, but must be a whole number of at least 0"):
            call()
