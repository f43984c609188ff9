"""Ranks that have parts of the ratings train what one process trains on all of them."""

import sys
from dataclasses import replace

import numpy as np
import pytest

import tinyrec as tr
from tests.ranks import Ranks
from tinyrec.data.ids import Index
from tinyrec.data.sets.synthetic import make_synthetic
from tinyrec.errors import DataError, FileError, UsageError
from tinyrec.evaluation.rating_metrics import mae, rmse
from tinyrec.optim import Adam, RProp
from tinyrec.parts import Part, united
from tinyrec.recommenders import storage
from tinyrec.training import Progress, search, train
from tinyrec.training.checkpoint import NEXT, Checkpoint

MODELS = {
    "autorec": tr.AutoRec(hidden_units=4, l2=0.3),
    "autorec, centred": tr.AutoRec(hidden_units=4, l2=0.3, center=True),
    "deep autorec": tr.DeepAutoRec(hidden_units=(5, 3, 5), l2=0.3, pretrain=4),
    "cfn": tr.CFN(hidden_units=(6, 4), l2=0.1, dropout=0.0),
    "ncae": tr.NCAE(hidden_units=(6, 4), l2=0.001, dropout=0.0, pretrain_epochs=3),
}
USUAL = {"backend": "reference", "batch_size": 0, "epochs": 12}
DIGITS = {"rel": 1e-10, "abs": 1e-10}


@pytest.fixture(autouse=True)
def in_float64(monkeypatch):
    for optimizer in (Adam, RProp):
        monkeypatch.setattr(optimizer, "dtype", np.float64)


def split(scale):
    """Ratings of text ids, on this scale; some items are only in the test part, and a user has no training rating."""
    (low, high), data = scale, make_synthetic(50, 30, 700, seed=1)
    users, items, r = data.triples()
    values = low + (r - 1) / 4 * (high - low)
    its = tr.Dataset.from_triples(
        [f"u{user:02}" for user in users], [f"i{item:02}" for item in items], values, scale=scale
    )
    train, test = tr.split_random(its, test=0.1, seed=0)
    is_cold = (train.ratings.cols < 2) | (train.ratings.rows == 1)
    return train.select(~is_cold), test


def own(data, comm):
    """The ratings of this rank's users, as read from a file of its own: of items that they rated, and of a few more."""
    n, d = data.ratings.shape
    first, stop = comm.rank * n // comm.size, (comm.rank + 1) * n // comm.size
    is_own = (data.ratings.rows >= first) & (data.ratings.rows < stop)
    is_item = np.isin(np.arange(d), data.ratings.cols[is_own]) | (np.arange(d) % comm.size == comm.rank)
    users, items = Index(data.users.ids[first:stop]), Index(data.items.ids[is_item])
    cols = (np.cumsum(is_item) - 1)[data.ratings.cols[is_own]]
    its = data.ratings.rows[is_own] - first, cols, data.ratings.values[is_own]
    return tr.Dataset.from_cells(users, items, *its, scale=data.scale)


def on_parts(size, data, model, **options):
    """The fitted model of each rank."""
    its = USUAL | options
    return Ranks(size).run(lambda comm: train(model, united(own(data, comm), comm), **its))


def parts_of_test(fitted, test):
    """The test ratings of each model's users."""
    users = test.users.ids[test.ratings.rows]
    return [test.select(np.flatnonzero(its.data.users.find(users) >= 0)) for its in fitted]


@pytest.mark.parametrize("scale", [(1, 5), (0, 100)], ids=str)
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_each_rank_predicts_what_one_process_predicts(name, size, scale, tmp_path):
    data, test = split(scale)
    whole = train(MODELS[name], data, **USUAL)
    fitted = on_parts(size, data, MODELS[name])
    assert_same(fitted, whole, test)
    for its in fitted:
        its.save(tmp_path / "model.npz")
    loaded = tr.load(tmp_path / "model.npz", "reference")
    assert_same([loaded], whole, parts_of_test([loaded], test)[0])


