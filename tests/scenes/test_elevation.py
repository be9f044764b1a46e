"""Impossible terrain, slope from elevation, and channels that no product has."""

import numpy as np
import pytest
import rasterio
from affine import Affine

from landslip.detector.detector import DEFAULT, Detector
from landslip.errors import ChannelError
from landslip.grid.terrain import slope_deg
from landslip.grid.window import Window
from landslip.mapping.job import Job, MapSettings
from landslip.scenes.rasters import open_scene
from rasters import NORTH_UP
from scene_kinds import land, message_of, write_land

ROWS, COLS = np.mgrid[:140, :140]
HILL = (500 + 200 * np.sin(ROWS / 15) * np.cos(COLS / 21) + COLS).astype(np.float32)


def test_voids_of_a_dem_are_nodata_and_reported(shared_cases):
    scene = open_scene(shared_cases / "dem-void")
    assert "elevation of dem.tif, band 1 outside -1,000 to 9,000 m" in scene.warnings[0]
    assert "-32768" in scene.warnings[0]
    values, valid = scene.read(["elevation"])
    assert 0.97 < valid.mean() < 1
    assert values[0][valid].min() > 0
    assert scene.read(["B04"])[1].all()


@pytest.mark.parametrize("void", [-9999, -32767, 9999, 3.4e38])
def test_other_voids_are_nodata_before_resampling_too(tmp_path, void):
    elevation = HILL.copy()
    elevation[40:60, 40:60] = void
    coarse = write_land(
        tmp_path / "dem.tif",
        elevation[::2, ::2],
        descriptions=None,
        transform=Affine(20, 0, 500_000, 0, -20, 2_500_000),
    )
    scene = open_scene([write_land(tmp_path / "a.tif"), coarse])
    assert "is treated as nodata" in scene.warnings[0]
    values, valid = scene.read(["elevation"])
    assert not valid[0 + 45, 45]
    assert values[0][valid].min() > 250
    assert values[0][valid].max() < 900


@pytest.mark.parametrize(("slope", "parameter"), [(120.0, None), (-9999.0, "nodata"), (-5.0, "nodata")])
def test_an_impossible_slope_is_refused(tmp_path, slope, parameter):
    values = np.full((140, 140), 12, np.float32)
    values[:20] = slope
    paths = [write_land(tmp_path / "a.tif"), write_land(tmp_path / "slope.tif", values, descriptions=None)]
    message, at_fault = message_of(paths)
    assert at_fault == parameter
    assert "outside 0 to 90 degrees" in message
    if slope == -9999:
        assert not open_scene(paths, nodata=-9999).read(["slope"])[1][:20].any()


def test_elevation_that_is_impossible_everywhere_is_refused(tmp_path):
    path = write_land(tmp_path / "dem.tif", HILL * 100, descriptions=None)
    assert "everywhere: give elevation in metres" in message_of([write_land(tmp_path / "a.tif"), path])[0]


@pytest.mark.parametrize(
    ("unit", "metres"),
    [("metre", 1), ("m", 1), ("ft", 0.3048), ("US survey foot", 1200 / 3937), ("cm", 0.01)],
)
def test_elevation_is_converted_from_the_unit_of_its_band(tmp_path, unit, metres):
    path = write_land(tmp_path / "dem.tif", HILL, descriptions=None)
    with rasterio.open(path, "r+") as file:
        file.units = [unit]
    values, _ = open_scene([write_land(tmp_path / "a.tif"), path]).read(["elevation"])
    np.testing.assert_allclose(values[0], HILL * metres, rtol=1e-6)


def test_the_unit_of_a_vertical_crs_is_used(tmp_path):
    how = {"descriptions": None, "crs": "EPSG:2927+6360", "transform": Affine(33, 0, 1_100_000, 0, -33, 600_000)}
    values, _ = open_scene(write_land(tmp_path / "dem.tif", HILL, **how)).read(["elevation"])
    np.testing.assert_allclose(values[0], HILL * 1200 / 3937, rtol=1e-6)


