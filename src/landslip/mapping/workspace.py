"""The folder of a run: unfinished work inside it, the journal that lets it go on, and the moment it is published.

Everything is made in ``.unfinished`` inside the output folder and moved out, file by file, when all of it is whole;
``summary.json`` comes last. A run killed at any moment leaves no half-written file under a final name.
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
from landslip.grid.window import Window

_IDENTITY: Final = "identity.json"
_JOURNAL: Final = "blocks-done.txt"
_PUBLISHING: Final = "publishing.json"
_LOCK: Final = "lock"


class Workspace:
    """The unfinished work in one output folder, held by one run at a time."""

    resumed: bool
    """Whether some blocks were done by an earlier run."""
    publishing: bool
    """Whether an earlier run was killed while it moved this very map out."""

    def __init__(self, out: Path, products: Sequence[str], identity: str, lock: IO[str]) -> None:
        self.out = out
        self.folder = out / UNFINISHED
        self.resumed = False
        self.publishing = False
        self._products = tuple(products)
        self._identity = identity
        self._lock = lock

    def path(self, name: str) -> Path:
        """Where a file is made before it is published."""
        return self.folder / name

    def blocks_done(self) -> set[Window]:
        """The blocks that an earlier run has written whole."""
        journal = self.path(_JOURNAL)
        if not journal.exists():
            return set()
        return {Window(*map(int, line.split())) for line in journal.read_text().splitlines()}

    def record_block(self, block: Window) -> None:
        """Note that a block is on disk."""
        with self.path(_JOURNAL).open("a") as journal:
            journal.write(f"{block.row} {block.col} {block.height} {block.width}\n")

    def mend_journal(self) -> None:
        """Drop a line without its end: it was being written when the run was killed, and the next would run into it."""
        journal = self.path(_JOURNAL)
        text = journal.read_text() if journal.exists() else ""
        if text and not text.endswith("\n"):
            journal.write_text(text[: text.rfind("\n") + 1])

    def publish(self) -> None:
        """Move the products out, the last of them last, and remove what was unfinished."""
        self.path(_PUBLISHING).write_text(self._identity)
        last = self._products[-1]
        if self.path(last).exists():
            # While an older map is replaced the folder holds a mixture: without its last file, nobody takes it for one.
            (self.out / last).unlink(missing_ok=True)
        for name in self._products:
            if self.path(name).exists():
                self.path(name).replace(self.out / name)
        self._lock.close()
        shutil.rmtree(self.folder)

    def remove(self, names: Sequence[str]) -> None:
        """Remove unfinished files of these names, with those that a library keeps beside them."""
        for name in names:
            for path in self.folder.glob(name + "*"):
                path.unlink()

    def clear(self) -> None:
        """Forget all unfinished work but the lock."""
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
) -> Iterator[Workspace]:
    """Take an output folder for one run.

    Args:
        out: the folder; made if need be.
        products: names of the files of a map, in the order in which they are published.
        raster_identity: what the unfinished raster depends on; other unfinished work is not gone on with.
        identity: what the whole map depends on.
        resume: go on with unfinished work.
        overwrite: allow a map that is already there to be replaced.

    Raises:
        OutputError: the folder cannot be written, is in use, or holds a map.
    """
    try:
        with _locked(out, products, _text(identity)) as workspace:
            going_on = resume and _holds(workspace.path(_IDENTITY), _text(raster_identity))
            workspace.publishing = going_on and _holds(workspace.path(_PUBLISHING), _text(identity))
            there = [name for name in products if (out / name).exists()]
            if there and not overwrite and not workspace.publishing:
                raise OutputError(
                    f"{out} already holds a map ({there[0]}): give another folder, or --overwrite to replace it "
                    "once the new one is finished"
                )
            if not going_on:
                workspace.clear()
                workspace.path(_IDENTITY).write_text(_text(raster_identity))
            workspace.mend_journal()
            workspace.resumed = going_on and bool(workspace.blocks_done())
            yield workspace
    except OSError as error:
        raise OutputError(
            f"{out} cannot be written ({error.strerror or error}): give a folder with room that you may write to"
        ) from error


@contextlib.contextmanager
def _locked(out: Path, products: Sequence[str], identity: str) -> Iterator[Workspace]:
    made = not out.exists()
    (out / UNFINISHED).mkdir(parents=True, exist_ok=True)
    with (out / UNFINISHED / _LOCK).open("w") as lock:
        if not lock_file(lock):
            raise OutputError(f"another run is writing to {out}: wait for it, or give another folder")
        workspace = Workspace(out, products, identity, lock)
        try:
            yield workspace
        finally:
            # Nothing was begun: leave no trace.
            left = workspace.folder.exists() and [path.name for path in workspace.folder.iterdir()]
            if left == [_LOCK]:
                shutil.rmtree(workspace.folder)
                if made:
                    out.rmdir()


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


def _text(identity: Mapping[str, object]) -> str:
    return json.dumps(identity, sort_keys=True)


def sha256_of(path: Path) -> str:
    """Sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