def assert_same(fitted, whole, test):
    """What the models of the ranks say of their users is what `whole` says, to 10 digits."""
    seen = 0
    for its, part in zip(fitted, parts_of_test(fitted, test), strict=True):
        (users, items, _), seen = part.triples(), seen + part.ratings.size
        for options in ({}, {"default": False}, {"clip": False}):
            assert its.predict(users, items, **options) == pytest.approx(
                whole.predict(users, items, **options), **DIGITS
            )
        scores, expected = its.examine(part)[0], whole.examine(part)[0]
        assert scores == pytest.approx(expected, **DIGITS, nan_ok=True)
        for user in its.data.users.ids[:3].tolist():
            assert_same_ranking(its.recommend(user), whole.recommend(user))
        new = {"i05": whole.data.scale[1], "i07": whole.data.scale[0]}
        assert_same_ranking(its.recommend(ratings=new), whole.recommend(ratings=new))
    assert seen == test.ratings.size


def assert_same_ranking(found, expected):
    assert [item for item, _ in found] == [item for item, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], **DIGITS)


def test_a_search_chooses_by_the_scores_of_all_parts(monkeypatch):
    """Each rank holds out ratings of its own users; they are scored together, by the scaling of all."""
    check_search(monkeypatch)


def check_search(monkeypatch):
    def split_own(data, valid, seed):
        is_held_out = np.array([hash_of(*pair) % 10 == 0 for pair in zip(*data.triples()[:2], strict=True)])
        return data.select(~is_held_out), data.select(is_held_out)

    monkeypatch.setattr("tinyrec.training.search.split_random", split_own)
    (data, _), model = split((0, 100)), tr.AutoRec(hidden_units=4)
    its = USUAL | {"valid": 0.1, "seed": 3, "epochs": 20, "optimizer": "adam"}
    best = min(trial["valid_rmse"] for trial in train(model, data, **its).info["trials"])
    gain = 1 - best / search.biases_alone(*split_own(data, 0.1, 3))
    noise = 0.7 * gain * split_own(data, 0.1, 3)[1].ratings.size ** 0.5  # so that the number of ratings decides
    monkeypatch.setattr(search, "NOISE", noise)
    whole = train(model, data, **its)

    def on_rank(comm):
        part = united(own(data, comm), comm)
        fitted = train(model, part, **its)
        done = Progress(
            fitted.info["trials"][:1], [row for row in fitted.info["history"] if row["trial"] == 0], epochs=20
        )
        return fitted, train(model, part, resume=done, **its)

    for fitted, resumed in Ranks(10).run(on_rank):
        assert fitted.model == whole.model and fitted.info["epochs"] == whole.info["epochs"]
        for trial, expected in zip(fitted.info["trials"], whole.info["trials"], strict=True):
            assert trial["settings"] == expected["settings"]
            assert trial["valid_rmse"] == pytest.approx(expected["valid_rmse"], **DIGITS)
        assert resumed.info["trials"] == fitted.info["trials"] and len(fitted.info["trials"]) == 2


def hash_of(user, item):
    return int(user[1:]) * 7 + int(item[1:]) * 3


def check(name, scale):
    data, test = split(scale)
    assert_same(on_parts(2, data, MODELS[name]), train(MODELS[name], data, **USUAL), test)


def test_no_sum_over_the_parts_is_idle(monkeypatch):
    """Without any one of them, a rank's model differs from that of one process."""
    sites, silenced, right = set(), None, Part.total

    def total(self, x):
        code = sys._getframe(1)
        site = code.f_code.co_name, code.f_lineno
        sites.add(site)
        return x if site == silenced else right(self, x)

    monkeypatch.setattr(Part, "total", total)
    cases = [
        lambda: check("autorec, centred", (1, 5)),
        lambda: check("cfn", (0, 100)),
        lambda: check_search(monkeypatch),
        test_the_scores_of_parts_add_up_to_that_of_all,
    ]
    for case in cases:
        case()
    assert len(sites) > 10
    idle = []
    for silenced in sorted(sites):
        try:
            for case in cases:
                case()
            idle.append(silenced)
        except Exception:  # also where the ranks no longer do the same
            pass
    assert idle == []


def test_the_scores_of_parts_add_up_to_that_of_all():
    y, r = np.random.default_rng(0).random((2, 40))

    def on_rank(comm):
        part = Part(*[None] * 4, comm=comm)
        its = slice(comm.rank * 15, 40 if comm.rank == 2 else comm.rank * 15 + 15)
        return rmse(y[its], r[its], part.total), mae(y[its], r[its], part.total)

    for found in Ranks(3).run(on_rank):
        assert found == pytest.approx((rmse(y, r), mae(y, r)))


