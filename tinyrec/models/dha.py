"""DHA: deep heterogeneous autoencoders, with an encoder and a decoder for each source (Li et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass

from tinyrec.backend import Params
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
from tinyrec.nn import dense, side_layers


@dataclass(frozen=True, kw_only=True)
class NRPDHA(Hybrid):
    """NRP_DHA: the codes of two DHAs predict the rating                                  (NRP, eq. 2 and section 4)

    C = g([C_R C_X] F + f),  C_R and C_X: the codes of ratings and of features, each of an encoder of its own;  R̂ and X̂:
    what a decoder for each makes of C. Without features, C = g(C_R F + f).
    """

    def shapes_of(self, R: Sides) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        units, k = self.hidden_units, self.hidden_units[-1]
        for side, d in zip(SIDES, reversed(R.shape), strict=True):
            X = R.features(side)
            sources = {"ratings": d} | ({} if X is None else {"features": X.shape[1]})
            for source, q in sources.items():
                shapes |= named(f"{side}.{source}.encoder", layer_shapes((q, *units)))
                shapes |= named(f"{side}.{source}.decoder", layer_shapes(units[::-1]))
                shapes |= output_shapes(f"{side}.{source}", q, units[0])
            shapes |= named(f"{side}.fusion", {"F": (len(sources) * k, k), "f": (k,)})
        return shapes

    def code(self, params, rows, rng=None):
        (R, X, noise), its = self.inputs(rows, rng), part(params, rows.side)
        sources = {"ratings": R} | ({} if X is None else {"features": X})
        encoded = [side_layers(S, part(its, f"{name}.encoder"), self.g, None, noise) for name, S in sources.items()]
        joined = R.xp.concatenate([C for C, _ in encoded], axis=1)
        Z, back_to_joined = dense(joined, its["fusion.F"], its["fusion.f"])
        C, back_to_Z = self.g(Z)
        k = self.hidden_units[-1]

        def backward(dC):
            d_joined, dF, df = back_to_joined(back_to_Z(dC))
            grads: Params = {"fusion.F": dF, "fusion.f": df}
            for number, (name, (_, back)) in enumerate(zip(sources, encoded, strict=True)):
                grads |= named(f"{name}.encoder", back(d_joined[:, number * k : (number + 1) * k])[1])
            return named(rows.side, grads)

        return Encoded(C, backward)

    def reconstruct(self, params, rows, rng=None):
        C, back_to_input = self.code(params, rows, rng)
        targets = [("ratings", ratings_error, rows.ratings, self.alpha)]
        if rows.features is not None:
            targets.append(("features", features_error, rows.features, 1 - self.alpha))
        error, decoders = 0.0, {}
        for name, error_of, S, share in targets:
            its = part(params, f"{rows.side}.{name}")
            H, back_to_code = side_layers(C, part(its, "decoder"), self.g)
            own, back_to_H = error_of(H, its, S)
            error = error + share * own
            decoders[name] = (share, back_to_H, back_to_code)

        def backward(weight, dC):
            grads: Params = {}
            for name, (share, back_to_H, back_to_code) in decoders.items():
                dH, of_output = back_to_H(weight * share)
                dC_decoder, of_decoder = back_to_code(dH)
                dC = dC + dC_decoder
                grads |= named(name, {**of_output, **named("decoder", of_decoder)})
            return {**named(rows.side, grads), **back_to_input(dC)}

        return Reconstructed(C, error, backward)


@dataclass(frozen=True, kw_only=True)
class DHA(Factored, NRPDHA):
    """DHA: the codes of two DHAs regularise the vectors that predict the rating           (NRP, eq. 1 and section 2)

    The networks of `NRPDHA`, with the objective of `Factored`.
    """
