"""Files are written whole or not at all, whoever else writes them and whoever is killed; a folder has one writer."""

import os
import subprocess
import sys

import pytest

from tinyrec.cli import main
from tinyrec.errors import FileError
from tinyrec.files import LOCK, claimed, replaced, write_text

WRITERS = """
import os, random, signal, sys, time
from pathlib import Path
from tinyrec.files import replaced, write_text

def start_writer(letter):
    child = os.fork()
    while not child:
        with replaced(path) as new:
            new.write_text(letter * 50_000)
    return child

def kill(child):
    # True: it had ended by itself
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1] != signal.SIGKILL

path, rng, reads, damaged, failed = Path(sys.argv[1]), random.Random(0), 0, 0, 0
write_text(path, "a" * 50_000)
first = start_writer("a")
for _ in range(int(sys.argv[2])):
    second, until = start_writer("b"), time.monotonic() + rng.uniform(0, 0.03)
    while time.monotonic() < until:
        reads += 1
        damaged += path.read_text() not in ("a" * 50_000, "b" * 50_000)
    failed += kill(second)
print(reads, damaged, failed + kill(first))
"""
HOLDER = """
import sys, time
from tinyrec.files import claimed, replaced
with claimed(sys.argv[1]), replaced(sys.argv[1] + "/file") as new:
    new.write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


def start(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    return process


def end(process):
    process.kill()
    process.communicate()


def two_writers_and_a_reader(path, rounds):
    """Kill one of two writers at a random moment in each round, and read all the while.

    Return how many reads there were, how many of them were damaged, and how many writers ended by themselves.
    """
    command = [sys.executable, "-c", WRITERS, str(path), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    return tuple(map(int, done.stdout.split()))


def test_two_writers_of_one_file_do_not_damage_it_and_leave_nothing(tmp_path):
    reads, *failures = two_writers_and_a_reader(tmp_path / "file", 50)
    assert reads > 50 and failures == [0, 0]
    write_text(tmp_path / "file", "last")
    assert os.listdir(tmp_path) == ["file"]


def test_what_a_killed_process_left_is_removed_and_what_a_live_one_writes_stays(tmp_path):
    path = tmp_path / "file"
    other = start(HOLDER, tmp_path)
    assert len(list(tmp_path.glob(f"file.{other.pid}-*.tmp"))) == 1
    write_text(path, "mine")
    assert len(list(tmp_path.glob("*.tmp"))) == 1 and path.read_text() == "mine"
    end(other)
    (tmp_path / "file.of-mine.tmp.txt").write_text("is kept")
    write_text(path, "again")
    assert sorted(os.listdir(tmp_path)) == ["file", "file.of-mine.tmp.txt", LOCK]


def test_a_folder_has_one_writer_and_that_of_a_killed_one_is_free(tmp_path):
    other = start(HOLDER, tmp_path)
    with pytest.raises(FileError, match=f"written to by process {other.pid}; wait for its end, or"), claimed(tmp_path):
        pass
    end(other)
    with claimed(tmp_path), pytest.raises(FileError, match=f"process {os.getpid()};"), claimed(tmp_path):
        pass
    assert not (tmp_path / LOCK).exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot make .*folder"), claimed(tmp_path / "file" / "folder"):
        pass


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path):
    write_text(tmp_path / "file", "old")
    with pytest.raises(ZeroDivisionError), replaced(tmp_path / "file") as new:
        new.write_text("half")
        _ = 1 / 0
    with pytest.raises(FileError, match="cannot write .*file: No space left"), replaced(tmp_path / "file"):
        raise OSError(28, "No space left on device")
    assert (tmp_path / "file").read_text() == "old" and os.listdir(tmp_path) == ["file"]


def test_a_link_stays_one_and_permissions_are_the_usual_ones(tmp_path):
    (tmp_path / "link").symlink_to("file")
    write_text(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_text() == "text"
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_second_training_with_the_same_checkpoints_is_refused_before_it_begins(tmp_path, capsys):
    other = start(HOLDER, tmp_path)
    flags = ["--set", "l2=1", "--set", "hidden_units=2", "--epochs", "1", "--checkpoint", str(tmp_path)]
    assert main(["train", *flags, "--backend", "reference"]) == 5
    assert f"{tmp_path} is written to by process {other.pid};" in capsys.readouterr().err
    end(other)
    assert main(["train", *flags, "--backend", "reference"]) == 0
