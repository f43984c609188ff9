"""Disk trouble.

Where a disk is full after any number of bytes, or where creating, syncing or renaming fails, the previous file is
intact, nothing else is left, and the message names the file; on the command line, the exit code is 5.
"""

import os

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.cli import main
from tinyrec.errors import FileError

resource = pytest.importorskip("resource")  # there is none on Windows


def failing(name, only=""):
    """A function of os that fails as a broken disk does."""
    whole = getattr(os, name)

    def function(*args, **kwargs):
        if only in str(args[0]):
            raise OSError(5, "Input/output error")
        return whole(*args, **kwargs)

    return function


def is_safe(fitted, path):
    """Whether saving fails with one sentence that names the file, which stays as it was, and alone."""
    before = path.read_bytes()
    with pytest.raises(FileError, match=str(path)):
        fitted.save(path)
    return path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_the_previous_file_is_intact(figure, size, tmp_path, capfd):
    data, path = tr.make_synthetic(30, 20, 300, seed=0), tmp_path / "model.npz"
    fitted = tr.AutoRec(hidden_units=4, l2=1.0).fit(data, epochs=2, backend="reference")
    fitted.save(path)
    most, limits = path.stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)
    sizes, safe = np.linspace(0, most - 1, size(50, 1000)).astype(int), []
    try:
        for limit in sizes.tolist():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
            safe.append(is_safe(fitted, path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    for name, only in (("open", ".tmp"), ("fsync", ""), ("replace", "")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, name, failing(name, only))
            safe.append(is_safe(fitted, path))
    figure(f"{len(safe)} faults while writing: {safe.count(False)} damaged or littered")
    assert all(safe)
    flags = ["--set", "l2=1", "--set", "hidden_units=2", "--epochs", "1"]
    assert main(["train", *flags, "--save", "/dev/full/model.npz"]) == 5
    assert "/dev/full/model.npz" in capfd.readouterr().err
