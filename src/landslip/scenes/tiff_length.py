"""How long a TIFF must be for all that its directories point at: a shorter file was cut in copying.

GDAL opens such a file without a word and fails, or reads zeros, where the missing part is asked for. Layout: TIFF 6.0
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
_MOST_DIRECTORIES = 1_000


@dataclass(frozen=True, slots=True)
class _Layout:
    """How numbers are laid out in one of the kinds of TIFF."""

    order: str
    """``<`` or ``>``, as struct and numpy take it."""
    offset_bytes: int
    first: int
    """Where the offset of the first directory stands."""

    @property
    def count_bytes(self) -> int:
        """Bytes of the number of entries in a directory."""
        return 8 if self.offset_bytes == 8 else 2

    @property
    def entry_bytes(self) -> int:
        """Bytes of an entry: tag, type, count, and its values or where they are."""
        return 4 + 2 * self.offset_bytes

    def number(self, raw: bytes) -> int:
        """An unsigned number of 2, 4 or 8 bytes."""
        return int(struct.unpack(self.order + {2: "H", 4: "I", 8: "Q"}[len(raw)], raw)[0])


_LAYOUTS = {
    b"II*\0": _Layout("<", 4, 4),
    b"MM\0*": _Layout(">", 4, 4),
    b"II+\0": _Layout("<", 8, 8),
    b"MM\0+": _Layout(">", 8, 8),
}


def bytes_needed(path: Path) -> int | None:
    """The length that a TIFF needs at least, in bytes; None for a file that is no TIFF.

    The answer is no less than the true one where the file is whole, and more than the file's length where it was
    cut: what lies beyond the cut cannot be followed.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        layout = _LAYOUTS.get(file.read(4))
        if layout is None:
            return None
        needed = layout.first + layout.offset_bytes
        seen: set[int] = set()
        where = _read(file, layout.first, layout.offset_bytes)
        while where is not None and (directory := layout.number(where)) and directory not in seen:
            if len(seen) == _MOST_DIRECTORIES:
                break
            seen.add(directory)
            needed = max(needed, directory + layout.count_bytes)
            count = _read(file, directory, layout.count_bytes)
            if count is None:
                break
            after = directory + layout.count_bytes + layout.number(count) * layout.entry_bytes
            needed = max(needed, after + layout.offset_bytes, *_reaches(file, layout, directory, layout.number(count)))
            where = _read(file, after, layout.offset_bytes)
    return needed


def _reaches(file: BinaryIO, layout: _Layout, directory: int, entries: int) -> list[int]:
    """Where the values and the image blocks of a directory end."""
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
        if offsets in blocks and sizes in blocks and blocks[offsets].shape == blocks[sizes].shape:
            # An empty block is not stored: its offset means nothing. Floats do not overflow.
            stored = blocks[sizes] > 0
            ends.append(int((blocks[offsets][stored] + blocks[sizes][stored]).max(initial=0)))
    return ends


def _read(file: BinaryIO, start: int, length: int) -> bytes | None:
    """Bytes of a file, or None where it ends before: asked first, since damaged numbers can be of any size."""
    if start + length > os.fstat(file.fileno()).st_size:
        return None
    file.seek(start)
    return file.read(length)
