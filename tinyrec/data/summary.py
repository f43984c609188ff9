"""Summary statistics of a data set, and a fingerprint that identifies its ratings."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyrec.backend import Array

if TYPE_CHECKING:
    from tinyrec.data.dataset import Dataset


def describe(data: Dataset) -> dict[str, Any]:
    """Return summary statistics as plain Python values for JSON; implicit feedback has no scale, mean and std."""
    (n, d), p = data.ratings.shape, data.ratings.size
    summary: dict[str, Any] = {"name": data.name, "users": n, "items": d, "pairs" if data.implicit else "ratings": p}
    summary["density"] = p / (n * d)
    if data.implicit:
        summary["feedback"] = "implicit"
    else:
        values = data.ratings.values
        mean, std = (float(statistic(dtype=np.float64)) for statistic in (values.mean, values.std))
        summary |= {"scale": data.scale, "mean": mean, "std": std}
    summary["per_user"] = _spread(np.diff(data.ratings.pattern.indptr))
    summary["per_item"] = _spread(np.bincount(data.ratings.cols, minlength=d))
    levels, counts = np.unique(data.ratings.values, return_counts=True)
    if len(levels) <= 20 and not data.implicit:
        summary["histogram"] = dict(zip(levels.tolist(), counts.tolist(), strict=True))
    if data.times is not None:
        ends = np.array([data.times.min(), data.times.max()]).astype("datetime64[s]")
        summary["times"] = tuple(np.datetime_as_string(ends, unit="D").tolist())
    if data.noise_floor is not None:
        summary["noise_floor"] = data.noise_floor
    return summary


def _spread(counts: Array) -> dict[str, float]:
    return {"min": int(counts.min()), "median": float(np.median(counts)), "max": int(counts.max())}


def fingerprint(data: Dataset) -> str:
    """Return the SHA-256 of shape, pattern, values and ids, in hex; other fields do not change it."""
    digest = hashlib.sha256(f"{data.ratings.shape} {data.users} {data.items}".encode())
    for numbers in (data.ratings.pattern.indptr, data.ratings.cols):
        digest.update(numbers.astype("<i8").tobytes())
    digest.update(data.ratings.values.astype("<f4").tobytes())
    for index in (data.users, data.items):
        # the bytes of a text array depend on its longest text, so write each id with a NUL at its end (no id has one)
        text = "".join(f"{raw}\0" for raw in index.ids.tolist())
        digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
