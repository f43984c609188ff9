"""The squared error over all cells, observed or not, without storing an (n, d) matrix."""

from __future__ import annotations

from tinyrec.backend import Array, to_host
from tinyrec.nn.activations import Activation, identity
from tinyrec.nn.layers import sampled_out
from tinyrec.sparse import Ratings

CELLS = 4_000_000  # computed at a time, so that they fit into memory and cache


def all_cells_error(
    H: Array, W: Array, b: Array, at: Ratings, unobserved: Array, f: Activation
) -> tuple[Array, tuple[Array, Array, Array]]:
    """loss = Σ_observed (y - r)² + Σ_others c_j y²,  y = f(H Wᵀ + b)          (NCAE, eq. 11, where r = 1 everywhere)

    H (n, k), W (d, k), b (d,), at (n, d), unobserved (d,): c_j
    ->  loss () and its gradients dH (n, k), dW (d, k), db (d,)

    Every cell is computed, n d k operations, a few rows at a time. Where f is the identity, use `linear_error`.
    """
    xp, bounds = at.xp, to_host(at.pattern.indptr)
    loss, dH, dW, db = 0.0, [], xp.zeros_like(W), xp.zeros_like(b)
    height = max(1, CELLS // max(1, len(b)))
    for first in range(0, len(H), height):
        rows, cells = slice(first, first + height), slice(bounds[first], bounds[min(first + height, len(H))])
        here = at.rows[cells] - first, at.cols[cells]
        Y, back = f(H[rows] @ W.T + b)  # (rows, d)
        dY = unobserved * Y
        loss = loss + (dY * Y).sum()
        y, c, r = Y[here], unobserved[here[1]], at.values[cells]
        loss = loss + ((y - r) ** 2 - c * y * y).sum()
        dY[here] = y - r
        dY *= 2
        dA = back(dY)
        dH.append(dA @ W)
        dW = dW + dA.T @ H[rows]
        db = db + dA.sum(axis=0)
    return loss, (at.total(xp.concatenate(dH)), dW, db)


def linear_error(
    H: Array, W: Array, b: Array, at: Ratings, unobserved: Array, f: Activation = identity
) -> tuple[Array, tuple[Array, Array, Array]]:
    """The same for y = H Wᵀ + b, in O(k² + k p / n) operations a row and O(d k²) once    (NCAE, end of section 4.1)

    If all cells were unobserved: Σ_i Σ_j c_j y_ij² = Σ_i [h_i 1] G [h_i 1]ᵀ with G = [W b]ᵀ C [W b], C = diag(c). To
    this, (y - r)² - c_j y² is added for each observed cell.
    """
    y, back = sampled_out(H, W, b, at)  # (p,)
    c, r = unobserved[at.cols], at.values
    loss = ((y - r) ** 2 - c * y * y).sum()
    dH, dW, db = back(2 * ((y - r) - c * y))

    root = at.xp.sqrt(2 * unobserved)  # the 2 is from the derivative of the square
    A, a, n = root[:, None] * W, root * b, len(H)  # (d, k), (d,)
    G, g, sums = at.total(A.T @ A), at.total(A.T @ a), H.sum(axis=0)  # (k, k), (k,), (k,)
    HG = H @ G  # (n, k)
    loss = loss + at.once(((HG * H).sum() + 2 * (sums @ g) + n * at.total(a @ a)) / 2)
    dH += HG
    dH += g
    dW += root[:, None] * (A @ (H.T @ H) + a[:, None] * sums)
    db += root * (A @ sums + n * a)
    return loss, (dH, dW, db)
