"""Right and wrong answers to a7."""

from tests.teach.harness import Wrong

OURS = """
import numpy as np
from tinyrec.sparse import Pattern, Ratings as Sparse
from tinyrec.backend import get_backend

def ours(R):
    return Sparse(Pattern(R.shape, R.indptr, R.cols), R.values, get_backend("reference"))
"""

WEIGHTS_OURS = """
import numpy as np
from tinyrec.models import ImplicitNCAE
from tinyrec.sparse import Ratings

def weights(counts, c0, omega):
    users = np.concatenate([np.arange(count) for count in counts])
    items = np.repeat(np.arange(len(counts)), counts)
    clicks = Ratings.from_cells(users, items, np.ones(len(users)), (max(int(counts.max()), 1), len(counts)))
    return ImplicitNCAE(c0=c0, omega=omega).prepare(clicks).unobserved_weights
"""
WEIGHTS = """
import numpy as np

def weights(counts, c0, omega):
    p = (counts / max(counts.sum(), 1)) ** omega
    return c0 * p / max(p.sum(), 1e-300)
"""
WEIGHTS_LOOP = """
import numpy as np

def weights(counts, c0, omega):
    every, clicks = 0.0, sum(int(f) for f in counts)
    found = np.zeros(len(counts))
    for j, f in enumerate(counts):
        found[j] = (f / clicks) ** omega if clicks else 0 ** omega
        every += found[j]
    for j in range(len(counts)):
        found[j] *= c0 / every if every else 0
    return found
"""
WEIGHTS_LOG = """
import numpy as np

def weights(counts, c0, omega):
    if omega == 0:
        return np.full(len(counts), c0 / len(counts))
    if not counts.any():
        return np.zeros(len(counts))
    with np.errstate(divide="ignore"):
        a = omega * np.log(counts)
    e = np.exp(a - a.max())
    return c0 * (e / e.sum())
"""

CELLS = """
import numpy as np

def all_cells(H, W, b, at, c):
    y, own = at.sampled(H, W) + b[at.cols], c[at.cols]
    E = at.with_values((y - at.values) - own * y)
    H1, W1 = np.c_[H, np.ones(len(H))], np.c_[W, b]
    everywhere = (H1.T @ H1) @ (W1.T * c)
    loss = (everywhere * W1.T).sum() + ((y - at.values) ** 2 - own * y * y).sum()
    dH = E @ W + H1 @ ((W1.T * c) @ W)
    dW = E.T @ H + everywhere.T[:, :-1]
    db = E.sum_rows() + everywhere[-1]
    return loss, 2 * dH, 2 * dW, 2 * db
"""
CELLS_ROWS = """
import numpy as np

def all_cells(H, W, b, at, c):
    loss, dH, dW, db = 0.0, np.zeros(H.shape), np.zeros(W.shape), np.zeros(b.shape)
    for i in range(len(H)):
        cells = slice(at.indptr[i], at.indptr[i + 1])
        w, r = c.copy(), np.zeros(len(b))
        w[at.cols[cells]], r[at.cols[cells]] = 1, at.values[cells]
        e = W @ H[i] + b - r
        loss += (w * e * e).sum()
        dy = 2 * w * e
        dH[i] = dy @ W
        dW += np.outer(dy, H[i])
        db += dy
    return loss, dH, dW, db
"""
CELLS_COLUMNS = """
import numpy as np

def all_cells(H, W, b, at, c):
    T = at.T
    loss, dH, dW, db = 0.0, np.zeros(H.shape), np.zeros(W.shape), np.zeros(b.shape)
    for j in range(len(W)):
        users, r = T.cols[T.indptr[j]:T.indptr[j + 1]], T.values[T.indptr[j]:T.indptr[j + 1]]
        y = H @ W[j] + b[j]
        dy = 2 * c[j] * y
        loss += c[j] * (y @ y) - c[j] * (y[users] @ y[users]) + ((y[users] - r) ** 2).sum()
        dy[users] = 2 * (y[users] - r)
        dH += np.outer(dy, W[j])
        dW[j], db[j] = dy @ H, dy.sum()
    return loss, dH, dW, db
"""
CELLS_LOOPS = """
import numpy as np

def all_cells(H, W, b, at, c):
    observed = {(i, j): r for i, j, r in zip(at.rows.tolist(), at.cols.tolist(), at.values.tolist())}
    loss, dH, dW, db = 0.0, np.zeros(H.shape), np.zeros(W.shape), np.zeros(b.shape)
    for i in range(len(H)):
        for j in range(len(W)):
            y = H[i] @ W[j] + b[j]
            if (i, j) in observed:
                r, weight = observed[i, j], 1
            else:
                r, weight = 0, c[j]
            loss += weight * (y - r) ** 2
            dH[i] += 2 * weight * (y - r) * W[j]
            dW[j] += 2 * weight * (y - r) * H[i]
            db[j] += 2 * weight * (y - r)
    return loss, dH, dW, db
"""
CELLS_OURS = (
    OURS
    + """
from tinyrec.nn import linear_error

def all_cells(H, W, b, at, c):
    loss, grads = linear_error(H, W, b, ours(at), c)
    return loss, *grads
"""
)

