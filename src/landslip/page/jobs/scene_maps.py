"""A scene is mapped: the very call that ``landslip map`` makes."""

import json
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from landslip.evaluation.reference.score import score_map
from landslip.grid.alignment import same_grid
from landslip.grid.map_grid import MapGrid
from landslip.mapping.finished_map import open_map
from landslip.mapping.finished_map_levels import levels_in_strips, opened, recorded_job
from landslip.mapping.inventory.files import append_to_geopackage, largest, read_geopackage
from landslip.mapping.inventory.find import Found as FoundInMap
from landslip.mapping.inventory.find import find_landslides
from landslip.mapping.job import Job, MapSettings
from landslip.mapping.run import map_scene
from landslip.metrics.counts import LevelCounts
from landslip.page import messages as words
from landslip.page.jobs.perform import Watch
from landslip.page.jobs.results import Found, SceneResult, Scored
from landslip.page.jobs.tasks import DifferenceTask, MapTask, OutlineTask, ScoreTask
from landslip.page.uploads.rasters import open_source
from landslip.probability import NODATA


def map_source(task: MapTask, watch: Watch) -> dict[str, Any]:
    """Map a scene with all settings at their defaults; gives a ``SceneResult``.

    Raises:
        LandslipError: as ``map_scene``.
    """
    scene, detector = open_source(task.source), opened(task.detector)
    summary = map_scene(scene, detector, task.out, MapSettings(threads=task.threads), watch=watch)
    result = SceneResult(
        source=task.source,
        detector=task.detector,
        name=detector.card.name,
        threshold=detector.card.threshold,
        folder=task.out,
        slope_known=bool({"slope", "elevation"} & set(scene.channels)),
        wall_s=summary.wall_s,
        network_s=summary.network_s,
        warnings=summary.warnings,
    )
    return result.model_dump(mode="json")


SHOWN: Final = 2000
"""Most landslides that are drawn on the map and listed in the table; files have all of them."""


def outline(task: OutlineTask) -> dict[str, Any]:
    """Find the landslides at other settings; gives a ``Found``."""
    job = recorded_job(open_source(task.source), opened(task.detector), task.map_folder, task.choice)
    task.out.mkdir(parents=True, exist_ok=True)
    path = task.out / "landslides.gpkg"
    found = find_again(job, task.map_folder, path, task.choice.min_slope_deg)
    table = largest(path, SHOWN)
    on_earth = table.to_crs("EPSG:4326") if table.crs else None
    geojson = None
    if on_earth is not None:
        geojson = task.out / "shown.geojson"
        geojson.write_text(on_earth[["id", "area_m2", "confidence", "geometry"]].to_json(), encoding="utf-8")
    answer = Found(
        count=len(found.areas_m2),
        area_m2=float(found.areas_m2.sum()),
        geopackage=path,
        rows=_rows(table, on_earth),
        geojson=geojson,
    )
    return answer.model_dump(mode="json")


def find_again(job: Job, folder: Path, path: Path, min_slope_deg: float) -> FoundInMap:
    """Write the landslides of a finished map to a GeoPackage.

    Args:
        job: with the settings.
        folder: of the map.
        path: of the GeoPackage; an older one is replaced.
        min_slope_deg: leave out landslides with a lower mean slope, and those whose slope is not known, where above 0.
    """
    path.unlink(missing_ok=True)
    found = find_landslides(job, levels_in_strips(folder, job.grid), path)
    if min_slope_deg <= 0:
        return found
    whole = gpd.GeoDataFrame(pd.concat(list(read_geopackage(path)))) if len(found.areas_m2) else None
    if whole is None:
        return found
    steep = whole[whole["slope_mean_deg"] >= min_slope_deg]
    steep = steep.assign(id=np.arange(1, len(steep) + 1, dtype=np.int64))
    path.unlink()
    append_to_geopackage(path, steep)
    return FoundInMap(steep["area_m2"].to_numpy(), found.observed_px, found.observed_area_m2)


