"""Pictures of a scene for the screen: any channels, the probability of a map, and outlines over either.

Scenes are read block by block.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pyogrio
import rasterio.warp
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from rasterio.errors import RasterioError
from rasterio.transform import array_bounds, from_bounds

from landslip.change.registration import ShiftField
from landslip.change.scene_on_grid import SceneOnGrid
from landslip.channels import TRUE_COLOUR
from landslip.datasets.pictures.views import enlarge
from landslip.figures.cartography import draw_outlines
from landslip.figures.colour_ramps import OUTLINE, PROBABILITY, REFERENCE, SELECTED
from landslip.figures.picture import Picture, draw_hatching
from landslip.figures.true_colour import stretch_true_colour
from landslip.files.progress import Progress
from landslip.grid.lattice import split_blocks
from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.mapping.inventory.files import NOT_NEW_LAYER, read_geopackage
from landslip.mapping.raster.probability import ProbabilityRaster
from landslip.mapping.raster.quicklook import Quicklook
from landslip.mapping.report.pair_sheet import NOT_NEW_OUTLINE
from landslip.page.jobs.results import Box, ScenePicture
from landslip.page.jobs.scene_maps import open_source
from landslip.page.jobs.tasks import OverlayTask, PictureTask, handles
from landslip.probability import NODATA, decode_probability
from landslip.scenes.scene import Scene

_BLOCK_PX: Final = 1024
_WEB_MERCATOR: Final = "EPSG:3857"
_MAX_LATITUDE_DEG: Final = 85.0
"""Web Mercator ends before the poles."""
OPAQUE_FROM: Final = 0.4
"""The picture of the probability is opaque from here on, and the more transparent the lower it is."""
_QUALITY: Final = 88
_MAX_ENLARGEMENT: Final = 8


@handles(PictureTask)
def render_scene(task: PictureTask, progress: Progress) -> ScenePicture:
    """Render a scene or a probability, or return the picture rendered before."""
    # Names of channels are safe as names of files.
    name = "-".join(task.channels) if task.probability is None else "probability"
    if task.grid_of is not None:
        name += f"-on-{task.grid_of.id}"
    record = task.out / f"{name}.json"
    if record.exists():
        return _read_record(record)
    shown_scene = open_source(task.source)
    scene = open_source(task.grid_of) if task.grid_of else shown_scene
    grid = MapGrid.of(scene.geobox, scene.window)
    task.out.mkdir(parents=True, exist_ok=True)
    image, mercator = task.out / f"{name}.webp", task.out / f"{name}-mercator.webp"
    if task.probability is None:
        shown_scene.require(task.channels, "this picture")
        reader = SceneOnGrid(shown_scene, scene.geobox, ShiftField()) if task.grid_of else shown_scene
        picture = _read_scene(reader, scene.window, grid, task.channels, progress)
        rgba = _colour_scene(picture, per_channel=task.channels != TRUE_COLOUR)
        # The picture itself is opaque: nodata is hatched.
        shown = np.where(rgba[..., 3:] > 0, rgba[..., :3], draw_hatching(*rgba.shape[:2])).astype(np.uint8)
    else:
        picture = _read_probability(scene, grid, task.probability, progress)
        shown = rgba = _colour_probability(picture)
    Image.fromarray(shown).save(image, "WEBP", quality=_QUALITY)
    warped = _to_mercator(rgba, picture.transform, grid)
    if warped is not None:
        Image.fromarray(warped[0]).save(mercator, "WEBP", quality=_QUALITY)
    result = ScenePicture(
        image=image,
        record=record,
        width=picture.width,
        height=picture.height,
        transform=tuple(picture.transform)[:6],
        mercator=mercator if warped else None,
        bounds=warped[1] if warped else None,
    )
    record.write_text(result.model_dump_json(), encoding="utf-8")
    return result


def _read_scene(
    scene: Scene | SceneOnGrid, window: Window, grid: MapGrid, channels: tuple[str, ...], progress: Progress
) -> Picture:
    quicklook = Quicklook(window, (channels * 3)[:3])
    total, done = window.height * window.width, 0
    for block in split_blocks(window, _BLOCK_PX):
        quicklook.add(block, *scene.read(quicklook.channels, block))
        done += block.height * block.width
        progress("drawing", done, total)
    return quicklook.picture(grid)


def _read_probability(scene: Scene, grid: MapGrid, path: Path, progress: Progress) -> Picture:
    raster = ProbabilityRaster(path, grid)
    quicklook = Quicklook(scene.window, ("probability",) * 3)
    for block in split_blocks(scene.window, _BLOCK_PX):
        encoded = raster.read(block)
        probability = np.nan_to_num(decode_probability(encoded))
        quicklook.add(block, np.broadcast_to(probability, (3, *encoded.shape)), encoded != NODATA)
        progress("drawing", block.bottom, scene.height)
    return quicklook.picture(grid)


def _colour_scene(picture: Picture, *, per_channel: bool) -> NDArray[np.uint8]:
    """RGBA (h, w, 4), transparent where nodata."""
    rgb = stretch_true_colour(picture.values, picture.valid, per_channel=per_channel)
    return np.dstack([rgb, np.where(picture.valid, 255, 0).astype(np.uint8)])


def _colour_probability(picture: Picture) -> NDArray[np.uint8]:
    """RGBA (h, w, 4), transparent where nodata or where the probability is low."""
    probability = picture.values[0]
    alpha = np.where(picture.valid, np.clip(probability / OPAQUE_FROM, 0, 1) * 235, 0)
    return np.dstack([PROBABILITY.to_rgb(probability, 0, 1), np.rint(alpha).astype(np.uint8)])


def _to_mercator(rgba: NDArray[np.uint8], transform: Affine, grid: MapGrid) -> tuple[NDArray[np.uint8], Box] | None:
    """Warp a picture to Web Mercator; with its bounds in degrees, or None where it cannot be shown there."""
    if grid.crs is None:
        return None
    height, width = rgba.shape[:2]
    try:
        crs = grid.crs.to_wkt()
        bounds = array_bounds(height, width, transform)
        west, south, east, north = rasterio.warp.transform_bounds(crs, "EPSG:4326", *bounds)
        if south < -_MAX_LATITUDE_DEG or north > _MAX_LATITUDE_DEG or west >= east:
            return None
        left, bottom, right, top = rasterio.warp.transform_bounds(crs, _WEB_MERCATOR, *bounds)
        # As many pixels as the picture has, square in Web Mercator.
        side = float(np.sqrt((right - left) * (top - bottom) / (width * height)))
        columns, rows = (max(1, round(length / side)) for length in (right - left, top - bottom))
        target = from_bounds(left, bottom, right, top, columns, rows)
        warped = np.zeros((4, rows, columns), np.uint8)
        rasterio.warp.reproject(
            np.ascontiguousarray(np.moveaxis(rgba, -1, 0)),
            warped,
            src_transform=transform,
            src_crs=crs,
            dst_transform=target,
            dst_crs=_WEB_MERCATOR,
            resampling=rasterio.warp.Resampling.nearest,
        )
        box = rasterio.warp.transform_bounds(_WEB_MERCATOR, "EPSG:4326", *array_bounds(rows, columns, target))
    except RasterioError:
        return None
    return np.ascontiguousarray(np.moveaxis(warped, 0, -1)), box


@handles(OverlayTask)
def draw_overlay(task: OverlayTask, _: Progress) -> dict[str, Any]:
    """Draw outlines, and the probability if given, over a rendered scene; return the file and its size."""
    background = _read_record(task.background)
    with Image.open(background.image) as file:
        image = file.convert("RGB")
    if task.probability is not None:
        with Image.open(_read_record(task.probability).image) as file:
            image.paste(file.convert("RGB"), mask=file.convert("RGBA").getchannel("A"))
    scale = min(task.longest_px / max(background.width, background.height), _MAX_ENLARGEMENT)
    image = enlarge(np.asarray(image), max(1, round(background.width * scale)))
    to_image = Affine.scale(image.width / background.width, image.height / background.height)
    to_image = to_image * ~Affine(*background.transform)
    for path, colour in ((task.reference, REFERENCE), (task.landslides, OUTLINE)):
        if path is not None:
            geometries = (geometry for table in read_geopackage(path) for geometry in table.geometry)
            image = draw_outlines(image, geometries, to_image, colour)
    if task.not_new is not None:
        not_new = pyogrio.read_dataframe(task.not_new, layer=NOT_NEW_LAYER, columns=[])
        image = draw_outlines(image, not_new.geometry, to_image, NOT_NEW_OUTLINE)
    if task.landslides is not None and task.selected is not None:
        tables = read_geopackage(task.landslides)
        selected = [geometry for table in tables for geometry in table[table["id"] == task.selected].geometry]
        image = draw_outlines(image, selected, to_image, SELECTED)
    task.out.parent.mkdir(parents=True, exist_ok=True)
    image.save(task.out, "WEBP", quality=_QUALITY)
    return {"image": str(task.out), "width": image.width, "height": image.height}


def _read_record(path: Path) -> ScenePicture:
    return ScenePicture.model_validate_json(path.read_text(encoding="utf-8"))
