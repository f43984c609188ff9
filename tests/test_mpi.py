"""`mpiexec -n P python -m tinyrec train --mpi`: real ranks, their errors, and their end."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.recommenders import storage

pytest.importorskip("mpi4py")
BIN = Path(sys.executable).parent
MPIEXEC = shutil.which("mpiexec", path=f"{BIN}{os.pathsep}{os.environ['PATH']}")
pytestmark = pytest.mark.skipif(not MPIEXEC, reason="there is no mpiexec")

ROOT = Path(__file__).parents[1]
SHORT = "--set", "l2=50", "--set", "hidden_units=8", "--set", "center=true"
SECONDS = 120  # only stops a hang


def start(ranks, *args):
    """mpiexec with so many ranks of `python -m tinyrec ARGS`."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TINYREC_OFFLINE": "1"}
    command = [MPIEXEC, "-n", str(ranks), sys.executable, *map(str, args)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")


def train(ranks, *args):
    """(exit code, standard output, standard error without the lines of MPICH)"""
    return ended(start(ranks, "-m", "tinyrec", "train", *args))


def ended(job):
    try:
        out, err = job.communicate(timeout=SECONDS)
    finally:
        job.kill()
    kept = [line for line in err.splitlines() if line.startswith("tinyrec:") or "Traceback" in line]
    return job.returncode, out, kept


def test_ranks_train_what_one_process_trains(tmp_path):
    results, models = [], []
    for ranks, flags in ((1, ()), (2, ("--mpi",)), (3, ("--mpi",))):
        json_file, model = tmp_path / f"{ranks}.json", tmp_path / f"{ranks}.npz"
        flags = *flags, *SHORT, "--epochs", 20, "--json", json_file, "--save", model
        code, out, err = train(ranks, *flags)
        assert code == 0 and not err
        results.append((json.loads(json_file.read_text()), out))
        models.append(tr.load(model))
    one, *others = results
    for (result, out), model in zip(others, models[1:], strict=True):
        assert result["test_rmse"] == pytest.approx(one[0]["test_rmse"], abs=5e-4)
        assert out.count("test ratings") == 1  # one rank prints
        for name, w in model.params.items():
            assert np.abs(w - models[0].params[name]).max() < 0.02 and len(w) == len(models[0].params[name])


def test_a_model_with_many_common_parameters_is_trained():
    """Each process has a hash seed of its own, so that nothing may depend on the order of a set."""
    flags = "--model", "cfn", "--set", "l2=5", "--set", "hidden_units=6x5x4", "--epochs", 2
    code, out, err = train(3, "--mpi", *flags)
    assert code == 0 and not err and "test ratings" in out


def test_the_flag_in_a_file_is_too_late(tmp_path):
    (tmp_path / "flags.toml").write_text("mpi = true\n")
    code, _, err = train(2, "--config", tmp_path / "flags.toml", *SHORT)
    assert code == 2 and len(err) == 1 and "add --mpi to train" in err[0]


def test_what_travelled_is_told():
    job = start(2, "-m", "tinyrec", "train", "--mpi", *SHORT, "--epochs", 10)
    _, err = job.communicate(timeout=SECONDS)
    told = re.search(r"2 ranks, ([\d.]+) MB summed in (\d+) pieces, \d+ to \d+ % of the time waiting", err)
    assert told and float(told[1]) == pytest.approx(10 * 2 * 1500 * 8 * 4 / 1e6, abs=0.1)


@pytest.mark.parametrize("flags, code, said", [
    ((), 2, "mpiexec started 2 of these, and each would do the whole; add --mpi to train, or start one"),
    (("--mpi", "--wrong"), 2, "unknown argument --wrong"),
    (("--mpi", "--optimizer", "lbfgs"), 2, "L-BFGS, as SciPy has it, needs all parameters in one place"),
    (("--mpi", "--model", "nrp"), 2, "--mpi is for autoencoders, and nrp is none"),
    (("--mpi", "--folds", "3"), 2, "--mpi is for one training from its start"),
    (("--mpi", "--dataset", "missing.csv"), 2, "'missing.csv' is neither a known data set"),
    (("--mpi", "--optimizer", "sgd", "--set", "learning_rate=1e9", "--epochs", "3"), 6, "training diverged in epoch"),
])  # fmt: skip
def test_an_error_ends_all_ranks_with_one_sentence_and_its_code(flags, code, said):
    its, _, err = train(2, *flags, *SHORT)
    assert its == code and len(err) == 1 and said in err[0]


FAILS = """
import sys
from tinyrec.cli import main, train
from tinyrec.cli.watch import Watch
from tinyrec.errors import DataError
from tinyrec.shard import launched

def call(self, progress):
    if launched()[0] == 1 and len(progress.history) == 3:
        {what}

Watch.__call__ = call
sys.exit(main(["train", "--mpi", "--set", "l2=50", "--set", "center=true", "--epochs", "500", "--quiet"]))
"""


@pytest.mark.parametrize("what, code, said", [
    ('raise DataError("this rank has had enough")', 3, "tinyrec: this rank has had enough"),
    ('raise MemoryError("no room")', 7, "tinyrec: out of memory (no room); use fewer hidden units or less data"),
    ('raise RuntimeError("a bug")', 1, "Traceback (most recent call last):"),
    ("import os; os.kill(os.getpid(), 9)", 9, None),
])  # fmt: skip
def test_what_ends_one_rank_ends_the_others(tmp_path, what, code, said):
    script = tmp_path / "fails.py"
    script.write_text(FAILS.format(what=what))
    its, _, err = ended(start(3, script))
    assert its == code and err == ([said] if said else [])


SLOW = """
import sys, time
from tinyrec.cli import main
from tinyrec.recommenders import storage

usual = storage.write

def write(*args):
    time.sleep(2)
    usual(*args)

storage.write = write
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_job_and_keeps_what_was_trained(tmp_path, number):
    """Also if it takes long to write."""
    (tmp_path / "slow.py").write_text(SLOW)
    folder = tmp_path / "checkpoint"
    flags = "--mpi", *SHORT, "--checkpoint", folder
    job = start(2, tmp_path / "slow.py", "train", *flags, "--epochs", 100_000)
    while "training takes" not in (line := job.stderr.readline()):
        assert line, "the job has ended"
    time.sleep(15)  # so that all ranks are past their imports and in the training, also on a busy machine
    stopped = time.monotonic()
    job.send_signal(number)
    code, _, err = ended(job)
    assert code == 128 + number and time.monotonic() - stopped < 10
    assert len(err) == 1 and re.fullmatch(
        r"tinyrec: stopped by a signal after epoch \d+; continue with --resume", err[0]
    )
    header, arrays = storage.read(folder / "checkpoint.npz", "checkpoint")
    assert header["epoch"][0] >= 1 and len(arrays["params/V"]) == 1000  # the users of both ranks


BEFORE = """
import sys
from tinyrec.cli import main
from tinyrec.shard import launched

folder = {folder!r} + str(launched()[0])
sys.exit(main(["train", "--mpi", "--config", folder + "/flags.toml", "--quiet"]))
"""


def test_an_error_of_one_rank_before_the_training_ends_all(tmp_path):
    """A file that is on the machine of one rank alone."""
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "flags.toml").write_text("epochs = 3\n")
    (tmp_path / "before.py").write_text(BEFORE.format(folder=f"{tmp_path}/"))
    code, _, err = ended(start(2, tmp_path / "before.py"))
    assert code == 5 and len(err) == 1 and "flags.toml" in err[0]


def test_help_and_usage_are_printed_once():
    code, out, _ = train(2, "--mpi", "--help")
    assert code == 0 and out.count("usage:") == 1


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """A folder with the ratings of users in two files, by whether their number is odd, and in one."""
    folder = tmp_path_factory.mktemp("parts")
    users, items, r = tr.make_synthetic(300, 200, 9000, seed=0).triples()
    lines = [f"{user},{item},{rating:g}" for user, item, rating in zip(users, items, r, strict=True)]
    for rank in (0, 1):
        its = [line for line, user in zip(lines, users, strict=True) if user % 2 == rank]
        (folder / f"ratings-{rank}.csv").write_text("\n".join(["user,item,rating", *its]))
    (folder / "all.csv").write_text("\n".join(["user,item,rating", *lines]))
    return folder


def test_ranks_that_read_parts_save_models_that_serve_their_users(parts, tmp_path):
    flags = "--mpi", "--dataset", parts / "ratings-{rank}.csv", *SHORT, "--epochs", 20
    flags = *flags, "--save", tmp_path / "model-{rank}.npz", "--json", tmp_path / "result.json"
    code, out, err = train(2, *flags)
    assert code == 0 and not err and out.count("test ratings") == 1
    result, models = json.loads((tmp_path / "result.json").read_text()), []
    for rank in (0, 1):
        path = tmp_path / f"model-{rank}.npz"
        code, out, _ = ended(start(1, "-m", "tinyrec", "evaluate", path, "--json", tmp_path / f"{rank}.json"))
        assert code == 0
        models.append((tr.load(path), json.loads((tmp_path / f"{rank}.json").read_text())))
    scores = [its["scores"][0] if "scores" in its else its for _, its in models]
    n = [its["n"] for its in scores]
    assert sum(n) == result["n_test"] == 900 and result["ranks"] == 2
    pooled = (sum(its["n"] * its["rmse"] ** 2 for its in scores) / sum(n)) ** 0.5
    assert result["test_rmse"] == pytest.approx(pooled, rel=1e-9)
    assert result["test_rmse"] < result["baselines"]["user and item bias"]["rmse"]
    for rank, (model, _) in enumerate(models):
        assert (model.data.users.ids % 2 == rank).all() and len(model.data.items) == 200
        user = str(model.data.users.ids[0])
        code, out, _ = ended(start(1, "-m", "tinyrec", "recommend", tmp_path / f"model-{rank}.npz", "--user", user))
        assert code == 0 and len(out.splitlines()) == 11


def test_each_rank_continues_from_a_checkpoint_of_its_own(parts, tmp_path):
    flags = "--mpi", "--dataset", parts / "ratings-{rank}.csv", *SHORT, "--checkpoint", tmp_path / "{rank}"
    job = start(2, "-m", "tinyrec", "train", *flags, "--epochs", 100_000)
    while "training takes" not in (line := job.stderr.readline()):
        assert line, "the job has ended"
    time.sleep(15)  # see above
    job.send_signal(signal.SIGTERM)
    code, _, err = ended(job)
    assert code == 143 and len(err) == 1 and "continue with --resume" in err[0]
    headers = [storage.read(tmp_path / str(rank) / "checkpoint.npz", "checkpoint")[0] for rank in (0, 1)]
    reached = headers[0]["epoch"][0]
    assert reached >= 1 and headers[1]["epoch"][0] == reached
    (tmp_path / "1" / "checkpoint.npz").rename(tmp_path / "1" / "checkpoint-next.npz")  # as after a kill before that
    code, _, err = train(2, *flags, "--epochs", reached + 5, "--resume", "--json", tmp_path / "result.json")
    assert code == 0 and not err
    history = json.loads((tmp_path / "result.json").read_text())["history"]
    assert [row["epoch"] for row in history] == list(range(1, reached + 6))


@pytest.mark.parametrize("flags, code, said", [
    (("--dataset", "{folder}/ratings-{rank}.csv", "--save", "model.npz"), 2, "has {rank} and --save model.npz lacks"),
    (("--dataset", "{folder}/all.csv", "--save", "model-{rank}.npz"), 2, "lacks {rank} and --save model-{rank}.npz"),
    (("--dataset", "{folder}/ratings-{rank}.csv", "--by", "user"), 2, "so that a row must be an item; leave --by user"),
    (("--dataset", "{folder}/ratings-{rank}.csv", "--split-time", "0.1"), 2, "give --split-time a date"),
    (("--dataset", "{folder}/missing-{rank}.csv"), 2, "missing-0.csv' is neither a known data set"),
    (("--dataset", "{folder}/{rank}/../all.csv"), 3, "user 1 is in the parts of ranks 0 and 1; a part has all"),
])  # fmt: skip
def test_what_are_no_parts_ends_all_ranks_with_one_sentence(parts, flags, code, said):
    for rank in ("0", "1"):
        (parts / rank).mkdir(exist_ok=True)
    its = [flag.replace("{folder}", str(parts)) for flag in flags]
    found, _, err = train(2, "--mpi", *its, *SHORT, "--epochs", 3)
    assert found == code and len(err) == 1 and said in err[0]


DIFFERS = """
import sys
from tinyrec.cli import main
from tinyrec.shard import launched

sys.exit(main(["train", "--mpi", "--epochs", "3", *(["--checkpoint", {folder!r}] if launched()[0] else [])]))
"""


INVALID = """
import sys
from tinyrec.cli import main
from tinyrec.shard import launched

sys.exit(main(["train", "--mpi", "--epochs", "-3" if launched()[0] else "3"]))
"""


def test_flags_that_are_not_valid_on_one_rank_end_all(tmp_path):
    (tmp_path / "invalid.py").write_text(INVALID)
    code, _, err = ended(start(2, tmp_path / "invalid.py"))
    assert code == 2 and err == ["tinyrec: the flags of rank 1 are not valid"]


def test_a_warning_of_any_part_is_printed(parts, tmp_path):
    for rank in (0, 1):
        text = (parts / f"ratings-{rank}.csv").read_text()
        zeros = "".join(f"\n{user},{item},0" for user in range(2001, 2021) for item in range(1, 201)) if rank else ""
        (tmp_path / f"r-{rank}.csv").write_text(text + zeros)
    flags = "--mpi", "--dataset", tmp_path / "r-{rank}.csv", *SHORT, "--epochs", 2, "--test", 0
    code, _, err = train(2, *flags)
    assert code == 0 and len(err) == 1 and err[0].startswith("tinyrec: rank 1: ") and "r-1.csv" in err[0]


def test_ranks_with_other_flags_do_not_wait_for_each_other(tmp_path):
    (tmp_path / "differs.py").write_text(DIFFERS.format(folder=str(tmp_path / "checkpoint")))
    code, _, err = ended(start(2, tmp_path / "differs.py"))
    assert code == 2 and len(err) == 1 and "rank 1 was given another --checkpoint than rank 0" in err[0]
