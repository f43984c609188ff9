"""NRP in PyTorch, as fast as we can write it: without noise and features, and with held-out inputs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from tinyrec.backend.threads import threads
from tinyrec.bench.rivals import as_dense, csr
from tinyrec.models import NRP
from tinyrec.models.pairs import SIDES, PairBatch, Sides, part
from tinyrec.models.towers import by_count
from tinyrec.optim import Adam
from tinyrec.sparse import Ratings
from tinyrec.training.loop import Epoch

Tensors = dict[str, torch.Tensor]
Product = Callable[..., torch.Tensor]  # R V of users or items: (V, their numbers, rows, columns and cells of the batch)


def dense(model: NRP, data: Sides, optimizer: Adam, start: Epoch, batch_size: int) -> Iterator[float]:
    """Train with dense rows of the users and the items of a batch, each once; yield the loss of each step."""

    def product_of(R: Ratings) -> Product:
        r, _ = as_dense(R)

        def product(V, its, rows, others, cells):
            X = r[its]  # (u, d), a copy
            X[rows, others] = 0
            return X @ V

        return product

    products = [product_of(by_count(R)) for R in (data.ratings, data.ratings.T)]
    return train(model, data, optimizer, start, batch_size, products)


def sparse(model: NRP, data: Sides, optimizer: Adam, start: Epoch, batch_size: int) -> Iterator[float]:
    """The same with sparse products of all users and all items: building the rows of a batch would take longer."""
    order = torch.tensor(data.ratings.pattern.order, dtype=torch.int64)
    place = torch.empty_like(order)  # of each cell in the transpose
    place[order] = torch.arange(len(order))

    def product_of(R: Ratings, transposed: bool) -> Product:
        def product(V, its, rows, others, cells):
            places = (place[cells], cells) if transposed else (cells, place[cells])
            S, ST = (
                csr(each.pattern, torch.tensor(each.values).index_fill_(0, at, 0))
                for each, at in zip((R, R.T), places, strict=True)
            )
            return SparseProduct.apply(S, ST, V)[its]

        return product

    products = [
        product_of(by_count(R), transposed) for R, transposed in ((data.ratings, False), (data.ratings.T, True))
    ]
    return train(model, data, optimizer, start, batch_size, products)


class SparseProduct(torch.autograd.Function):
    """S V with the transpose of S at hand: autograd's own backward makes it anew in each step."""

    @staticmethod
    def forward(ctx: Any, S: torch.Tensor, ST: torch.Tensor, V: torch.Tensor) -> torch.Tensor:
        ctx.transpose = ST
        return S @ V

    @staticmethod
    def backward(ctx: Any, dZ: torch.Tensor) -> Any:
        return None, None, ctx.transpose @ dZ


def train(
    model: NRP, data: Sides, optimizer: Adam, start: Epoch, batch_size: int, products: list[Product]
) -> Iterator[float]:
    """Adam with autograd; the gradient of the penalty is added by Adam, in one pass over the weights."""
    torch.set_num_threads(threads())
    net = {name: torch.tensor(w, requires_grad=True) for name, w in start.params.items()}
    matrices = [w for w in net.values() if w.ndim == 2]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": [w for w in net.values() if w.ndim == 1]}]
    betas = optimizer.beta1, optimizer.beta2
    adam = torch.optim.Adam(groups, lr=optimizer.learning_rate, betas=betas, eps=optimizer.epsilon, fused=True)
    rng = copy.deepcopy(start.rng)
    while True:
        for batch in model.batches(data, batch_size, rng):
            l2 = 2 * len(batch.cells) * (model.l2 or 0.0)
            adam.param_groups[0]["weight_decay"] = l2
            adam.zero_grad()
            error = squared_error(model, net, batch, products)
            error.backward()
            penalty = sum(torch.dot(W.detach().view(-1), W.detach().view(-1)).item() for W in matrices)
            adam.step()
            yield error.item() + l2 / 2 * penalty


def squared_error(model: NRP, net: Tensors, batch: PairBatch, products: list[Product]) -> torch.Tensor:
    """Encode each user and each item of the batch once, and return the squared error of its pairs."""
    cells = [its[batch.cells] for its in batch.data.cells]
    numbers, places = zip(*(map(torch.tensor, np.unique(its, return_inverse=True)) for its in cells), strict=True)
    codes = []
    for side, product, its, rows, others in zip(SIDES, products, numbers, places, cells[::-1], strict=True):
        tower = part(net, side)
        H = F.selu(product(tower["V1"], its, rows, torch.tensor(others), torch.tensor(batch.cells)) + tower["mu1"])
        codes.append(layers(H, tower))
    y = decode(model, net, codes, places)
    return F.mse_loss(y, torch.tensor(batch.data.values[batch.cells]), reduction="sum")


def decode(model: NRP, net: Tensors, codes: list[torch.Tensor], places: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """The predicted ratings of pairs, given by the places of their codes."""
    if model.head == "dot":
        return (codes[0][places[0]] * codes[1][places[1]]).sum(1)
    head = part(net, "head")
    sums = [code @ head[side] for code, side in zip(codes, SIDES, strict=True)]
    H = layers(F.selu((sums[0] + head["mu1"])[places[0]] + sums[1][places[1]]), head)
    return torch.addmm(head["b"], H, head["w"])[:, 0]


def layers(H: torch.Tensor, params: Any) -> torch.Tensor:
    """The second and further layers."""
    number = 2
    while f"V{number}" in params:
        H = F.selu(torch.addmm(params[f"mu{number}"], H, params[f"V{number}"]))
        number += 1
    return H
