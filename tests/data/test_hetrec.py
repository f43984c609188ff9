"""Small archives in the format of HetRec 2011; the real file only if TINYREC_DATA has it."""

import os
import zipfile

import numpy as np
import pytest

from tests.strategies import as_dict
from tinyrec.cli import main
from tinyrec.data import load_dataset
from tinyrec.errors import DataError, FileError

LASTFM = {
    "user_artists.dat": ["userID\tartistID\tweight", "2\t51\t13883", "2\t52\t11690", "4\t51\t1", "40\t7\t9"],
    "artists.dat": ["id\tname\turl\tpictureURL", '51\tJosé "X\thttp://a\thttp://b', "7\tB\t\t", "99\tUnheard\t\t"],
    "tags.dat": ["tagID\ttagValue", "1\tmetal", "2\trock|pop", "3\tdéjà"],
    "user_taggedartists.dat": [
        "userID\tartistID\ttagID\tday\tmonth\tyear",
        "2\t51\t2\t1\t4\t2009", "4\t51\t1\t1\t4\t2009", "40\t51\t2\t1\t4\t1956", "2\t99\t1\t1\t4\t2009",
        "2\t7\t3\t1\t4\t2009",
    ],
    "user_friends.dat": ["userID\tfriendID", "40\t2", "2\t40", "2\t4", "4\t2", "1000\t2"],
}  # fmt: skip
DELICIOUS = {
    "user_taggedbookmarks-timestamps.dat": [
        "userID\tbookmarkID\ttagID\ttimestamp",
        "8\t20\t1\t1289255362999", "8\t20\t2\t1289255361000", "8\t1\t1\t1289255361999", "9\t1\t2\t1289255300000",
        "9\t1\t1\t1289255300000",
    ],
    "bookmarks.dat": [
        "id\tmd5\ttitle\turl\tmd5Principal\turlPrincipal",
        "1\tab49\tIFLA - Café\thttp://www.ifla.org/\t7f43\twww.ifla.org", "20\tab50\t\thttp://b/\t7f44\tb",
    ],
    "tags.dat": ["id\tvalue", "1\tlibrary", "2\tto_read"],
    "user_contacts-timestamps.dat": ["userID\tcontactID\ttimestamp", "8\t9\t1286151259000", "9\t8\t1286151259000"],
}  # fmt: skip


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Return a function that writes the zip file of a data set, with these members, into TINYREC_DATA."""
    monkeypatch.setenv("TINYREC_DATA", str(tmp_path))

    def make(name, members):
        path = tmp_path / f"hetrec2011-{name}-2k.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for member, lines in members.items():
                encoding = "utf-8" if member == "artists.dat" else "latin-1"
                file.writestr(member, "".join(f"{line}\r\n" for line in lines).encode(encoding))
        return path

    return make


def test_lastfm(make):
    make("lastfm", LASTFM)
    data = load_dataset("lastfm")
    assert as_dict(data) == {(2, 51): 1, (2, 52): 1, (4, 51): 1, (40, 7): 1}
    assert data.name == "lastfm" and data.implicit and data.scale == (0, 1) and data.times is None
    assert data.items.ids.tolist() == [7, 51, 52]
    assert data.item_info["name"].tolist() == ["B", 'José "X', ""]
    assert data.item_info["tags"].tolist() == ["déjà", "rock/pop|metal|rock/pop", ""]
    assert data.user_info["friends"].tolist() == ["40|4", "2", "2"]
    assert data.item_info["tags"].dtype.kind == "T"  # variable width


def test_delicious(make):
    make("delicious", DELICIOUS)
    data = load_dataset("delicious")
    assert as_dict(data) == {(8, 1): 1, (8, 20): 1, (9, 1): 1}
    assert data.name == "delicious" and data.implicit and data.scale == (0, 1)
    assert data.times.tolist() == [1289255361, 1289255361, 1289255300]  # of the first tag
    assert data.places.tolist() == [1, 0, 2]  # item 20 was bookmarked before item 1
    assert data.item_info["title"].tolist() == ["IFLA - Café", ""]
    assert data.item_info["url"].tolist() == ["http://www.ifla.org/", "http://b/"]
    assert data.item_info["tags"].tolist() == ["library|to_read|library", "library|to_read"]
    assert data.user_info["friends"].tolist() == ["9", "8"]


@pytest.mark.parametrize(
    "name, member, lines, message",
    [
        ("lastfm", "user_artists.dat", LASTFM["user_artists.dat"][1:], "user_artists.dat has no header"),
        ("lastfm", "user_artists.dat", ["u\ta\tw", "2\t51\t1", "2\t51\t1"], "line 3: user 2 rates item 51 again"),
        ("lastfm", "user_artists.dat", ["u\ta\tw", "2\t51\tmany"], "line 2: the rating 'many' is not a number"),
        ("lastfm", "artists.dat", ["i\tn\tu\tp", "51\tA"], "hetrec2011-lastfm-2k.zip/artists.dat, line 2: 2 fields"),
        ("lastfm", "tags.dat", ["1\tmetal"], "tags.dat has no header"),
        ("lastfm", "tags.dat", ["tagID\ttagValue", "1\tmetal"], "tags.dat .* does not list tag 2"),
        ("lastfm", "user_friends.dat", ["u\tf", "1\t2\t3"], "user_friends.dat, line 2: 3 fields, not 2"),
        ("lastfm", "user_friends.dat", ["u\tf"], "user_friends.dat has a header, and no line below"),
        ("lastfm", "user_friends.dat", [], "user_friends.dat is empty"),
        ("lastfm", "user_friends.dat", ["u\tf", "1\tx"], "user_friends.dat .* holds something else than integers"),
        ("delicious", "bookmarks.dat", ["id", "1\tx"], "bookmarks.dat, line 2: 2 fields, not 6"),
    ],
)
def test_damaged_files_raise(make, name, member, lines, message):
    members = LASTFM if name == "lastfm" else DELICIOUS
    make(name, members | {member: lines})
    with pytest.raises((DataError, FileError), match=message):
        load_dataset(name)


def test_the_command_line_describes_implicit_feedback(make, capsys):
    make("lastfm", LASTFM)
    assert main(["data", "describe", "lastfm"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["feedback"] == "implicit" and lines["pairs"] == "4" and lines["users"] == "3"
    assert not {"histogram", "mean", "scale", "times", "ratings"} & set(lines)
    make("delicious", DELICIOUS)
    assert main(["data", "describe", "delicious"]) == 0
    assert "times     2010-11-08 to 2010-11-08" in capsys.readouterr().out


@pytest.mark.skipif(
    not os.path.exists(os.path.join(os.environ.get("TINYREC_DATA", ""), "hetrec2011-lastfm-2k.zip")), reason="no zip"
)
def test_the_real_lastfm():
    data = load_dataset("lastfm")
    assert data.notes == ()
    assert data.ratings.shape == (1892, 17632) and data.ratings.size == 92_834
    assert (data.ratings.values == 1).all() and (data.item_info["name"] != "").all()
    friends, tags = data.user_info["friends"], data.item_info["tags"]
    assert sum(len(text.split("|")) for text in friends) == 25_434 and (friends != "").all()
    # 186,479 in the file; the others belong to artists without listeners
    assert sum(len(text.split("|")) for text in tags if text) == 184_941
    assert tags.nbytes < 4_000_000
    assert np.diff(data.ratings.pattern.indptr).max() == 50
