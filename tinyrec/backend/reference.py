"""The reference kernels in plain NumPy: they specify every backend and are easy to step through in a debugger.

A sparse (n, d) matrix with p cells is passed as its CSR arrays: `indptr` (n + 1,), where the cells of row i are
indptr[i]:indptr[i + 1]; `cols` (p,), the column of each cell; `values` (p,).
"""

import numpy as np

xp = np
asarray = to_host = np.asarray


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
    """out = H Wᵀ at the cells only: out[j] = H[i] · W[cols[j]] for each cell j of row i.

    indptr (n + 1,), cols (p,), H (n, k), W (d, k)  ->  (p,)
    """
    out = np.empty(len(cols), np.result_type(H, W))
    for i in range(len(indptr) - 1):
        cells = slice(indptr[i], indptr[i + 1])
        out[cells] = W[cols[cells]] @ H[i]
    return out


def take(values, indices):
    """out[j] = values[indices[j]].

    values (m,), indices (p,) in the range 0 to m - 1  ->  (p,)
    """
    return values[indices]


def rprop(arrays, eta_plus, eta_minus, step_min, step_max, forget, undo):
    """Update each w, previous and step in place by RProp, see `rprop_step`.

    arrays: a list of (w, g, previous, step)
    """
    for w, g, previous, step in arrays:
        rprop_step(w, g, previous, step, eta_plus, eta_minus, step_min, step_max, forget, undo)


def rprop_step(w, g, previous, step, eta_plus, eta_minus, step_min, step_max, forget, undo):
    """Update `w`, `previous` and `step` in place by RProp; see `tinyrec.optim.rprop` for the rule and its sources.

    w, g, previous, step: weights, gradient, previous gradient and step size of each weight, all of the same shape
    forget: where the gradient changed sign, treat it as 0; undo: where it changed sign, revert the last move
    """
    change = g * previous  # > 0: the same sign; < 0: the last move jumped over a minimum; 0: one of the two is 0
    last_move = -np.sign(previous) * step
    step *= np.where(change > 0, eta_plus, np.where(change < 0, eta_minus, 1)).astype(step.dtype)
    np.clip(step, step_min, step_max, out=step)
    previous[...] = np.where(change < 0, 0, g) if forget else g
    w += np.where((change < 0) & undo, -last_move, -np.sign(previous) * step)


def sgd(arrays, rate, momentum):
    """Update each w and its momentum m in place by SGD; see `tinyrec.optim.sgd`.

    arrays: a list of (w, g, m), all of the same shape, as are the arrays of the updates below
    """
    for w, g, m in arrays:
        m *= momentum
        m -= rate * g
        w += m


def rmsprop(arrays, rate, decay, epsilon):
    """Update each w and v, the running mean of g², in place by RMSprop; see `tinyrec.optim.rmsprop`.

    arrays: a list of (w, g, v)
    """
    for w, g, v in arrays:
        v *= decay
        v += (1 - decay) * g * g
        w -= rate * g / (np.sqrt(v) + epsilon)


def adam(arrays, rate, beta1, beta2, epsilon, correction1, correction2):
    """Update each w and its moments m and v in place by Adam; see `tinyrec.optim.adam`.

    arrays: a list of (w, g, m, v)
    correction1, correction2: the bias corrections 1 - beta1^t and 1 - beta2^t at step t
    """
    for w, g, m, v in arrays:
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * g * g
        w -= rate / correction1 * m / (np.sqrt(v / correction2) + epsilon)


def add_l2(arrays, l2):
    """Return the penalty l2/2 Σ w² over all w, and add its gradient l2 w to each g in place.

    arrays: a list of (w, g), of the same shape
    """
    penalty = 0.0
    for w, g in arrays:
        g += l2 * w
        penalty += l2 / 2 * (w * w).sum()
    return penalty


def sums(arrays):
    """A function that returns the sum of each array, as float64 in host memory; on a GPU, it waits for them.

    arrays: a list of m arrays of any shape  ->  () -> (m,)
    """
    its = np.array([x.sum() for x in arrays], np.float64)
    return lambda: its


def uniform(rng, shape):
    """Random numbers, uniform on [0, 1), in float32: the same on every backend, to the last bit."""
    return rng.random(shape, dtype=np.float32)
