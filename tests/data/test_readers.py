import gzip
import io
import zipfile

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies import as_dict
from tinyrec.data import load_dataset, load_split
from tinyrec.data.ids import Index
from tinyrec.data.reading import fields, stream
from tinyrec.data.reading.readers import read_ids, read_ratings
from tinyrec.data.reading.stream import zstd
from tinyrec.data.validation import BadLines
from tinyrec.errors import DataError, FileError, UsageError

SAME_FOLDER = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
EXPECTED = {(1, 7): 3.0, (2, 8): 4.5}
TIME = 978300760
PLACES = {"columns": (0, 1, 2), "header": False}


@pytest.fixture
def write(tmp_path):
    def write(content, name="ratings.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def zipped(content, name="some/ratings.csv"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
        archive.writestr("README.txt", "about")
    return file.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "1,7,3\n2,8,4.5\n",
        "1\t7\t3\t881250949\n2\t8\t4.5\t881250950\n",
        "1::7::3::978300760\n2::8::4.5::978300761",
        "1;7;3\n2;8;4.5\n",
        "1|7|3\n2|8|4.5\n",
        "1 7  3\n2  8 4.5\n",
        " 1\t7 3 \r\n2 8 4.5\r\n",
        "1, 7, 3\n2, 8, 4.5\n",
        "userId,movieId,rating,timestamp\n1,7,3,0\n2,8,4.5,0\n",
        "Stars;IID;UID\n3;7;1\n4.5;8;2\n",
        "\ufeffuser,item,rating\r\n1,7,3\r\n2,8,4.5\r\n\r\n",
        "1,7,3\r2,8,4.5\r",
        '"user","item","rating"\n"1","7","3"\n"2","8","4.5"\n',
        "\n1,7,3\n\n  \n2,8,4.5\n\n\n",
        "1,7,+3.0e0\n2,8,.45E1\n",
        'user,item,rating,review\n1,7,3,"of two\nlines, ""quoted"""\n2,8,4.5,\n',
    ],
)
def test_dialects_are_detected(write, text):
    data = read_ratings(write(text))
    assert as_dict(data) == EXPECTED and data.name == "ratings.csv"
    for packed, name in (
        (gzip.compress(text.encode()), "ratings.csv.gz"),
        (gzip.compress(text.encode()), "packed.csv"),
        (zstd.compress(text.encode()), "ratings.csv.zst"),
        (zipped(text), "ratings.zip"),
        (text.encode("utf-16"), "utf16.csv"),
    ):
        assert as_dict(read_ratings(write(packed, name))) == EXPECTED


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16-le", "utf-8", "utf-8-sig"])
def test_an_encoding_is_decoded(write, monkeypatch, encoding):
    path = write("Zoë,Blümchen,3\nAnaïs,x,4\n".encode(encoding))
    monkeypatch.setattr(stream, "BLOCK_SIZE", 7)
    assert as_dict(read_ratings(path, encoding=encoding)) == {("Zoë", "Blümchen"): 3, ("Anaïs", "x"): 4}


def test_a_wrong_encoding_raises(write):
    with pytest.raises(DataError, match="is not in ascii"):
        read_ratings(write("Zoë,x,3\n"), encoding="ascii")
    with pytest.raises(UsageError, match="'klingon' is no encoding"):
        read_ratings(write("Zoë,x,3\n"), encoding="klingon")


def test_lines_are_split_correctly_whatever_their_last_characters(write):
    data = read_ratings(write("a::7::3::x:\n:b::8::4::\nc::9::5:::d\n"), sep="::", columns=(0, 1, 2), header=False)
    assert as_dict(data) == {("a", 7): 3, (":b", 8): 4, ("c", 9): 5}


def test_given_options_are_used(write):
    path = write("who~what~x~how\n1~7~z~3\n2~8~z~4.5\n")
    assert as_dict(read_ratings(path, sep="~", columns=("who", "what", "how"))) == EXPECTED
    assert as_dict(load_dataset(str(path), sep="~", columns=(0, "1", 3))) == EXPECTED
    assert as_dict(load_dataset(path, sep="~", columns={"rating": "how", "item": 1, "user": "who"})) == EXPECTED
    assert as_dict(read_ratings(write("7,1,3\n8,2,4.5\n"), header=False, columns=(1, 0, 2))) == EXPECTED
    assert as_dict(read_ratings(write("5,5,5\n1,7,3\n2,8,4.5\n"), header=True, columns=(0, 1, 2))) == EXPECTED
    assert as_dict(read_ratings(write("1\t7\t3\n2\t8\t4.5\n"), sep="\\t")) == EXPECTED


