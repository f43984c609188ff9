"""Right and wrong answers to a4."""

from dataclasses import replace

from tests.teach.harness import Wrong

GRADIENT = """
import numpy as np

def numeric_gradient(f, params, h):
    grads = {}
    for name, w in params.items():
        grads[name] = np.zeros(w.shape)
        for at in np.ndindex(w.shape):
            moved = w.astype(complex)
            moved[at] += 1j * h
            grads[name][at] = np.imag(f({**params, name: moved})) / h
    return grads
"""
GRADIENT_FLAT = """
import numpy as np

def numeric_gradient(f, params, h):
    def slope(name, entry):
        w = params[name].ravel().astype(complex)
        w[entry] += h * 1j
        return f(params | {name: w.reshape(params[name].shape)}).imag / h

    return {
        name: np.array([slope(name, entry) for entry in range(w.size)], float).reshape(w.shape)
        for name, w in params.items()
    }
"""
GRADIENT_BACK = """
import numpy as np

def numeric_gradient(f, params, h):
    params = {name: np.array(w, dtype=complex) for name, w in params.items()}
    grads = {name: np.empty(w.shape) for name, w in params.items()}
    for name, w in params.items():
        them = np.nditer(w, flags=["multi_index", "zerosize_ok"])
        for _ in them:
            kept = w[them.multi_index]
            w[them.multi_index] = kept + complex(0, h)
            grads[name][them.multi_index] = np.imag(f(params) / h)
            w[them.multi_index] = kept
    return grads
"""
GRADIENT_UNITS = """
import numpy as np

def numeric_gradient(f, params, h):
    grads = {}
    for name, w in params.items():
        units = np.eye(w.size).reshape(w.size, *w.shape)
        grads[name] = np.reshape([np.imag(f({**params, name: w + 1j * h * unit})) / h for unit in units], w.shape)
    return grads
"""

RIGHTNESS = """
import numpy as np

def slopes(f, params):
    numeric = {}
    for name, w in params.items():
        numeric[name] = np.zeros(w.shape)
        for at in np.ndindex(w.shape):
            moved = w.astype(complex)
            moved[at] += 1e-30j
            numeric[name][at] = f({**params, name: moved})[0].imag / 1e-30
    return numeric

def is_right(f, params):
    rng = np.random.default_rng(0)
    for spread in (0, 0.1):
        here = {name: w + spread * rng.standard_normal(w.shape) for name, w in params.items()}
        _, grads = f(here)
        for name, numeric in slopes(f, here).items():
            if grads[name].shape != numeric.shape:
                return False
            size = abs(numeric).max(initial=0)
            if not abs(grads[name] - numeric).max(initial=0) <= 1e-8 * size:
                return False
    return True
"""
RIGHT_DIRECTIONS = """
import numpy as np

def is_right(f, params):
    rng = np.random.default_rng(1)
    for _ in range(3):
        here = {name: w + 0.03 * rng.standard_normal(w.shape) for name, w in params.items()}
        grads = f(here)[1]
        if any(np.shape(grads[name]) != w.shape for name, w in params.items()):
            return False
        for name, w in here.items():
            v = rng.standard_normal(w.shape)
            slope = np.imag(f({**here, name: w + 1e-40j * v})[0]) / 1e-40
            size = np.sqrt((grads[name] ** 2).sum() * (v ** 2).sum())
            if not abs((grads[name] * v).sum() - slope) <= 1e-9 * max(size, abs(slope)):
                return False
    return True
"""
RIGHT_VECTOR = """
import numpy as np

def is_right(f, params):
    rng = np.random.default_rng(2)

    def at(here):
        _, grads = f(here)
        for name, w in here.items():
            g = np.asarray(grads[name], float)
            if g.shape != w.shape or not np.isfinite(g).all():
                return False
            numeric = np.empty(w.size)
            for entry in range(w.size):
                unit = np.zeros(w.size, complex)
                unit[entry] = 1e-25j
                numeric[entry] = np.imag(f({**here, name: w + unit.reshape(w.shape)})[0]) * 1e25
            if np.linalg.norm(g.ravel() - numeric) > 1e-7 * np.linalg.norm(numeric):
                return False
        return True

    return bool(at(params) and at({name: w + rng.uniform(-0.2, 0.2, w.shape) for name, w in params.items()}))
"""

