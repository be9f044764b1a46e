"""The folder in which a store is made: hidden beside the store, held by one run, renamed when all of it is whole."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from landslip.datasets.attribution import MARK
from landslip.datasets.store.format import HEADER, IMAGES, MASKS, TABLE
from landslip.errors import OutputError, PatchesError
from landslip.files.locking import hold

IDENTITY: Final = "identity.txt"
CHECKED: Final = "check.json"
UNFINISHED_CHECK: Final = "check.json.part"
_LOCK: Final = "lock"
_KNOWN: Final = frozenset({HEADER, IMAGES, MASKS, TABLE, IDENTITY, CHECKED, UNFINISHED_CHECK, MARK, _LOCK})


@contextlib.contextmanager
def unfinished_store(store: Path, identity: str) -> Iterator[Path]:
    """Hold the folder of an unfinished store; what is in it from an earlier run of the same identity is kept.

    Args:
        store: the folder that the store will be.
        identity: of the files to pack and the settings.

    Raises:
        OutputError: it cannot be written, or another run holds it.
    """
    folder = folder_of(store)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _LOCK).open("w") as lock:
            if not hold(lock):
                raise OutputError(f"another run is packing {store}: wait for it, or give another name")
            note = folder / IDENTITY
            if not note.exists() or note.read_text() != identity:
                for name in _KNOWN - {_LOCK}:
                    (folder / name).unlink(missing_ok=True)
                note.write_text(identity)
            try:
                yield folder
            except PatchesError:
                # Refused before a patch was written: leave no trace.
                if not (folder / IMAGES).exists():
                    shutil.rmtree(folder)
                raise
    except OSError as error:
        raise OutputError(
            f"{store} cannot be written ({error.strerror or error}): give a folder with room that you may write to"
        ) from error


def folder_of(store: Path) -> Path:
    """Where a store is made before it is whole."""
    return store.absolute().with_name(f".{store.name}.unfinished")


def publish(folder: Path, store: Path) -> None:
    """Give a finished store its name; an older store of that name is removed."""
    for name in (IDENTITY, CHECKED, UNFINISHED_CHECK, _LOCK):
        (folder / name).unlink(missing_ok=True)
    if store.exists():
        old = store.absolute().with_name(f".{store.name}.replaced")
        shutil.rmtree(old, ignore_errors=True)
        store.rename(old)
        folder.rename(store)
        shutil.rmtree(old)
    else:
        folder.rename(store)
    _sync_folder(store.absolute().parent)


def _sync_folder(folder: Path) -> None:
    """See to it that a rename is on the disk, where the system can be asked for that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
