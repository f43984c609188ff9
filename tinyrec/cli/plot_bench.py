"""The plot of `bench`: seconds per epoch against the number of ratings."""

from __future__ import annotations

from tinyrec.errors import FileError

Curve = dict[int, float]  # number of ratings -> seconds per epoch


def plot_epochs(path: str, title: str, curves: dict[str, Curve], ceiling: Curve, shapes: dict[str, int]) -> None:
    """One line for each contestant, and a dashed one that no arithmetic can get below.

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
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as problem:
        raise FileError(f"cannot write the plot {path}: {problem}; choose another name, such as bench.png") from None