RANKS_OURS = (
    OURS
    + """
from tinyrec.evaluation.ranking_metrics import places

def rank(scores, known, held_out, k):
    if not held_out.size:
        return np.zeros(0), np.zeros(0)
    higher, alike = places(lambda users: scores[users], ours(known), ours(held_out))
    return higher + (1 + alike) / 2, np.clip(k - higher, 0, alike) / alike
"""
)
RANKS = """
import numpy as np

def rank(scores, known, held_out, k):
    s = scores.copy()
    s[known.rows, known.cols] = np.nan
    i, own = held_out.rows, scores[held_out.rows, held_out.cols]
    above = (s[i] > own[:, None]).sum(axis=1)
    tied = (s[i] == own[:, None]).sum(axis=1)
    return above + (tied + 1) / 2, np.minimum(np.maximum(k - above, 0), tied) / tied
"""
RANKS_LOOPS = """
import numpy as np

def rank(scores, known, held_out, k):
    mean, share = np.zeros(held_out.size), np.zeros(held_out.size)
    for cell in range(held_out.size):
        i, j = held_out.rows[cell], held_out.cols[cell]
        others = set(range(scores.shape[1])) - set(known.cols[known.indptr[i]:known.indptr[i + 1]].tolist())
        first = 1 + sum(scores[i, q] > scores[i, j] for q in others)
        last = sum(scores[i, q] >= scores[i, j] for q in others)
        its = range(first, last + 1)
        mean[cell] = sum(its) / len(its)
        share[cell] = sum(place <= k for place in its) / len(its)
    return mean, share
"""
RANKS_SORTED = """
import numpy as np

def rank(scores, known, held_out, k):
    mean, share = [], []
    for i in range(len(scores)):
        mine = known.cols[known.indptr[i]:known.indptr[i + 1]]
        x = np.sort(-np.delete(scores[i], mine))
        own = -scores[i][held_out.cols[held_out.indptr[i]:held_out.indptr[i + 1]]]
        low, high = np.searchsorted(x, own, "left"), np.searchsorted(x, own, "right")
        mean.append((low + 1 + high) / 2)
        share.append((np.minimum(high, k) - np.minimum(low, k)) / (high - low))
    return np.concatenate(mean), np.concatenate(share)
"""

