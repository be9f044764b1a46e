"""A map of surface reflectance names the remedy, where a detector was trained on top-of-atmosphere reflectance."""

import numpy as np
import pytest
import rasterio

from landslip.api_maps import map_scene
from landslip.scenes.inspection import is_surface_reflectance
from landslip.scenes.rasters import open_scene
from rasters import write_raster
from safe_products import SafeProduct, write_safe
from scene_kinds import land
from tiny_detectors import identity

NAMES = ("B04", "B03", "B02")


def _scene(folder, name="a", lowest=0, **reading):
    values = np.maximum(land()[:3] - 150 + lowest, 1).astype(np.uint16)
    return open_scene(write_raster(folder / f"{name}.tif", values, descriptions=NAMES), **reading)


@pytest.mark.parametrize(("lowest", "surface"), [(0, True), (500, False)])
def test_surface_reflectance_is_known_by_ground_darker_than_air(tmp_path, lowest, surface):
    assert is_surface_reflectance(_scene(tmp_path, lowest=lowest)) == surface


def test_what_was_converted_or_is_named_level_1c_is_none(tmp_path):
    assert not is_surface_reflectance(_scene(tmp_path, to_toa=True))
    assert not is_surface_reflectance(_scene(tmp_path, "S2A_MSIL1C_20180906T012659"))
    assert is_surface_reflectance(_scene(tmp_path, "S2A_MSIL2A_20180906T012659", lowest=500))


def test_pictures_are_no_reflectance(tmp_path):
    picture = np.clip(land()[:3] / 8, 1, 255).astype(np.uint8)
    assert not is_surface_reflectance(open_scene(write_raster(tmp_path / "a.tif", picture, descriptions=NAMES)))


def _probability(folder, scene, **options):
    return map_scene(scene, folder, identity(), masks="none", precision="float32", **options).probability


def test_a_map_converts_a_product_of_level_2a_and_leaves_it_on_request(tmp_path):
    red = np.repeat(land(192)[:1], 4, axis=0)[0].astype(np.uint16)
    maps = {}
    for level in ("L1C", "L2A"):
        product = write_safe(tmp_path, SafeProduct({"B04": red}, level=level))
        for to_toa in (None, False, *([True] if level == "L2A" else [])):
            path = _probability(tmp_path / f"{level}{to_toa}", product, to_toa=to_toa)
            with rasterio.open(path) as file:
                maps[level, to_toa] = file.read(1)
    bare = write_raster(tmp_path / "bare.tif", red[None], descriptions=["B04"], nodata=0)
    with rasterio.open(_probability(tmp_path / "bare", bare)) as file:
        maps["bare"] = file.read(1)
    for same in (("L1C", None), ("L1C", False), ("L2A", False)):
        np.testing.assert_array_equal(maps[same], maps["bare"])
    np.testing.assert_array_equal(maps["L2A", None], maps["L2A", True])
    assert (maps["L2A", None] > maps["bare"]).mean() > 0.9
