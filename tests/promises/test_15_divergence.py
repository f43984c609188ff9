"""Divergence is reported, never hidden.

NaN and infinity in the loss or in the gradient of any parameter, in any epoch and with each optimizer, stop the
training in that step with Diverged, which names the epoch and the quantity, and leave the last checkpoint; on the
command line the exit code is 6.
"""

import re

import numpy as np
import pytest

import tinyrec as tr
from tinyrec.cli import main
from tinyrec.errors import Diverged
from tinyrec.optim import LBFGS, SGD, Adam, RMSprop, RProp
from tinyrec.training.checkpoint import Checkpoint

DATA = tr.make_synthetic(30, 20, 300, seed=0)
OPTIMIZERS = RProp(), RProp("irprop+"), LBFGS(iterations=3), SGD(1e-4), RMSprop(), Adam()
MODELS = {tr.AutoRec: {}, tr.DeepAutoRec: {"pretrain": 0}, tr.CFN: {"dropout": 0.0}, tr.NCAE: {"dropout": 0.0}}
MODELS[tr.NCAE]["pretrain"] = "none"
OWN = """
import numpy as np, tinyrec as tr
class Poisoned(tr.AutoRec):
    def loss_and_grads(self, *args):
        loss, grads = super().loss_and_grads(*args)
        return loss * np.nan, grads
"""


def poisoned(kind, site, value, call):
    """A model whose loss, or one entry of one gradient, is `value` from this call on."""

    class Poisoned(kind):
        def loss_and_grads(self, *args):
            loss, grads = super().loss_and_grads(*args)
            calls.append(1)
            if len(calls) >= call and site == "loss":
                loss = loss * value
            elif len(calls) >= call:
                grads[site].reshape(-1)[0] = value
            return loss, grads

    calls = []
    return Poisoned(hidden_units=3, l2=1.0, **MODELS[kind])


def test_it_stops_in_the_step(figure, size, tmp_path):
    sites = [(kind, site) for kind in MODELS for site in ["loss", *kind(hidden_units=3).shapes(20)]]
    rng, reported, n = np.random.default_rng(0), 0, size(60, 1000)
    for number in range(n):
        (kind, site), optimizer = sites[number % len(sites)], OPTIMIZERS[number % len(OPTIMIZERS)]
        value, checkpoint, epochs = rng.choice([np.nan, np.inf, -np.inf]), Checkpoint(tmp_path / str(number), {}), []
        checkpoint.start()

        def observe(progress, checkpoint=checkpoint, epochs=epochs):
            if progress.epoch:
                checkpoint.write(progress)
                epochs.append(progress.epoch.number)

        options = {"epochs": 6, "optimizer": optimizer, "backend": "numpy"}
        model = poisoned(kind, site, value, int(rng.integers(2, 7)))
        with pytest.raises(Diverged) as problem:
            model.fit(DATA, observe=observe, **options)
        epoch, what = re.search(r"in epoch (\d+): the (.*?) is", str(problem.value)).groups()
        assert what == ("loss" if site == "loss" else f"gradient of {site}")
        assert int(epoch) == len(epochs) + 1 and (not epochs or checkpoint.read().epoch.number == epochs[-1])
        reported += 1
    figure(f"{reported} of {n} faults reported in their step, with the last checkpoint kept")


def test_the_exit_code_is_6(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    flags = ["--model", f"{tmp_path / 'own.py'}:Poisoned", "--set", "l2=1", "--epochs", "3", "--backend", "reference"]
    assert main(["train", *flags]) == 6
