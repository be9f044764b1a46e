"""The files of a store and what is written in them; docs/data.md says the same for readers of other languages."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from landslip.datasets.check import CheckReport
from landslip.datasets.patch_set import Split, split_named
from landslip.errors import PatchesError
from landslip.files.model import Frozen

HEADER: Final = "store.json"
IMAGES: Final = "images.npy"
MASKS: Final = "masks.npy"
TABLE: Final = "patches.csv"
NOTICE: Final = (
    "If the files are those of Landslide4Sense: CC BY 4.0, Ghorbanzadeh et al. 2022, doi 10.1109/TGRS.2022.3215209, "
    "Zenodo 10.5281/zenodo.10463239. Contains modified Copernicus Sentinel data."
)
COLUMNS: Final = ("id", "split", "scene", "row", "col", "landslide_px", "image", "mask", "crc32")


class StoreHeader(Frozen):
    """What ``store.json`` says."""

    format: Literal["landslip patch store"] = "landslip patch store"
    version: Literal[1] = 1
    patches: int
    side_px: int
    channels: tuple[str, ...]
    units: tuple[str, ...]
    offsets: tuple[float, ...]
    """By channel: the value in its unit is the stored number less this."""
    divisors: tuple[float, ...]
    """By channel: the value in its unit, divided by this in float64, is that of the HDF5 file."""
    splits: dict[Split, int]
    left_out: tuple[str, ...]
    """Images of the folder that were refused and left out; the check says why."""
    check: CheckReport
    source_bytes: int
    """Of the HDF5 files that were packed."""
    identity: str
    """Of the HDF5 files, places and format: a store of another identity is another store."""
    notice: str
    landslip_version: str


@dataclass(frozen=True, slots=True)
class StoreEntry:
    """One patch of a store: a row of its table."""

    index: int
    """Position in the arrays."""
    id: int
    split: Split
    scene: str
    row: int | None
    col: int | None
    landslide_px: int | None
    """None where there is no mask: all of it is then not observed."""
    image: str
    """HDF5 file of the image, in the folder that was packed."""
    mask: str | None
    crc32: int
    """Of the patch's bytes in the two arrays, image then mask."""

    def cells(self) -> tuple[object, ...]:
        """The cells of its row in the table."""
        place = (self.scene, self.row, self.col)
        return (self.id, self.split, *place, self.landslide_px, self.image, self.mask, f"{self.crc32:08x}")

    @classmethod
    def from_cells(cls, index: int, cells: Mapping[str, str]) -> "StoreEntry":
        """Read a row of the table.

        Raises:
            ValueError, KeyError, PatchesError: it is no such row.
        """
        return cls(
            index=index,
            id=int(cells["id"]),
            split=split_named(cells["split"]),
            scene=cells["scene"],
            row=_whole(cells["row"]),
            col=_whole(cells["col"]),
            landslide_px=_whole(cells["landslide_px"]),
            image=cells["image"],
            mask=cells["mask"] or None,
            crc32=int(cells["crc32"], 16),
        )


def _whole(text: str) -> int | None:
    return int(text) if text else None


def entries_of(lines: Iterable[str], path: Path) -> tuple[StoreEntry, ...]:
    """Read the lines of a table, its head among them.

    Raises:
        PatchesError: it is damaged.
    """
    rows = csv.DictReader(lines)
    entries: list[StoreEntry] = []
    try:
        if tuple(rows.fieldnames or ()) != COLUMNS:
            raise ValueError(f"its columns are not {', '.join(COLUMNS)}")
        entries.extend(StoreEntry.from_cells(index, cells) for index, cells in enumerate(rows))
    except (PatchesError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise PatchesError(f"{path} is damaged after {len(entries)} patches ({error}): pack the set again") from error
    return tuple(entries)
