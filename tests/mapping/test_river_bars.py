"""River bars: flat ground beside water is ruled out and counted; slopes, and flat ground elsewhere, are not."""

from pathlib import Path

import numpy as np
import pytest

from landslip.errors import SettingsError
from landslip.grid.window import Window
from landslip.mapping.job import MapSettings
from landslip.mapping.masks.scene_masks import RIVER_REACH_M, SceneMasks
from landslip.mapping.run import map_scene
from landslip.scenes.masks.kinds import KINDS
from landslip.scenes.scene import Scene
from scenes_made import blobs, memory_scene
from tiny_detectors import identity

CHANNELS = ("B03", "B04", "B08", "B11", "elevation")
SIDE, RIVER, FOOT = 120, slice(30, 36), 60
"""A river along rows 30 to 35 of a plain; from column 60 on the ground rises to the right."""


@pytest.fixture(scope="module")
def scene() -> Scene:
    red = blobs(SIDE, SIDE, bands=1)[0].astype(np.float32)
    green, nir, swir = (np.full((SIDE, SIDE), dn, np.float32) for dn in (600, 2500, 2000))
    green[RIVER], nir[RIVER], swir[RIVER] = 800, 300, 100
    nir[100, 20], swir[100, 20], green[100, 20] = 300, 100, 800
    elevation = np.maximum(np.arange(SIDE) - FOOT, 0.0)[None, :] * 8 + np.zeros((SIDE, 1))
    return memory_scene(np.stack([green, red, nir, swir, elevation]), CHANNELS)


def test_bars_are_flat_and_beside_water(scene: Scene) -> None:
    codes = SceneMasks.of(scene, ("river",)).codes(scene.window)
    bars = codes == KINDS["river"].code
    reach_px = round(RIVER_REACH_M / 10)
    assert bars[RIVER.start - reach_px : RIVER.stop + reach_px, : FOOT - 2].all()
    assert not bars[RIVER.stop + reach_px :].any(), "one dark pixel is no river"
    assert not bars[:, FOOT + 2 :].any(), "a slope is no bar"


def test_bars_are_the_same_in_any_window(scene: Scene) -> None:
    masks = SceneMasks.of(scene, ("water", "river"))
    codes = masks.codes(scene.window)
    for window in (Window(0, 0, 25, 60), Window(37, 11, 40, 90), Window(40, 0, 1, 120)):
        np.testing.assert_array_equal(masks.codes(window), codes[window.slices])


def test_candidates_on_bars_are_listed_apart_and_counted(scene: Scene, tmp_path: Path) -> None:
    settings = MapSettings(min_area_m2=0, threads=1, precision="float32", masks=("river",))
    result = map_scene(scene, identity(), tmp_path / "map", settings)
    assert result.excluded is not None
    (record,) = result.summary.masks
    assert record.candidates == len(result.excluded) > 0
    assert set(result.excluded["reason"]) == {KINDS["river"].title}
    plain = map_scene(scene, identity(), tmp_path / "plain", settings.model_copy(update={"masks": ()}))
    assert result.landslides.area.sum() + result.excluded.area.sum() == pytest.approx(plain.landslides.area.sum())


def test_bars_need_the_slope(tmp_path: Path) -> None:
    flat = memory_scene(np.full((3, 20, 20), 500), ("B03", "B04", "B08"))
    with pytest.raises(SettingsError, match="the slope or the elevation"):
        map_scene(flat, identity(), tmp_path / "map", MapSettings(masks=("river",)))