@pytest.mark.parametrize(
    "options",
    [
        {"columns": ("user", "item", "mark")},
        {"columns": (0, 1, 9)},
        {"columns": (0, 1, 1)},
        {"columns": {"user": 0, "rating": 2}},
        {"columns": {"user": 0, "item": 1, "mark": 2}},
        {"columns": "user"},
        {"sep": ""},
    ],
)
def test_invalid_columns_and_delimiters_raise(write, options):
    with pytest.raises(UsageError):
        read_ratings(write("user,item,rating\n1,7,3\n"), **options)


def test_ids_are_kept_exactly(write):
    big = ["007", "Zoë", str(2**63), str(2**53 + 1), "x y", '"quoted"']
    text = "".join(f'"{raw.replace(chr(34), chr(34) * 2)}",{2**53 + k},{k}\n' for k, raw in enumerate(big))
    data = read_ratings(write(text))
    assert as_dict(data) == {(raw, 2**53 + k): k for k, raw in enumerate(big)}


@pytest.mark.parametrize("odd", ["007", "+7", "-0", "00", "x", "7.5", str(2**63), "١"])
def test_one_id_that_is_no_plain_integer_makes_all_of_them_text(write, monkeypatch, odd):
    monkeypatch.setattr(stream, "BLOCK_SIZE", 4)  # the first blocks look like integers
    ids = ["7", "-8", "123456789012345678", odd, "9"]
    data = read_ratings(write("".join(f"{raw},1,3\n" for raw in ids)), columns=(0, 1, 2), header=False)
    assert data.users.ids.tolist() == sorted(ids)


@pytest.mark.parametrize("ids", [["0", "-5", str(2**63 - 1)], [str(-(2**63)), "1"], ["10", "-10", "99", "100"], ["7"]])
def test_plain_integers_stay_integers(write, ids):
    data = read_ratings(write("".join(f"{raw},1,3\n" for raw in ids)), columns=(0, 1, 2), header=False)
    assert data.users.ids.tolist() == sorted(map(int, ids))


def test_whole_floats_are_read_as_integers_with_a_note(write):
    data = read_ratings(write("user,item,rating\n1.0,7,3\n2.0,8,4.5\n"))
    assert as_dict(data) == EXPECTED and data.notes == ("user ids such as 1.0 were read as integers",)
    assert read_ratings(write("user,item,rating\n1.0,7,3\n2.5,8,4.5\n")).users.ids.tolist() == ["1.0", "2.5"]
    assert read_ratings(write("user,item,rating\n01.0,7,3\n1.0,8,4.5\n")).users.ids.tolist() == ["01.0", "1.0"]


