"""No litter, and no damaged file.

Of the temporary files that killed trainings leave behind, none is there after the next run to the end. Two processes
write one file, and one of them is killed again and again: each read finds a whole file, and each write succeeds.
"""

import os

from tests.promises.kills import outcome
from tests.test_files import two_writers_and_a_reader
from tinyrec.files import write_text


def test_the_next_run_removes_what_a_kill_left(figure, size):
    found = outcome(size(4, 300))
    figure(f"{found.leftovers_of_kills} of {found.kills} kills left a file: {len(found.litter)} after the next run")
    assert found.litter == []


def test_two_writers_of_one_file(figure, size, tmp_path):
    rounds = size(50, 1000)
    reads, damaged, failed = two_writers_and_a_reader(tmp_path / "file", rounds)
    figure(f"two writers, {rounds} kills, {reads} reads: {damaged} damaged, {failed} failed writes")
    assert (damaged, failed) == (0, 0) and reads > rounds
    write_text(tmp_path / "file", "last")
    assert os.listdir(tmp_path) == ["file"]
