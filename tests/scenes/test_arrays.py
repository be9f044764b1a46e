"""Scenes in memory."""

from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from landslip.errors import ChannelError, SceneError, SceneWarning
from landslip.grid.window import Window
from landslip.scenes.arrays import array_scene

GRID = GeoBox((6, 5), Affine(10, 0, 0, 0, -10, 0), "EPSG:32646")
VALUES = np.arange(60, dtype=np.float32).reshape(2, 6, 5)


def test_an_array_comes_back_by_channel_and_window():
    scene = array_scene(VALUES, ["red", "B8"], GRID)
    values, observed = scene.read(["B08", "B04"], Window(1, 2, 3, 2))
    np.testing.assert_array_equal(values, VALUES[::-1, 1:4, 2:4])
    assert values.dtype == np.float32
    assert observed.all()
    assert scene.channels == ("B04", "B08")
    assert (scene.height, scene.width, scene.georeferenced) == (6, 5, True)


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_nodata(missing):
    values = VALUES.copy()
    values[1, 2, 3] = missing
    read, observed = array_scene(values, ["B04", "B03"], GRID).read(["B04", "B03"], Window(0, 0, 6, 5))
    assert not observed[2, 3]
    assert observed.sum() == 29
    assert (read[:, 2, 3] == 0).all()


def test_a_given_mask_is_used():
    said = np.ones((6, 5), bool)
    said[0] = False
    values, observed = array_scene(VALUES, ["B04", "B03"], GRID, said).read(["B03"], Window(0, 0, 6, 5))
    np.testing.assert_array_equal(observed, said)
    assert (values[:, 0] == 0).all()


def test_changing_the_array_later_does_not_change_the_scene():
    values = VALUES.copy()
    scene = array_scene(values, ["B04", "B03"], GRID)
    values[:] = -1
    np.testing.assert_array_equal(scene.read(["B04"], scene.window)[0][0], VALUES[0])


def test_a_float64_beyond_float32_is_nodata():
    values = VALUES.astype(np.float64)
    values[0, 0, 0] = 1e300
    assert not array_scene(values, ["B04", "B03"], GRID).read(["B04"], Window(0, 0, 1, 1))[1].any()


@pytest.mark.parametrize(
    ("shape", "channels"), [((2, 6, 4), ["B04", "B03"]), ((3, 6, 5), ["B04", "B03"]), ((6, 5), ["B04"])]
)
def test_shapes_that_do_not_fit_are_refused(shape, channels):
    with pytest.raises(SceneError, match="must have the shape"):
        array_scene(np.zeros(shape), channels, GRID)


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(SceneError, match="must have the shape"):
        array_scene(VALUES, ["B04", "B03"], GRID, np.ones((5, 6), bool))


def test_a_channel_that_is_missing_is_named_with_what_there_is():
    scene = array_scene(VALUES, ["B04", "B03"], GRID)
    with pytest.raises(ChannelError, match=r"detector 'x' needs B08, which scene 'array' lacks \(it has B04, B03\)"):
        scene.require(["B04", "B08"], "detector 'x'")
    with pytest.raises(ChannelError, match="B08"):
        scene.read(["B08"], scene.window)


def test_a_window_outside_the_scene_is_a_value_error():
    scene = array_scene(VALUES, ["B04", "B03"], GRID)
    with pytest.raises(ValueError, match="outside"):
        scene.read(["B04"], Window(0, 0, 7, 5))
    with pytest.raises(ValueError, match="at least one"):
        scene.read([], scene.window)


def test_a_scene_shows_in_one_line_and_reads_whole_by_default() -> None:
    scene = array_scene(VALUES, ["B04", "B03"], GRID)
    assert len(repr(scene)) < 120
    assert "B04 B03, 6 x 5 px, EPSG:32646" in repr(scene)
    np.testing.assert_array_equal(scene.read(["B03"])[0][0], VALUES[1])


def test_the_warnings_of_a_scene_can_be_issued_and_filtered() -> None:
    scene = replace(array_scene(VALUES, ["B04", "B03"], GRID), warnings=("the image has no CRS",))
    with pytest.warns(SceneWarning, match="no CRS") as caught:
        scene.issue_warnings(stacklevel=1)
    assert caught[0].filename == __file__