@pytest.mark.parametrize(
    "text, options, message",
    [
        ("1,7,3\n2,8\n", {}, "line 2: 2 fields, not 3; complete"),
        ("1,7,3\n2,8,4,9\n", {}, "line 2: 4 fields"),
        ("1,7,3\n2,8,good\n", {}, "line 2: the rating 'good' is not a number; write"),
        ("1,7,bad\n2,8,4\n", {}, "line 1: the rating 'bad' is not a number"),
        ("a,b,nan\n2,8,4\n", {}, "line 1: the rating 'nan' is not a number"),
        ("1,7,3\n\n2,8,nan\n", {}, "line 3: the rating 'nan' is not a number"),
        ("1,7,3\n2,8,-inf\n", {}, "is not a number"),
        ("1,7,3\n2,8,1_000\n", PLACES, "is not a number"),
        ("1,7,3\n2,8,0x10\n", {}, "is not a number"),
        ("1,7,3\n2,8,٣\n", {}, "is not a number"),
        ("1;7;3\n2;8;3,5\n", {}, "'3,5' is not a number"),
        ("1,7,3\n2,8,\n", {}, "the rating '' is not a number"),
        ("1,7,3\n2,8,1e99\n", PLACES, "too large"),
        ("1,7,3\n2,8,1e999\n", PLACES, "too large"),
        ("1,7,3\n2,8,6\n", {"scale": (1, 5)}, "line 2: the rating 6 is outside the scale 1 to 5; correct"),
        ("1,7,3\n2,,4\n", {}, "line 2: the item id is empty"),
        (f"1,7,3\n{'x' * 300},8,4\n", {}, "line 2: the user id is longer"),
        ('1,7,3\n2,"8,4\n3,7,4\n', {}, "line 2: a quote"),
        ('1,7,3\n2,"8,4\n3,7",4\n', {}, r"line 2: the item id '8,4\\n3,7' contains a line break, so a quote"),
        ('1,7,3\n"a\nb",7,4\n2,8,x\n', {}, r"line 2: the user id .*\(2 bad lines in all: 2, 4\)"),
        ("user,item,rating\n1,7,3\n2,8,4\n1,7,5\n", {}, "line 4: user 1 rates item 7 again; .*--duplicates last"),
        ("1,7,3\n2,8\0,4\n", {}, "line 2: a NUL byte"),
        (b"1,7,3\n2,Zo\xeb,4\n", {}, "line 2: bytes that are not UTF-8; .*--encoding"),
        ("1,7,3,5\n2,8,4,\n", {"columns": (0, 1, 2, 3)}, "line 2: the time '' cannot be read; write"),
        ("1,7,3,5\n2,8,4,2001-01-01\n3,8,4,x\n", {"columns": (0, 1, 2, 3)}, r"line 1: the time .* in all: 1, 3"),
        ("user,item,rating,date\n1,7,3,today\n", {}, r"line 2: the time 'today' cannot be read; .*\(--columns\)"),
        ("1\n2\n", {}, "line 1: no known delimiter gives user, item and rating.*--sep"),
        ("1;7;3\n", {"sep": ","}, "line 1: 1 field.*--sep"),
        ('1,7,3\n2,8,4\n"x', {}, "line 3: a quote"),
        ("", {}, "is empty"),
        ("\n\n", {}, "is empty"),
        ("user,item,rating\n", {}, "contains no ratings"),
    ],
)
def test_an_invalid_file_raises_an_explanation(write, text, options, message):
    with pytest.raises(DataError, match=f"^ratings.csv.*{message}") as caught:
        read_ratings(write(text), **options)
    assert "\n" not in str(caught.value)


def test_the_option_duplicates(write):
    path = write("1,7,3\n2,8,4\n1,7,5\n")
    assert as_dict(read_ratings(path, duplicates="last")) == {(1, 7): 5, (2, 8): 4}
    assert as_dict(read_ratings(path, duplicates="mean")) == {(1, 7): 4, (2, 8): 4}
    path = write(f"user,item,rating,time\n1,7,3,{TIME + 9}\n2,8,4,{TIME}\n1,7,5,{TIME}\n")
    assert as_dict(read_ratings(path, duplicates="last")) == {(1, 7): 3, (2, 8): 4}  # the latest by time


BAD = ["1,2", "1,2,3,4", "1,2,x", "1,2,nan", "1,2,9", ",2,3", "1,,3", '"1,2,3', "1\0,2,3", "1,2,\u0663", ",,z"]


@SAME_FOLDER
@given(st.lists(st.one_of(st.just("good"), st.just(""), st.sampled_from(BAD)), min_size=1, max_size=30))
def test_invalid_lines_are_counted_exactly(write, plan):
    text = ["0,0,1"] + [f"{k},5,3" if line == "good" else line for k, line in enumerate(plan, start=1)]
    bad = [k for k, line in enumerate(plan, start=2) if line in BAD]
    path, options = write("\n".join(text)), {"scale": (1, 5)} | PLACES
    if not bad:
        assert read_ratings(path, **options).ratings.size == 1 + plan.count("good")
        return
    with pytest.raises(DataError) as caught:
        read_ratings(path, **options)
    message = str(caught.value)
    assert f"line {bad[0]}: " in message
    if len(bad) > 1:
        listed = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
        assert f"({len(bad)} bad lines in all: {listed})" in message


@pytest.mark.parametrize("block", [1, 7, 64])
def test_the_size_of_the_blocks_does_not_matter(write, monkeypatch, block):
    text = "user,item,rating\r\n" + "".join(f'u{k},"Z\noë",{k % 5}\r\n' for k in range(100)) + "\r\nu1,x\r\n"
    text = text.replace("Z\noë", "Zoë")
    monkeypatch.setattr(stream, "BLOCK_SIZE", block)
    with pytest.raises(DataError, match="line 103: 2 fields, not 3"):
        read_ratings(write(text))
    assert read_ratings(write(text.replace("u1,x\r\n", ""))).ratings.size == 100


FIELDS = st.sampled_from(["1", "22", " 7 ", "x", "", '"a,b"', '"q""q"', "é", "a b", "3.5"])


