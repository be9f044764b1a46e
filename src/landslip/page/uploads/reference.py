"""Reference inventories for a scene: polygons or a label raster, read as by ``landslip evaluate-map``.

The file is opened once, in a limited process, and rasterized onto the scene's grid: scores and outlines use that mask
only. A pixel is landslide if its centre is inside a polygon.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from numpy.typing import NDArray

from landslip.errors import LandslipError
from landslip.evaluation.reference.polygons import PolygonReference, read_polygons
from landslip.evaluation.reference.raster import RasterReference
from landslip.files.progress import Progress
from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.mapping.inventory.attributes import areas_and_perimeters_m
from landslip.mapping.inventory.files import append_to_geopackage
from landslip.mapping.inventory.outlines import trace_outlines
from landslip.mapping.inventory.rings import Polygons, build_geometries
from landslip.mapping.polygon_files import FORMATS
from landslip.mapping.raster.block_order import strips
from landslip.page import messages
from landslip.page.errors import UploadError, explain, use_user_names
from landslip.page.jobs.results import MAX_SHOWN, SceneReference
from landslip.page.jobs.scene_maps import open_source
from landslip.page.jobs.tasks import ReferenceTask, handles
from landslip.page.uploads.polygons import checked_polygons, layer_in
from landslip.page.uploads.read import check_declared_size
from landslip.probability import BACKGROUND, LANDSLIDE, MAX_ENCODED, NODATA
from landslip.scenes.scene import Scene


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
    upload = task.upload
    if upload.kind == "raster":
        check_declared_size(upload, task.limits)
        return RasterReference.on(upload.path, scene.geobox, task.landslide_values)
    path = checked_polygons(upload, task.folder / "unpacked-reference", task.limits)
    names[path.name] = upload.name
    reference = PolygonReference.on(read_polygons(path, layer_in(path, task.layer)), grid)
    if not len(reference.pixels):
        raise UploadError(messages.REFERENCE_EMPTY.format(name=upload.name))
    return reference


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

        polygons = Polygons.join([outline.polygons for outline in trace_outlines(encoded_strips(), 1.0)])
    areas_m2, _ = areas_and_perimeters_m(polygons, grid)
    return gpd.GeoDataFrame(
        {"id": np.arange(1, len(areas_m2) + 1, dtype=np.int64), "area_m2": areas_m2},
        geometry=build_geometries(polygons, grid.to_crs),
        crs=grid.crs,
    )
