"""Merging the landslides of many maps into one table.

Rule: polygons of different maps that overlap by at least a fraction of the smaller are one landslide
(``duplicates.py``). Its outline is the union of theirs. Area, perimeter, length, width and position are those of the
union; mean probability and mean slope are means over the polygons, weighted by area; confidence, maximum probability
and slope, and the range of elevation are the extremes; aspect, image date and detector are those of the polygon with
the highest confidence. A landslide of a single map keeps all of its attributes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from landslip.errors import SettingsError
from landslip.grid.map_grid import MapGrid
from landslip.mapping.inventory.attributes import COLUMNS, length_and_width_m
from landslip.mapping.merging.duplicates import MIN_OVERLAP, group_duplicates
from landslip.mapping.merging.sources import MapSource, read_excluded, read_landslides, reference_grids

LON_LAT: Final = CRS.from_epsg(4326)
ADDED: Final = {"sources": "str", "n_maps": "int64", "date_first": "str", "date_last": "str"}
"""Columns of a merged inventory beside those of a map."""
_REASON: Final = "reason"
_PIXEL_M: Final = 10.0
_PIXEL_DEG: Final = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """The tables of a merged inventory."""

    landslides: gpd.GeoDataFrame
    excluded: gpd.GeoDataFrame | None
    """Candidates that masks rule out, with the reason; None where no map has any."""
    crs: CRS


def merge_tables(sources: Sequence[MapSource], *, min_overlap: float = MIN_OVERLAP, min_area_m2: float = 0.0) -> Merged:
    """Merge the landslides of maps, in the CRS of the maps if they have one in common, else in EPSG:4326.

    Args:
        sources: in an order that depends on nothing but the maps.
        min_overlap: fraction of the smaller polygon from which two are one landslide.
        min_area_m2: smaller landslides are left out, after polygons are joined.

    Raises:
        SettingsError: the fraction is not above 0 and at most 1, or the area is negative.
        ReferenceDataError: a map cannot be read.
    """
    if not 0 < min_overlap <= 1:
        raise SettingsError(f"min_overlap must be above 0 and at most 1, got {min_overlap:g}", parameter="min_overlap")
    if min_area_m2 < 0:
        raise SettingsError(f"min_area_m2 must not be negative, got {min_area_m2:g}", parameter="min_area_m2")
    known = {source.summary.scene.crs for source in sources}
    crs = sources[0].crs if len(known) == 1 else LON_LAT
    grids = reference_grids(sources)
    landslides = [read_landslides(source, grid) for source, grid in zip(sources, grids, strict=True)]
    excluded = [read_excluded(source, grid) for source, grid in zip(sources, grids, strict=True)]
    merged = _merge(landslides, sources, crs, min_overlap)
    merged = merged[merged["area_m2"] >= min_area_m2].reset_index(drop=True)
    return Merged(
        merged.assign(id=np.arange(1, len(merged) + 1)),
        _merge_excluded(excluded, sources, crs, min_overlap),
        crs,
    )


def _merge_excluded(
    tables: Sequence[gpd.GeoDataFrame | None], sources: Sequence[MapSource], crs: CRS, min_overlap: float
) -> gpd.GeoDataFrame | None:
    """Merge excluded candidates, those of each reason apart."""
    if all(table is None for table in tables):
        return None
    reasons = sorted({reason for table in tables if table is not None for reason in table[_REASON]})
    parts = []
    for reason in reasons:
        chosen = [(t[t[_REASON] == reason], s) for t, s in zip(tables, sources, strict=True) if t is not None]
        parts.append(_merge([t for t, _ in chosen], [s for _, s in chosen], crs, min_overlap).assign(reason=reason))
    if not parts:
        empty = next(table for table in tables if table is not None)
        return _merge([empty], sources[:1], crs, min_overlap).assign(reason=pd.Series(dtype="str"))
    table = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=crs)
    return table.assign(id=np.arange(1, len(table) + 1))


def _merge(
    tables: Sequence[gpd.GeoDataFrame], sources: Sequence[MapSource], crs: CRS, min_overlap: float
) -> gpd.GeoDataFrame:
    """Merge tables, one of each map; rows are in the order of their first polygon."""
    table = pd.concat([one.drop(columns="geometry") for one in tables], ignore_index=True)
    owners = np.repeat(np.arange(len(tables)), [len(one) for one in tables])
    geometries = np.concatenate(
        [to_crs(one.geometry.to_numpy(), source.crs, crs) for one, source in _pairs(tables, sources)]
    )
    groups = group_duplicates(
        geometries,
        owners,
        min_overlap=min_overlap,
        continues=lambda one, other: sources[one].is_part_of_same_scene(sources[other]),
    )
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    members = np.split(order, starts[1:]) if len(order) else []
    rows = table.iloc[[group[0] for group in members]].reset_index(drop=True)
    outlines = np.array([geometries[group[0]] for group in members], object)
    several = [number for number, group in enumerate(members) if len(group) > 1]
    for number in several:
        outlines[number] = _union(geometries[members[number]])
    joined = [_attributes(table.iloc[members[number]]) for number in several]
    for name in joined[0] if joined else ():
        rows.loc[several, name] = [values[name] for values in joined]
    if several:
        for name, values in _measures(outlines[several], crs).items():
            rows.loc[several, name] = values
    rows = rows[[*COLUMNS]].astype(COLUMNS)
    for name, origins in _origins(members, owners, table["image_date"].tolist(), sources).items():
        rows[name] = pd.Series(origins, index=rows.index, dtype=ADDED[name])
    return gpd.GeoDataFrame(rows, geometry=outlines, crs=crs)


def _pairs(
    tables: Sequence[gpd.GeoDataFrame], sources: Sequence[MapSource]
) -> list[tuple[gpd.GeoDataFrame, MapSource]]:
    return list(zip(tables, sources, strict=True))


def _union(outlines: NDArray[np.object_]) -> BaseGeometry:
    """Return the union of outlines as one MultiPolygon; the first where all are equal."""
    first: BaseGeometry = outlines[0]
    if all(one.equals_exact(first, 0) for one in outlines[1:]):
        return first
    united = shapely.union_all(outlines)
    return shapely.MultiPolygon([part for part in shapely.get_parts(united) if part.geom_type == "Polygon"])


def _attributes(rows: pd.DataFrame) -> dict[str, object]:
    """Return the attributes of a landslide that several polygons show, without those of its outline."""
    area_m2 = rows["area_m2"].to_numpy()
    best = rows.iloc[int(np.argmax(rows["confidence"].to_numpy()))]

    def mean(name: str) -> float:
        values = rows[name].to_numpy(np.float64)
        known = np.isfinite(values)
        return float(np.average(values[known], weights=area_m2[known])) if known.any() else float("nan")

    low, high = rows["elevation_min_m"].min(), rows["elevation_max_m"].max()
    return {
        "candidate": best["candidate"],
        "probability_mean": mean("probability_mean"),
        "probability_max": rows["probability_max"].max(),
        "confidence": rows["confidence"].max(),
        "elevation_min_m": low,
        "elevation_max_m": high,
        "relief_m": high - low,
        "slope_mean_deg": mean("slope_mean_deg"),
        "slope_max_deg": rows["slope_max_deg"].max(),
        "aspect_deg": best["aspect_deg"],
        "image_date": best["image_date"],
        "detector": best["detector"],
    }


def _measures(outlines: NDArray[np.object_], crs: CRS) -> dict[str, NDArray[np.float64]]:
    """Measure outlines as a map does."""
    size = _PIXEL_DEG if crs.is_geographic else _PIXEL_M
    grid = MapGrid(crs, Affine.scale(size, -size), 1, 1)
    pixels = shapely.transform(outlines, lambda xy: xy / [size, -size])
    centres = shapely.get_coordinates(shapely.centroid(pixels))
    areas_m2, perimeters_m = grid.areas_and_perimeters_m(pixels)
    length_m, width_m = length_and_width_m(pixels, centres, grid)
    lonlat = grid.to_lonlat(centres)
    return {
        "area_m2": areas_m2,
        "perimeter_m": perimeters_m,
        "length_m": length_m,
        "width_m": width_m,
        "lon": lonlat[:, 0],
        "lat": lonlat[:, 1],
    }


def _origins(
    members: Sequence[NDArray[np.intp]], owners: NDArray[np.intp], dates: Sequence[object], sources: Sequence[MapSource]
) -> dict[str, list[object]]:
    """Return maps and dates of each landslide."""
    maps = [sorted({int(owners[polygon]) for polygon in group}) for group in members]
    known = [
        sorted(date for date in (dates[polygon] for polygon in group) if isinstance(date, str)) for group in members
    ]
    return {
        "sources": [", ".join(sources[number].name for number in group) for group in maps],
        "n_maps": [len(group) for group in maps],
        "date_first": [group[0] if group else None for group in known],
        "date_last": [group[-1] if group else None for group in known],
    }


def to_crs(geometries: NDArray[np.object_], source: CRS, target: CRS) -> NDArray[np.object_]:
    """Project outlines; across the antimeridian they are split in two (RFC 7946, 3.1.9).

    Args:
        geometries: (n,) MultiPolygons.
        source: their CRS.
        target: the same, or EPSG:4326.

    Returns:
        (n,) valid MultiPolygons.
    """
    if source == target:
        return geometries
    grid = MapGrid(source, Affine.identity(), 1, 1)
    projected = shapely.transform(geometries, grid.to_lonlat)
    bounds = shapely.bounds(projected)
    for number in np.flatnonzero(bounds[:, 2] - bounds[:, 0] > 180):
        projected[number] = _split(projected[number])
    return np.array([_as_multi(one) for one in projected], object)


def _split(outline: shapely.MultiPolygon) -> shapely.MultiPolygon:
    """Split an outline whose longitudes jump from 180 to -180."""
    east = shapely.make_valid(shapely.transform(outline, lambda xy: xy + np.where(xy[:, :1] < 0, [[360.0, 0.0]], 0.0)))
    left = shapely.intersection(east, shapely.box(0, -90, 180, 90))
    right = shapely.intersection(east, shapely.box(180, -90, 360, 90))
    return shapely.MultiPolygon([*_polygons(left), *_polygons(shapely.transform(right, lambda xy: xy - [360.0, 0.0]))])


def _as_multi(outline: BaseGeometry) -> shapely.MultiPolygon:
    """Return an outline as a valid MultiPolygon."""
    return shapely.MultiPolygon(_polygons(outline if outline.is_valid else shapely.make_valid(outline)))


def _polygons(outline: BaseGeometry) -> list[shapely.Polygon]:
    parts = shapely.get_parts(shapely.get_parts(outline))
    return [part for part in parts if part.geom_type == "Polygon" and not part.is_empty]
