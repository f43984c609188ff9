"""Several ranks train what one process trains."""

import sys
import time
from dataclasses import replace

import numpy as np
import pytest

import tinyrec as tr
from tests.ranks import Ranks
from tinyrec import shard
from tinyrec.data.sets.synthetic import make_synthetic
from tinyrec.errors import BackendError, DataError, Diverged, UsageError
from tinyrec.gradcheck import complex_step, relative_error
from tinyrec.optim import SGD, Adam, RProp
from tinyrec.shard import Shard
from tinyrec.sparse import Ratings
from tinyrec.training import Progress, checkpoint, fit, train
from tinyrec.training.checkpoint import Checkpoint
from tinyrec.training.loop import begin
from tinyrec.training.run import pretrain


def ratings(seed=0, n=17, d=11, p=80, implicit=False):
    """The rows of an autoencoder, with features, an empty row, and columns without a rating."""
    rng = np.random.default_rng(seed)
    cells = rng.choice((n - 1) * (d - 1), p, replace=False)  # the last row and column are empty
    values = np.ones(p) if implicit else rng.integers(1, 6, p) / 2 - 1.5
    R = Ratings.from_cells(*np.divmod(cells, d - 1), values, (n, d))
    return R.with_side(rng.random((n, 3)))


MODELS = {
    "autorec": tr.AutoRec(hidden_units=4, l2=0.3),
    "autorec, as many hidden units as visible ones": tr.AutoRec(hidden_units=11, l2=0.3, output="sigmoid"),
    "autorec, centred": tr.AutoRec(hidden_units=4, l2=0.3, center=True),
    "deep autorec": tr.DeepAutoRec(hidden_units=(5, 3, 5), l2=0.3, l2_hidden=0.2, pretrain=4),
    "deep autorec, centred": tr.DeepAutoRec(hidden_units=(5,), l2=0.3, center=True, pretrain=0),
    "cfn": tr.CFN(hidden_units=(6, 4), l2=0.1, alpha=1.0, beta=0.7),
    "ncae": tr.NCAE(hidden_units=(6, 4), l2=0.1, dropout=0.0, pretrain_epochs=3),
    "ncae, codes": tr.NCAE(hidden_units=(6, 6), l2=0.1, dropout=0.0, pretrain="U+U", pretrain_epochs=3),
    "implicit ncae": tr.ImplicitNCAE(hidden_units=(4,), l2=0.1, dropout=0.0, output="tanh"),
    "implicit ncae, identity": tr.ImplicitNCAE(hidden_units=(4,), l2=0.1, dropout=0.0, output="identity"),
}
every_model = pytest.mark.parametrize("name", MODELS)
sizes = pytest.mark.parametrize("size", [1, 2, 3])


def prepared(name, dtype=np.float64):
    """The model, and the rows that it trains on in one process."""
    model = MODELS[name]
    R = ratings(implicit=model.implicit)
    R = R if model.reads_features else R._with(side=None)
    return model, model.prepare(R.to("reference", dtype))


def apart(some, others):
    """The largest relative difference of two dicts of arrays."""
    assert some.keys() == others.keys()
    return max(float(np.abs(some[key] - others[key]).max() / (np.abs(others[key]).max() or 1)) for key in some)


@every_model
@sizes
def test_the_parameters_start_with_the_same_bits(name, size):
    model, R = prepared(name, np.float32)
    whole = model.init(R, np.random.default_rng(3))
    for params in Ranks(size).run(lambda comm: started(model, Shard.of(R, comm))):
        assert all(np.array_equal(params[key], whole[key]) for key in whole)


def started(model, S):
    params = S.start(model, np.random.default_rng(3))
    for key in shard.VISIBLE:
        assert key not in params or len(params[key]) == S.shape[1]
    return S.gathered(params)


@every_model
@sizes
@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-12), (np.float32, 5e-7)], ids=["float64", "float32"])
def test_loss_and_gradients_are_those_of_one_process(name, size, dtype, tolerance):
    assert gradients_apart(*prepared(name, dtype), size) < tolerance


