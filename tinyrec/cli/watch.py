"""What happens between two epochs of a training that somebody watches: a progress bar, checkpoints, signals."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from tinyrec.errors import Interrupted
from tinyrec.training.checkpoint import Checkpoint
from tinyrec.training.progress import Progress


class Watch:
    """A context in which Ctrl-C and SIGTERM end the epoch, not the process; call it with the Progress of each epoch.

    total: the number of epochs, if it is known; checkpoint: written now and then, and when a signal came
    """

    def __init__(self, quiet: bool, total: int | None = None, checkpoint: Checkpoint | None = None):
        self.quiet, self.total, self.checkpoint = quiet, total, checkpoint
        self.signal = 0
        self.progress: Progress | None = None

    def __enter__(self) -> Watch:
        from tqdm import tqdm

        self.handlers = {number: signal.signal(number, self._caught) for number in (signal.SIGINT, signal.SIGTERM)}
        silent = self.quiet or not sys.stderr.isatty()
        self.bar = tqdm(total=self.total, unit=" epochs", disable=silent, dynamic_ncols=True, leave=False)
        return self

    def __exit__(self, problem: type | None, *_: object) -> None:
        self.bar.close()
        try:
            if self.checkpoint and self.progress and self.progress.epoch and not problem:
                self.checkpoint.write(self.progress)
        finally:
            for number, handler in self.handlers.items():
                signal.signal(number, handler)
        if self.signal and not problem:  # it came after the last epoch, and more trainings may be to follow
            raise self._interrupted()

    def _caught(self, number: int, frame: FrameType | None) -> None:
        if self.signal:  # the second time somebody is in a hurry
            raise KeyboardInterrupt
        self.signal = number

    def __call__(self, progress: Progress) -> None:
        self.progress = progress
        row = progress.history[-1]
        trying = row["trial"] is not None
        text = f"loss {row['loss']:.4g}" if row["valid_rmse"] is None else f"RMSE {row['valid_rmse']:.4f}"
        text = f"trial {row['trial'] + 1}, {text}" if trying else text
        self.bar.set_postfix_str(text if row["layer"] is None else f"pretraining layer {row['layer']}, {text}", False)
        self.bar.update()
        if self.checkpoint and not self.signal:
            self.checkpoint(progress)
        elif self.checkpoint and progress.epoch:
            self.checkpoint.write(progress)
        if self.signal:
            raise self._interrupted()

    def _interrupted(self) -> Interrupted:
        row = self.progress.history[-1] if self.progress else {"epoch": 0, "layer": None}
        after = f"epoch {row['epoch']}" if row["layer"] is None else f"epoch {row['epoch']} of pretraining"
        hint = "run it with --checkpoint DIR to be able to go on"
        if self.checkpoint:
            hint = (
                "go on with --resume"
                if self.checkpoint.path.exists()
                else "that was too early for a checkpoint: begin again"
            )
        return Interrupted(self.signal, f"stopped by a signal after {after}; {hint}")
