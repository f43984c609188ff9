import gzip
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies import as_dict
from tinyrec.data import load_dataset
from tinyrec.data.reading import lines
from tinyrec.data.reading.readers import read_ratings
from tinyrec.errors import DataError, FileError, UsageError

SAME_FOLDER = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
EXPECTED = {(1, 7): 3.0, (2, 8): 4.5}


@pytest.fixture
def write(tmp_path):
    def write(content, name="ratings.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [
        "1,7,3\n2,8,4.5\n",
        "1\t7\t3\t881250949\n2\t8\t4.5\t881250950\n",
        "1::7::3::978300760\n2::8::4.5::978300761",
        "1;7;3\n2;8;4.5\n",
        "1|7|3\n2|8|4.5\n",
        "1 7  3\n2  8 4.5\n",
        "1, 7, 3\n2, 8, 4.5\n",
        "userId,movieId,rating,timestamp\n1,7,3,0\n2,8,4.5,0\n",
        "Stars;IID;UID\n3;7;1\n4.5;8;2\n",
        "a,b,c\n1,7,3\n2,8,4.5\n",
        "\ufeffuser,item,rating\r\n1,7,3\r\n2,8,4.5\r\n\r\n",
        "1,7,3\r2,8,4.5\r",
        '"user","item","rating"\n"1","7","3"\n"2","8","4.5"\n',
        "\n1,7,3\n\n  \n2,8,4.5\n\n\n",
        "1,7,+3.0e0\n2,8,.45E1\n",
    ],
)
def test_dialects_are_detected(write, text):
    data = read_ratings(write(text))
    assert as_dict(data) == EXPECTED and data.name == "ratings.csv"
    assert as_dict(read_ratings(write(gzip.compress(text.encode()), "ratings.csv.gz"))) == EXPECTED
    assert as_dict(read_ratings(write(gzip.compress(text.encode()), "packed.csv"))) == EXPECTED


def test_lines_are_split_correctly_whatever_their_last_characters(write):
    data = read_ratings(write("a::7::3::x:\n:b::8::4::\nc::9::5:::d\n"), sep="::", columns=(0, 1, 2), header=False)
    assert as_dict(data) == {("a", 7): 3, (":b", 8): 4, ("c", 9): 5}


def test_given_options_are_used(write):
    path = write("who~what~x~how\n1~7~z~3\n2~8~z~4.5\n")
    assert as_dict(read_ratings(path, sep="~", columns=("who", "what", "how"))) == EXPECTED
    assert as_dict(load_dataset(str(path), sep="~", columns=(0, "1", 3))) == EXPECTED
    assert as_dict(read_ratings(write("7,1,3\n8,2,4.5\n"), header=False, columns=(1, 0, 2))) == EXPECTED
    assert as_dict(read_ratings(write("5,5,5\n1,7,3\n2,8,4.5\n"), header=True)) == EXPECTED
    assert as_dict(read_ratings(write("1\t7\t3\n2\t8\t4.5\n"), sep="\\t")) == EXPECTED


@pytest.mark.parametrize(
    "text, options, times",
    [
        ("userId,movieId,rating,timestamp\n1,7,3, 20\n2,8,4,10\n", {}, [20, 10]),
        ("Date;Stars;IID;UID\n-5;3;7;1\n+6;4;8;2\n", {}, [-5, 6]),
        ("a,b,c,time\n1,7,3,20\n2,8,4,10\n", {}, [20, 10]),
        ("a,time,c\n1,7,3\n2,8,4\n", {}, None),
        ("user,item,rating,time\n1,7,3,20\n2,8,4,10\n", {"columns": ("user", "item", "rating")}, None),
        ("user,item,rating,when\n1,7,3,20\n2,8,4,10\n", {}, None),
        ("user,item,rating,when\n1,7,3,20\n2,8,4,10\n", {"columns": (0, 1, 2, "when")}, [20, 10]),
        ("1\t7\t3\t20\n2\t8\t4\t10\n", {}, None),
        ("1\t7\t3\t20\n2\t8\t4\t10\n", {"columns": (0, 1, 2, 3)}, [20, 10]),
        ("user,item,rating,time\n1,7,3,2001-01-01\n2,8,4,10\n", {}, None),
        ("user,item,rating,time\n1,7,3,1e9\n2,8,4,10\n", {}, None),
        ("user,item,rating,time\n1,7,3,9999999999999999999\n2,8,4,10\n", {}, None),
    ],
)
def test_times_are_kept_if_they_are_integers(write, text, options, times):
    data = read_ratings(write(text), **options)
    assert (None if data.times is None else data.times.tolist()) == times
    assert data.ratings.values.tolist() == [3, 4]


