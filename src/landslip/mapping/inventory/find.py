"""From encoded probability to the inventory of a map, in a file or in memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.detector.card import Card
from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.mapping.candidate_shape import looks_like_field_or_road
from landslip.mapping.change.attributes import add_change, lies_beside_new
from landslip.mapping.change.raster import ChangeRaster
from landslip.mapping.inventory.attributes import COLUMNS, landslide_table
from landslip.mapping.inventory.files import (
    EXCLUDED_LAYER,
    NOT_NEW_LAYER,
    REASON,
    append_to_geopackage,
    check_geopackage,
    chunks,
)
from landslip.mapping.inventory.outlines import Outline, trace_outlines
from landslip.mapping.inventory.terrain_attributes import Terrain, terrain_reader
from landslip.mapping.job import Job
from landslip.mapping.raster.block_order import strips
from landslip.probability import NODATA, encode_probability, reaches_threshold
from landslip.scenes.masks.kinds import FIELD, OF_CANDIDATES, PRECEDENCE, SLOPE, MaskKind, rules_out

_AREA_TOLERANCE = 0.005
"""A pixel of 10 m in UTM has 99.8 to 100.1 m2 of geodesic area; four of them reach a minimum area of 400 m2."""

Strips = Iterable[tuple[Window, NDArray[np.uint8]]]
"""Encoded probability in strips from top to bottom, without gaps."""


@dataclass(frozen=True, slots=True)
class MaskedRaster:
    """The masks of a probability raster, and the raster once more: candidates that are ruled out are traced after it.

    Args:
        codes: reads the codes of masks (H, W) of a strip; None without masks of pixels.
        strips: reads the encoded probability again, once it is complete.
        kinds: of the masks that are applied.
        min_slope_deg: candidates with a smaller mean slope are ruled out.
        field_slope_deg: candidates with a smaller mean slope and the shape of a field or a road are ruled out.
    """

    codes: Callable[[Window], NDArray[np.uint8]] | None
    strips: Callable[[], Strips]
    kinds: tuple[MaskKind, ...] = ()
    min_slope_deg: float = 0.0
    field_slope_deg: float = 0.0

    @property
    def judging(self) -> tuple[MaskKind, ...]:
        """The masks that judge a candidate as a whole."""
        limits = {SLOPE: self.min_slope_deg, FIELD: self.field_slope_deg}
        return tuple(kind for kind in OF_CANDIDATES if limits[kind] > 0)

    def ruled_out(self, table: gpd.GeoDataFrame, kind: MaskKind) -> NDArray[np.bool_]:
        """Return which candidates a mask of candidates rules out, (n,)."""
        slope = table["slope_mean_deg"].to_numpy()
        if kind == SLOPE:
            return np.asarray(slope < self.min_slope_deg)
        shape = (table[name].to_numpy() for name in ("area_m2", "length_m", "width_m"))
        return np.asarray((slope < self.field_slope_deg) & looks_like_field_or_road(*shape))


@dataclass(frozen=True, slots=True)
class Extent:
    """A number of things, and what they cover."""

    count: int = 0
    pixels: int = 0
    area_m2: float = 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """The inventory of a map in numbers."""

    areas_m2: NDArray[np.float64]
    """Area of every landslide, in the order of the ids."""
    valid_px: int
    valid_area_m2: float
    masked: Mapping[str, Extent] = field(default_factory=dict)
    """Pixels and area of each mask, by its name; of gentle slopes those of the candidates."""
    excluded: Mapping[str, Extent] = field(default_factory=dict)
    """Candidates that each mask rules out."""
    not_new: Extent = Extent()
    """Candidates of the image after that were there before."""
    mean_probability: float | None = None
    """Of all landslides, weighted by area; None where there is none."""


@dataclass(frozen=True, slots=True)
class ChangeLayers:
    """The rasters of a map of two dates, for attributes of change and the candidates that are not new."""

    change: ChangeRaster
    probability: Callable[[Window], NDArray[np.uint8]]
    """Reads the encoded probability of a new landslide (H, W)."""


def find_landslides(
    job: Job, encoded: Strips, path: Path, masked: MaskedRaster | None = None, change: ChangeLayers | None = None
) -> Found:
    """Find the landslides of a probability raster and write them to a GeoPackage.

    Pixels that a mask rules out are no part of a landslide; the candidates there, and those on gentle slopes, go to the
    layer ``excluded`` with the reason, as do fields and roads by their shape.

    Args:
        job: what is mapped.
        encoded: the raster in strips.
        path: of the GeoPackage; must not exist.
        masked: the masks of the raster, if there are any.
        change: the rasters of a map of two dates; candidates that are not new go to the layer ``not_new`` then.
    """
    grid, card, image_date = job.grid, job.detector.card, job.scene.date
    judging = masked.judging if masked else ()
    judges = [(kind, masked.ruled_out) for kind in judging] if masked else []
    codes = masked.codes if masked else None
    counter = _PixelCounter(grid)
    terrain = terrain_reader(job.scene, job.region, grid)

    def tables(strips: Strips) -> Iterator[gpd.GeoDataFrame]:
        return landslide_tables(
            strips,
            grid,
            card,
            threshold=job.threshold,
            min_area_m2=job.settings.min_area_m2,
            image_date=image_date,
            terrain=terrain,
        )

    def with_change(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        if change is None or job.pair is None:
            return table
        return add_change(table, grid, change.change, change.probability, (job.pair.date_before, image_date))

    empty = landslide_table([], grid, card, image_date, 1)
    append_to_geopackage(path, with_change(empty))
    areas_m2: list[NDArray[np.float64]] = []
    probability_m2 = 0.0
    excluded = _ExcludedLayer(path, grid)
    if masked and (judging or any(not kind.hides for kind in masked.kinds)):
        excluded.add(empty, SLOPE)
    first_id = 1
    for table in tables(counter.count(encoded, codes)):
        for kind, judge in judges:
            judged = judge(table, kind)
            if judged.any():
                excluded.add(table[judged], kind)
                table = table[~judged]  # noqa: PLW2901 - the rest of the same rows
        if len(table):
            areas_m2.append(table["area_m2"].to_numpy())
            probability_m2 += float((table["area_m2"] * table["probability_mean"]).sum())
            append_to_geopackage(path, with_change(table).assign(id=np.arange(first_id, first_id + len(table))))
            first_id += len(table)
    check_geopackage(path, sum(map(len, areas_m2)))
    if masked and codes:
        for kind in masked.kinds:
            for table in () if kind.hides else tables(_only_code(masked.strips(), codes, kind.code)):
                excluded.add(table, kind)
    excluded.check()
    not_new = _add_not_new(job, path, change, codes, with_change, terrain) if change else Extent()
    by_name = {kind.name: counter.extent(kind.code) for kind in (masked.kinds if masked else ())}
    for kind in judging:
        by_name[kind.name] = excluded.extents.get(kind.name, Extent())
    areas = np.concatenate([np.zeros(0), *areas_m2])
    mean = probability_m2 / float(areas.sum()) if areas.size else None
    return Found(areas, counter.pixels, counter.area_m2, by_name, excluded.extents, not_new, mean)


class _ExcludedLayer:
    """The layer of candidates that are ruled out, as it is written."""

    def __init__(self, path: Path, grid: MapGrid) -> None:
        self.extents: dict[str, Extent] = {}
        self._path = path
        self._pixel_area = abs(grid.transform.determinant) if grid.crs else 1.0
        self._rows: int | None = None

    def add(self, table: gpd.GeoDataFrame, kind: MaskKind) -> None:
        """Append candidates with the mask that rules them out as the reason; an empty table creates the layer."""
        self._rows = self._rows or 0
        numbered = table.assign(id=np.arange(self._rows + 1, self._rows + 1 + len(table)))
        numbered.insert(len(COLUMNS), REASON, np.full(len(table), kind.title, dtype=object))
        append_to_geopackage(self._path, numbered, EXCLUDED_LAYER)
        self._rows += len(table)
        if len(table):
            before = self.extents.get(kind.name, Extent())
            # Outlines follow the edges of pixels.
            # Of the plane of the grid: geopandas warns of areas in degrees, which are meant here.
            pixels = round(float(shapely.area(table.geometry.values).sum()) / self._pixel_area)
            self.extents[kind.name] = Extent(
                before.count + len(table), before.pixels + pixels, before.area_m2 + float(table["area_m2"].sum())
            )

    def check(self) -> None:
        """Check the number of rows on disk.

        Raises:
            OSError: it differs.
        """
        if self._rows is not None:
            check_geopackage(self._path, self._rows, EXCLUDED_LAYER)


def _add_not_new(
    job: Job,
    path: Path,
    layers: ChangeLayers,
    codes: Callable[[Window], NDArray[np.uint8]] | None,
    with_change: Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame],
    terrain: Callable[[Window], Terrain] | None,
) -> Extent:
    """Write the candidates of the image after that are not new to their layer; the rims of new ones are left out."""
    grid, card = job.grid, job.detector.card

    def strips_after() -> Strips:
        for window in strips(grid.height, grid.width):
            after, new = layers.change.read_after(window), layers.probability(window)
            taken = reaches_threshold(new, job.threshold) & (new != NODATA)
            if codes is not None:
                taken |= rules_out(codes(window))
            yield window, np.where(taken & (after != NODATA), np.uint8(0), after)

    append_to_geopackage(path, with_change(landslide_table([], grid, card, job.scene.date, 1)), NOT_NEW_LAYER)
    count, area_m2 = 0, 0.0
    for table in landslide_tables(
        strips_after(),
        grid,
        card,
        threshold=card.threshold,
        min_area_m2=job.settings.min_area_m2,
        image_date=job.scene.date,
        terrain=terrain,
    ):
        rims = [lies_beside_new(one, grid, layers.probability, job.threshold) for one in table.geometry]
        kept = table[~np.array(rims, np.bool_)]
        if len(kept):
            numbered = with_change(kept).assign(id=np.arange(count + 1, count + 1 + len(kept)))
            append_to_geopackage(path, numbered, NOT_NEW_LAYER)
            count, area_m2 = count + len(kept), area_m2 + float(kept["area_m2"].sum())
    check_geopackage(path, count, NOT_NEW_LAYER)
    return Extent(count, 0, area_m2)


def _only_code(encoded: Strips, codes: Callable[[Window], NDArray[np.uint8]], code: int) -> Strips:
    """Yield the strips with probability 0 where the mask of a pixel has another code."""
    for window, strip in encoded:
        yield window, np.where((codes(window) == code) | (strip == NODATA), strip, np.uint8(0))


def outline_landslides(
    probability: NDArray[np.float32],
    geobox: GeoBox,
    card: Card,
    *,
    threshold: float,
    min_area_m2: float = 400.0,
    image_date: datetime | None = None,
) -> gpd.GeoDataFrame:
    """Outline the landslides of a probability array in memory, as a map does in its files.

    Args:
        probability: (H, W), 0 to 1; NaN is nodata.
        geobox: grid of the array; without a CRS, geometry is in pixel coordinates.
        card: of the detector, for the confidence of polygons.
        threshold: probability from which a pixel is landslide.
        min_area_m2: smaller landslides are left out.
        image_date: acquisition date, if known.

    Returns:
        The columns of ``landslides.gpkg``, one row per landslide; terrain columns are NaN.
    """
    encoded = encode_probability(probability)
    height, width = encoded.shape
    grid = MapGrid.of(geobox, Window(0, 0, height, width))
    pieces = ((window, encoded[window.slices]) for window in strips(height, width))
    tables = list(
        landslide_tables(pieces, grid, card, threshold=threshold, min_area_m2=min_area_m2, image_date=image_date)
    )
    if not tables:
        return landslide_table([], grid, card, image_date, 1)
    return gpd.GeoDataFrame(pd.concat(tables, ignore_index=True))


def landslide_tables(
    encoded: Strips,
    grid: MapGrid,
    card: Card,
    *,
    threshold: float,
    min_area_m2: float,
    image_date: datetime | None,
    terrain: Callable[[Window], Terrain] | None = None,
) -> Iterator[gpd.GeoDataFrame]:
    """Yield the landslides of a raster in tables of bounded size, with consecutive ids; no table is empty."""
    first_id = 1
    for chunk in chunks(trace_outlines(encoded, threshold, terrain)):
        table = landslide_table(_remove_small(chunk, grid, min_area_m2), grid, card, image_date, first_id)
        table = table[reaches_area(table["area_m2"].to_numpy(), min_area_m2)]
        if len(table):
            yield table.assign(id=np.arange(first_id, first_id + len(table)))
            first_id += len(table)


def reaches_area(areas_m2: NDArray[np.float64], min_area_m2: float) -> NDArray[np.bool_]:
    """Return which landslides are large enough for an inventory.

    Areas are geodesic, so the scale factor of a projection changes the area of a pixel a little. A landslide stays if
    its area is at least ``min_area_m2`` less 0.5 %, so that a number of whole pixels is not cut by that factor.

    Args:
        areas_m2: (n,) areas.
        min_area_m2: minimum area.

    Example:
        >>> reaches_area(np.array([299.8, 399.2, 400.3]), 400.0).tolist()
        [False, True, True]
    """
    return np.asarray(areas_m2 >= min_area_m2 * (1 - _AREA_TOLERANCE))


def _remove_small(chunk: list[Outline], grid: MapGrid, min_area_m2: float) -> list[Outline]:
    """Remove outlines that are clearly too small by their pixel count, to save their exact measurement."""
    # At the centre of the bounds: a corner may lie on a pole, where pixels have no area.
    corners = [(outline.polygons.points.min(axis=0), outline.polygons.points.max(axis=0)) for outline in chunk]
    centres = np.array(corners).sum(axis=1) / 2
    approximate_m2 = np.array([outline.area_px for outline in chunk]) * grid.pixel_area_m2(centres)
    return [outline for outline, area_m2 in zip(chunk, approximate_m2, strict=True) if area_m2 * 1.1 >= min_area_m2]


class _PixelCounter:
    """Counts valid pixels, the pixels of each mask, and their area while strips pass through."""

    def __init__(self, grid: MapGrid) -> None:
        self.pixels = 0
        self.area_m2 = 0.0
        self._grid = grid
        self._masked: dict[int, Extent] = {}

    def count(
        self, encoded: Strips, codes: Callable[[Window], NDArray[np.uint8]] | None = None
    ) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
        """Yield the strips, with probability 0 where a mask rules a landslide out."""
        for window, strip in encoded:
            starts = np.arange(0, window.width, 512)
            middles = (starts + np.minimum(starts + 512, window.width)) / 2
            centres = np.column_stack([middles, np.full(len(starts), window.row + window.height / 2)])
            pixel_area_m2 = self._grid.pixel_area_m2(centres)

            def measure(
                mask: NDArray[np.bool_],
                starts: NDArray[np.intp] = starts,
                pixel_area_m2: NDArray[np.float64] = pixel_area_m2,
            ) -> tuple[int, float]:
                counts = np.add.reduceat(mask.sum(axis=0), starts)
                return int(counts.sum()), float(counts @ pixel_area_m2)

            pixels, area_m2 = measure(strip != NODATA)
            self.pixels += pixels
            self.area_m2 += area_m2
            if codes is None:
                yield window, strip
                continue
            here = codes(window)
            for kind in PRECEDENCE:
                marked = here == kind.code
                if marked.any():
                    before = self._masked.get(kind.code, Extent())
                    pixels, area_m2 = measure(marked)
                    self._masked[kind.code] = Extent(0, before.pixels + pixels, before.area_m2 + area_m2)
            yield window, np.where(rules_out(here) & (strip != NODATA), np.uint8(0), strip)

    def extent(self, code: int) -> Extent:
        """Return pixels and area of the mask with a code."""
        return self._masked.get(code, Extent())
