import math
from itertools import chain, groupby, permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import GENERATORS
from tinyrec.errors import DataError, UsageError
from tinyrec.evaluation import top_n as ranking
from tinyrec.evaluation.ranking_metrics import places, rank
from tinyrec.sparse import Ratings

AT = (1, 2, 3, 10)


def from_mask(mask):
    return Ratings.from_cells(*np.nonzero(mask), np.zeros(mask.sum()), mask.shape)  # no value is read


@st.composite
def cases(draw):
    """Scores (n, d), with many ties where d is small, and what is in train and in test, each (n, d) bool."""
    n, d, rng = draw(st.integers(1, 4)), draw(st.integers(1, 12)), draw(GENERATORS)
    parts = rng.choice(3, (n, d), p=[0.4, 0.2, 0.4])
    parts[0, 0] = 2  # there is a test item
    levels = draw(st.sampled_from([[0.0], [0.0, 1.0], [-np.inf, -1.0, 0.0, 0.5]]))
    scores = rng.choice(levels, (n, d)) if d <= 5 else rng.permuted(np.tile(np.arange(float(d)), (n, 1)), axis=1)
    return scores, parts == 1, parts == 2


def orders(scores, train):
    """Every order of a user's items that are not in train: by score, and those of one score in any order."""
    items = sorted(np.flatnonzero(~train), key=lambda i: -scores[i])
    ties = [permutations(tied) for _, tied in groupby(items, key=lambda i: scores[i])]
    return (list(chain(*order)) for order in product(*ties))


def naive(scores, train, test, at):
    """Every metric, for each user who has test items: the average over all orders of its definition."""
    metrics = {}
    for u in np.flatnonzero(test.any(axis=1)):
        of_orders = {}
        for order in orders(scores[u], train[u]):
            found = [m for m, i in enumerate(order, start=1) if test[u, i]]
            for k in at:
                hits = [m for m in found if m <= k]
                ideal = sum(1 / math.log2(1 + r) for r in range(1, min(k, len(found)) + 1))
                of_orders.setdefault(f"hr@{k}", []).append(float(len(hits) > 0))
                of_orders.setdefault(f"ndcg@{k}", []).append(sum(1 / math.log2(1 + m) for m in hits) / ideal)
                of_orders.setdefault(f"recall@{k}", []).append(len(hits) / len(found))
                of_orders.setdefault(f"precision@{k}", []).append(len(hits) / k)
            of_orders.setdefault("mrr", []).append(1 / found[0])
        for name, values in of_orders.items():
            metrics.setdefault(name, []).append(np.mean(values))
    return metrics


@settings(max_examples=300)
@given(case=cases())
def test_every_metric_is_its_average_over_all_orders_of_tied_items(case):
    scores, train, test = case
    ours, expected = rank(lambda users: scores[users], from_mask(train), from_mask(test), AT), naive(*case, AT)
    assert ours.pop("users") == len(expected["mrr"])
    assert ours.pop("items") == test.sum()
    assert ours.pop("unseen") == (test & ~train.any(axis=0)).sum()
    for name, values in expected.items():
        assert ours.pop(name) == pytest.approx(np.mean(values), abs=1e-12)
        assert ours.pop(f"{name}_se") == pytest.approx(np.std(values) / len(values) ** 0.5, abs=1e-7)
        assert 0 <= np.mean(values) <= 1 + 1e-12
    assert ours == {}


@given(case=cases())
def test_places_come_in_the_order_of_the_cells(case):
    scores, train, test = case
    higher, alike = places(lambda users: scores[users], from_mask(train), from_mask(test))
    for cell, (u, i) in enumerate(zip(*np.nonzero(test), strict=True)):
        others = scores[u][~train[u]]
        assert (higher[cell], alike[cell]) == ((others > scores[u, i]).sum(), (others == scores[u, i]).sum())


def one_held_out(n, d, seed=0):
    """Each user of n has two of d items: one to train on, one to test."""
    rng = np.random.default_rng(seed)
    pairs = np.array([rng.choice(d, 2, replace=False) for _ in range(n)])
    return [Ratings.from_cells(np.arange(n), items, np.ones(n), (n, d)) for items in pairs.T]