@SAME_FOLDER
@given(
    st.lists(st.lists(FIELDS, min_size=2, max_size=4), min_size=1, max_size=8), st.sampled_from([",", "\t", "::", " "])
)
def test_the_fast_and_the_slow_way_to_split_agree(rows, sep):
    if sep != ",":
        rows = [[text.replace('"', "") for text in row] for row in rows]
    block = ("\n".join(sep.join(row) for row in rows) + "\n").encode()
    layout = fields.Layout(sep, 3)
    fast, bad = fields._split_fast(block, 5, layout, range(3)), BadLines()
    slow = fields._split_each(block, 5, layout, range(3), bad)
    if fast is None:
        return
    assert not bad.total and fast[0].tolist() == slow[0].tolist()
    for a, b in zip(fast[1], slow[1], strict=True):
        assert a.fill_null("").str.strip_chars(" \t").to_list() == b.str.strip_chars(" \t").to_list()


def test_too_few_fields_in_one_line_do_not_make_up_for_too_many_in_another(write):
    text = "user,item,rating,a,b\n1,7,3,x,y\n2,8,4,x,y,z\n3,9,5,x\n4,9,5,x,y\n"
    with pytest.raises(DataError, match=r"line 3: 6 fields, not 5; .* \(2 bad lines in all: 3, 4\)"):
        read_ratings(write(text))


def test_lines_in_quotes_are_valid_beside_invalid_ones(write):
    text = 'user,item,rating,review\n1,7,3,"of two\nlines"\n2,8\n3,9,"4"x,y\n4,9,"5,y\n5,9,5,"y"\n'
    with pytest.raises(DataError, match=r"line 4: 2 fields, not 4; .* \(3 bad lines in all: 4, 5, 6\)"):
        read_ratings(write(text))


def test_ordinary_files_are_split_the_fast_way():
    for text, sep in (("1,2,3\n4,5,6\n", ","), ('"1","2","3"\n', ","), ("1::2::3\n", "::"), ("1  2\t3\n", " ")):
        assert fields._split_fast(text.encode(), 1, fields.Layout(sep, 3), range(3)), (text, sep)


def test_a_very_long_line_raises_early(write):
    for text in ("1,2,3\n" + "9" * 20_000_000 + ",1,1\n", "1,2,3\n" + "9" * 5_000_000):
        with pytest.raises(DataError, match="line 2: (longer than 1,048,576 bytes|1 fields)"):
            read_ratings(write(text))


def test_a_very_long_line_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(stream, "BLOCK_SIZE", 1000)
    file = io.BytesIO(b"9" * 10_000_000)
    with pytest.raises(DataError, match="line 1: longer"):
        list(stream.blocks_of_lines(file, "ratings.csv"))
    assert file.tell() <= stream.MAX_LINE + 2000


def test_files_that_cannot_be_read_raise(tmp_path, write):
    packed = gzip.compress(np.random.default_rng(0).bytes(3000) + b"1,7,3\n2,8,4.5\n" * 1000)
    for path in (
        tmp_path / "nowhere.csv",
        "bad\0name",
        write(packed[:-20], "cut.gz"),
        write(packed[:40] + b"?" + packed[41:], "damaged.gz"),
        write(b"1,7,3\n", "plain.gz"),
        write(zstd.compress(b"1,7,3\n" * 1000)[:-9], "cut.zst"),
        write(zipped("1,7,3\n" * 1000)[:-30], "cut.zip"),
    ):
        with pytest.raises(FileError, match="cannot be read"):
            read_ratings(path)


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress, zipped])
@pytest.mark.parametrize("content", [b"\n" * 200_000, b"1,7,3\n" * 50_000, b"\0" * 200_000])
def test_a_bomb_is_refused_before_it_is_unpacked(write, monkeypatch, pack, content):
    monkeypatch.setattr(stream, "FREE", 10_000)
    monkeypatch.setattr(stream, "BLOCK_SIZE", 1000)
    with pytest.raises(FileError, match="unpacks to more than 100 times its size"):
        read_ratings(write(pack(content), "bomb.gz" if pack is gzip.compress else "bomb"))


