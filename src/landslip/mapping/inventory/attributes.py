"""Attributes of landslides: location, size, shape, terrain and confidence, as columns of a table.

Length and width are the sides of the smallest rectangle around the landslide, in metres at its centre.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from landslip.detector.card import Card, Confidence
from landslip.grid.map_grid import MapGrid
from landslip.mapping.inventory.outlines import Outline
from landslip.mapping.inventory.rings import Polygons, build_geometries, centroids, extreme_points, ring_blocks

COLUMNS: Final = {
    "id": "int64",
    "candidate": "str",
    "area_m2": "float64",
    "perimeter_m": "float64",
    "probability_mean": "float64",
    "probability_max": "float64",
    "confidence": "float64",
    "elevation_min_m": "float64",
    "elevation_max_m": "float64",
    "relief_m": "float64",
    "slope_mean_deg": "float64",
    "slope_max_deg": "float64",
    "aspect_deg": "float64",
    "length_m": "float64",
    "width_m": "float64",
    "lon": "float64",
    "lat": "float64",
    "image_date": "str",
    "detector": "str",
}
"""Name and type of every attribute, in order."""


def landslide_table(
    found: Sequence[Outline], grid: MapGrid, card: Card, image_date: datetime | None, first_id: int
) -> gpd.GeoDataFrame:
    """Build the table of landslides, with geometry in the CRS of the grid (pixel coordinates without one).

    Args:
        found: outlines in pixel coordinates of the grid.
        grid: of the map.
        card: of the detector.
        image_date: acquisition date, if known.
        first_id: id of the first landslide.
    """
    polygons = Polygons.join([outline.polygons for outline in found])
    centres = centroids(polygons)
    lonlat = grid.to_lonlat(centres)
    areas_m2, perimeters_m = areas_and_perimeters_m(polygons, grid)
    length_m, width_m = length_and_width_m(extreme_points(polygons), centres, grid)
    probability_mean = np.array([outline.probability_mean for outline in found])
    terrain = [outline.terrain.attributes() if outline.terrain else {} for outline in found]
    columns: dict[str, object] = {
        "id": np.arange(first_id, first_id + len(found)),
        "candidate": ["{}-{}".format(*outline.peak) for outline in found],
        "area_m2": areas_m2,
        "perimeter_m": perimeters_m,
        "probability_mean": probability_mean,
        "probability_max": [outline.probability_max for outline in found],
        "confidence": polygon_confidence(card.confidence, probability_mean, areas_m2 / card.pixel_size_m**2),
        "length_m": length_m,
        "width_m": width_m,
        "lon": lonlat[:, 0],
        "lat": lonlat[:, 1],
        "image_date": [image_date.date().isoformat() if image_date else None] * len(found),
        "detector": [card.name] * len(found),
    }
    table = gpd.GeoDataFrame(
        {name: columns.get(name, [values.get(name, np.nan) for values in terrain]) for name in COLUMNS},
        geometry=build_geometries(polygons, grid.to_crs),
        crs=grid.crs,
    )
    return table.astype(COLUMNS)


def areas_and_perimeters_m(polygons: Polygons, grid: MapGrid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the geodesic area in square metres and the perimeter in metres of each landslide, (n,) each.

    Args:
        polygons: of the landslides.
        grid: of the map.
    """
    areas_m2, perimeters_m = np.zeros(len(polygons.sizes)), np.zeros(len(polygons.sizes))
    for rings, inside in ring_blocks(polygons.sizes):
        sizes = polygons.sizes[rings]
        lines = shapely.linearrings(polygons.points[inside], indices=np.repeat(np.arange(len(sizes)), sizes))
        areas_m2[rings], perimeters_m[rings] = grid.ring_areas_and_perimeters_m(np.asarray(lines))
    firsts = polygons.firsts[:-1]
    signed_m2 = np.where(polygons.exterior, areas_m2, -areas_m2)
    return np.add.reduceat(signed_m2, firsts), np.add.reduceat(perimeters_m, firsts)


def polygon_confidence(
    card: Confidence | None, probability_mean: NDArray[np.float64], area_px: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the confidence of each polygon, 0 to 1: by the card's logistic regression, else the mean probability.

    Args:
        card: coefficients, fitted on polygons with known reference; None without them.
        probability_mean: (n,) mean probability inside each polygon.
        area_px: (n,) in pixels of the size that the detector was trained on.
    """
    if card is None:
        return probability_mean
    score = (
        card.intercept
        + card.probability_mean * probability_mean
        + card.log10_area_px * np.log10(np.maximum(area_px, 1e-9))
    )
    return np.asarray(1 / (1 + np.exp(-score)))


def length_and_width_m(
    geometries: NDArray[np.object_], centres: NDArray[np.float64], grid: MapGrid
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sides of the smallest rectangle around each polygon, in metres: the longer and the shorter.

    Args:
        geometries: (n,) polygons, or points with their convex hull, in pixel coordinates of the grid.
        centres: (n, 2) their centroids.
        grid: of the map.
    """
    if not len(geometries):
        return np.zeros(0), np.zeros(0)
    across, down = grid.pixel_vectors_m(centres)
    pixels, owner = shapely.get_coordinates(geometries, return_index=True)
    east_north = pixels[:, :1] * across[owner] + pixels[:, 1:] * down[owner]
    on_ground = shapely.set_coordinates(geometries.copy(), east_north)
    corners = np.array([shapely.get_coordinates(box)[:3] for box in shapely.oriented_envelope(on_ground)])
    sides = np.linalg.norm(np.diff(corners, axis=1), axis=2)
    return sides.max(axis=1), sides.min(axis=1)
