"""The workspace of a run: unfinished files, the journal from which a killed run resumes, and publication.

All files are made in ``.unfinished`` inside the output folder and moved out when all of them are complete, with
``summary.json`` last. A run killed at any moment leaves no incomplete file under a final name.
"""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from landslip.errors import OutputError
from landslip.files.atomic import UNFINISHED, lock_file
from landslip.files.path_names import check_path_name
from landslip.grid.window import Window

_IDENTITY: Final = "identity.json"
_JOURNAL: Final = "blocks-done.txt"
_PUBLISHING: Final = "publishing.json"
_LOCK: Final = "lock"


class Workspace:
    """The unfinished files in an output folder, locked by one run at a time."""

    resumed: bool
    """Whether an earlier run finished some blocks."""
    publishing: bool
    """Whether an earlier run was killed while it published this map."""

    def __init__(
        self, out: Path, products: Sequence[str], identity: str, lock: IO[str], stale: Sequence[str] = ()
    ) -> None:
        self.out = out
        self.folder = out / UNFINISHED
        self.resumed = False
        self.publishing = False
        self._products = tuple(products)
        self._stale = tuple(stale)
        self._identity = identity
        self._lock = lock

    def path(self, name: str) -> Path:
        """Return the path of a file before it is published."""
        return self.folder / name

    def blocks_done(self) -> set[Window]:
        """Return the blocks that an earlier run finished."""
        journal = self.path(_JOURNAL)
        if not journal.exists():
            return set()
        return {Window(*map(int, line.split())) for line in journal.read_text().splitlines()}

    def record_block(self, block: Window) -> None:
        """Record in the journal that a block is on disk."""
        with self.path(_JOURNAL).open("a") as journal:
            journal.write(f"{block.row} {block.col} {block.height} {block.width}\n")

    def repair_journal(self) -> None:
        """Remove an incomplete last line, left by a run that was killed while writing it."""
        journal = self.path(_JOURNAL)
        text = journal.read_text() if journal.exists() else ""
        if text and not text.endswith("\n"):
            journal.write_text(text[: text.rfind("\n") + 1])

    def publish(self) -> None:
        """Move the products out, in order, and remove the workspace."""
        self.path(_PUBLISHING).write_text(self._identity)
        last = self._products[-1]
        if self.path(last).exists():
            # While an older map is replaced, the folder holds files of both and must not look like a finished map.
            (self.out / last).unlink(missing_ok=True)
        for name in self._stale:
            (self.out / name).unlink(missing_ok=True)
        for name in self._products:
            if self.path(name).exists():
                self.path(name).replace(self.out / name)
        self._lock.close()
        shutil.rmtree(self.folder)

    def remove(self, names: Sequence[str]) -> None:
        """Remove unfinished files of these names, and auxiliary files beside them."""
        for name in names:
            for path in self.folder.glob(name + "*"):
                path.unlink()

    def clear(self) -> None:
        """Remove all unfinished files but the lock."""
        for path in self.folder.iterdir():
            if path.name != _LOCK:
                path.unlink()


@contextlib.contextmanager
def open_workspace(
    out: Path,
    products: Sequence[str],
    *,
    raster_identity: Mapping[str, object],
    identity: Mapping[str, object],
    resume: bool,
    overwrite: bool,
    stale: Sequence[str] = (),
) -> Iterator[Workspace]:
    """Lock an output folder for one run.

    Args:
        out: the folder; created where missing.
        products: names of the files of a map, in the order in which they are published.
        raster_identity: what the raster depends on; unfinished files of another identity are discarded.
        identity: what the whole map depends on.
        resume: resume unfinished work.
        overwrite: allow an existing map to be replaced.
        stale: names of files that a replaced map may have and this one has not; removed on publication.

    Raises:
        OutputError: the folder cannot be written, is in use, or holds a map that must not be replaced.
    """
    check_path_name(out, OutputError, "out", forbidden="!")
    try:
        with _locked(out, products, _text(identity), stale) as workspace:
            resumes = resume and _holds(workspace.path(_IDENTITY), _text(raster_identity))
            workspace.publishing = resumes and _holds(workspace.path(_PUBLISHING), _text(identity))
            existing = [name for name in products if (out / name).exists()]
            if existing and not overwrite and not workspace.publishing:
                raise OutputError(
                    f"{out} already holds a map ({existing[0]}): give another folder, or allow it to be overwritten "
                    "once the new map is finished",
                    parameter="overwrite",
                )
            if not resumes:
                workspace.clear()
                workspace.path(_IDENTITY).write_text(_text(raster_identity))
            workspace.repair_journal()
            workspace.resumed = resumes and bool(workspace.blocks_done())
            yield workspace
    except OSError as error:
        raise OutputError(
            f"{out} cannot be written ({error.strerror or error}): give a folder with free space that you may write to",
            parameter="out",
        ) from error


@contextlib.contextmanager
def _locked(out: Path, products: Sequence[str], identity: str, stale: Sequence[str]) -> Iterator[Workspace]:
    created = not out.exists()
    (out / UNFINISHED).mkdir(parents=True, exist_ok=True)
    with (out / UNFINISHED / _LOCK).open("w") as lock:
        if not lock_file(lock):
            raise OutputError(
                f"another run is writing to {out}: wait for it to end, or give another folder", parameter="out"
            )
        workspace = Workspace(out, products, identity, lock, stale)
        try:
            yield workspace
        finally:
            # A run that made no file leaves no folder.
            remaining = workspace.folder.exists() and [path.name for path in workspace.folder.iterdir()]
            if remaining == [_LOCK]:
                shutil.rmtree(workspace.folder)
                if created:
                    out.rmdir()


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


def _text(identity: Mapping[str, object]) -> str:
    return json.dumps(identity, sort_keys=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
