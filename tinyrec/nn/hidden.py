"""The hidden layers of a network, one after the other, and all their gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyrec.backend import Array, Params
from tinyrec.nn.activations import Activation, identity
from tinyrec.nn.layers import dense, sparse_in
from tinyrec.sparse import Ratings


def hidden_layers(
    R: Ratings, params: Params, g: Activation, noise: Activation = identity
) -> tuple[Array, Callable[[Array], Params]]:
    """H_1 = g(R V_1 + mu_1);  H_l = g(H_{l-1} V_l + mu_l) for each further layer in params: V2 and mu2, V3 and mu3, ...

    R (n, d), V1 (d, k_1), V2 (k_1, k_2), ..., mu1 (k_1,), ...  ->  H (n, k) of the last layer

    If params has S1 (q, k_1), every layer also reads the features X (n, q) of the rows of R       (CFN, fig. 2, eq. 4):
    H_1 = g(R V_1 + X S_1 + mu_1);  H_l = g([H_{l-1} X] V_l + mu_l);  and [H X] (n, k + q) is returned.
    noise: a layer H -> (H̃, backward), applied to each H_{l-1} that a further layer reads, not to X
    """
    X = R.side if "S1" in params else None

    def join(H):
        return H if X is None else R.xp.concatenate([H, X], axis=1)

    Z, back_to_params = sparse_in(R, params["V1"], params["mu1"])  # (n, k_1)
    H, back_to_Z = g(Z if X is None else Z + X @ params["S1"])
    layers: list[tuple[Any, Callable, Callable]] = [(None, back_to_params, back_to_Z)]
    while f"V{len(layers) + 1}" in params:
        noisy, back_to_H = noise(H)
        H = join(noisy)
        Z, back_to_input = dense(H, params[f"V{len(layers) + 1}"], params[f"mu{len(layers) + 1}"])  # (n, k_l)
        H, back_to_Z = g(Z)
        layers.append((back_to_H, back_to_input, back_to_Z))

    def backward(dH):  # (n, k), or (n, k + q), whose last q columns are not needed
        grads = {}
        for layer in range(len(layers), 0, -1):
            back_to_H, back, back_to_Z = layers[layer - 1]
            dZ = back_to_Z(dH[:, : len(params[f"mu{layer}"])])
            *dX, grads[f"V{layer}"], grads[f"mu{layer}"] = back(dZ)
            if dX:  # nothing flows back into the ratings
                dH = back_to_H(dX[0][:, : len(params[f"mu{layer - 1}"])])
        if X is not None:
            grads["S1"] = X.T @ dZ
        return grads

    return join(H), backward
