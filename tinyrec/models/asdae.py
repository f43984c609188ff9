"""aSDAE: additional stacked denoising autoencoders, whose layers all read the side information (Dong et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

from tinyrec.models.factored import Factored
from tinyrec.models.hybrid import (
    Hybrid,
    Reconstructed,
    features_error,
    layer_shapes,
    output_shapes,
    ratings_error,
)
from tinyrec.models.pairs import SIDES, Encoded, Sides, named, part
from tinyrec.nn import side_layers


@dataclass(frozen=True, kw_only=True)
class NRPaSDAE(Hybrid):
    """NRP_aSDAE: the codes of two aSDAEs predict the rating                              (NRP, eq. 2 and section 4)

    H_l = g(H_{l-1} V_l + X̃ S_l + mu_l),  H_0 = R̃;  the code is in the middle, and  R̂ = H W + b,  X̂ = H W' + b'  are
    linear in the last of the hidden layers. Ratings and features share the network.
    """

    def shapes_of(self, R: Sides) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        for side, d in zip(SIDES, reversed(R.shape), strict=True):
            X, units = R.features(side), self.hidden_units
            q = None if X is None else X.shape[1]
            shapes |= named(f"{side}.encoder", layer_shapes((d, *units), q))
            shapes |= named(f"{side}.decoder", layer_shapes(units[::-1], q))
            shapes |= output_shapes(f"{side}.ratings", d, units[0])
            shapes |= {} if q is None else output_shapes(f"{side}.features", q, units[0])
        return shapes

    def code(self, params, rows, rng=None):
        R, X, noise = self.inputs(rows, rng)
        C, back = side_layers(R, part(params, f"{rows.side}.encoder"), self.g, X, noise)
        return Encoded(C, lambda dC: named(f"{rows.side}.encoder", back(dC)[1]))

    def reconstruct(self, params, rows, rng=None):
        its, (R, X, noise) = part(params, rows.side), self.inputs(rows, rng)
        C, back_to_input = side_layers(R, part(its, "encoder"), self.g, X, noise)
        H, back_to_code = side_layers(C, part(its, "decoder"), self.g, X)
        error, back_to_ratings = ratings_error(H, part(its, "ratings"), rows.ratings)
        error = self.alpha * error
        if X is not None:
            of_features, back_to_features = features_error(H, part(its, "features"), rows.features)
            error = error + (1 - self.alpha) * of_features

        def backward(weight, dC):
            dH, of_ratings = back_to_ratings(weight * self.alpha)
            grads = named("ratings", of_ratings)
            if X is not None:
                dH_X, of_features = back_to_features(weight * (1 - self.alpha))
                dH, grads = dH + dH_X, grads | named("features", of_features)
            dC_decoder, of_decoder = back_to_code(dH)
            _, of_encoder = back_to_input(dC + dC_decoder)
            return named(rows.side, {**grads, **named("decoder", of_decoder), **named("encoder", of_encoder)})

        return Reconstructed(C, error, backward)


@dataclass(frozen=True, kw_only=True)
class ASDAE(Factored, NRPaSDAE):
    """aSDAE: the codes of two aSDAEs regularise the vectors that predict the rating       (NRP, eq. 1 and section 2)

    The networks of `NRPaSDAE`, with the objective of `Factored`.
    """