def test_a_constant_scorer_is_as_good_as_a_random_order_at_each_k():
    train, test = one_held_out(50, 301)
    scores = rank(lambda users: np.ones((len(users), 301)), train, test, at=(10, 149, 151, 300, 1000))
    for k in (10, 149, 151, 300):  # of 300 items that are not in train
        assert scores[f"hr@{k}"] == pytest.approx(k / 300)
        assert scores[f"recall@{k}"] == pytest.approx(k / 300)
    assert scores["hr@1000"] == 1
    assert scores["mrr"] == pytest.approx(sum(1 / m for m in range(1, 301)) / 300)


def test_of_several_test_items_in_one_tie_the_first_decides():
    """3 of 40 tied items are test items, below 2 others and above 5, of which one is a test item."""
    scores = np.array([[2.0] * 2 + [1.0] * 40 + [0.0] * 5])
    test = Ratings.from_cells([0] * 4, [5, 10, 41, 44], np.ones(4), (1, 47))
    nothing = Ratings.from_cells([], [], np.ones(0), (1, 47))
    means = rank(lambda users: scores, nothing, test, at=(2, 12, 40))
    assert means["hr@2"] == 0
    assert means["hr@12"] == pytest.approx(1 - math.comb(30, 3) / math.comb(40, 3))
    assert means["hr@40"] == pytest.approx(1)  # at most 2 of the 40 are below the list
    assert means["recall@12"] == pytest.approx(3 * 10 / 40 / 4)
    first = {x: math.comb(40 - x, 2) / math.comb(40, 3) for x in range(1, 39)}
    assert sum(first.values()) == pytest.approx(1)
    assert means["mrr"] == pytest.approx(sum(p / (2 + x) for x, p in first.items()))


def test_a_list_of_k_holds_no_more_than_k_of_the_items_tied_about_its_end():
    test = Ratings.from_cells(np.zeros(19, int), np.arange(19), np.ones(19), (1, 19))
    nothing = Ratings.from_cells([], [], np.ones(0), (1, 19))
    scores = rank(lambda users: np.zeros((1, 19)), nothing, test, at=(10,))
    assert scores["precision@10"] == pytest.approx(1) == scores["ndcg@10"]
    assert scores["recall@10"] == pytest.approx(10 / 19)


def test_a_known_example():
    train = Ratings.from_cells([0], [0], np.ones(1), (2, 5))
    test = Ratings.from_cells([0, 0, 1], [2, 4, 0], np.ones(3), (2, 5))
    scores = np.array([[9.0, 3, 2, 1, 1], [5, 1, 1, 1, 1]])  # user 0, who knows item 0: 2, and 3 or 4; user 1: 1
    means = rank(lambda users: scores[users], train, test, at=(2, 4))
    both, first = 1 / math.log2(3) + (1 / math.log2(4) + 1 / math.log2(5)) / 2, 1 / math.log2(3)
    ideal = 1 + 1 / math.log2(3)
    assert means["hr@2"] == means["hr@4"] == 1
    assert means["mrr"] == pytest.approx((1 / 2 + 1) / 2)
    assert means["recall@2"] == pytest.approx((1 / 2 + 1) / 2)
    assert means["precision@4"] == pytest.approx((2 / 4 + 1 / 4) / 2)
    assert means["ndcg@2"] == pytest.approx((first / ideal + 1) / 2)
    assert means["ndcg@4"] == pytest.approx((both / ideal + 1) / 2)
    assert means["unseen"] == 2  # items 2 and 4; user 0 trained on item 0


def test_the_standard_error_of_a_hit_ratio_is_that_of_a_share():
    train, test = one_held_out(200, 40)
    scores = np.random.default_rng(1).random((200, 40))
    means = rank(lambda users: scores[users], train, test, at=(10,))
    p = means["hr@10"]
    assert 0.1 < p < 0.5
    assert means["hr@10_se"] == pytest.approx((p * (1 - p) / 200) ** 0.5)


