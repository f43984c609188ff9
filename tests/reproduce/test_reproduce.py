"""Tables of the papers: what is run, what is kept, and what is printed of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import tinyrec as tr
from tinyrec.baselines import BPMF, WMF
from tinyrec.cli import main
from tinyrec.errors import FileError, UsageError
from tinyrec.evaluation.precision import precisions
from tinyrec.evaluation.rating_metrics import rmse
from tinyrec.optim import RProp
from tinyrec.reproduce import pages, run, tables, writing
from tinyrec.reproduce.cell import DEFAULTS, data_of, run_cell, share_of, split_of
from tinyrec.reproduce.config import TrainingConfig
from tinyrec.reproduce.scores import fifths

TABLE = """
title = "A small table"
paper = "nowhere"
dataset = "synthetic"
splits = 2
columns = ["λ", "epochs", "seconds", "parameters"]
about = "About it."

[[rows]]
name = "published only"
published = 0.9

[[rows]]
name = "trained"
published = 0.8
train = { epochs = 12, set = { hidden_units = 3, l2 = 9.0, center = true } }

[[rows]]
name = "the same, not clipped"
train = { epochs = 12, set = { hidden_units = 3, l2 = 9.0, center = true } }
score = "no clip"

[[rows]]
name = "by user"
train = { by = "user", epochs = 2, set = { hidden_units = 3, l2 = 9.0, center = true } }
"""


@pytest.fixture
def table(tmp_path, monkeypatch):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "small.toml").write_text(TABLE)
    monkeypatch.setattr(tables, "FOLDER", tmp_path / "tables")
    return tables.read("small")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


def count(table, folder, **options):
    """How many trainings it took, and their cells."""
    new = []
    cells = run.run(table, folder, backend="reference", observe=lambda row, cell, left: new.append(left), **options)
    assert new == list(range(len(new) - 1, -1, -1))
    return len(new), cells


@pytest.mark.parametrize("name", tables.names())
def test_every_table_can_be_run(name):
    table = tables.read(name)
    assert table.title and table.paper and table.about and (table.splits > 1 or table.backend)
    assert len({row.name for row in table.rows}) == len(table.rows)
    for row in table.rows:
        assert row.published is None or (0.7 if row.measure == "rmse" else 0.01) < row.published < 1
        assert row.train is None or all(pages.describe(spec) for spec in row.configs())


def test_a_cell_is_one_training_and_rows_that_differ_in_the_scoring_share_it(table, folder):
    new, cells = count(table, folder)
    assert new == len(cells) == 2 * 2  # splits x (by item, by user)
    data = tr.load_dataset("synthetic")
    for cell in cells:
        split, (training,) = cell["task"]["split"], cell["task"]["trainings"]
        part, test = tr.split_random(data, 0.1, split)
        model = tr.AutoRec(**training["settings"])
        assert (model.hidden_units, model.l2, model.center) == (3, 9, True)
        fitted = model.fit(part, epochs=training["epochs"], seed=split, backend="reference")
        y = fitted.predict(*test.triples()[:2])
        rounded = precisions(y, test.ratings.values, test.ratings.rows, (10, 25), "round")
        assert cell["scores"]["usual"] == fitted.score(test, precision_at=(10, 25)) | rounded
        assert cell["environment"]["backend"] == "reference" and cell["seconds"] > 0


def test_what_is_finished_is_not_run_again(table, folder):
    first = count(table, folder)[1]
    assert count(table, folder) == (0, first)
    new, cells = count(table, folder, splits=3)
    assert new == 2 and len(cells) == 6 and len(pages.measured(table, cells)[1].cells) == 3
    assert len(count(table, folder, splits=1)[1]) == 2 and len(run.read(folder / "small.json")) == 6


def test_what_another_table_has_is_not_run_again(table, folder):
    cells = count(table, folder)[1]
    (folder / "small.json").rename(folder / "other.json")
    assert count(table, folder) == (0, cells) and run.read(folder / "small.json") == cells


def test_an_interrupted_table_goes_on_where_it_stopped(table, folder, monkeypatch):
    real, calls = run.run_cell, []

    def fails_at_the_third(task):
        calls.append(task)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(task)

    monkeypatch.setattr(run, "run_cell", fails_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        count(table, folder)
    monkeypatch.setattr(run, "run_cell", real)
    assert len(run.read(folder / "small.json")) == 2
    assert count(table, folder)[0] == 2


def test_a_cell_without_all_scores_is_replaced(table, folder):
    cells = count(table, folder)[1]
    del cells[0]["scores"]["no clip"]
    run.write(folder / "small.json", table, cells)
    assert count(table, folder)[0] == 1
    kept = run.read(folder / "small.json")
    assert len(kept) == 4 and all(len(row.cells) == 2 for row in pages.measured(table, kept)[1:])


def test_a_cell_without_the_precision_is_replaced_only_for_a_table_that_shows_it(table, folder):
    cells = count(table, folder)[1]
    for cell in cells:
        for name in [name for name in cell["scores"]["usual"] if name.startswith("precision@")]:
            del cell["scores"]["usual"][name]
    run.write(folder / "small.json", table, cells)
    assert count(table, folder)[0] == 0 and pages.measured(table, cells)[1].cells
    path = tables.FOLDER / "small.toml"
    path.write_text(TABLE.replace("columns = [", 'columns = ["precision@25%_round", '))
    with_column = tables.read("small")
    assert not pages.measured(with_column, cells)[1].cells
    new, cells = count(with_column, folder)
    rows = pages.measured(with_column, cells)
    rounded = [
        f"{np.mean([cell['scores']['usual']['precision@25%_round'] for cell in its.cells]):.4f}" for its in rows[1:]
    ]
    assert new == 4 and [pages.column(its, "precision@25%_round", rows) for its in rows[1:]] == [
        rounded[0],
        "",
        rounded[2],
    ]
    path.write_text('measure = "precision@25%"\n' + TABLE.replace('score = "no clip"\n', ""))
    by_precision = tables.read("small")
    assert count(by_precision, folder)[0] == 0
    rows = pages.measured(by_precision, cells)
    assert rows[1].value == np.mean([cell["scores"]["usual"]["precision@25%"] for cell in rows[1].cells])
    assert "ours, PRECISION@25%" in pages.markdown(by_precision, rows)
    assert "90 % to train on, 10 % to test" in pages.page(by_precision, rows)


def test_other_settings_are_another_training(table, folder):
    count(table, folder)
    path = tables.FOLDER / "small.toml"
    path.write_text(TABLE.replace('by = "user", epochs = 2', 'by = "user", epochs = 3'))
    assert count(tables.read("small"), folder)[0] == 2
    assert len(run.read(folder / "small.json")) == 6  # what was measured is not thrown away


def test_a_setting_that_came_later_is_the_same_only_where_it_is_as_by_default(table):
    task = run.task_of(table.rows[1], 0)
    old = json.loads(json.dumps(task))
    del old["trainings"][0]["settings"]["dropout"]
    assert run.is_same(old, task) and run.is_same(task, json.loads(json.dumps(task)))
    for change in ({"dropout": 0.5}, {"l2": 9.5}, {"center": False}):
        new = json.loads(json.dumps(task))
        new["trainings"][0]["settings"] |= change
        assert not run.is_same(old, new)
    assert not run.is_same(task, task | {"features": {"items": "own"}})
    assert not run.is_same(task, task | {"split": 1}) and not run.is_same(task, task | {"valid": 0.1})


def test_a_quick_run_trains_for_ten_epochs_and_is_kept_apart(table, folder):
    new, cells = count(table, folder, splits=1, quick=True)
    assert new == 2 and [cell["members"][0]["epochs"] for cell in cells] == [10, 2]
    assert [path.name for path in folder.iterdir()] == ["small.quick.json"]
    assert run.shortened(TrainingConfig(tr.DeepAutoRec(pretrain=80), RProp(), 5)).model.pretrain == 10
    assert run.shortened(TrainingConfig(BPMF(burn_in=4, samples=60), None)).model == BPMF(burn_in=4, samples=10)


def test_without_the_data_of_the_table_nothing_is_made_up(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("TINYREC_DATA", str(tmp_path))
    monkeypatch.setenv("TINYREC_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    data_of.cache_clear()
    assert main(["reproduce", "ml-100k", "--out", str(tmp_path / "out")]) == 5
    assert "ml-100k.zip was not found" in capsys.readouterr().err


def test_jobs_change_nothing_but_the_time(table, folder, tmp_path):
    one, two = count(table, folder)[1], count(table, tmp_path / "two", jobs=2)[1]
    assert [cell["task"] for cell in one] == [cell["task"] for cell in two]
    for ours, other in zip(one, two, strict=True):  # fewer threads a job: BLAS adds in another order
        assert ours["scores"]["usual"] == pytest.approx(other["scores"]["usual"], rel=1e-9)


def test_a_damaged_file_of_results_is_refused(table, folder):
    folder.mkdir()
    (folder / "small.json").write_text('{"cells": [')
    with pytest.raises(FileError, match=r"small.json is not a file of results"):
        count(table, folder)


@pytest.mark.parametrize(
    "spoil", [lambda cell: cell.pop("scores"), lambda cell: cell["scores"]["usual"].update(rmse="x")]
)
def test_a_damaged_cell_is_refused(table, folder, spoil):
    cells = count(table, folder, splits=1)[1]
    spoil(cells[0])
    run.write(folder / "small.json", table, cells)
    with pytest.raises(FileError, match=r"small.json is not a file of results"):
        count(table, folder)


def test_an_unknown_table_is_refused():
    with pytest.raises(UsageError, match="unknown table 'nonsense'; choose one of autorec-"):
        tables.read("nonsense")


def test_the_markdown_has_the_mean_its_interval_and_the_difference(table, folder):
    cells = count(table, folder, splits=3)[1]
    rows = pages.measured(table, cells)
    scores = [cell["scores"]["usual"]["rmse"] for cell in cells if "by='item'" in cell["members"][0]["model"]]
    low, _ = stats.t.interval(0.95, 2, np.mean(scores), stats.sem(scores))
    assert rows[1].interval == pytest.approx(np.mean(scores) - low)
    assert rows[1].corrected == pytest.approx(rows[1].interval * (1 + 3 / 9) ** 0.5)  # 10 % to test, 90 % to train on
    lines = pages.markdown(table, rows).splitlines()
    assert lines[2] == "| published only | 0.900 |  |  |  |  |  |  |"
    ours = f"{np.mean(scores):.4f} ± {rows[1].interval:.4f} ({rows[1].corrected:.4f})"
    difference = f"{np.mean(scores) - 0.8:+.4f}"
    assert lines[3].startswith(f"| trained | 0.800 | {ours} | {difference} | 9 | 12 |") and lines[3].endswith(
        " 7,003 |"
    )
    assert rows[2].values == [cell["scores"]["no clip"]["rmse"] for cell in rows[1].cells]


def test_the_command_line_writes_json_page_and_plot(table, folder, capsys):
    flags = ["--splits", "1", "--backend", "reference", "--out", str(folder), "--json", str(folder.parent / "r.json")]
    assert main(["reproduce", "small", *flags]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("| what | published | ours |") and "by user, split 0: RMSE" in err
    assert {path.name for path in folder.iterdir()} == {"small.json", "small.md", "small.png"}
    result = json.loads((folder.parent / "r.json").read_text())
    assert [row["name"] for row in result["rows"]][1] == "trained" and result["rows"][1]["rmse"] < 1
    assert "AutoRec(by='user', l2=9.0" in (folder / "small.md").read_text()


def test_the_command_line_lists_and_refuses(capsys, tmp_path):
    assert main(["reproduce", "list"]) == 0
    assert "autorec-table-1a" in capsys.readouterr().out
    assert main(["reproduce", "nonsense"]) == 2
    (tmp_path / "file").write_text("")
    assert main(["reproduce", "ml-100k", "--quick", "--splits", "1", "--out", str(tmp_path / "file")]) in (3, 5)


KEPT = [name for name in tables.names() if (pages.RESULTS / f"{name}.json").exists()]


@pytest.mark.parametrize("name", KEPT)
def test_the_kept_results_are_those_of_the_table_and_the_page_is_made_of_them(name):
    table = tables.read(name)
    cells = run.read(pages.RESULTS / f"{name}.json")
    rows = pages.measured(table, cells)
    for its in rows:
        splits = min(table.splits, its.row.splits or table.splits)
        on_this_set = its.row.train is not None and (its.row.dataset == table.dataset or table.backend)
        assert sorted(cell["task"]["split"] for cell in its.cells) == (list(range(splits)) if on_this_set else [])
    assert (pages.RESULTS / f"{name}.md").read_text("utf-8") == writing.page(table, rows, pages.RESULTS)
    assert (pages.RESULTS / f"{name}.png").stat().st_size > 1000


def test_the_tables_in_the_readme_are_made_of_the_kept_results():
    readme = (Path(tr.__file__).parents[1] / "README.md").read_text("utf-8")
    assert pages.fill(readme) == readme
    assert [name for _, name, _ in pages.MARK.findall(readme)]


def one_cell(**more):
    """The cell of a small training."""
    settings = {"hidden_units": 3, "l2": 9.0, "center": True}
    row = tables.Row(name="x", dataset="synthetic", train={"epochs": 2, "set": settings}, **more)
    return run_cell(("x", run.task_of(row, 0), "reference"))


def test_items_are_cut_into_fifths_by_the_number_of_their_ratings():
    data = tr.load_dataset("synthetic")
    part, test = tr.split_random(data, 0.1, 0)
    of_item, counts = fifths(part), np.bincount(part.ratings.cols, minlength=len(part.items))
    assert np.bincount(of_item).tolist() == [0] + [300] * 5
    assert all(counts[of_item == low].max() <= counts[of_item == low + 1].min() for low in range(1, 5))
    scores = one_cell()["scores"]
    assert sum(scores[f"fifth {number}"]["n"] for number in range(1, 6)) == test.ratings.size
    squares = sum(scores[f"fifth {number}"]["rmse"] ** 2 * scores[f"fifth {number}"]["n"] for number in range(1, 6))
    assert squares / test.ratings.size == pytest.approx(scores["no default"]["rmse"] ** 2)


def test_all_ratings_of_some_items_can_be_held_out():
    task = DEFAULTS | run.task_of(tables.Row(name="x", dataset="synthetic", train={}, cold_items=7), 3)
    part, test = split_of(task)
    chosen = np.unique(test.ratings.cols)
    assert 0 < len(chosen) <= 7 and not np.isin(part.ratings.cols, chosen).any()
    assert part.ratings.size + test.ratings.size == tr.load_dataset("synthetic").ratings.size
    scores = one_cell(cold_items=7)["scores"]
    part, test = split_of(task | {"split": 0})
    y = np.bincount(part.ratings.rows, part.ratings.values) / np.bincount(part.ratings.rows)
    assert scores["user mean"]["rmse"] == pytest.approx(rmse(y[test.ratings.rows], test.ratings.values), rel=1e-6)
    assert scores["default rating"]["rmse"] == pytest.approx(rmse(3.0, test.ratings.values), rel=1e-6)


def test_a_curve_has_the_test_rmse_after_each_epoch():
    cell = one_cell(curve=True)
    assert len(cell["curve"]) == 2 and cell["curve"][-1] == pytest.approx(cell["scores"]["usual"]["rmse"])
    assert "curve" not in one_cell()


@pytest.fixture
def interactions(monkeypatch):
    """Two tribes, each with its own half of the items, in the place of Last.fm."""
    rng = np.random.default_rng(0)
    users, items = np.nonzero((rng.random((60, 50)) < 0.3) & (np.arange(60)[:, None] % 2 == np.arange(50) % 2))
    data = tr.Dataset.from_triples(users, items, np.ones(len(users))).binarized()
    monkeypatch.setattr("tinyrec.reproduce.cell.data_of", lambda name: data)
    return data


def test_implicit_feedback_is_ranked_and_baselines_fitted(interactions):
    model = {"model": "implicit-ncae", "epochs": 2, "set": {"hidden_units": 3}}
    trainings = {"ncae": model, "pop": {"model": "pop"}, "wmf": {"model": "wmf", "set": {"l2": 2.0}}}
    part, test = tr.split_leave_one_out(interactions, seed=1)
    for name, train in trainings.items():
        row = tables.Row(name=name, dataset="lastfm", measure="ndcg@100", train=train)
        task = run.task_of(row, 1)
        cell = json.loads(json.dumps({"task": task, **run_cell((name, task, "reference"))}))
        run.check(cell)
        assert cell["scores"]["usual"]["users"] == test.ratings.size == 60
        assert sum(cell["scores"][key]["users"] for key in cell["scores"] if key != "usual") == 60
        assert run.serves(cell, task, {("usual", "ndcg@100"), ("usual", "hr@10")})
    fitted = WMF(l2=2.0).fit(part, seed=1)
    expected = fitted.rank(test)["ndcg@100"]
    assert cell["scores"]["usual"]["ndcg@100"] == pytest.approx(expected)
    changed = run.task_of(tables.Row(name="wmf", dataset="lastfm", train={"model": "wmf"}), 1)
    assert not run.serves(cell, changed, {("usual", "ndcg@100")})


def test_a_share_of_each_users_interactions_is_trained_on(interactions):
    half = share_of(interactions, 0.5, 0)
    counts, kept = (np.diff(its.ratings.pattern.indptr) for its in (interactions, half))
    assert (kept == np.maximum(np.ceil(counts / 2), 1)).all()
    assert share_of(interactions, 1.0, 0).fingerprint() == interactions.fingerprint()
    hundred = tr.Dataset.from_triples(np.zeros(100, int), np.arange(100), np.ones(100)).binarized()
    for percent in range(1, 101):  # in floating point, 0.55 * 100 is more than 55
        assert share_of(hundred, percent / 100, 0).ratings.size == percent


def test_the_distance_of_vectors_from_codes_is_kept_and_shown(table, folder):
    path = tables.FOLDER / "small.toml"
    small = "epochs = 1, set = { hidden_units = 3 } }"
    rows = [f'[[rows]]\nname = "{name}"\ntrain = {{ model = "{name}", {small}\n' for name in ("asdae", "nrp-asdae")]
    path.write_text(TABLE[: TABLE.index("[[rows]]")].replace('"λ"', '"distance"') + "".join(rows))
    table = tables.read("small")
    original, twin = pages.measured(table, count(table, folder)[1])
    distances = [cell["members"][0]["distance"] for cell in original.cells]
    assert len(distances) == 2 and min(distances) > 0
    assert pages.column(original, "distance", []) == f"{np.mean(distances):.3g}"
    assert pages.column(twin, "distance", []) == ""


def test_better_than_is_counted_split_by_split():
    rows = []
    for name, than, values in (("a", None, [1.0, 0.5, 0.7]), ("b", "a", [0.9, 0.52, 0.66])):
        cells = [{"task": {"split": i}, "scores": {"usual": {"rmse": value}}} for i, value in enumerate(values)]
        rows.append(pages.Measured(tables.Row(name=name, dataset="x", than=than), cells))
    width = stats.t.ppf(0.975, 2) * stats.sem([0.1, -0.02, 0.04])
    assert pages.column(rows[1], "better than", rows) == f"+0.0400 ± {width:.4f} (2 of 3)"
    for its in rows:
        its.cells.pop()
    assert pages.column(rows[1], "better than", rows) == "+0.0400 (1 of 2)"  # no interval of two
    assert pages.column(rows[0], "better than", rows) == ""