def test_features_of_items_are_read_by_every_rank():
    data, test = split((1, 5))
    kinds = {item: f"kind {int(item[1:]) % 3}" for item in data.items.ids.tolist()}

    def with_kinds(data):
        return data.with_features(items=tr.Features.of({"kind": [kinds[item] for item in data.items.ids.tolist()]}))

    model = tr.CFN(hidden_units=(5,), l2=0.3, dropout=0.0)
    whole = train(model, with_kinds(data), **USUAL)
    assert "S1" in whole.params
    fitted = Ranks(2).run(lambda comm: train(model, with_kinds(united(own(data, comm), comm)), **USUAL))
    assert_same(fitted, whole, test)


def test_what_travels_does_not_grow_with_the_users():
    data, _ = split((1, 5))
    its, *_ = on_parts(2, data, tr.AutoRec(hidden_units=5, l2=1.0, center=False))
    n, pieces = len(data.items), its.info["mpi"]["bytes"]
    training = 12 * (2 * n * 5 * 8 + 5 * 8)  # two sums of n k numbers an epoch, the loss and sums of four gradients
    assert training < pieces < training + 8 * n * (5 + 4)  # and once the codes, and what items have counts of


@pytest.mark.parametrize("change, said", [
    (lambda data: data, "user 'u01' is in the parts of ranks 0 and 1; a part has all ratings of its users"),
    (lambda data: numbered(data, users=True), "the part of rank 1 has another type of user ids than that of rank 0"),
    (lambda data: numbered(data, items=True), "the part of rank 1 has another type of item ids than that of rank 0"),
    (lambda data: data.binarized(), "the part of rank 1 has another kind of feedback than that of rank 0"),
    (lambda data: replace(data, columns={"user": "item"}), "the part of rank 1 has another choice of columns than"),
])  # fmt: skip
def test_what_are_no_parts_of_one_whole_is_refused(change, said):
    data, _ = split((1, 5))
    with pytest.raises(DataError, match=said):
        Ranks(2).run(lambda comm: united(change(data) if comm.rank else data, comm))


def numbered(data, users=False, items=False):
    raw_users, raw_items, r = data.triples()
    raw_users = [int(user[1:]) + 1000 for user in raw_users] if users else raw_users
    raw_items = [int(item[1:]) for item in raw_items] if items else raw_items
    return tr.Dataset.from_triples(raw_users, raw_items, r)


def test_the_scale_is_that_of_all_parts():
    def on_rank(comm):
        data = tr.Dataset.from_triples([comm.rank] * 3, [1, 2, 3], [2 - comm.rank, 3, 4 + comm.rank])
        return united(data, comm).scale

    assert Ranks(2).run(on_rank) == [(1, 5)] * 2


def test_a_row_that_is_a_user_is_refused():
    data, _ = split((1, 5))
    with pytest.raises(UsageError, match="each rank has users of its own, so that a row must be an item"):
        on_parts(2, data, tr.AutoRec(by="user", l2=1.0))


def test_new_ratings_need_all_parts():
    data, test = split((1, 5))
    its, *_ = on_parts(2, data, MODELS["autorec"])
    with pytest.raises(UsageError, match="new ratings change codes, which take the users of all parts"):
        its.with_ratings(test)


def checkpoints(tmp_path, data, model, size, **options):
    """Train, and write a checkpoint a rank at the end; each rank's fitted model."""

    def on_rank(comm):
        its, progress = Checkpoint(tmp_path / str(comm.rank), {"ranks": comm.size}), Progress()
        its.path.parent.mkdir(exist_ok=True)
        fitted = train(model, united(own(data, comm), comm), resume=progress, **USUAL | options)
        its.write(progress)
        return fitted

    return Ranks(size).run(on_rank)


def resumed(tmp_path, data, model, size, **options):
    def on_rank(comm):
        progress = Checkpoint(tmp_path / str(comm.rank), {"ranks": comm.size}).read_of_all(comm)
        return progress.epoch.number, train(model, united(own(data, comm), comm), resume=progress, **USUAL | options)

    return Ranks(size).run(on_rank)


