"""How each task is called: a case, as arrays, in the form of your course; the outputs in one form for all courses."""

import distance
import numpy as np
import slow_rprop


def task1(its, c, variant):
    """All steps of a walk, one after another; outputs are the states after each, named by the rule that counts."""
    rule = str(c["rule"])
    states = walk(its, c, variant, c["w"].shape)
    if rule == "any shape":
        return {rule: int(agree(its, c, variant, states))}
    outputs = dict(zip(("w", "previous", "step"), states, strict=True))
    return {f"{name} ({rule})": array for name, array in outputs.items()}


def agree(its, c, variant, states):
    """Whether arrays of the shape `asked` give the same numbers as those with one axis, and w moves at all."""
    if np.array_equal(states[0][-1], c["w"]):
        return False
    try:
        others = walk(its, c, variant, tuple(c["asked"].tolist()))
    except Exception:
        return False
    return all(np.allclose(a, b.reshape(a.shape), rtol=1e-9, atol=1e-12) for a, b in zip(states, others, strict=True))


def walk(its, c, variant, shape):
    sign = -1 if variant["direction"] == "up" else 1
    shrink = float(1 / c["shrink"] if variant["shrink"] == "divisor" else c["shrink"])
    constants = float(c["grow"]), shrink, float(c["smallest"]), float(c["largest"]), bool(c["forget"])
    state, after = [array.reshape(shape) for array in (c["w"], sign * c["previous"], c["step"])], []
    for g, undo in zip(c["gs"], c["undo"], strict=True):
        w, previous, step = state
        given = [np.array(array) for array in (w, sign * g.reshape(shape), previous, step)]
        new = its.rprop(*given, *constants, bool(undo))
        state = [given[0], *given[2:]] if variant["form"] == "in place" else [np.array(array) for array in new]
        after.append([array.copy() for array in state])
    w, previous, step = (np.array(arrays) for arrays in zip(*after, strict=True))
    return w, sign * previous, step


def task2(its, c, variant):
    """The losses, and the error at cells that the training has not seen."""
    sign = -1 if variant["direction"] == "up" else 1
    params = {name: c[name].copy() for name in ("P", "Q", "b", "c")}

    def loss_and_grads(params):
        loss, grads = distance.loss_and_grads(params, c["X"], c["here"], float(c["l2"]))
        return sign * loss, {name: sign * g for name, g in grads.items()}

    def rprop(w, g, previous, step, undo):
        slow_rprop.rprop(w, sign * g, previous, step, undo)

    first, _ = loss_and_grads(params)
    losses = np.asarray(its.train(loss_and_grads, params, int(c["epochs"]), rprop))
    if variant["losses"] == "after":
        losses = np.append(first, losses)[:-1]
    return {"rmse": distance.error(params, c["X"], c["hidden"]), "losses": sign * losses}
