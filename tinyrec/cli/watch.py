"""What happens after each epoch of a training on the command line: progress bar, checkpoints, signals."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from tinyrec.errors import Interrupted
from tinyrec.training.bar import Bar
from tinyrec.training.checkpoint import Checkpoint
from tinyrec.training.progress import Progress


class Watch:
    """A context in which Ctrl-C and SIGTERM stop the training after the current epoch; called with each Progress.

    total: the number of epochs, if known; checkpoint: written from time to time, and after a signal
    """

    def __init__(self, quiet: bool, total: int | None = None, checkpoint: Checkpoint | None = None):
        self.bar = Bar(total, disable=quiet or not sys.stderr.isatty())
        self.checkpoint = checkpoint
        self.signal = 0
        self.progress: Progress | None = None

    def __enter__(self) -> Watch:
        self.handlers = {number: signal.signal(number, self._caught) for number in (signal.SIGINT, signal.SIGTERM)}
        self.bar.__enter__()
        return self

    def __exit__(self, problem: type | None, *_: object) -> None:
        self.bar.__exit__()
        try:
            if self.checkpoint and self.progress and self.progress.epoch and not problem:
                self.checkpoint.write(self.progress)
        finally:
            for number, handler in self.handlers.items():
                signal.signal(number, handler)
        if self.signal and not problem:  # the signal came after the last epoch, and more trainings may follow
            raise self._interrupted()

    def _caught(self, number: int, frame: FrameType | None) -> None:
        if self.signal:  # the second time: stop at once
            raise KeyboardInterrupt
        self.signal = number

    def __call__(self, progress: Progress) -> None:
        self.progress = progress
        self.bar(progress)
        if self.checkpoint and not self.signal:
            self.checkpoint(progress)
        elif self.checkpoint and progress.epoch:
            self.checkpoint.write(progress)
        if self.signal:
            raise self._interrupted()

    def _interrupted(self) -> Interrupted:
        row = self.progress.history[-1] if self.progress else {"epoch": 0, "layer": None}
        after = f"epoch {row['epoch']}" if row["layer"] is None else f"epoch {row['epoch']} of pretraining"
        hint = "run it with --checkpoint DIR to be able to continue"
        if self.checkpoint:
            exists = self.checkpoint.path.exists()
            hint = "continue with --resume" if exists else "there is no checkpoint yet: begin again"
        return Interrupted(self.signal, f"stopped by a signal after {after}; {hint}")
