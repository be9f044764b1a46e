"""Approximate top-of-atmosphere reflectance from surface reflectance."""

import h5py
import numpy as np
import pytest

from landslip.channels import CHANNELS
from landslip.errors import SceneError
from landslip.scenes.atmosphere import compute_scattering, convert_product, convert_to_toa
from landslip.scenes.rasters import open_scene
from rasters import write_raster
from safe_products import SafeProduct, write_safe
from scene_kinds import NAMES, land, message_of, write_land

REFLECTANCE = [name for name, one in CHANNELS.items() if one.kind == "reflectance"]


def test_shorter_waves_are_scattered_more():
    air = [compute_scattering(name, 35, 0.15, 500) for name in REFLECTANCE]
    assert [one.path for one in air] == sorted((one.path for one in air), reverse=True)
    assert [one.down * one.up for one in air] == sorted(one.down * one.up for one in air)
    assert all(0 < one.direct < one.down < 1 for one in air)


def test_less_air_scatters_less():
    for higher in (compute_scattering("B02", 35, 0.15, 3000), compute_scattering("B02", 35, 0.0, 500)):
        lower = compute_scattering("B02", 35, 0.15, 500)
        assert higher.path < lower.path
        assert higher.up > lower.up


def test_the_path_reflectance_is_that_of_dark_ground_in_level_1c(shared_data):
    """Dark ground of Landslide4Sense reflects little itself: the first percentile of a patch is mostly air."""
    folder = shared_data / "l4s-h5" / "TrainData" / "img"
    if not folder.is_dir():
        pytest.skip("Landslide4Sense files are not among the real data")
    for name in ("B01", "B02", "B03", "B04"):
        channel, dark = CHANNELS[name], []
        for path in folder.glob("*.h5"):
            with h5py.File(path) as file:
                dark.append(np.percentile(file["img"][..., channel.l4s_index] * channel.l4s_divisor, 1))
        assert compute_scattering(name, 35, 0.15, 500).path * 10_000 == pytest.approx(np.median(dark), rel=0.2)


def test_one_factor_and_offset_per_channel(tmp_path):
    path = write_land(tmp_path / "a.tif", (land() + 1000).astype(np.uint16))
    scene, plain = (open_scene(path, offset=-1000, to_toa=to_toa) for to_toa in (True, False))
    values, valid = scene.read(NAMES)
    assert valid.all()
    for channel, found in zip(NAMES, values, strict=True):
        air = compute_scattering(channel, 35, 0.15, 500)
        expected = plain.read([channel])[0][0] * air.down * air.up + air.path * 10_000
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        assert "for the atmosphere" in scene.layers[channel].describe()
    assert scene.identity != plain.identity
    assert "sun zenith 35 degrees (assumed), ground at 500 m (assumed)" in scene.notes[-1]


def test_nodata_stays_nodata(tmp_path):
    values = land().astype(np.uint16)
    values[:, :20] = 0
    for nodata in (0, None):
        scene = open_scene(write_land(tmp_path / f"{nodata}.tif", values, nodata=nodata), to_toa=True)
        found, valid = scene.read(NAMES)
        assert not valid[:20].any()
        assert valid[20:].all()
        assert (found[:, :20] == 0).all()


def test_elevation_of_the_scene_is_used_and_not_changed(tmp_path):
    paths = [write_land(tmp_path / "a.tif"), tmp_path / "dem.tif"]
    write_raster(paths[1], np.full((140, 140), 3000, np.float32))
    scene = open_scene(paths, to_toa=True)
    assert "ground at 3,000 m," in scene.notes[-1]
    assert (scene.read(["elevation"])[0] == 3000).all()
    assert f"+ {compute_scattering('B02', 35, 0.15, 3000).path * 10_000:.0f} for" in scene.layers["B02"].describe()


def test_the_sun_of_the_product_is_used_and_level_1c_is_refused(tmp_path):
    red = {"B04": np.full((192, 192), 1300, np.uint16)}
    for level in ("L1C", "L2A"):
        product = write_safe(tmp_path, SafeProduct(red, level=level))
        if level == "L1C":
            message, parameter = message_of(product, to_toa=True)
            assert parameter == "to_toa"
            assert "is a Level-1C product" in message
        else:
            scene = open_scene(product, to_toa=True)
            assert f"sun zenith {scene.product.sun_zenith_deg:.4g} degrees, ground" in scene.notes[-1]


def test_pictures_and_terrain_are_refused(tmp_path):
    picture = write_land(tmp_path / "a.tif", np.clip(land() / 10, 1, 255).astype(np.uint8))
    assert message_of(picture, to_toa=True)[1] == "to_toa"
    dem = write_raster(tmp_path / "dem.tif", np.full((40, 40), 300, np.float32))
    with pytest.raises(SceneError, match="no reflectance channel"):
        convert_to_toa(open_scene(dem))


def test_products_of_level_2a_are_converted_for_a_map_and_nothing_else(tmp_path):
    red = {"B04": np.full((192, 192), 1300, np.uint16)}
    surface, top = (write_safe(tmp_path, SafeProduct(red, level=level)) for level in ("L2A", "L1C"))
    converted = convert_product(open_scene(surface))
    assert converted.to_toa
    assert converted.identity == open_scene(surface, to_toa=True).identity
    assert "--no-to-toa leaves it" in converted.notes[-1]
    assert convert_product(converted) is converted
    for scene in (open_scene(surface, to_toa=False), open_scene(top), open_scene(write_land(tmp_path / "a.tif"))):
        assert convert_product(scene) is scene
