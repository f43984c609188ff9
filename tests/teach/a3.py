"""Right and wrong answers to a3."""

from tests.teach.harness import Wrong

RPROP = """
import numpy as np

def rprop(w, g, previous, step, grow, shrink, smallest, largest, forget, undo):
    same, turned = g * previous > 0, g * previous < 0
    last = np.sign(previous) * step
    step[same] *= grow
    step[turned] *= shrink
    np.clip(step, smallest, largest, out=step)
    back = turned & undo
    w[back] += last[back]
    g = np.where(turned & forget, 0, g)
    move = np.sign(g) * step
    w[~back] -= move[~back]
    previous[...] = g
"""
RPROP_LOOPS = """
import numpy as np

def rprop(w, g, previous, step, grow, shrink, smallest, largest, forget, undo):
    for at in np.ndindex(w.shape):
        its, before = g[at], previous[at]
        if its * before > 0:
            step[at] = min(step[at] * grow, largest)
        if its * before < 0:
            if undo:
                w[at] += step[at] * np.sign(before)
            step[at] = max(step[at] * shrink, smallest)
            if forget:
                its = 0.0
        if its > 0:
            w[at] -= step[at]
        elif its < 0:
            w[at] += step[at]
        previous[at] = its
"""
RPROP_SIGNS = """
import numpy as np

def rprop(w, g, previous, step, grow, shrink, smallest, largest, forget, undo):
    sign, before = np.sign(g), np.sign(previous)
    factors = np.array([shrink, 1.0, grow])[(sign * before).astype(int) + 1]
    old = step.copy()
    step[...] = np.minimum(np.maximum(step * factors, smallest), largest)
    turned = sign * before == -1
    stays = 1 - turned * forget
    w += turned * undo * before * old - stays * sign * step
    previous[...] = g * stays
"""
RPROP_CASES = """
import numpy as np

def rprop(w, g, previous, step, grow, shrink, smallest, largest, forget, undo):
    change = np.sign(g) * np.sign(previous)
    new = np.select([change == 1, change == -1], [step * grow, step * shrink], step).clip(smallest, largest)
    normal = -np.sign(g) * new
    if forget:
        turned = np.sign(previous) * step if undo else np.zeros_like(w)
        remembered = np.where(change == -1, 0, g)
    else:
        turned, remembered = normal, g
    np.add(w, np.where(change == -1, turned, normal), out=w)
    np.copyto(previous, remembered)
    np.copyto(step, new)
"""

TRAIN = """
def train(loss_and_grads, params, epochs, rprop):
    previous = {name: np.zeros_like(w) for name, w in params.items()}
    steps = {name: np.full_like(w, 0.8) for name, w in params.items()}
    losses = []
    for epoch in range(epochs):
        loss, grads = loss_and_grads(params)
        undo = epoch > 0 and loss > losses[-1]
        losses.append(loss)
        for name, w in params.items():
            rprop(w, grads[name], previous[name], steps[name], undo)
    return np.array(losses)
"""
TRAIN_OWN = TRAIN.replace(
    "rprop(w, grads[name], previous[name], steps[name], undo)",
    "ours(w, grads[name], previous[name], steps[name], 1.2, 0.5, 1e-6, 50, True, undo)",
).replace("    losses = []\n", "    ours, losses = globals()['rprop'], []\n")
TRAIN_ONE_VECTOR = """
def train(loss_and_grads, params, epochs, rprop):
    sizes = {name: w.size for name, w in params.items()}
    m = sum(sizes.values())
    w = np.concatenate([its.ravel() for its in params.values()])
    previous, step, losses = np.zeros(m), np.full(m, 0.8), np.zeros(epochs)
    last = np.inf
    for epoch in range(epochs):
        losses[epoch], grads = loss_and_grads(params)
        g = np.concatenate([grads[name].ravel() for name in params])
        rprop(w, g, previous, step, losses[epoch] > last)
        last, at = losses[epoch], 0
        for name, its in params.items():
            its[...] = w[at : at + its.size].reshape(its.shape)
            at += its.size
    return losses
"""
TRAIN_STATE = """
class State:
    def __init__(self, w, rprop):
        self.w, self.previous, self.step, self.rprop = w, 0 * w, 0 * w + 0.8, rprop

    def move(self, g, undo):
        self.rprop(self.w, g, self.previous, self.step, undo=undo)

def train(loss_and_grads, params, epochs, rprop):
    states = {name: State(w, rprop) for name, w in params.items()}

    def epoch(last):
        loss, grads = loss_and_grads(params)
        for name, g in grads.items():
            states[name].move(g, last is not None and loss > last)
        return loss

    losses = [None]
    while len(losses) <= epochs:
        losses.append(epoch(losses[-1]))
    return losses[1:]
"""