def gradients_apart(model, R, size, rng=lambda: None):
    params = random_params(model, R)
    loss, grads = model.loss_and_grads(params, R, rng())

    def on_rank(comm):
        S = Shard.of(R, comm)
        loss, grads = model.loss_and_grads(S.cut(params), S, rng())
        return S.total(np.float64(loss)), S.gathered(grads)

    its = Ranks(size).run(on_rank)
    return max(apart({**grads, "loss": loss}, {**g, "loss": found}) for found, g in its)


def random_params(model, R):
    rng = np.random.default_rng(5)
    return {key: rng.normal(0, 0.5, w.shape).astype(w.dtype) for key, w in model.init(R, rng).items()}


@every_model
@pytest.mark.parametrize(
    "optimizer, batch_size",
    [(RProp(), None), (RProp(variant="irprop+"), None), (Adam(0.01), 5), (SGD(0.001), None)],
    ids=repr,
)
def test_training_gives_the_parameters_of_one_process(name, optimizer, batch_size):
    model, R = prepared(name)
    model = replace(model, dropout=0.0)
    if name.startswith(("cfn", "ncae")):  # they draw noise all the same, and so other batches than one process
        batch_size = None
    its = {"epochs": 10, "batch_size": batch_size, "seed": 4}
    *_, last = fit(model, R, optimizer, **its)

    def on_rank(comm):
        S = Shard.of(R, comm)
        *_, last = fit(model, S, optimizer, **its)
        return last.loss, last.params, S.gathered(last.params)

    found = Ranks(3).run(on_rank)
    for loss, params, whole in found:
        assert loss == pytest.approx(last.loss, rel=1e-12) and apart(whole, last.params) < 1e-10
        assert all(np.array_equal(params[key], found[0][1][key]) for key in params if key not in shard.VISIBLE)


@pytest.mark.parametrize("name", ["deep autorec", "ncae", "ncae, codes"])
def test_pretraining_gives_the_parameters_of_one_process(name):
    model, R = prepared(name)
    whole = pretrain(model, R, Adam(0.01))

    def on_rank(comm):
        S = Shard.of(R, comm)
        return S.gathered(pretrain(model, S, Adam(0.01)))

    for params in Ranks(3).run(on_rank):
        assert apart(params, whole) < 1e-10


@pytest.mark.parametrize("name", ["autorec", "cfn", "ncae", "implicit ncae"])
def test_noise_leaves_the_common_generator_the_same_on_all_ranks(name):
    model, R = prepared(name)
    model = replace(model, dropout=0.4)

    def on_rank(comm):
        *_, last = fit(model, Shard.of(R, comm), Adam(0.01), epochs=3, batch_size=5)
        return last.rng.bit_generator.state, last.params, last.loss

    (state, params, loss), *others = Ranks(3).run(on_rank)
    for its in others:
        assert its[0] == state and its[2] == loss
        assert all(np.array_equal(its[1][key], params[key]) for key in params if key not in shard.VISIBLE)


def test_the_noise_of_ranks_differs():
    its = Ranks(2).run(lambda comm: Shard.of(ratings(), comm).noise(np.random.default_rng(0)).random())
    assert its[0] != its[1]


@every_model
def test_gradients_of_ranks_agree_with_a_complex_step(name):
    model, R = prepared(name)
    its = random_params(model, R)

    def on_rank(comm):
        S = Shard.of(R, comm)

        def function(params):  # all ranks move the same entry
            loss, grads = model.loss_and_grads(S.cut(params), S)
            return S.total(loss), S.gathered(grads)

        numeric, (_, grads) = complex_step(function, its), function(its)
        return max(relative_error(grads[key], numeric[key]) for key in its)

    assert max(Ranks(2).run(on_rank)) < 1e-10


