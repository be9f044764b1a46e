"""Atomic writes: a file has its final name only once it is complete."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from landslip.errors import OutputError


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
            f"{final} cannot be written ({error.strerror or error}): give a path in an existing folder you may write to"
        ) from error
    finally:
        # After a rename there is nothing left to remove.
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | Path, content: bytes, *, overwrite: bool = True) -> None:
    """Write a whole file atomically.

    Raises:
        OutputError: see ``atomic_path``.
    """
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | Path, content: str, *, overwrite: bool = True) -> None:
    """Write a whole UTF-8 text file atomically.

    Raises:
        OutputError: see ``atomic_path``.
    """
    write_bytes(path, content.encode("utf-8"), overwrite=overwrite)
