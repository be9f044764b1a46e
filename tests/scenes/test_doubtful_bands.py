"""Bands without an image, slope in other units, and offsets that are hardly ever meant are read with a warning."""

from pathlib import Path

import numpy as np
import pytest

from landslip.scenes.rasters import open_scene
from rasters import write_raster
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
