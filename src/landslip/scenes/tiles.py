"""Tiles of one export side by side, as one file.

Large exports, for example of Google Earth Engine, are cut into files ``NAME-0000000000-0000000000.tif`` of equal bands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine

from landslip.grid.window import Window
from landslip.scenes.naming import companion_of, read_name
from landslip.scenes.raster_file import RasterFile

_LATTICE_TOLERANCE_PX = 0.01
_LEAST_COVER = 0.25
"""Fraction of the common rectangle that tiles must cover: files of distant areas are not tiles of one export."""
_MAX_OVERLAP = 0.25
"""Fraction of a tile that may overlap another one."""
_MAX_GAPS = 0.01
"""Fraction of the rectangle around the tiles that they may leave out without a remark."""
_MAX_SAMPLED_TILES = 16


@dataclass(frozen=True, slots=True)
class Tile:
    """A file and its window in the mosaic."""

    file: RasterFile
    window: Window


class TileMosaic(RasterFile):
    """Files of equal bands on one lattice, read as one file; pixels between them are nodata.

    Args:
        tiles: by row and column of their corner; where they overlap, the first with a valid value counts.
        shape: height and width of the mosaic.
    """

    def __init__(self, tiles: Sequence[Tile], shape: tuple[int, int]) -> None:  # no file is opened
        first = tiles[0].file
        self.tiles = tuple(tiles)
        self.path = first.path
        self.shape = shape
        self.transform = first.transform * Affine.translation(-tiles[0].window.col, -tiles[0].window.row)
        self.parts = tuple(part for tile in tiles for part in tile.file.parts)
        self.count, self.crs, self.dtypes = first.count, first.crs, first.dtypes
        self.has_gcps_or_rpcs = False
        self.descriptions, self.colours, self.nodata = first.descriptions, first.colours, first.nodata
        self.scales, self.offsets, self.alphas = first.scales, first.offsets, first.alphas
        self.units = first.units

    def use_as_channels(self, bands: Sequence[int]) -> None:  # type: ignore[override]
        """Declare which bands hold channels, before any is read."""
        for tile in self.tiles:
            tile.file.use_as_channels(bands)
        self.alphas = self.tiles[0].file.alphas

    def tags(self, band: int = 0, namespace: str | None = None) -> dict[str, str]:
        """Return the tags of the first tile."""
        return self.tiles[0].file.tags(band, namespace)

    def declares_nodata(self, band: int) -> bool:
        """Return whether every tile declares nodata for a band."""
        return all(tile.file.declares_nodata(band) for tile in self.tiles)

    def nodata_values(self, band: int) -> tuple[float, ...]:
        """Return the stored values of a band that are nodata: as the first tile declares, and as given."""
        return self.tiles[0].file.nodata_values(band)

    def set_nodata(self, band: int, value: float) -> None:
        """Declare a stored value of a band as nodata, in addition to what the files declare."""
        for tile in self.tiles:
            tile.file.set_nodata(band, value)

    def set_range(self, band: int, lowest: float, highest: float) -> None:
        """Declare stored values of a band outside a range as nodata."""
        for tile in self.tiles:
            tile.file.set_range(band, lowest, highest)

    def read(
        self, bands: Sequence[int], window: Window, out: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read bands, counted from 1, as stored values (n, h, w), all finite, and their validity (n, h, w).

        Raises:
            SceneError: the pixels cannot be read.
        """
        values = np.zeros((len(bands), *window.shape), np.float32)
        valid = np.zeros(values.shape, np.bool_)
        for tile in self.tiles:
            part = window.intersection(tile.window)
            if part is None:
                continue
            stored, stored_valid = tile.file.read(bands, part.relative_to(tile.window))
            rows, cols = part.relative_to(window).slices
            new = ~valid[:, rows, cols]
            np.copyto(values[:, rows, cols], stored, where=new)
            valid[:, rows, cols] |= stored_valid
        return values, valid

    def sample(self, bands: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read a sample of up to 16 tiles: stored values (n, k) and their validity (n, k).

        Raises:
            SceneError: the pixels cannot be read.
        """
        numbers = np.unique(np.linspace(0, len(self.tiles) - 1, _MAX_SAMPLED_TILES).astype(int))
        parts = [self.tiles[number].file.sample(bands) for number in numbers]
        values, valid = (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
        return values, valid


def join_tiles(files: Sequence[RasterFile]) -> tuple[list[RasterFile], list[str]]:
    """Join files that are tiles of one export; all others are returned as they are.

    Tiles have equal bands, types, CRS, scales and nodata, lie on one lattice of pixels, hardly overlap, and together
    cover at least a quarter of their common rectangle.

    Returns:
        The files, mosaics in the position of their first tile; and notes.
    """
    groups: dict[object, list[RasterFile]] = {}
    for file in files:
        groups.setdefault(_header(file), []).append(file)
    joined: list[RasterFile] = []
    notes: list[str] = []
    for group in groups.values():
        mosaic = _mosaic(group) if len(group) > 1 else None
        if mosaic is None:
            joined += group
            continue
        joined.append(mosaic)
        names = [tile.file.path.name for tile in mosaic.tiles]
        listed = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        area = sum(tile.window.height * tile.window.width for tile in mosaic.tiles)
        gaps = 1 - area / (mosaic.shape[0] * mosaic.shape[1])
        missing = f"; tiles are missing: {gaps:.0%} of their rectangle is nodata" if gaps > _MAX_GAPS else ""
        notes.append(f"{len(names)} files are tiles of one raster: {listed}{missing}")
    return joined, notes


def _header(file: RasterFile) -> object:
    """Return what tiles of one export have in common; something unique for a file that cannot be a tile."""
    if file.crs is None or file.transform.is_identity or file.has_gcps_or_rpcs or companion_of(file.path.stem):
        return id(file)
    channel = read_name(file.path.stem, last_word_only=True).channel if file.count == 1 else None
    nodata = tuple(None if value is None else str(value) for value in file.nodata)
    linear = tuple(
        round(number, 12) for number in (file.transform.a, file.transform.b, file.transform.d, file.transform.e)
    )
    return (
        file.count, file.dtypes, file.crs, file.descriptions, file.scales, file.offsets, nodata, channel, linear,
        file.colours, file.units,
    )  # fmt: skip


def _mosaic(group: Sequence[RasterFile]) -> TileMosaic | None:
    """Return files as one mosaic; None if they are not on one lattice, overlap, or lie far apart."""
    origin = group[0].transform
    if not origin.determinant:
        return None
    corners: list[tuple[int, int]] = []
    for file in group:
        col, row = ~origin * (file.transform.c, file.transform.f)
        if not (np.isfinite(col) and np.isfinite(row)):
            return None
        if max(abs(col - round(col)), abs(row - round(row))) > _LATTICE_TOLERANCE_PX:
            return None
        corners.append((round(row), round(col)))
    top, left = min(row for row, _ in corners), min(col for _, col in corners)
    tiles = [
        Tile(file, Window(row - top, col - left, *file.shape))
        for file, (row, col) in sorted(zip(group, corners, strict=True), key=lambda pair: (pair[1], str(pair[0].path)))
    ]
    height, width = max(tile.window.bottom for tile in tiles), max(tile.window.right for tile in tiles)
    areas = [tile.window.height * tile.window.width for tile in tiles]
    if sum(areas) < _LEAST_COVER * height * width:
        return None
    for index, tile in enumerate(tiles):
        for other in tiles[index + 1 :]:
            common = tile.window.intersection(other.window)
            if common and common.height * common.width > _MAX_OVERLAP * min(
                tile.window.height * tile.window.width, other.window.height * other.window.width
            ):
                return None
    return TileMosaic(tiles, (height, width))


def tile_paths(file: RasterFile) -> tuple[Path, ...]:
    """Return the files of a mosaic, or the file itself."""
    return tuple(tile.file.path for tile in file.tiles) if isinstance(file, TileMosaic) else (file.path,)
