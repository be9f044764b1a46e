"""Opens a store and reads its patches: nothing is loaded until a patch is touched."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import ValidationError

from landslip.datasets.l4s_channels import DIVISORS, L4S_CHANNELS, SIDE_PX
from landslip.datasets.patch import Patch
from landslip.datasets.patch_set import EntrySet
from landslip.datasets.store.format import HEADER, IMAGES, MASKS, TABLE, StoreEntry, StoreHeader, entries_of
from landslip.datasets.uint16 import OFFSETS, unpack_values
from landslip.errors import PatchesError


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
