"""The kernels in plain NumPy: the specification of every backend, and what to step through in a debugger.

A sparse (n, d) matrix with p cells is given by its CSR arrays: `indptr` (n + 1,), where row i owns the cells
indptr[i] to indptr[i + 1]; `cols` (p,), the column of each cell; `values` (p,).
"""

import numpy as np

xp = np
asarray = np.asarray


def spmm(indptr, cols, values, X):
    """out = S X: out[i] = sum of values[j] X[cols[j]] over the cells j of row i.

    indptr (n + 1,), cols (p,), values (p,), X (d, k)  ->  (n, k)
    """
    n = len(indptr) - 1
    out = np.empty((n, X.shape[1]), np.result_type(values, X))
    for i in range(n):
        cells = slice(indptr[i], indptr[i + 1])
        out[i] = values[cells] @ X[cols[cells]]
    return out


def sddmm(indptr, cols, H, W):
    """out = (H Wᵀ) at the cells: out[j] = H[i] · W[cols[j]] for each cell j of row i.

    indptr (n + 1,), cols (p,), H (n, k), W (d, k)  ->  (p,)
    """
    out = np.empty(len(cols), np.result_type(H, W))
    for i in range(len(indptr) - 1):
        cells = slice(indptr[i], indptr[i + 1])
        out[cells] = W[cols[cells]] @ H[i]
    return out


def take(values, numbers):
    """out[j] = values[numbers[j]].

    values (m,), numbers (p,), each from 0 to m - 1  ->  (p,)
    """
    return values[numbers]


def rprop(w, g, previous, step, eta_plus, eta_minus, step_min, step_max, forget, undo):
    """One RProp update of `w` in place; `tinyrec.optim.rprop` explains the rule and names the sources.

    w, g, previous, step: arrays of one shape; `previous` and `step` are updated too
    forget: take the gradient for 0 where it changed sign; undo: take the last move back there
    """
    change = g * previous  # > 0: the gradient kept its sign; < 0: the last move jumped over a minimum; 0: no opinion
    last_move = -np.sign(previous) * step
    step *= np.where(change > 0, eta_plus, np.where(change < 0, eta_minus, 1)).astype(step.dtype)
    np.clip(step, step_min, step_max, out=step)
    previous[...] = np.where(change < 0, 0, g) if forget else g
    w += np.where((change < 0) & undo, -last_move, -np.sign(previous) * step)


def sgd(w, g, m, rate, momentum):
    """One update of `w` and its momentum `m` in place; `tinyrec.optim.sgd` explains it, and so on below.

    w, g, m: arrays of one shape
    """
    m *= momentum
    m -= rate * g
    w += m


def rmsprop(w, g, v, rate, decay, epsilon):
    """One RMSprop update of `w` and of `v`, the mean square of g, in place."""
    v *= decay
    v += (1 - decay) * g * g
    w -= rate * g / (np.sqrt(v) + epsilon)


def adam(w, g, m, v, rate, beta1, beta2, epsilon, m_part, v_part):
    """One Adam update of `w` and of the moments `m` and `v` in place.

    m_part, v_part: 1 - beta1^t and 1 - beta2^t, what the moments hold so far of the whole
    """
    m *= beta1
    m += (1 - beta1) * g
    v *= beta2
    v += (1 - beta2) * g * g
    w -= rate / m_part * m / (np.sqrt(v / v_part) + epsilon)


def add_l2(w, g, l2):
    """Add l2 w, the gradient of l2/2 Σ w², to `g` in place, and return l2/2 Σ w²."""
    g += l2 * w
    return l2 / 2 * (w * w).sum()
