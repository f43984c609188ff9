"""Thread-proof.

With --deterministic, every training of every model has the same bits with 1, 2, 4 and 8 threads. Without it, so has
AutoRec on ratings (one hidden layer, any optimizer but L-BFGS); for other models, whose dense products are those of
BLAS, the RMSE differs by 0.0001 at most.
"""

import numpy as np
import pytest

import tinyrec as tr
from tests.cli.test_deterministic import TRAIN
from tinyrec.backend.threads import threads, use_threads

COUNTS = 1, 2, 4, 8
DEEP = (
    tr.DeepAutoRec(hidden_units=(120, 60, 120), l2=100.0, pretrain=1),
    tr.CFN(hidden_units=(120, 60), l2=9.0),
)


@pytest.fixture
def fits():
    """A function (model, options) -> what is fitted with each number of threads, and its RMSE."""
    train, test = tr.split_random(tr.load_dataset("synthetic"), 0.1, seed=0)
    before = threads()

    def fits(model, deterministic=False, **options):
        for count in COUNTS:
            use_threads(count)
            with tr.deterministic(deterministic):
                fitted = model.fit(train, backend="numpy", **options)
            yield fitted, fitted.examine(test)[0]["rmse"]

    yield fits
    use_threads(before)


def different(results):
    return len({tuple(w.tobytes() for w in fitted.params.values()) for fitted, _ in results})


def test_deterministic(figure, size, fits, run_python, tmp_path):
    found = [different(fits(model, deterministic=True, epochs=1)) for model in DEEP]
    assert found == [1] * len(DEEP)
    counts, outputs = size((), COUNTS), []
    for count in counts:
        environment = {"OPENBLAS_NUM_THREADS": str(count), "NUMBA_NUM_THREADS": str(count)}
        output = run_python(TRAIN, **environment, MODEL=str(tmp_path / "model.npz"))
        outputs.append([line for line in output.splitlines() if line.startswith("bits of")])
    trainings = len(outputs[0]) if counts else len(DEEP)
    figure(f"--deterministic: {trainings} trainings with {', '.join(map(str, COUNTS))} threads: the same bits")
    assert all(output == outputs[0] for output in outputs)


def test_autorec_has_the_same_bits(figure, size, fits):
    options = [{"epochs": size(3, 50)}, {"epochs": size(1, 20), "optimizer": "adam"}]
    found = [different(fits(tr.AutoRec(hidden_units=30, l2=100.0), **its)) for its in options]
    figure(f"without it, AutoRec: {max(found) - 1} with other bits")
    assert found == [1, 1]


def test_the_others_have_nearly_the_same_rmse(figure, size, fits):
    spread = max(np.ptp([rmse for _, rmse in fits(model, epochs=size(1, 10))]) for model in DEEP)
    figure(f"RMSE of the others {spread:.0e} apart")
    assert spread <= 1e-4
