"""Reading one dataset of an untrusted HDF5 file, in bounded memory.

The HDF5 library extends its buffer until the end of a gzip stream: a file of 1 MB took 1 GB of memory in a test. So the
compressed chunks are read as they are and decompressed here, never to more bytes than a chunk has.
"""

import itertools
import math
import stat
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from landslip.errors import PatchesError, require_extra

MAX_CHUNKS: Final = 4096
_GROWTH_BYTES: Final = 1 << 16
"""By how much compression may enlarge an incompressible chunk; the bound of zlib is lower."""
_DEFLATE: Final = 1
_SHUFFLE: Final = 2
FILTERS: Final = frozenset({_DEFLATE, _SHUFFLE})
"""Codes of the supported HDF5 filters: gzip and shuffle."""


class ChunkError(ValueError):
    """A chunk is missing, or is not as its dataset declares."""


def read_chunks(dataset: Any, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Read a chunked dataset (of h5py's low-level API).

    Raises:
        ChunkError: a chunk is missing, or does not decompress to its declared size.
    """
    plan = dataset.get_create_plist()
    chunk: tuple[int, ...] = plan.get_chunk()
    filters = [plan.get_filter(index)[0] for index in range(plan.get_nfilters())]
    starts = [range(0, side, step) for side, step in zip(shape, chunk, strict=True)]
    if math.prod(map(len, starts)) > MAX_CHUNKS:
        raise ChunkError(f"it has more than {MAX_CHUNKS:,} chunks")
    stored: dict[tuple[int, ...], int] = {}
    dataset.chunk_iter(lambda info: stored.update({tuple(info.chunk_offset): info.size}))
    values = np.empty(shape, dtype)
    chunk_bytes = math.prod(chunk) * values.dtype.itemsize
    for offset in itertools.product(*starts):
        if offset not in stored:
            raise ChunkError("a part of the image has no values")
        if stored[offset] > chunk_bytes + _GROWTH_BYTES:
            raise ChunkError("a chunk is declared to be larger compressed than not")
        skipped, packed = dataset.read_direct_chunk(offset)
        used = [code for index, code in enumerate(filters) if not skipped >> index & 1]
        block = np.frombuffer(_unpacked(packed, used, chunk, values.dtype), values.dtype).reshape(chunk)
        inside = tuple(
            slice(start, min(start + step, side)) for start, step, side in zip(offset, chunk, shape, strict=True)
        )
        values[inside] = block[tuple(slice(0, part.stop - part.start) for part in inside)]
    return values


def _unpacked(packed: bytes, filters: Sequence[int], chunk: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    size = math.prod(chunk) * dtype.itemsize
    for code in reversed(filters):
        if code == _DEFLATE:
            stream = zlib.decompressobj()
            packed = stream.decompress(packed, size)
            if not stream.eof and stream.decompress(stream.unconsumed_tail, 1):
                raise ChunkError("a chunk decompresses to more bytes than declared")
            if not stream.eof:  # the checksum is at the end
                raise ChunkError("a chunk is truncated")
        elif code == _SHUFFLE and len(packed) == size:
            packed = np.frombuffer(packed, np.uint8).reshape(dtype.itemsize, -1).T.tobytes()
    if len(packed) != size:
        raise ChunkError("a chunk has too few bytes")
    return packed


MAX_FILE_BYTES: Final = 1 << 26
"""64 MiB, 35 times an image of Landslide4Sense. Larger files are not opened."""
_CHUNK_MARGIN: Final = 16
"""A chunk may be larger than the dataset by this factor, as in datasets that were made to grow."""

_NAMES_SHOWN: Final = 5

FileFault = Literal["unreadable", "not HDF5", "too large", "key", "link", "shape", "dtype", "storage", "filter"]


class Hdf5Error(PatchesError):
    """A fault of one file."""

    def __init__(self, path: Path, kind: FileFault, text: str) -> None:
        """Describe a fault.

        Args:
            path: the file.
            kind: name of the fault in the findings of a check.
            text: the rest of a sentence that starts with the file name.
        """
        super().__init__(f"{path} {text}")
        self.kind = kind
        self.text = text


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """The one dataset that a file must have."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size_bytes(self) -> int:
        """Size of its values."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


def read_dataset(path: Path, wanted: DatasetSpec) -> NDArray[Any]:
    """Read a dataset, after checking everything that the file declares about it.

    Raises:
        Hdf5Error: the file lacks the dataset, or stores it in another form.
    """
    h5py = require_extra("h5py", "train")
    try:
        _check_is_plain_file(path)
        with h5py.File(path, "r", locking=False) as file:
            dataset = _declared(h5py, path, file.id, wanted)
            if dataset.get_create_plist().get_layout() == h5py.h5d.CHUNKED:
                return read_chunks(dataset, wanted.shape, dataset.dtype).astype(wanted.dtype, copy=False)
            values = np.empty(wanted.shape, wanted.dtype)
            dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
            return values
    except Hdf5Error:
        raise
    except ChunkError as fault:
        raise Hdf5Error(path, "storage", f"cannot be read, {fault}: download it again") from fault
    # The library raises any of these for a damaged file.
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError, MemoryError, zlib.error) as error:
        raise Hdf5Error(
            path, "unreadable", f"cannot be read as HDF5 ({_first_line(error)}): download it again"
        ) from error


def _check_is_plain_file(path: Path) -> None:
    """Refuse pipes and devices, which would block when opened, and other formats."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise Hdf5Error(path, "unreadable", "is not a file")
    if status.st_size > MAX_FILE_BYTES:
        raise Hdf5Error(
            path, "too large", f"has {status.st_size:,} bytes: a file of this set has at most a few million"
        )
    with path.open("rb") as file:
        if file.read(8) != b"\x89HDF\r\n\x1a\n":
            raise Hdf5Error(path, "not HDF5", "is not HDF5, its signature is missing")


def _declared(h5py: Any, path: Path, file: Any, wanted: DatasetSpec) -> Any:
    """Open the dataset, if everything that the file declares about it is as expected."""
    name = wanted.name.encode()
    root = h5py.h5g.open(file, b"/")
    if not root.links.exists(name):
        names = ", ".join(_names(root)) or "nothing"
        raise Hdf5Error(path, "key", f"has {names} instead of {wanted.name}")
    if root.links.get_info(name).type != h5py.h5l.TYPE_HARD:
        raise Hdf5Error(path, "link", f"has {wanted.name} as a link to another file, which is not followed")
    dataset = h5py.h5o.open(root, name)
    if not isinstance(dataset, h5py.h5d.DatasetID):
        raise Hdf5Error(path, "key", f"has {wanted.name}, but not as a dataset")
    space = dataset.get_space()
    shape = space.get_simple_extent_dims() if space.get_simple_extent_type() == h5py.h5s.SIMPLE else ()
    if shape != wanted.shape:
        raise Hdf5Error(path, "shape", f"declares {wanted.name} with shape {shape}: it must be {wanted.shape}")
    kind = dataset.get_type()
    # Compound and other types can nest deeply: only plain numbers are examined further.
    plain = kind.get_class() in (h5py.h5t.INTEGER, h5py.h5t.FLOAT)
    dtype = kind.dtype.newbyteorder("=").name if plain else "not a plain number"
    if dtype != wanted.dtype:
        raise Hdf5Error(path, "dtype", f"declares {wanted.name} as {dtype}: it must be {wanted.dtype}")
    _check_storage(h5py, path, dataset, wanted)
    return dataset


def _names(root: Any) -> list[str]:
    """Return some of the names in a group."""
    found: list[str] = []

    def note(name: bytes) -> bool | None:
        found.append(ascii(name.decode("utf-8", "replace")[:40])[1:-1])
        return True if len(found) == _NAMES_SHOWN else None  # any value but None stops the iteration

    root.links.iterate(note)
    return found


def _check_storage(h5py: Any, path: Path, dataset: Any, wanted: DatasetSpec) -> None:
    plan = dataset.get_create_plist()
    layout = plan.get_layout()
    if layout not in (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED) or plan.get_external_count():
        raise Hdf5Error(path, "storage", f"stores {wanted.name} in other files, which are not read")
    for index in range(plan.get_nfilters()):
        code = plan.get_filter(index)[0]
        if code not in FILTERS:
            raise Hdf5Error(
                path, "filter", f"compresses {wanted.name} with filter {code}: only gzip and shuffle are supported"
            )
    if layout == h5py.h5d.CHUNKED:
        chunk_bytes = math.prod(plan.get_chunk()) * np.dtype(wanted.dtype).itemsize
        if chunk_bytes > _CHUNK_MARGIN * wanted.size_bytes:
            raise Hdf5Error(
                path, "storage", f"declares chunks of {chunk_bytes:,} bytes, many times the size of {wanted.name}"
            )
    elif dataset.get_storage_size() != wanted.size_bytes:
        raise Hdf5Error(path, "storage", f"declares {wanted.name} but has no values for it")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
