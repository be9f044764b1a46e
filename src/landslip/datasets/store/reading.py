"""Opens a store and reads its patches: nothing is loaded until a patch is touched."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
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
from landslip.datasets.statistics import Watch
from landslip.datasets.store.format import HEADER, IMAGES, MASKS, TABLE, StoreEntry, StoreHeader, entries_of
from landslip.datasets.store.writing import crc32_of
from landslip.errors import PatchesError, RunError
from landslip.probability import NODATA


@dataclass(frozen=True, slots=True, eq=False)
class PatchStore(EntrySet[StoreEntry]):
    """A store, or some of its patches, in the order in which they were packed."""

    folder: Path
    header: StoreHeader
    entries: tuple[StoreEntry, ...]
    images: NDArray[np.uint16]
    """(N, 14, 128, 128) of the whole store, mapped into memory: the values in their units plus the header's offsets."""
    masks: NDArray[np.uint8]
    """(N, 128, 128) of the whole store, mapped into memory."""

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of every patch."""
        return self.header.channels

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every patch."""
        return len(self.channels), self.header.side_px, self.header.side_px

    def read(self, entry: StoreEntry) -> Patch:
        """Read one patch, its values in DN, degrees and metres; the mask all 255 where there was none."""
        values = np.empty(self.images.shape[1:], np.float32)
        unpack_values(self.images[entry.index], values)
        mask = np.array(self.masks[entry.index])
        return Patch(entry.id, entry.scene, entry.row, entry.col, self.channels, values, mask)

    def fill(self, positions: NDArray[np.intp], values: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Read the patches at some positions in the order of the set.

        Args:
            positions: (N,) positions in ``entries``.
            values: (N, 14, 128, 128); written to.
            masks: (N, 128, 128); written to.
        """
        for place, position in enumerate(positions):
            index = self.entries[position].index
            unpack_values(self.images[index], values[place])
            masks[place] = self.masks[index]


def open_store(folder: Path) -> PatchStore:
    """Open a store.

    Raises:
        PatchesError: the folder is no store, or one that is damaged or unfinished.
    """
    path = folder / HEADER
    if not path.is_file():
        raise PatchesError(
            f"{folder} is not a store of patches, it has no {HEADER}: make one with  landslip data pack DIR STORE"
        )
    try:
        header = StoreHeader.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise PatchesError(f"{path} is damaged ({what}): pack the set again") from error
    if header.channels != L4S_CHANNELS or header.offsets != tuple(map(float, OFFSETS)):
        raise PatchesError(f"{path} describes other channels or offsets than those of this format: pack the set again")
    if header.divisors != tuple(map(float, DIVISORS)) or header.side_px != SIDE_PX:
        raise PatchesError(f"{path} describes other divisors or sizes than those of this format: pack the set again")
    shape = (header.patches, SIDE_PX, SIDE_PX)
    images = _mapped(folder / IMAGES, (header.patches, len(L4S_CHANNELS), SIDE_PX, SIDE_PX), np.uint16)
    masks = _mapped(folder / MASKS, shape, np.uint8)
    table = folder / TABLE
    try:
        with table.open(newline="", encoding="utf-8") as lines:
            entries = entries_of(lines, table)
    except (OSError, UnicodeDecodeError) as error:
        raise PatchesError(f"{table} cannot be read ({error}): pack the set again") from error
    if len(entries) != header.patches:
        raise PatchesError(f"{table} has {len(entries)} patches, {HEADER} {header.patches}: pack the set again")
    return PatchStore(folder, header, entries, images, masks)


def _mapped(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Map an array into memory, if it is what the header says."""
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise PatchesError(f"{path} is damaged ({str(error).splitlines()[0]}): pack the set again") from error
    if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
        raise PatchesError(
            f"{path} holds {array.dtype} {array.shape} instead of {np.dtype(dtype)} {shape}: pack the set again"
        )
    return array


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
        truth = np.full_like(mask, NODATA) if files.mask is None else read_dataset(files.mask, MASK)
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
