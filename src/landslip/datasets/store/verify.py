"""Proves that a store gives back the HDF5 files it was packed from, bit for bit."""

import os
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.hdf5 import read_dataset
from landslip.datasets.l4s import L4sSet
from landslip.datasets.l4s_values import IMAGE, MASK, file_values
from landslip.datasets.patch import NOT_OBSERVED
from landslip.datasets.statistics import Watch
from landslip.datasets.store.format import IMAGES, MASKS, StoreEntry
from landslip.datasets.store.reading import PatchStore
from landslip.datasets.store.writing import crc32_of
from landslip.datasets.uint16 import unpack_values
from landslip.errors import RunError


def verify_store(store: PatchStore, source: L4sSet, watch: Watch | None = None) -> int:
    """Compare every patch of a store with its files.

    Args:
        store: the store.
        source: the folder that it was packed from.
        watch: told how many patches are done.

    Returns:
        How many patches were compared: all of the store's.

    Raises:
        RunError: a patch differs by a bit, or a file has no patch that neither was left out.
        PatchesError: a file cannot be read.
    """
    by_name = {entry.image.relative_to(source.folder).as_posix(): entry for entry in source.entries}
    missing = set(by_name) - {entry.image for entry in store.entries} - set(store.header.left_out)
    if missing:
        raise RunError(f"{store.folder} lacks {len(missing)} patches, such as {min(missing)}: pack the set again")
    values = np.empty(store.shape, np.float32)
    for done, (entry, image, mask) in enumerate(_rows(store), 1):
        files = by_name.get(entry.image)
        if files is None:
            raise RunError(f"{source.folder} has no {entry.image}, which {store.folder} was packed from")
        unpack_values(image, values)
        same_image = file_values(values).tobytes() == read_dataset(files.image, IMAGE).tobytes()
        truth = np.full_like(mask, NOT_OBSERVED) if files.mask is None else read_dataset(files.mask, MASK)
        if not same_image or mask.tobytes() != truth.tobytes() or crc32_of(image, mask) != entry.crc32:
            raise RunError(f"patch {entry.id} of {store.folder} differs from {entry.image}: pack the set again")
        if watch is not None:
            watch("verifying", done, len(store))
    return len(store)


def _rows(store: PatchStore) -> Iterator[tuple[StoreEntry, NDArray[np.uint16], NDArray[np.uint8]]]:
    """The patches with their stored arrays, read from the files: what is touched in a map stays in memory."""
    with (store.folder / IMAGES).open("rb") as images, (store.folder / MASKS).open("rb") as masks:
        for entry in store.entries:
            yield entry, _row(images, store.images, entry.index), _row(masks, store.masks, entry.index)


def _row(file: IO[bytes], array: NDArray[Any], index: int) -> NDArray[Any]:
    """One row of an .npy file, whose values are its last bytes."""
    row_bytes = array.nbytes // len(array)
    head_bytes = file.seek(0, os.SEEK_END) - array.nbytes
    file.seek(head_bytes + index * row_bytes)
    return np.frombuffer(file.read(row_bytes), array.dtype).reshape(array.shape[1:])
