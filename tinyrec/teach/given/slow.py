"""Layers that are right and slow: loops forward, and numeric gradients backward, by the complex step."""

import numpy as np

STEP = 1e-30


def sparse_in(R, V, mu):
    """Z = R V + mu: R (n, d), V (d, k), mu (k,) -> Z (n, k);  backward: dZ -> dV, dmu"""

    def forward(V, mu):
        Z = np.zeros((R.shape[0], len(mu)), np.result_type(V, mu)) + mu
        for i, j, r in zip(R.rows, R.cols, R.values, strict=True):
            Z[i] += r * V[j]
        return Z

    return numeric(forward, V, mu)


def sampled_out(H, W, b, at):
    """y = H Wᵀ + b at the cells of `at` (n, d): H (n, k), W (d, k), b (d,) -> y (p,);  backward: dy -> dH, dW, db"""

    def forward(H, W, b):
        return np.array([H[i] @ W[j] + b[j] for i, j in zip(at.rows, at.cols, strict=True)] or np.zeros(0))

    return numeric(forward, H, W, b)


def tanh(X):
    """Y = tanh(X);  backward: dY -> dX"""
    Y, backward = numeric(np.tanh, X)
    return Y, lambda dY: backward(dY)[0]


def identity(X):
    """Y = X;  backward: dY -> dX"""
    return X, lambda dY: dY


def squared_error(y, r):
    """loss = Σ (y - r)²: y, r (p,) -> loss;  backward: () -> dy"""
    loss, backward = numeric(lambda y: ((y - r) ** 2).sum(), y)
    return loss, lambda: backward(1.0)[0]


def numeric(forward, *params):
    """forward(*params), and its backward, one entry at a time."""

    def backward(dY):
        grads = []
        for number, w in enumerate(params):
            g = np.zeros(np.shape(w))
            for at in np.ndindex(g.shape):
                moved = [np.array(p, complex) for p in params]
                moved[number][at] += 1j * STEP
                g[at] = (dY * np.imag(forward(*moved)) / STEP).sum()
            grads.append(g)
        return tuple(grads)

    return forward(*params), backward
