"""Bands without an image, slope in other units, and offsets that are hardly ever meant are read with a warning."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from landslip.scenes.rasters import open_scene
from rasters import NORTH_UP, UTM, write_raster
from scene_kinds import NAMES, land, message_of, write_land


def test_a_constant_band_is_reported(tmp_path: Path) -> None:
    values = land()
    values[1] = 1234
    message, _ = message_of(write_land(tmp_path / "a.tif", values))
    assert f"{NAMES[1]} of a.tif, band 2 is 1234 everywhere" in message


def test_bands_that_hold_the_same_values_are_reported(tmp_path: Path) -> None:
    values = land()
    values[2] = values[0]
    message, _ = message_of(write_land(tmp_path / "a.tif", values))
    assert f"{NAMES[2]} of a.tif, band 3 holds the same values as {NAMES[0]} of a.tif, band 1" in message


@pytest.mark.parametrize(
    ("offset", "words"),
    [(1000, "makes the scene brighter: set offset to -1000"), (-0.1, "set offset to -1000 if it is reflectance")],
)
def test_an_offset_with_the_wrong_sign_or_unit_is_reported(tmp_path: Path, offset: float, words: str) -> None:
    assert words in message_of(write_land(tmp_path / "a.tif"), offset=offset)[0]


@pytest.mark.parametrize(("factor", "doubtful"), [(np.pi / 180, True), (1.0, False)])
def test_slope_in_radians_is_reported(tmp_path: Path, factor: float, doubtful: bool) -> None:
    degrees = np.random.default_rng(0).uniform(0, 60, (120, 120)) * factor
    path = write_raster(tmp_path / "slope.tif", degrees.astype(np.float32))
    warnings = open_scene(path).warnings
    assert any("if it is in radians" in one for one in warnings) == doubtful


@pytest.mark.parametrize("value", [0, 300])
def test_constant_elevation_is_reported(tmp_path: Path, value: int) -> None:
    write_raster(tmp_path / "dem.tif", np.full((140, 140), value, np.int16))
    assert f"elevation of dem.tif, band 1 is {value} everywhere: it holds no terrain" in message_of(tmp_path)[0]


def test_a_band_saved_as_elevation_is_reported(tmp_path: Path) -> None:
    write_land(tmp_path / "a.tif")
    write_raster(tmp_path / "dem.tif", land()[0].astype(np.uint16))
    assert "elevation of dem.tif, band 1 holds the same values as B04 of a.tif, band 1" in message_of(tmp_path)[0]


@pytest.mark.parametrize(("convert", "doubtful"), [(lambda deg: 100 * np.tan(np.radians(deg)), True), (abs, False)])
def test_slope_in_percent_beside_its_elevation_is_reported(tmp_path: Path, convert: object, doubtful: bool) -> None:
    rows, cols = np.indices((140, 140))
    write_raster(tmp_path / "dem.tif", (3.0 * rows + 2.0 * cols).astype(np.float32))
    degrees = np.full((140, 140), np.degrees(np.arctan(np.hypot(0.3, 0.2))))
    degrees += np.random.default_rng(0).normal(0, 1, degrees.shape)
    write_raster(tmp_path / "slope.tif", convert(degrees).astype(np.float32))  # type: ignore[operator]
    assert ("as if it were in percent" in message_of(tmp_path)[0]) == doubtful


@pytest.mark.parametrize(("dtype", "shift"), [("uint16", -300), ("int16", 32_000)])
def test_integers_that_were_wrapped_around_are_reported(tmp_path: Path, dtype: str, shift: int) -> None:
    values = (land().astype(np.int64) + shift).astype(dtype)
    message, _ = message_of(write_land(tmp_path / "a.tif", values), scale=1)
    assert "were wrapped around" in message


@pytest.mark.parametrize("fill", [65_535, 65_000])
def test_saturated_and_filled_pixels_are_not_taken_for_wrapped_ones(tmp_path: Path, fill: int) -> None:
    values = land().astype(np.uint16)
    values[:, :5, :5] = fill
    assert "wrapped" not in message_of(write_land(tmp_path / "a.tif", values), nodata=fill)[0]


def test_given_channels_that_contradict_the_file_are_reported(tmp_path: Path) -> None:
    path = write_land(tmp_path / "a.tif")
    assert "a.tif, band 1 is named B02, and B04 by the file" in message_of(path, channels="B02,B03,B04,B08")[0]
    assert message_of(path, channels="B04,B03,B02,-") == ("", None)
    alone = write_raster(tmp_path / "T46QCK_B04.tif", land()[:1].astype(np.uint16))
    assert "named B08, and B04 by the file" in message_of(alone, channels="B08")[0]


@pytest.mark.parametrize(
    ("transform", "crs", "words"),
    [
        (Affine(10, 0, 0, 0, -10, 0), UTM, "begins at 0, 0 of its CRS"),
        (Affine(10, 0, 0, 0, -10, 1400), UTM, "begins at 0, 0 of its CRS"),
        (Affine(10, 0, 5.5e6, 0, -10, 2.5e6), UTM, "40 degrees outside the area of its CRS EPSG:32646"),
        (Affine(10, 0, 5e5, 0, -10, -2.5e6), UTM, ""),
        (Affine(10, 0, 5e4, 0, -10, 2.5e6), UTM, ""),
        (NORTH_UP, UTM, ""),
    ],
)
def test_a_position_that_the_crs_is_not_for_is_reported(
    tmp_path: Path, transform: Affine, crs: str, words: str
) -> None:
    message, _ = message_of(write_land(tmp_path / "a.tif", transform=transform, crs=crs))
    assert words in message if words else message == ""


def test_overviews_older_than_the_pixels_do_not_decide_the_units(tmp_path: Path) -> None:
    path = write_land(tmp_path / "a.tif", np.zeros((4, 2100, 2100), np.float32), tiled=True)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4, 8])
    with rasterio.open(path, "r+") as file:
        file.write((np.tile(land(), (1, 15, 15)) / 10_000).astype(np.float32))
    message, parameter = message_of(path)
    assert parameter == "scale"
    assert "too low for DN" in message


def test_an_offset_left_in_one_channel_is_reported(tmp_path: Path) -> None:
    values = land()
    for index, name in ((2, "B02"), (1, "B03")):
        one = values.copy()
        one[index] += 1000
        path = write_land(tmp_path / f"{name}.tif", one)
        assert f"no pixel of {name} is below" in message_of(path)[0]
    assert "no pixel of" not in message_of(write_land(tmp_path / "a.tif", values))[0]


def test_an_offset_that_only_some_files_state_is_reported(tmp_path: Path) -> None:
    values = land().astype(np.uint16)
    paths = [
        write_land(tmp_path / "B04.tif", values[:1] + 1000, descriptions=None, offsets=[-1000.0]),
        write_land(tmp_path / "B03.tif", values[1:2], descriptions=None),
    ]
    assert "an offset of -1000 DN is stated for B04, and none for B03" in message_of(paths)[0]


def test_near_infrared_given_as_red_is_reported(tmp_path: Path) -> None:
    values = land()
    assert "as near infrared over vegetation" in message_of(write_land(tmp_path / "a.tif", values[[3, 1, 2, 0]]))[0]
    assert "near infrared" not in message_of(write_land(tmp_path / "b.tif", values))[0]


def test_reflectance_in_percent_is_refused_and_read_with_its_scale(tmp_path: Path) -> None:
    path = write_land(tmp_path / "a.tif", (land() / 100).astype(np.float32))
    message, parameter = message_of(path)
    assert parameter == "scale"
    assert "reflectance in percent, give scale 100" in message
    assert "percent" not in message_of(path, scale=100)[0]
    whole = write_land(tmp_path / "b.tif", np.rint(land() / 20).astype(np.float32))
    assert "picture brightness" in message_of(whole)[0]
