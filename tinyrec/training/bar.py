"""Progress bars for a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinyrec.training.progress import Progress


class Bar:
    """A context manager; call it with the Progress after each epoch.

    total: the number of epochs, if known;  disable: show nothing;  leave: keep the bar at the end
    """

    def __init__(self, total: int | None = None, disable: bool = False, leave: bool = False):
        self.options = {"total": total, "disable": disable, "leave": leave}

    def __enter__(self) -> Bar:
        from tqdm.auto import tqdm

        self.bar = tqdm(unit=" epochs", dynamic_ncols=True, **self.options)
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def __call__(self, progress: Progress) -> None:
        row = progress.history[-1]
        text = f"loss {row['loss']:.4g}" if row["valid_rmse"] is None else f"RMSE {row['valid_rmse']:.4f}"
        text = f"trial {row['trial'] + 1}, {text}" if row["trial"] is not None else text
        self.bar.set_postfix_str(text if row["layer"] is None else f"pretraining layer {row['layer']}, {text}", False)
        self.bar.update()


def track(things: Iterable[Any], total: int, unit: str, disable: bool = False) -> Iterable[Any]:
    """The same things, one by one, with a bar that counts them."""
    from tqdm.auto import tqdm

    return tqdm(things, total=total, unit=f" {unit}", dynamic_ncols=True, leave=False, disable=disable)