RIGHT = {
    1: {
        "tinyrec": """
from tinyrec.backend.reference import rprop_step as ours

def rprop(w, g, previous, step, grow, shrink, smallest, largest, forget, undo):
    ours(w, g, previous, step, grow, shrink, smallest, largest, forget, undo)
""",
        "short": RPROP,
        "loops": RPROP_LOOPS,
        "signs": RPROP_SIGNS,
        "select": RPROP_CASES,
    },
    2: {
        "tinyrec": """
from tinyrec.backend import get_backend
from tinyrec.optim import RProp

def train(loss_and_grads, params, epochs, rprop):
    optimiser = RProp(variant="irprop+", step_init=0.8, step_min=1e-6)
    state, losses = optimiser.init(params), []
    for _ in range(epochs):
        loss, grads = loss_and_grads(params)
        losses.append(loss)
        optimiser.step(params, grads, state, get_backend("reference"), loss)
    return losses
""",
        "short": "import numpy as np\n" + TRAIN,
        "one vector": "import numpy as np\n" + TRAIN_ONE_VECTOR,
        "objects": TRAIN_STATE,
        "its own rprop": RPROP_CASES + TRAIN_OWN,
    },
}
INNER = "rprop(w, grads[name], previous[name]"
WRONG = {
    1: {
        "climbs": Wrong("np.sign(g) * step\n    w[~back] -=", "np.sign(g) * step\n    w[~back] +=", "w climbs").also(
            "w[back] += last", "w[back] -= last"
        ),
        "climbs, but undoes": Wrong("w[~back] -=", "w[~back] +="),
        "by size": Wrong("move = np.sign(g) * step", "move = g * step", "as large as step times"),
        "exchanged": Wrong("step[same] *= grow", "step[same] *= shrink", "grow and shrink are exchanged").also(
            "step[turned] *= shrink", "step[turned] *= grow"
        ),
        "0 shrinks": Wrong("step[turned] *=", "step[~same] *=", "0 shrinks"),
        "0 grows": Wrong("step[same] *=", "step[~turned] *=", "0 lets"),
        "never grows": Wrong("    step[same] *= grow\n", "", "never grow"),
        "never shrinks": Wrong("    step[turned] *= shrink\n", "", "never shrink"),
        "no limits": Wrong("    np.clip(step, smallest, largest, out=step)\n", "", "no limits"),
        "no largest": Wrong(
            "np.clip(step, smallest, largest, out=step)", "np.clip(step, smallest, None, out=step)", "no largest"
        ),
        "no smallest": Wrong(
            "np.clip(step, smallest, largest, out=step)", "np.clip(step, None, largest, out=step)", "no smallest"
        ),
        "old step": Wrong("- stays * sign * step", "- stays * sign * old", "by the old step", of="signs"),
        "forget moves": Wrong(
            "- stays * sign * step", "- (1 - turned * undo) * sign * step", "must stop the move", of="signs"
        ),
        "forget remembers": Wrong(
            "previous[...] = g * stays", "previous[...] = g", "is remembered; it must", of="signs"
        ),
        "forget always": Wrong("turned & forget", "turned", "forget is always on"),
        "forget never": Wrong("    g = np.where(turned & forget, 0, g)\n", "", "forget is never on"),
        "undo never": Wrong("turned & undo", "turned & False", "never taken back"),
        "undo always": Wrong("turned & undo", "turned", "also where undo is off"),
        "undo by the new step": Wrong(
            "    back = ", "    last = np.sign(previous) * step\n    back = ", "by the new step"
        ),
        "undo repeats": Wrong("w[back] += last", "w[back] -= last", "repeats the last move"),
        "undo everywhere": Wrong("back = turned & undo", "back = np.full(w.shape, undo)", "all weights; only"),
        "0 not remembered": Wrong(
            "previous[...] = g", "previous[...] = np.where((g == 0) & ~turned, previous, g)", "stays remembered"
        ),
        "one for all": Wrong(
            "same, turned = g * previous > 0, g * previous < 0",
            "all_ = np.full(w.shape, (g * previous).sum())\n    same, turned = all_ > 0, all_ < 0",
            "decided for all weights",
        ),
        "undo, then move": Wrong(
            "    w[~back] -= move[~back]\n", "    w -= np.sign(moved) * step\n", "moves as well"
        ).also("    g = np.where(", "    moved = np.where(turned & (not undo) & forget, 0, g)\n    g = np.where("),
        "moves all the same": Wrong(
            "    w[~back] -= move[~back]\n", "    w -= np.sign(moved) * step\n", "a move follows all the same"
        ).also("    g = np.where(", "    moved = g\n    g = np.where("),
        "state not in place": Wrong(
            "    same, turned", "    step, previous = step.copy(), previous.copy()\n    same, turned", "do not change"
        ),
        "nothing in place": Wrong(
            "    same, turned",
            "    w, step, previous = w.copy(), step.copy(), previous.copy()\n    same, turned",
            "nothing changes",
        ),
        "one axis or more": Wrong(
            "    last =", "    change = g * previous\n    change[turned] = -1\n    last =", "of shape ()"
        ),
        "one axis or more, and forget never": Wrong(
            "    g = np.where(turned & forget, 0, g)\n", "", "forget is never on. Besides, arrays of shape ()"
        ).also("    last =", "    change = g * previous\n    change[turned] = -1\n    last ="),
        "a loop over one axis": Wrong(
            "for at in np.ndindex(w.shape):", "for at in range(len(w)):", "arrays of shape ()", of="loops"
        ),
        "at most one axis": Wrong("    same, turned", "    assert w.ndim < 2\n    same, turned", "and not with two"),
        "the one of task 2": Wrong(
            "tinyrec.backend.reference import rprop_step", "slow_rprop import rprop", of="tinyrec"
        ).also(
            "    ours(w, g, previous, step, grow, shrink, smallest, largest, forget, undo)",
            "    ours(w, g, previous, step, undo)",
        ),
        "previous not in place": Wrong("previous[...] = g", "previous = g", "previous is not changed in place"),
        "step not in place": Wrong(
            "    same, turned", "    step = step.copy()\n    same, turned", "step is not changed in place"
        ),
        "w not in place": Wrong("    same, turned", "    w = w.copy()\n    same, turned", "w is not changed in place"),
    },
    2: {
        "no epochs": Wrong(
            "    previous = {",
            "    params = {name: w.copy() for name, w in params.items()}\n    previous = {",
            "nothing is trained",
        ),
        "climbs": Wrong("rprop(w, grads[name],", "rprop(w, -grads[name],", "w climbs"),
        "too few": Wrong("range(epochs)", "range(epochs - 1)", "too few"),
        "too many": Wrong("range(epochs)", "range(epochs + 1)", "too many"),
        "step again": Wrong(
            "        for name, w in params.items():",
            "        for name, w in params.items():\n            steps[name][...] = 0.8",
            "steps start again",
        ),
        "previous again": Wrong(
            "        for name, w in params.items():",
            "        for name, w in params.items():\n            previous[name][...] = 0",
            "what is remembered starts",
        ),
        "state again": Wrong(
            "        for name, w in params.items():",
            "        for name, w in params.items():\n            steps[name][...], previous[name][...] = 0.8, 0",
            "what is remembered starts",
        ),
        "once": Wrong(
            "    losses = []\n", "    losses = []\n    _, grads = loss_and_grads(params)\n", "taken once"
        ).also("loss, grads = loss", "loss, _ = loss"),
        "first alone": Wrong("steps[name], undo)\n", "steps[name], undo)\n            break\n", "only the first"),
        "last alone": Wrong(
            "            rprop(w", "            pass\n        for _ in [0]:\n            rprop(w", "only the last"
        ),
        "never undone": Wrong("[name], undo)", "[name], False)", "never taken back"),
        "always undone": Wrong("epoch > 0 and loss > losses[-1]", "True", "always taken back"),
        "undone where it fell": Wrong("loss > losses[-1]", "loss <= losses[-1]", "where the loss fell"),
        "the lowest loss": Wrong("loss > losses[-1]", "loss > min(losses)", "with the lowest"),
        "compared with itself": Wrong(
            "        undo = epoch > 0 and loss > losses[-1]\n        losses.append(loss)\n",
            "        losses.append(loss)\n        undo = loss > losses[-1]\n",
            "which loss do you compare with",
        ),
        "first step": Wrong("full_like(w, 0.8)", "full_like(w, 0.1)", "must start at 0.8"),
        "gradient descent": Wrong(
            INNER, "w -= 0.1 * grads[name]  # (w, grads[name], previous[name]", "gradient descent"
        ),
        "losses after": Wrong(
            "    return np.array(losses)",
            "    losses.append(loss_and_grads(params)[0])\n    return np.array(losses)[1:]",
            "after each epoch",
        ),
        "opposite order": Wrong("np.array(losses)", "np.array(losses)[::-1]", "opposite order"),
        "shared": Wrong(
            "steps = {name: np.full_like(w, 0.8) for name, w in params.items()}",
            "steps = {name: np.full_like(w, 0.8) for name, w in params.items()}\n"
            "    them = {w.shape: name for name, w in params.items()}\n"
            "    previous = {name: previous[them[w.shape]] for name, w in params.items()}\n"
            "    steps = {name: steps[them[w.shape]] for name, w in params.items()}",
            "share one state",
        ),
        "mean loss": Wrong("np.array(losses)", "np.array(losses).mean()"),
        "no losses": Wrong("np.array(losses)", "None"),
    },
}
LOSES = {  # what a fault costs: that of its own rule, and not more
    1: {
        "one axis or more": 1,
        "a loop over one axis": 1,
        "at most one axis": 1,
        "forget remembers": 1,
        "forget moves": 1,
        "no limits": 1,
        "no largest": 1,
        "no smallest": 1,
        "0 not remembered": 0.5,
        "undo never": 1,
        "undo by the new step": 1,
        "undo repeats": 1,
        "undo everywhere": 1,
        "undo, then move": 1,
        "forget never": 1,
    }
}
VARIANTS = {
    "direction": {
        "up": {
            1: [("w[~back] -=", "w[~back] +="), ("w[back] +=", "w[back] -=")],
            2: [
                ("loss > losses[-1]", "loss < losses[-1]"),
            ],
        }
    },
    "shrink": {"divisor": {1: [("step[turned] *= shrink", "step[turned] /= shrink")]}},
    "form": {
        "new arrays": {
            1: [
                (
                    "    same, turned",
                    "    w, previous, step = w.copy(), previous.copy(), step.copy()\n    same, turned",
                ),
                ("    previous[...] = g\n", "    return w, g, step\n"),
            ]
        }
    },
    "losses": {
        "after": {2: [("    return np.array(losses)", "    return np.array([*losses[1:], loss_and_grads(params)[0]])")]}
    },
}
