"""Pictures of a scene to look at: the ground in any channels, and the probability of a map, streamed block by block."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio.warp
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from rasterio.errors import RasterioError
from rasterio.transform import array_bounds, from_bounds

from landslip.datasets.pictures.truth import enlarged
from landslip.datasets.pictures.views import natural
from landslip.figures.cartography import outlined
from landslip.figures.colour_ramps import CHOSEN, OUTLINE, PROBABILITY, TRUTH
from landslip.figures.picture import Picture, hatching
from landslip.grid.lattice import blocks
from landslip.grid.map_grid import MapGrid
from landslip.mapping.inventory.files import read_geopackage
from landslip.mapping.raster.probability import ProbabilityRaster
from landslip.mapping.raster.quicklook import Quicklook
from landslip.page.jobs.perform import Watch
from landslip.page.jobs.results import Drawn
from landslip.page.jobs.tasks import Box, PictureTask, SketchTask
from landslip.page.uploads.rasters import open_source
from landslip.probability import NODATA, decode_probability
from landslip.scenes.scene import Scene

_BLOCK_PX: Final = 1024
_WEB_MERCATOR: Final = "EPSG:3857"
_REACH_DEG: Final = 85.0
"""The web's map ends before the poles."""
_OPAQUE_FROM: Final = 0.4
"""Below this probability the picture of it is the more transparent the lower it is."""
_QUALITY: Final = 88


def draw_picture(task: PictureTask, watch: Watch) -> dict[str, Any]:
    """Draw a picture, or give one that was drawn before; gives a ``Drawn``."""
    record = task.out / f"{_name(task)}.json"
    if record.exists():
        known: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
        return known
    scene = open_source(task.source)
    grid = MapGrid.of(scene.geobox, scene.window)
    picture = (
        _ground(scene, grid, task.channels, watch) if task.probability is None else _probability(task, grid, watch)
    )
    rgba = _coloured(task, picture)
    task.out.mkdir(parents=True, exist_ok=True)
    image, mercator = task.out / f"{_name(task)}.webp", task.out / f"{_name(task)}-mercator.webp"
    flat = _flat(rgba) if task.probability is None else Image.fromarray(rgba)
    flat.save(image, "WEBP", quality=_QUALITY)
    placed = _on_the_web_map(rgba, picture.transform, grid)
    if placed is not None:
        Image.fromarray(placed[0]).save(mercator, "WEBP", quality=_QUALITY)
    drawn = Drawn(
        image=image,
        record=record,
        width=picture.width,
        height=picture.height,
        transform=tuple(picture.transform)[:6],
        mercator=mercator if placed else None,
        bounds=placed[1] if placed else None,
    )
    answer = drawn.model_dump(mode="json")
    record.write_text(json.dumps(answer), encoding="utf-8")
    return answer


def _name(task: PictureTask) -> str:
    """Known channels make safe names."""
    return "-".join(task.channels) if task.probability is None else "probability"


def _ground(scene: Scene, grid: MapGrid, channels: tuple[str, ...], watch: Watch) -> Picture:
    scene.require(channels, "this picture")
    quicklook = Quicklook(scene.window, (channels * 3)[:3])
    total = scene.height * scene.width
    done = 0
    for block in blocks(scene.window, _BLOCK_PX):
        quicklook.add(block, *scene.read(quicklook.channels, block))
        done += block.height * block.width
        watch("drawing", done, total)
    return quicklook.picture(grid)


def _probability(task: PictureTask, grid: MapGrid, watch: Watch) -> Picture:
    if task.probability is None:
        raise ValueError("no probability was asked for")
    raster = ProbabilityRaster(task.probability, grid)
    scene_window = open_source(task.source).window
    quicklook = Quicklook(scene_window, ("probability",) * 3)
    for block in blocks(scene_window, _BLOCK_PX):
        levels = raster.read(block)
        values = np.nan_to_num(decode_probability(levels))
        quicklook.add(block, np.broadcast_to(values, (3, *levels.shape)), levels != NODATA)
        watch("drawing", block.bottom, scene_window.height)
    return quicklook.picture(grid)