def _rows(table: gpd.GeoDataFrame, on_earth: gpd.GeoDataFrame | None) -> tuple[dict[str, Any], ...]:
    """Attributes as plain values, with the box of each outline."""
    rows = json.loads(pd.DataFrame(table.drop(columns="geometry")).to_json(orient="records"))
    boxes = (table if on_earth is None else on_earth).bounds.to_numpy()
    return tuple(
        row | dict(zip(("west", "south", "east", "north"), map(float, box), strict=True))
        for row, box in zip(rows, boxes, strict=True)
    )


def score(task: ScoreTask) -> dict[str, Any]:
    """Score a map at a threshold; gives ``Scored``.

    Raises:
        TruthError: map and truth do not fit together.
    """
    found = score_map(open_map(task.map_folder), task.mask, threshold=task.threshold)
    levels = found.predictions.levels
    # Landslides that the map did not observe count as missed, at every threshold.
    counts = LevelCounts.of_levels(np.where(levels == NODATA, 0, levels), found.predictions.masks)
    interval, objects = found.intervals()["f1"], found.objects()
    scored = Scored(
        landslide=tuple(counts.landslide.tolist()),
        other=tuple(counts.other.tolist()),
        f1_interval=(interval.low, interval.high),
        blocks=interval.units,
        few_blocks=interval.few,
        true_landslides=objects.truth,
        mapped_landslides=objects.mapped,
        pairs=objects.pairs,
        least_iou=objects.least_iou,
        touched=objects.touched_truth,
        notes=tuple(words.for_the_page(note) for note in found.notes),
    )
    return scored.model_dump(mode="json")


def differ(task: DifferenceTask) -> dict[str, Any]:
    """Compare two inventories.

    Returns:
        ``one_grid``; and where it is so, by side, how many landslides meet one of the other, how many stand alone, and
        the area in square metres that only that side has.
    """
    left_scene, right_scene = open_source(task.left), open_source(task.right)
    if left_scene.geobox.crs != right_scene.geobox.crs or not same_grid(left_scene.geobox, right_scene.geobox):
        return {"one_grid": False}
    grid = MapGrid.of(left_scene.geobox, left_scene.window)
    left, right = _geometries(task.left_outlines), _geometries(task.right_outlines)
    answer: dict[str, Any] = {"one_grid": True}
    for name, own, other in (("left", left, right), ("right", right, left)):
        tree = shapely.STRtree(other)
        met = np.unique(tree.query(own, predicate="intersects")[0])
        # Touching along an edge is no meeting: the areas must overlap.
        meets = np.zeros(len(own), np.bool_)
        whole = shapely.union_all(other)
        meets[met] = shapely.area(shapely.intersection(own[met], whole)) > 0
        only = shapely.difference(own, whole)
        answer |= {
            f"{name}_met": int(meets.sum()),
            f"{name}_alone": int((~meets).sum()),
            f"{name}_only_m2": _area_m2(only, grid),
        }
    return answer


def _geometries(path: Path) -> NDArray[np.object_]:
    tables = list(read_geopackage(path))
    if not tables:
        return np.zeros(0, dtype=object)
    return np.asarray(gpd.GeoDataFrame(pd.concat(tables)).geometry.values, dtype=object)


def _area_m2(geometries: NDArray[np.object_], grid: MapGrid) -> float:
    """Area of geometries in the grid's CRS, measured as landslides are."""
    polygons = [part for part in shapely.get_parts(geometries) if part.geom_type == "Polygon"]
    if not polygons:
        return 0.0
    back = ~grid.transform

    def to_pixels(points: NDArray[np.float64]) -> NDArray[np.float64]:
        if grid.crs is None:
            return points
        x, y = points.T
        return np.column_stack([back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f])

    areas_m2, _ = grid.areas_and_perimeters_m(shapely.transform(np.array(polygons, dtype=object), to_pixels))
    return float(areas_m2.sum())
