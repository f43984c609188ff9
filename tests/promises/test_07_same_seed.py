"""Same seed, same bits.

Trained with the same seed in fresh processes, with the same number of threads, on one machine, models end with
identical parameters, and with another seed with others.
"""

from concurrent.futures import ThreadPoolExecutor

TRAIN = """
import hashlib, sys, tinyrec as tr
data, digest = tr.make_synthetic(100, 80, 2000, seed=0), hashlib.sha256()
for model, options in (
    (tr.AutoRec(hidden_units=20, l2=9.0), {"epochs": 10}),
    (tr.AutoRec(hidden_units=20), {"epochs": 5}),
    (tr.CFN(hidden_units=(20, 10)), {"epochs": 2}),
    (tr.NCAE(hidden_units=20, pretrain_epochs=2), {"epochs": 2}),
    (tr.ImplicitNCAE(hidden_units=20), {"epochs": 2}),
    (tr.AutoRec(hidden_units=20, l2=9.0), {"epochs": 3, "optimizer": tr.optim.LBFGS(iterations=3)}),
    (tr.BiasedMF(epochs=2), {}),
    (tr.BPR(epochs=2), {}),
):
    fitted = model.fit(data.binarized() if model.implicit else data, seed=int(sys.argv[1]), **options)
    for name in sorted(fitted.params):
        digest.update(fitted.params[name].tobytes())
print(digest.hexdigest())
"""


def test_fresh_processes_agree(figure, size, run_python):
    n = size(3, 50)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda seed: run_python(TRAIN.replace("int(sys.argv[1])", seed)), ["0"] * n + ["1"]))
    others = sum(its != found[0] for its in found[:n])
    figure(f"{n} processes: {others} with other bits")
    assert others == 0 and found[n] != found[0]
