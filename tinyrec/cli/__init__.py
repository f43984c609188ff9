"""The command line: `python -m tinyrec`. One file a subcommand."""

from tinyrec.cli.main import main

__all__ = ["main"]
