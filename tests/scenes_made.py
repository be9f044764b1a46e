"""Scenes made for a test, in memory and as files, and what a map of them holds."""

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.detector.detector import Detector
from landslip.mapping.area import AreaOfInterest
from landslip.mapping.job import MapSettings
from landslip.mapping.run import map_scene
from landslip.scenes.arrays import array_scene
from landslip.scenes.scene import Scene
from rasters import NORTH_UP, UTM, write_raster

TRUE_COLOUR = ("B04", "B03", "B02")


def blobs(height: int, width: int, *, bands: int = 3, seed: int = 0) -> NDArray[np.uint16]:
    """Bright spots of all sizes on darker ground, (bands, height, width) DN between 1 and 9,000."""
    random = np.random.default_rng(seed)
    rows, cols = np.mgrid[:height, :width]
    ground = 900 + 300 * np.sin(rows / 17) + 200 * np.cos(cols / 23) + random.normal(0, 60, (height, width))
    for _ in range(max(height * width // 900, 1)):
        row, col, size = random.uniform(0, height), random.uniform(0, width), random.uniform(1, 9)
        ground = ground + 4500 * np.exp(-(((rows - row) / size) ** 2 + ((cols - col) / (2 * size)) ** 2))
    stack = np.stack([ground * share for share in np.linspace(1, 0.7, bands)])
    return np.clip(stack, 1, 9000).astype(np.uint16)


def memory_scene(
    values: NDArray[np.generic],
    channels: tuple[str, ...] = TRUE_COLOUR,
    observed: NDArray[np.bool_] | None = None,
    *,
    transform: Affine = NORTH_UP,
    crs: str | None = UTM,
) -> Scene:
    """A scene of values (C, H, W)."""
    return array_scene(values, channels, GeoBox(values.shape[1:], transform, crs), observed)


def scene_file(folder: Path, values: NDArray[np.generic], **options: object) -> Path:
    """A GeoTIFF whose bands say that they are B04, B03 and B02, 0 standing for not observed."""
    names = TRUE_COLOUR[: len(values)]
    return write_raster(folder / "scene.tif", values, **({"descriptions": names, "nodata": 0} | options))


class StoppedError(Exception):
    """Raised to end a run where a kill would."""


def stop_at(share: float):
    """Something to watch a run with that ends it once this share of the pixels is mapped."""

    def watch(doing: str, done: int, total: int) -> None:
        if doing == "mapping" and done >= share * total:
            raise StoppedError

    return watch


def levels_of(
    scene: Scene, detector: Detector, out: Path, aoi: AreaOfInterest | None = None, **settings: object
) -> NDArray[np.uint8]:
    """The levels of a map, without its other files: the run is ended when the raster is whole."""
    try:
        map_scene(scene, detector, out, MapSettings(resume=False, **settings), aoi=aoi, watch=stop_at(1))
    except StoppedError:
        with rasterio.open(out / ".unfinished" / "levels.tif") as raster:
            return raster.read(1)
    raise AssertionError("the run was to be stopped")
