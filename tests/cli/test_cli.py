"""The command line: what it prints, what it writes, and how it ends when something is wrong."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import tinyrec as tr
from tests.cli.conftest import SMALL
from tinyrec.backend import get_backend
from tinyrec.backend.threads import use_threads
from tinyrec.cli import main


def run_json(capsys, *argv):
    assert main([*argv, "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def fails(capsys, code, *argv):
    """Run a command that must fail with this code, and return the one line that it says."""
    try:
        found = main(list(argv))
    except SystemExit as problem:  # argparse
        found = problem.code
    err = capsys.readouterr().err
    assert found == code, err
    assert "Traceback" not in err
    return err.strip().splitlines()[-1]


def test_train_gives_all_that_was_promised(capsys, ratings):
    result = run_json(capsys, "train", "--dataset", ratings, *SMALL)
    promised = (
        "model by dataset backend seed n_train n_test epochs test_rmse test_mae valid_rmse seconds seconds_per_epoch"
    )
    assert {*promised.split(), "peak_rss_mb", "history"} <= result.keys()
    assert (result["model"], result["by"], result["backend"], result["seed"]) == ("autorec", "item", "reference", 0)
    assert (result["n_train"], result["n_test"], result["epochs"], result["valid_rmse"]) == (450, 50, 5, None)
    assert len(result["history"]) == 5 and result["peak_rss_mb"] > 10
    train, test = tr.split_random(tr.load_dataset(ratings), 0.1, seed=0)
    again, _ = tr.AutoRec(hidden_units=4, l2=5.0).fit(train, epochs=5, backend="reference").examine(test)
    assert result["test_rmse"] == again["rmse"] and result["test_mae"] == again["mae"]


def test_train_prints_the_baselines_and_the_protocol(capsys, ratings):
    assert main(["train", "--dataset", ratings, *SMALL]) == 0
    out, err = capsys.readouterr()
    for text in ("global mean", "user and item bias", "I-AutoRec", "clipped to 1..5", "get 3"):
        assert text in out
    assert "seed 0" in err


def test_the_protocol_can_be_switched_off(capsys, ratings):
    result = run_json(capsys, "train", "--dataset", ratings, "--no-clip", "--no-default", *SMALL)
    assert result["protocol"]["clip"] is False and result["protocol"]["default"] is False
    assert main(["train", "--dataset", ratings, "--no-clip", "--no-default", "--quiet", *SMALL]) == 0
    assert "not clipped" in capsys.readouterr().out


def test_synthetic_data_show_their_noise_floor(capsys):
    result = run_json(capsys, "train", *SMALL, "--epochs", "50")
    assert result["dataset"] == "synthetic"
    assert result["noise_floor"] < result["test_rmse"] < result["baselines"]["global mean"]["rmse"]


def test_repeats_and_folds_report_a_mean_and_an_interval(capsys, ratings):
    for flags in (("--repeats", "3"), ("--folds", "3")):
        result = run_json(capsys, "train", "--dataset", ratings, *flags, *SMALL)
        scores = [run["test_rmse"] for run in result["runs"]]
        assert len(set(scores)) == 3 and result["test_rmse"] == pytest.approx(np.mean(scores))
        # Student's t with 2 degrees of freedom has its 97.5 % point at 4.3027
        assert result["test_rmse_interval"] == pytest.approx(4.3027 * np.std(scores, ddof=1) / 3**0.5, rel=1e-4)


def test_a_file_of_test_ratings_is_a_split(capsys, ratings, tmp_path):
    lines = Path(ratings).read_text().splitlines()
    (tmp_path / "train.csv").write_text("\n".join(lines[:400]))
    (tmp_path / "test.csv").write_text("\n".join([lines[0], *lines[400:]]))
    flags = ["--dataset", str(tmp_path / "train.csv"), "--split", str(tmp_path / "test.csv")]
    result = run_json(capsys, "train", *flags, *SMALL)
    assert (result["n_train"], result["n_test"]) == (399, 101)


def test_a_config_file_gives_flags_and_the_command_line_has_the_last_word(capsys, ratings, tmp_path):
    config = tmp_path / "config.toml"
    lines = (
        f'dataset = "{ratings}"',
        "epochs = 9",
        "no_clip = true",
        "latest = false",
        "columns = [0, 1, 2]",
        "scale = [1, 5]",
    )
    config.write_text("\n".join([*lines, "[set]", "hidden_units = 4", "l2 = 5"]))
    result = run_json(capsys, "train", "--config", str(config), "--epochs", "2")
    assert result["epochs"] == 2 and result["protocol"]["clip"] is False and result["settings"]["hidden_units"] == 4


def test_evaluate_repeats_the_split_of_the_model(capsys, ratings, model):
    trained = run_json(capsys, "train", "--dataset", ratings, *SMALL)
    assert run_json(capsys, "evaluate", model, "--backend", "reference")["rmse"] == trained["test_rmse"]


def test_evaluate_finds_the_files_of_a_split_from_another_folder(capsys, ratings, tmp_path, monkeypatch):
    lines = Path(ratings).read_text().splitlines(keepends=True)
    (tmp_path / "elsewhere" / "synthetic").mkdir(parents=True)  # a folder with the name of a data set
    for name, part in (("train.csv", lines[1:401]), ("test.csv", lines[401:])):
        (tmp_path / name).write_text(lines[0] + "".join(part))
    for place, flags in ((".", ["--dataset", "train.csv", "--split", "test.csv"]), ("elsewhere", [])):
        monkeypatch.chdir(tmp_path / place)
        trained = run_json(capsys, "train", *flags, *SMALL, "--save", str(tmp_path / "model.npz"))
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert run_json(capsys, "evaluate", str(tmp_path / "model.npz"))["rmse"] == pytest.approx(trained["test_rmse"])


def test_evaluate_refuses_what_was_trained_on(capsys, ratings, model):
    assert "were trained on" in fails(capsys, 3, "evaluate", model, "--dataset", ratings)
    assert "are for --dataset" in fails(capsys, 2, "evaluate", model, "--sep", ",")


def test_recommend_to_one_to_all_and_to_somebody_new(capsys, model):
    one = run_json(capsys, "recommend", model, "--user", "u3", "-n", "4")["recommendations"]
    everybody = run_json(capsys, "recommend", model, "--all", "-n", "4")["recommendations"]
    assert [row["rank"] for row in one] == [1, 2, 3, 4]
    assert one == [row for row in everybody if row["user"] == "u3"] and len({row["user"] for row in everybody}) == 40
    new = run_json(capsys, "recommend", model, "--rate", "7=5", "--rate", "3=1.5", "-n", "30")["recommendations"]
    assert not {7, 3} & {row["item"] for row in new}


def test_recommend_shows_titles(capsys, tmp_path):
    data = tr.make_synthetic(30, 20, 300)
    data.item_info["title"] = np.array([f"Movie {i}" for i in data.items.ids])
    tr.AutoRec(hidden_units=2, l2=1.0).fit(data, epochs=2, backend="reference").save(tmp_path / "m.npz")
    assert main(["recommend", str(tmp_path / "m.npz"), "--user", "3", "-n", "2"]) == 0
    out = capsys.readouterr().out.splitlines()
    item = out[1].split()[1]
    assert out[0].endswith("title") and out[1].endswith(f"Movie {item}")


def test_data_describe_check_and_list(capsys, ratings, tmp_path):
    assert run_json(capsys, "data", "describe", ratings)["ratings"] == 500
    (tmp_path / "r.csv.gz").write_bytes(gzip.compress(Path(ratings).read_bytes()))
    assert run_json(capsys, "data", "check", str(tmp_path / "r.csv.gz"))["ok"] is True
    assert run_json(capsys, "data", "list")["datasets"][0]["name"] == "synthetic"


def test_gradcheck_passes_and_says_so(capsys):
    result = run_json(capsys, "gradcheck", "--seed", "3", "--only", "AutoRec")
    assert result["passed"] and result["wrong"] == [] and len(result["cases"]) > 5


def test_gradcheck_fails_on_a_wrong_gradient(capsys, monkeypatch):
    monkeypatch.setattr("tinyrec.models.autorec.l2_penalty", lambda l2, params, grads, backend: 1.5 * params["b"].sum())
    assert main(["gradcheck", "--only", "AutoRec"]) == 1
    assert "WRONG" in capsys.readouterr().out


def test_doctor_says_that_the_kernels_agree(capsys):
    result = run_json(capsys, "doctor")
    assert result["kernels_agree"] is True and result["packages"]["numpy"] == np.__version__


def test_doctor_says_why_there_is_no_card_and_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.delitem(sys.modules, "tinyrec.backend.gpu", raising=False)
    get_backend.cache_clear()
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "CuPy cannot be used here (" in out and 'pip install "tinyrec[cuda12]"' in out


def test_doctor_finds_packages_that_conflict(capsys, monkeypatch):
    both = [SimpleNamespace(name=name) for name in ("cupy-cuda13x", "numpy", "cupy-cuda12x")]
    monkeypatch.setattr("importlib.metadata.distributions", lambda: both)
    gpu = run_json(capsys, "doctor")["gpu"]
    assert gpu == "cupy-cuda12x and cupy-cuda13x conflict with each other: uninstall all, then install one"


def test_train_tells_its_memory_and_refuses_more_than_is_allowed(capsys, ratings):
    assert main(["train", "--dataset", ratings, "--max-memory", "50", *SMALL]) == 0
    assert re.search(
        r"^training takes about \d+\.\d\d GB of memory(, which reading took)?$", capsys.readouterr().err, re.MULTILINE
    )
    flags = ["--set", "hidden_units=1000000", "--set", "l2=1", "--quiet", "--backend", "reference"]
    line = fails(capsys, 7, "train", "--dataset", ratings, "--max-memory", "0.5", *flags)
    assert "GB, more than the 0.5 allowed; use fewer hidden units" in line


def test_the_memory_of_repeated_trainings_is_told_once(capsys, ratings):
    assert main(["train", "--dataset", ratings, "--repeats", "3", "--max-memory", "50", *SMALL]) == 0
    assert capsys.readouterr().err.count("GB of memory") == 1


def test_threads_are_those_asked_for(capsys, ratings):
    cpu = pytest.importorskip("tinyrec.backend.cpu")
    before = cpu.THREADS
    try:
        assert main(["train", "--dataset", ratings, "--quiet", "--threads", "3", *SMALL]) == 0
        assert cpu.THREADS == 3
    finally:
        use_threads(before)


def test_a_plot_is_a_picture(ratings, tmp_path):
    path = tmp_path / "curve.png"
    assert (
        main(["train", "--dataset", ratings, "--quiet", "--plot", str(path), *SMALL[:2], "--backend", "reference"]) == 0
    )
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("flags, message", [
    (["--dataset", "ml1m"], "did you mean ml-1m"),
    (["--unknown", "3"], "unknown argument --unknown; see python -m tinyrec train --help"),
    (["--set", "units=3"], "unknown setting 'units' of AutoRec; choose one of by,"),
    (["--set", "hidden_units=many"], "hidden_units is 'many', but must be int"),
    (["--set", "hidden_units=2.5"], "but must be int"),
    (["--set", "l2"], "has no value"),
    (["--set", "l2=-3"], "must be finite and at least 0"),
    (["--set", "variant=rprop"], "unknown RProp variant"),
    (["--set", "learning_rate=1"], "is a setting of sgd, rmsprop, adam; choose one of them with --optimizer"),
    (["--epochs", "0"], "0 is less than 1"),
    (["--seed", "-1"], "-1 is less than 0"),
    (["--test", "2"], "test=2.0 is no fraction"),
    (["--backend", "tpu"], "invalid choice"),
    (["--threads", "0"], "0 is less than 1"),
    (["--max-memory", "0"], "0 is not above 0"),
    (["--resume"], "--resume needs --checkpoint"),
    (["--test", "0", "--repeats", "3"], "exclude each other"),
    (["--folds", "3", "--repeats", "3"], "exclude each other"),
    (["--repeats", "2", "--save", "m.npz"], "for one training"),
    (["--batch-size", "8"], "RProp needs all rows"),
    (["--config", "CONFIG"], "is not valid TOML"),
])  # fmt: skip
def test_usage_errors_exit_2_with_one_sentence(capsys, ratings, tmp_path, flags, message):
    (tmp_path / "bad.toml").write_text("epochs = = 3")
    flags = [str(tmp_path / "bad.toml") if flag == "CONFIG" else flag for flag in flags]
    flags = flags if flags[0] == "--dataset" else ["--dataset", ratings, *flags]
    assert message in fails(capsys, 2, "train", *flags)


@pytest.mark.parametrize("content, message", [
    (b"", "is empty"),
    (b"1\n3\n", "line 1"),
    (b"1,2,3\n4,5\n6,7,4\n", "line 2"),
    (b"1,2,3\n4,5,good\n", "line 2"),
    (b"1,2,3\n4,5,nan\n", "line 2"),
    (b"1,2,3\n4,5,inf\n", "line 2"),
    (b"1,2,3\n1,2,4\n", "--duplicates"),
    (b"1,2,3\n4,\xff,5\n", "line 2"),
])  # fmt: skip
def test_data_errors_exit_3_and_name_the_place(capsys, tmp_path, content, message):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    said = fails(capsys, 3, "train", "--dataset", str(path), *SMALL)
    assert "bad.csv" in said and message in said


def test_a_rating_off_the_scale_names_its_line(capsys, ratings):
    assert "line" in fails(capsys, 3, "train", "--dataset", ratings, "--scale", "1", "4", *SMALL)


@pytest.mark.parametrize("argv", [
    ["evaluate", "nowhere.npz"],
    ["predict", "nowhere.npz", "--user", "1", "--item", "2"],
    ["recommend", "nowhere.npz", "--user", "1"],
    ["train", "--save", "/nowhere/model.npz", *SMALL],
    ["train", "--plot", "/nowhere/plot.png", *SMALL],
    ["train", "--json", "/nowhere/result.json", *SMALL],
    ["train", "--config", "nowhere.toml"],
])  # fmt: skip
def test_file_errors_exit_5_before_any_work(capsys, argv):
    assert "nowhere" in fails(capsys, 5, *argv)


@pytest.mark.parametrize("argv, code", [
    (["predict", "MODEL"], 2),
    (["recommend", "MODEL"], 2),
    (["recommend", "MODEL", "--all", "--user", "u1"], 2),
    (["recommend", "MODEL", "--rate", "7"], 2),
    (["recommend", "MODEL", "--rate", "x=5"], 3),
    (["recommend", "MODEL", "--user", "unknown"], 3),
    (["recommend", "MODEL", "--user", "u1", "-n", "0"], 2),
    (["predict", "MODEL", "--user", "u1", "--item", "seven"], 3),
    (["predict", "MODEL", "--user", "u1", "--item", "3", "--csv", "/nowhere/p.csv"], 5),
    ([], 2),
    (["fly"], 2),
])  # fmt: skip
def test_other_commands_fail_as_clearly(capsys, model, argv, code):
    fails(capsys, code, *(model if arg == "MODEL" else arg for arg in argv))


@pytest.mark.parametrize("flag", ["--save", "--json", "--plot"])
def test_what_is_read_is_never_overwritten(capsys, ratings, tmp_path, flag):
    own = tmp_path / "own.png"
    own.write_bytes(Path(ratings).read_bytes())
    (tmp_path / "link.png").symlink_to(own)
    for path in (own, tmp_path / "link.png"):
        assert "is an input, so it cannot be written" in fails(
            capsys, 2, "train", "--dataset", str(own), flag, str(path)
        )
    assert own.read_bytes() == Path(ratings).read_bytes()
    assert "not a regular file" in fails(capsys, 5, "train", flag, "/dev/null", *SMALL)


def test_neither_are_models_pairs_configs_and_checkpoints(capsys, model, tmp_path):
    copy, pairs, config = tmp_path / "copy.npz", tmp_path / "pairs.csv", tmp_path / "c.toml"
    copy.write_bytes(Path(model).read_bytes())
    pairs.write_text("u1,3\n")
    config.write_text("epochs = 3")
    for argv in (
        ["evaluate", copy, "--json", copy],
        ["recommend", copy, "--all", "--json", copy],
        ["predict", copy, "--pairs", pairs, "--json", pairs],
        ["predict", copy, "--pairs", pairs, "--csv", pairs],
        ["data", "describe", pairs, "--json", pairs],
        ["train", "--config", config, "--json", config],
        ["train", "--checkpoint", tmp_path, "--save", tmp_path / "checkpoint.npz"],
    ):
        (tmp_path / "checkpoint.npz").write_text("")
        assert "cannot be written" in fails(capsys, 2, *map(str, argv))
    both = str(tmp_path / "both.png")
    assert "cannot hold two outputs" in fails(capsys, 2, "train", "--save", both, "--plot", both)


def test_a_finished_training_is_resumed_at_once_even_where_the_biases_won(tmp_path):
    rng = np.random.default_rng(0)
    cells = rng.choice(3600, 400, replace=False)
    lines = (f"{cell // 60},{cell % 60},{r}\n" for cell, r in zip(cells, rng.integers(1, 6, 400), strict=True))
    (tmp_path / "r.csv").write_text("".join(lines))
    argv = [
        "train",
        "--dataset",
        str(tmp_path / "r.csv"),
        "--quiet",
        "--backend",
        "reference",
        "--checkpoint",
        str(tmp_path),
    ]
    argv += ["--set", "hidden_units=4", "--json"]
    assert main([*argv, str(tmp_path / "a.json")]) == 0
    assert main([*argv, str(tmp_path / "b.json"), "--resume"]) == 0
    first, again = (json.loads((tmp_path / name).read_text()) for name in ("a.json", "b.json"))
    assert first["epochs"] == again["epochs"] == 0 and first["test_rmse"] == again["test_rmse"]


def test_a_finished_training_is_resumed_for_more_epochs(capsys, ratings, tmp_path):
    argv = ["train", "--dataset", ratings, "--set", "hidden_units=4", "--set", "l2=5", "--backend", "reference"]
    checkpoint = ["--checkpoint", str(tmp_path)]
    run_json(capsys, *argv, "--epochs", "3", *checkpoint)
    resumed = run_json(capsys, *argv, "--epochs", "7", *checkpoint, "--resume")
    whole = run_json(capsys, *argv, "--epochs", "7")
    assert resumed["epochs"] == 7 and resumed["test_rmse"] == whole["test_rmse"]
    assert "more than the 5 that are asked for" in fails(capsys, 2, *argv, "--epochs", "5", *checkpoint, "--resume")


def test_a_full_disk_under_standard_output_is_one_sentence(model):
    command = f"{sys.executable} -m tinyrec predict {model} --user u1 --item 3 > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=600)
    assert done.returncode == 5 and done.stderr.startswith("tinyrec: cannot print") and "Traceback" not in done.stderr


def test_divergence_exits_6_names_the_epoch_and_keeps_the_last_good_checkpoint(capsys, ratings, tmp_path):
    flags = ["--dataset", ratings, "--optimizer", "sgd", "--checkpoint", str(tmp_path / "c"), "--quiet"]
    said = fails(capsys, 6, "train", *flags, "--set", "learning_rate=1e30", *SMALL)
    assert "diverged in epoch" in said
    assert not (tmp_path / "c" / "checkpoint.npz").exists()


def test_too_little_memory_exits_7(capsys, ratings):
    flags = ["--set", f"hidden_units={10**12}", "--set", "l2=1", "--epochs", "1", "--backend", "reference"]
    assert "out of memory" in fails(capsys, 7, "train", "--dataset", ratings, *flags)


def test_debug_shows_the_traceback(ratings):
    with pytest.raises(tr.UsageError):
        main(["train", "--dataset", "nowhere.csv", "--debug"])


@pytest.mark.parametrize("command", [
    "train", "evaluate", "predict", "recommend", "data", "data list", "data fetch", "data describe", "data check",
    "gradcheck", "doctor", "bench",
])  # fmt: skip
def test_each_help_ends_in_an_example(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([*command.split(), "--help"])
    assert stop.value.code == 0
    assert "example: python -m tinyrec" in " ".join(capsys.readouterr().out.split()).rsplit("  ", 1)[-1]


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_epoch_writes_the_checkpoint_and_resume_goes_on(tmp_path, capsys, number, code):
    common = [
        "train",
        "--set",
        "l2=100",
        "--set",
        "hidden_units=50",
        "--epochs",
        "60",
        "--backend",
        "reference",
        "--json",
    ]
    resumable = [*common, str(tmp_path / "out.json"), "--checkpoint", str(tmp_path / "c")]
    process = subprocess.Popen([sys.executable, "-m", "tinyrec", *resumable], stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "seed 0" in line:  # it begins to train
            break
    time.sleep(1)
    process.send_signal(number)
    _, said = process.communicate(timeout=600)
    assert process.returncode == code, said
    assert "stopped by a signal after epoch" in said and "--resume" in said
    assert not (tmp_path / "out.json").exists()
    assert main([*resumable, "--resume", "--quiet"]) == 0
    assert main([*common, str(tmp_path / "whole.json"), "--quiet"]) == 0
    resumed, whole = (json.loads((tmp_path / name).read_text()) for name in ("out.json", "whole.json"))
    assert resumed["test_rmse"] == whole["test_rmse"]
    assert [row["loss"] for row in resumed["history"]] == [row["loss"] for row in whole["history"]]


def test_a_reader_that_leaves_is_no_error(model):
    command = f"{sys.executable} -m tinyrec recommend {model} --all -n 10 | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env={**os.environ}, timeout=600)
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr


def test_a_deep_network_for_ratings_says_how_it_was_pretrained(capsys, ratings):
    flags = ["--model", "ncae", "--set", "hidden_units=4x3", "--set", "pretrain_epochs=2", "--epochs", "2"]
    assert main(["train", "--dataset", ratings, *flags, "--backend", "reference"]) == 0
    out = capsys.readouterr().out
    assert "I-NCAE on ratings.csv, 4-3 tanh units, l2 0.0002, 2 epochs of pretraining per stage (default)" in out


def test_implicit_feedback_is_trained_on_ranked_saved_and_found_again(capsys, ratings, tmp_path):
    path = str(tmp_path / "implicit.npz")
    train = ["train", "--dataset", ratings, "--model", "ncae", "--feedback", "implicit", "--backend", "reference"]
    train += ["--threshold", "3", "--set", "hidden_units=4", "--epochs", "2"]
    result = run_json(capsys, *train, "--save", path)
    assert result["model"] == "implicit-ncae" and result["by"] == "user" and result["epochs"] == 2
    assert set(result["baselines"]) == {"popularity", "EASE, l2 100"}
    assert 0 <= result["ranking"]["hr@10"] <= 1 and result["ranking"]["users"] == result["n_test"] <= 40
    assert main([*train, "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "HR@10" in out and "popularity" in out and "ranked among all" in out
    again = run_json(capsys, "evaluate", path)
    assert main(["evaluate", path, "--dataset", ratings]) == 2
    text = Path(ratings).read_text()
    Path(ratings).write_text(text.replace("u3,", "u399,"))
    assert "no longer what this model was trained on" in fails(capsys, 3, "evaluate", path)
    Path(ratings).write_text(text)
    assert again["ndcg@100"] == pytest.approx(result["ranking"]["ndcg@100"])
    shown = run_json(capsys, "recommend", path, "--user", "u3", "-n", "3")["recommendations"]
    assert len(shown) == 3 and shown[0]["score"] >= shown[1]["score"]
    assert run_json(capsys, *train, "--test", "0")["ranking"] is None


def test_flags_of_implicit_feedback_and_of_ratings_are_not_mixed(capsys, ratings, tmp_path):
    implicit = ["train", "--dataset", ratings, "--model", "ncae", "--feedback", "implicit"]
    assert "--valid is for ratings" in fails(capsys, 2, *implicit, "--valid", "0.1")
    assert "--folds is for ratings" in fails(capsys, 2, *implicit, "--folds", "3")
    assert "has no times; leave latest out" in fails(capsys, 2, *implicit, "--latest")
    assert "lower the threshold" in fails(capsys, 3, *implicit, "--threshold", "9")
    assert "add --feedback implicit" in fails(capsys, 2, "train", "--dataset", ratings, "--threshold", "4")
    autorec = ["train", "--dataset", ratings, "--feedback", "implicit"]
    assert "autorec is for ratings; for implicit feedback use ncae" in fails(capsys, 2, *autorec)
