"""A multi-layer perceptron with one output."""

from __future__ import annotations

from collections.abc import Callable

from tinyrec.backend import Array, Params
from tinyrec.nn.activations import Activation
from tinyrec.nn.layers import dense


def mlp(Z: Array, params: Params, g: Activation) -> tuple[Array, Callable[[Array], tuple[Array, Params]]]:
    """y = H_L w + b,  H_1 = g(Z),  H_l = g(H_{l-1} V_l + mu_l) for each further layer in params: V2 and mu2, ...

    Z (n, k_1), V2 (k_1, k_2), mu2 (k_2,), ..., w (k_L, 1), b (1,)  ->  y (n,)

    Z is what the first layer computes before its activation.
    """
    H, back_to_Z = g(Z)
    layers: list[tuple[Callable, Callable]] = []
    while f"V{len(layers) + 2}" in params:
        number = len(layers) + 2
        Z_l, back_to_H = dense(H, params[f"V{number}"], params[f"mu{number}"])
        H, back_to_Z_l = g(Z_l)
        layers.append((back_to_H, back_to_Z_l))
    y, back_to_last = dense(H, params["w"], params["b"])  # (n, 1)

    def backward(dy):  # (n,)
        grads = {}
        dH, grads["w"], grads["b"] = back_to_last(dy[:, None])
        for number in range(len(layers) + 1, 1, -1):
            back_to_H, back_to_Z_l = layers[number - 2]
            dH, grads[f"V{number}"], grads[f"mu{number}"] = back_to_H(back_to_Z_l(dH))
        return back_to_Z(dH), grads  # dZ (n, k_1)

    return y[:, 0], backward
