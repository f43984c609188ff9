"""NRP: neural representations for prediction, with the direct structure (Raziperchikolaei, Li, Chung 2020)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyrec.backend import Params
from tinyrec.checks import check_choice
from tinyrec.errors import UsageError
from tinyrec.models.base import hidden_shapes
from tinyrec.models.pairs import SIDES, Encoded, PairBatch, PairModel, Rows, Sides, named, pairs, part
from tinyrec.models.towers import by_count, head_shapes, mlp_head, tower
from tinyrec.nn import dropout
from tinyrec.sparse import Ratings

HEADS = "mlp", "dot"
TARGETS = "held out", "leave one out", "as printed"


@dataclass(frozen=True, kw_only=True)
class NRP(PairModel):
    """ŷ_jk = h([g_u(R_j) s_u(X_j) g_i(R'_k) s_i(Y_k)])                                                (eq. 6)

    Minimises  Σ [(R_jk - ŷ_jk)² + λ Σ |W|²]  over the observed cells;  eq. 6 is this divided by mn, with λ = 0

    R_j, R'_k: the ratings of user j and of item k;  X_j, Y_k: their features; s_u and s_i are left out without any
    g, s: multi-layer perceptrons of the sizes `hidden_units`;  h: one of the sizes `head_units`, with a linear output
    head: "mlp": h;  "dot": the dot product of [g_u s_u] and [g_i s_i] instead, as in eq. 2
    activation: of all hidden layers;  hidden_dropout: the fraction of the hidden units of g and s that is dropped
    center: True: the inputs and the target are the ratings minus user and item biases, and each row of the input is
        divided by √(its number of ratings);  False: raw ratings, as printed
    target_in_input: the rating that is to be predicted stands in R_j and in R'_k. "as printed": it stays there;
        "leave one out": it is removed from both; "held out": all ratings of a batch, at most a tenth of them all, are
        removed from the inputs of that batch
    """

    activation: str = "selu"
    hidden_units: tuple[int, ...] = (500, 200, 100)
    head: str = "mlp"
    head_units: tuple[int, ...] = (500, 200, 100, 50)
    dropout: float = 0.3
    hidden_dropout: float = 0.5
    target_in_input: str = "held out"

    reads_features: ClassVar[bool] = True

    def __post_init__(self):
        super().__post_init__()
        check_choice("head", self.head, HEADS)
        check_choice("target_in_input", self.target_in_input, TARGETS)

    def shapes_of(self, R: Sides) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        code = dict.fromkeys(SIDES, self.hidden_units[-1])
        for side, d in zip(SIDES, reversed(R.shape), strict=True):
            shapes |= named(side, hidden_shapes(d, self.hidden_units))
            if features := R.features(side):
                shapes |= named(f"{side}_features", hidden_shapes(features.shape[1], self.hidden_units))
                code[side] *= 2
        if self.head == "dot":
            if code["user"] != code["item"]:
                raise UsageError("a dot product needs features of both users and items, or of neither; use head mlp")
            return shapes
        return shapes | head_shapes(code["user"], code["item"], self.head_units)

    def batches(self, R: Sides, batch_size: int | None, rng: np.random.Generator) -> Iterator[PairBatch]:
        if self.target_in_input == "held out":
            batch_size = min(batch_size or R.ratings.size, max(1, R.ratings.size // 10))
        return super().batches(R, batch_size, rng)

    def rows_of(self, batch: PairBatch, seen: Ratings | None = None) -> tuple[Rows, Rows, Ratings]:
        data, cells, _ = batch
        if self.target_in_input == "leave one out":
            return without_own(batch)
        if self.target_in_input == "as printed":
            return super().rows_of(batch)
        values = data.values.copy()
        values[data.backend.asarray(cells)] = 0
        return super().rows_of(batch, data.ratings.with_values(values))

    def encode(self, params: Params, rows: Rows, rng: np.random.Generator | None = None) -> Encoded:
        """[g(R_j) s(X_j)] for each row, (u, k) or (u, 2k)"""
        R = by_count(rows.ratings) if self.center else rows.ratings
        R = dropout(R, self.dropout, rng) if rng and self.dropout else R
        inputs = {rows.side: R} | ({f"{rows.side}_features": rows.features} if rows.features else {})
        how = self.activation, self.hidden_dropout, rng
        towers = {name: tower(X, part(params, name), *how) for name, X in inputs.items()}
        k = self.hidden_units[-1]

        def backward(dC):  # (u, k) or (u, 2k)
            grads = {}
            for number, (name, (_, back)) in enumerate(towers.items()):
                grads |= named(name, back(dC[:, number * k : (number + 1) * k]))
            return grads

        codes = [H for H, _ in towers.values()]
        return Encoded(rows.ratings.xp.concatenate(codes, axis=1), backward)

    def decode(self, params, codes, at):
        if self.head == "dot":
            return super().decode(params, codes, at)
        return mlp_head(params, codes, at, self.activation)


def without_own(batch: PairBatch) -> tuple[Rows, Rows, Ratings]:
    """A row for each pair on both sides, which lacks the rating of the pair."""
    data, cells, _ = batch
    asarray, (users, items) = data.backend.asarray, (its[cells] for its in data.cells)
    sides = []
    for side, numbers, others in (("user", users, items), ("item", items, users)):
        rows = data.rows(side).take(numbers)
        R = rows.ratings
        sides.append(rows._replace(ratings=R.with_values(R.values * (R.cols != asarray(others)[R.rows]))))
    each = np.arange(len(cells))
    at = pairs(each, each, (len(each), len(each)), data.values[asarray(cells)], data.backend)
    return sides[0], sides[1], at
