"""Training that starts from a fitted model goes on where it was, also with more users and items."""

import json
from argparse import Namespace
from contextlib import nullcontext
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.cli import main
from tinyrec.cli.common import check_feature_flags
from tinyrec.data import Features
from tinyrec.errors import UsageError
from tinyrec.models import Model
from tinyrec.optim import SGD, Adam, RProp
from tinyrec.recommenders.scaling import Scaling
from tinyrec.training.run import rows_of
from tinyrec.training.warm_start import STEP, feature_names, params_of, sides_read

WHOLE = tr.make_synthetic(60, 40, 900, seed=3)


def without(users, items):
    """The ratings by other users of other items, with only their ids."""
    R = WHOLE.ratings
    R = WHOLE.select(~np.isin(R.rows, users) & ~np.isin(R.cols, items)).ratings
    return tr.Dataset.from_triples(WHOLE.users.ids[R.rows], WHOLE.items.ids[R.cols], R.values, scale=(1, 5))


@pytest.fixture(scope="module", params=["item", "user"])
def start(request):
    model = tr.AutoRec(by=request.param, hidden_units=4, l2=8.0)
    return model.fit(without([3, 59], [0]), epochs=40, backend="reference")


def test_the_same_data_go_on_from_the_same_parameters(start):
    """Without a state of the optimiser, one epoch more is one epoch more."""
    sgd = {"optimizer": SGD(momentum=0.0), "batch_size": 0, "backend": "reference"}
    model, data = start.model, start.data
    three = model.fit(data, epochs=3, start=start, **sgd)
    stepwise = model.fit(data, epochs=2, start=model.fit(data, epochs=1, start=start, **sgd), **sgd)
    for name, w in three.params.items():
        np.testing.assert_allclose(stepwise.params[name], w, rtol=1e-5, atol=1e-7)
    assert three.info["history"][0]["loss"] < 1.05 * start.info["history"][-1]["loss"]
    assert (three.info["start_epochs"], three.info["epochs"]) == (40, 3) and start.info["start_epochs"] is None


