"""Evidence of change: what cancels out, what does not depend on the window, and what is refused."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landslip.change.baseline import packaged_baseline, predict_new
from landslip.change.evidence import mean_around, relative_ndvi_change
from landslip.change.pair import ScenePair
from landslip.errors import ChannelError, SceneError
from landslip.grid.window import Window
from landslip.synthetic.patch_pairs import make_pair, smooth_field
from scenes_made import memory_scene

SIDE = 140


def hills(seed: int = 3) -> np.ndarray:
    random = np.random.default_rng(seed)
    relief = np.exp(0.25 * smooth_field(SIDE, SIDE, 20, random) + 0.1 * random.normal(size=(SIDE, SIDE)))
    return (np.array([500, 600, 700])[:, None, None] * relief).astype(np.float32)


def scarred() -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[60:75, 40:52] = True
    image = hills()
    image[:, mask] = np.array([2200, 1900, 1700])[:, None]
    return image, mask


def test_light_and_haze_are_no_change_and_a_scar_is() -> None:
    after, mask = scarred()
    before = 0.7 * hills() + 150
    reading = ScenePair.open(memory_scene(after), [memory_scene(before)]).read(Window(0, 0, SIDE, SIDE))
    change = reading.visible.brightening
    assert np.abs(np.median(change[~mask])) < 0.05
    assert change[mask].min() > 0.5
    new = predict_new(np.where(mask, 0.95, 0.02).astype(np.float32), reading.visible)
    assert (new >= packaged_baseline().threshold)[mask].mean() > 0.9
    assert not (new >= packaged_baseline().threshold)[~mask].any()


def test_one_image_twice_holds_nothing_new() -> None:
    after, mask = scarred()
    scene = memory_scene(after)
    pair = ScenePair.open(scene, [scene])
    assert any("hold the same values, so nothing is new" in text for text in pair.warnings)
    reading = pair.read(scene.window)
    assert np.abs(reading.visible.brightening).max() < 0.02
    new = predict_new(np.where(mask, 0.99, 0.02).astype(np.float32), reading.visible)
    assert (new >= packaged_baseline().threshold).mean() < 0.02 * mask.mean()


def test_evidence_does_not_depend_on_the_window() -> None:
    after, _ = scarred()
    pair = ScenePair.open(memory_scene(after), [memory_scene(0.8 * hills() + 60)])
    whole = pair.read(Window(0, 0, SIDE, SIDE))
    for window in (Window(0, 0, 33, 50), Window(51, 64, 17, 76)):
        part = pair.read(window)
        for name, values in part.bands.items():
            np.testing.assert_array_equal(values, whole.bands[name][window.slices])
        np.testing.assert_array_equal(part.index_before, whole.index_before[window.slices])


def test_nodata_in_either_date_is_nodata() -> None:
    seen = np.ones((SIDE, SIDE), np.bool_)
    seen[:20] = False
    pair = ScenePair.open(memory_scene(hills()), [memory_scene(hills(), observed=seen)])
    assert not pair.read(Window(0, 0, SIDE, SIDE)).valid[:20].any()
    assert pair.read(Window(0, 0, SIDE, SIDE)).valid[20:].all()


def test_a_composite_leaves_a_cloud_out() -> None:
    cloudy = hills()
    cloudy[:, 10:60, 10:60] = 8000
    pair = ScenePair.open(memory_scene(hills()), [memory_scene(one) for one in (hills(), cloudy, hills())])
    values, _ = pair.before.read(("B04",), Window(0, 0, SIDE, SIDE))
    np.testing.assert_array_equal(values[0], hills()[0])


def test_all_channels_of_a_composite_are_of_one_image() -> None:
    """Whatever is read: the image of a pixel is chosen by red, green and blue."""
    names = ("B04", "B03", "B02", "B08")
    random = np.random.default_rng(6)
    images = [np.concatenate([hills(seed), random.uniform(0, 9000, (1, SIDE, SIDE))]) for seed in (1, 2, 3)]
    scenes = [memory_scene(image, names) for image in images]
    pair = ScenePair.open(scenes[0], scenes)
    window = Window(0, 0, SIDE, SIDE)
    together, _ = pair.before.read(names, window)
    for place, name in enumerate(names):
        np.testing.assert_array_equal(pair.before.read([name], window)[0][0], together[place])
    equal = [(together == scene.read(names, window)[0]).all(axis=0) for scene in scenes]
    assert np.logical_or.reduce(equal).all()


def test_near_infrared_adds_the_relative_difference_of_ndvi() -> None:
    names = ("B04", "B03", "B02", "B08")
    before = memory_scene(np.concatenate([hills(), 4 * hills()[:1]]), names)
    after = memory_scene(np.concatenate([hills(), 1.5 * hills()[:1]]), names)
    pair = ScenePair.open(after, [before])
    assert pair.index == "NDVI"
    # NDVI falls from 0.6 to 0.2 everywhere.
    assert pair.read(Window(0, 0, 9, 9)).bands["rdndvi"] == pytest.approx(100 * -0.4 / np.sqrt(0.8), rel=1e-4)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_relative_ndvi_change_has_the_sign_of_the_change(before: float, after: float) -> None:
    change = relative_ndvi_change(np.array([before], np.float32), np.array([after], np.float32))[0]
    assert np.sign(change) == np.sign(np.float32(after) - np.float32(before))


@settings(max_examples=20)
@given(st.integers(1, 12), st.integers(0, 99))
def test_means_around_are_those_of_a_loop(reach: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    values, mask = random.normal(size=(9, 14)).astype(np.float32), random.random((9, 14)) < 0.7
    found = mean_around(values, mask, reach)
    for row, col in np.ndindex(9, 14):
        place = slice(max(row - reach, 0), row + reach + 1), slice(max(col - reach, 0), col + reach + 1)
        expected = values[place][mask[place]].mean() if mask[place].any() else 0.0
        assert found[row, col] == pytest.approx(expected, abs=2e-4)


def test_what_does_not_belong_together_is_refused() -> None:
    scene = memory_scene(hills())
    far = memory_scene(hills(), crs="EPSG:32601")
    with pytest.raises(SceneError, match="does not overlap"):
        ScenePair.open(scene, [far])
    with pytest.raises(SceneError, match="CRS"):
        ScenePair.open(scene, [memory_scene(hills(), crs=None)])
    with pytest.raises(ChannelError, match="B02"):
        ScenePair.open(scene, [memory_scene(hills()[:2], ("B04", "B03"))])
    dated = [replace(scene, date=datetime(2018, month, 1, tzinfo=UTC)) for month in (5, 10)]
    with pytest.raises(SceneError, match="exchange"):
        ScenePair.open(dated[0], [dated[1]])


def test_images_that_cannot_be_registered_are_told() -> None:
    noise = np.random.default_rng(5).gamma(9, 60, (3, SIDE, SIDE)).astype(np.float32)
    assert any(
        "could not be co-registered" in text
        for text in ScenePair.open(memory_scene(hills()), [memory_scene(noise)]).warnings
    )


@given(st.integers(0, 50), st.floats(0, 1))
@settings(max_examples=10, deadline=None)
def test_made_pairs_differ_only_at_new_landslides(seed: int, old: float) -> None:
    random = np.random.default_rng(seed)
    image, mask = scarred()
    mask[100:110, 90:100] = True
    pair = make_pair(image, mask, old, random)
    assert not (pair.new & pair.old).any()
    np.testing.assert_array_equal(pair.new | pair.old, mask)
    np.testing.assert_array_equal(pair.before[:, pair.old], image[:, pair.old])
    changed = (pair.before != pair.after).any(axis=0)
    assert not changed.any() or pair.new.any()
