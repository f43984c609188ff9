"""Signals.

Ctrl-C and SIGTERM, once or twice, at any moment from the first import of tinyrec on, end a training with exit code 130
or 143 and one line, which says how to go on; once there was an epoch, there is a checkpoint that can be read.
"""

import random
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor

from tests.cli.test_signals import signalled, start, wait_for_imports
from tinyrec.recommenders import storage
from tinyrec.training.checkpoint import NAME

TRAINING = "train --quiet --set hidden_units=10 --set l2=100 --epochs 100000"


def epochs_in(folder):
    header, _ = storage.read(folder / NAME, "checkpoint")
    return header["epoch"][0]


def trial(folder, number):
    """What is wrong after one or two signals at random moments; "" if nothing is."""
    rng = random.Random(number)
    process, kind = start(*TRAINING.split(), "--checkpoint", folder), rng.choice([signal.SIGINT, signal.SIGTERM])
    wait_for_imports(process)
    while number % 2 and not folder.exists() and process.poll() is None:  # half of them after the training began
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 1))
    code, said = signalled(process, [kind] * rng.choice([1, 2]), rng.uniform(0, 1.5))
    if code != 128 + kind or len(said) != 1:
        return f"exit code {code}: {said}"
    epochs = re.search(r"after epoch ([1-9]\d*);", said[0])
    if epochs and epochs_in(folder) != int(epochs[1]):
        return f"the checkpoint is of another epoch: {said}"
    return ""


def test_they_end_with_one_line(figure, size, tmp_path):
    n = size(6, 200)
    with ThreadPoolExecutor(2) as pool:
        wrong = [said for said in pool.map(lambda number: trial(tmp_path / str(number), number), range(n)) if said]
    kept = len(list(tmp_path.glob(f"*/{NAME}")))
    figure(f"{n} trainings, {kept} stopped after an epoch: {len(wrong)} with another exit code, line or checkpoint")
    assert wrong == []
