"""Parse the arguments, run the subcommand, and turn an error into one line and an exit code.

0 ok, 1 a check failed (gradcheck, bench, doctor --promises), 2 usage, 3 data, 4 backend missing or wrong (doctor),
5 file, 6 diverged, 7 memory, 130 and 143 stopped by a signal
"""

from __future__ import annotations

import argparse
import difflib
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from typing import Any

import tinyrec
from tinyrec.backend.threads import deterministic, use_threads
from tinyrec.cli import (
    assignment,
    bench,
    data,
    doctor,
    evaluate,
    gradcheck,
    playground,
    predict,
    recommend,
    reproduce,
    train,
    tune,
)
from tinyrec.cli.common import check_outputs
from tinyrec.cli.ranks import join
from tinyrec.cli.settings import expand_config
from tinyrec.errors import DataWarning, TinyrecError, UsageError
from tinyrec.shard import end_all, is_heard, launched, world

COMMANDS = (
    train,
    tune,
    evaluate,
    predict,
    recommend,
    data,
    gradcheck,
    doctor,
    bench,
    reproduce,
    assignment,
    playground,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m tinyrec ARGV` and return its exit code."""
    argv, comm = sys.argv[1:] if argv is None else argv, None
    try:
        comm = world() if "--mpi" in argv else None  # before all that can fail on one rank alone
        args = _parse_once(argv, comm)
        args.comm = join(args, comm) if comm else None
        check_outputs(args)
        if getattr(args, "threads", None):
            use_threads(args.threads)
        if (ranks := launched()[1]) > 1 and not comm:  # also where --mpi is in a file of flags, read too late
            cure = "add --mpi to train, or start one"
            raise UsageError(f"mpiexec started {ranks} of these, and each would do the whole; {cure}")
        with warnings.catch_warnings(action="always", category=DataWarning):
            warnings.showwarning = partial(_print_warning, getattr(args, "in_parts", False))  # type: ignore[assignment]
            with deterministic(getattr(args, "deterministic", False)):
                code = args.run(args) or 0
            sys.stdout.flush()
            return code
    except SystemExit as stop:  # of argparse
        if comm and stop.code:
            _fail(argv, f"the flags of rank {comm.rank} are not valid", 2) if comm.rank else end_all(2)
        raise
    except TinyrecError as problem:
        return _fail(argv, problem, problem.exit_code)
    except MemoryError as problem:
        return _fail(argv, f"out of memory ({problem}); use fewer hidden units or less data", 7)
    except KeyboardInterrupt:
        return _fail(argv, "stopped", 128 + signal.SIGINT)
    except BrokenPipeError:  # the program that reads our output has ended
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - Python's flush at exit would fail again
        return 128 + signal.SIGPIPE
    except OSError as problem:  # errors of files are FileErrors, so this is standard output
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        return _fail(argv, f"cannot print the result: {problem.strerror}; make room for it", 5)


def _print_warning(in_parts: bool, message: Warning | str, *_: Any, **__: Any) -> None:
    rank = launched()[0]
    if rank == 0 or in_parts:  # else all read the same
        print(f"tinyrec: {f'rank {rank}: ' if rank else ''}{message}", file=sys.stderr)


def _parse_once(argv: Sequence[str], comm: Any) -> argparse.Namespace:
    """Parse the arguments; what argparse prints is printed by the first rank alone."""
    if not comm or comm.rank == 0:
        return _parse(argv)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        return _parse(argv)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments. UsageError: an unknown flag; the message suggests the closest one"""
    parser, commands = _parser()
    args, unknown = parser.parse_known_args(expand_config(argv, commands["train"]._option_string_actions))
    if unknown:
        flag = unknown[0].partition("=")[0]
        close = difflib.get_close_matches(flag, args.parser._option_string_actions, 1)
        hint = f"did you mean {close[0]}?" if close else f"see {args.parser.prog} --help"
        raise UsageError(f"unknown argument {unknown[0]}; {hint}")
    return args


def _fail(argv: Sequence[str], problem: object, code: int) -> int:
    if "--debug" in argv:
        raise
    if is_heard():
        print(f"tinyrec: {problem}", file=sys.stderr)
    end_all(code)
    return code


def _parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Return the parser of the command line, and those of the subcommands by name."""
    parser = argparse.ArgumentParser(
        prog="python -m tinyrec",
        description=tinyrec.__doc__,
        epilog="example: python -m tinyrec train --dataset ml-100k",
    )
    parser.add_argument("--version", action="version", version=f"tinyrec {tinyrec.__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_to(subparsers)
    return parser, subparsers.choices
