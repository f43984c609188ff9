"""How each task is called: a case, as arrays, in the form of your course; the outputs in one form for all courses."""

import numpy as np
import slow
from ratings import Ratings


def task1(its, c, variant):
    at = Ratings(c["shape"], c["indptr"], c["cols"], c["r"])
    flipped = variant["layout"] == "k x d"
    W = c["W"].T if flipped else c["W"]
    arguments = (at, W, c["b"], c["H"]) if variant["order"] == "matrix first" else (c["H"], W, c["b"], at)
    function = its.cells_of_output if variant["names"] == "other" else its.sampled_out
    y, backward = function(*arguments)
    dH, dW, db = backward(c["dy"])
    return {"y": y, "dH": dH, "dW": np.transpose(dW) if flipped else dW, "db": db}


def task2(its, c, variant):
    R = Ratings(c["shape"], c["indptr"], c["cols"], c["r"])
    flipped = variant["layout"] == "k x d"
    V = c["V"].T if flipped else c["V"]
    arguments = (V, c["mu"], R) if variant["order"] == "matrix first" else (R, V, c["mu"])
    function = its.codes_of_rows if variant["names"] == "other" else its.sparse_in
    Z, backward = function(*arguments)
    dV, dmu = backward(c["dZ"])
    return {"Z": Z, "dV": np.transpose(dV) if flipped else dV, "dmu": dmu}


def task3(its, c, variant):
    R = Ratings(c["shape"], c["indptr"], c["cols"], c["r"])
    params = {name: c[name] for name in ("V", "mu", "W", "b")}
    times = 2 if variant["error"] == "half the sum" else 1
    l2 = c["l2"] / times / (2 if variant["penalty"] == "l2" else 1)
    loss, grads = its.loss_and_grads(params, R, float(l2), slow)
    return {"loss": times * loss, **{f"d{name}": times * grads[name] for name in params}}
