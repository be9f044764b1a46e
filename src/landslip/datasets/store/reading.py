"""Reading of a store; its arrays are memory-mapped."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import ValidationError

from landslip.datasets.hdf5 import read_dataset
from landslip.datasets.l4s import L4sSet
from landslip.datasets.l4s_values import (
    DIVISORS,
    IMAGE,
    L4S_CHANNELS,
    MASK,
    OFFSETS,
    SIDE_PX,
    file_values,
    unpack_values,
)
from landslip.datasets.patch_set import EntrySet, Patch
from landslip.datasets.store.format import HEADER, IMAGES, MASKS, TABLE, StoreEntry, StoreHeader, read_entries
from landslip.datasets.store.writing import crc32_of
from landslip.errors import PatchesError, RunError
from landslip.files.progress import Progress, no_progress, track
from landslip.probability import NODATA


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PatchStore(EntrySet[StoreEntry]):
    """A store, or some of its patches, in the order of packing."""

    folder: Path
    header: StoreHeader
    entries: tuple[StoreEntry, ...]
    images: NDArray[np.uint16]
    """(N, 14, 128, 128) of the whole store, memory-mapped: values in their units plus the offsets of the header."""
    masks: NDArray[np.uint8]
    """(N, 128, 128) of the whole store, memory-mapped."""

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickled memory map would be a copy of all patches.
        return _reopen_store, (self.folder, tuple(entry.index for entry in self.entries))

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of every patch."""
        return self.header.channels

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every patch."""
        return len(self.channels), self.header.side_px, self.header.side_px

    def read(self, entry: StoreEntry) -> Patch:
        """Read a patch, its values in DN, degrees and metres; without labels the mask is nodata everywhere."""
        values = np.empty(self.images.shape[1:], np.float32)
        unpack_values(self.images[entry.index], values)
        mask = np.array(self.masks[entry.index])
        return Patch(entry.id, entry.scene, entry.row, entry.col, self.channels, values, mask)

    def fill(self, positions: NDArray[np.intp], values: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Read patches into arrays.

        Args:
            positions: (N,) indices in ``entries``.
            values: (N, 14, 128, 128), written to.
            masks: (N, 128, 128), written to.
        """
        for number, position in enumerate(positions):
            index = self.entries[position].index
            unpack_values(self.images[index], values[number])
            masks[number] = self.masks[index]


def open_store(folder: str | Path) -> PatchStore:
    """Open a store.

    Raises:
        PatchesError: the folder is not a store, or the store is damaged or incomplete.
    """
    folder = Path(folder)
    path = folder / HEADER
    if not path.is_file():
        raise PatchesError(
            f"{folder} is not a store of patches, {HEADER} is missing: make one with  landslip data pack"
        )
    try:
        header = StoreHeader.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        fault = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise PatchesError(f"{path} is damaged ({fault}): pack the set again") from error
    if header.channels != L4S_CHANNELS or header.offsets != tuple(map(float, OFFSETS)):
        raise PatchesError(f"{path} has other channels or offsets than this version: pack the set again")
    if header.divisors != tuple(map(float, DIVISORS)) or header.side_px != SIDE_PX:
        raise PatchesError(f"{path} has other divisors or sizes than this version: pack the set again")
    shape = (header.patches, SIDE_PX, SIDE_PX)
    images = _mapped(folder / IMAGES, (header.patches, len(L4S_CHANNELS), SIDE_PX, SIDE_PX), np.uint16)
    masks = _mapped(folder / MASKS, shape, np.uint8)
    table = folder / TABLE
    try:
        with table.open(newline="", encoding="utf-8") as lines:
            entries = read_entries(lines, table)
    except (OSError, UnicodeDecodeError) as error:
        raise PatchesError(f"{table} cannot be read ({error}): pack the set again") from error
    if len(entries) != header.patches:
        raise PatchesError(f"{table} has {len(entries)} patches, {HEADER} {header.patches}: pack the set again")
    return PatchStore(folder, header, entries, images, masks)


def _reopen_store(folder: Path, indices: Sequence[int]) -> PatchStore:
    """Open the patches of a store that was pickled, in another process."""
    store = open_store(folder)
    return replace(store, entries=tuple(store.entries[index] for index in indices))


def _mapped(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Memory-map an array, if its shape and type are those of the header."""
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise PatchesError(f"{path} is damaged ({str(error).splitlines()[0]}): pack the set again") from error
    if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
        raise PatchesError(
            f"{path} has {array.dtype} {array.shape} instead of {np.dtype(dtype)} {shape}: pack the set again"
        )
    return array


def verify_store(store: PatchStore, source: L4sSet, progress: Progress = no_progress) -> int:
    """Compare every patch of a store with its HDF5 files, bit for bit.

    Args:
        store: the store.
        source: the folder it was packed from.
        progress: told how many patches are compared.

    Returns:
        The number of patches.

    Raises:
        RunError: a patch differs, or a file was neither packed nor left out.
        PatchesError: a file cannot be read.
    """
    by_name = {entry.image.relative_to(source.folder).as_posix(): entry for entry in source.entries}
    missing = set(by_name) - {entry.image for entry in store.entries} - set(store.header.left_out)
    if missing:
        raise RunError(f"{store.folder} lacks {len(missing)} patches, such as {min(missing)}: pack the set again")
    values = np.empty(store.shape, np.float32)
    for entry, image, mask in track(_rows(store), progress, "verifying", len(store)):
        files = by_name.get(entry.image)
        if files is None:
            raise RunError(f"{source.folder} lacks {entry.image}, from which {store.folder} was packed")
        unpack_values(image, values)
        same_image = file_values(values).tobytes() == read_dataset(files.image, IMAGE).tobytes()
        labels = np.full_like(mask, NODATA) if files.mask is None else read_dataset(files.mask, MASK)
        if not same_image or mask.tobytes() != labels.tobytes() or crc32_of(image, mask) != entry.crc32:
            raise RunError(f"patch {entry.id} of {store.folder} differs from {entry.image}: pack the set again")
    return len(store)


def _rows(store: PatchStore) -> Iterator[tuple[StoreEntry, NDArray[np.uint16], NDArray[np.uint8]]]:
    """Yield the patches with their stored arrays, read from the files: pages of a memory map would stay in memory."""
    with (store.folder / IMAGES).open("rb") as images, (store.folder / MASKS).open("rb") as masks:
        for entry in store.entries:
            yield entry, _row(images, store.images, entry.index), _row(masks, store.masks, entry.index)


def _row(file: IO[bytes], array: NDArray[Any], index: int) -> NDArray[Any]:
    """Read one row of an .npy file, whose last bytes are the values."""
    row_bytes = array.nbytes // len(array)
    head_bytes = file.seek(0, os.SEEK_END) - array.nbytes
    file.seek(head_bytes + index * row_bytes)
    return np.frombuffer(file.read(row_bytes), array.dtype).reshape(array.shape[1:])
