"""A folder that bears its name only once everything in it is there."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from landslip.errors import OutputError

_UNFINISHED: Final = ".unfinished"


@contextlib.contextmanager
def finished_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to fill; it takes the name asked for when all went well, and vanishes when it did not.

    Raises:
        OutputError: something is there already, or the place cannot be written to.
    """
    if folder.exists() and (not folder.is_dir() or any(one.name != _UNFINISHED for one in folder.iterdir())):
        raise OutputError(f"{folder} is already there: give a folder that is new or empty")
    # An empty folder may be a disk of its own, and then nothing beside it is on that disk.
    there = folder.exists()
    unfinished = folder / _UNFINISHED if there else folder.parent / f".{folder.name}{_UNFINISHED}"
    try:
        # What a killed run left behind.
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        yield unfinished
        if there:
            for one in unfinished.iterdir():
                one.replace(folder / one.name)
        else:
            unfinished.replace(folder)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror or error}): give a folder with room that you may write to"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
