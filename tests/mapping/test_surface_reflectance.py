"""A map of surface reflectance names the remedy, where a detector was trained on top-of-atmosphere reflectance."""

import numpy as np
import pytest

from landslip.detector.detector import Detector
from landslip.mapping.domain_shift import DomainShift, domain_shift_warnings
from landslip.scenes.inspection import is_surface_reflectance
from landslip.scenes.rasters import open_scene
from rasters import write_raster
from scene_kinds import land

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


@pytest.mark.parametrize("surface", [False, True])
def test_the_warning_names_the_option(surface):
    shift = DomainShift(
        windows=64,
        distance=9,
        far_fraction=1,
        largest_deviations=("B02 mean",),
        out_of_range={},
        surface_reflectance=surface,
    )
    (warning,) = domain_shift_warnings(shift, Detector.open().card)
    assert ("set to_toa to convert it" in warning) == surface
