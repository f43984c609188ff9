from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tinyrec.data import Dataset, load_dataset
from tinyrec.errors import DataError

SECONDS = [978300760, 978300761, 0]
TEXTS = {
    978300760: ["2000-12-31 22:12:40", "2000-12-31T22:12:40", "2000-12-31T22:12:40Z", "2001-01-01 00:12:40+02:00"],
    978300761: ["2000-12-31 22:12:41", "2000-12-31T22:12:41.25", "2000-12-31T22:12:41.000Z", "20001231T221241"],
    978220800: ["2000-12-31", "2000-12-31 00:00:00", "2000-W52-7", "2000-12-31T00:00"],
}


@pytest.mark.parametrize("at", range(4))
def test_iso_dates_in_a_file(tmp_path, at):
    path = tmp_path / "ratings.csv"
    path.write_text("user,item,rating,date\n" + "".join(f"{k},1,3,{TEXTS[s][at]}\n" for k, s in enumerate(TEXTS)))
    data = load_dataset(path)
    assert data.times.tolist() == list(TEXTS) and data.times.dtype == np.int64 and data.notes == ()


@pytest.mark.parametrize("per_second, unit", [(10**3, "milliseconds"), (10**6, "microseconds"), (10**9, "nanoseconds")])
def test_numbers_in_a_finer_unit_are_recognised(tmp_path, per_second, unit):
    path = tmp_path / "ratings.csv"
    times = [978300760, 1478300761, 1678300762]
    lines = "".join(f"{k},1,3,{time * per_second + k}\n" for k, time in enumerate(times))
    path.write_text("user,item,rating,ts\n" + lines)
    data = load_dataset(path)
    assert data.times.tolist() == times and data.notes == (f"times are in {unit}",)
    data = Dataset.from_triples([1, 2, 3], [1, 1, 1], [1, 2, 3], times=np.array(times) * per_second)
    assert data.times.tolist() == times and data.notes == (f"times are in {unit}",)
    assert data.describe()["times"] == ("2000-12-31", "2023-03-08")


@pytest.mark.parametrize(
    "times",
    [
        pd.to_datetime(SECONDS, unit="s"),
        pd.Series(pd.to_datetime(SECONDS, unit="s", utc=True)),
        pd.Series(pd.to_datetime(SECONDS, unit="s", utc=True).tz_convert("Asia/Tokyo")),
        pl.Series([datetime.fromtimestamp(s, UTC).replace(tzinfo=None) for s in SECONDS]),
        pl.Series([datetime.fromtimestamp(s, UTC) for s in SECONDS]),
        [datetime.fromtimestamp(s, UTC) for s in SECONDS],
        ["2000-12-31 22:12:40", "2000-12-31T22:12:41Z", "1970-01-01"],
        pd.Series(SECONDS, dtype="Int64"),
        np.array(SECONDS, float),
        SECONDS,
    ],
)
def test_times_of_all_types(times):
    assert Dataset.from_triples([1, 2, 3], [1, 1, 1], [1, 2, 3], times=times).times.tolist() == SECONDS


@pytest.mark.parametrize(
    "times, message",
    [
        (
            ["2001-01-01", "09 13, 2009"],
            r"row 1: the time '09 13, 2009' cannot be read; write seconds .* \(1 such rows\)",
        ),
        (pd.to_datetime(["2001-01-01", None]), "row 1: the time .*NaT.* cannot be read"),
        ([1.0, np.nan], "the times have type float64"),
    ],
)
def test_times_that_cannot_be_read_are_reported(times, message):
    with pytest.raises(DataError, match=message):
        Dataset.from_triples([1, 2], [1, 1], [1, 2], times=times)
