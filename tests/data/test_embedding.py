"""Columns with many values are embedded by truncated SVD, for the rows of the SVD and for new ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyrec as tr
from tinyrec.data import Features
from tinyrec.data.features.columns import own_features
from tinyrec.data.features.embedding import MAX_DIMENSIONS, Embedding, count
from tinyrec.data.features.encoding import sparse
from tinyrec.errors import DataError, FileError
from tinyrec.models import CFN
from tinyrec.recommenders import storage


def texts_of(T):
    """Return a text for each row of counts: [2, 0, 1] is "v000|v000|v002"."""
    return ["|".join(f"v{j:03}" for j, times in enumerate(row) for _ in range(times)) for row in T]


def svd_embedding(T):
    """P D^½ by NumPy, without the singular values that are 0."""
    P, d, _ = np.linalg.svd(np.asarray(T, float), full_matrices=False)
    kept = d > 1e-9
    return (P * np.sqrt(d))[:, kept][:, :MAX_DIMENSIONS]


@st.composite
def counts(draw):
    n, v = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    rows = st.lists(st.integers(0, 3), min_size=v, max_size=v)
    return np.array(draw(st.lists(rows, min_size=n, max_size=n).filter(lambda T: np.any(T))))


def test_known_values_are_counted_and_others_are_ignored():
    T = count([["a", "b", "a"], [], ["x", "b"]], ("a", "b"))
    assert T.toarray().tolist() == [[2, 1], [0, 0], [0, 1]]


@given(counts())
def test_it_agrees_with_the_svd(T):
    features = Features.of({"tags": texts_of(T)})
    wanted = svd_embedding(T)
    assert features.X.shape == wanted.shape
    # the singular vectors of equal singular values are unique only up to a rotation
    Y = features.X.to_dense(0)
    np.testing.assert_allclose(Y @ Y.T, wanted @ wanted.T, atol=1e-5)


@pytest.mark.parametrize("shape", [(80, 70), (70, 90), (60, 50), (50, 60), (51, 51)])
def test_it_has_at_most_fifty_dimensions(shape):
    T = np.random.default_rng(0).poisson(0.5, shape)
    features = Features.of({"tags": texts_of(T)})
    wanted = svd_embedding(T)
    assert features.names == tuple(f"tags~{j}" for j in range(1, 51)) and features.X.values.dtype == np.float32
    Y = features.X.to_dense(0)
    signs = np.sign(np.sum(Y * wanted, axis=0))
    np.testing.assert_allclose(Y, wanted * signs, atol=1e-5)
    B = features.embeddings["tags"].B
    assert np.all(B.max(axis=0) == np.abs(B).max(axis=0))


@settings(max_examples=20)
@given(counts(), st.integers(0, 9))
def test_equal_rows_have_equal_embeddings_and_repeated_tags_scale_them(T, seed):
    texts = texts_of(T)
    features = Features.of({"tags": texts})
    order, Y = np.random.default_rng(seed).permutation(len(texts)), features.X.to_dense(0)
    again = features.encode({"tags": [texts[i] for i in order]})
    np.testing.assert_allclose(again.to_dense(0), Y[order], atol=1e-6)
    twice = features.encode({"tags": [f"{text}|never seen|{text}" for text in texts]})
    np.testing.assert_allclose(twice.to_dense(0), 2 * Y, atol=1e-5)
    assert not features.encode({"tags": ["", "never seen"]}).size


def test_it_is_deterministic():
    texts = texts_of(np.random.default_rng(1).poisson(0.1, (300, 200)))
    first, second = (Features.of({"tags": texts}) for _ in range(2))
    assert first.X.values.tobytes() == second.X.values.tobytes()
    assert first.embeddings["tags"].B.tobytes() == second.embeddings["tags"].B.tobytes()


def test_a_column_with_many_values_is_embedded_beside_other_columns():
    rng = np.random.default_rng(0)
    words = ["|".join(f"w{word}" for word in rng.integers(0, 1200, 8)) for _ in range(900)]
    features = Features.of({"words": words, "kind": ["a", "b", "a"] * 300, "year": ["1999", "2001", ""] * 300})
    assert features.columns == ["words", "kind", "year"]
    assert features.names[49:] == ("words~50", "kind=a", "kind=b", "year")
    v = len({word for text in words for word in text.split("|")})
    kinds = f"words ({v} values in 50 dimensions), kind (2 values), year (number)"
    assert repr(features) == f"{kinds}; known for 900 of 900"
    new = {"words": [words[5], "brand new"], "kind": ["b", "c"], "year": ["1999", "2001"], "more": ["", ""]}
    encoded, Y = features.encode(new).to_dense(0), features.X.to_dense(0)
    np.testing.assert_allclose(encoded[0, :50], Y[5, :50], atol=1e-6)
    assert encoded[:, 50:].tolist() == [[0, 1, -1], [0, 0, 1]] and not encoded[1, :50].any()
    assert features.unseen(new) == ["more", "words=brand new", "kind=c"]
    with pytest.raises(DataError, match="was trained with the column words, which is missing"):
        features.encode({"kind": ["a"], "year": ["1"]})


def test_up_to_a_thousand_values_are_one_hot_and_numbers_are_not_embedded():
    rows = [f"{i % 1000}x" for i in range(2000)]
    assert len(Features.of({"code": rows}).names) == 1000
    assert Features.of({"code": [f"{i}" for i in range(2000)]}).names == ("code",)
    with pytest.raises(DataError, match="title has 1,001 distinct values, and hardly any occurs twice; remove"):
        Features.of({"title": [f"title {i}" for i in range(1001)]})


def test_tags_and_friends_are_own_features_and_always_embedded():
    info = {"tags": np.array(["rock|rock|pop", "pop"]), "friends": np.array(["12", "34"]), "name": np.array(["a", "b"])}
    features = own_features(info)
    assert features.names == ("tags~1", "tags~2", "friends~1", "friends~2")
    with pytest.raises(DataError, match="no features"):
        own_features({"tags": np.array(["", ""])})


def test_mismatched_shapes_raise():
    good = Features.of({"tags": ["a", "b|a"]})
    parts = {"names": good.names, "X": good.X, "mean": good.mean, "spread": good.spread, "embeddings": good.embeddings}
    Features(**parts)
    wrong = {
        "names": ("tags~1", "tags~3"),
        "X": sparse(np.ones((2, 1))),
        "mean": good.mean[:1],
        "spread": good.spread[None],
        "embeddings": {"tags": Embedding(("a", "b"), np.zeros((2, 3)))},
    }
    for name, value in wrong.items():
        with pytest.raises(DataError):
            Features(**parts | {name: value})
    with pytest.raises(DataError, match="an embedding of 1 values has shape"):
        Embedding(("a",), np.zeros((2, 3)))
    data = tr.Dataset.from_triples([1, 2, 3], [1, 2, 3], [1, 2, 3])
    with pytest.raises(DataError, match="features have 2 rows for 3 ids"):
        data.with_features(items=good)


@pytest.fixture(scope="module")
def trained():
    """Users like red items or blue ones, the tags contain the colour, and items 0 and 1 have no ratings."""
    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((60, 40)) < 0.5)
    items = np.where(items > 1, items, items + 2)
    users, items = np.unique(np.stack([users, items]), axis=1)
    tags = ["rouge|red" if i % 2 else "blue|blue" for i in range(40)]
    index = tr.data.Index(np.arange(40))
    ratings = np.where(users % 2 == items % 2, 5.0, 1.0)
    data = tr.Dataset.from_cells(tr.data.Index(np.arange(60)), index, users, items, ratings, scale=(1, 5))
    data.item_info["tags"] = np.array(tags, np.dtypes.StringDType())
    data = data.with_features(items="own")
    options = {"epochs": 100, "optimizer": tr.optim.Adam(0.01, linear_decay=True), "backend": "reference"}
    return CFN(hidden_units=8, l2=0.01, dropout=0.8).fit(data, **options)


def test_an_item_without_ratings_is_predicted_from_its_tags(trained):
    red, blue = trained.predict([1, 3, 5], [1, 1, 1]), trained.predict([0, 2, 4], [1, 1, 1])
    assert red.mean() > blue.mean() + 1
    ratings = trained.predict_new_item({}, {"tags": "blue|blue"})
    assert ratings[::2].mean() > ratings[1::2].mean() + 1


def test_it_is_loaded_from_a_model_file_without_the_tags(trained, tmp_path):
    trained.save(tmp_path / "m.npz")
    back = tr.load(tmp_path / "m.npz", backend="reference")
    assert back.data.item_features.embeddings["tags"].values == ("blue", "red", "rouge")
    assert "tags" in trained.data.item_info and back.data.item_info == {}
    for tags in ("blue|blue", "red", "never seen"):
        new, known = (model.predict_new_item({}, {"tags": tags}) for model in (back, trained))
        assert new.tobytes() == known.tobytes()
    assert repr(back.data.item_features) == repr(trained.data.item_features)


@pytest.mark.parametrize("name, damage", [
    ("embeddings/item/tags", lambda B: B[:-1]),
    ("embeddings/item/tags", lambda B: B[:, :-1].copy()),
    ("embeddings/item/tags", lambda B: B[0]),
    ("embeddings/item/tags", None),
    ("features/item/indptr", lambda indptr: indptr[:-1]),
    ("features/item/cols", lambda cols: cols + 9),
    ("features/item/values", lambda values: values[:-1]),
    ("features/item/values", None),
    ("features/item/mean", lambda mean: mean[:-1]),
    ("features/item/spread", lambda spread: spread[:-1]),
])  # fmt: skip
def test_a_file_with_mismatched_features_raises(trained, tmp_path, name, damage):
    trained.save(tmp_path / "m.npz")
    header, arrays = storage.read(tmp_path / "m.npz", "model")
    arrays = {key: array for key, array in arrays.items() if key != name or damage}
    if damage:
        arrays[name] = damage(arrays[name])
    storage.write(tmp_path / "m.npz", "model", header, arrays)
    with pytest.raises(FileError, match="is inconsistent"):
        tr.load(tmp_path / "m.npz")
