"""The mask of dense vegetation: candidates on it are ruled out, and keep their probability."""

import numpy as np
import pytest

from landslip.errors import SettingsError
from landslip.grid.window import Window
from landslip.mapping.masks.scene_masks import SceneMasks
from landslip.scenes.masks.kinds import HIDING, VEGETATION, rules_out
from landslip.scenes.masks.spectral import is_vegetation
from landslip.scenes.rasters import open_scene
from rasters import write_raster
from scene_kinds import land

NAMES = ("B02", "B04", "B08")


def _scene(folder, blue, red, nir, **reading):
    """Forest in the left half of the values given, bare soil in the right one."""
    values = np.zeros((3, 60, 80), np.uint16)
    values[:, :, :40] = np.array([blue, red, nir])[:, None, None]
    values[:, :, 40:] = np.array([blue * 3, 1400, 2400])[:, None, None]
    return open_scene(write_raster(folder / "scene.tif", values, descriptions=NAMES, nodata=0), **reading)


def test_forest_is_ruled_out_and_soil_is_not(tmp_path):
    scene = _scene(tmp_path, 700, 400, 2600)
    masks = SceneMasks.of(scene, ["vegetation"])
    codes = masks.codes(scene.window)
    assert (codes[:, :40] == VEGETATION.code).all()
    assert (codes[:, 40:] == 0).all()
    assert rules_out(codes)[:, :40].all()
    assert "NDVI above 0.65" in masks.rules["vegetation"]


@pytest.mark.parametrize("to_toa", [False, True])
def test_surface_reflectance_is_judged_at_the_top_of_the_atmosphere(tmp_path, to_toa):
    """NDVI 0.71 at the surface is 0.57 with the light that air scatters."""
    scene = _scene(tmp_path, 150, 340, 2000, to_toa=to_toa)
    red, nir = (scene.read([name])[0][0, 0, 0] for name in ("B04", "B08"))
    assert is_vegetation(red, nir) == (not to_toa)
    masks = SceneMasks.of(scene, ["vegetation"])
    assert (masks.converted is None) == to_toa
    assert (masks.codes(scene.window) == 0).all()


def test_windows_of_the_mask_agree_with_the_whole(tmp_path):
    values = (land()[[2, 0, 3]] * np.array([1, 0.5, 1])[:, None, None]).astype(np.uint16)
    scene = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=NAMES))
    masks = SceneMasks.of(scene, ["vegetation"])
    whole = masks.codes(scene.window)
    assert 0 < (whole > 0).mean() < 1
    for window in (Window(0, 0, 1, 140), Window(33, 20, 50, 61)):
        rows, cols = window.slices
        np.testing.assert_array_equal(masks.codes(window), whole[rows, cols])


def test_vegetation_is_masked_on_request_only_and_needs_its_bands(tmp_path):
    scene = _scene(tmp_path, 700, 400, 2600)
    assert "vegetation" not in SceneMasks.of(scene, "auto").rules
    assert VEGETATION not in HIDING
    red = open_scene(write_raster(tmp_path / "B04.tif", land()[0].astype(np.uint16)))
    with pytest.raises(SettingsError, match="needs B04 and B08"):
        SceneMasks.of(red, ["vegetation"])
