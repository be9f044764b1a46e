"""A folder that bears its name only once everything in it is there."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from landslip.errors import OutputError


@contextlib.contextmanager
def finished_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to fill; it takes the name asked for when all went well, and vanishes when it did not.

    Raises:
        OutputError: something is there already, or the place cannot be written to.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} is already there: give a folder that is new or empty")
    unfinished = folder.parent / f".{folder.name}.unfinished"
    try:
        # What a killed run left behind.
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        yield unfinished
        if folder.exists():
            folder.rmdir()
        unfinished.replace(folder)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror or error}): give a folder with room that you may write to"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
