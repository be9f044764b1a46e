"""A truth for a scene, polygons or a label raster, as ``landslip evaluate --map --truth`` reads it.

It is opened once, in a process with bounds, and laid on the scene's grid: what is scored and shown from then on is a
mask of our own. A pixel is landslide where its centre is.
"""

import contextlib
import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray

from landslip.errors import LandslipError, TruthError
from landslip.evaluation.reference.polygons import PolygonTruth, read_polygons
from landslip.evaluation.reference.raster import RasterTruth
from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.mapping.inventory.files import append_to_geopackage
from landslip.mapping.inventory.outlines import outlines, strips
from landslip.page import messages as words
from landslip.page.errors import UploadError
from landslip.page.jobs.results import LaidTruth
from landslip.page.jobs.scene_maps import SHOWN
from landslip.page.jobs.tasks import TruthTask
from landslip.page.uploads.archive import unpack_shapefile
from landslip.page.uploads.names import in_their_words, shown
from landslip.page.uploads.rasters import check_declared, open_source
from landslip.probability import BACKGROUND, LANDSLIDE, MAX_ENCODED, NODATA
from landslip.scenes.scene import Scene

_CRS_NAME: Final = re.compile(r"(urn:ogc:def:crs:)?(EPSG|OGC):[\w.]*:?\w+", re.IGNORECASE)
"""The names of a CRS that GeoJSON files bear. A CRS may also be a link there, which nobody here follows."""

_INDEX: Final = re.compile(r"\bUSING\s+rtree\s*\(", re.IGNORECASE)
"""The one kind of virtual table that a GeoPackage needs."""


def lay_truth(task: TruthTask) -> dict[str, Any]:
    """Lay a truth on the grid of a scene; gives a ``LaidTruth``.

    Raises:
        UploadError: it cannot be used, in a sentence with the visitor's own names.
    """
    names = {task.upload.path.name: task.upload.shown}
    try:
        return _laid(task, names).model_dump(mode="json")
    except LandslipError as error:
        raise UploadError(words.for_the_page(in_their_words(str(error), task.folder, names))) from error


def _laid(task: TruthTask, names: dict[str, str]) -> LaidTruth:
    scene = open_source(task.source)
    grid = MapGrid.of(scene.geobox, scene.window)
    truth = _opened(task, scene, grid, names)
    mask, path = task.folder / "truth-mask.tif", task.folder / "truth-outlines.gpkg"
    known_px = _write_mask(mask, truth, scene)
    if not known_px:
        raise TruthError(words.TRUTH_UNKNOWN.format(name=task.upload.shown))
    table = _outlined(mask, grid)
    append_to_geopackage(path, table)
    geojson = None
    if table.crs:
        geojson = path.with_suffix(".geojson")
        on_earth = table.nlargest(SHOWN, "area_m2").to_crs("EPSG:4326")
        geojson.write_text(on_earth[["id", "geometry"]].to_json(), encoding="utf-8")
    notes = truth.notes()
    if isinstance(truth, PolygonTruth):
        notes = (*notes, words.TRUTH_ALL)
    return LaidTruth(
        source=task.source,
        title=shown(task.upload.shown),
        mask=mask,
        outlines=path,
        geojson=geojson,
        landslides=len(table),
        known_share=known_px / (grid.height * grid.width),
        notes=tuple(in_their_words(note, task.folder, names) for note in notes),
    )


def _opened(task: TruthTask, scene: Scene, grid: MapGrid, names: dict[str, str]) -> PolygonTruth | RasterTruth:
    upload, path = task.upload, task.upload.path
    if upload.kind == "raster":
        check_declared(upload, task.bounds)
        return RasterTruth.on(path, scene.geobox, task.landslide_values)
    if upload.kind == "zip":
        path = unpack_shapefile(upload, task.folder / "unpacked-truth", task.bounds)
        names[path.name] = upload.shown
    elif upload.kind == "geojson":
        _cleanse(path, upload.shown)
    else:
        _check_tables(path, upload.shown)
    truth = PolygonTruth.on(read_polygons(path), grid)
    if not len(truth.pixels):
        raise TruthError(words.TRUTH_EMPTY.format(name=upload.shown))
    return truth


