"""The layouts of well-known public files, each as a small file of our own: read right, or refused with the way out."""

import warnings

import pytest

from tests.strategies import as_dict
from tinyrec.data import load_dataset
from tinyrec.errors import DataError, DataWarning, UsageError

USER_ITEM = {(1, 7): 3.0, (2, 8): 4.5}
READ = {  # what it is: the file, the options, the ratings, and the columns taken
    "MovieLens 25M": (
        "userId,movieId,rating,timestamp\n1,7,3.0,1147880044\n2,8,4.5,1147868817\n",
        {}, USER_ITEM, "user=userId, item=movieId, rating=rating, time=timestamp",
    ),
    "MovieLens 100K, u.data": (
        "1\t7\t3\t881250949\n2\t8\t4.5\t891717742\n", {}, USER_ITEM, "user=0, item=1, rating=2, time=3",
    ),
    "Book-Crossing": (
        '"User-ID";"ISBN";"Book-Rating"\n"1";"034545104X";"5"\n"2";"0155061224";"7"\n',
        {}, {(1, "034545104X"): 5, (2, "0155061224"): 7}, "user=User-ID, item=ISBN, rating=Book-Rating",
    ),
    "RecBole atomic file": (
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t7\t3\t978300760.0\n2\t8\t4.5\t978302109.0\n",
        {}, USER_ITEM, "user=user_id:token, item=item_id:token, rating=rating:float, time=timestamp:float",
    ),
    "Amazon, ratings only": (
        "A39HTATAQ9V7YF,0205616461,5.0,1369699200\nA3JM6GV9MNOF9X,0558925278,3.0,1355443200\n",
        {}, {("A39HTATAQ9V7YF", "0205616461"): 5, ("A3JM6GV9MNOF9X", "0558925278"): 3},
        "user=0, item=1, rating=2, time=3",
    ),
    "Amazon, reviews": (
        '{"reviewerID": "A2", "asin": "0007", "helpful": [2, 3], "overall": 5.0, "unixReviewTime": 1252800000, '
        '"reviewTime": "09 13, 2009"}\n'
        '{"reviewerID": "A1", "asin": "0008", "helpful": [0, 0], "overall": 2.0, "unixReviewTime": 1252800001, '
        '"reviewTime": "09 13, 2009"}\n',
        {}, {("A2", "0007"): 5, ("A1", "0008"): 2}, "user=reviewerID, item=asin, rating=overall, time=unixReviewTime",
    ),
    "Amazon 2023": (
        "user_id,parent_asin,rating,timestamp\nAG,B08,5.0,1588687728923\nAH,B09,4.0,1588687728924\n",
        {}, {("AG", "B08"): 5, ("AH", "B09"): 4},
        "user=user_id, item=parent_asin, rating=rating, time=timestamp",
    ),
    "goodbooks-10k": (
        "user_id,book_id,rating\n1,7,3\n2,8,4\n", {}, {(1, 7): 3, (2, 8): 4},
        "user=user_id, item=book_id, rating=rating",
    ),
    "goodbooks-10k, as first published": (
        "book_id,user_id,rating\n7,1,3\n8,2,4\n", {}, {(1, 7): 3, (2, 8): 4},
        "user=user_id, item=book_id, rating=rating",
    ),
    "Anime": (
        "user_id,anime_id,rating\n1,20,-1\n1,24,8\n", {"missing": (-1,)}, {(1, 24): 8},
        "user=user_id, item=anime_id, rating=rating",
    ),
    "Food.com": (
        "user_id,recipe_id,date,rating,review\n38094,40893,2003-02-17,4,\"Great, with\na salad\"\n1,7,2011-12-21,5,\n",
        {}, {(38094, 40893): 4, (1, 7): 5}, "user=user_id, item=recipe_id, rating=rating, time=date",
    ),
    "Yelp": (
        '{"review_id": "r", "user_id": "u", "business_id": "b", "stars": 4.0, "date": "2016-03-09 00:56:34"}\n',
        {}, {("u", "b"): 4}, "user=user_id, item=business_id, rating=stars, time=date",
    ),
    "Netflix prize": (
        "1:\n1488844,3,2005-09-06\n822109,5,2005-05-13\n2:\n\n2059652,4,2005-09-05\n",
        {}, {(1488844, 1): 3, (822109, 1): 5, (2059652, 2): 4},
        "user=user, item=the lines such as 1:, rating=rating, time=date",
    ),
    "Netflix prize, as CSV": (
        "CustomerID,MovieID,Rating,Date\n1,7,3,2005-09-06\n2,8,4.5,2005-05-13\n",
        {}, USER_ITEM, "user=CustomerID, item=MovieID, rating=Rating, time=Date",
    ),
    "BeerAdvocate": (
        "brewery_id,review_time,review_overall,review_aroma,review_profilename,beer_name,beer_beerid\n"
        "1,1234817823,1.5,2.0,stcules,Sausa,47986\n1,1235915097,3.0,2.5,other,Red,48213\n",
        {}, {("stcules", 47986): 1.5, ("other", 48213): 3},
        "user=review_profilename, item=beer_beerid, rating=review_overall, time=review_time",
    ),
    "pandas, with its index": (
        ",userId,movieId,rating\n0,1,7,3.0\n1,2,8,4.5\n", {}, USER_ITEM, "user=userId, item=movieId, rating=rating",
    ),
    "Epinions, blanks": ("1 7 3\n2 8 4.5\n", {}, USER_ITEM, "user=0, item=1, rating=2"),
}  # fmt: skip
ROWS = [(user, item) for user in range(1, 16) for item in (242, 302, 377, 1200)]
READ["row numbers, no header"] = (
    "".join(f"{k},{user},{item},{k % 5}\n" for k, (user, item) in enumerate(ROWS)),
    {}, {pair: k % 5 for k, pair in enumerate(ROWS)}, "user=1, item=2, rating=3",
)  # fmt: skip
READ["row numbers and times, no header"] = (
    "".join(f"{k},{user},{item},{k % 5},{881250949 + k}\n" for k, (user, item) in enumerate(ROWS, start=1)),
    {}, {pair: k % 5 for k, pair in enumerate(ROWS, start=1)}, "user=1, item=2, rating=3, time=4",
)  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_it_is_read(tmp_path, name):
    content, options, ratings, columns = READ[name]
    (tmp_path / "ratings.txt").write_text(content, encoding="utf-8")
    data = load_dataset(tmp_path / "ratings.txt", **options)
    assert as_dict(data) == ratings and not data.implicit
    assert data.taken == f"columns: {columns}" and data.taken in repr(data) and data.describe()["columns"]
    assert (data.times is not None) == ("time=" in columns)
    if "row numbers" in name:
        assert data.notes == ("the first column was left out: it holds row numbers",)