RIGHT = {
    1: {
        "tinyrec": """
import numpy as np
from tinyrec.gradcheck import compare

def numeric_gradient(f, params, h):
    return compare._by_entry(lambda params: (f(params), None), params, lambda g: np.imag(g(1j * h)) / h)
""",
        "short": GRADIENT,
        "flat": GRADIENT_FLAT,
        "put back": GRADIENT_BACK,
        "units": GRADIENT_UNITS,
    },
    2: {
        "tinyrec": """
import numpy as np
from tinyrec.gradcheck import complex_step, relative_error

def is_right(f, params):
    rng = np.random.default_rng(0)
    for spread in (0, 0.1):
        here = {name: w + spread * rng.standard_normal(w.shape) for name, w in params.items()}
        (_, grads), numeric = f(here), complex_step(f, here)
        if any(grads[name].shape != w.shape for name, w in params.items()):
            return False
        if not all(relative_error(grads[name], numeric[name]) <= 1e-9 for name in params):
            return False
    return True
""",
        "short": RIGHTNESS,
        "directions": RIGHT_DIRECTIONS,
        "norms": RIGHT_VECTOR,
    },
}
SHAPE = """            if grads[name].shape != numeric.shape:
                return False
"""
COMPARE = "if not abs(grads[name] - numeric).max(initial=0) <= 1e-8 * size:"
SIZE = "size = abs(numeric).max(initial=0)"
IM, REAL = "np.imag(f({**params, name: moved})) / h", "moved = w.astype(complex)"
DIFFERENCES = (
    Wrong(
        "moved = w.astype(complex)\n            moved[at] += 1e-30j",
        "moved, other = w.copy(), w.copy()\n            moved[at] += 1e-6\n            other[at] -= 1e-6",
        "parameters have other sizes",
    )
    .also(
        "f({**params, name: moved})[0].imag / 1e-30",
        "(f({**params, name: moved})[0] - f({**params, name: other})[0]) / 2e-6",
    )
    .also("1e-8", "1e-4")
)
WRONG = {
    1: {
        "not divided": Wrong(" / h", "", "not divided by h"),
        "2 h": Wrong(" / h", " / (2 * h)", "divided by 2 h"),
        "h twice": Wrong(" / h", " / h**2", "by h twice"),
        "real part": Wrong("np.imag", "np.real", "real part is taken"),
        "absolute value": Wrong("np.imag", "np.abs", "absolute value is taken"),
        "sign": Wrong("1j * h", "-1j * h", "the wrong sign"),
        "no sign": Wrong(IM, f"abs({IM})", "lost its sign"),
        "one side": Wrong(IM, "(f({**params, name: moved}) - f(params)) / h", "on one side")
        .also("w.astype(complex)", "w.copy()")
        .also("1j * h", "h"),
        "two sides": Wrong(
            IM, "(f({**params, name: moved}) - f({**params, name: 2 * w - moved})) / (2 * h)", "added and subtracted"
        )
        .also("w.astype(complex)", "w.copy()")
        .also("1j * h", "h"),
        "h not used": Wrong("    grads = {}", "    grads, h = {}, 1e-30", "is not used"),
        "all at once": Wrong("moved[at] +=", "moved[...] +=", "all entries of an array"),
        "not put back": Wrong("            w[them.multi_index] = kept\n", "", "stay moved, in all", of="put back"),
        "not put back in the array": Wrong("            moved = w.astype(complex)\n", "", "stay moved, in their").also(
            "        for at", "        moved = w.astype(complex)\n        for at"
        ),
        "first entry": Wrong(IM + "\n", IM + "\n            break\n", "only the first entry"),
        "other order": Wrong(
            "float).reshape(w.shape)", "float).reshape(w.shape, order='F')", "another order", of="flat"
        ),
        "params changed": Wrong("moved[at] += 1j * h", "moved[at] += 1j * h\n            w[at] += 1e-3"),
        "complex": Wrong("return grads", "return {name: g + 0j for name, g in grads.items()}"),
        "float32": Wrong("return grads", "return {name: g.astype('float32') for name, g in grads.items()}"),
        "a real 1e-6": Wrong(IM, "(f({**params, name: moved}) - f(params)) / 1e-6")
        .also("w.astype(complex)", "w.copy()")
        .also("1j * h", "1e-6"),
        "flat": Wrong("return grads", "return {name: g.ravel() for name, g in grads.items()}"),
    },
    2: {
        "always": Wrong("    rng =", "    return True\n    rng =", "every gradient is called right"),
        "never": Wrong("    rng =", "    return False\n    rng =", "every gradient is called wrong"),
        "the other way": Wrong(
            "def is_right(f, params):",
            "def is_right(f, params):\n    return not check(f, params)\n\ndef check(f, params):",
            "right and wrong are exchanged",
        ),
        "few entries": Wrong(
            COMPARE,
            "few = np.linspace(0, numeric.size - 1, 6).astype(int)\n"
            "            off = abs(grads[name] - numeric).ravel()[few]\n"
            "            if not off.max() <= 1e-8 * size:",
            "one wrong entry of 400",
        ),
        "some entries": Wrong(
            COMPARE,
            "if not abs(grads[name] - numeric).ravel()[:20].max(initial=0) <= 1e-8 * size:",
            "one wrong entry of 400",
        ),
        "one entry": Wrong(
            COMPARE, "if not abs(grads[name] - numeric).ravel()[0] <= 1e-8 * size:", "one entry of each array"
        ),
        "here alone": Wrong("(0, 0.1)", "(0,)", "and nowhere else"),
        "by a factor": Wrong("w + spread * rng", "w + w * spread * rng", "and nowhere else"),
        "allclose": Wrong(COMPARE, "if not np.allclose(grads[name], numeric):", "tiny gradient with the wrong sign"),
        "absolute": Wrong(COMPARE, "if not abs(grads[name] - numeric).max(initial=0) <= 1e-7:", "same absolute error"),
        "size of all": Wrong(SIZE, "size = max(abs(g).max(initial=0) for g in grads.values())", "beside a large one"),
        "nan": Wrong(COMPARE, "if abs(grads[name] - numeric).max(initial=0) > 1e-8 * size:", "nan passes"),
        "shape": Wrong(SHAPE, "", "another shape passes"),
        "0/0": Wrong(COMPARE, "if not abs(grads[name] - numeric).max(initial=0) / size <= 1e-8:", "0/0 is nan"),
        "sums": Wrong(COMPARE, "if not abs(grads[name].sum() - numeric.sum()) <= 1e-8 * size:", "sums of the entries"),
        "lengths": Wrong(
            COMPARE,
            "if not abs(np.linalg.norm(grads[name]) - np.linalg.norm(numeric)) <= 1e-8 * size:",
            "lengths of gradients",
        ),
        "directions": Wrong(
            COMPARE,
            "a, b = (g / max(np.linalg.norm(g), 1e-300) for g in (grads[name], numeric))\n"
            "            if not abs(a - b).max(initial=0) <= 1e-8:",
            "directions of gradients",
        ),
        "loose": Wrong("1e-8", "0.05", "too large an error"),
        "returns early": Wrong(
            "                return False\n    return True",
            "                return False\n            break\n    return True",
            "first array alone",
        ),
        "last array": Wrong(
            "    return True", "        if not good:\n            return False\n    return True", "on the last array"
        )
        .also(SHAPE, "")
        .also(SIZE, "size, same = abs(numeric).max(initial=0), grads[name].shape == numeric.shape")
        .also(
            COMPARE + "\n                return False",
            "good = same and abs(grads[name] - numeric).max(initial=0) <= 1e-8 * size",
        ),
        "differences": DIFFERENCES,
        "differences, relative": replace(DIFFERENCES, told="takes all digits")
        .also("+= 1e-6", "+= (h := 1e-6 * (abs(w).max() or 1))")
        .also("-= 1e-6", "-= h")
        .also("2e-6", "(2 * h)")
        .also("w + spread *", "w + spread * (abs(w).max() or 1) *"),
    },
}
VARIANTS = {
    "sign": {"descent": {1: [("np.imag", "-np.imag")], 2: [(".imag / 1e-30", ".imag / -1e-30")]}},
    "params": {
        "list": {
            1: [
                ("    grads = {}", "    params = dict(enumerate(params))\n    grads = {}"),
                ("f({**params, name: moved})", "f(list({**params, name: moved}.values()))"),
                ("return grads", "return list(grads.values())"),
            ],
            2: [
                ("f({**params, name: moved})", "f(list({**params, name: moved}.values()))"),
                ("    rng =", "    params = dict(enumerate(params))\n    rng ="),
                ("f(here)\n", "f(list(here.values()))\n"),
            ],
        }
    },
    "verdict": {
        "is_wrong": {
            2: [
                ("def is_right(", "def is_wrong("),
                ("return False", "return None"),
                ("return True", "return False"),
                ("return None", "return True"),
            ]
        }
    },
}
