"""The average of several models: what it predicts, its file, and how the command line trains one."""

import json
import signal
from dataclasses import replace

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.cli import main
from tinyrec.cli.watch import Watch
from tinyrec.data import Dataset
from tinyrec.errors import DataError, UsageError
from tinyrec.reproduce import known_settings

DATA = tr.make_synthetic(60, 40, 900, seed=3)
TRAIN, TEST = tr.split_random(DATA, 0.2, seed=0)
TRAIN = TRAIN.select((TRAIN.ratings.cols != 7) & (TRAIN.ratings.rows != 5))  # item 7 and user 5 are cold
MODELS = [
    tr.AutoRec(hidden_units=4, l2=8.0),
    tr.AutoRec(by="user", hidden_units=3, l2=8.0, center=True),
    tr.DeepAutoRec(hidden_units=(4, 2, 4), l2=8.0, pretrain=3),
]
USERS, ITEMS = (ids.ravel() for ids in np.meshgrid([*DATA.users.ids, 10**9], [*DATA.items.ids, -1], indexing="ij"))


@pytest.fixture(scope="module")
def average():
    members = [model.fit(TRAIN, epochs=20, seed=seed, backend="reference") for seed, model in enumerate(MODELS)]
    # One is far too high, so that its own predictions leave the scale; clipped before the mean, they would lower it
    members[0] = replace(members[0], params=members[0].params | {"b": members[0].params["b"] + 3})
    return tr.Average(members, {"seed": 0})


def mean_of_members(average):
    return np.mean([its.predict(USERS, ITEMS, clip=False, default=False) for its in average.members], axis=0)


def test_a_prediction_is_the_mean_of_those_of_the_members_before_they_are_clipped(average):
    expected = mean_of_members(average)
    np.testing.assert_allclose(average.predict(USERS, ITEMS, clip=False, default=False), expected, rtol=1e-12)
    clipped = average.predict(USERS, ITEMS, default=False)
    np.testing.assert_allclose(clipped, np.clip(expected, 1, 5), rtol=1e-12)
    of_clipped = np.mean([its.predict(USERS, ITEMS, default=False) for its in average.members], axis=0)
    assert (clipped - of_clipped).max() > 0.1
    warm = np.isin(USERS, TRAIN.users.ids[TRAIN.ratings.rows]) & np.isin(ITEMS, TRAIN.items.ids[TRAIN.ratings.cols])
    np.testing.assert_allclose(average.predict(USERS, ITEMS), np.where(warm, clipped, 3), rtol=1e-12)


def test_weights_count_from_the_mean_of_the_training_ratings(average, tmp_path):
    weighted, mean = tr.Average(average.members, {}, [0.5, 0.9, -0.3]), TRAIN.ratings.values.mean()
    each = [its.predict(USERS, ITEMS, clip=False, default=False) for its in average.members]
    expected = mean + 0.5 * (each[0] - mean) + 0.9 * (each[1] - mean) - 0.3 * (each[2] - mean)
    np.testing.assert_allclose(weighted.predict(USERS, ITEMS, clip=False, default=False), expected, rtol=1e-6)
    weighted.save(tmp_path / "weighted.npz")
    back = tr.load(tmp_path / "weighted.npz", "reference")
    assert back.weights == (0.5, 0.9, -0.3) and back.info == {}
    assert back.predict(USERS, ITEMS).tobytes() == weighted.predict(USERS, ITEMS).tobytes()


def test_new_ratings_of_others_do_not_change_a_weighted_average(average):
    members = [MODELS[1].fit(TRAIN, epochs=5, seed=seed, backend="reference") for seed in (0, 1)]
    weighted = tr.Average(members, {}, [0.7, 0.7])
    more = Dataset.from_triples([999] * 5, DATA.items.ids[:5], [1.0] * 5, scale=DATA.scale)
    before, after = (its.predict(USERS, ITEMS) for its in (weighted, weighted.with_ratings(more)))
    assert (before[USERS != 10**9] == after[USERS != 10**9]).all()


@pytest.mark.parametrize("weights", [[1.0], [0.5, 0.5, np.nan], [], ["a", "b", "c"], 2.0, [None, 1, 1], [[1, 2, 3]]])
def test_weights_must_be_a_finite_number_for_each_member(average, weights):
    with pytest.raises(UsageError, match="3 members need as many weights, finite numbers"):
        tr.Average(average.members, {}, weights)


