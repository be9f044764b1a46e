"""Atomic writes, locks and disk space: a file or folder has its final name only once it is complete."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from landslip.errors import OutputError

UNFINISHED: Final = ".unfinished"


@contextmanager
def atomic_path(path: str | Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that is renamed to it when the block ends without an error.

    Args:
        path: where the finished file belongs; its folder must exist.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputError: the file exists and must not be replaced, or it cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with atomic_path(f"{folder}/a.txt") as temporary:
        ...         _ = temporary.write_text("complete")
        ...     Path(f"{folder}/a.txt").read_text()
        'complete'
    """
    final = Path(path)
    if not overwrite and final.exists():
        raise OutputError(f"{final} exists: give another file name, or allow it to be overwritten")
    temporary = final.with_name(f".{final.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(final)
    except OSError as error:
        raise OutputError(
            f"{final} cannot be written ({error.strerror or error}): give a path in an existing folder with "
            "free space that you may write to"
        ) from error
    finally:
        # After a rename there is nothing left to remove.
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | Path, content: bytes, *, overwrite: bool = True) -> None:
    """Write a file atomically.

    Raises:
        OutputError: see ``atomic_path``.
    """
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | Path, content: str, *, overwrite: bool = True) -> None:
    """Write a UTF-8 text file atomically.

    Raises:
        OutputError: see ``atomic_path``.
    """
    write_bytes(path, content.encode("utf-8"), overwrite=overwrite)


@contextmanager
def atomic_folder(folder: str | Path, *, overwrite: bool = False, last: str | None = None) -> Iterator[Path]:
    """Yield a temporary folder whose files get their final path when the block ends without an error.

    A new folder is renamed as a whole. An existing one may be a disk of its own: its files are written to a hidden
    folder inside it, and moved one by one.

    Args:
        folder: where the finished files belong; it is created.
        overwrite: whether the folder may already have files; those of the same name are replaced.
        last: name of the file that is moved last, which tells that the folder is complete.

    Raises:
        OutputError: the folder has files and must not be overwritten, or it cannot be written.
    """
    final = Path(folder)
    exists = final.exists()
    if exists and not overwrite and (not final.is_dir() or any(one.name != UNFINISHED for one in final.iterdir())):
        raise OutputError(f"{final} exists: give a new or empty folder", parameter="folder")
    # An earlier call that was killed may have left its files.
    temporary = final / UNFINISHED if exists else final.parent / f".{final.name}{UNFINISHED}"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        if exists:
            for one in sorted(temporary.iterdir(), key=lambda one: one.name == last):
                one.replace(final / one.name)
        else:
            temporary.replace(final)
    except OSError as error:
        raise OutputError(
            f"{final} cannot be written ({error.strerror or error}): give a folder on a disk with space that you may "
            "write to"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_disk_space(folder: str | Path, need_bytes: int) -> None:
    """Raise if the disk of a folder, which need not exist, has less free space than is needed.

    Raises:
        OutputError: the disk has less free space.
    """
    path = Path(folder)
    existing = next(one for one in [path, *path.absolute().parents] if one.exists())
    free = shutil.disk_usage(existing).free
    if free < need_bytes:
        raise OutputError(
            f"{path} has {free / 1e6:,.0f} MB of free disk space, about {need_bytes / 1e6:,.0f} MB are needed: free "
            "some, or give a folder on another disk"
        )


def lock_file(file: IO[str]) -> bool:
    """Lock an open file until it is closed or this process ends; return False if another process has locked it.

    Windows, and network file systems without locks, do not support this: there it returns True.
    """
    try:
        import fcntl  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
            raise
    return True