EVENTS = {
    "user,item,time\n1,7,978300760\n2,8,978300761\n1,7,978300765\n": "user=user, item=item, time=time",
    "visitorid,itemid\n1,7\n2,8\n1,7\n": "user=visitorid, item=itemid",
    "1,7\n2,8\n1,7\n": "user=0, item=1",
    "userID\tartistID\tweight\n1\t7\t100\n2\t8\t3\n1\t7\t3\n": None,
}


@pytest.mark.parametrize("content, columns", EVENTS.items())
def test_events_are_implicit_feedback(tmp_path, content, columns):
    (tmp_path / "events.csv").write_text(content)
    if columns is None:
        with pytest.raises(
            DataError, match="which columns are rating, of .*without a rating for implicit feedback .*artistID"
        ):
            load_dataset(tmp_path / "events.csv")
        data = load_dataset(tmp_path / "events.csv", columns=("userID", "artistID"))
    else:
        data = load_dataset(tmp_path / "events.csv")
        assert data.taken == f"columns: {columns}"
    assert as_dict(data) == {(1, 7): 1, (2, 8): 1} and data.implicit and data.scale == (0, 1)
    assert data.notes == ("1 repeats of a pair were merged",)
    if data.times is not None:
        assert data.times.tolist() == [978300765, 978300761]  # the latest of a pair


JOKES = "".join(f"{4 - (k % 3 == 0)},{k % 7}.5,{99 if k % 3 == 0 else -k % 5},1.25,{'99,' * 3}0.5\n" for k in range(30))
REFUSED = {  # the file: what is said
    "timestamp,user,item,mark\n1,1,7,3\n": "which columns are rating, of timestamp, user, item, mark, is not known; "
    "name them with columns (--columns user=user,item=item,rating=...), or without a rating for implicit feedback "
    "(--columns user=user,item=item)",
    "a,b,c\n1,7,3\n": "which columns are user and item and rating, of a, b, c, is not known; name them with columns",
    "x,time,y,z\n1,7,3,4\n": "which columns are user and item and rating",
    "".join(f"{881250949 + k},{k % 7},{k % 5}\n" for k in range(30)) + "": None,
    "".join(f"{k % 7},{k},{881250949 + k}\n" for k in range(30)): "cannot be told apart for certain",
    "".join(f"{k % 5},{k % 7},{300 + 7 * k}\n" for k in range(60)): "cannot be told apart for certain",
    "5,3,0,1\n4,0,0,1\n1,1,0,5\n": "(5, 3, 0, 1) cannot be told apart for certain",
    "1,7,3,x,y\n2,8,4,x,y\n": "cannot be told apart for certain",
    "\n".join(",".join(str((k * j) % 6) for j in range(9)) for k in range(9)): "look like a matrix of users x items",
    JOKES: "look like a matrix of users x items, not a list of ratings; read it with wide=True (--wide)",
    "user," + ",".join(map(str, range(100, 120))) + "\n" + "ann" + ",5" * 20 + "\n": "look like a matrix",
    "user," + ",".join(f"film {k}" for k in range(20)) + "\n" + "ann" + ",5" * 20 + "\n": "look like a matrix",
}


