"""A tutorial up to some line, with changes: what its questions ask the reader to do."""

from pathlib import Path

TUTORIALS = Path(__file__).parents[2] / "tutorials"


def run(name: str, until: str, *changes: tuple[str, str]) -> dict:
    """The names that the tutorial has defined before the text `until`; changes: (old text, new text)"""
    source, _ = (TUTORIALS / f"{name}.py").read_text(encoding="utf-8").split(until, maxsplit=1)
    for old, new in (*changes, ("plt.show()", "plt.close()")):
        assert old in source or old == "plt.show()", old
        source = source.replace(old, new)
    names: dict = {}
    exec(compile(source, name, "exec"), names)  # noqa: S102
    return names
