"""What commands print at the end, and the files they are asked to write."""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from landslip.detector.detector import Detector

_DETECTOR_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")


def print_next(*words: object) -> None:
    """Print the command to run next; words that are no path or name of the user are placeholders in capitals."""
    click.echo(f"\nNext: {shlex.join(map(str, words))}")


def print_warnings(warnings: Iterable[str]) -> None:
    """Print warnings on stderr, one per line, with the option that sets a parameter which they tell to set."""
    context = click.get_current_context(silent=True)
    options = {one.name: one.opts[0] for one in context.command.params} if context else {}
    for warning in warnings:
        named = re.search(r"\b(?:set|give) (\w+)", warning)
        option = options.get(named[1]) if named else None
        click.echo(f"warning: {warning}" + (f" (set it with {option})" if option else ""), err=True)


def align(table: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lay out rows of cells as lines with right-aligned columns.

    Example:
        >>> list(align([("", "F1"), ("scene A", "0.612")]))
        ['            F1', 'scene A  0.612']
    """
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        yield "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))


def check_new_file(path: Path) -> Path:
    """Return the path of a file to write, once it is known that the file can be made.

    Raises:
        OutputError: the file exists, or its folder does not.
    """
    from landslip.errors import OutputError

    if path.exists():
        raise OutputError(f"{path} exists already: move it away or give another file", parameter="out")
    if not path.absolute().parent.is_dir():
        raise OutputError(f"folder {path.parent} does not exist: create it or give another file", parameter="out")
    return path


def check_new_detector(out: Path, name: str | None) -> str:
    """Return the name of a detector to write: the one given, or that of its file.

    Raises:
        OutputError: the file cannot be made.
        SettingsError: the name is not allowed.
    """
    from landslip.errors import OutputError, SettingsError

    if check_new_file(out).suffix != ".onnx":
        raise OutputError(f"the file of a detector must end in .onnx, got {out}", parameter="out")
    given = out.stem if name is None else name
    if not _DETECTOR_NAME.fullmatch(given):
        raise SettingsError(
            f"the name of a detector may hold a-z, 0-9, dot, hyphen and underscore, got '{given}'", parameter="name"
        )
    return given


def write_detector(detector: "Detector", out: Path) -> None:
    """Write the file of a detector.

    Raises:
        OutputError: the file cannot be written.
    """
    from landslip.errors import OutputError

    try:
        detector.save(out)
    except OSError as error:
        raise OutputError(
            f"{out} cannot be written ({error.strerror}): give a file in a writable folder", parameter="out"
        ) from error
