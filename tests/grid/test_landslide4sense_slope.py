"""Slope by the rule of Landslide4Sense, on its grid of 12.5 m."""

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from landslip.detector.detector import Detector
from landslip.grid.landslide4sense_slope import landslide4sense_slope
from landslip.grid.terrain import slope_deg
from landslip.grid.window import Window
from landslip.mapping.job import Job, MapSettings
from landslip.scenes.rasters import open_scene
from rasters import write_raster
from scene_kinds import land
from tiny_detectors import identity

ROWS, COLS = np.mgrid[:140, :140]
HILL = (500 + 200 * np.sin(ROWS / 15) * np.cos(COLS / 21) + COLS).astype(np.float32)
GRIDS = [
    GeoBox((140, 140), Affine(size, 0, 500_000, 0, -size, 2_500_000), "EPSG:32646") for size in (5, 10, 12.5, 30)
] + [GeoBox((140, 140), Affine(0.0001, 0, 91.8, 0, -0.0001, 62.4), "EPSG:4326")]


def _slope(grid, window, elevation=HILL):
    return landslide4sense_slope(lambda part: elevation[part.slices], grid, window)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_windows_agree_with_the_whole(grid):
    elevation = HILL.copy()
    elevation[60:70, 30:50] = np.nan
    whole = _slope(grid, Window(0, 0, 140, 140), elevation)
    assert np.isnan(whole[64, 40])
    assert np.isfinite(whole).mean() > 0.9
    for window in (Window(0, 0, 7, 140), Window(33, 20, 50, 61), Window(139, 139, 1, 1), Window(70, 0, 1, 140)):
        np.testing.assert_array_equal(_slope(grid, window, elevation), whole[window.slices])


def test_on_a_grid_of_the_source_it_is_the_rounded_slope_of_horn():
    grid = GeoBox((140, 140), Affine.scale(12.5), None)
    found = _slope(grid, Window(0, 0, 140, 140))
    np.testing.assert_array_equal(found, slope_deg(HILL, 12.5, 12.5, like_landslide4sense=True))


def test_whole_degrees_of_a_plane_whatever_the_pixel_size():
    for grid in GRIDS[:4]:
        size = grid.affine.a
        plane = (np.add.outer(ROWS[:, 0], 0 * COLS[0]) * size * np.tan(np.radians(30))).astype(np.float32)
        inner = _slope(grid, Window(0, 0, 140, 140), plane)[10:-10, 10:-10]
        assert set(np.unique(inner)) <= {28, 29, 30, 31, 32}


@pytest.mark.parametrize(("trained_on", "rule"), [("Landslide4Sense train", "landslide4sense"), ("others", "horn")])
def test_a_detector_trained_there_gets_it_from_elevation(tmp_path, trained_on, rule):
    detector = identity()
    card = detector.card.model_copy(update={"channels": ("B04", "slope"), "trained_on": trained_on})
    assert card.slope_rule == rule
    assert Detector.open().card.slope_rule == "horn"
    values = np.concatenate([land(), HILL[None]]).astype(np.float32)
    names = ("B04", "B03", "B02", "B08", "elevation")
    scene = open_scene(write_raster(tmp_path / "a.tif", values, descriptions=names))
    slope = scene.with_slope_rule(card.slope_rule).read(["slope"])[0][0]
    whole = _slope(scene.geobox, scene.window) if rule == "landslide4sense" else slope_deg(HILL, 10, 10)
    np.testing.assert_allclose(slope, whole, atol=1e-4)
    assert ("12.5 m" in scene.with_slope_rule(rule).origins(["slope"])["slope"]) == (rule == "landslide4sense")
    assert Job.of(scene, detector, MapSettings(masks=()), None).scene.slope_rule == "horn"
