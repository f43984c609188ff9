"""Times of ratings: numbers in any unit, ISO dates, and the date types of data frames, as seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from tinyrec.backend import Array
from tinyrec.errors import DataError

UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
LATEST = 4_102_444_800  # the first second of 2100
NOT_A_TIME = np.iinfo(np.int64).min
CURE = "write seconds since 1970 or an ISO date such as 2001-05-31, or name the columns without it (--columns)"


def to_seconds(numbers: Array) -> tuple[Array, str | None]:
    """Integers in the unit that makes their median a date before 5138, and a note if it is not the second.

    DataError: some are in a finer unit than others, or after 2100
    """
    if not len(numbers):
        return numbers, None
    size = np.abs(np.median(numbers[:: 1 + len(numbers) // 10_000]))
    unit = next((unit for unit, per_second in UNITS.items() if size < 1e11 * per_second), "nanoseconds")
    latest, per_second = int(numbers.max()), UNITS[unit]
    if latest >= LATEST * per_second:
        cause = f"the time {latest} is after 2100 in {unit}, the unit of most times"
        raise DataError(f"{cause}; write all of them as seconds since 1970 or as ISO dates")
    if per_second > 1 and (is_coarser := (numbers >= 10**8) & (numbers < 10**8 * per_second)).any():
        cause = f"the time {numbers[is_coarser][0]} looks like seconds, but most times are in {unit}"
        raise DataError(f"{cause}; write all of them as seconds since 1970 or as ISO dates")
    return (numbers, None) if unit == "seconds" else (numbers // per_second, f"times are in {unit}")


def seconds_of_texts(texts: Any) -> Array:
    """Parse ISO dates and date-times, (m,) int64; NOT_A_TIME where a text is none. Without a zone, they are in UTC.

    texts: a polars Series
    """
    found = texts.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us").dt.epoch("s")
    others = texts.filter(found.is_null()).unique()  # dates, fractions of a second, zones
    if len(others):
        parsed = {text: _parse(text) for text in others.to_list()}
        return np.where(found.is_null(), texts.replace_strict(parsed, default=NOT_A_TIME), found.fill_null(0))
    return found.to_numpy()


def _parse(text: str | None) -> int:
    try:
        time = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return NOT_A_TIME
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() // 1)


def check_times(times: Any, size: int) -> tuple[Array, str | None]:
    """The times of `size` ratings in seconds since 1970, int64, (size,), and a note on their unit.

    times: integers, whole floats, dates, ISO texts or datetime objects, in a list, an array or a Series
    DataError: another type, or a time that is missing or cannot be read
    """
    values = times if isinstance(times, np.ndarray) else getattr(times, "to_numpy", lambda: np.asarray(times))()
    if values.dtype.kind in "OUT" and values.shape == (size,):  # with a zone, pandas gives objects
        listed = [time.isoformat() if isinstance(time, datetime) else time for time in values.tolist()]
        if all(isinstance(time, str) for time in listed):
            import polars as pl

            return _whole(seconds_of_texts(pl.Series(listed, dtype=pl.String)), values), None
    if values.dtype.kind == "M":
        seconds = values.astype("datetime64[s]").astype(np.int64)
        return _whole(np.where(np.isnat(values), NOT_A_TIME, seconds), values), None
    if values.dtype.kind == "f" and np.isfinite(values).all() and not (values % 1).any():
        values = values.astype(np.int64)
    if values.shape != (size,) or values.dtype.kind not in "iu":
        cause = f"the times have type {values.dtype} and shape {values.shape} for {size} ratings"
        raise DataError(f"{cause}; give seconds since 1970 or dates, one for each")
    return to_seconds(values.astype(np.int64, copy=False))


def _whole(seconds: Array, values: Array) -> Array:
    bad = np.flatnonzero(seconds == NOT_A_TIME)
    if len(bad):
        raise DataError(f"row {bad[0]}: the time {str(values[bad[0]])!r} cannot be read; {CURE} ({len(bad)} such rows)")
    return seconds
