"""How each task is called: a case, as arrays, in the form of your course; the outputs in one form for all courses."""

import numpy as np
from ratings import Ratings

DEVIATIONS = 6  # standard deviations of a share: one that is farther from q than this is wrong


def task1(its, c, variant):
    R = Ratings(c["shape"], c["indptr"], c["cols"], c["r"])
    q, rng = float(c["q"]), np.random.default_rng(int(c["seed"]))
    draws = [draw(its, R, q, rng, variant) for _ in range(int(c["draws"]))]
    values, hidden = (np.array(them) for them in zip(*draws, strict=True))  # (draws, p)
    outputs = {"hidden_first": hidden[0]}
    if c["counted"]:
        return outputs | shares(hidden.reshape(len(hidden), *R.shape), R.values.reshape(R.shape), q)
    kept = [always(values[~hidden[:, j], j], R.values[j]) for j in range(R.size)]
    return outputs | {"kept": kept, "masked": [always(values[hidden[:, j], j], 0) for j in range(R.size)]}


def draw(its, R, q, rng, variant):
    seen, hidden = its.masked(R, q, rng)
    if not isinstance(hidden, np.ndarray) or hidden.dtype != bool or hidden.shape != (R.size,):
        raise TypeError(f"the second output must be an array ({R.size},) of bool: one for each cell")
    if not np.array_equal(seen.cols, R.cols) or not np.array_equal(seen.indptr, R.indptr):
        raise ValueError("seen must have the same cells as R; a cell that is masked stays, with the value 0")
    values = seen.values * ((1 - q) if variant["scale"] == "raised" else 1)
    return values, hidden ^ (variant["mask"] == "kept")


def always(values, otherwise):
    """What all of these are; nan if they differ; `otherwise` if there are none."""
    if len(values) == 0:
        return otherwise
    return values[0] if (values == values[0]).all() else np.nan


def shares(hidden, values, q):
    """hidden (draws, n, d), values (n, d)"""
    by_row, by_column = (bool((hidden.min(axis) == hidden.max(axis)).all()) for axis in (2, 1))
    count = hidden.shape[1] if by_row else hidden.shape[2] if by_column else (values == 0).sum()
    counts = hidden.sum(axis=(1, 2))
    return {
        "share": near(hidden[:, values != 0].mean(), q, count),
        "share_of_zeros": near(hidden[:, values == 0].mean(), q, count),
        "rows_alike": int(by_row),
        "columns_alike": int(by_column),
        "counts_differ": int(counts.min() < counts.max()),
        "draws_differ": int((hidden[0] != hidden[1]).any()),
    }


def near(share, q, count):
    """q or 1 - q where the share of so many cells may be it, else the share."""
    far = DEVIATIONS * (q * (1 - q) / count) ** 0.5
    return next((its for its in (q, 1 - q) if abs(share - its) < far), share)


def task2(its, c, variant):
    alpha, beta = float(c["alpha"]), float(c["beta"])
    if variant["weights"] == "one":
        loss, dy = its.denoising_error(c["y"], c["r"], c["hidden"], alpha / (alpha + beta))
        return {"loss": (alpha + beta) * loss, "dy": (alpha + beta) * dy}
    loss, dy = its.denoising_error(c["y"], c["r"], c["hidden"], alpha, beta)
    return {"loss": loss, "dy": dy}


def task3(its, c, variant):
    X = Ratings(c["shape"], c["indptr"], c["cols"], c["r"])
    flipped, (_, k), q = variant["joined"] == "features first", c["H"].shape, X.shape[1]
    Z, backward = its.join_side(c["H"], X, np.roll(c["W"], q, axis=0) if flipped else c["W"], c["b"])
    dH, dW, db = backward(c["dZ"])
    return {"Z": Z, "dH": dH, "dW": np.roll(dW, k, axis=0) if flipped else dW, "db": db}
