"""Deep AutoRec: more hidden layers, pretrained greedily (Sedhain, Menon, Sanner, Xie 2015, section 3, at its end)."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from tinyrec.backend import Params
from tinyrec.checks import check_at_least
from tinyrec.errors import UsageError
from tinyrec.models.autoencoder import Autoencoder, layer_shapes
from tinyrec.models.autorec import AutoRec
from tinyrec.models.base import Train
from tinyrec.models.stages import CodeAutoencoder, Rows
from tinyrec.nn import ACTIVATIONS, OUTPUTS, dropout, hidden_layers, l2_penalty, sampled_out, squared_error
from tinyrec.sparse import Ratings

CODES_L2 = 0.1  # λ of the autoencoders of codes, which are dense and hardly overfit; 20 was far worse


@dataclass(frozen=True, kw_only=True)
class DeepAutoRec(Autoencoder):
    """h(r; θ) = f(W g(V_L ... g(V_2 g(V_1 r + mu_1) + mu_2) ... + mu_L) + b)

    Minimises  Σ ||r - h(r; θ)||² over the observed cells  +  λ/2 (||W||² + ||V_1||²)  +  λ'/2 (||V_2||² + ... ||V_L||²)

    parameters: V1 (d, k_1), V2 (k_1, k_2), ..., transposes of the V above; mu1 (k_1,), ...; W (d, k_L); b (d,)
    hidden_units: k_1 to k_L
    l2: λ, of the first and the last layer;  l2_hidden: λ', of the layers between, which have far fewer weights
    pretrain: epochs of each stage of the greedy pretraining, see `pretrained`; 0: start from random weights
    by, activation (g), output (f), center, dropout: see Autoencoder;  center adds λ/2 ||b||²

    The paper gives the sizes and says "greedy pretraining and then fine-tuned by gradient descent"; eq. 2 for more
    layers, and the two λ, are ours.
    """

    output: str = "identity"
    dropout: float = 0.0
    activation: str = "sigmoid"
    hidden_units: tuple[int, ...] = (500, 250, 500)
    l2_hidden: float = 20.0
    pretrain: int = 80

    def __post_init__(self):
        super().__post_init__()
        check_at_least("l2_hidden", self.l2_hidden, 0)
        check_at_least("pretrain", self.pretrain, 0)
        if self.pretrain and (len(self.hidden_units) % 2 == 0 or self.hidden_units != self.hidden_units[::-1]):
            sizes = ", ".join(map(str, self.hidden_units))
            raise UsageError(
                f"pretraining unfolds the layers, so their sizes must read the same from both ends, as in "
                f"500, 250, 500, and not {sizes}; choose others, or set pretrain to 0"
            )

    def candidates(self, n_ratings: int) -> list[DeepAutoRec]:
        """λ as for a shallow AutoRec, on raw ratings unless `center` is set."""
        return [self] if self.l2 is not None else [replace(self, l2=0.3 * n_ratings**0.5)]

    def shapes(self, d: int, q: int = 0) -> dict[str, tuple[int, ...]]:
        return layer_shapes(d, self.hidden_units)

    def init(self, R: Ratings, rng: np.random.Generator) -> Params:
        params = {}
        for name, shape in self.shapes(R.shape[1]).items():
            scale = 0.01 if name in ("V1", "W") else (2 / sum(shape)) ** 0.5  # Glorot & Bengio 2010, eq. 12
            is_zero = len(shape) == 1 or (name == "W" and self.center)
            params[name] = (np.zeros(shape) if is_zero else rng.normal(0, scale, shape)).astype(R.values.dtype)
        return params

    def pretrained(self, R: Ratings, seed: int, train: Train) -> Params | None:
        """Greedy layer-wise pretraining: stacked autoencoders, unfolded.

        The paper says "greedy pretraining" and no more. Here, as its sizes (500, 250, 500) suggest, autoencoders are
        stacked and then unfolded (Hinton & Salakhutdinov 2006, fig. 1): an AutoRec learns to reconstruct the ratings
        from codes of 500 units, a second autoencoder to reconstruct these codes from codes of 250 units; then the
        encoders, followed by the decoders in reverse order, are the deep network.
        """
        if not self.pretrain:
            return None
        last, (first, *deeper) = len(self.hidden_units), self.hidden_units[: len(self.hidden_units) // 2 + 1]
        settings = {field.name: getattr(self, field.name) for field in fields(AutoRec)}
        shallow = AutoRec(**(settings | {"hidden_units": first}))
        learned = train(1, shallow, R, self.pretrain, seed)
        params = {"V1": learned["V"], "mu1": learned["mu"], "W": learned["W"], "b": learned["b"]}
        H = shallow.encode(learned, R)
        for layer, units in enumerate(deeper, start=2):
            stacked = CodeAutoencoder(hidden_units=units, activation=self.activation, l2=CODES_L2)
            learned = train(layer, stacked, Rows(H, R.backend), self.pretrain, seed + layer - 1)
            mirror = last + 2 - layer  # the layer that the decoder becomes
            params |= {f"V{layer}": learned["V"], f"mu{layer}": learned["mu"]}
            params |= {f"V{mirror}": learned["W"], f"mu{mirror}": learned["b"]}
            H = stacked.encode(learned, H)
        return {name: params[name] for name in self.shapes(R.shape[1])}

    def loss_and_grads(self, params, R, rng=None):
        seen = dropout(R, self.dropout, rng) if self.dropout and rng else R
        H, back_to_params = hidden_layers(seen, params, ACTIVATIONS[self.activation])  # (n, k_L)
        a, back_to_H = sampled_out(H, params["W"], params["b"], at=R)  # (p,)
        y, back_to_a = OUTPUTS[self.output](a)
        error, back_to_y = squared_error(y, R.values)

        dH, dW, db = back_to_H(back_to_a(back_to_y()))
        grads = {**back_to_params(dH), "W": dW, "b": db}
        assert self.l2 is not None, "give l2, or let fit choose it"
        outer = {name: grads[name] for name in (("W", "V1", "b") if self.center else ("W", "V1"))}
        inner = {name: grad for name, grad in grads.items() if name[0] == "V" and name != "V1"}
        penalty = l2_penalty(R.share * self.l2, params, outer, R)
        penalty += l2_penalty(R.share * self.l2_hidden, params, inner, R)
        return error + penalty, grads