@pytest.mark.parametrize(
    "content, name, message",
    [
        (b"\x80\x04\x95" + b"x" * 90, "ratings.pkl", "is a Python pickle, which could run code.*; save"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 90, "ratings.xls", "is an Excel workbook"),
        (zipped("", "xl/workbook.xml"), "ratings.xlsx", "is an Excel workbook.*; save the sheet as CSV"),
        (b"BZh91AY&SY", "ratings.csv.bz2", "is compressed by bzip2.*; unpack it with bunzip2"),
        (b"\xfd7zXZ\0", "ratings.csv.xz", "is compressed by xz"),
        (b'[{"user": 1},\n {"user": 2}]\n', "ratings.json", "is a JSON document.*JSON lines"),
        (b'{\n "user": 1\n}\n', "ratings.json", "is a JSON document"),
        (b"<!DOCTYPE html>\n<html>", "ratings.csv", "is HTML or XML.*; check the download"),
        (zipped("text", "photo.jpg"), "photos.zip", r"holds .* tables .*; unpack it"),
        (zipped(b"", "weights.npy"), "weights.npz", "holds|NumPy"),
        (zipped("1,2,3", "header.json"), "model.npz", "is a model file of tinyrec"),
        (b"\x93NUMPY\x01\0", "a.npy", "is a NumPy array"),
        (b"%PDF-1.4", "a.pdf", "is a PDF"),
        (b"SQLite format 3\0", "a.db", "is an SQLite data base"),
    ],
)
def test_the_first_bytes_tell_what_a_file_is(write, content, name, message):
    with pytest.raises(DataError, match=message):
        read_ratings(write(content, name))


def test_a_zip_with_two_tables_is_refused(write):
    file = io.BytesIO(zipped("1,7,3\n", "train.csv"))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("test.csv", "2,8,4\n")
    with pytest.raises(DataError, match=r"holds 2 tables \(train.csv, test.csv\), not one; unpack"):
        read_ratings(write(file.getvalue(), "both.zip"))


def test_a_name_in_a_zip_that_cannot_be_printed_is_escaped(write):
    with pytest.raises(DataError, match=r"holds no tables \(a\\n\\x1b\[2Jb, README.txt\)"):
        read_ratings(write(zipped("1,7,3\n", "a\n\x1b[2Jb"), "ratings.zip"))


SEEDS = [
    b"1,7,3\n2,8,4.5\n2,7,1\n",
    b'user\titem\trating\r\nu\xc3\xa9\t1\t3\r\n"v"\t1\t2\r\n',
    b"1::7::3::978300760\n2::8::4::978300760\n",
    b"\xef\xbb\xbf1;7;3\n2;8;4\n",
    b"1:\n7,3,2005-09-06\n8,4,2005-05-13\n2:\n7,1,2005-09-06\n",
    b'{"user": 1, "item": "a", "rating": 3.0}\n{"user": 2, "item": "b", "rating": 4.0}\n',
    b"user,item,time\n1,7,2001-01-01\n2,8,2001-01-01T10:00:00Z\n",
    gzip.compress(b"1 7 3\n2 8 4\n", mtime=0),
    zstd.compress(b"1 7 3\n2 8 4\n"),
    zipped("1,7,3\n2,8,4\n"),
]
PIECES = b'|\0|\n|\r|,|"|::|\xff|nan|-|1e999| |\x1f\x8b|\xe2\x80\xa8'.split(b"|")
EDITS = st.tuples(st.integers(0, 60), st.integers(0, 3), st.sampled_from(PIECES) | st.binary(max_size=3))


@pytest.mark.filterwarnings("error")
@settings(SAME_FOLDER, max_examples=600)
@given(st.sampled_from(SEEDS), st.lists(EDITS, max_size=6))
def test_a_mutated_file_loads_or_raises_our_error(write, content, edits):
    for at, cut, piece in edits:
        content = content[:at] + piece + content[at + cut :]
    try:
        data = read_ratings(write(content))
    except (DataError, FileError) as problem:
        assert "ratings.csv" in str(problem) and "\n" not in str(problem)
    else:
        assert data.ratings.size > 0 and np.isfinite(data.ratings.values).all()


@pytest.mark.filterwarnings("error")
@settings(SAME_FOLDER, max_examples=200)
@given(st.binary(max_size=300))
def test_garbage_raises_our_error(write, content):
    try:
        read_ratings(write(content))
    except (DataError, FileError) as problem:
        assert "\n" not in str(problem)


def test_many_blocks_of_lines_are_read(write, monkeypatch):
    cells = np.random.default_rng(0).permutation(6000 * 4000)[:100_000]
    monkeypatch.setattr(stream, "BLOCK_SIZE", 1 << 16)
    path = write("".join(f"{cell // 4000},{cell % 4000},{cell % 5}\n" for cell in cells.tolist()))
    data = read_ratings(path)
    order = np.argsort(cells)
    assert (data.users.ids[data.ratings.rows] * 4000 + data.items.ids[data.ratings.cols] == cells[order]).all()
    assert (data.ratings.values == cells[order] % 5).all()