@pytest.mark.parametrize("content, message", [pair for pair in REFUSED.items() if pair[1]])
def test_what_cannot_be_known_is_refused(tmp_path, content, message):
    (tmp_path / "ratings.csv").write_text(content)
    with pytest.raises(DataError) as caught:
        load_dataset(tmp_path / "ratings.csv", duplicates="last")
    assert message in str(caught.value) and "ratings.csv, line 1" in str(caught.value)


def test_a_matrix_is_read_as_one_if_asked_for(tmp_path):
    (tmp_path / "jester.csv").write_text(JOKES)
    data = load_dataset(tmp_path / "jester.csv", wide=True, missing=(99,))
    ratings = as_dict(data)
    assert data.ratings.shape == (30, 7) and len(ratings) == 30 * 4 - 10
    assert (ratings[4, 0], ratings[4, 1], ratings[4, 2], ratings[4, 6]) == (4.5, 1, 1.25, 0.5)
    assert (3, 1) not in ratings and "a matrix: a user a line, an item a column" in data.notes
    with pytest.warns(DataWarning, match="42% of the ratings are 99; if that means not rated"):
        assert load_dataset(tmp_path / "jester.csv", wide=True).ratings.shape == (30, 8)


def test_a_leading_count_of_ratings_is_left_out(tmp_path):
    (tmp_path / "jester.csv").write_text("2,1.5,99,-3\n3,0,1,2\n1,99,99,7.25\n")
    data = load_dataset(tmp_path / "jester.csv", wide=True, missing=(99,))
    assert as_dict(data) == {(0, 0): 1.5, (0, 2): -3, (1, 0): 0, (1, 1): 1, (1, 2): 2, (2, 2): 7.25}
    assert "the first column was left out: it counts the ratings of each user" in data.notes


def test_a_matrix_with_a_header(tmp_path):
    (tmp_path / "wide.csv").write_text("who,Up,Alien\nann,5,\nbob,,3.5\neve,NaN,1\n")
    data = load_dataset(tmp_path / "wide.csv", wide=True)
    assert as_dict(data) == {("ann", "Up"): 5, ("bob", "Alien"): 3.5, ("eve", "Alien"): 1}
    (tmp_path / "wide.csv").write_text("who,Up,Up\nann,5,4\n")
    with pytest.raises(DataError, match="wide.csv has two columns 'Up' in its header"):
        load_dataset(tmp_path / "wide.csv", wide=True)
    (tmp_path / "wide.csv").write_text("who,Up,Alien\nann,5,\nbob,x,3.5\n")
    with pytest.raises(DataError, match="wide.csv, line 3: the rating 'x' is no number"):
        load_dataset(tmp_path / "wide.csv", wide=True)
    with pytest.raises(UsageError, match="leave columns or wide out"):
        load_dataset(tmp_path / "wide.csv", wide=True, columns=(0, 1, 2))
    (tmp_path / "wide.csv").write_text("who,Up,Alien\nann,5,\nbob,1e99,inf\n")
    with pytest.raises(DataError, match=r"line 3: the rating '1e99' is no number, or too large.*\(2 bad lines"):
        load_dataset(tmp_path / "wide.csv", wide=True)


@pytest.mark.parametrize(
    "values, message",
    [
        ([0] * 31 + list(range(1, 11)) * 2, "61% of the ratings are 0; if that means not rated, add missing=\\(0,\\)"),
        ([99] * 20 + [k / 10 for k in range(-99, 99)], r"9% of the ratings are 99; .* \(--missing 99\)"),
        ([-1] * 20 + list(range(1, 11)) * 8, "20% of the ratings are -1"),
        ([1] * 30, "all ratings are 1, which looks like implicit feedback"),
        ([1, 2, 3, 4, 5] * 10, None),
        (list(range(-10, 11)) * 3, None),
        ([0, 1, 2, 3, 4, 5] * 10, None),
        ([1] * 5 + [5] * 40, None),
    ],
)
def test_a_value_that_may_mean_not_rated_is_pointed_out(tmp_path, values, message):
    lines = "".join(f"{k},{k % 3},{value}\n" for k, value in enumerate(values))
    (tmp_path / "ratings.csv").write_text("user,item,rating\n" + lines)
    if message:
        with pytest.warns(DataWarning, match=message):
            load_dataset(tmp_path / "ratings.csv")
        with warnings.catch_warnings(action="error"):
            if len(set(values)) > 1:
                value = values[0]
                data = load_dataset(tmp_path / "ratings.csv", missing=(value,))
                assert len(data) == sum(other != value for other in values)
                assert data.notes[0].endswith(f"ratings of {value} were left out as not rated")
    else:
        load_dataset(tmp_path / "ratings.csv")