def test_an_unseen_item_stays_where_the_model_ranks_it():
    train = Ratings.from_cells([0, 1], [0, 1], np.ones(2), (2, 4))
    test = Ratings.from_cells([0, 1], [3, 3], np.ones(2), (2, 4))
    low, high = np.array([3.0, 2, 1, 0]), np.array([0.0, 1, 2, 3])
    for scores, hit in ((low, 0), (high, 1)):
        means = rank(lambda users, scores=scores: np.tile(scores, (len(users), 1)), train, test, at=(1,))
        assert (means["hr@1"], means["unseen"], means["users"]) == (hit, 2, 2)


@pytest.mark.parametrize("numbers", [1, 100, 10**6])
def test_the_size_of_a_block_changes_nothing(monkeypatch, numbers):
    train, test = one_held_out(30, 40)
    scores, asked = np.random.default_rng(1).integers(0, 9, (30, 40)), []
    expected = rank(lambda users: scores[users], train, test)
    monkeypatch.setattr(ranking, "BLOCK", numbers)
    assert rank(lambda users: asked.append(len(users)) or scores[users], train, test) == expected
    assert asked == {1: [1] * 30, 100: [2] * 15, 10**6: [30]}[numbers]


def test_the_order_of_the_users_changes_nothing():
    train, test = one_held_out(30, 40)
    scores, order = np.random.default_rng(1).integers(0, 9, (30, 40)), np.random.default_rng(2).permutation(30)
    expected = rank(lambda users: scores[users], train, test)
    shuffled = rank(lambda users: scores[order[users]], train.take_rows(order), test.take_rows(order))
    assert shuffled == pytest.approx(expected, rel=1e-12)


def test_only_users_with_test_items_are_asked_for_and_counted():
    train = Ratings.from_cells([0, 1, 2], [0, 0, 0], np.ones(3), (3, 2))
    test = Ratings.from_cells([1], [1], np.ones(1), (3, 2))
    asked = []
    means = rank(lambda users: asked.extend(users) or np.zeros((len(users), 2)), train, test, at=(1,))
    assert (asked, means["users"], means["hr@1"]) == ([1], 1, 1)


def test_what_the_model_hands_out_is_not_written_to():
    train, test = one_held_out(3, 4)
    scores = np.zeros((3, 4))
    scores.flags.writeable = False
    rank(lambda users: scores, train, test)


@pytest.mark.parametrize("scores", [np.array([[2**53 + 1, 2**53]]), np.array([[1 + 1e-12, 1.0]]), np.array([[2, 1]])])
def test_no_score_is_rounded(scores):
    nothing = Ratings.from_cells([], [], np.ones(0), (1, 2))
    test = Ratings.from_cells([0], [0], np.ones(1), (1, 2))
    higher, alike = places(lambda users: scores, nothing, test)
    assert (higher.tolist(), alike.tolist()) == ([0], [1 if scores[0, 0] < 2**53 else 2])


ONE = Ratings.from_cells([0], [0], np.ones(1), (1, 2))
OTHER = Ratings.from_cells([0], [1], np.ones(1), (1, 2))


@pytest.mark.parametrize(
    "scores, train, test, at, error, problem",
    [
        ([[np.nan, 1]], ONE, OTHER, (1,), DataError, "NaN"),  # at a training item, which has no say, too
        ([[1, np.nan]], ONE, OTHER, (1,), DataError, "NaN"),
        ([[1.0]], ONE, OTHER, (1,), DataError, r"shape \(1, 1\); give 2 to each of 1 users"),
        ([[1.0, 2]], ONE, ONE, (1,), DataError, "1 of the 1 test items were trained on"),
        ([[1.0, 2]], ONE, OTHER.take_rows([]), (1,), DataError, "train is .* test is"),
        ([[1.0, 2]], ONE, Ratings.from_cells([], [], np.ones(0), (1, 2)), (1,), DataError, "no test items"),
        ([[1.0, 2]], ONE, OTHER, (0,), UsageError, "each k is 0"),
        ([[1.0, 2]], ONE, OTHER, (1.5,), UsageError, "each k is 1.5"),
    ],
)
def test_what_cannot_be_ranked_is_refused_in_one_sentence(scores, train, test, at, error, problem):
    with pytest.raises(error, match=problem):
        rank(lambda users: np.array(scores), train, test, at)
