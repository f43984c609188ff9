"""Ctrl-C and SIGTERM, at any moment: one line, exit code 130 or 143, and what was trained so far is kept."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import SMALL
from tinyrec.cli import main
from tinyrec.training.checkpoint import Checkpoint

EPOCHS = ["--set", "l2=100", "--set", "hidden_units=50", "--backend", "reference", "--epochs"]


def start(*argv):
    command = [sys.executable, "-m", "tinyrec", *map(str, argv)]
    usual = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731 - it may be ignored where tests run
    options = {"preexec_fn": usual, "start_new_session": True}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options)


def wait_for_imports(process):
    """Until our own code runs: before, the interpreter of Python is starting, with handlers of its own."""
    while True:
        try:
            caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{process.pid}/status").read_text())
        except OSError:
            pytest.skip("there is no /proc")
        if int(caught[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.001)


def signalled(process, numbers, pause=0.0):
    """Send signals, and return exit code and lines of what was said, without those of the training."""
    for number in numbers:
        process.send_signal(number)
        time.sleep(pause)
    _, said = process.communicate(timeout=60)
    return process.returncode, [line for line in said.splitlines() if line.startswith("tinyrec:") or "Error" in line]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_during_the_imports_is_one_line(number, code, times):
    process = start("doctor")
    wait_for_imports(process)
    assert signalled(process, [number] * times) == (code, ["tinyrec: stopped"])


@pytest.mark.parametrize("pause", [0, 0.01, 0.1])
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_two_signals_at_once_still_keep_what_was_trained(tmp_path, number, code, pause):
    process = start("train", *EPOCHS, 2000, "--checkpoint", tmp_path)
    for line in process.stderr:
        if "takes about" in line:
            break
    time.sleep(0.5)
    found, said = signalled(process, [number, number], pause)
    assert found == code and len(said) == 1 and said[0].endswith("continue with --resume")
    after = int(re.search(r"after epoch (\d+)", said[0])[1])
    assert Checkpoint(tmp_path, {}).path.exists() and after >= 1


def test_signals_at_random_moments(ratings, tmp_path):
    rng = random.Random(0)
    for trial in range(6):
        process = start("train", "--dataset", ratings, *EPOCHS, 100_000, "--checkpoint", tmp_path / str(trial))
        wait_for_imports(process)
        time.sleep(rng.uniform(0, 2))
        number = rng.choice([signal.SIGINT, signal.SIGTERM])
        found, said = signalled(process, [number] * rng.choice([1, 2]), rng.uniform(0, 0.01))
        assert found == 128 + number and len(said) == 1, said


def test_a_second_signal_later_ends_within_the_epoch(tmp_path):
    own = tmp_path / "slow.py"
    own.write_text(
        "import time, tinyrec as tr\n"
        "class Slow(tr.AutoRec):\n"
        "    def loss_and_grads(self, *args):\n"
        "        time.sleep(0.2 if not hasattr(Slow, 'seen') else 30)\n"
        "        Slow.seen = True\n"
        "        return super().loss_and_grads(*args)\n"
    )
    process = start("train", "--model", f"{own}:Slow", *EPOCHS, 9, "--checkpoint", tmp_path / "c")
    for line in process.stderr:
        if "takes about" in line:
            break
    time.sleep(1.5)
    started = time.monotonic()
    found, said = signalled(process, [signal.SIGINT] * 2, 1.2)
    assert found == 130 and time.monotonic() - started < 5
    assert said == ["tinyrec: stopped within an epoch; there is no checkpoint yet: begin again"]


def test_a_signal_after_the_training_is_one_line_too(ratings, tmp_path):
    own = tmp_path / "slow.py"
    own.write_text(
        "import time, tinyrec as tr\n"
        "class Slow(tr.AutoRec):\n"
        "    def decoder(self, params):\n"
        "        time.sleep(0.3)\n"
        "        return super().decoder(params)\n"
    )
    argv = ["train", "--model", f"{own}:Slow", "--dataset", ratings, *SMALL, "--checkpoint", tmp_path / "c"]
    process = start(*argv)
    while not (tmp_path / "c" / "checkpoint.npz").exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.05)
    assert signalled(process, [signal.SIGTERM]) == (143, ["tinyrec: stopped"])


@pytest.mark.parametrize("send, number, code", [(os.killpg, signal.SIGINT, 130), (os.kill, signal.SIGTERM, 143)])
def test_processes_side_by_side_end_too(ratings, send, number, code):
    grid = ["--grid", "l2=1,2,3,4,5,6,7,8", "--set", "hidden_units=300", "--epochs", 20_000, "--backend", "reference"]
    process = start("tune", "--dataset", ratings, *grid, "--jobs", 2)
    trained = (line for line in process.stderr if line.startswith("l2="))
    for _ in range(3):  # by then each process has begun a training, and follows this one
        next(trained)
    send(process.pid, number)
    _, said = process.communicate(timeout=20)  # until the last of them has closed its standard error
    lines = [line for line in said.splitlines() if not line.startswith("l2=")]
    assert process.returncode == code and len(lines) == 1
    assert re.fullmatch(r"tinyrec: stopped after \d of 8 trainings, listed above; nothing was written", lines[0])


def test_as_a_library_nothing_is_changed(run_python):
    code = "from signal import *; import tinyrec.cli; print([getsignal(2) == default_int_handler, getsignal(15)])"
    assert run_python(code) == f"[True, {signal.SIG_DFL!r}]\n"


def test_an_unfinished_file_is_removed_at_a_signal(tmp_path):
    code = (
        "import sys; sys.argv[0] = '-m'\n"
        "import tinyrec, time\n"
        "from tinyrec.files import replaced\n"
        f"with replaced({str(tmp_path / 'file')!r}) as new:\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    assert signalled(process, [signal.SIGTERM]) == (143, ["tinyrec: stopped"])
    assert list(tmp_path.iterdir()) == []


def test_a_job_in_the_background_stays_deaf_to_ctrl_c():
    code = (
        "import signal, sys; sys.argv[0] = '-m'; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "import tinyrec; signal.raise_signal(signal.SIGINT); print('alive')\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "alive\n"


def test_in_a_program_of_somebody_else_ctrl_c_is_its_own(ratings, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tinyrec.cli.train.run_one", interrupted)
    assert main(["train", "--dataset", ratings, *SMALL]) == 130
    assert capsys.readouterr().err.endswith("tinyrec: stopped\n")