@pytest.mark.parametrize(("name", "unit"), [("dem", "fathom"), ("slope", "percent"), ("slope", "radians")])
def test_terrain_in_another_unit_is_refused(tmp_path, name, unit):
    path = write_land(tmp_path / f"{name}.tif", HILL / 30, descriptions=None)
    with rasterio.open(path, "r+") as file:
        file.units = [unit]
    assert f"is in '{unit}' by" in message_of([write_land(tmp_path / "a.tif"), path])[0]


def test_elevation_largely_above_the_highest_mountain_is_refused(tmp_path):
    path = write_land(tmp_path / "dem.tif", HILL * 15, descriptions=None)
    assert "of a sample: give elevation in metres" in message_of([write_land(tmp_path / "a.tif"), path])[0]


@pytest.mark.parametrize(("shift", "doubtful"), [(0, True), (-300, False)])
def test_voids_stored_as_0_are_reported(tmp_path, shift, doubtful):
    elevation = HILL + shift
    elevation[40:60, 40:60] = 0
    path = write_land(tmp_path / "dem.tif", elevation, descriptions=None)
    assert ("if 0 marks voids" in message_of([write_land(tmp_path / "a.tif"), path])[0]) == doubtful


def scene_with_elevation(folder, transform=NORTH_UP, crs="EPSG:32646"):
    values = np.concatenate([land(), HILL[None]]).astype(np.float32)
    names = ("B04", "B03", "B02", "B08", "elevation")
    return open_scene(write_land(folder / "a.tif", values, descriptions=names, transform=transform, crs=crs))


def test_slope_is_computed_from_elevation_where_a_detector_needs_it(tmp_path):
    scene = scene_with_elevation(tmp_path)
    scene.require(["B04", "slope", "elevation"], "detector 'x'")
    values, valid = scene.read(["B04", "slope"])
    assert valid.all()
    np.testing.assert_allclose(values[1], slope_deg(HILL, 10, 10), atol=1e-4)
    assert "computed from elevation" in scene.origins(["slope"])["slope"]


@pytest.mark.parametrize(
    ("transform", "crs"),
    [
        (Affine(10, 0, 500_000, 0, -10, 2_500_000), "EPSG:32646"),
        (Affine(0.0001, 0, 91.8, 0, -0.0001, 62.4), "EPSG:4326"),
        (Affine(8, 6, 500_000, 6, -8, 2_500_000), "EPSG:32646"),
    ],
)
def test_windows_of_the_computed_slope_agree_with_the_whole(tmp_path, transform, crs):
    scene = scene_with_elevation(tmp_path, transform, crs)
    whole, _ = scene.read(["slope"])
    for window in (Window(0, 0, 7, 140), Window(33, 20, 50, 61), Window(139, 139, 1, 1), Window(70, 0, 1, 140)):
        rows, cols = window.slices
        np.testing.assert_array_equal(scene.read(["slope"], window)[0][0], whole[0][rows, cols])


def test_the_slope_on_a_geographic_grid_is_in_metres(tmp_path):
    whole, _ = scene_with_elevation(tmp_path, Affine(0.0001, 0, 91.8, 0, -0.0001, 62.4), "EPSG:4326").read(["slope"])
    # At 62.4 degrees a degree is 51,729 m of longitude and 111,437 m of latitude on WGS 84.
    np.testing.assert_allclose(whole[0], slope_deg(HILL, 5.1729, 11.1437), atol=0.1)


def test_a_missing_b10_is_explained_with_detectors_that_do_without(tmp_path):
    class NeedsCirrus:
        card = Detector.open(DEFAULT).card.model_copy(update={"channels": ("B04", "B10"), "name": "paper"})

    with pytest.raises(ChannelError, match=r"B10 \(cirrus\) is in Level-1C products only.*packaged detector.*s2-rgb"):
        Job.of(scene_with_elevation(tmp_path), NeedsCirrus(), MapSettings(), None)
