"""Hidden layers that all read the side information, and all their gradients."""

from __future__ import annotations

from collections.abc import Callable

from tinyrec.backend import Array, Params
from tinyrec.nn.activations import Activation, identity
from tinyrec.sparse import Ratings


def side_layers(
    H: Ratings | Array, params: Params, g: Activation, X: Ratings | None = None, noise: Activation = identity
) -> tuple[Array, Callable[[Array], tuple[Array | None, Params]]]:
    """H_l = g(H_{l-1} V_l + X S_l + mu_l) for each layer l in params: V1, S1, mu1; V2, ...    (aSDAE, Dong et al. 2017)

    H (n, d), X (n, q), V1 (d, k_1), S_l (q, k_l), mu_l (k_l,)  ->  H (n, k) of the last layer

    H: sparse, such as ratings, or dense, such as codes;  X: sparse; None: without the terms X S_l
    noise: a layer H -> (H̃, backward), applied to what each further layer reads
    backward: dH -> the gradient of the input, None if it is sparse, and those of the parameters
    """
    layers: list[tuple[Callable, Ratings | Array, Callable]] = []
    while f"V{len(layers) + 1}" in params:
        H, back_to_H = noise(H) if layers else identity(H)
        V, S, mu = (params.get(f"{name}{len(layers) + 1}") for name in ("V", "S", "mu"))
        below, Z = H, H @ V + mu  # (n, k_l)
        H, back_to_Z = g(Z if X is None else Z + X @ S)
        layers.append((back_to_H, below, back_to_Z))

    def backward(dH):  # (n, k)
        grads = {}
        for layer in range(len(layers), 0, -1):
            back_to_H, below, back_to_Z = layers[layer - 1]
            dZ = back_to_Z(dH)
            grads |= {f"V{layer}": below.T @ dZ, f"mu{layer}": dZ.sum(axis=0)}
            if X is not None:
                grads[f"S{layer}"] = X.T @ dZ
            dH = None if isinstance(below, Ratings) else back_to_H(dZ @ params[f"V{layer}"].T)
        return dH, grads

    return H, backward
