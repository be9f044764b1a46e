"""Where a verb that makes a detector puts it: checked before the work, written whole."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from landslip.detector.detector import Detector

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")


def free_file(path: Path, option: str) -> Path:
    """The file as given by an option, once it is known that nothing is there and that its folder is.

    Raises:
        OutputError: something is there, or the folder is not.
    """
    from landslip.errors import OutputError

    if path.exists():
        raise OutputError(f"{path} is there already: give another file with {option}, or move it away")
    if not path.absolute().parent.is_dir():
        raise OutputError(f"there is no folder {path.parent}: make it, or give another file with {option}")
    return path


def checked_name(output: Path, name: str | None) -> str:
    """The name of the new detector; raises where the file cannot be written or the name is none."""
    from landslip.errors import OutputError, SettingsError

    if free_file(output, "-o").suffix != ".onnx":
        raise OutputError(f"{output} cannot be written: give a file that ends in .onnx")
    given = output.stem if name is None else name
    if not _NAME.fullmatch(given):
        raise SettingsError(
            f"'{given}' cannot be the name of a detector: give a to z, 0 to 9, dot, dash, underscore by --name"
        )
    return given


def write_detector(detector: "Detector", output: Path) -> None:
    """Write a detector's file; raises where it cannot be written."""
    from landslip.errors import OutputError

    try:
        detector.save(output)
    except OSError as error:
        raise OutputError(
            f"{output} cannot be written ({error.strerror}): give a file in a folder you may write to"
        ) from error
