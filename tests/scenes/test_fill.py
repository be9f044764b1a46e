"""Fill values that a file does not declare."""

import re

import numpy as np
import pytest

from landslip.scenes.fill import find_fill
from scene_kinds import NAMES, land, map_values, message_of, write_land


def test_an_undeclared_fill_is_refused_and_nodata_gives_the_map_of_the_declared_one(shared_cases):
    message, parameter = message_of(shared_cases / "fill-not-declared.tif")
    assert parameter == "nodata"
    assert "the value -9999 fills all channels of fill-not-declared.tif at once in 28.6%" in message
    np.testing.assert_array_equal(
        map_values(shared_cases / "fill-not-declared.tif", nodata=-9999), map_values(shared_cases / "fill-declared.tif")
    )


@pytest.mark.parametrize(
    ("dtype", "fill", "factor"),
    [
        ("uint16", 65535, 1),
        ("int16", -32768, 1),
        ("int16", -1, 1),
        ("float32", 1e20, 1),
        ("float32", -3.4028235e38, 1),
        ("float32", -9999, 1e-4),
        ("float32", 9999, 1e-4),
        ("int16", 32767, 1),
        ("uint32", 4294967295, 1),
    ],
)
def test_fill_values_of_other_types_are_refused(tmp_path, dtype, fill, factor):
    values = (land() * factor).astype(dtype)
    values[:, 30:60, :70] = fill
    path = write_land(tmp_path / "a.tif", values)
    message, parameter = message_of(path)
    assert parameter == "nodata"
    assert "10.7% of a sample" in message
    scale = 10_000 if factor != 1 else None
    read = map_values(path, nodata=fill, scale=scale)
    assert np.isnan(read[:, 30:60, :70]).all()
    assert np.isfinite(read).mean() == pytest.approx(1 - 0.107, abs=0.001)
    if scale:
        assert message_of(path, nodata=fill)[1] == "scale"


def test_fill_in_files_of_one_band_each_is_refused(tmp_path):
    values = land().astype(np.int16)
    values[:, :20] = -9999
    for name, band in zip(NAMES, values, strict=True):
        write_land(tmp_path / f"{name}.tif", band, descriptions=None)
    assert message_of(tmp_path)[1] == "nodata"
    assert np.isnan(map_values(tmp_path, nodata=-9999)[:, :20]).all()


def test_resampled_edges_of_fill_do_not_hide_it(tmp_path):
    values = land().astype(np.float32)
    values[:, :20], values[:, 20] = -9999, -4000
    assert message_of(write_land(tmp_path / "a.tif", values))[1] == "nodata"


@pytest.mark.parametrize("bright", [6000, 10_000, 12_000])
def test_clouds_clipped_at_one_value_are_no_fill(bright):
    values = land()
    rows = np.linspace(1, 2.5, 40)[:, None] * values[:, 20:60]
    values[:, 20:60] = rows + np.linspace(0, 6000, 40)[:, None]
    values[:, 60:70] = bright
    values = np.minimum(values, bright).astype(np.float32).reshape(4, -1)
    assert find_fill(values, np.isfinite(values)) is None


def test_white_borders_of_a_picture_are_reported(tmp_path):
    values = (land() / 20).clip(0, 150).astype(np.uint8)
    values[:, :10] = 255
    assert (
        "the value 255 fills all channels of a.tif at once in 7.1%"
        in message_of(write_land(tmp_path / "a.tif", values))[0]
    )


def test_zeros_beside_another_declared_nodata_value_are_reported(tmp_path):
    values = land().astype(np.int16)
    values[:, :10] = 0
    message, parameter = message_of(write_land(tmp_path / "a.tif", values, nodata=-9999))
    assert parameter is None
    assert "the value 0 fills all channels of a.tif at once in 7.1%" in message


def test_nodata_zero_keeps_the_sea(tmp_path):
    elevation = np.zeros((140, 140), np.int16)
    elevation[70:] = 300
    paths = [write_land(tmp_path / "a.tif"), write_land(tmp_path / "dem.tif", elevation, descriptions=None)]
    from landslip.scenes.rasters import open_scene

    values, valid = open_scene(paths, nodata=0).read(["elevation"])
    assert valid.all()
    np.testing.assert_array_equal(values[0], elevation)


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("apart", [True, False])
def test_a_nodata_value_that_observed_ground_holds_is_reported_with_its_fraction(tmp_path, declared, apart):
    values = land().astype(np.uint16)
    values[1][np.random.default_rng(1).random(values.shape[1:]) < 0.03] = 500
    how = {"nodata": 500 if declared else None}
    paths = [tmp_path / "a.tif"]
    if apart:
        paths = [tmp_path / f"{name}.tif" for name in NAMES]
        for band, path in enumerate(paths):
            write_land(path, values[band], descriptions=None, **how)
    else:
        write_land(paths[0], values, **how)
    message, parameter = message_of(paths, nodata=None if declared else 500)
    assert parameter is None
    assert re.search(r"the nodata value 500 is among the values of the ground: 3\.\d% of a sample", message)


def test_a_black_that_only_some_bands_of_a_picture_hold_is_reported(tmp_path):
    values = ((land() - 200) / 20).clip(1, 150).astype(np.uint8)
    values[0, :, :14] = 0
    message, _ = message_of(write_land(tmp_path / "a.tif", values, nodata=0))
    assert "the nodata value 0 is among the values of the ground: 10.0% of a sample" in message


@pytest.mark.parametrize("value", [0, 65535])
def test_nodata_of_single_bands_at_the_edge_of_a_swath_is_none_of_the_ground(tmp_path, value):
    values = land().astype(np.uint16)
    values[:, :20] = value
    values[2, :30] = value
    assert "among the values" not in message_of(write_land(tmp_path / "a.tif", values, nodata=value))[0]


def test_nodata_amid_the_values_in_all_bands_at_once_is_nodata(tmp_path):
    values = land().astype(np.uint16)
    values[values == 500] = 501
    values[:, :20] = 500
    assert message_of(write_land(tmp_path / "a.tif", values, nodata=500)) == ("", None)