def test_a_checkpoint_a_rank_continues_with_the_same_bits(tmp_path):
    data, _ = split((1, 5))
    straight = on_parts(2, data, MODELS["autorec"])
    checkpoints(tmp_path, data, MODELS["autorec"], 2, epochs=7)
    for (at, its), expected in zip(resumed(tmp_path, data, MODELS["autorec"], 2), straight, strict=True):
        assert at == 7 and all(np.array_equal(its.params[name], w) for name, w in expected.params.items())
    with pytest.raises(UsageError, match=r"ranks \(was 2, is 1\)"):
        resumed(tmp_path, data, MODELS["autorec"], 1)


def test_ranks_that_were_killed_at_different_moments_continue_from_an_epoch_that_all_have(tmp_path):
    """All ranks have written the next checkpoint, and some of them had put it in place of the last."""
    data, _ = split((1, 5))
    straight = on_parts(2, data, MODELS["autorec"])
    checkpoints(tmp_path, data, MODELS["autorec"], 2, epochs=4)
    old = (tmp_path / "1" / "checkpoint.npz").read_bytes()
    checkpoints(tmp_path, data, MODELS["autorec"], 2, epochs=8)
    (tmp_path / "1" / "checkpoint.npz").rename(tmp_path / "1" / NEXT)
    (tmp_path / "1" / "checkpoint.npz").write_bytes(old)
    for (at, its), expected in zip(resumed(tmp_path, data, MODELS["autorec"], 2), straight, strict=True):
        assert at == 8 and all(np.array_equal(its.params[name], w) for name, w in expected.params.items())
    (tmp_path / "1" / NEXT).unlink()  # no promise covers this
    with pytest.raises(FileError, match="the ranks have no checkpoint of the same epoch"):
        resumed(tmp_path, data, MODELS["autorec"], 2)


def test_a_checkpoint_is_put_in_place_after_all_have_written(tmp_path, monkeypatch):
    """If one cannot, all keep the last."""
    data, _ = split((1, 5))
    checkpoints(tmp_path, data, MODELS["autorec"], 2, epochs=4)
    before, right = [(tmp_path / str(rank) / "checkpoint.npz").read_bytes() for rank in range(2)], storage.write

    def write(path, *its):
        if path.parent.name == "1":
            raise FileError("the disk is full")
        right(path, *its)

    monkeypatch.setattr(storage, "write", write)
    with pytest.raises(FileError, match="the disk is full"):
        checkpoints(tmp_path, data, MODELS["autorec"], 2, epochs=8)
    assert [(tmp_path / str(rank) / "checkpoint.npz").read_bytes() for rank in range(2)] == before


@pytest.mark.parametrize("damage, said", [
    (lambda arrays: arrays.pop("of_all/0/codes"), "the arrays lacks 'codes'"),
    (lambda arrays: arrays.update({"of_all/0/codes": arrays["of_all/0/codes"][1:]}), "codes has shape"),
    (lambda arrays: arrays.update({"of_all/0/l2": np.array([np.nan])}), "l2 has a number that is not finite"),
    (lambda arrays: arrays.update({"of_all/0/more": np.zeros(1)}), "the arrays also has 'more'"),
    (lambda arrays: [arrays.pop(f"trained/0/{what}") for what in ("user", "item")], "not of a part of them"),
])  # fmt: skip
def test_a_damaged_model_of_a_part_is_refused(tmp_path, damage, said):
    data, _ = split((1, 5))
    its, *_ = on_parts(2, data, MODELS["autorec"])
    its.save(tmp_path / "model.npz")
    header, arrays = storage.read(tmp_path / "model.npz", "model")
    damage(arrays)
    storage.write(tmp_path / "model.npz", "model", header, arrays)
    with pytest.raises(FileError, match=said):
        tr.load(tmp_path / "model.npz")


def test_nothing_is_cut_off_and_nothing_is_put_together():
    """No rank ever has the parameters of the users of another one, after they were drawn."""
    data, _ = split((1, 5))
    for its in on_parts(2, data, MODELS["autorec"]):
        assert len(its.params["V"]) == len(its.data.users) < len(data.users)