def test_known_columns_keep_their_parameters_and_new_ones_are_folded_in(start):
    by = start.model.by
    R = rows_of(start.model, WHOLE, Scaling.of(WHOLE, "scale"), np.float32, "reference")
    params, updated = params_of(start, start.model, WHOLE, R, seed=0), start.with_ratings(WHOLE)
    is_new = np.isin(np.arange(R.shape[1]), [3, 59] if by == "item" else [0])
    for name in ("V", "W", "b"):
        np.testing.assert_array_equal(params[name][~is_new], start.params[name])
    np.testing.assert_array_equal(params["mu"], start.params["mu"])
    np.testing.assert_array_equal(params["V"][is_new], start.model.init(R, np.random.default_rng(0))["V"][is_new])
    Y = start.model.encode(updated.params, R) @ params["W"].T + params["b"]
    expected = updated.predict_users(np.arange(60))
    np.testing.assert_allclose(Y, expected.T if by == "item" else expected, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:63 of the ratings that start was trained on")
def test_fewer_users_and_items_are_no_problem(start):
    fitted = start.model.fit(without([1, 2], [5, 6]), epochs=2, start=start, backend="reference")
    assert fitted.data.ratings.shape == (58, 38) and fitted.info["history"][0]["loss"] < 1000


def test_it_needs_fewer_epochs(start):
    """With RProp's own first step, the RMSE would first rise far above that of the start."""
    train, test = tr.split_random(WHOLE, 0.2, seed=0)
    begun = start.model.fit(train.select(np.arange(train.ratings.size) % 10 > 0), epochs=40, backend="reference")
    rmse = [start.model.fit(train, epochs=e, start=begun, backend="reference").examine(test)[0]["rmse"] for e in (1, 3)]
    assert max(rmse) < 1.01 * begun.examine(test)[0]["rmse"]
    scratch, _ = begun.model.fit(train, epochs=3, backend="reference").examine(test)
    assert scratch["rmse"] > 1.2 * max(rmse)


def test_rprop_begins_with_small_steps_unless_they_are_given(start):
    for optimizer, step in ((None, STEP), (RProp(step_init=0.01), 0.01), (RProp(step_min=0.002), 0.002)):
        fitted = start.model.fit(WHOLE, epochs=1, optimizer=optimizer, start=start, backend="reference")
        assert f"step_init={step}," in fitted.info["optimizer"]


@pytest.mark.parametrize("model, options, message", [
    (tr.AutoRec(hidden_units=5, l2=8.0), {}, r"with other settings: hidden_units \(was 4, is 5\); train with those of"),
    (tr.AutoRec(hidden_units=4, l2=9.0, by="user"), {}, r"by \(was item, is user\), l2 \(was 8.0, is 9.0\);"),
    (tr.CFN(hidden_units=4, l2=8.0), {}, "start is a AutoRec and this is a CFN"),
    (tr.AutoRec(hidden_units=4, l2=8.0), {"epochs": None}, "does not start from a model; give epochs, and leave valid"),
    (tr.AutoRec(hidden_units=4, l2=8.0), {"valid": 0.1}, "does not start from a model; give epochs, and leave valid"),
    (tr.AutoRec(hidden_units=4, l2=8.0), {"start": {}}, "a dict cannot be started from; give what fit of an"),
])  # fmt: skip
def test_another_model_is_refused(model, options, message):
    start = tr.AutoRec(hidden_units=4, l2=8.0).fit(WHOLE, epochs=1, backend="reference")
    with pytest.raises(UsageError, match=message):
        model.fit(WHOLE, **{"epochs": 1, "start": start, **options})


def test_features_must_be_the_same():
    colours = [WHOLE.with_features(items=Features.of({"colour": [kind] * 40})) for kind in ("red", "blue")]
    model, options = tr.CFN(hidden_units=4, l2=0.5), {"epochs": 1, "backend": "reference"}
    start = model.fit(colours[0], **options)
    again = model.fit(colours[0], start=start, optimizer=Adam(1e-9), **options)
    np.testing.assert_allclose(again.params["S1"], start.params["S1"], atol=1e-6)
    for data in (colours[1], WHOLE):
        with pytest.raises(UsageError, match="trained with other features"):
            model.fit(data, start=start, **options)


def test_train_from_a_model_on_the_command_line(capsys, tmp_path):
    R = WHOLE.ratings
    lines = [f"{u},{i},{r:g}" for u, i, r in zip(R.rows, R.cols, R.values, strict=True)]
    (tmp_path / "old.csv").write_text("\n".join(lines[:800]))
    (tmp_path / "all.csv").write_text("\n".join(lines))
    old, whole, first = str(tmp_path / "old.csv"), str(tmp_path / "all.csv"), str(tmp_path / "first.npz")
    small = ["--backend", "reference", "--quiet", "--json", "-"]
    assert (
        main(
            [
                "train",
                "--dataset",
                old,
                "--set",
                "hidden_units=4",
                "--set",
                "l2=8",
                "--epochs",
                "30",
                "--save",
                first,
                *small,
            ]
        )
        == 0
    )
    capsys.readouterr()
    train = ["train", "--from", first, "--epochs", "2", *small]
    assert main([*train, "--dataset", old]) == 0  # the same ratings are held out
    result = json.loads(capsys.readouterr().out)
    assert result["settings"]["hidden_units"] == 4 and result["settings"]["l2"] == 8
    assert (result["epochs"], result["start_epochs"]) == (2, 30) and f"step_init={STEP}" in result["optimizer"]
    for flags, code, said in (
        (["--dataset", whole], 3, "ratings held out; hold out others with --split FILE, or none with --test 0"),
        (["--dataset", whole, "--test", "0"], 0, ""),
        (["--dataset", old, "--by", "user"], 2, "by (was item, is user)"),
        (["--dataset", old, "--set", "l2=9"], 2, "l2 (was 8, is 9)"),
        (["--dataset", old, "--model", "cfn"], 2, "holds a model of the kind autorec, not cfn; leave --model out"),
        (["--dataset", old, "--model", "average"], 2, "--from is for a single autoencoder"),
    ):
        assert main([*train, *flags]) == code
        assert said in capsys.readouterr().err


@dataclass(frozen=True)
class BothSides(Model):
    reads_features: ClassVar[bool] = True


def test_features_are_read_of_the_rows_or_of_users_and_items():
    models = {tr.CFN(by="user"): ("user",), tr.CFN(): ("item",), BothSides(): ("user", "item"), tr.AutoRec(): ()}
    users, items = Features.of({"age": ["old"] * 60}), Features.of({"colour": ["red"] * 40})
    data = WHOLE.with_features(users=users, items=items)
    names = {"user": users.names, "item": items.names}
    for model, sides in models.items():
        assert sides_read(model) == sides
        assert feature_names(data, model) == sum((names[side] for side in sides), ())
        for side in ("user", "item"):
            flags = {"item_features": None, "user_features": None, "model": "any", f"{side}_features": "own"}
            with nullcontext() if side in sides else pytest.raises(UsageError, match="reads (no )?features"):
                check_feature_flags(Namespace(**flags), [model])
