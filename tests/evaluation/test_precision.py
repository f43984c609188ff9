"""The precision among a user's own test items is what eq. 8 of NRP says, averaged over all orders of tied items."""

from fractions import Fraction
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyrec as tr
from tests.strategies import GENERATORS
from tinyrec.errors import DataError, DataWarning, UsageError
from tinyrec.evaluation.precision import precision_top, precisions, tops


def naive_k(n, percent, counted):
    if counted == "floor":
        return max(k for k in range(n + 1) if 100 * k <= percent * n)
    return max(1, max(k for k in range(n + 1) if 100 * (2 * k - 1) <= 2 * percent * n))


def naive(y, r, users, percent, counted):
    """Eq. 8, user by user, for every order of the items in which no prediction is lower than one after it."""
    found = []
    for user in sorted(set(users)):
        own = [j for j in range(len(users)) if users[j] == user]
        k = naive_k(len(own), percent, counted)
        if k == 0:
            continue
        kth = sorted((r[j] for j in own), reverse=True)[k - 1]
        relevant = {j for j in own if r[j] >= kth}
        orders = [order for order in permutations(own) if all(y[a] >= y[b] for a, b in pairwise(order))]
        found.append(np.mean([len(relevant & set(order[:k])) / k for order in orders]))
    return np.mean(found) if found else np.nan


@st.composite
def cases(draw):
    """Predictions and ratings with many ties, of users with one to six test items, in any order."""
    rng, n = draw(GENERATORS), draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    users = rng.permutation(np.repeat(draw(st.permutations([7, 0, -1, 30])), np.resize([*n, 0, 0, 0], 4)))
    levels = draw(st.sampled_from([[1.0], [1.0, 2.0], [-np.inf, 0.5, 3.25], list(range(20))]))
    return rng.choice(levels, len(users)), rng.integers(1, 6, len(users)), users


@settings(max_examples=150)
@given(cases(), st.sampled_from([1, 10, 25, 33.3, 50, 75, 100]), st.sampled_from(["floor", "round"]))
def test_it_is_the_average_of_equation_8_over_all_orders_of_tied_items(case, percent, counted):
    ours = precision_top(*case, percent / 100, counted)
    assert ours == pytest.approx(naive(*case, percent, counted), abs=1e-12, nan_ok=True)


@settings(max_examples=50)
@given(cases(), st.sampled_from([25, 50]), st.sampled_from(["floor", "round"]))
def test_a_random_order_is_what_all_orders_reach_on_average(case, percent, counted):
    y, r, users = case
    ending = "_round" if counted == "round" else ""
    scores = precisions(y, r, users, [percent], counted)
    assert list(scores) == [f"precision@{percent}%{ending}", f"precision@{percent}%{ending}_random"]
    relevant = []
    for user in set(users.tolist()):
        own = np.sort(r[users == user])[::-1]
        if k := naive_k(len(own), percent, counted):
            relevant.append((own >= own[k - 1]).mean())
    expected = np.mean(relevant) if relevant else np.nan
    assert scores[f"precision@{percent}%{ending}_random"] == pytest.approx(expected, nan_ok=True)


def test_all_items_with_the_kth_rating_are_relevant():
    r = np.array([5, 5, 5, 3])
    for y, expected in (([4, 3, 2, 1], 1), ([1, 2, 3, 4], 0), ([1, 1, 1, 1], 3 / 4), ([1, 2, 2, 2], 2 / 3)):
        assert precision_top(np.array(y), r, np.zeros(4), 0.25) == pytest.approx(expected)


def test_k_is_exact_where_floating_point_is_one_too_low():
    n = np.arange(1, 2001)
    for percent in range(1, 101):
        for part in (percent / 100, Fraction(percent, 100)):
            assert (tops(n, part, "floor") == percent * n // 100).all()
            assert (tops(n, part, "round") == np.maximum((2 * percent * n + 100) // 200, 1)).all()
    assert int(0.29 * 100) == 28 and tops(np.array([100]), 0.29, "floor").tolist() == [29]


def test_users_with_too_few_items_are_left_out_or_have_one():
    y, r, users = np.array([1, 2, 3, 4, 9, 8]), np.array([5, 1, 1, 1, 1, 5]), np.array([0, 0, 0, 0, 1, 1])
    assert precision_top(y, r, users, 0.25) == 0
    assert precision_top(y, r, users, 0.25, "round") == 0
    assert precision_top(y, r, users, 0.5) == pytest.approx((1 + 0) / 2)  # of the first, all four are relevant
    assert np.isnan(precision_top(y, r, users, 0.1)) and precision_top(-y, r, users, 0.1, "round") == 1


def test_what_is_not_valid_raises():
    one = np.ones(1)
    for part in (0, 1.5, -1, np.nan):
        with pytest.raises(UsageError, match="part is .*, but must be above 0 and at most 1"):
            precision_top(one, one, one, part)
    with pytest.raises(UsageError, match="unknown way to count k 'ceil'; choose one of floor, round"):
        precision_top(one, one, one, 0.5, "ceil")
    with pytest.raises(DataError, match="2 predictions, 1 ratings and 1 users"):
        precision_top(np.ones(2), one, one, 0.5)
    with pytest.raises(DataError, match="is NaN, which has no rank"):
        precision_top(one * np.nan, one, one, 0.5)
    for percents, message in ((25, "give a list"), ([0], "no percentage"), ([101], "no"), (["x"], "each percentage")):
        with pytest.raises(UsageError, match=message):
            precisions(one, one, one, percents)
    with pytest.raises(UsageError, match="nan in precision_at is no percentage"):
        precisions(one, one, one, [np.nan])


def test_a_model_is_scored_on_the_predictions_that_its_rmse_is_of():
    train, test = tr.split_random(tr.make_synthetic(30, 40, 600, seed=2), 0.5, seed=0)
    fitted = tr.BiasedMF(factors=2, epochs=3).fit(train)
    scores = fitted.score(test, precision_at=(10, 25))
    users, items, r = test.triples()
    y, plain = fitted.predict(users, items), fitted.score(test)
    assert scores == plain | precisions(y, r, users, (10, 25)) and len(scores) == len(plain) + 4
    assert 0 < scores["precision@25%_random"] < scores["precision@25%"] < 1
    free = fitted.score(test, precision_at=[25], clip=False, default=False)
    assert free["precision@25%"] == precision_top(
        fitted.predict(users, items, clip=False, default=False), r, users, 0.25
    )
    with pytest.warns(DataWarning, match=r"No user has enough test ratings for precision@1%: hold out more"):
        assert np.isnan(fitted.score(test, precision_at=[1])["precision@1%"])


def test_implicit_feedback_has_no_such_precision():
    train, test = tr.split_leave_one_out(tr.make_synthetic(30, 40, 600, seed=2).binarized())
    with pytest.raises(UsageError, match="precision_at is for a model of ratings"):
        tr.Pop().fit(train).score(test, precision_at=[10])
