"""Rows that are left out with bad_rows="skip": the same as by a slow reader, whatever the file looks like."""

import gzip
import io
import re
import zipfile

import numpy as np
import pytest

from tests.strategies import as_dict
from tinyrec.data import load_dataset
from tinyrec.data.reading import stream
from tinyrec.data.reading.readers import read_ratings
from tinyrec.data.reading.stream import zstd
from tinyrec.errors import DataError, UsageError

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
NO_RATINGS = ["", " ", "x", "nan", "NaN", "inf", "-inf", "1e99", "0x1", "1_0", "--", "٣", "3.5.1"]
NO_TIMES = ["", "x", "2001-01-01", "1.5"]
WHOLE = stream.BLOCK_SIZE
PLACES = {"columns": (0, 1, 2), "header": False}


def zipped(content):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ratings.csv", content)
    return file.getvalue()


PACKED = {"ratings.csv": bytes, "ratings.csv.gz": gzip.compress, "ratings.csv.zst": zstd.compress, "r.zip": zipped}


def slow_field(text, at, sep):
    """The field that begins at `at`, with quotes, and its end; the field is None if a quote is not closed."""
    at += len(text[at:]) - len(text[at:].lstrip(" "))
    if text[at] != '"':
        end = min(found for found in (text.find(sep, at), text.find("\n", at)) if found >= 0)
        return text[at:end].removesuffix("\r"), end
    field, at = "", at + 1
    while at < len(text):
        if text[at] != '"':
            field += text[at]
        elif text[at + 1] == '"':
            field, at = field + '"', at + 1
        else:
            return field, at + 1 + (text[at + 1] == "\r")
        at += 1
    return None, at


def slow_rows(text, sep):
    """The line number of each row, and its fields, or None if its quotes are wrong: character by character."""
    at = 0
    while at < len(text):
        number, line_end = 1 + text.count("\n", 0, at), text.index("\n", at) + 1
        line = text[at:line_end].rstrip("\r\n")
        if len(sep) > 1 or sep == " ":
            fields, at = line.split() if sep == " " else line.split(sep), line_end
        else:
            fields, begin = [], at
            while not fields or text[at] == sep:
                field, at = slow_field(text, at + len(fields[:1]), sep)
                fields.append(field)
                if at >= len(text) or text[at] not in (sep, "\n"):
                    fields, at = None, begin
                    break
            at = at + 1 if fields else line_end
        if line.strip() or (sep != " " and sep in line):
            yield number, fields


def slow_read(text, sep, width):
    """{(user, item): rating} as text, and the numbers of the bad lines."""
    ratings, bad = {}, []
    for number, fields in slow_rows(text, sep):
        user, item, rating, time = [field.strip() for field in [*(fields or ()), "0", "0", "0", "0"]][:4]
        fits = fields and len(fields) == width and user and item and len(user) < 256 and not re.search("[\r\n]", user)
        fits = fits and NUMBER.fullmatch(rating) and abs(float(rating)) < 1e38
        if fits and (width < 4 or re.fullmatch(r"-?\d+", time)):
            ratings[user, item] = float(rating)
        else:
            bad.append(number)
    return ratings, bad


def generated(rng):
    """The text of a file, its delimiter, its number of columns, and how many bytes are read at a time."""
    sep, width = rng.choice([",", ";", "\t", "|", "::", " "]), int(rng.choice([3, 4, 5]))
    can_quote, are_text = len(sep) == 1 and sep != " " and rng.random() < 0.5, rng.random() < 0.3
    has_wrong_quotes = can_quote and rng.random() < 0.5
    share = rng.choice([0, 0.02, 0.3, 0.6])

    def row(k):
        rating, time = str(k % 9 / 2), str(978300760 + k)
        more = '"two\nlines, ""quoted"""' if can_quote and not has_wrong_quotes and k % 3 == 0 else "x"
        fields = [f"u{k}" if are_text else str(k), str(k * k % 97), rating, time, more]
        if sep == " ":
            return fields[:width]
        if rng.random() < share:
            at, odd = rng.choice(
                [(0, ""), (1, ""), (1, " "), (0, "y" * 300), (2, "rating"), (2, "rating"), (3, "time")]
            )
            fields[int(at)] = rng.choice({"rating": NO_RATINGS, "time": NO_TIMES}.get(odd, [odd]))
        if can_quote and rng.random() < 0.3:
            fields[:2] = (f'"{field}"' if field.strip() else field for field in fields[:2])
        return fields[:width]

    lines = []
    for k in range(1, int(rng.integers(2, 60))):
        fields = row(k)
        if rng.random() < share / 2:
            fields = fields[: rng.integers(1, width)] if rng.random() < 0.5 else [*fields, "more"]
        line = sep.join(fields)
        if has_wrong_quotes and '"' not in line and rng.random() < 0.1:
            line = rng.choice(['"' + line, f'"{line}"x', line.replace(sep, f'{sep}"', 1), f'"a"b{sep}{line}'])
        lines += [line] + [rng.choice(["", "  "])] * int(rng.random() < 0.05)
    text = "\n".join([sep.join(["0", "0", "1", "978300760", "x"][:width]), *lines, ""])
    block = WHOLE if has_wrong_quotes else int(rng.choice([7, 64, 500, WHOLE]))
    return text.replace("\n", str(rng.choice(["\n", "\r\n"]))), str(sep), width, block


