"""All models pass all checks of tinyrec.testing, and each check finds the fault that it is there for."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import tinyrec as tr
from tests.testing import faults
from tinyrec.baselines.base import Baseline
from tinyrec.models import Autoencoder
from tinyrec.nn import l2_penalty, sampled_out, sigmoid, sparse_in, squared_error
from tinyrec.optim import LBFGS
from tinyrec.testing import check_recommender, recommender_checks
from tinyrec.testing.case import COLD_ITEM, COLD_USER, data_sets

FEW = {"epochs": 2}
BASELINES = [
    tr.Bias(),
    tr.BiasedMF(factors=4, epochs=2),
    tr.SVDFeature(factors=4, epochs=2),
    tr.ALSWR(factors=4, iterations=2),
    tr.BPMF(factors=4, burn_in=1, samples=2),
    tr.RBM(by="user", hidden_units=4, epochs=2),
    tr.RBM(by="item", hidden_units=4, epochs=2),
    tr.RBM(by="user", hidden_units=4, epochs=2, visible="sigmoid"),
    tr.LLORMA(anchors=3, rank=2, global_rank=2, iterations=2),
    tr.Pop(),
    tr.ItemKNN(neighbours=4),
    tr.EASE(),
    tr.WMF(factors=4, iterations=2),
    tr.EALS(factors=4, iterations=2),
    tr.BPR(factors=4, epochs=2),
    tr.NeuMF(factors=4, epochs=2),
]
AUTOENCODERS = [
    *(tr.AutoRec(by=by, hidden_units=4, l2=1.0, center=center) for by in ("item", "user") for center in (False, True)),
    tr.AutoRec(hidden_units=4, l2=1.0, output="sigmoid"),
    tr.DeepAutoRec(by="item", hidden_units=(4, 3, 4), l2=1.0, pretrain=2),
    tr.DeepAutoRec(by="user", hidden_units=(4, 3, 4), l2=1.0, pretrain=2),
    tr.CFN(by="item", hidden_units=4, l2=1.0),
    tr.CFN(by="user", hidden_units=(4, 3), l2=1.0, damping=2.0),
    tr.NCAE(by="item", hidden_units=4, pretrain_epochs=2),
    tr.NCAE(by="user", hidden_units=(4, 3), pretrain_epochs=2),
    tr.ImplicitNCAE(hidden_units=4),
    tr.ImplicitNCAE(hidden_units=4, output="identity", augment_below=0.6),
]


@dataclass(frozen=True, kw_only=True)
class DSSMWithFeatures(tr.DSSM):
    """DSSM, which needs features, for data without any; users and items without ratings have none."""

    def fit(self, data, **options):
        if isinstance(data, tr.Dataset):
            R = data.ratings
            counts = np.bincount(R.rows, minlength=R.shape[0]), np.bincount(R.cols, minlength=R.shape[1])
            columns = (
                [f"{i % m}" if n else "" for i, n in enumerate(its)] for its, m in zip(counts, (3, 4), strict=True)
            )
            users, items = (tr.Features.of({"kind": texts}) for texts in columns)
            data = data.with_features(users=users, items=items)
        return super().fit(data, **options)


PAIRS = [
    tr.NRP(hidden_units=(4, 3), head_units=(3, 2)),
    tr.NRP(hidden_units=4, head="dot", center=False, target_in_input="as printed"),
    tr.ACCM(hidden_units=(4, 3)),
    tr.ACCM(hidden_units=(4, 3), head="mlp", head_units=(3, 2), cold=0.5),
    tr.NRPaSDAE(hidden_units=(4, 3)),
    tr.NRPDHA(hidden_units=4),
    tr.ASDAE(hidden_units=4),
    tr.DHA(hidden_units=(4, 3)),
    tr.DHA(hidden_units=4, training="joint"),
    tr.RatingNeuMF(factors=3, head_units=(4, 2)),
    tr.MF(factors=3),
    DSSMWithFeatures(hidden_units=(4, 3), head_units=(3, 2)),
    tr.ASDAE(hidden_units=4),
    tr.DHA(hidden_units=4),
    tr.NRPaSDAE(hidden_units=4),
    tr.NRPDHA(hidden_units=4),
]
SEARCHED = [tr.AutoRec(hidden_units=4), tr.CFN(hidden_units=4), tr.DeepAutoRec(hidden_units=4, pretrain=0)]


def name_of(model):
    return f"{type(model).__name__}-{model.by}" if hasattr(model, "by") else type(model).__name__


@pytest.mark.parametrize("model", BASELINES, ids=name_of)
def test_baselines_pass(model):
    check_recommender(model)


@pytest.mark.parametrize("model", AUTOENCODERS, ids=name_of)
def test_autoencoders_pass(model):
    check_recommender(model, **FEW)


@pytest.mark.parametrize("model", PAIRS, ids=name_of)
def test_models_of_pairs_pass(model):
    check_recommender(model, **FEW)


@pytest.mark.parametrize("model", SEARCHED, ids=name_of)
def test_autoencoders_pass_that_choose_their_settings(model):
    check_recommender(model, **FEW)


@pytest.mark.parametrize("optimizer", ["rprop", LBFGS(iterations=3), "sgd", "rmsprop", "adam"], ids=str)
def test_autoencoders_pass_with_each_optimizer(optimizer):
    check_recommender(tr.AutoRec(hidden_units=4, l2=1.0), optimizer=optimizer, backend="reference", **FEW)


@pytest.mark.parametrize("model", [*BASELINES, *AUTOENCODERS], ids=name_of)
def test_one_rating_is_enough_where_nothing_is_searched(model):
    data = data_sets()["one rating"]
    options = FEW if isinstance(model, Autoencoder) else {}
    fitted = model.fit(data.binarized() if model.implicit else data, **options)
    assert np.isfinite(fitted.predict([7], [8])).all()


# Models of a user, who knows no more of tinyrec than these base classes


@dataclass(frozen=True)
class Means(Baseline):
    """r̂_ui = the mean of the means of user u and of item i"""

    damping: float = 2.0

    def learn(self, R, seed):
        mean, learned = float(R.values.mean()), {}
        for name, at, size in (("user", R.rows, R.shape[0]), ("item", R.cols, R.shape[1])):
            total = np.bincount(at, R.values - mean, size) / (np.bincount(at, minlength=size) + self.damping)
            learned[name] = mean + total
        return learned | {"mean": np.array([mean])}

    def shapes(self, n, d):
        return {"user": (n,), "item": (d,), "mean": (1,)}

    def predict_cells(self, params, R, users, items):
        user, item = (np.append(params[name], params["mean"]) for name in ("user", "item"))
        return (user[users] + item[items]) / 2


@dataclass(frozen=True, kw_only=True)
class Tied(Autoencoder):
    """h(r) = V g(Vᵀ r + mu) + b: one matrix for both layers, and so other names than those of the base class."""

    hidden_units: int = 4

    def shapes(self, d, q=0):
        return {"V": (d, self.hidden_units), "mu": (self.hidden_units,), "b": (d,)}

    def encode(self, params, R):
        Z, _ = sparse_in(R, params["V"], params["mu"])
        return sigmoid(Z)[0]

    def decoder(self, params):
        return {"W": params["V"], "b": params["b"]}

    def loss_and_grads(self, params, R, rng=None):
        V, mu, b = params["V"], params["mu"], params["b"]
        Z, back_to_params = sparse_in(R, V, mu)
        H, back_to_Z = sigmoid(Z)
        y, back_to_H = sampled_out(H, V, b, at=R)
        error, back_to_y = squared_error(y, R.values)
        dH, dW, db = back_to_H(back_to_y())
        dV, dmu = back_to_params(back_to_Z(dH))
        dV += dW
        return error + l2_penalty(R.share * self.l2, params, {"V": dV}, R), {"V": dV, "mu": dmu, "b": db}


OWN = [*recommender_checks(Means()), *recommender_checks(Tied(l2=1.0), **FEW)]


@pytest.mark.parametrize("name, check", OWN, ids=[name for name, _ in OWN])
def test_models_of_a_user_pass(name, check):
    check()


# The checks themselves


def test_there_are_many_checks_each_with_a_name_and_a_sentence():
    checks = recommender_checks(tr.Bias())
    names = [name for name, _ in checks]
    assert len(checks) >= 50
    assert len(set(names)) == len(names)
    for _, check in checks:
        (function,) = check.args
        assert function.__doc__.endswith(".") and "\n" not in function.__doc__


def test_nothing_is_trained_before_a_check_runs():
    recommender_checks(faults.DoesNotFit())


def test_a_model_that_does_not_fit_is_one_problem():
    with pytest.raises(AssertionError) as problem:
        check_recommender(faults.DoesNotFit())
    assert str(problem.value).splitlines() == [
        f"DoesNotFit(noise=0.1) fails 1 of {len(OWN) // 2} checks:",
        "- fit_returns_a_recommender: Fit must return a Recommender of the model and the data, with a prediction for "
        "each pair. But RuntimeError: no memory left.",
    ]


def test_the_model_that_the_faults_are_planted_in_has_none():
    check_recommender(faults.Table())
    check_recommender(faults.ImplicitTable())


def failed_checks(model):
    with pytest.raises(AssertionError) as problem:
        check_recommender(model)
    head, *lines = str(problem.value).splitlines()
    assert head == f"{model!r} fails {len(lines)} of {len(OWN) // 2} checks:"
    return {line.removeprefix("- ").split(":")[0] for line in lines}


@pytest.mark.parametrize(
    "model, names", faults.PLANTED, ids=[getattr(model, "result", type(model).__name__) for model, _ in faults.PLANTED]
)
def test_a_planted_fault_is_found_by_the_checks_for_it(model, names):
    assert set(names.split()) <= failed_checks(model)


def test_every_check_has_a_planted_fault():
    found = {name for _, names in faults.PLANTED for name in names.split()}
    assert found == {name for name, _ in recommender_checks(tr.Bias())}


def test_the_checks_are_there_without_pytest(run_python):
    assert run_python("import sys, tinyrec.testing; print('pytest' in sys.modules)") == "False\n"


# Faults that the checks found


@pytest.mark.parametrize("by", ["item", "user"])
def test_new_ratings_do_not_make_untrained_columns_count_as_trained(by, tmp_path):
    """A user (by item) without training ratings is folded in like a new one with their first ratings."""
    data = data_sets()["train"]
    column = COLD_USER if by == "item" else COLD_ITEM
    user, item = (column, 3) if by == "item" else (3, column)
    fitted = tr.AutoRec(by=by, hidden_units=4, l2=1.0).fit(data, epochs=60, backend="reference")
    user_id, item_id = data.users.ids[user], data.items.ids[item]
    more = tr.Dataset.from_triples([user_id], [item_id], [5.0], scale=(1, 5))
    updated = fitted.with_ratings(more)
    updated.save(tmp_path / "model.npz")
    again = tr.load(tmp_path / "model.npz", backend="reference").with_ratings(more)
    users, items = (
        (data.users.ids[[column]], data.items.ids) if by == "item" else (data.users.ids, data.items.ids[[column]])
    )
    pairs = np.broadcast_arrays(users, items)
    expected = fitted.predict_new_user({item_id: 5.0}) if by == "item" else fitted.predict_new_item({user_id: 5.0})
    assert 2 < expected.mean() < 4.5
    for later in (updated, replace(updated), again):
        np.testing.assert_allclose(later.predict(*pairs, default=False), expected, rtol=1e-6)
