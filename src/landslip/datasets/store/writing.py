"""Writing of a store: a hidden folder beside it, locked by one run, resumed by the next and renamed when complete."""

import contextlib
import csv
import io
import os
import shutil
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from landslip.datasets.l4s_values import L4S_CHANNELS, SIDE_PX
from landslip.datasets.patch_set import MARK
from landslip.datasets.store.format import COLUMNS, HEADER, IMAGES, MASKS, TABLE, StoreEntry, read_entries
from landslip.errors import OutputError, PatchesError
from landslip.files.atomic import lock_file

IDENTITY: Final = "identity.txt"
CHECKED: Final = "check.json"
_LOCK: Final = "lock"
_KNOWN: Final = frozenset({HEADER, IMAGES, MASKS, TABLE, IDENTITY, CHECKED, MARK, _LOCK})


@contextlib.contextmanager
def unfinished_store(store: Path, identity: str) -> Iterator[Path]:
    """Lock the folder of an unfinished store; files of an interrupted run with the same identity are kept.

    Args:
        store: folder of the finished store.
        identity: hash of the files to pack.

    Raises:
        OutputError: the folder cannot be written, or another run has locked it.
    """
    folder = unfinished_folder(store)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _LOCK).open("w") as lock:
            if not lock_file(lock):
                raise OutputError(f"another run is packing {store}: wait for it, or give another folder")
            note = folder / IDENTITY
            if not note.exists() or note.read_text() != identity:
                for name in _KNOWN - {_LOCK}:
                    (folder / name).unlink(missing_ok=True)
                note.write_text(identity)
            try:
                yield folder
            except PatchesError:
                # Refused before a patch was written.
                if not (folder / IMAGES).exists():
                    shutil.rmtree(folder)
                raise
    except OSError as error:
        raise OutputError(
            f"{store} cannot be written ({error.strerror or error}): give a folder on a disk with space that you may "
            "write to"
        ) from error


def unfinished_folder(store: Path) -> Path:
    """Return the folder of a store before it is complete."""
    return store.absolute().with_name(f".{store.name}.unfinished")


def publish(folder: Path, store: Path) -> None:
    """Rename a complete store to its final name, and remove an older store with this name."""
    for name in (IDENTITY, CHECKED, _LOCK):
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
    """Flush a rename to disk, where the operating system supports it."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


_IMAGE_BYTES: Final = len(L4S_CHANNELS) * SIDE_PX**2 * 2
_MASK_BYTES: Final = SIDE_PX**2
_SYNCED_EVERY: Final = 64


class StoreWriter:
    """Appends patches to the files of a store; a context manager."""

    def __init__(self, folder: Path, patches: int) -> None:
        """Open the files of an unfinished store, which may have rows of an interrupted run.

        Args:
            folder: folder of the unfinished store.
            patches: number of patches of the complete store.
        """
        self._paths = tuple(folder / name for name in (IMAGES, MASKS, TABLE))
        self._headers = (
            _npy_header((patches, len(L4S_CHANNELS), SIDE_PX, SIDE_PX), np.uint16),
            _npy_header((patches, SIDE_PX, SIDE_PX), np.uint8),
            _csv_line(COLUMNS),
        )
        self.entries: list[StoreEntry] = list(self._complete_rows())
        self._files = [self._reopen(number) for number in range(3)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def add(self, entry: StoreEntry, image: NDArray[np.uint16], mask: NDArray[np.uint8]) -> None:
        """Append a patch; its table row is written after its pixels."""
        parts = (image.astype("<u2", copy=False).tobytes(), mask.tobytes())
        for file, part in zip(self._files[:2], parts, strict=True):
            file.write(part)
            file.flush()
        self._files[2].write(_csv_line(entry.cells()))
        self._files[2].flush()
        self.entries.append(entry)
        if len(self.entries) % _SYNCED_EVERY == 0:
            self.sync()

    def sync(self) -> None:
        """Flush all files to disk."""
        for file in self._files:
            file.flush()
            os.fsync(file.fileno())

    def _complete_rows(self) -> Sequence[StoreEntry]:
        """Return the patches that an earlier run wrote completely, by the checksums of the table."""
        images, masks, table = self._paths
        if not all(path.exists() for path in self._paths):
            return []
        lines = table.read_bytes()
        lines = lines[: lines.rfind(b"\n") + 1]
        if not lines.startswith(self._headers[2]):
            return []
        try:
            entries = read_entries(io.StringIO(lines.decode("utf-8"), newline=""), table)
        except (PatchesError, UnicodeDecodeError):
            return []
        complete: list[StoreEntry] = []
        with images.open("rb") as image_file, masks.open("rb") as mask_file:
            if any(
                file.read(len(head)) != head
                for file, head in zip((image_file, mask_file), self._headers[:2], strict=True)
            ):
                return []
            for entry in entries:
                image, mask = image_file.read(_IMAGE_BYTES), mask_file.read(_MASK_BYTES)
                if zlib.crc32(mask, zlib.crc32(image)) != entry.crc32:
                    break
                complete.append(entry)
        return complete

    def _reopen(self, number: int) -> io.BufferedRandom:
        """Open one of the files and truncate it after its last complete row."""
        path, head = self._paths[number], self._headers[number]
        if not self.entries:
            path.write_bytes(head)
        rows = len(self.entries)
        table_bytes = len(b"".join([head, *(_csv_line(entry.cells()) for entry in self.entries)]))
        end = (len(head) + rows * _IMAGE_BYTES, len(head) + rows * _MASK_BYTES, table_bytes)[number]
        file = path.open("r+b")
        file.truncate(end)
        file.seek(end)
        return file


def crc32_of(image: NDArray[np.uint16], mask: NDArray[np.uint8]) -> int:
    """Return the checksum of the bytes of an image and then its mask, as stored."""
    return zlib.crc32(mask.tobytes(), zlib.crc32(image.astype("<u2", copy=False).tobytes()))


def _npy_header(shape: tuple[int, ...], dtype: DTypeLike) -> bytes:
    """Return the header of an .npy file."""
    header = io.BytesIO()
    description = npy.dtype_to_descr(np.dtype(dtype).newbyteorder("<"))
    npy.write_array_header_1_0(header, {"descr": description, "fortran_order": False, "shape": shape})
    return header.getvalue()


def _csv_line(cells: Sequence[object]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode("utf-8")
