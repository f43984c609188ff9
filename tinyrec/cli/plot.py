"""Plots. Matplotlib is an extra, so it is imported here and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinyrec.errors import FileError, UsageError


def check_plot(path: str) -> None:
    """UsageError now, rather than after an hour of training."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("--plot needs matplotlib; install it with: pip install matplotlib") from None
    if Path(path).suffix.lstrip(".") not in Figure().canvas.get_supported_filetypes():
        raise UsageError(f"a plot cannot be written as {path}; choose a name such as curve.png")


def plot_learning_curve(path: str, title: str, result: dict[str, Any]) -> None:
    """Loss by epoch and, where there were trials, validation RMSE by epoch, to a file."""
    from matplotlib.figure import Figure

    history, trials = [row for row in result["history"] if row["layer"] is None], result["trials"]
    figure = Figure(figsize=(5.5 * (1 + bool(trials)), 4), layout="constrained")
    axes = figure.subplots(1, 1 + bool(trials), squeeze=False)[0]
    figure.suptitle(f"{title} on {result['dataset']}")
    final = [row for row in history if row["trial"] is None]
    axes[0].semilogy([row["epoch"] for row in final], [row["loss"] for row in final])
    axes[0].set(xlabel="epoch", ylabel="objective", title="training on all training ratings")
    for number, trial in enumerate(trials):
        rows = [row for row in history if row["trial"] == number]
        label = f"λ = {trial['settings']['l2']:.4g}{', centred' if trial['settings']['center'] else ''}"
        (line,) = axes[1].plot([row["epoch"] for row in rows], [row["valid_rmse"] for row in rows], label=label)
        axes[1].plot(trial["epochs"], trial["valid_rmse"], "o", color=line.get_color())
    if trials:
        best = min(trial["valid_rmse"] for trial in trials)
        axes[1].set(xlabel="epoch", ylabel="RMSE", title="validation part", ylim=(best - 0.01, best + 0.15))
        axes[1].legend()
    for ax in axes:
        ax.grid(alpha=0.3)
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as problem:
        raise FileError(f"cannot write the plot {path}: {problem}; choose another name, such as curve.png") from None
