"""Conversion of stored values to DN, degrees and metres, by scale of the user or of the file."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslip.errors import SceneError
from landslip.scenes.rasters import open_scene
from rasters import write_raster

NAMES = ("B04", "B03", "B02")
DN = np.random.default_rng(0).integers(200, 6000, (3, 9, 7)).astype(np.uint16)


def values_of(scene):
    return scene.read(NAMES, scene.window)[0]


def test_dn_are_used_as_stored_without_a_warning(tmp_path):
    scene = open_scene(write_raster(tmp_path / "a.tif", DN, descriptions=NAMES))
    np.testing.assert_array_equal(values_of(scene), DN)
    assert scene.warnings == ()


def test_reflectance_needs_a_scale(tmp_path):
    path = write_raster(tmp_path / "a.tif", (DN / 1e4).astype(np.float32), descriptions=NAMES)
    with pytest.raises(SceneError, match=r"reach 0\.\d+, too low for DN.*give scale 10000$"):
        open_scene(path)
    scene = open_scene(path, scale=10_000)
    np.testing.assert_allclose(values_of(scene), DN, rtol=1e-6)
    assert "DN = value x 10000, with the given scale" in scene.layers["B04"].describe()


def test_one_saturated_pixel_does_not_pass_reflectance_for_dn(tmp_path):
    reflectance = np.full((3, 30, 30), 0.2, np.float32)
    reflectance[0, 0, 0] = 300
    with pytest.raises(SceneError, match="too low for DN"):
        open_scene(write_raster(tmp_path / "a.tif", reflectance, descriptions=NAMES))


def test_scale_and_offset_of_the_file_give_reflectance(tmp_path):
    """As in Sentinel-2 since processing baseline 04.00: reflectance = (DN - 1000) / 10,000."""
    path = write_raster(tmp_path / "a.tif", DN, descriptions=NAMES, scales=[1e-4] * 3, offsets=[-0.1] * 3)
    scene = open_scene(path)
    np.testing.assert_allclose(values_of(scene), DN - 1000.0, atol=0.01)
    assert "DN = 10000 x (value x 0.0001 - 0.1), as tagged in the file" in scene.layers["B04"].describe()


def test_an_offset_alone_is_in_dn(tmp_path):
    scene = open_scene(write_raster(tmp_path / "a.tif", DN, descriptions=NAMES, offsets=[-1000.0] * 3))
    np.testing.assert_array_equal(values_of(scene), DN - 1000.0)


def test_the_given_scale_overrides_that_of_the_file(tmp_path):
    path = write_raster(tmp_path / "a.tif", DN, descriptions=NAMES, scales=[1e-4] * 3, offsets=[-0.1] * 3)
    scene = open_scene(path, scale=2)
    np.testing.assert_array_equal(values_of(scene), DN * 2.0)
    assert "not as tagged in the file" in scene.layers["B04"].describe()


def test_terrain_is_never_scaled_by_the_user(tmp_path):
    values = np.stack([DN[0], DN[1] % 60]).astype(np.float32)
    path = write_raster(tmp_path / "a.tif", values, descriptions=["elevation", "slope"])
    scene = open_scene(path, scale=3)
    np.testing.assert_array_equal(scene.read(["elevation", "slope"], scene.window)[0], values)


def test_terrain_uses_the_scale_of_the_file_and_its_zeros_are_valid(tmp_path):
    path = write_raster(
        tmp_path / "a.tif", np.arange(12, dtype=np.int16).reshape(3, 4), descriptions=["dem"], scales=[0.5]
    )
    scene = open_scene(path)
    values, observed = scene.read(["elevation"], scene.window)
    np.testing.assert_array_equal(values[0], np.arange(12).reshape(3, 4) / 2)
    assert observed.all()


def test_an_8_bit_picture_is_used_with_a_warning(tmp_path):
    path = write_raster(tmp_path / "a.tif", (DN % 256).astype(np.uint8), descriptions=NAMES, nodata=0)
    scene = open_scene(path)
    assert len(scene.warnings) == 1
    assert "brightness, not DN" in scene.warnings[0]
    assert "8 bits, which become steps of 10 DN" in open_scene(path, scale=10).warnings[0]


@given(factor=st.floats(1e-3, 1e5))
def test_scaling_scales(tmp_path_factory, factor):
    path = write_raster(tmp_path_factory.getbasetemp() / "scaled.tif", DN, descriptions=NAMES)
    np.testing.assert_allclose(values_of(open_scene(path, scale=factor)), DN * factor, rtol=1e-6)


@pytest.mark.parametrize("scale", [0, -1, np.nan, np.inf])
def test_an_invalid_scale_is_refused(tmp_path, scale):
    with pytest.raises(SceneError, match="scale must be positive"):
        open_scene(write_raster(tmp_path / "a.tif", DN, descriptions=NAMES), scale=scale)


def test_values_too_large_for_float32_are_nodata(tmp_path):
    values = np.full((1, 2, 2), 3e38, np.float32)
    values[0, 0, 0] = 1
    scene = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=["B04"]), scale=10_000)
    read, observed = scene.read(["B04"], scene.window)
    np.testing.assert_array_equal(observed, [[True, False], [False, False]])
    np.testing.assert_array_equal(read[0], [[10_000, 0], [0, 0]])


def test_the_sample_of_a_large_file_is_spread_over_it(tmp_path):
    """A large file without overviews is judged by windows all over it, not by its corner."""
    values = np.zeros((1, 2100, 2100), np.uint16)
    values[:, 1900:, 1900:] = 3000
    path = write_raster(tmp_path / "a.tif", values, descriptions=["B04"], nodata=0, compress="deflate")
    assert open_scene(path).warnings == ()
    path = write_raster(tmp_path / "a.tif", values // 1500, descriptions=["B04"], nodata=0, compress="deflate")
    with pytest.raises(SceneError, match="too low for DN"):
        open_scene(path)