@pytest.mark.filterwarnings("ignore:WORSE than predicting the mean")  # it was trained for a few epochs only
def test_score_is_that_of_the_predictions_and_refuses_what_was_trained_on(average):
    test = TEST.users.ids[TEST.ratings.rows], TEST.items.ids[TEST.ratings.cols]
    for options in ({}, {"clip": False, "default": False}):
        errors = average.predict(*test, **options) - TEST.ratings.values
        assert average.score(TEST, **options)["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)))
    with pytest.raises(DataError, match="were trained on"):
        average.score(TRAIN)


def test_recommendations_are_the_best_by_the_mean(average):
    scores = mean_of_members(average).reshape(61, 41)[:60, :40]
    scores[TRAIN.ratings.rows, TRAIN.ratings.cols] = -np.inf
    scores[:, np.bincount(TRAIN.ratings.cols) == 0] = -np.inf
    for row, (user, ranking) in enumerate(average.recommend_many(DATA.users.ids, n=6)):
        best = np.argsort(-scores[row], kind="stable")[:6]
        assert user == DATA.users.ids[row] and [item for item, _ in ranking] == DATA.items.ids[best].tolist()
        np.testing.assert_allclose([rating for _, rating in ranking], np.clip(scores[row, best], 1, 5), rtol=1e-6)
        assert [item for item, _ in ranking] == [item for item, _ in average.recommend(user, n=6)]


def test_somebody_or_something_new_gets_the_mean_too(average):
    known, r = np.array([3, 9, 11]), np.array([5.0, 1.0, 2.0])
    for what, index, predict in (
        ("user", DATA.items, average.predict_new_user),
        ("item", DATA.users, average.predict_new_item),
    ):
        expected = np.mean([member.predict_new(what, known, r, {}) for member in average.members], axis=0)
        ratings = dict(zip(index.ids[known].tolist(), r.tolist(), strict=True))
        np.testing.assert_allclose(predict(ratings), np.clip(expected, 1, 5), rtol=1e-12)
    (item, _), *_ = average.recommend(ratings={DATA.items.ids[i]: 3.0 for i in range(7)}, n=2)
    assert item in DATA.items.ids[8:]


def test_it_comes_back_from_its_file_bit_for_bit(average, tmp_path):
    average.save(tmp_path / "average.npz")
    back = tr.load(tmp_path / "average.npz", backend="reference")
    assert isinstance(back, tr.Average) and back.info == {"seed": 0} and repr(back) == repr(average)
    assert [its.model for its in back.members] == MODELS and [its.info["seed"] for its in back.members] == [0, 1, 2]
    for before, after in zip(average.members, back.members, strict=True):
        assert {name: w.tobytes() for name, w in before.params.items()} == {
            name: w.tobytes() for name, w in after.params.items()
        }
    assert back.predict(USERS, ITEMS).tobytes() == average.predict(USERS, ITEMS).tobytes()
    assert back.recommend(DATA.users.ids[3]) == average.recommend(DATA.users.ids[3])


def test_members_of_other_ratings_and_none_at_all_are_refused(average):
    other = MODELS[0].fit(TRAIN.select(TRAIN.ratings.rows != 4), epochs=1, backend="reference")
    with pytest.raises(UsageError, match="trained on different ratings"):
        tr.Average([average.members[0], other])
    with pytest.raises(UsageError, match="needs members"):
        tr.Average([])


@pytest.fixture(scope="module")
def ratings(tmp_path_factory):
    data = tr.make_synthetic(30, 20, 250, seed=3)  # so few, as each member has 500 hidden units
    path = tmp_path_factory.mktemp("data") / "ratings.csv"
    lines = zip(data.ratings.rows, data.ratings.cols, data.ratings.values, strict=True)
    path.write_text("user,item,rating\n" + "".join(f"u{u},{i},{r:g}\n" for u, i, r in lines))
    return str(path)


def train(ratings, *flags):
    return ["train", "--model", "average", "--dataset", ratings, "--backend", "reference", "--quiet", *map(str, flags)]


@pytest.fixture(scope="module")
def trained(ratings, tmp_path_factory):
    """Its model file, and what it said about itself."""
    folder = tmp_path_factory.mktemp("model")
    assert main(train(ratings, "--seed", 4, "--save", folder / "model.npz", "--json", folder / "result.json")) == 0
    return str(folder / "model.npz"), json.loads((folder / "result.json").read_text())


def run_json(capsys, *argv):
    assert main([*argv, "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_command_line_trains_both_ways_of_reading_and_scores_each(ratings, trained):
    path, result = trained
    train_part, test = tr.split_random(tr.load_dataset(ratings), 0.1, seed=4)
    members = [
        tr.AutoRec(by=by).fit(train_part, seed=seed, backend="reference") for by, seed in (("item", 4), ("user", 5))
    ]
    assert (result["model"], result["settings_from"], result["seed"]) == ("average", "validation", 4)
    assert [its["by"] for its in result["members"]] == ["item", "user"]
    assert all(its["epochs"] for its in result["members"])  # else they were both nothing but biases, and the same
    assert [its["test_rmse"] for its in result["members"]] == [its.examine(test)[0]["rmse"] for its in members]
    assert result["test_rmse"] == tr.Average(members).examine(test)[0]["rmse"]
    assert result["parameters"] == sum(its["parameters"] for its in result["members"])
    assert [its.info["seed"] for its in tr.load(path).members] == [4, 5]


def test_the_command_line_weights_the_members_as_the_known_settings_say(ratings, tmp_path, capsys, monkeypatch):
    small = {"epochs": 40, "set": {"l2": 5.0, "hidden_units": 4, "center": False}}
    members = [{**small, "weight": 0.75}, {**small, "by": "user", "weight": 0.5}]
    monkeypatch.setitem(known_settings.AVERAGE, ratings, members)
    assert main(train(ratings, "--save", tmp_path / "model.npz", "--json", tmp_path / "result.json")) == 0
    assert "and their average, with the weights 0.75, 0.5: " in capsys.readouterr().out
    loaded, result = tr.load(tmp_path / "model.npz", "reference"), json.loads((tmp_path / "result.json").read_text())
    assert loaded.weights == (0.75, 0.5) and result["weights"] == [0.75, 0.5]
    _, test = tr.split_random(tr.load_dataset(ratings), 0.1, seed=0)
    assert result["test_rmse"] == tr.Average(loaded.members, {}, [0.75, 0.5]).examine(test)[0]["rmse"]
    assert result["test_rmse"] != tr.Average(loaded.members).examine(test)[0]["rmse"]


def test_its_file_serves_the_other_commands(capsys, trained):
    path, result = trained
    assert run_json(capsys, "evaluate", path, "--backend", "reference")["rmse"] == result["test_rmse"]
    average = tr.load(path, "reference")
    (pair,) = run_json(capsys, "predict", path, "--user", "u3", "--item", "7", "--backend", "reference")["predictions"]
    assert pair["rating"] == average.predict(["u3"], [7])[0]
    ranking = run_json(capsys, "recommend", path, "--user", "u3", "-n", "4", "--backend", "reference")[
        "recommendations"
    ]
    assert [(row["item"], row["rating"]) for row in ranking] == average.recommend("u3", 4)


def stop_after(monkeypatch, epochs):
    """As if Ctrl-C were pressed in this epoch of the run."""
    seen, call = [], Watch.__call__

    def interrupted(self, progress):
        seen.append(progress)
        self.signal = signal.SIGINT if len(seen) == epochs else 0
        call(self, progress)

    monkeypatch.setattr(Watch, "__call__", interrupted)


@pytest.mark.parametrize("member", [1, 2])
def test_a_stopped_one_goes_on_in_the_member_in_which_it_was(capsys, monkeypatch, ratings, trained, tmp_path, member):
    expected = trained[1]["members"]
    flags = train(ratings, "--seed", 4, "--checkpoint", tmp_path / "c")
    stop_after(monkeypatch, 30 + (len(expected[0]["history"]) if member == 2 else 0))
    assert main(flags) == 128 + signal.SIGINT and "continue with --resume" in capsys.readouterr().err
    assert sorted(path.parent.name for path in tmp_path.glob("c/*/checkpoint.npz")) == ["1", "2"][:member]
    result = run_json(capsys, *flags, "--resume")
    assert result["test_rmse"] == trained[1]["test_rmse"]
    for its, whole in zip(result["members"], expected, strict=True):
        assert [row["loss"] for row in its["history"]] == [row["loss"] for row in whole["history"]]


def test_one_that_was_killed_before_the_first_checkpoint_of_a_member_goes_on(capsys, ratings, trained, tmp_path):
    flags = train(ratings, "--seed", 4, "--checkpoint", tmp_path)
    assert main(flags) == 0
    (tmp_path / "2" / "checkpoint.npz").unlink()  # the folder is made when the member begins
    capsys.readouterr()
    assert run_json(capsys, *flags, "--resume")["test_rmse"] == trained[1]["test_rmse"]


@pytest.mark.parametrize("flags, message", [
    (["--by", "user"], "an average has members of its own; leave --by, --set"),
    (["--set", "l2=3"], "an average has members of its own; leave --by, --set"),
    (["--epochs", "3"], "an average has members of its own; leave --by, --set"),
    (["--plot", "curve.png"], "an average has no learning curve of its own; leave --plot out"),
])  # fmt: skip
def test_what_it_cannot_be_told_is_refused_in_one_sentence(capsys, ratings, flags, message):
    assert main(train(ratings, *flags)) == 2
    err = capsys.readouterr().err
    assert message in err and len(err.splitlines()) == 1


def test_a_plot_is_refused_before_any_work(monkeypatch, ratings):
    monkeypatch.setattr("tinyrec.reproduce.config.train", lambda *_, **__: pytest.fail("it was trained first"))
    assert main(train(ratings, "--plot", "curve.png")) == 2
