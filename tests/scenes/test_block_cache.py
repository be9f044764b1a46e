"""The size of GDAL's cache, and that sources read at a time give what they give one by one."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from landslip.grid.window import Window
from landslip.scenes import scene as scene_module
from landslip.scenes.block_cache import cache_settings
from landslip.scenes.rasters import open_scene
from rasters import NORTH_UP, write_raster
from scenes_made import blobs, memory_scene


def bands(folder: Path) -> Path:
    """Write bands of 10, 20 and 60 m with gaps."""
    draw = np.random.default_rng(3)
    for name, step in (("B02", 1), ("B03", 1), ("B04", 1), ("B05", 2), ("B11", 2), ("B01", 6)):
        values = draw.integers(200, 4000, (240 // step, 180 // step)).astype(np.uint16)
        values[draw.random(values.shape) < 0.02] = 0
        write_raster(folder / f"{name}.tif", values, transform=NORTH_UP * Affine.scale(step), nodata=0)
    return folder


def test_sources_read_at_a_time_give_what_they_give_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = open_scene(bands(tmp_path))
    windows = [scene.window, Window(7, 11, 50, 90), Window(200, 100, 40, 80)]
    monkeypatch.setattr(scene_module.os, "cpu_count", lambda: 4)
    together = [scene.read(scene.channels, window) for window in windows]
    monkeypatch.setattr(scene_module, "_MAX_THREADS", 1)
    for window, (values, valid) in zip(windows, together, strict=True):
        alone, alone_valid = scene.read(scene.channels, window)
        np.testing.assert_array_equal(values, alone)
        np.testing.assert_array_equal(valid, alone_valid)
        assert not valid.all()
        assert (values[:, ~valid] == 0).all()


def test_an_error_in_one_source_is_that_of_the_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = open_scene(bands(tmp_path))

    class Broken:
        def read(self, _bands: list[int], _window: Window, _out: object) -> None:
            raise OSError("broken")

    object.__setattr__(scene.layers["B05"], "source", Broken())
    with pytest.raises(OSError, match="broken"):
        scene.read(scene.channels)


def test_the_cache_holds_two_rows_of_blocks_within_its_bounds(tmp_path: Path) -> None:
    assert cache_settings(memory_scene(blobs(20, 20)), ["B04"])["GDAL_CACHEMAX"] == 64 * 2**20
    scene = open_scene(bands(tmp_path))
    assert cache_settings(scene, scene.channels)["GDAL_CACHEMAX"] == 64 * 2**20
    # Five bands of 2,048 x 9,000 uint16 in blocks of 1,024: 2 x 1,024 x 9,216 x 2 bytes a band.
    path = tmp_path / "large.tif"
    profile = {
        "driver": "GTiff",
        "count": 5,
        "dtype": "uint16",
        "interleave": "band",
        "width": 9000,
        "height": 2048,
        "sparse_ok": True,
    }
    with rasterio.open(
        path, "w", tiled=True, blockxsize=1024, blockysize=1024, crs="EPSG:32646", transform=NORTH_UP, **profile
    ) as file:
        file.descriptions = ("B04", "B03", "B02", "B08", "B11")
        file.write(blobs(64, 64, bands=5), window=((0, 64), (0, 64)))
    needed = 5 * 2 * 1024 * 9216 * 2
    found = cache_settings(open_scene(path), ["B04"])["GDAL_CACHEMAX"]
    assert needed < found < 1.2 * needed
