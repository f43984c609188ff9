"""Small archives in the official formats; the real files only if TINYREC_DATA has them."""

import hashlib
import os
import re
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies import as_dict
from tinyrec.data import load_dataset, load_split
from tinyrec.data.reading import stream
from tinyrec.data.sets import checksums
from tinyrec.errors import DataError, FileError, UsageError

GENRES = [f"Genre{k}" for k in range(19)]


def u_item(movie, title, *genres):
    flags = "|".join("1" if k in genres else "0" for k in range(19))
    return f"{movie}|{title}|01-Jan-1990||http://example.org/{movie}|{flags}\n"


ML_100K = {
    "u.data": "2\t11\t4\t880000002\n1\t10\t3\t880000001\n1\t12\t5\t880000003\n",
    "u1.base": "1\t10\t3\t880000001\n1\t12\t5\t880000003\n",
    "u1.test": "2\t11\t4\t880000002\n",
    "u.genre": "".join(f"{name}|{k}\n" for k, name in enumerate(GENRES)) + "\n",
    "u.item": u_item(10, "Café (1990)", 2, 18) + u_item(11, "B", 0) + u_item(99, "Never rated", 1),
    "u.user": "1|30|F|writer|12345\n2|41|M|other|T8H1N\n3|20|M|none|00000\n",
}
ML_1M = {
    "ratings.dat": "1::10::3::970000001\n2::11::4::970000002\n",
    "movies.dat": "10::Café (1990)::Drama|War\n99::Never rated::Drama\n11::B: C::Comedy\n",
    "users.dat": "1::F::25::10::12345\n2::M::1::0::54321\n",
}
ML_10M = {
    "ratings.dat": "1::10::3.5::970000001\n2::11::0.5::970000002\n",
    "movies.dat": "10::Café (1990)::Drama|War\n11::B::(no genres listed)\n",
    "tags.dat": "5::11::q|r::1215184630\n5::10::drôle::1188263867\n6::10::war::1\n7::10::drôle::2\n5::99::x::3\n",
}


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Return a function that writes NAME.zip with the given members into TINYREC_DATA."""
    monkeypatch.setenv("TINYREC_DATA", str(tmp_path))

    def make(name, members, folder=None, encoding="latin-1"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as file:
            for member, text in members.items():
                file.writestr(f"{folder or name}/{member}", text.encode(encoding))
        return tmp_path / f"{name}.zip"

    return make


def test_ml_100k(make):
    make("ml-100k", ML_100K)
    data = load_dataset("ml-100k")
    assert as_dict(data) == {(1, 10): 3, (1, 12): 5, (2, 11): 4}
    assert data.name == "ml-100k" and data.scale == (1, 5)
    assert data.times.tolist() == [880000001, 880000003, 880000002] and data.places.tolist() == [1, 2, 0]
    assert data.items.ids.tolist() == [10, 11, 12]
    assert data.item_info["title"].tolist() == ["Café (1990)", "B", ""]
    assert data.item_info["genres"].tolist() == ["Genre2|Genre18", "Genre0", ""]
    assert [column.tolist() for column in data.user_info.values()] == [
        ["F", "M"], ["30", "41"], ["writer", "other"], ["12345", "T8H1N"]
    ]  # fmt: skip
    assert list(data.user_info) == ["gender", "age", "occupation", "zip"]


def test_official_split_of_ml_100k(make):
    make("ml-100k", ML_100K)
    train, test = load_split("ml-100k", "u1")
    assert as_dict(train) == {(1, 10): 3, (1, 12): 5} and as_dict(test) == {(2, 11): 4}
    assert train.users == test.users and train.items == test.items and len(train.items) == 3
    assert test.item_info["title"].tolist() == ["Café (1990)", "B", ""]
    assert train.times.tolist() == [880000001, 880000003] and test.times.tolist() == [880000002]
    assert train.user_info["age"].tolist() == ["30", "41"]
    with pytest.raises(UsageError, match="no split 'u9'; choose one of u1"):
        load_split("ml-100k", "u9")


def test_ml_1m(make):
    make("ml-1m", ML_1M)
    data = load_dataset("ml-1m")
    assert as_dict(data) == {(1, 10): 3, (2, 11): 4} and data.scale == (1, 5)
    assert data.item_info["title"].tolist() == ["Café (1990)", "B: C"]
    assert data.item_info["genres"].tolist() == ["Drama|War", "Comedy"]
    assert data.user_info["occupation"].tolist() == ["10", "0"]
    assert data.times.tolist() == [970000001, 970000002]


def test_ml_10m(make):
    make("ml-10m", ML_10M, folder="ml-10M100K", encoding="utf-8")
    data = load_dataset("ml-10m")
    assert as_dict(data) == {(1, 10): 3.5, (2, 11): 0.5} and data.scale == (0.5, 5)
    assert data.item_info["title"].tolist() == ["Café (1990)", "B"] and data.user_info == {}
    assert data.item_info["tags"].tolist() == ["drôle|war|drôle", "q/r"]
    assert data.times.tolist() == [970000001, 970000002]


ML_CSV = {
    "ratings.csv": "userId,movieId,rating,timestamp\n1,10,3.5,970000001\n2,11,0.5,970000002\n",
    "movies.csv": 'movieId,title,genres\n10,"American President, The (1995)",Drama|War\n11,B,(no genres listed)\n',
    "tags.csv": 'userId,movieId,tag,timestamp\n5,11,q|r,1215184630\n5,10,drôle,1188263867\n6,10,"war, cold",1\n',
    "links.csv": "movieId,imdbId,tmdbId\n10,1,1\n",
}


@pytest.mark.parametrize("name", ["ml-20m", "ml-25m", "ml-32m", "ml-latest", "ml-latest-small"])
def test_the_later_sets_in_csv(make, name):
    path = make(name, ML_CSV, encoding="utf-8")
    for source in (name, path):
        data = load_dataset(source)
        assert as_dict(data) == {(1, 10): 3.5, (2, 11): 0.5} and data.scale == (0.5, 5) and data.name == name
        assert data.item_info["title"].tolist() == ["American President, The (1995)", "B"]
        assert data.item_info["tags"].tolist() == ["drôle|war, cold", "q/r"]
        assert data.times.tolist() == [970000001, 970000002]


@pytest.mark.parametrize(
    "name, members, folder", [("ml-100k", ML_100K, None), ("ml-1m", ML_1M, None), ("ml-10m", ML_10M, "ml-10M100K")]
)
def test_a_folder_or_zip_is_known_by_its_members(make, tmp_path, name, members, folder):
    path = make(name, members, folder, encoding="utf-8" if name == "ml-10m" else "latin-1")
    data = load_dataset(name)
    with zipfile.ZipFile(path) as file:
        file.extractall(tmp_path / "unpacked")
    for source in (path, str(path), tmp_path / "unpacked", tmp_path / "unpacked" / (folder or name)):
        again = load_dataset(source)
        assert again.name == name and again.fingerprint() == data.fingerprint()
        assert again.item_info["title"].tolist() == data.item_info["title"].tolist()


@pytest.mark.parametrize(
    "member, text, message",
    [
        ("ratings.dat", "1::10::3::9\n1::11::6::9\n", "ml-1m.zip/ml-1m/ratings.dat, line 2: the rating 6 is outside"),
        ("ratings.dat", "1::10::3::9\n1::11::6\n", "line 2: 3 fields"),
        ("ratings.dat", "1::10::3::9\n1::11::3::?\n", "line 2: the time '\\?' cannot be read"),
        ("ratings.dat", "1::10::3::9\n1::10::4::9\n", "line 2: user 1 rates item 10 again"),
        ("ratings.dat", "", "ratings.dat is empty"),
        ("movies.dat", "10::A::Drama\n11::B\n", "ml-1m.zip/ml-1m/movies.dat, line 2: 2 fields, not 3"),
        ("users.dat", "1::F::25::10::12345\nx::F::25::10::12345\n", "the ids are integers but 'x' is not"),
    ],
)
def test_invalid_lines_are_data_errors(make, member, text, message):
    make("ml-1m", ML_1M | {member: text})
    with pytest.raises(DataError, match=message):
        load_dataset("ml-1m")


def test_a_missing_member_raises(make):
    path = make("ml-1m", {name: text for name, text in ML_1M.items() if name != "users.dat"})
    with pytest.raises(FileError, match=f"{path} has no member users.dat"):
        load_dataset("ml-1m")


def test_two_members_with_the_same_name_raise(make):
    path = make("ml-1m", ML_1M)
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("ml-1m/ratings.dat", "9::9::1::1\n")
    with pytest.raises(FileError, match="no member ratings.dat, or several"):
        load_dataset("ml-1m")


def test_an_encrypted_member_raises(make):
    path = make("ml-1m", ML_1M)
    content = bytearray(path.read_bytes())
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # bit 0 of the flags in both headers
        content[content.index(magic) + at] |= 1
    path.write_bytes(content)
    with pytest.raises(FileError, match="ratings.dat.* is encrypted"):
        load_dataset("ml-1m")


def test_a_member_that_unpacks_to_far_more_than_its_size_raises(make, monkeypatch):
    make("ml-1m", ML_1M | {"ratings.dat": "1::10::3::970000001\n" * 2000})
    monkeypatch.setattr(stream, "FREE", 1000)
    with pytest.raises(FileError, match="ratings.dat .* unpacks to more than 100 times its size"):
        load_dataset("ml-1m")


def test_a_wrong_declared_size_does_not_unpack_more(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bomb", "1" * 10_000_000)
    content = path.read_bytes().replace(struct.pack("<I", 10_000_000), struct.pack("<I", 100))
    path.write_bytes(content)
    read = 0
    with pytest.raises(FileError, match="bomb in .* cannot be read"), stream.Folder(path).open("bomb") as file:
        while text := file.read(64):
            read += len(text)
    assert read <= 100


@pytest.mark.parametrize("content", [b"", b"no zip", None])
def test_a_file_that_is_not_a_zip_raises(make, content):
    path = make("ml-1m", ML_1M)
    path.write_bytes(path.read_bytes()[:-30] if content is None else content)
    with pytest.raises(FileError, match="ml-1m.zip cannot be read"):
        load_dataset("ml-1m")


@pytest.mark.filterwarnings("error")
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4), st.booleans())
def test_a_damaged_archive_loads_or_raises_our_error(make, edits, cut):
    path = make("ml-1m", ML_1M)
    content = bytearray(path.read_bytes())
    for at, byte in edits:
        content[at % len(content)] = byte
    path.write_bytes(content[: edits[0][0] % len(content)] if cut else content)
    try:
        load_dataset("ml-1m")
    except (DataError, FileError) as problem:
        assert "\n" not in str(problem)


def test_what_is_not_as_published_is_noted(make, monkeypatch):
    path = make("ml-1m", ML_1M)
    published = {name: hashlib.sha256(text.encode("latin-1")).hexdigest() for name, text in ML_1M.items()}
    monkeypatch.setitem(checksums.SHA256, "ml-1m", published)
    assert load_dataset("ml-1m").notes == load_dataset(path).notes == ()
    make("ml-1m", ML_1M | {"users.dat": ML_1M["users.dat"].replace("F", "M")})
    note = "not as published: users.dat (by SHA-256)"
    assert load_dataset("ml-1m").notes == load_dataset(path).notes == (note,)


def test_a_split_that_is_not_as_published_is_noted(make):
    make("ml-100k", ML_100K)
    train, _ = load_split("ml-100k", "u1")
    assert train.notes == ("not as published: u.data, u.item, u.user, u.genre, u1.base, u1.test (by SHA-256)",)


def real(name):
    folder = os.environ.get("TINYREC_DATA")
    return pytest.mark.skipif(not folder or not os.path.exists(f"{folder}/{name}.zip"), reason=f"no {name}.zip")


@real("ml-100k")
def test_the_real_ml_100k():
    data = load_dataset("ml-100k")
    assert data.ratings.shape == (943, 1682) and data.ratings.size == 100_000
    assert list(data.describe()["histogram"].values()) == [6110, 11370, 27145, 34174, 21201]
    assert all((column != "").all() for column in data.user_info.values())
    assert (data.item_info["title"] != "").all()
    for name in ("u1", "u2", "u3", "u4", "u5", "ua", "ub"):
        train, test = load_split("ml-100k", name)
        assert train.users == data.users and test.items == data.items
        assert as_dict(train) | as_dict(test) == as_dict(data)
        assert train.notes == ()
    assert data.notes == ()  # all members are as published


@real("ml-1m")
def test_the_real_ml_1m():
    data = load_dataset("ml-1m")
    assert data.ratings.shape == (6040, 3706) and data.ratings.size == 1_000_209
    assert list(data.describe()["histogram"].values()) == [56174, 107557, 261197, 348971, 226310]
    assert data.notes == ()
    assert np.diff(data.ratings.pattern.indptr).min() >= 20
    assert (data.item_info["title"] != "").all() and (data.user_info["zip"] != "").all()
    assert (data.times.min(), data.times.max()) == (956703932, 1046454590)


@real("ml-100k")
def test_all_features_of_ml_100k():
    """879 features of users, as in NRP, and 2,478 of items, where NRP has 2,479."""
    data = load_dataset("ml-100k").with_features(users="all", items="all")
    counts = {"gender": 2, "age": 61, "occupation": 21, "zip": 795, "genres": 19, "title": 2459}
    names = data.user_features.names + data.item_features.names
    assert {column: sum(name.startswith(f"{column}=") for name in names) for column in counts} == counts
    assert data.user_features.X.shape == (943, 879) and data.item_features.X.shape == (1682, 2478)
    words = [len(set(re.findall(r"\w+", title.lower()))) for title in data.item_info["title"].tolist()]
    genres = [len(genres.split("|")) for genres in data.item_info["genres"].tolist()]
    assert data.item_features.X.size == sum(words) + sum(genres) and data.user_features.X.size == 4 * 943
    own = data.with_features(users="own", items="own")
    assert repr(own.user_features) == "gender (2 values), age (8 values), occupation (21 values); known for 943 of 943"


@real("ml-1m")
def test_all_features_of_ml_1m():
    data = load_dataset("ml-1m").with_features(users="all", items="all")
    assert data.user_features.X.shape == (6040, 7 + 2 + 21 + 10)
    assert data.item_features.X.shape == (3706, 4381 + 18)  # of the movies that are rated
