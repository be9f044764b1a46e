"""Maps of scenes: inference as by ``landslip map``, and polygons, scores and comparisons of finished maps."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
import shapely.affinity
from affine import Affine
from numpy.typing import NDArray

from landslip.errors import LandslipError
from landslip.evaluation.reference.score import score_map
from landslip.files.progress import Progress
from landslip.grid.alignment import same_grid
from landslip.grid.map_grid import MapGrid
from landslip.mapping.area import AreaOfInterest
from landslip.mapping.finished_map import finished_job, masked_raster, open_detector, open_map, read_strips
from landslip.mapping.inventory.files import LAYER, read_geopackage, read_largest
from landslip.mapping.inventory.find import Found, find_landslides
from landslip.mapping.job import Job, MapSettings
from landslip.mapping.masks.excluded_area import read_excluded_area
from landslip.mapping.polygon_files import FORMATS
from landslip.mapping.run import map_scene
from landslip.metrics.thresholds import ProbabilityHistogram
from landslip.page import messages
from landslip.page.errors import UploadError, explain, use_user_names
from landslip.page.jobs.results import MAX_SHOWN, Comparison, Landslides, Overlap, SceneResult, SceneScores
from landslip.page.jobs.tasks import ComparisonTask, LocateTask, MapTask, PolygonsTask, SceneSource, ScoreTask, handles
from landslip.page.uploads.polygons import checked_polygons, layer_in
from landslip.probability import NODATA
from landslip.scenes.rasters import open_scene
from landslip.scenes.scene import Scene


def open_source(source: SceneSource) -> Scene:
    """Open a scene as ``landslip map`` does, under the user's name for it."""
    scene = open_scene(
        list(source.paths),
        channels=source.channels_given,
        scale=source.scale,
        offset=source.offset,
        nodata=source.nodata,
        pixel_size_m=source.pixel_size_given_m,
        to_toa=source.to_toa or None,
    )
    return replace(scene, name=source.title)


@handles(MapTask)
def map_source(task: MapTask, progress: Progress) -> SceneResult:
    """Map a scene at the default settings.

    Raises:
        LandslipError: as ``map_scene``.
    """
    scene, detector = open_source(task.source), open_detector(task.detector)
    exclude = _excluded_area(task)
    settings = MapSettings(threads=task.threads, masks=task.masks)
    before = [open_source(task.before)] if task.before else []
    summary = map_scene(scene, detector, task.out, settings, exclude=exclude, before=before, progress=progress).summary
    return SceneResult(
        source=task.source,
        before=task.before,
        detector=task.detector,
        name=messages.SINCE.format(detector=detector.card.name, before=task.before.title)
        if task.before
        else detector.card.name,
        threshold=summary.threshold,
        folder=task.out,
        has_slope=bool({"slope", "elevation"} & set(scene.channels)),
        wall_s=summary.wall_s,
        network_s=summary.network_s,
        warnings=summary.warnings,
    )


def _excluded_area(task: MapTask) -> AreaOfInterest | None:
    """Return the area in which landslides are ruled out, under the user's name for its file.

    Raises:
        LandslipError: the file cannot be used.
    """
    if task.exclude is not None:
        return read_excluded_area(",".join(map(str, task.exclude)))
    upload = task.exclude_file
    if upload is None or task.limits is None:
        return None
    folder, names = upload.path.parent, {upload.path.name: upload.name}
    try:
        path = checked_polygons(upload, folder / "unpacked", task.limits)
        names[path.name] = upload.name
        area = read_excluded_area(str(path), layer_in(path, task.exclude_layer))
    except LandslipError as error:
        message = explain(error, folder, names).replace(FORMATS, messages.REFERENCE_FORMATS)
        raise UploadError(message) from error
    return replace(area, text=upload.name, notes=tuple(use_user_names(note, folder, names) for note in area.notes))


@handles(PolygonsTask)
def extract_landslides(task: PolygonsTask, _: Progress) -> Landslides:
    """Extract the landslides of a finished map at other settings."""
    settings = task.settings
    job = finished_job(
        open_source(task.source),
        open_detector(task.detector),
        task.map_folder,
        threshold=settings.threshold,
        min_area_m2=settings.min_area_m2,
        min_slope_deg=settings.min_slope_deg,
    )
    task.out.mkdir(parents=True, exist_ok=True)
    path = task.out / "landslides.gpkg"
    found = write_landslides(job, task.map_folder, path)
    table = read_largest(path, MAX_SHOWN)
    table = table.assign(number=table["candidate"])
    lonlat = table.to_crs("EPSG:4326") if table.crs else None
    geojson = None
    if lonlat is not None:
        geojson = task.out / "shown.geojson"
        geojson.write_text(lonlat[["id", "number", "area_m2", "confidence", "geometry"]].to_json(), encoding="utf-8")
    return Landslides(
        count=len(found.areas_m2),
        area_m2=float(found.areas_m2.sum()),
        geopackage=path,
        rows=_rows(table, lonlat),
        geojson=geojson,
    )


