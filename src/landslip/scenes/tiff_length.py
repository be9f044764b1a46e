"""Length that a TIFF must have for everything its directories point to; a shorter file is truncated.

GDAL opens a truncated file without an error, and then fails or returns zeros for the missing part. Layout: TIFF 6.0
(Adobe 1992) and BigTIFF.
"""

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_TYPE_CODES = {3: "u2", 4: "u4", 16: "u8"}
_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES = 273, 279, 324, 325
_MAX_DIRECTORIES = 1_000


@dataclass(frozen=True, slots=True)
class _Layout:
    """Layout of numbers in one kind of TIFF."""

    order: str
    """Byte order, ``<`` or ``>``."""
    offset_bytes: int
    first: int
    """Position of the offset of the first directory."""

    @property
    def count_bytes(self) -> int:
        """Size of the number of entries of a directory, in bytes."""
        return 8 if self.offset_bytes == 8 else 2

    @property
    def entry_bytes(self) -> int:
        """Size of an entry in bytes: tag, type, count, and its values or their offset."""
        return 4 + 2 * self.offset_bytes

    def number(self, raw: bytes) -> int:
        """Decode an unsigned number of 2, 4 or 8 bytes."""
        return int(struct.unpack(self.order + {2: "H", 4: "I", 8: "Q"}[len(raw)], raw)[0])


_LAYOUTS = {
    b"II*\0": _Layout("<", 4, 4),
    b"MM\0*": _Layout(">", 4, 4),
    b"II+\0": _Layout("<", 8, 8),
    b"MM\0+": _Layout(">", 8, 8),
}


def bytes_needed(path: Path) -> int | None:
    """Return the minimum length of a TIFF in bytes; None if the file is not a TIFF.

    For a complete file the result does not exceed its length; for a truncated one it does, although offsets beyond the
    end cannot be followed.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        layout = _LAYOUTS.get(file.read(4))
        if layout is None:
            return None
        needed = layout.first + layout.offset_bytes
        visited: set[int] = set()
        where = _read(file, layout.first, layout.offset_bytes)
        while where is not None and (directory := layout.number(where)) and directory not in visited:
            if len(visited) == _MAX_DIRECTORIES:
                break
            visited.add(directory)
            needed = max(needed, directory + layout.count_bytes)
            count = _read(file, directory, layout.count_bytes)
            if count is None:
                break
            after = directory + layout.count_bytes + layout.number(count) * layout.entry_bytes
            needed = max(needed, after + layout.offset_bytes, *_reaches(file, layout, directory, layout.number(count)))
            where = _read(file, after, layout.offset_bytes)
    return needed


def _reaches(file: BinaryIO, layout: _Layout, directory: int, entries: int) -> list[int]:
    """Return the ends of the values and the image blocks of a directory."""
    ends = [0]
    blocks: dict[int, NDArray[np.float64]] = {}
    for index in range(entries):
        entry = _read(file, directory + layout.count_bytes + index * layout.entry_bytes, layout.entry_bytes)
        if entry is None:
            break
        tag, kind = layout.number(entry[:2]), layout.number(entry[2:4])
        count = layout.number(entry[4 : 4 + layout.offset_bytes])
        raw: bytes | None = entry[4 + layout.offset_bytes :]
        length = count * _TYPE_BYTES.get(kind, 0)
        if length > layout.offset_bytes:
            start = layout.number(entry[4 + layout.offset_bytes :])
            ends.append(start + length)
            wanted = tag in (_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES)
            raw = _read(file, start, length) if wanted else None
        if raw is not None and kind in _TYPE_CODES and len(raw) >= length:
            code = np.dtype(layout.order + _TYPE_CODES[kind])
            blocks[tag] = np.frombuffer(raw[:length], code).astype(np.float64)
    for offsets, sizes in ((_STRIP_OFFSETS, _STRIP_BYTES), (_TILE_OFFSETS, _TILE_BYTES)):
        if offsets in blocks and sizes in blocks:
            # An empty block is not stored and has no valid offset. Floats do not overflow.
            count = min(len(blocks[offsets]), len(blocks[sizes]))
            starts, lengths = blocks[offsets][:count], blocks[sizes][:count]
            ends.append(int((starts + lengths)[lengths > 0].max(initial=0)))
    return ends


def _read(file: BinaryIO, start: int, length: int) -> bytes | None:
    """Read bytes, or return None beyond the end: checked first, because damaged lengths can have any value."""
    if start + length > os.fstat(file.fileno()).st_size:
        return None
    file.seek(start)
    return file.read(length)
