"""I-AutoRec in PyTorch, as fast as we can write it, on a device: "cpu", or "cuda" for the GPU."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from tinyrec.backend import Array, Backend, Params, to_host
from tinyrec.backend.threads import threads
from tinyrec.errors import UsageError
from tinyrec.models import AutoRec
from tinyrec.optim import Adam, RProp
from tinyrec.sparse import Pattern, Ratings

MAX_DENSE_CELLS = 2**31  # 10 GB of dense matrix and mask; `dense` does not run on larger data
DTYPES = torch.float32, torch.bfloat16
BATCH_CELLS = 2**26  # in one forward and backward pass, about 2 GB


def device_of(backend: Backend) -> str:
    """The device of PyTorch that is the processor of `backend`. UsageError: PyTorch cannot use the GPU"""
    if backend.name != "cupy":
        return "cpu"
    if not torch.cuda.is_available():
        raise UsageError(
            f"PyTorch {torch.__version__} cannot use this GPU; install it for CUDA, see pytorch.org, "
            "or compare on the CPU with --backend numpy"
        )
    return "cuda"


def at_precision(precision: str, epochs: Iterator[float]) -> Iterator[float]:
    """The same epochs, with float32 products in this precision: "highest" is float32, and "high" on a GPU is TF32.

    Between the epochs, PyTorch has the precision that it had before.
    """
    while True:
        before = set_precision(precision)
        try:
            loss = next(epochs)
        finally:
            set_precision(before)
        yield loss


def set_precision(precision: str) -> str:
    """Set the precision of float32 products, and return the one before."""
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # some versions announce another way
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision(precision)
    return before


def dense(R: Ratings, l2: float, optimizer: RProp, start: Params, device: str = "cpu") -> Iterator[float]:
    """Train with dense matrices, a mask of the observed cells, and autograd; yield the loss of each epoch."""
    torch.set_num_threads(threads())
    r, mask = as_dense(R, device)
    start = {**start, "V": start["V"].T}  # (k, d) as in torch.nn.Linear, which is faster
    V, mu, W, b = (torch.tensor(start[name], device=device, requires_grad=True) for name in ("V", "mu", "W", "b"))
    rprop = torch_rprop(optimizer, [V, mu, W, b])
    while True:
        rprop.zero_grad()
        penalty = l2 / 2 * (W.square().sum() + V.square().sum())
        penalty.backward()
        loss = penalty.detach().double()
        for r_batch, mask_batch in zip(r.split(batch_size(R)), mask.split(batch_size(R)), strict=True):
            error = masked_error(r_batch, mask_batch, V, mu, W, b)
            error.backward()
            loss += error.detach()
        rprop.step()
        yield loss.item()


@torch.no_grad()
def sparse(R: Ratings, l2: float, optimizer: RProp, start: Params, device: str = "cpu") -> Iterator[float]:
    """Train with sparse products, without autograd, which takes twice as long; yield the loss of each epoch."""
    torch.set_num_threads(threads())
    V, mu, W, b = (torch.tensor(start[name], device=device) for name in ("V", "mu", "W", "b"))
    rprop = torch_rprop(optimizer, [V, mu, W, b])
    r, cols, order = (as_tensor(array, device) for array in (R.values, R.cols, R.pattern.order))
    order, ones = order.long(), torch.ones(R.shape[0], 1, device=device)  # the order of the cells in the transpose
    S, ST = csr(R.pattern, r), csr(R.pattern.T, r[order])
    while True:
        H = torch.sigmoid(S @ V + mu)
        e = torch.sparse.sampled_addmm(S, H, W.T, beta=0.0).values() + b[cols] - r
        loss = e.square().sum() + l2 / 2 * (W.square().sum() + V.square().sum())
        E, ET = with_values(S, 2 * e), with_values(ST, 2 * e[order])
        dZ = (E @ W) * (H * (1 - H))
        V.grad, mu.grad = (ST @ dZ).add_(V, alpha=l2), dZ.sum(0)
        W.grad, b.grad = (ET @ H).add_(W, alpha=l2), (ET @ ones)[:, 0]
        rprop.step()
        yield loss.item()


def adam(
    R: Ratings,
    model: AutoRec,
    optimizer: Adam,
    epochs: int,
    batch_size: int,
    seed: int,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Iterator[list[torch.Tensor]]:
    """Train with Adam on batches of dense rows, with linear decay; yield V, mu, W, b after each epoch.

    λ is Adam's weight decay, which adds the gradient of the penalty in equation 2 without computing the penalty.
    dtype: of the products, one of DTYPES; which is faster depends on the processor
    """
    torch.set_num_threads(threads())
    torch.manual_seed(seed)
    (n, d), k, n_batches = R.shape, model.hidden_units, R.shape[0] // batch_size
    penalty = {"weight_decay": (model.l2 or 0.0) * batch_size / n}
    r, mask = as_dense(R, device)
    r = r.to(dtype)  # exact for small integers
    V, W = (0.01 * torch.randn(shape, device=device) for shape in ((k, d), (d, k)))
    mu, b = torch.zeros(k, device=device), torch.zeros(d, device=device)
    net = [w.requires_grad_() for w in (V, mu, W, b)]
    groups: list[dict[str, Any]] = [{"params": [V, W], **penalty}, {"params": [mu, b]}]
    betas = optimizer.beta1, optimizer.beta2
    torch_adam = torch.optim.Adam(groups, lr=optimizer.learning_rate, betas=betas, fused=True)
    decay = torch.optim.lr_scheduler.LinearLR(torch_adam, 1, 0, total_iters=epochs * n_batches)
    for _ in range(epochs):
        for rows in torch.randperm(n, device=device)[: n_batches * batch_size].split(batch_size):
            torch_adam.zero_grad()
            with torch.autocast(device, torch.bfloat16, enabled=dtype == torch.bfloat16):
                masked_error(r[rows], mask[rows], *net).backward()
            torch_adam.step()
            decay.step()
        yield net


def params_of(net: list[torch.Tensor], backend: Backend) -> Params:
    """Convert the parameters that `adam` yields to those of AutoRec on `backend`."""
    V, mu, W, b = (w.detach().cpu().numpy() for w in net)
    params = {"V": np.ascontiguousarray(V.T), "mu": mu, "W": W, "b": b}
    return {name: backend.asarray(w) for name, w in params.items()}


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


def as_dense(R: Ratings, device: str = "cpu") -> tuple[torch.Tensor, torch.Tensor]:
    """Return r (n, d), 0 at unobserved cells, and the mask (n, d) of observed cells."""
    r, mask = torch.zeros(R.shape, device=device), torch.zeros(R.shape, dtype=torch.bool, device=device)
    rows, cols, values = (as_tensor(array, device) for array in (R.rows, R.cols, R.values))
    r[rows, cols], mask[rows, cols] = values, True
    return r, mask


def csr(pattern: Pattern, values: torch.Tensor) -> torch.Tensor:
    """Return the sparse matrix with these values, on their device, at the cells of `pattern`."""
    indptr, cols = (
        as_tensor(array, values.device).int() for array in (pattern.indptr, pattern.cols)
    )  # int64 is no faster
    return sparse_matrix(indptr, cols, values, pattern.shape)


def with_values(S: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return the sparse matrix with other values at the same cells."""
    return sparse_matrix(S.crow_indices(), S.col_indices(), values, tuple(S.shape))


def sparse_matrix(
    indptr: torch.Tensor, cols: torch.Tensor, values: torch.Tensor, shape: tuple[int, ...]
) -> torch.Tensor:
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # sparse CSR is in beta state
        return torch.sparse_csr_tensor(indptr, cols, values, shape)


def as_tensor(array: Array, device: str | torch.device) -> torch.Tensor:
    """An array of any backend as a tensor; on the CPU, it may share the memory."""
    return torch.as_tensor(to_host(array), device=device)


def batch_size(R: Ratings) -> int:
    """Return how many rows `dense` processes at once; it sums the gradients of these batches before each step."""
    return max(1, BATCH_CELLS // R.shape[1])
