"""A folder that bears its name only once everything in it is there."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from landslip.errors import OutputError

_UNFINISHED: Final = ".unfinished"


@contextlib.contextmanager
def finished_folder(folder: Path, need_bytes: int) -> Iterator[Path]:
    """Give a folder to fill; it takes the name asked for when all went well, and vanishes when it did not.

    Args:
        folder: the folder; new or empty.
        need_bytes: the room that its files will take.

    Raises:
        OutputError: something is there already, or the place has no room or cannot be written to.
    """
    if folder.exists() and (not folder.is_dir() or any(one.name != _UNFINISHED for one in folder.iterdir())):
        raise OutputError(f"{folder} is already there: give a folder that is new or empty")
    existing = next(one for one in [folder, *folder.absolute().parents] if one.exists())
    free = shutil.disk_usage(existing).free
    if free < need_bytes:
        raise OutputError(
            f"{folder} has {free / 1e6:,.0f} MB free, but about {need_bytes / 1e6:,.0f} MB will be made: make room, "
            "ask for less, or give a folder on another disk"
        )
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
