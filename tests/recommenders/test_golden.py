"""Model files that earlier versions wrote are read, and predict what they predicted then."""

import json

import numpy as np
import pytest

import tinyrec as tr
from tests.recommenders.golden.write import EPOCHS, FOLDER, MODELS, TASK, TRAINED, data_of, predictions
from tinyrec.baselines import BASELINES
from tinyrec.errors import FileError
from tinyrec.models import MODELS as AUTOENCODERS
from tinyrec.recommenders import storage
from tinyrec.training.checkpoint import Checkpoint

FORMATS = sorted(FOLDER.glob("format-*"))
FILES = sorted(path for folder in FORMATS for path in folder.glob("*.npz") if path.stem != "checkpoint")


def check(fitted, path):
    expected, found = json.loads(path.with_suffix(".json").read_text()), predictions(fitted)
    np.testing.assert_allclose(found["predictions"], expected["predictions"], rtol=1e-6, atol=1e-6)
    assert found["best"] == expected["best"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_golden_model_file_predicts_what_it_predicted(path):
    check(tr.load(path), path)


@pytest.mark.parametrize("folder", FORMATS, ids=lambda folder: folder.name)
def test_a_golden_checkpoint_is_continued(folder):
    progress = Checkpoint(folder, TASK).read()
    fitted = TRAINED.fit(data_of("checkpoint"), epochs=EPOCHS, resume=progress, backend="reference")
    check(fitted, folder / "checkpoint.npz")


def test_each_kind_of_model_has_a_golden_file_in_this_format():
    written = {path.stem for path in FILES if path.parent.name == f"format-{storage.FORMAT}"}
    assert written == {*MODELS, "average"} >= {*BASELINES, *AUTOENCODERS}


@pytest.mark.parametrize("name, kind", [("autorec", "model"), ("checkpoint", "checkpoint")])
def test_a_newer_format_is_refused_in_a_sentence_that_names_it(tmp_path, monkeypatch, name, kind):
    newest = storage.FORMAT
    header, arrays = storage.read(FOLDER / f"format-{newest}" / f"{name}.npz", kind)
    monkeypatch.setattr(storage, "FORMAT", newest + 1)
    path = tmp_path / "checkpoint.npz"
    storage.write(path, kind, {key: its for key, its in header.items() if key != "arrays"}, arrays)
    monkeypatch.undo()
    with pytest.raises(FileError) as caught:
        tr.load(path) if kind == "model" else Checkpoint(tmp_path, TASK).read()
    versions = f"has format {newest + 1}, and this tinyrec reads format {newest}; use the tinyrec that wrote it"
    assert str(caught.value) == f"{path} {versions}"
