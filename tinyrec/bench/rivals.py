"""I-AutoRec in PyTorch, as fast as we can write it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from tinyrec.backend import Params
from tinyrec.backend.threads import threads
from tinyrec.models import AutoRec
from tinyrec.optim import Adam, RProp
from tinyrec.sparse import Pattern, Ratings

MAX_DENSE_CELLS = 2**31  # 10 GB of dense matrix and mask; `dense` does not run on larger data
BATCH_CELLS = 2**26  # in one forward and backward pass, about 2 GB


def dense(R: Ratings, l2: float, optimizer: RProp, start: Params) -> Iterator[float]:
    """Train with dense matrices, a mask of the observed cells, and autograd; yield the loss of each epoch."""
    torch.set_num_threads(threads())
    r, mask = as_dense(R)
    start = {**start, "V": start["V"].T}  # (k, d) as in torch.nn.Linear, which is faster
    V, mu, W, b = (torch.tensor(start[name], requires_grad=True) for name in ("V", "mu", "W", "b"))
    rprop = torch_rprop(optimizer, [V, mu, W, b])
    while True:
        rprop.zero_grad()
        penalty = l2 / 2 * (W.square().sum() + V.square().sum())
        penalty.backward()
        loss = penalty.item()
        for r_batch, mask_batch in zip(r.split(batch_size(R)), mask.split(batch_size(R)), strict=True):
            error = masked_error(r_batch, mask_batch, V, mu, W, b)
            error.backward()
            loss += error.item()
        rprop.step()
        yield loss


@torch.no_grad()
def sparse(R: Ratings, l2: float, optimizer: RProp, start: Params) -> Iterator[float]:
    """Train with sparse products, without autograd, which takes twice as long; yield the loss of each epoch."""
    torch.set_num_threads(threads())
    V, mu, W, b = (torch.tensor(start[name]) for name in ("V", "mu", "W", "b"))
    rprop = torch_rprop(optimizer, [V, mu, W, b])
    r, cols, ones = torch.tensor(R.values), torch.tensor(R.cols), torch.ones(R.shape[0], 1)
    order = torch.tensor(R.with_values(np.arange(R.size)).T.values)  # of the cells in the transpose
    S, ST = csr(R.pattern, r), csr(R.pattern.T, r[order])
    while True:
        H = torch.sigmoid(S @ V + mu)
        e = torch.sparse.sampled_addmm(S, H, W.T, beta=0.0).values() + b[cols] - r
        loss = e.square().sum() + l2 / 2 * (W.square().sum() + V.square().sum())
        E, ET = csr(R.pattern, 2 * e), csr(R.pattern.T, 2 * e[order])
        dZ = (E @ W) * (H * (1 - H))
        V.grad, mu.grad = (ST @ dZ).add_(V, alpha=l2), dZ.sum(0)
        W.grad, b.grad = (ET @ H).add_(W, alpha=l2), (ET @ ones)[:, 0]
        rprop.step()
        yield loss.item()


def adam(
    R: Ratings, model: AutoRec, optimizer: Adam, epochs: int, batch_size: int, seed: int
) -> Iterator[list[torch.Tensor]]:
    """Train with Adam on batches of dense rows, with linear decay; yield V, mu, W, b after each epoch.

    λ is Adam's weight decay, which adds the gradient of the penalty in equation 2 without computing the penalty.
    """
    torch.set_num_threads(threads())
    torch.manual_seed(seed)
    (n, d), k, n_batches = R.shape, model.hidden_units, R.shape[0] // batch_size
    penalty = {"weight_decay": (model.l2 or 0.0) * batch_size / n}
    r, mask = as_dense(R)
    r = r.bfloat16()  # exact for small integers; bfloat16 products are twice as fast here
    V, W = (0.01 * torch.randn(shape) for shape in ((k, d), (d, k)))
    mu, b = torch.zeros(k), torch.zeros(d)
    net = [w.requires_grad_() for w in (V, mu, W, b)]
    groups: list[dict[str, Any]] = [{"params": [V, W], **penalty}, {"params": [mu, b]}]
    betas = optimizer.beta1, optimizer.beta2
    torch_adam = torch.optim.Adam(groups, lr=optimizer.learning_rate, betas=betas, fused=True)
    decay = torch.optim.lr_scheduler.LinearLR(torch_adam, 1, 0, total_iters=epochs * n_batches)
    for _ in range(epochs):
        for rows in torch.randperm(n)[: n_batches * batch_size].split(batch_size):
            torch_adam.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                masked_error(r[rows], mask[rows], *net).backward()
            torch_adam.step()
            decay.step()
        yield net


def params_of(net: list[torch.Tensor]) -> Params:
    """Convert the parameters that `adam` yields to those of AutoRec."""
    V, mu, W, b = (w.detach().numpy() for w in net)
    return {"V": np.ascontiguousarray(V.T), "mu": mu, "W": W, "b": b}


def masked_error(r: torch.Tensor, mask: torch.Tensor, *net: torch.Tensor) -> torch.Tensor:
    """Return the squared error on the observed cells, in the layout of torch.nn.Linear: V (k, d), W (d, k)."""
    V, mu, W, b = net
    y = F.linear(torch.sigmoid(F.linear(r, V, mu)), W, b)
    return F.mse_loss(torch.where(mask, y, 0.0), r, reduction="sum")


def torch_rprop(optimizer: RProp, params: list[torch.Tensor]) -> torch.optim.Rprop:
    """Return the same optimizer in PyTorch, whose Rprop is our variant irprop-."""
    assert optimizer.variant == "irprop-"
    etas, sizes = (optimizer.eta_minus, optimizer.eta_plus), (optimizer.step_min, optimizer.step_max)
    return torch.optim.Rprop(params, lr=optimizer.step_init, etas=etas, step_sizes=sizes)


def as_dense(R: Ratings) -> tuple[torch.Tensor, torch.Tensor]:
    """Return r (n, d), 0 at unobserved cells, and the mask (n, d) of observed cells."""
    r, mask = torch.zeros(R.shape), torch.zeros(R.shape, dtype=torch.bool)
    rows, cols = torch.tensor(R.rows), torch.tensor(R.cols)
    r[rows, cols], mask[rows, cols] = torch.tensor(R.values), True
    return r, mask


def csr(pattern: Pattern, values: torch.Tensor) -> torch.Tensor:
    """Return the sparse matrix with these values at the cells of `pattern`."""
    indptr, cols = torch.from_numpy(pattern.indptr).int(), torch.from_numpy(pattern.cols)  # int64 is no faster
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # sparse CSR is in beta state
        return torch.sparse_csr_tensor(indptr, cols, values, pattern.shape)


def batch_size(R: Ratings) -> int:
    """Return how many rows `dense` processes at once; it sums the gradients of these batches before each step."""
    return max(1, BATCH_CELLS // R.shape[1])
