"""Unpacks the chunks of an HDF5 dataset within bounds.

The HDF5 library grows its buffer for as long as a gzip stream goes on: 1 MB of file was seen to take 1 GB of memory.
So the packed chunks are taken as they are and unpacked here, never to more bytes than a chunk has.
"""

import itertools
import math
import zlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

MAX_CHUNKS: Final = 4096
_GROWTH_BYTES: Final = 1 << 16
"""By which packing may lengthen a chunk that cannot be packed; zlib's own bound for these chunks is lower."""
_DEFLATE: Final = 1
_SHUFFLE: Final = 2
FILTERS: Final = frozenset({_DEFLATE, _SHUFFLE})
"""Codes of the HDF5 filters that are undone here: gzip and shuffle."""


class ChunkError(ValueError):
    """The chunks are not all there, or one is not what its dataset declares."""


def read_chunks(dataset: Any, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Read a chunked dataset (h5py's low-level one) whole.

    Raises:
        ChunkError: a chunk is missing, or unpacks to more or fewer bytes than it has.
    """
    plan = dataset.get_create_plist()
    chunk: tuple[int, ...] = plan.get_chunk()
    filters = [plan.get_filter(index)[0] for index in range(plan.get_nfilters())]
    starts = [range(0, side, step) for side, step in zip(shape, chunk, strict=True)]
    if math.prod(map(len, starts)) > MAX_CHUNKS:
        raise ChunkError(f"it is cut into more than {MAX_CHUNKS:,} chunks")
    stored: dict[tuple[int, ...], int] = {}
    dataset.chunk_iter(lambda info: stored.update({tuple(info.chunk_offset): info.size}))
    values = np.empty(shape, dtype)
    chunk_bytes = math.prod(chunk) * values.dtype.itemsize
    for offset in itertools.product(*starts):
        if offset not in stored:
            raise ChunkError("it holds no values for a part of the image")
        if stored[offset] > chunk_bytes + _GROWTH_BYTES:
            raise ChunkError("a chunk is declared to be larger packed than unpacked")
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
                raise ChunkError("a chunk unpacks to more bytes than it has")
            if not stream.eof:  # the end holds the checksum
                raise ChunkError("a chunk is cut short")
        elif code == _SHUFFLE and len(packed) == size:
            packed = np.frombuffer(packed, np.uint8).reshape(dtype.itemsize, -1).T.tobytes()
    if len(packed) != size:
        raise ChunkError("a chunk has too few bytes")
    return packed