@pytest.mark.parametrize(
    "options", [{"columns": ("user", "item", "mark")}, {"columns": (0, 1, 9)}, {"columns": (0, 1, 1)}, {"sep": ""}]
)
def test_invalid_columns_and_delimiters_raise(write, options):
    with pytest.raises(UsageError):
        read_ratings(write("user,item,rating\n1,7,3\n"), **options)


def test_a_partly_known_header_in_another_order_raises(write):
    with pytest.raises(DataError, match="has no column for rating.*--columns"):
        read_ratings(write("timestamp,user,item,mark\n0,1,7,3\n"))


def test_ids_are_kept_exactly(write):
    big = ["007", "Zoë", str(2**63), str(2**53 + 1), "x y", '"quoted"']
    text = "".join(f'"{raw.replace(chr(34), chr(34) * 2)}",{2**53 + k},{k}\n' for k, raw in enumerate(big))
    data = read_ratings(write(text))
    assert as_dict(data) == {(raw, 2**53 + k): k for k, raw in enumerate(big)}


@pytest.mark.parametrize(
    "text, options, message",
    [
        ("1,7,3\n2,8\n", {}, "line 2: 2 fields, but the first line has 3; complete"),
        ("1,7,3\n2,8,4,9\n", {}, "line 2: 4 fields"),
        ("1,7,3\n2,8,good\n", {}, "line 2: the rating 'good' is not a number; write"),
        ("1,7,bad\n2,8,4\n", {}, "line 1: the rating 'bad' is not a number"),
        ("a,b,nan\n2,8,4\n", {}, "line 1: the rating 'nan' is not a number"),
        ("1,7,3\n\n2,8,nan\n", {}, "line 3: the rating 'nan' is not a number"),
        ("1,7,3\n2,8,-inf\n", {}, "is not a number"),
        ("1,7,3\n2,8,1_000\n", {}, "is not a number"),
        ("1,7,3\n2,8,0x10\n", {}, "is not a number"),
        ("1,7,3\n2,8,٣\n", {}, "is not a number"),
        ("1;7;3\n2;8;3,5\n", {}, "'3,5' is not a number"),
        ("1,7,3\n2,8,\n", {}, "the rating '' is not a number"),
        ("1,7,3\n2,8,1e99\n", {}, "too large"),
        ("1,7,3\n2,8,6\n", {"scale": (1, 5)}, "line 2: the rating 6 is outside the scale 1 to 5; correct"),
        ("1,7,3\n2,,4\n", {}, "line 2: the item id is empty"),
        (f"1,7,3\n{'x' * 300},8,4\n", {}, "line 2: the user id is longer"),
        ('1,7,3\n2,"8,4\n3,7,4\n', {}, "line 2: a quote"),
        ('1,7,3\n2,"8,4\n3,7",4\n', {}, "line 2: a quote"),
        ("user,item,rating\n1,7,3\n2,8,4\n1,7,5\n", {}, "line 4: user 1 rates item 7 again; .*--duplicates last"),
        ("1,7,3\n2,8\0,4\n", {}, "line 2: a NUL byte"),
        (b"1,7,3\n2,Zo\xeb,4\n", {}, "line 2: bytes that are not UTF-8; save"),
        ("user,item,rating\n1,7,3\n".encode("utf-16"), {}, "line "),
        ("1,7,3,5\n2,8,4,\n", {"columns": (0, 1, 2, 3)}, "line 2: the time is not an integer; write"),
        ("1,7,3,5\n2,8,4,2001-01-01\n3,8,4,x\n", {"columns": (0, 1, 2, 3)}, r"line 2: the time .* in all: 2, 3"),
        ("1\n2\n", {}, "line 1: no known delimiter gives three fields.*--sep"),
        ("1;7;3\n", {"sep": ","}, "line 1: 1 field.*--sep"),
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


BAD = ["1,2", "1,2,3,4", "1,2,x", "1,2,nan", "1,2,9", ",2,3", "1,,3", '"1,2,3', "1\0,2,3", "1,2,\u0663", ",,z"]


@SAME_FOLDER
@given(st.lists(st.one_of(st.just("good"), st.just(""), st.sampled_from(BAD)), min_size=1, max_size=30))
def test_invalid_lines_are_counted_exactly(write, plan):
    text = ["0,0,1"] + [f"{k},5,3" if line == "good" else line for k, line in enumerate(plan, start=1)]
    bad = [k for k, line in enumerate(plan, start=2) if line in BAD]
    path = write("\n".join(text))
    if not bad:
        assert read_ratings(path, scale=(1, 5)).ratings.size == 1 + plan.count("good")
        return
    with pytest.raises(DataError) as caught:
        read_ratings(path, scale=(1, 5))
    message = str(caught.value)
    assert f"line {bad[0]}: " in message
    if len(bad) > 1:
        listed = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
        assert f"({len(bad)} bad lines in all: {listed})" in message


@pytest.mark.parametrize("block", [1, 7, 64])
def test_the_size_of_the_blocks_does_not_matter(write, monkeypatch, block):
    text = "user,item,rating\r\n" + "".join(f"u{k},Zoë,{k % 5}\r\n" for k in range(100)) + "\r\nu1,x\r\n"
    monkeypatch.setattr(lines, "BLOCK_SIZE", block)
    with pytest.raises(DataError, match="line 103: 2 fields, but"):
        read_ratings(write(text))
    assert read_ratings(write(text.replace("u1,x\r\n", ""))).ratings.size == 100


def test_a_very_long_line_raises_early(write):
    for text in ("1,2,3\n" + "9" * 20_000 + ",1,1\n", "1,2,3\n" + "9" * 5_000_000):
        with pytest.raises(DataError, match="line 2: longer than 10000 characters"):
            read_ratings(write(text))


def test_a_very_long_line_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(lines, "BLOCK_SIZE", 1000)
    stream = io.StringIO("9" * 1_000_000)
    with pytest.raises(DataError, match="line 1: longer"):
        list(lines.blocks_of_lines(stream, "ratings.csv"))
    assert stream.tell() <= lines.MAX_LINE_LENGTH + 1000


def test_files_that_cannot_be_read_raise(tmp_path, write):
    packed = gzip.compress(b"1,7,3\n2,8,4.5\n" * 1000)
    for path in (
        tmp_path / "nowhere.csv",
        tmp_path,
        "bad\0name",
        write(packed[:-20], "cut.gz"),
        write(packed[:40] + b"?" + packed[41:], "damaged.gz"),
        write(b"1,7,3\n", "plain.gz"),
    ):
        with pytest.raises(FileError, match="cannot be read"):
            read_ratings(path)


SEEDS = [
    b"1,7,3\n2,8,4.5\n2,7,1\n",
    b'user\titem\trating\r\nu\xc3\xa9\t1\t3\r\n"v"\t1\t2\r\n',
    b"1::7::3::9\n2::8::4::9\n",
    b"\xef\xbb\xbf1;7;3\n2;8;4\n",
    gzip.compress(b"1 7 3\n2 8 4\n", mtime=0),
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


def test_many_blocks_of_lines_are_read(write):
    cells = np.random.default_rng(0).permutation(6000 * 4000)[:100_000]
    path = write("".join(f"{cell // 4000},{cell % 4000},{cell % 5}\n" for cell in cells.tolist()))
    assert read_ratings(path).ratings.size == 100_000