@handles(LocateTask)
def locate_landslide(task: LocateTask, _: Progress) -> dict[str, Any]:
    """Find the landslide that contains the centre of a pixel."""
    scene = open_source(task.source)
    grid = MapGrid.of(scene.geobox, scene.window)
    x, y = (grid.transform if grid.crs else Affine.identity()) * (task.col + 0.5, task.row + 0.5)
    found = pyogrio.read_dataframe(task.geopackage, layer=LAYER, bbox=(x, y, x, y))
    ids = found.loc[found.geometry.contains(shapely.Point(x, y)), "id"]
    return {"id": int(ids.iloc[0]) if len(ids) else None}


def write_landslides(job: Job, folder: Path, path: Path) -> Found:
    """Write the landslides of a finished map to a GeoPackage.

    Args:
        job: of the map, with the settings to apply.
        folder: of the map.
        path: of the GeoPackage; an existing file is replaced.
    """
    path.unlink(missing_ok=True)
    return find_landslides(job, read_strips(folder, job.grid), path, masked_raster(job, folder))


def _rows(table: gpd.GeoDataFrame, lonlat: gpd.GeoDataFrame | None) -> tuple[dict[str, Any], ...]:
    """Attributes as plain values, with the bounding box of each landslide."""
    rows = json.loads(pd.DataFrame(table.drop(columns="geometry")).to_json(orient="records"))
    boxes = (table if lonlat is None else lonlat).bounds.to_numpy()
    return tuple(
        row | dict(zip(("west", "south", "east", "north"), map(float, box), strict=True))
        for row, box in zip(rows, boxes, strict=True)
    )


@handles(ScoreTask)
def score(task: ScoreTask, _: Progress) -> SceneScores:
    """Score a map at a threshold.

    Raises:
        LandslipError: map and reference do not fit together.
    """
    scored = score_map(open_map(task.map_folder), task.mask, threshold=task.threshold)
    encoded = scored.predictions.encoded
    # Landslides where the map is nodata count as false negatives, at every threshold.
    histogram = ProbabilityHistogram.of_encoded(np.where(encoded == NODATA, 0, encoded), scored.predictions.masks)
    interval, objects = scored.intervals()["f1"], scored.objects()
    return SceneScores(
        landslide=tuple(histogram.landslide.tolist()),
        background=tuple(histogram.background.tolist()),
        f1_interval=interval.ends,
        blocks=interval.units,
        few_blocks=interval.few_units,
        reference_landslides=objects.reference,
        mapped_landslides=objects.mapped,
        matches=objects.matches,
        min_iou=objects.min_iou,
        detected=objects.touched_reference,
        notes=tuple(scored.notes),
    )


@handles(ComparisonTask)
def compare(task: ComparisonTask, _: Progress) -> Comparison:
    """Compare two inventories of scenes on one grid."""
    left_scene, right_scene = open_source(task.left), open_source(task.right)
    if left_scene.geobox.crs != right_scene.geobox.crs or not same_grid(left_scene.geobox, right_scene.geobox):
        return Comparison()
    grid = MapGrid.of(left_scene.geobox, left_scene.window)
    left, right = _geometries(task.left_landslides), _geometries(task.right_landslides)
    return Comparison(left=_overlap(left, right, grid), right=_overlap(right, left, grid))


def _overlap(own: NDArray[np.object_], other: NDArray[np.object_], grid: MapGrid) -> Overlap:
    touching = np.unique(shapely.STRtree(other).query(own, predicate="intersects")[0])
    # A common edge is no overlap: the areas must intersect.
    overlapping = np.zeros(len(own), np.bool_)
    union = shapely.union_all(other)
    overlapping[touching] = shapely.area(shapely.intersection(own[touching], union)) > 0
    return Overlap(
        overlapping=int(overlapping.sum()),
        unmatched=int((~overlapping).sum()),
        unmatched_m2=_area_m2(shapely.difference(own, union), grid),
    )


def _geometries(path: Path) -> NDArray[np.object_]:
    tables = list(read_geopackage(path))
    if not tables:
        return np.zeros(0, dtype=object)
    return np.asarray(gpd.GeoDataFrame(pd.concat(tables)).geometry.values, dtype=object)


def _area_m2(geometries: NDArray[np.object_], grid: MapGrid) -> float:
    """Area of geometries in the grid's CRS, measured as that of landslides."""
    polygons = [part for part in shapely.get_parts(geometries) if part.geom_type == "Polygon"]
    if not polygons:
        return 0.0
    inverse = ~grid.transform

    def to_pixels(points: NDArray[np.float64]) -> NDArray[np.float64]:
        if grid.crs is None:
            return points
        x, y = points.T
        return np.column_stack([inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f])

    areas_m2, _ = grid.areas_and_perimeters_m(shapely.transform(np.array(polygons, dtype=object), to_pixels))
    return float(areas_m2.sum())