RIGHT = {
    1: {"tinyrec": WEIGHTS_OURS, "short": WEIGHTS, "loop": WEIGHTS_LOOP, "logarithms": WEIGHTS_LOG},
    2: {
        "tinyrec": CELLS_OURS,
        "short": CELLS,
        "two loops": CELLS_LOOPS,
        "row by row": CELLS_ROWS,
        "column by column": CELLS_COLUMNS,
    },
    3: {"tinyrec": RANKS_OURS, "short": RANKS, "loops": RANKS_LOOPS, "sorted": RANKS_SORTED},
}
NAN = "with __import__('numpy').errstate(all='ignore'):\n        return c0 * p / p.sum()"
WRONG = {
    1: {
        "not normalised": Wrong("c0 * p / max(p.sum(), 1e-300)", "c0 * p", "not normalised: they"),
        "counts": Wrong("c0 * p / max(p.sum(), 1e-300)", "c0 * counts**omega", "hold the counts themselves"),
        "no omega": Wrong(" ** omega", "", "omega is not used"),
        "omega is a factor": Wrong(
            "p = (counts / max(counts.sum(), 1)) ** omega",
            "return c0 * omega * counts / max(counts.sum(), 1)",
            "is a factor",
        ).also("    return c0 * p / max(p.sum(), 1e-300)", ""),
        "no c0": Wrong("return c0 * p", "return p", "c0 is not used"),
        "c0 inside": Wrong(
            "c0 * p / max(p.sum(), 1e-300)", "c0**omega * p / max(p.sum(), 1e-300)", "inside of the power"
        ),
        "mean": Wrong("max(p.sum(), 1e-300)", "max(p.mean(), 1e-300)", "mean of the powers"),
        "max": Wrong("max(p.sum(), 1e-300)", "max(p.max(), 1e-300)", "largest power"),
        "sum of counts": Wrong(
            "c0 * p / max(p.sum(), 1e-300)", "c0 * counts**omega / max(counts.sum(), 1)", "sum of the counts"
        ),
        "rare ones": Wrong(
            "(counts / max(counts.sum(), 1)) ** omega",
            "np.where(counts > 0, np.maximum(counts, 1.0) ** -omega, 0)",
            "rare items",
        ),
        "one more": Wrong("(counts / max(counts.sum(), 1))", "(counts + 1.0)", "1 is added"),
        "omega 0": Wrong("** omega\n", "** omega * (counts > 0)\n", "no weight"),
        "nan": Wrong("return c0 * p / max(p.sum(), 1e-300)", NAN, "NaNs").also("max(counts.sum(), 1)", "counts.sum()"),
        "whole numbers": Wrong(
            "c0 * p / max(p.sum(), 1e-300)", "(c0 * p / max(p.sum(), 1e-300)).astype(int)", "whole numbers"
        ),
        "a number": Wrong("return c0 * p / max(p.sum(), 1e-300)", "return c0 / max(p.sum(), 1e-300)"),
        "softmax": Wrong("(counts / max(counts.sum(), 1)) ** omega", "np.exp(omega * counts / max(counts.sum(), 1))"),
        "input changed": Wrong("    p =", "    counts += 1\n    p ="),
    },
    2: {
        "twice": Wrong("(y - at.values) - own * y)", "y - at.values)", "counted twice").also(" - own * y * y", ""),
        "observed only": Wrong("(W1.T * c)\n    loss", "(W1.T * c) * 0\n    loss", "only the observed cells")
        .also("(y - at.values) - own * y)", "y - at.values)")
        .also(" - own * y * y", "")
        .also("H1 @ ((W1.T * c) @ W)", "0"),
        "no c": Wrong("    y, own", "    c = c * 0 + 1\n    y, own", "weight 1"),
        "c for observed": Wrong(
            "w[at.cols[cells]], r[at.cols[cells]] = 1, at", "r[at.cols[cells]] = at", "theirs is 1", of="row by row"
        ),
        "c squared": Wrong("    y, own", "    c = c * c\n    y, own", "outside of the square"),
        "clicks are 1": Wrong("    y, own", "    at = at.with_values(at.values * 0 + 1)\n    y, own", "taken for 1"),
        "zeros": Wrong(
            "w[at.cols[cells]], r", "w[at.cols[cells][at.values[cells] != 0]], r", "observed 0", of="row by row"
        ),
        "b nowhere": Wrong("    y, own", "    b = 0 * b\n    y, own", "b is not in the predictions.").also(
            "E.sum_rows() + everywhere[-1]", "0 * b"
        ),
        "b where observed": Wrong("+ b - r", "+ b * (w == 1) - r", "of absent cells", of="row by row").also(
            "db += dy", "db += dy * (w == 1)"
        ),
        "mean": Wrong(
            "return loss, 2 * dH, 2 * dW, 2 * db",
            "p = len(H) * len(W)\n    return loss / p, 2 * dH / p, 2 * dW / p, 2 * db / p",
            "mean over the cells",
        ),
        "no factor 2": Wrong("return loss, 2 * dH, 2 * dW, 2 * db", "return loss, dH, dW, db", "factor of 2"),
        "uncorrected": Wrong(
            "E = at.with_values((y - at.values) - own * y)", "E = at.with_values(0 * y)", "all gradients lack"
        ),
        "dW uncorrected": Wrong("dW = E.T @ H + ", "dW = ", "dW lacks the correction"),
        "dH uncorrected": Wrong("dH = E @ W + ", "dH = ", "dH lacks the correction"),
        "db uncorrected": Wrong("db = E.sum_rows() + ", "db = ", "db lacks the correction"),
        "db of observed": Wrong(
            "db = E.sum_rows() + everywhere[-1]",
            "db = at.with_values(y - at.values).sum_rows()",
            "db is that of the observed",
        ),
        "gradients of observed": Wrong(
            "dy = 2 * w * e", "dy = 2 * w * e * (w == 1)", "the gradients are those", of="row by row"
        ),
        "no c in dW": Wrong(
            "np.outer(dy, H[i])", "np.outer(dy / np.where(w == 1, 1, c), H[i])", "dW lacks the weights", of="row by row"
        ),
        "sign": Wrong("2 * dW, 2", "-2 * dW, 2", "dW has the wrong sign"),
        "b once": Wrong("np.c_[H, np.ones(len(H))]", "np.c_[H, np.eye(len(H), 1)]"),
        "dense": Wrong("    y, own", "    Y = H @ W.T + b\n    y, own"),
        "transpose forgotten": Wrong("E.T @ H", "E @ H"),
        "shape of db": Wrong("2 * db", "2 * db[:, None]"),
        "float32": Wrong("2 * db", "(2 * db).astype('float32')"),
    },
    3: {
        "strict": Wrong(
            "above + (tied + 1) / 2, np.minimum(np.maximum(k - above, 0), tied) / tied",
            "above + 1, above < k",
            "all are first",
        ),
        "pessimistic": Wrong(
            "above + (tied + 1) / 2, np.minimum(np.maximum(k - above, 0), tied) / tied",
            "above + tied, above + tied <= k",
            "ranked before the held-out",
        ),
        "argsort": Wrong(
            "    return above + (tied + 1) / 2, np.minimum(np.maximum(k - above, 0), tied) / tied",
            "    order = np.argsort(-s, axis=1, kind='stable')[i]\n"
            "    place = (order == held_out.cols[:, None]).argmax(axis=1) + 1\n    return place, place <= k",
            "order of their numbers",
        ),
        "known ranked": Wrong("    s[known.rows, known.cols] = np.nan\n", "", "known items are ranked"),
        "-inf": Wrong("= np.nan", "= -np.inf", "score -inf"),
        "0": Wrong("= np.nan", "= 0", "score 0"),
        "without the others": Wrong(
            "mine = known.cols[known.indptr[i]:known.indptr[i + 1]]",
            "mine = np.r_[known.cols[known.indptr[i]:known.indptr[i + 1]], "
            "held_out.cols[held_out.indptr[i]:held_out.indptr[i + 1]]]",
            "other held-out items",
            of="sorted",
        )
        .also("    mean, share = [], []\n", "    mean, share = [np.zeros(0)], [np.zeros(0)]\n")
        .also("(low + 1 + high) / 2", "(low + 2 + high) / 2")
        .also(
            "(np.minimum(high, k) - np.minimum(low, k)) / (high - low)",
            "(np.minimum(high + 1, k) - np.minimum(low, k)) / (high + 1 - low)",
        ),
        "worst first": Wrong("s[i] > own", "s[i] < own", "wrong end"),
        "from 0": Wrong("(tied + 1) / 2", "(tied - 1) / 2", "by 1 off"),
        "half less": Wrong("(tied + 1) / 2", "tied / 2", "1/2 too small"),
        "half more": Wrong("(tied + 1) / 2", "(tied + 2) / 2", "1/2 too large"),
        "mean within k": Wrong(
            "np.minimum(np.maximum(k - above, 0), tied) / tied", "above + (tied + 1) / 2 <= k", "mean place is among"
        ),
        "some within k": Wrong("np.minimum(np.maximum(k - above, 0), tied) / tied", "above < k", "some order"),
        "all within k": Wrong(
            "np.minimum(np.maximum(k - above, 0), tied) / tied", "above + tied <= k", "only where all orders"
        ),
        "below k": Wrong("np.maximum(k - above, 0)", "np.maximum(k - 1 - above, 0)", "place k is within"),
        "input changed": Wrong("scores.copy()", "scores"),
        "one number": Wrong("above + (tied + 1) / 2, ", "(above + (tied + 1) / 2).mean(), "),
        "a row for all": Wrong("s[i] > own[:, None]", "s[:1] > own[:, None]"),
    },
}
VARIANTS = {
    "c0": {"mean": {1: [("return c0 * p", "return len(p) * c0 * p")]}},
    "input": {
        "clicks": {
            1: [
                (
                    "weights(counts, c0, omega):",
                    "weights(clicks, d, c0, omega):\n    counts = np.bincount(clicks, minlength=d)",
                )
            ]
        }
    },
    "layout": {"k x d": {2: [("    y, own", "    W = W.T\n    y, own"), ("2 * dW", "2 * dW.T")]}},
    "error": {
        "mean of rows": {
            2: [
                (
                    "    return loss, 2 * dH",
                    "    loss, dH, dW, db = (its / len(H) for its in (loss, dH, dW, db))\n    return loss, 2 * dH",
                )
            ]
        }
    },
    "best": {"lowest": {3: [("    s = scores.copy()", "    scores = -scores\n    s = scores.copy()")]}},
    "first": {"0": {3: [("(tied + 1) / 2", "(tied - 1) / 2")]}},
}