def test_the_ids_of_a_second_file_are_read_as_those_of_the_first(write):
    first = read_ratings(write("a,7,3\nb,8,4\n", "first.csv"))
    second = write("12,9,4\n", "second.csv")
    assert read_ratings(second).users.ids.tolist() == [12]
    assert read_ratings(second, like=first).users.ids.tolist() == ["12"]
    _, test = load_split(write("a,7,3\nb,8,4\n", "first.csv"), second)
    assert test.users.ids.tolist() == ["12", "a", "b"] and as_dict(test) == {("12", 9): 4}
    with pytest.raises(DataError, match="third.csv: the item ids are integers elsewhere, but 'x' is not"):
        read_ratings(write("a,x,3\n", "third.csv"), like=first)


@pytest.mark.parametrize("text", ["12,7\nb,8\n", "user,item\n12,7\nb,8\n", "ISBN;x;User-ID\n7;;12\n8;;b\n"])
def test_lists_of_ids_are_read_by_the_same_door(write, text):
    like = Index.of(["a", "b"])[0], Index.of([7, 8])[0]
    users, items = read_ids(write(text), ("user", "item"), like)
    assert users.tolist() == ["12", "b"] and items.tolist() == [7, 8]
    assert read_ids(write(gzip.compress(text.encode())), ("user", "item"), like)[0].tolist() == ["12", "b"]


def test_a_list_of_items(write):
    (items,) = read_ids(write("the matrix\nup\n"), ("item",), (Index.of(["x"])[0],))
    assert items.tolist() == ["the matrix", "up"]
    (items,) = read_ids(write("movieId\n7\n"), ("item",), (Index.of([7])[0],))
    assert items.tolist() == [7]
    with pytest.raises(DataError, match="line 2: 2 fields, not 1"):
        read_ids(write("7\n8,9\n"), ("item",), (Index.of([7])[0],))
    with pytest.raises(DataError, match="3 columns, but the ids of user and item are wanted"):
        read_ids(write("7,8,9\n"), ("user", "item"), (Index.of([7])[0],) * 2)


@pytest.mark.parametrize("write_as", ["write_parquet", "write_ipc", "write_ndjson"])
def test_typed_files(tmp_path, write_as):
    frame = pl.DataFrame(
        {"x": [0, 0], "rating": [3.0, 4.5], "movieId": ["07", "8"], "user_id": [1, 2], "ts": [TIME] * 2}
    )
    getattr(frame, write_as)(tmp_path / "ratings")
    data = read_ratings(tmp_path / "ratings")
    assert as_dict(data) == {(1, "07"): 3, (2, "8"): 4.5} and data.times.tolist() == [TIME] * 2
    assert data.columns == {"user": "user_id", "item": "movieId", "rating": "rating", "time": "ts"}
    data = read_ratings(tmp_path / "ratings", columns=("user_id", "x", "rating"))
    assert as_dict(data) == {(1, 0): 3, (2, 0): 4.5} and data.times is None
    with pytest.raises(UsageError, match="there is no column 'y'"):
        read_ratings(tmp_path / "ratings", columns=("user_id", "y", "rating"))
    with pytest.raises(UsageError, match="leave sep and header out"):
        read_ratings(tmp_path / "ratings", sep=",")


def test_a_typed_bomb_is_refused_before_it_is_unpacked(tmp_path):
    pl.select(pl.repeat(1, 3_000_000).alias("user"), item=1, rating=2.0).write_parquet(tmp_path / "bomb")
    assert (tmp_path / "bomb").stat().st_size < 100_000
    with pytest.raises(FileError, match="unpacks to more than 100 times its size"):
        read_ratings(tmp_path / "bomb")


@pytest.mark.parametrize("start", [b"PAR1", b"ARROW1\0\0"])
def test_a_damaged_typed_file_raises(write, start):
    with pytest.raises(FileError, match="ratings.csv is a damaged"):
        read_ratings(write(start + b"x" * 100))


def test_a_line_that_is_no_json_object_is_named(write):
    with pytest.raises(DataError, match="ratings.csv, line 2: no JSON object"):
        read_ratings(write('{"user": 1, "item": 2, "rating": 3}\n7\n'))