@pytest.mark.parametrize("part", range(10))
def test_the_same_rows_are_left_out_as_by_a_slow_reader(tmp_path, monkeypatch, part):
    n_bad = 0
    for seed in range(100 * part, 100 * part + 100):
        text, sep, width, block = generated(np.random.default_rng(seed))
        name = list(PACKED)[seed % len(PACKED)]
        (tmp_path / name).write_bytes(PACKED[name](text.encode()))
        ratings, bad = slow_read(text, sep, width)
        monkeypatch.setattr(stream, "BLOCK_SIZE", block)
        options = {"columns": tuple(range(min(width, 4))), "header": False, "sep": sep}
        data = read_ratings(tmp_path / name, **options, bad_rows="skip")
        found = {(str(user), str(item)): rating for (user, item), rating in as_dict(data).items()}
        assert found == ratings, (seed, text)
        listed = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
        lines = "line" if len(bad) == 1 else "lines"
        noted = [note.partition(" (")[0] for note in data.notes if note.startswith("bad rows")]
        assert noted == [f"bad rows left out: {len(bad)}, in {lines} {listed}"] * bool(bad), (
            seed,
            text,
        )
        if bad:
            total = rf"\({len(bad)} bad lines in all: {listed}\)" if len(bad) > 1 else ""
            with pytest.raises(DataError, match=rf", line {bad[0]}: .*{total}$"):
                read_ratings(tmp_path / name, **options)
        n_bad += bool(bad)
    assert 50 <= n_bad < 100  # some files are clean, most are not


@pytest.fixture
def write(tmp_path):
    def write(content, name="ratings.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_bad_rows_of_the_netflix_prize_are_left_out(write):
    text = "1:\n7,3,2005-09-06\n8,2005-05-13\n2:\n7,x,2005-09-06\n9,4,2005-09-06\n,4,2005-09-06\n3,5,2005-09-06\n"
    data = read_ratings(write(text), bad_rows="skip")
    assert as_dict(data) == {(7, 1): 3, (9, 2): 4, (3, 2): 5}
    assert data.notes == ("bad rows left out: 3, in lines 3, 5, 7 (line 3: 2 fields, not 3)",)


def test_what_is_wrong_with_a_whole_file_is_refused_all_the_same(write):
    for content, options, message in (
        (b"1,7,3\n2,8\n2,Zo\xeb,4\n", {}, "line 3: bytes that are not UTF-8"),
        ("1,7,3\n2,8\n2,8\0,4\n", {}, "line 3: a NUL byte"),
        ("1,7,3\n2,8\n2,8,6\n", {"scale": (1, 5)}, "line 3: the rating 6 is outside the scale"),
        ("1,7,3\n2,8\n1,7,4\n", {}, "line 3: user 1 rates item 7 again"),
        ("0,0,nan\n2,8\n", {}, r"line 1: the rating 'nan' is not a number.*\(2 bad lines in all: 1, 2\)"),
    ):
        with pytest.raises(DataError, match=message):
            read_ratings(write(content), **PLACES, **options, bad_rows="skip")


def test_a_file_of_which_most_is_left_out_says_what_to_check(write):
    data = read_ratings(write("user,item,rating\n1,7,3\n2,8\n3,9\n"), bad_rows="skip")
    assert data.notes[0].endswith("(line 3: 2 fields, not 3); more than were read, so check delimiter and columns")


def test_ids_stay_integers_and_times_seconds_whatever_was_left_out(write):
    text = "user,item,rating,time\n,7,3,978300760\nx,7,bad,978300761\n007,8,,978300762\n1,7,4,978300763\n"
    data = read_ratings(write(text), bad_rows="skip")
    assert as_dict(data) == {(1, 7): 4} and data.times.tolist() == [978300763]


def test_sources_without_lines_have_no_bad_rows_to_leave_out(write):
    for content, options in (
        ('{"user": 1, "item": 2, "rating": 3.0}\n', {}),
        ("user,a,b\n1,2,3\n", {"wide": True}),
    ):
        with pytest.raises(UsageError, match="ratings.csv is not; leave bad_rows out"):
            load_dataset(write(content), **options, bad_rows="skip")
    with pytest.raises(UsageError, match="'bad_rows' is not an option of this source"):
        load_dataset(([1], [2], [3]), bad_rows="skip")
    with pytest.raises(UsageError, match="bad_rows='drop' is unknown; choose one of error, skip"):
        load_dataset(write("1,2,3\n"), bad_rows="drop")
