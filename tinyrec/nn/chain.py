"""The hidden layers of a network, one after the other, and all their gradients."""

from __future__ import annotations

from collections.abc import Callable

from tinyrec.backend import Array, Params
from tinyrec.nn.activations import Backward
from tinyrec.nn.dense import dense
from tinyrec.nn.sparse_in import sparse_in
from tinyrec.sparse import Ratings

Activation = Callable[[Array], tuple[Array, Backward]]


def hidden_layers(
    R: Ratings, params: Params, g: Activation, disturb: Callable[[Array], Array] = lambda H: H
) -> tuple[Array, Callable[[Array], Params]]:
    """H_1 = g(R V1 + mu1);  H_l = g(H_{l-1} Vl + mul) for each further layer that params has

    R (n, d), V1 (d, k_1), V2 (k_1, k_2), ..., mul (k_l,)  ->  H (n, k) of the last layer

    Where params has S1, the rows of R have side information X (n, q), which every layer reads     (CFN, fig. 2, eq. 4):
    H_1 = g(R V1 + X S1 + mu1);  H_l = g([H_{l-1} X] Vl + mul);  and what is returned is [H X], (n, k + q).
    disturb: puts noise on what each layer after the first reads
    """
    X = R.side if "S1" in params else None

    def join(H):
        return H if X is None else R.xp.concatenate([H, X], axis=1)

    Z, back_to_params = sparse_in(R, params["V1"], params["mu1"])  # (n, k_1)
    H, back_to_Z = g(Z if X is None else Z + X @ params["S1"])
    ways: list[tuple[Callable, Callable]] = [(back_to_params, back_to_Z)]
    while f"V{len(ways) + 1}" in params:
        H = join(disturb(H))
        Z, back_to_input = dense(H, params[f"V{len(ways) + 1}"], params[f"mu{len(ways) + 1}"])  # (n, k_l)
        H, back_to_Z = g(Z)
        ways.append((back_to_input, back_to_Z))

    def backward(dH):  # (n, k), or (n, k + q), of which the last q are not needed
        grads = {}
        for layer in range(len(ways), 0, -1):
            back, back_to_Z = ways[layer - 1]
            dZ = back_to_Z(dH[:, : len(params[f"mu{layer}"])])
            *dX, grads[f"V{layer}"], grads[f"mu{layer}"] = back(dZ)
            dH = dX[0] if dX else None  # nothing flows back into the ratings
        if X is not None:
            grads["S1"] = X.T @ dZ
        return grads

    return join(H), backward
