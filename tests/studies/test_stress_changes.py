"""What a stress does to the ground: physical laws of light, size and turning."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslip.channels import CHANNELS
from landslip.errors import SettingsError
from landslip.evaluation.predictions import Place
from landslip.studies.stress import geometry, light
from landslip.studies.stress.ground import complete_blocks, largest_ground
from landslip.studies.stress.stresses import NAMES, STRESSES, stresses_named

CHANNELS_USED = ("B02", "B04", "B08", "slope", "elevation")


def image(seed: int = 1, height: int = 24, width: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).uniform(200, 4000, (len(CHANNELS_USED), height, width)).astype(np.float32)


def mask(seed: int = 1, height: int = 24, width: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).choice(np.array([0, 1, 255], np.uint8), (height, width))


@pytest.mark.parametrize("name", STRESSES)
def test_nothing_changes_at_the_untouched_level(name: str) -> None:
    stress, chance = STRESSES[name], np.random.default_rng(1)
    values, truth = stress.change(image(), mask(), CHANNELS_USED, stress.untouched, chance)
    np.testing.assert_allclose(values, image(), rtol=1e-6)
    np.testing.assert_array_equal(truth, mask())


@pytest.mark.parametrize("name", [name for name in STRESSES if name not in ("clouds", "rotation")])
def test_light_leaves_terrain_truth_and_gaps_as_they_are(name: str) -> None:
    stress = STRESSES[name]
    torn = image()
    torn[:, 3:9, 5:11] = np.nan
    for level in stress.levels:
        values, truth = stress.change(torn, mask(), CHANNELS_USED, level, np.random.default_rng(1))
        np.testing.assert_array_equal(values[3:], torn[3:])
        np.testing.assert_array_equal(truth, mask())
        np.testing.assert_array_equal(np.isnan(values), np.isnan(torn))


@given(st.floats(0, 1))
def test_haze_is_one_number_a_band_and_falls_as_the_fourth_power_of_the_wavelength(amount: float) -> None:
    added = light.hazed(image(), CHANNELS_USED, amount) - image()
    assert np.ptp(added, axis=(1, 2)).max() < 1e-2
    blue, red = (float(added[index].mean()) for index in (0, 1))
    nm = [CHANNELS[name].wavelength_nm or 0 for name in ("B02", "B04")]
    assert red == pytest.approx(blue * (nm[0] / nm[1]) ** 4, rel=1e-3, abs=1e-2)


def test_clearing_takes_away_what_haze_added() -> None:
    dark = image()
    dark[:3, ::2] = 0
    hazy = light.hazed(dark, CHANNELS_USED, 0.3)
    np.testing.assert_allclose(light.cleared(hazy, CHANNELS_USED, 1.0), dark, atol=0.5)


@given(st.floats(0.3, 4))
def test_a_blur_keeps_the_mean_and_takes_contrast(sigma_px: float) -> None:
    flat = np.full((5, 20, 20), 7, np.float32)
    np.testing.assert_allclose(light.blurred(flat, CHANNELS_USED, sigma_px), flat, rtol=1e-5)
    soft = light.blurred(image(), CHANNELS_USED, sigma_px)
    assert (soft[:3].std(axis=(1, 2)) < image()[:3].std(axis=(1, 2))).all()


def test_whole_shifts_move_pixels() -> None:
    layer = image()[0]
    there = light.moved(layer, 2, -3)
    np.testing.assert_array_equal(there[2:, :-3], layer[:-2, 3:])
    half = light.moved(layer, 0.5, 0)
    np.testing.assert_allclose(half[1:], (layer[1:] + layer[:-1]) / 2, rtol=1e-5)


@given(st.integers(1, 6))
def test_coarse_pixels_are_means_and_the_truth_follows_its_larger_half(factor: int) -> None:
    values, truth = geometry.coarser(image(), np.where(mask() == 1, 1, 0).astype(np.uint8), factor)
    rows, cols = 24 // factor, 30 // factor
    parts = image()[:, : rows * factor, : cols * factor].reshape(5, rows, factor, cols, factor)
    np.testing.assert_allclose(values, parts.mean(axis=(2, 4)), rtol=1e-4)
    share = (mask() == 1)[: rows * factor, : cols * factor].reshape(rows, factor, cols, factor).mean(axis=(1, 3))
    np.testing.assert_array_equal(truth, share >= 0.5 - 1e-9)


@given(st.floats(1, 6))
def test_the_mean_of_the_ground_does_not_hang_on_the_pixel(factor: float) -> None:
    size = 24
    flat = np.full((1, size, size), 3, np.float32)
    values, truth = geometry.coarser(flat, np.ones((size, size), np.uint8), factor)
    np.testing.assert_allclose(values, 3, rtol=1e-6)
    assert (truth == 1).all()
    assert values.shape[1] == int(size / factor + 1e-9)


def test_what_was_not_observed_stays_so_when_pixels_grow() -> None:
    torn, known = image(), mask()
    torn[:, :12], known[:, :15] = np.nan, 255
    values, truth = geometry.coarser(torn, known, 6)
    assert np.isnan(values[:, :2]).all()
    assert np.isfinite(values[:, 2:]).all()
    assert (truth[:, :2] == 255).all()


def test_finer_pixels_add_nothing_to_a_slope() -> None:
    slope = np.broadcast_to(np.arange(8, dtype=np.float32), (1, 8, 8))
    fine = geometry.finer(np.ascontiguousarray(slope), 16, 16)
    assert fine.shape == (1, 16, 16)
    np.testing.assert_allclose(np.diff(fine[0, :, 1:-1], axis=1), 0.5)
    np.testing.assert_array_equal(geometry.finer(image(), 24, 30), image())
    np.testing.assert_array_equal(geometry.nearest(mask(), 48, 60)[::2, ::2], mask())


def test_four_quarter_turns_are_none() -> None:
    values, truth = image(), mask()
    for _ in range(4):
        values, truth = geometry.turned(values, truth, 90)
    np.testing.assert_array_equal(values, image())
    np.testing.assert_array_equal(truth, mask())


def test_turns_between_quarters_go_the_same_way() -> None:
    square, truth = image(height=25, width=25), mask(height=25, width=25)
    exact, exact_truth = geometry.turned(square, truth, 90)
    near, near_truth = geometry.turned(square, truth, 90 - 1e-4)
    inside = np.isfinite(near).all(axis=0)
    assert inside.mean() > 0.9
    np.testing.assert_allclose(near[:, inside], exact[:, inside], rtol=1e-2)
    np.testing.assert_array_equal(near_truth[inside], exact_truth[inside])
    turned, outside = geometry.turned(square, truth, 45)
    assert np.isnan(turned[:, 0, 0]).all()
    assert outside[0, 0] == 255


@given(st.floats(0, 1), st.integers(1, 40), st.integers(1, 40))
def test_clouds_cover_the_share_that_was_asked_for(share: float, height: int, width: int) -> None:
    covered = geometry.clouds(height, width, share, np.random.default_rng(1))
    assert covered.sum() == pytest.approx(share * height * width, abs=0.5 + 1e-6)


def test_blocks_hold_only_known_patches_and_none_twice() -> None:
    chance = np.random.default_rng(2)
    cells = [(row, col) for row in range(9) for col in range(9) if chance.random() < 0.9]
    entries = [Place("train", number, "S", *cell) for number, cell in enumerate(cells)]
    blocks = complete_blocks(entries, 2)
    assert len(blocks) > 5
    used = [position for block in blocks for line in block.positions for position in line]
    assert len(used) == len(set(used))
    for block in blocks:
        first = entries[block.positions[0][0]]
        for down, line in enumerate(block.positions):
            for across, position in enumerate(line):
                assert (entries[position].row, entries[position].col) == (first.row + down, first.col + across)  # type: ignore[operator]  # known
    ground = largest_ground(entries, 128)
    assert ground.side_px <= 512
    unplaced = [Place("train", number, "S", None, None) for number in range(3)]
    assert largest_ground(unplaced, 128).side == 1


def test_an_unknown_stress_is_refused() -> None:
    assert stresses_named([]) == NAMES
    assert stresses_named(["haze", "blur"]) == ("blur", "haze")
    with pytest.raises(SettingsError, match="'fog' is not a stress: allowed are patch-size"):
        stresses_named(["fog"])