HOOKS = {
    "no sum of products": ("__matmul__", Ratings.__matmul__),
    "counts of own columns": ("counts", property(lambda self: np.diff(self.pattern.indptr))),
    "each rank counts all": ("once", lambda self, x, name="": x),
    "noise from the common generator": ("noise", lambda self, rng: rng),
    "own draws": ("start", lambda self, model, rng: model.init(self, rng)),
}
NEEDED_BY = {
    "no sum of products": "autorec",
    "counts of own columns": "ncae",
    "each rank counts all": "cfn",
    "noise from the common generator": "autorec",
    "own draws": "autorec",
}


@pytest.mark.parametrize("hook", HOOKS)
def test_no_hook_is_idle(hook, monkeypatch):
    """Without it, a check above fails."""
    monkeypatch.setattr(Shard, *HOOKS[hook])
    name = NEEDED_BY[hook]
    with pytest.raises((AssertionError, ValueError)):
        if hook == "noise from the common generator":
            test_noise_leaves_the_common_generator_the_same_on_all_ranks(name)
        elif hook == "own draws":
            test_the_parameters_start_with_the_same_bits(name, 2)
        else:
            test_loss_and_gradients_are_those_of_one_process(name, 2, np.float64, 1e-12)


@pytest.mark.parametrize("name", ["implicit ncae", "implicit ncae, identity"])
def test_no_sum_over_all_cells_is_idle(name, monkeypatch):
    right = Shard.total

    def wrong(self, x):
        return right(self, x.copy()) if np.ndim(x) == 2 and len(x) == self.shape[0] else x  # those of R @ X alone

    monkeypatch.setattr(Shard, "total", wrong)
    with pytest.raises(AssertionError):
        test_loss_and_gradients_are_those_of_one_process(name, 2, np.float64, 1e-12)


@pytest.fixture(scope="module")
def small():
    return make_synthetic(60, 40, 900, seed=1)


def on_ranks(size, data, model, **options):
    """What train returns on each rank, and its Progress."""

    def on_rank(comm):
        progress = Progress()
        fitted = train(model, data, resume=progress, comm=comm, **{"backend": "reference"} | options)
        return fitted, progress

    return Ranks(size).run(on_rank)


def test_a_search_on_a_validation_part_chooses_the_same_on_all_ranks(small):
    model, its = tr.AutoRec(hidden_units=5), {"seed": 2, "epochs": 30, "valid": 0.1}
    its |= {"optimizer": Adam(), "batch_size": 0}
    data, test = tr.split_random(small, test=0.1, seed=0)
    whole = train(model, data, backend="reference", **its)
    for fitted, _ in on_ranks(2, data, model, **its):
        assert fitted.model == whole.model and fitted.info["epochs"] == whole.info["epochs"]
        assert fitted.info["valid_rmse"] == pytest.approx(whole.info["valid_rmse"], abs=2e-5)
        assert apart(fitted.params, whole.params) < 1e-3
        assert fitted.score(test)["rmse"] == pytest.approx(whole.score(test)["rmse"], abs=1e-4)


@pytest.mark.parametrize("by", ["item", "user"])
def test_features_of_rows_are_read_on_every_rank(small, by):
    ids = (small.items if by == "item" else small.users).ids
    data = small.with_features(**{f"{by}s": tr.Features.of({"kind": np.array(["a", "b", "c"])[ids % 3].tolist()})})
    model, its = tr.CFN(by=by, hidden_units=(5,), l2=1.0, dropout=0.0), {"epochs": 5, "batch_size": 0}
    whole = train(model, data, backend="reference", **its)
    assert "S1" in whole.params
    for fitted, _ in on_ranks(3, data, model, **its):
        assert apart(fitted.params, whole.params) < 1e-4


def test_two_sums_of_n_k_numbers_travel_in_an_epoch(small):
    (fitted, _), *_ = on_ranks(2, small, tr.AutoRec(hidden_units=5, l2=1.0, center=False), epochs=10)
    n, (bytes_, pieces) = len(small.items), (fitted.info["mpi"][key] for key in ("bytes", "pieces"))
    scalars = 10 * 5 * 8  # the loss and the sums of four gradients
    checks = 4 * 5 + 8 * n  # a row is predicted before the training; and the counts of the rows
    assert bytes_ == 10 * 2 * n * 5 * 4 + scalars + checks and pieces == 10 * 3 + 2


