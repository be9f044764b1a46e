"""Nodata is recognised, however a file declares it."""

import numpy as np
import pytest
from rasterio.enums import ColorInterp

from landslip.scenes.rasters import open_scene
from rasters import write_raster

NAMES = ("B04", "B03", "B02")
VALUES = np.random.default_rng(0).integers(500, 4000, (3, 12, 9)).astype(np.uint16)
HOLE = np.zeros((12, 9), bool)
HOLE[2:5, 3:7] = True
GREEN, BLUE, RED = ColorInterp.green, ColorInterp.blue, ColorInterp.red


def assert_seen_but_for_the_hole(scene, values=VALUES):
    read, observed = scene.read(NAMES, scene.window)
    np.testing.assert_array_equal(observed, ~HOLE)
    np.testing.assert_array_equal(read, np.where(HOLE, 0, values[:3]))


def test_a_nodata_value(tmp_path):
    path = write_raster(tmp_path / "a.tif", np.where(HOLE, 65535, VALUES), descriptions=NAMES, nodata=65535)
    assert_seen_but_for_the_hole(open_scene(path))


def test_a_nodata_value_in_one_band_alone(tmp_path):
    values = VALUES.copy()
    values[1, HOLE] = 0
    path = write_raster(tmp_path / "a.tif", values, descriptions=NAMES, nodata=0)
    scene = open_scene(path)
    assert_seen_but_for_the_hole(scene)
    assert scene.read(["B04"], scene.window)[1].all()


@pytest.mark.parametrize("nodata", [None, np.nan, -9999])
def test_nan_with_or_without_a_nodata_value(tmp_path, nodata):
    values = np.where(HOLE, np.nan, VALUES).astype(np.float32)
    assert_seen_but_for_the_hole(
        open_scene(write_raster(tmp_path / "a.tif", values, descriptions=NAMES, nodata=nodata))
    )


def test_the_lowest_float_as_nodata(tmp_path):
    lowest = float(np.finfo(np.float32).min)
    values = np.where(HOLE, lowest, VALUES).astype(np.float32)
    assert_seen_but_for_the_hole(
        open_scene(write_raster(tmp_path / "a.tif", values, descriptions=NAMES, nodata=lowest))
    )


def test_a_wide_integer_next_to_nodata_is_a_value(tmp_path):
    values = np.full((3, 2, 2), 2**31 - 2, np.int32)
    values[:, 0, 0] = 2**31 - 1
    path = write_raster(tmp_path / "a.tif", values, descriptions=NAMES, nodata=2**31 - 1)
    scene = open_scene(path, scale=1e-6)
    _, observed = scene.read(NAMES, scene.window)
    np.testing.assert_array_equal(observed, [[False, True], [True, True]])


def test_a_nodata_value_that_the_type_cannot_hold_is_never_met(tmp_path):
    from pathlib import Path

    path = write_raster(tmp_path / "a.tif", VALUES, descriptions=NAMES)
    vrt = tmp_path / "b.vrt"
    bands = "".join(
        f'<VRTRasterBand dataType="UInt16" band="{band}"><Description>{name}</Description>'
        f"<NoDataValue>-9999</NoDataValue><SimpleSource><SourceFilename>{path}</SourceFilename>"
        f"<SourceBand>{band}</SourceBand></SimpleSource></VRTRasterBand>"
        for band, name in enumerate(NAMES, start=1)
    )
    Path(vrt).write_text(
        '<VRTDataset rasterXSize="9" rasterYSize="12"><SRS>EPSG:32646</SRS>'
        f"<GeoTransform>500000,10,0,2500000,0,-10</GeoTransform>{bands}</VRTDataset>"
    )
    scene = open_scene(vrt)
    read, observed = scene.read(NAMES, scene.window)
    assert observed.all()
    np.testing.assert_array_equal(read, VALUES)


def test_an_internal_mask(tmp_path):
    assert_seen_but_for_the_hole(open_scene(write_raster(tmp_path / "a.tif", VALUES, descriptions=NAMES, mask=~HOLE)))


def test_an_internal_mask_and_zeros_that_are_values(tmp_path):
    values = VALUES.copy()
    values[:, 0, 0] = 0
    path = write_raster(tmp_path / "a.tif", values, descriptions=NAMES, mask=~HOLE)
    assert_seen_but_for_the_hole(open_scene(path), values)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_alpha_band(tmp_path, dtype):
    alpha = np.where(HOLE, 0, np.iinfo(dtype).max)
    values = np.concatenate([VALUES % 200 + 20, alpha[None]]).astype(dtype)
    path = write_raster(tmp_path / "a.tif", values, descriptions=NAMES, colours=[RED, GREEN, BLUE, ColorInterp.alpha])
    scene = open_scene(path)
    assert scene.channels == ("B02", "B03", "B04")
    assert_seen_but_for_the_hole(scene, values)


def test_a_fourth_band_marked_as_alpha_is_near_infrared_if_it_says_so(tmp_path):
    values = (np.random.default_rng(0).integers(0, 200, (4, 12, 9))).astype(np.uint8)
    values[:3] += 20
    values[3, 0, 0] = 0
    path = write_raster(tmp_path / "a.tif", values)
    for scene in (
        open_scene(write_raster(tmp_path / "b.tif", values, descriptions=[*NAMES, "B08"])),
        open_scene(path, channels=[*NAMES, "B08"]),
    ):
        read, observed = scene.read([*NAMES, "B08"], scene.window)
        assert observed.all()
        np.testing.assert_array_equal(read, values)
    assert not open_scene(path, channels=NAMES).read(NAMES, scene.window)[1].all()


def test_zero_in_every_channel_where_no_nodata_is_declared_and_it_is_said(tmp_path):
    values = np.where(HOLE, 0, VALUES)
    values[1, 0, 0] = 0
    scene = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=NAMES))
    assert_seen_but_for_the_hole(scene, values)
    assert any("declare no nodata value" in warning and "about 11.1%" in warning for warning in scene.warnings)


def test_zero_in_every_channel_over_several_files(tmp_path):
    values = np.where(HOLE, 0, VALUES)
    values[1, 0, 0] = 0
    paths = [write_raster(tmp_path / f"{name}.tif", band) for name, band in zip(NAMES, values, strict=True)]
    assert_seen_but_for_the_hole(open_scene(paths), values)


def test_zero_is_still_missing_after_an_offset(tmp_path):
    values = np.where(HOLE, 0, VALUES)
    path = write_raster(tmp_path / "a.tif", values, descriptions=NAMES, scales=[1e-4] * 3, offsets=[-0.1] * 3)
    read, observed = open_scene(path).read(NAMES, open_scene(path).window)
    np.testing.assert_array_equal(observed, ~HOLE)
    np.testing.assert_allclose(read, np.where(HOLE, 0, values - 1000.0), atol=0.01)


def test_negative_dn_are_values(tmp_path):
    values = VALUES.astype(np.int16)
    values[:, 0, 0] = -50
    scene = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=NAMES))
    read, observed = scene.read(NAMES, scene.window)
    assert observed.all()
    assert (read[:, 0, 0] == -50).all()


def test_a_scene_of_nothing_but_nodata_opens(tmp_path):
    path = write_raster(tmp_path / "a.tif", np.zeros((3, 5, 5), np.uint16), descriptions=NAMES, nodata=0)
    scene = open_scene(path)
    values, observed = scene.read(NAMES, scene.window)
    assert not observed.any()
    assert not values.any()
