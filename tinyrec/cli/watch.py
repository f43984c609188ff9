"""What happens after each epoch of a training on the command line: progress bar, checkpoints, signals."""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType

from tinyrec import signals
from tinyrec.errors import Interrupted
from tinyrec.training.bar import Bar
from tinyrec.training.checkpoint import Checkpoint
from tinyrec.training.progress import Progress

TOGETHER = 1.0  # seconds in which a second signal is the same one, as when it is sent to a process and to its group


class Watch:
    """A context in which Ctrl-C and SIGTERM stop the training after the current epoch; called with each Progress.

    total: the number of epochs, if known; checkpoint: written from time to time, and after a signal
    """

    def __init__(self, quiet: bool, total: int | None = None, checkpoint: Checkpoint | None = None):
        self.bar = Bar(total, disable=quiet or not sys.stderr.isatty())
        self.checkpoint = checkpoint
        self.signal, self.since, self.is_writing = 0, 0.0, False
        self.progress: Progress | None = None

    def __enter__(self) -> Watch:
        self.handlers = {number: signal.signal(number, self._caught) for number in signals.NUMBERS}
        self.bar.__enter__()
        return self

    def __exit__(self, problem: type | None, *_: object) -> None:
        self.bar.__exit__()
        try:
            if self.checkpoint and self.progress and self.progress.epoch and not problem:
                self._write(self.progress)
        finally:
            for number, handler in self.handlers.items():
                signal.signal(number, handler)
            if self.signal:
                signals.ignore()
        if self.signal and not problem:  # the signal came after the last epoch, and more trainings may follow
            raise self._interrupted()

    def _caught(self, number: int, frame: FrameType | None) -> None:
        """Note the signal. A second one ends the process, but not while a checkpoint is written."""
        if not self.signal:
            self.since = time.monotonic()
            self.signal = number
        elif not self.is_writing and time.monotonic() - self.since > TOGETHER:
            with signals.explained(lambda: f"stopped within an epoch; {self._hint()}"):
                signals.end_now(self.signal)

    def __call__(self, progress: Progress) -> None:
        self.progress = progress
        self.bar(progress)
        agreed = int(progress.rows.agreed(self.signal))  # a signal that comes after this line waits for the next epoch
        is_last = bool(agreed)
        if is_last and not self.signal:  # another process caught it; if this one is yet to, it is the same
            self.signal, self.since = agreed, time.monotonic()
        if self.checkpoint:
            self._write(progress, only_if_due=not is_last)
        if is_last:
            raise self._interrupted()

    def _write(self, progress: Progress, only_if_due: bool = False) -> None:
        assert self.checkpoint
        self.is_writing = True
        try:
            if only_if_due:
                self.checkpoint(progress)
            elif progress.epoch:
                self.checkpoint.write(progress)
        finally:
            self.is_writing = False

    def _interrupted(self) -> Interrupted:
        row = self.progress.history[-1] if self.progress else {"epoch": 0, "layer": None}
        after = f"epoch {row['epoch']}" if row["layer"] is None else f"epoch {row['epoch']} of pretraining"
        return Interrupted(self.signal, f"stopped by a signal after {after}; {self._hint()}")

    def _hint(self) -> str:
        if not self.checkpoint:
            return "run it with --checkpoint DIR to be able to continue"
        return "continue with --resume" if self.checkpoint.path.exists() else "there is no checkpoint yet: begin again"
