"""What a data set is like, in figures, and what tells it from another."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyrec.backend import Array

if TYPE_CHECKING:
    from tinyrec.data.dataset import Dataset


def describe(data: Dataset) -> dict[str, Any]:
    """The figures of the data set, as plain Python values that JSON can hold; implicit feedback has no mean."""
    (n, d), p = data.ratings.shape, data.ratings.size
    figures: dict[str, Any] = {"name": data.name, "users": n, "items": d, "pairs" if data.implicit else "ratings": p}
    figures["density"] = p / (n * d)
    if data.implicit:
        figures["feedback"] = "implicit"
    else:
        values = data.ratings.values
        mean, std = (float(figure(dtype=np.float64)) for figure in (values.mean, values.std))
        figures |= {"scale": data.scale, "mean": mean, "std": std}
    figures["per_user"] = _spread(np.diff(data.ratings.pattern.indptr))
    figures["per_item"] = _spread(np.bincount(data.ratings.cols, minlength=d))
    levels, counts = np.unique(data.ratings.values, return_counts=True)
    if len(levels) <= 20 and not data.implicit:
        figures["histogram"] = dict(zip(levels.tolist(), counts.tolist(), strict=True))
    if data.times is not None:
        ends = np.array([data.times.min(), data.times.max()]).astype("datetime64[s]")
        figures["times"] = tuple(np.datetime_as_string(ends, unit="D").tolist())
    if data.noise_floor is not None:
        figures["noise_floor"] = data.noise_floor
    return figures


def _spread(counts: Array) -> dict[str, float]:
    return {"min": int(counts.min()), "median": float(np.median(counts)), "max": int(counts.max())}


def fingerprint(data: Dataset) -> str:
    """The SHA-256 of shape, pattern, values and ids, in hex: equal ratings of equal ids, and nothing else."""
    digest = hashlib.sha256(f"{data.ratings.shape} {data.users} {data.items}".encode())
    for numbers in (data.ratings.pattern.indptr, data.ratings.cols):
        digest.update(numbers.astype("<i8").tobytes())
    digest.update(data.ratings.values.astype("<f4").tobytes())
    for index in (data.users, data.items):
        # UTF-32 alone would depend on the width of the array, so a NUL, which no id holds, ends each text
        text = "".join(f"{raw}\0" for raw in index.ids.tolist())
        digest.update(text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
