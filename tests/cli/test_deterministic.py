"""train and tune --deterministic: bitwise the same for any number of threads."""

import json

import pytest

from tests.cli.conftest import SMALL
from tinyrec.cli import main
from tinyrec.reproduce.config import ALL_MODELS

# Large enough for BLAS to use several threads: without the flag, several of these trainings depend on their number.
TRAIN = """
import hashlib, os
import numpy as np
from tinyrec.cli import main
from tinyrec.models import Network
from tinyrec.reproduce.config import ALL_MODELS

SETTINGS = {"hidden_units": 120, "factors": 50, "iterations": 2, "samples": 2, "burn_in": 1, "anchors": 2}
SETTINGS |= {"pretrain_epochs": 1, "epochs": 1, "batch_size": 4096, "negatives": 1}
SETS = {"deep-autorec": {"hidden_units": "120x60x120", "pretrain": 2}, "ncae": {"hidden_units": "120x60"}}

def flags(name):
    own = ALL_MODELS[name].__dataclass_fields__
    sets = {key: value for key, value in SETTINGS.items() if key in own} | SETS.get(name, {})
    more = ["--epochs", "1", "--set", "l2=50"] if issubclass(ALL_MODELS[name], Network) else []
    more += ["--feedback", "implicit"] if ALL_MODELS[name].implicit else []
    return ["--model", name, *more, *(flag for key, value in sets.items() for flag in ("--set", f"{key}={value}"))]

trainings = {name: flags(name) for name in ALL_MODELS}
for kind, n in (("user", 1000), ("item", 1500)):
    path = os.path.join(os.path.dirname(os.environ["MODEL"]), f"{kind}s.csv")
    with open(path, "w") as file:
        file.write(f"{kind},kind\\n" + "".join(f"{i},{i % 7}\\n" for i in range(1, n + 1)))
    trainings["dssm"] += [f"--{kind}-features", path]  # it reads nothing else
trainings["l-bfgs"] = [*flags("autorec"), "--optimizer", "lbfgs", "--set", "iterations=3"]
trainings["search"] = ["--set", "hidden_units=20", "--epochs", "2"]
for name, its in trainings.items():
    always = ["train", "--deterministic", "--quiet", "--test", "0", "--save", os.environ["MODEL"]]
    assert main([*always, "--threads", os.environ["OPENBLAS_NUM_THREADS"], *its]) == 0
    with np.load(os.environ["MODEL"]) as arrays:
        bits = b"".join(arrays[key].tobytes() for key in sorted(arrays.files) if key.startswith("params/"))
    print("bits of", name, hashlib.sha256(bits).hexdigest())
"""


def test_every_training_gives_the_same_bits_with_1_2_and_4_threads(run_python, tmp_path):
    found = []
    for n in "124":
        environment = {"OPENBLAS_NUM_THREADS": n, "NUMBA_NUM_THREADS": n, "MODEL": str(tmp_path / "model.npz")}
        found.append([line for line in run_python(TRAIN, **environment).splitlines() if line.startswith("bits of")])
    assert len(found[0]) == len(ALL_MODELS) + 2
    assert found[1] == found[0] and found[2] == found[0]


OWN = """
from threadpoolctl import threadpool_info

from tinyrec import AutoRec


class Strict(AutoRec):
    def loss_and_grads(self, params, R, rng=None):
        assert {blas["num_threads"] for blas in threadpool_info()} == {1}, "BLAS has more threads"
        return super().loss_and_grads(params, R, rng)
"""


def test_in_a_sweep_blas_has_one_thread_in_every_process(run_python, ratings, tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    tune = ["tune", "--model", str(tmp_path / "own.py"), "--dataset", ratings, "--grid", "l2=5,9", "--epochs", "2"]
    code = f"from tinyrec.cli.main import main; main({[*tune, '--threads', '4', '--jobs', '2']} + %s)"
    assert "l2" in run_python(code % ["--deterministic"])
    with pytest.raises(AssertionError, match="BLAS has more threads"):
        run_python(code % [])


def test_it_is_resumed_with_the_flag_alone(capsys, ratings, tmp_path):
    train = ["train", "--dataset", ratings, *SMALL, "--json", "-"]
    resumable = [*train, "--checkpoint", str(tmp_path), "--deterministic"]
    assert main([*train, "--epochs", "7"]) == main([*resumable, "--epochs", "3"]) == 0
    capsys.readouterr()
    assert main([*train, "--epochs", "7", "--checkpoint", str(tmp_path), "--resume"]) == 2
    assert "another training: deterministic (was True, is None); continue" in capsys.readouterr().err
    assert main([*resumable, "--epochs", "7", "--resume"]) == 0
    assert json.loads(capsys.readouterr().out)["epochs"] == 7
