"""A table in a file, CSV or Parquet, written block by block, so that it is never in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyrec.files import replaced


def write_blocks(path: str, schema: Mapping[str, type], blocks: Iterator[Mapping[str, Sequence[Any]]]) -> None:
    """Write blocks of rows, each as columns by name, completely or not at all; Parquet if the name ends in .parquet.

    schema: int, float or str for each column;  FileError: the file cannot be written
    """
    import polars  # slow to import
    from polars.io.plugins import register_io_source

    problems: list[Exception] = []  # polars 1 raises another exception in their place

    def frames(*_: Any) -> Iterator[polars.DataFrame]:
        try:
            yield from (polars.DataFrame(block, schema) for block in blocks)
        except Exception as problem:
            problems.append(problem)
            raise

    table = register_io_source(frames, schema=polars.Schema(schema))
    with replaced(path) as new:
        try:
            if Path(path).suffix == ".parquet":
                table.sink_parquet(new)
            else:
                table.sink_csv(new, float_precision=4)
        except polars.exceptions.ComputeError:
            if problems:
                raise problems[0] from None
            raise