def test_each_rank_has_its_share(small):
    R = small.ratings.T.to("reference")
    its = Ranks(3).run(lambda comm: Shard.of(R, comm))
    assert sum(S.size for S in its) == R.size and sum(S.shape[1] for S in its) == R.shape[1]
    assert max(S.size + S.shape[1] for S in its) < 1.2 * (R.size + R.shape[1]) / 3


@pytest.mark.parametrize("name", ["autorec", "cfn"])
@pytest.mark.parametrize("later", [1, 2, 3])
def test_a_checkpoint_continues_on_any_number_of_ranks(small, tmp_path, name, later):
    model = replace(MODELS[name], dropout=0.0)
    its = {"backend": "reference", "batch_size": 0, "optimizer": "adam"}

    def begin(comm):
        progress = Progress()
        train(model, small, epochs=8, resume=progress, comm=comm, **its)
        Checkpoint(tmp_path, {}).write(progress)

    Ranks(2).run(begin)
    straight = [fitted.params for fitted, _ in on_ranks(2, small, model, epochs=20, **its)]
    resumed = Ranks(later).run(
        lambda comm: train(model, small, epochs=20, resume=Checkpoint(tmp_path, {}).read(), comm=comm, **its)
    )
    assert [len(fitted.info["history"]) for fitted in resumed] == [20] * later
    for fitted in resumed:
        assert apart(fitted.params, straight[0]) < (1e-4 if later != 2 else 1e-30)


def test_a_loss_that_is_not_finite_on_one_rank_stops_all_of_them_in_the_same_epoch(small):
    model = tr.AutoRec(hidden_units=5, l2=1.0)
    R = small.ratings.T.to("reference", np.float64)

    def on_rank(comm):
        S = Shard.of(R, comm)
        start = begin(model, S, SGD(1e-4))
        if comm.rank:
            start.params["W"][0, 0] = np.nan
        with pytest.raises(Diverged) as caught:
            list(fit(model, S, SGD(1e-4), epochs=9, start=start))
        return str(caught.value)

    assert set(Ranks(2).run(on_rank)) == {
        "training diverged in epoch 1: the loss is nan; try a smaller learning rate or l2"
    }


def test_ranks_whose_common_parameters_differ_are_stopped(small):
    def on_rank(comm):
        S = Shard.of(small.ratings.T.to("reference"), comm)
        params = S.start(tr.AutoRec(hidden_units=5, l2=1.0), np.random.default_rng(0))
        S.check_same(params)
        params["V"][:] += comm.rank  # own rows may differ
        S.check_same(params)
        params["mu"][2] += 1e-7 * (comm.rank == 2)
        with pytest.raises(BackendError, match="rank 2 has computed another mu than rank 0; use as many --threads"):
            S.check_same(params)

    Ranks(3).run(on_rank)


