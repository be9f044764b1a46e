"""Reference inventories for a scene: polygons or a label raster, read as by ``landslip evaluate-map``.

The file is opened once, in a limited process, and rasterized onto the scene's grid: scores and outlines use that mask
only. A pixel is landslide if its centre is inside a polygon.
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

from landslip.errors import LandslipError
from landslip.evaluation.reference.polygons import PolygonReference, read_polygons
from landslip.evaluation.reference.raster import RasterReference
from landslip.files.progress import Progress
from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.mapping.inventory.files import append_to_geopackage
from landslip.mapping.inventory.outlines import trace_outlines
from landslip.mapping.polygon_files import FORMATS
from landslip.mapping.polygon_formats import LABEL_COLUMNS
from landslip.mapping.raster.block_order import strips
from landslip.page import messages
from landslip.page.errors import UploadError, explain, use_user_names
from landslip.page.jobs.results import MAX_SHOWN, SceneReference
from landslip.page.jobs.scene_maps import open_source
from landslip.page.jobs.tasks import ReferenceTask, handles
from landslip.page.uploads.archive import unpack_polygons
from landslip.page.uploads.read import check_declared_size
from landslip.probability import BACKGROUND, LANDSLIDE, MAX_ENCODED, NODATA
from landslip.scenes.scene import Scene

_CRS_NAME: Final = re.compile(r"(urn:ogc:def:crs:)?(EPSG|OGC):[\w.]*:?\w+", re.IGNORECASE)
"""CRS names of GeoJSON files. A CRS may also be a link, which is refused."""
_SPATIAL_INDEX: Final = re.compile(r"\bUSING\s+rtree\s*\(", re.IGNORECASE)
"""The only kind of virtual table that a GeoPackage needs."""


@handles(ReferenceTask)
def read_reference(task: ReferenceTask, _: Progress) -> SceneReference:
    """Rasterize a reference onto the grid of a scene.

    Raises:
        UploadError: the file cannot be used; the message has the user's own file names.
    """
    names = {task.upload.path.name: task.upload.name}
    try:
        return _rasterize(task, names)
    except LandslipError as error:
        message = explain(error, task.folder, names).replace(FORMATS, messages.REFERENCE_FORMATS)
        raise UploadError(message) from error


def _rasterize(task: ReferenceTask, names: dict[str, str]) -> SceneReference:
    scene = open_source(task.source)
    grid = MapGrid.of(scene.geobox, scene.window)
    reference = _open(task, scene, grid, names)
    mask, path = task.folder / "reference-mask.tif", task.folder / "reference-outlines.gpkg"
    valid_px = _write_mask(mask, reference, scene)
    if not valid_px:
        raise UploadError(messages.REFERENCE_NODATA.format(name=task.upload.name))
    table = _outline_mask(mask, grid)
    append_to_geopackage(path, table)
    geojson = None
    if table.crs:
        geojson = path.with_suffix(".geojson")
        lonlat = table.nlargest(MAX_SHOWN, "area_m2").to_crs("EPSG:4326")
        geojson.write_text(lonlat[["id", "geometry"]].to_json(), encoding="utf-8")
    notes = reference.notes()
    if isinstance(reference, PolygonReference):
        notes = (*notes, messages.REFERENCE_BACKGROUND)
    return SceneReference(
        source=task.source,
        title=task.upload.name,
        mask=mask,
        landslides=path,
        geojson=geojson,
        count=len(table),
        valid_fraction=valid_px / (grid.height * grid.width),
        notes=tuple(use_user_names(note, task.folder, names) for note in notes),
    )


def _open(
    task: ReferenceTask, scene: Scene, grid: MapGrid, names: dict[str, str]
) -> PolygonReference | RasterReference:
    upload, path = task.upload, task.upload.path
    if upload.kind == "raster":
        check_declared_size(upload, task.limits)
        return RasterReference.on(path, scene.geobox, task.landslide_values)
    if upload.kind == "zip":
        path = unpack_polygons(upload, task.folder / "unpacked-reference", task.limits)
        names[path.name] = upload.name
    elif upload.kind == "geojson":
        _strip_geojson(path, upload.name)
    elif upload.kind == "geopackage":
        _check_tables(path, upload.name)
    # The layer of any other format has a name of our own.
    layer = task.layer if path.suffix in (".gpkg", ".kml") else None
    reference = PolygonReference.on(read_polygons(path, layer), grid)
    if not len(reference.pixels):
        raise UploadError(messages.REFERENCE_EMPTY.format(name=upload.name))
    return reference


def _strip_geojson(path: Path, name: str) -> None:
    """Keep only the geometries of a GeoJSON file, columns that may tell a class, and the name of its CRS.

    Raises:
        UploadError: it is not GeoJSON, or its CRS has no known name.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        features = content["features"] if content["type"] == "FeatureCollection" else [content]
        crs = content.get("crs")
        kept: dict[str, Any] = {
            "type": "FeatureCollection",
            "features": [
                {"type": "Feature", "properties": _labels(feature), "geometry": feature["geometry"]}
                for feature in features
            ],
        }
        crs_name = None if crs is None else crs["properties"]["name"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UploadError(messages.REFERENCE_GEOJSON.format(name=name)) from error
    if crs_name is not None:
        if not isinstance(crs_name, str) or not _CRS_NAME.fullmatch(crs_name):
            raise UploadError(messages.REFERENCE_GEOJSON.format(name=name))
        kept["crs"] = {"type": "name", "properties": {"name": crs_name}}
    path.write_text(json.dumps(kept), encoding="utf-8")


def _labels(feature: dict[str, Any]) -> dict[str, Any]:
    """Return the properties that may tell whether a polygon is a landslide."""
    held = feature.get("properties")
    if not isinstance(held, dict):
        return {}
    return {
        str(name): value
        for name, value in held.items()
        if str(name).lower() in LABEL_COLUMNS and isinstance(value, str | int | float)
    }


def _check_tables(path: Path, name: str) -> None:
    """Check that no table of a GeoPackage refers to another file.

    Raises:
        UploadError: a table does, or the file is not a database.
    """
    query = "SELECT sql FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL%'"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as database:
            tables = [str(sql) for (sql,) in database.execute(query)]
    except sqlite3.Error as error:
        raise UploadError(messages.REFERENCE_TABLES.format(name=name)) from error
    if not all(_SPATIAL_INDEX.search(sql) for sql in tables):
        raise UploadError(messages.REFERENCE_TABLES.format(name=name))


def _write_mask(path: Path, reference: PolygonReference | RasterReference, scene: Scene) -> int:
    """Write the mask strip by strip; the number of its valid pixels."""
    profile: dict[str, Any] = {"height": scene.height, "width": scene.width, "count": 1, "dtype": "uint8"}
    if scene.geobox.crs:
        profile |= {"crs": scene.geobox.crs.to_wkt(), "transform": scene.geobox.transform}
    valid_px = 0
    with rasterio.open(
        path, "w", driver="GTiff", compress="deflate", bigtiff="if_safer", nodata=NODATA, **profile
    ) as file:
        for window in strips(scene.height, scene.width):
            valid = reference.valid(window)
            mask = np.where(valid, np.where(reference.mask(window), LANDSLIDE, BACKGROUND), NODATA)
            rows, cols = (window.row, window.row + window.height), (window.col, window.col + window.width)
            file.write(mask.astype(np.uint8), 1, window=(rows, cols))
            valid_px += int(np.count_nonzero(valid))
    return valid_px


def _outline_mask(mask: Path, grid: MapGrid) -> gpd.GeoDataFrame:
    """Outline the landslides of a mask by the code that outlines those of a map."""
    with rasterio.open(mask) as file:

        def encoded_strips() -> Iterator[tuple[Window, NDArray[np.uint8]]]:
            for window in strips(grid.height, grid.width):
                rows, cols = (window.row, window.row + window.height), (window.col, window.col + window.width)
                landslide = file.read(1, window=(rows, cols)) == LANDSLIDE
                yield window, np.where(landslide, MAX_ENCODED, 0).astype(np.uint8)

        geometries = np.array([outline.geometry for outline in trace_outlines(encoded_strips(), 1.0)], dtype=object)
    areas_m2, _ = grid.areas_and_perimeters_m(geometries)
    return gpd.GeoDataFrame(
        {"id": np.arange(1, len(geometries) + 1, dtype=np.int64), "area_m2": areas_m2},
        geometry=shapely.transform(geometries, grid.to_crs),
        crs=grid.crs,
    )
