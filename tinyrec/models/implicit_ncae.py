"""NCAE for implicit feedback: which items a user has interacted with (Li et al., sections 4.1 and 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tinyrec.backend import Array, to_host
from tinyrec.checks import check_at_least, check_choice
from tinyrec.errors import UsageError
from tinyrec.models.autoencoder import Autoencoder, layer_shapes
from tinyrec.nn import ACTIVATIONS, all_cells_error, dropout, hidden_layers, l2_penalty, linear_error
from tinyrec.sparse import Ratings


@dataclass(frozen=True, kw_only=True)
class ImplicitNCAE(Autoencoder):
    """nn(ũ) = f(W g(V_1 ũ + mu_1) + b), whose highest entries are recommended                              (eq. 1)

    Minimises  1/M Σ_i [ Σ_{j in K_i} (nn(ũ_i)_j - 1)² + Σ_{other j} c_j nn(ũ_i)_j² ]  +  λ/2 ||θ||²        (eq. 11, 6)

    u_i: 1 for each item in K_i, the interactions of user i of M;  ũ_i, θ and hidden_units: as in NCAE
    c_j = c0 f_j^omega / Σ_k f_k^omega, f_j: the interactions with item j (eq. 10); or
    unobserved_weight, the same for all items: NCAE-
    output: f; tanh, as in all layers of the paper, or identity, whose loss is computed without visiting all cells
    augment_below, augment_drop: ε and p of NCAE+, 0.001 and 0.8 in the paper (section 4.2): each user with less than a
        fraction ε of all items has a second row, without the p |K_i| most popular items;  ε = 0: no augmentation
    """

    by: str = "user"
    output: str = "tanh"
    l2: float | None = 0.01
    center: bool | None = False
    dropout: float = 0.5
    activation: str = "tanh"
    hidden_units: tuple[int, ...] = (128,)
    c0: float = 512.0
    omega: float = 0.5
    unobserved_weight: float | None = None
    augment_below: float = 0.0
    augment_drop: float = 0.8

    default_optimizer = "adam"
    default_epochs = 30
    default_batch_size = 128
    implicit = True

    def __post_init__(self):
        super().__post_init__()
        for name in ("c0", "omega", "augment_below"):
            check_at_least(name, getattr(self, name), 0)
        check_at_least("unobserved_weight", self.unobserved_weight or 0, 0)
        check_choice("output", self.output, ("tanh", "identity"))
        if not 0 <= self.augment_drop <= 1:
            raise UsageError(f"augment_drop is {self.augment_drop}, but must be from 0 to 1")
        if self.by != "user" or self.l2 is None:
            raise UsageError("NCAE for implicit feedback has by='user' and an l2; leave by out, and give l2 a number")

    @property
    def offset(self) -> str:
        return "nothing"

    def f(self, a: Array) -> Array:
        y, _ = ACTIVATIONS[self.output](a)
        return y

    def shapes(self, d: int, q: int = 0) -> dict[str, tuple[int, ...]]:
        return layer_shapes(d, self.hidden_units)

    def prepare(self, R: Ratings) -> Ratings:
        """R with the weight of an unobserved cell of each item, c (d,), and with the augmented users."""
        popularity = np.bincount(to_host(R.cols), minlength=R.shape[1])
        if self.unobserved_weight is not None:
            c = np.full(R.shape[1], self.unobserved_weight)
        else:
            powers = (popularity / max(popularity.sum(), 1)) ** self.omega
            c = self.c0 * powers / (powers.sum() or 1.0)
        return augmented(R, popularity, self.augment_below, self.augment_drop).with_unobserved_weights(c)

    def loss_and_grads(self, params, R, rng=None):
        seen = dropout(R, self.dropout, rng) if self.dropout and rng else R
        H, back_to_params = hidden_layers(seen, params, ACTIVATIONS[self.activation])  # (n, k_L)
        error_of = linear_error if self.output == "identity" else all_cells_error
        error, (dH, dW, db) = error_of(H, params["W"], params["b"], R, R.unobserved_weights, ACTIVATIONS[self.output])

        of_row = R.values.dtype.type(R.share / R.shape[0])  # 1 / M
        for gradient in (dH, dW, db):
            gradient *= of_row
        grads = {**back_to_params(dH), "W": dW, "b": db}
        penalty = l2_penalty(R.share * self.l2, params, grads, R)
        return of_row * error + penalty, grads


def augmented(R: Ratings, popularity: Array, epsilon: float, p: float) -> Ratings:
    """R (n, d) and below it a copy of each row with less than epsilon d cells, without its ⌊p |K_i|⌋ most popular ones.

    popularity (d,) of each column; of equally popular columns, the first counts as more popular   (section 4.2, fig. 3)
    """
    (n, d), counts = R.shape, np.diff(to_host(R.pattern.indptr))
    exact = Fraction(str(p)) * counts.astype(object)  # in floating point, 0.7 * 90 is 62.999...
    dropped = (exact // 1).astype(np.int64)
    sparse = np.flatnonzero((counts / d < epsilon) & (dropped < counts))  # rows that keep a cell
    if not len(sparse):
        return R
    rows, cols, values = to_host(R.rows), to_host(R.cols), to_host(R.values)
    order = np.lexsort((cols, -popularity[cols], rows))  # row by row, the most popular first
    place = np.arange(len(rows)) - to_host(R.pattern.indptr)[rows[order]]
    kept = order[place >= dropped[rows[order]]]
    number = np.full(n, -1)
    number[sparse] = n + np.arange(len(sparse))
    kept = kept[number[rows[kept]] >= 0]
    both = (np.concatenate([rows, number[rows[kept]]]), np.concatenate([cols, cols[kept]]))
    values = np.concatenate([values, values[kept]])
    return Ratings.from_cells(*both, values, (n + len(sparse), d)).to(R.backend.name)