def _cleanse(path: Path, name: str) -> None:
    """Leave of a GeoJSON file only outlines and the name of a CRS.

    Raises:
        UploadError: it is no GeoJSON, or its CRS is not known by a name.
    """
    try:
        given = json.loads(path.read_text(encoding="utf-8-sig"))
        features = given["features"] if given["type"] == "FeatureCollection" else [given]
        crs = given.get("crs")
        kept: dict[str, Any] = {
            "type": "FeatureCollection",
            "features": [{"type": "Feature", "properties": {}, "geometry": one["geometry"]} for one in features],
        }
        called = None if crs is None else crs["properties"]["name"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UploadError(words.TRUTH_NO_GEOJSON.format(name=name)) from error
    if called is not None:
        if not isinstance(called, str) or not _CRS_NAME.fullmatch(called):
            raise UploadError(words.TRUTH_NO_GEOJSON.format(name=name))
        kept["crs"] = {"type": "name", "properties": {"name": called}}
    path.write_text(json.dumps(kept), encoding="utf-8")


def _check_tables(path: Path, name: str) -> None:
    """Check that no table of a GeoPackage stands for a file elsewhere.

    Raises:
        UploadError: one does, or it is no database.
    """
    asked = "SELECT sql FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL%'"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as database:
            tables = [str(sql) for (sql,) in database.execute(asked)]
    except sqlite3.Error as error:
        raise UploadError(words.TRUTH_NO_TABLES.format(name=name)) from error
    if not all(_INDEX.search(sql) for sql in tables):
        raise UploadError(words.TRUTH_NO_TABLES.format(name=name))


def _write_mask(path: Path, truth: PolygonTruth | RasterTruth, scene: Scene) -> int:
    """Write the truth strip by strip; how many pixels of it are known."""
    shape = {"height": scene.height, "width": scene.width, "count": 1, "dtype": "uint8", "nodata": NODATA}
    place = {"crs": scene.geobox.crs.to_wkt(), "transform": scene.geobox.transform} if scene.geobox.crs else {}
    known_px = 0
    with rasterio.open(path, "w", driver="GTiff", compress="deflate", bigtiff="if_safer", **shape, **place) as file:
        for window in strips(scene.height, scene.width):
            known = truth.observed(window)
            mask = np.where(known, np.where(truth.mask(window), LANDSLIDE, BACKGROUND), NODATA)
            rows, cols = (window.row, window.row + window.height), (window.col, window.col + window.width)
            file.write(mask.astype(np.uint8), 1, window=(rows, cols))
            known_px += int(np.count_nonzero(known))
    return known_px


def _outlined(mask: Path, grid: MapGrid) -> gpd.GeoDataFrame:
    """The landslides of a mask, found as those of a map are."""
    with rasterio.open(mask) as file:

        def levels() -> Iterator[tuple[Window, NDArray[np.uint8]]]:
            for window in strips(grid.height, grid.width):
                rows, cols = (window.row, window.row + window.height), (window.col, window.col + window.width)
                found = file.read(1, window=(rows, cols)) == LANDSLIDE
                yield window, np.where(found, MAX_ENCODED, 0).astype(np.uint8)

        geometries = np.array([one.geometry for one in outlines(levels(), 1.0)], dtype=object)
    areas_m2, _ = grid.areas_and_perimeters_m(geometries)
    return gpd.GeoDataFrame(
        {"id": np.arange(1, len(geometries) + 1, dtype=np.int64), "area_m2": areas_m2},
        geometry=shapely.transform(geometries, grid.to_crs),
        crs=grid.crs,
    )