def _coloured(task: PictureTask, picture: Picture) -> NDArray[np.uint8]:
    """RGBA (h, w, 4); transparent where not observed."""
    if task.probability is None:
        rgb = natural(picture.values, picture.observed, alike=task.alike)
        return np.dstack([rgb, np.where(picture.observed, 255, 0).astype(np.uint8)])
    probability = picture.values[0]
    alpha = np.where(picture.observed, np.clip(probability / _OPAQUE_FROM, 0, 1) * 235, 0)
    return np.dstack([PROBABILITY.painted(probability, 0, 1), np.rint(alpha).astype(np.uint8)])


def _flat(rgba: NDArray[np.uint8]) -> Image.Image:
    """Without transparency: hatched where not observed."""
    seen = rgba[..., 3:] > 0
    return Image.fromarray(np.where(seen, rgba[..., :3], hatching(*rgba.shape[:2])).astype(np.uint8))


def _on_the_web_map(rgba: NDArray[np.uint8], transform: Affine, grid: MapGrid) -> tuple[NDArray[np.uint8], Box] | None:
    """The picture in Web Mercator with its bounds in degrees; None where it has no place there."""
    if grid.crs is None:
        return None
    height, width = rgba.shape[:2]
    try:
        crs = grid.crs.to_wkt()
        bounds = array_bounds(height, width, transform)
        west, south, east, north = rasterio.warp.transform_bounds(crs, "EPSG:4326", *bounds)
        if south < -_REACH_DEG or north > _REACH_DEG or west >= east:
            return None
        left, bottom, right, top = rasterio.warp.transform_bounds(crs, _WEB_MERCATOR, *bounds)
        # As many pixels as the picture has, square on the web's map.
        side = float(np.sqrt((right - left) * (top - bottom) / (width * height)))
        columns, rows = (max(1, round(length / side)) for length in (right - left, top - bottom))
        target = from_bounds(left, bottom, right, top, columns, rows)
        placed = np.zeros((4, rows, columns), np.uint8)
        rasterio.warp.reproject(
            np.ascontiguousarray(np.moveaxis(rgba, -1, 0)),
            placed,
            src_transform=transform,
            src_crs=crs,
            dst_transform=target,
            dst_crs=_WEB_MERCATOR,
            resampling=rasterio.warp.Resampling.nearest,
        )
        box = rasterio.warp.transform_bounds(_WEB_MERCATOR, "EPSG:4326", *array_bounds(rows, columns, target))
    except RasterioError:
        return None
    return np.ascontiguousarray(np.moveaxis(placed, 0, -1)), box


_MOST_TIMES = 8
_QUALITY_SKETCH = 86


def sketch(task: SketchTask) -> dict[str, Any]:
    """Draw; gives the file and the size of the picture."""
    drawn = _record(task.ground)
    with Image.open(drawn.image) as held:
        ground = held.convert("RGB")
    if task.probability is not None:
        with Image.open(_record(task.probability).image) as held:
            ground.paste(held.convert("RGB"), mask=held.convert("RGBA").getchannel("A"))
    scale = min(task.longest_px / max(drawn.width, drawn.height), _MOST_TIMES)
    sheet = enlarged(np.asarray(ground), max(1, round(drawn.width * scale)))
    to_sheet = Affine.scale(sheet.width / drawn.width, sheet.height / drawn.height) * ~Affine(*drawn.transform)
    for path, colour in ((task.truth, TRUTH), (task.outlines, OUTLINE)):
        if path is not None:
            geometries = (geometry for table in read_geopackage(path) for geometry in table.geometry)
            sheet = outlined(sheet, geometries, to_sheet, colour)
    if task.outlines is not None and task.chosen is not None:
        chosen = [
            geometry
            for table in read_geopackage(task.outlines)
            for geometry in table[table["id"] == task.chosen].geometry
        ]
        sheet = outlined(sheet, chosen, to_sheet, CHOSEN)
    task.out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(task.out, "WEBP", quality=_QUALITY_SKETCH)
    return {"image": str(task.out), "width": sheet.width, "height": sheet.height}


def _record(path: Path) -> Drawn:
    return Drawn.model_validate_json(path.read_text(encoding="utf-8"))