def test_a_checkpoint_is_written_no_more_often_than_by_one_process(small, tmp_path, monkeypatch):
    """The clock of the first rank decides, and it alone writes."""
    written = []
    monkeypatch.setattr(Checkpoint, "_store", lambda self, progress, *_: written.append(progress.rows.comm.rank))
    monkeypatch.setattr(checkpoint, "MIN_SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "MIN_RATIO", 1e9)  # after the first write, none is due

    def on_rank(comm):
        its = Checkpoint(tmp_path, {})
        train(tr.AutoRec(hidden_units=5, l2=1.0), small, epochs=6, backend="reference", observe=its, comm=comm)

    Ranks(2).run(on_rank)
    assert written == [0]


def test_no_rank_goes_on_before_a_checkpoint_is_written(small, tmp_path, monkeypatch):
    done = []

    def slow(self, progress, *_):
        time.sleep(0.5)
        done.append("written")

    monkeypatch.setattr(Checkpoint, "_store", slow)

    def on_rank(comm):
        progress = Progress()
        model = tr.AutoRec(hidden_units=5, l2=1.0)
        train(model, small, epochs=2, backend="reference", resume=progress, comm=comm)
        Checkpoint(tmp_path, {}).write(progress)
        done.append(comm.rank)

    Ranks(2).run(on_rank)
    assert done[0] == "written" and sorted(done[1:]) == [0, 1]


@pytest.mark.parametrize("model, options, said", [
    (tr.AutoRec(l2=1.0), {"optimizer": "lbfgs"}, "L-BFGS, as SciPy has it, needs all parameters in one place"),
    (tr.NRP(l2=1.0), {}, "only autoencoders are trained on several ranks, and NRP is none"),
])  # fmt: skip
def test_what_cannot_be_shared_out_is_refused(small, model, options, said):
    with pytest.raises(UsageError, match=said):
        on_ranks(2, small, model, epochs=1, **options)


def test_more_ranks_than_users_are_refused(small):
    few = small.select(small.ratings.rows < 2)
    with pytest.raises(UsageError, match="3 ranks for 2 users; start fewer"):
        on_ranks(3, few, tr.AutoRec(l2=1.0), epochs=1)


@pytest.mark.parametrize("key, options, error", [
    ("ratings", {"data": "other"}, DataError),
    ("rating scale", {"data": "scaled"}, DataError),
    ("features", {"data": "features"}, DataError),
    ("model", {"l2": 2.0}, UsageError),
    ("optimizer", {"optimizer": Adam(0.5)}, UsageError),
    ("epochs", {"epochs": 2}, UsageError),
    ("valid", {"valid": 0.2}, UsageError),
    ("batch size", {"batch_size": 7}, UsageError),
    ("seed", {"seed": 9}, UsageError),
])  # fmt: skip
def test_what_differs_on_one_rank_is_refused(small, key, options, error):
    users, items, values = small.triples()
    its = {
        "other": small.select(np.arange(small.ratings.size) > 0),
        "scaled": tr.Dataset.from_triples(users, items, values, scale=(0, 5)),
        "features": small.with_features(users=tr.Features.of({"kind": ["a", "b"] * 30})),
    }
    usual = {"l2": 1.0, "optimizer": Adam(), "epochs": 1, "batch_size": 8, "seed": 0, "valid": None, "data": None}

    def on_rank(comm):
        given = usual | (options if comm.rank == 1 else {})
        data = its.get(given.pop("data"), tr.Dataset.from_triples(users, items, values, scale=(1, 5)))
        return train(tr.AutoRec(l2=given.pop("l2"), center=False), data, comm=comm, backend="reference", **given)

    with pytest.raises(error, match=f"rank 1 has another {key} than rank 0; give all the same"):
        Ranks(2).run(on_rank)


class Own(tr.AutoRec):
    """It may divide by the number of ratings, or draw noise for each."""


class OwnOptimizer(Adam):
    """It may need the norm of all weights."""


def test_models_and_optimizers_of_ones_own_are_refused(small):
    with pytest.raises(UsageError, match="Own may need sums over the ranks that nobody has written"):
        on_ranks(2, small, Own(l2=1.0), epochs=1)
    with pytest.raises(UsageError, match="OwnOptimizer may need sums"):
        on_ranks(2, small, tr.AutoRec(l2=1.0), epochs=1, optimizer=OwnOptimizer())


@pytest.mark.parametrize("kind", [tr.AutoRec, tr.DeepAutoRec, tr.CFN, tr.NCAE, tr.ImplicitNCAE])
def test_the_parameters_of_visible_units_have_these_names(kind):
    some, more = (kind().checked_shapes(d, 2) for d in (50, 60))
    assert {name for name in some if some[name] != more[name]} == set(some) & set(shard.VISIBLE)


def test_without_mpi_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(BackendError, match=r'MPI cannot be used here \(.*mpi4py.*\); pip install "tinyrec\[mpi\]"'):
        shard.world()
