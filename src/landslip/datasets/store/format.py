"""The files of a store and their contents; docs/data.md describes them for readers in other languages."""

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
    """The contents of ``store.json``."""

    format: Literal["landslip patch store"] = "landslip patch store"
    version: Literal[1] = 1
    patches: int
    side_px: int
    channels: tuple[str, ...]
    units: tuple[str, ...]
    offsets: tuple[float, ...]
    """By channel: value in its unit = stored number - offset."""
    divisors: tuple[float, ...]
    """By channel: value in the HDF5 file = value in its unit / divisor, in float64."""
    splits: dict[Split, int]
    left_out: tuple[str, ...]
    """Images that were left out because of a finding of the check."""
    check: CheckReport
    source_bytes: int
    """Size of the HDF5 files."""
    identity: str
    """Hash of names, sizes and times of the HDF5 files, of the positions and of the format version."""
    notice: str
    landslip_version: str


@dataclass(frozen=True, slots=True)
class StoreEntry:
    """A patch of a store: a row of its table."""

    index: int
    """Index in the arrays."""
    id: int
    split: Split
    scene: str
    row: int | None
    col: int | None
    landslide_px: int | None
    """None without labels; the mask is then nodata everywhere."""
    image: str
    """HDF5 file of the image, relative to its folder."""
    mask: str | None
    crc32: int
    """Checksum of the bytes of the image and then the mask in the arrays."""

    def cells(self) -> tuple[object, ...]:
        """Return the cells of its row in the table."""
        position = (self.scene, self.row, self.col)
        return (self.id, self.split, *position, self.landslide_px, self.image, self.mask, f"{self.crc32:08x}")

    @classmethod
    def from_cells(cls, index: int, cells: Mapping[str, str]) -> "StoreEntry":
        """Read a row of the table.

        Raises:
            ValueError, KeyError, PatchesError: a cell is invalid or missing.
        """
        return cls(
            index=index,
            id=int(cells["id"]),
            split=split_named(cells["split"]),
            scene=cells["scene"],
            row=_integer(cells["row"]),
            col=_integer(cells["col"]),
            landslide_px=_integer(cells["landslide_px"]),
            image=cells["image"],
            mask=cells["mask"] or None,
            crc32=int(cells["crc32"], 16),
        )


def _integer(text: str) -> int | None:
    return int(text) if text else None


def read_entries(lines: Iterable[str], path: Path) -> tuple[StoreEntry, ...]:
    """Read the lines of a table, with its header.

    Raises:
        PatchesError: the table is damaged.
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
