"""Ratings of which no machine has all: each rank of MPI has the users of its part, and all of their ratings.

The items are those of all parts; sums over users, and so means, biases and scores, are taken over all ranks. Users, the
parameters that belong to them, and their predictions never leave their rank.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from tinyrec.backend import Params
from tinyrec.data import Dataset, Index
from tinyrec.data.align import with_items
from tinyrec.errors import DataError
from tinyrec.recommenders.autoencoder import FittedAutoencoder
from tinyrec.recommenders.protocol import STARS, Protocol
from tinyrec.shard import Shard, Traffic, first_other, summed
from tinyrec.sparse import Ratings, Whole


@dataclass(frozen=True, eq=False, repr=False)
class Part(Dataset):
    """The ratings of this rank's users; every rank has the same items, in the same order.

    comm: of MPI. All ranks do the same with their parts at the same time: train, or `Scaling.of`.
    """

    comm: Any = None
    traffic: Traffic = field(default_factory=Traffic)

    def total(self, x: Any) -> Any:
        return summed(self.comm, np.asarray(x), self.traffic)

    @property
    def is_part(self) -> bool:
        return True

    def alone(self) -> Dataset:
        """The same ratings, without the other ranks."""
        return Dataset(**fields_of(self))


def united(data: Dataset, comm: Any) -> Part:
    """The ratings of this rank, which has all ratings of its users, as a part of those of all ranks.

    Each rank calls it with its own. DataError: a user is on two ranks; or ids, feedback or columns are of two kinds
    """
    same: dict[str, Any] = {"type of user ids": data.users.is_text, "type of item ids": data.items.is_text}
    same |= {"kind of feedback": data.implicit, "choice of columns": data.columns}
    everywhere = comm.allgather(same)
    for what in same:
        if other := first_other([its[what] for its in everywhere]):
            raise DataError(f"the part of rank {other} has another {what} than that of rank 0; give all the same")
    check_apart(data.users, comm)
    everything = comm.allgather((data.items, data.item_info))
    items, _ = Index.of(np.concatenate([index.ids for index, _ in everything]), "item")
    low, high = zip(*comm.allgather(data.scale), strict=True)
    whole = replace(with_items(data, items, everything), scale=(min(low), max(high)))
    return Part(**fields_of(whole), comm=comm)


def fields_of(data: Dataset) -> dict[str, Any]:
    return {its.name: getattr(data, its.name) for its in fields(Dataset)}


def check_apart(users: Index, comm: Any) -> None:
    """DataError: a user is on two ranks. The ids of one rank at a time are compared with those of all others."""
    for rank in range(comm.size):
        theirs = comm.bcast(users.ids if comm.rank == rank else None, root=rank)
        common = theirs[:0] if comm.rank == rank else theirs[users.find(theirs) >= 0]
        found = comm.allgather(common[:1].tolist())
        for other, its in enumerate(found):
            if its:
                cause = f"user {its[0]!r} is in the parts of ranks {rank} and {other}"
                raise DataError(f"{cause}; a part has all ratings of its users")


class OwnColumns(Shard):
    """The columns of this rank, if the others have never been here: nothing is cut off, and nothing is put together."""

    is_first, in_parts = True, True  # each rank writes its own files

    @classmethod
    def of_part(cls, R: Ratings, part: Part) -> OwnColumns:
        bounds = np.cumsum([0, *part.comm.allgather(R.shape[1])]).tolist()
        return cls(R, part.comm, bounds, traffic=part.traffic)

    own, joined, cut, gathered = Whole.own, Whole.joined, Whole.cut, Whole.gathered


def of_all_users(fitted: FittedAutoencoder, R: Any, part: Part) -> FittedAutoencoder:
    """The model of this rank with what takes the users of all ranks: it then serves its own users without the others.

    R: the rows that it was trained on;  part: its data
    """
    model, params, trained = fitted.model, fitted.params, fitted.trained_columns
    nothing = Ratings.from_cells([], [], R.values[:0], (1, R.shape[1])).to(R.backend.name)
    nothing = nothing.with_side(None if R.side is None else np.zeros((1, R.side.shape[1]), R.side.dtype))
    of_all: Params = {"codes": np.vstack([model.encode(params, R), model.encode(params, nothing)])}
    count = part.total(trained.sum())
    for name, w in model.decoder(params).items():
        its_sum = part.total(w[trained].sum(axis=0, keepdims=True, dtype=np.float64))
        of_all[f"mean/{name}"] = (its_sum / count).astype(w.dtype)
    of_all["l2"] = np.array([model.column_l2(R)], np.float64)
    if part.scale not in STARS:
        its = Protocol.biases_of(part)
        of_all |= {"default/mean": np.array([its.mean]), "default/user": its.user, "default/item": its.item}
    items = part.total(np.bincount(part.ratings.cols, minlength=len(part.items))) > 0
    return replace(fitted, data=part.alone(), trained={"user": trained, "item": items}, of_all=of_all)
