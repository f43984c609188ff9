"""The plots of `train` and `bench`. Matplotlib is optional, so it is imported only when a plot is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinyrec.errors import FileError, UsageError
from tinyrec.files import replaced

Curve = dict[int, float]  # number of ratings -> seconds per epoch


def check_plot(path: str) -> None:
    """Raise UsageError if a plot cannot be written, before the training begins."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("--plot needs matplotlib; install it with: pip install matplotlib") from None
    if Path(path).suffix.lower().lstrip(".") not in Figure().canvas.get_supported_filetypes():
        raise UsageError(f"a plot cannot be written as {path}; choose a name such as curve.png")


def plot_learning_curve(path: str, title: str, result: dict[str, Any]) -> None:
    """Plot to a file: the loss by epoch and, if there were trials, the validation RMSE by epoch."""
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
    _save(figure, path)


def plot_epochs(path: str, title: str, curves: dict[str, Curve], ceiling: Curve, shapes: dict[str, int]) -> None:
    """Plot seconds per epoch of `bench` to a file: a line for each implementation, and a dashed one for `ceiling`.

    ceiling: how long the products alone would take at the rate of a large GEMM; shapes: name -> number of ratings
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.loglog(list(curve), list(curve.values()), "o-", label=name)
    axes.loglog(list(ceiling), list(ceiling.values()), "k.--", label="the products alone, at the rate of GEMM")
    axes.set(xlabel="ratings", ylabel="seconds per epoch", title=title)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    top = axes.secondary_xaxis("top")
    top.set_xticks(list(shapes.values()), list(shapes))
    top.tick_params(which="minor", length=0)
    _save(figure, path)


def _save(figure: Any, path: str) -> None:
    with replaced(path) as new:
        try:
            figure.savefig(new, dpi=150, format=Path(path).suffix[1:].lower())
        except ValueError as problem:
            raise FileError(
                f"cannot write the plot {path}: {problem}; choose another name, such as curve.png"
            ) from None
