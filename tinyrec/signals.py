"""Ctrl-C and SIGTERM end `python -m tinyrec` with one line and exit code 130 or 143, whenever they come.

The process ends within the handler. The KeyboardInterrupt of Python would be raised wherever the program is: in an
import it shows a traceback, and in a destructor it is lost. Training ends after the epoch, see `tinyrec.cli.watch`.

This module is imported first, and where tinyrec is used as a library, it changes nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType

from tinyrec.errors import Interrupted

NUMBERS = signal.SIGINT, signal.SIGTERM

before_end: list[Callable[[], None]] = []  # what to do before the process ends
is_installed = is_ending = False


def say_stopped() -> str:
    return "stopped"


line = say_stopped


def install() -> None:
    """End the process at a signal, unless its parent has told it to ignore it, as for a job in the background."""
    global is_installed
    is_installed = True
    for number in NUMBERS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end_now)


def end_now(number: int, frame: FrameType | None = None) -> None:
    """End the process. KeyboardInterrupt: it is not ours to end, as tinyrec is a library in it"""
    global is_ending
    if not is_installed:
        raise KeyboardInterrupt
    if is_ending:  # a signal within this handler
        return
    is_ending = True
    try:
        for call in before_end:
            call()
        os.write(2, f"tinyrec: {line()}\n".encode(errors="replace"))
    finally:
        os._exit(128 + number)


def ignore() -> None:
    """From here on, as the work is done or its end is being reported, signals change nothing."""
    if is_installed:
        for number in NUMBERS:
            signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def explained(what: Callable[[], str]) -> Iterator[None]:
    """A context in which `what()` is the line for a signal. Interrupted: KeyboardInterrupt was raised within it"""
    global line
    before, line = line, what
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(signal.SIGINT, what()) from None
    finally:
        line = before


if sys.argv[:1] == ["-m"]:  # so it is while Python looks for the module to run
    install()
