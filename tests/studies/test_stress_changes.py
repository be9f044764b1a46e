"""The stresses: physics of light, resampling, rotation."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landslip.channels import CHANNELS
from landslip.errors import SettingsError
from landslip.evaluation.predictions import PatchPosition
from landslip.grid.resampling import resize_bilinear
from landslip.studies.stress import geometry
from landslip.studies.stress.blocks import find_complete_blocks, find_largest_blocks
from landslip.studies.stress.stresses import NAMES, STRESSES, select_stresses
from landslip.training.augmentation import light

CHANNELS_USED = ("B02", "B04", "B08", "slope", "elevation")


def image(seed: int = 1, height: int = 24, width: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).uniform(200, 4000, (len(CHANNELS_USED), height, width)).astype(np.float32)


def mask(seed: int = 1, height: int = 24, width: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).choice(np.array([0, 1, 255], np.uint8), (height, width))


@pytest.mark.parametrize("name", STRESSES)
def test_the_unchanged_level_changes_nothing(name: str) -> None:
    stress, chance = STRESSES[name], np.random.default_rng(1)
    values, truth = stress.change(image(), mask(), CHANNELS_USED, stress.unchanged, chance)
    np.testing.assert_allclose(values, image(), rtol=1e-6)
    np.testing.assert_array_equal(truth, mask())


@pytest.mark.parametrize("name", [name for name in STRESSES if name not in ("clouds", "rotation")])
def test_photometric_stresses_leave_terrain_mask_and_nodata_unchanged(name: str) -> None:
    stress = STRESSES[name]
    torn = image()
    torn[:, 3:9, 5:11] = np.nan
    for level in stress.levels:
        values, truth = stress.change(torn, mask(), CHANNELS_USED, level, np.random.default_rng(1))
        np.testing.assert_array_equal(values[3:], torn[3:])
        np.testing.assert_array_equal(truth, mask())
        np.testing.assert_array_equal(np.isnan(values), np.isnan(torn))


def change(name: str, level: float, values: np.ndarray | None = None) -> np.ndarray:
    """Spectral channels after a stress."""
    changed, _ = STRESSES[name].change(
        image() if values is None else values, mask(), CHANNELS_USED, level, np.random.default_rng(1)
    )
    return changed[:3]


@given(st.floats(0, 1))
def test_haze_is_constant_per_channel_and_falls_with_the_fourth_power_of_the_wavelength(amount: float) -> None:
    added = change("haze", amount) - image()[:3]
    assert np.ptp(added, axis=(1, 2)).max() < 1e-2
    blue, red = (float(added[index].mean()) for index in (0, 1))
    nm = [CHANNELS[name].wavelength_nm or 0 for name in ("B02", "B04")]
    assert red == pytest.approx(blue * (nm[0] / nm[1]) ** 4, rel=1e-3, abs=1e-2)


def test_removing_haze_inverts_adding_it() -> None:
    dark = image()
    dark[:3, ::2] = 0
    hazy = dark.copy()
    hazy[:3] = change("haze", 0.3, dark)
    np.testing.assert_allclose(change("atmosphere", -1.0, hazy), dark[:3], atol=0.5)


@given(st.floats(0, 1))
def test_removed_haze_is_limited_to_what_scatters_at_the_wavelength(fraction: float) -> None:
    bright = image()
    bright[2] += 1500  # near infrared, bright all over as above vegetation
    removed = (bright[:3] - change("atmosphere", -fraction, bright)).mean(axis=(1, 2))
    nm = [CHANNELS[name].wavelength_nm or 0 for name in ("B02", "B08")]
    assert removed[2] == pytest.approx(removed[0] * (nm[0] / nm[1]) ** 4, rel=1e-3, abs=1e-2)
    assert removed[2] < 0.2 * fraction * np.percentile(bright[2], 2) + 1e-2


@pytest.mark.parametrize("level", [0.3, 0.7, 1.0])
def test_stress_and_augmentation_change_light_alike(level: float) -> None:
    """The same strength gives the same image in the stress test and in training."""
    batch = torch.from_numpy(image()[:3])[None]
    nm = torch.tensor([CHANNELS[name].wavelength_nm for name in CHANNELS_USED[:3]])
    strength = torch.tensor([level])
    for name, at, expected in (
        ("haze", level, light.add_haze(batch, strength, nm)),
        ("atmosphere", -level, light.remove_haze(batch, strength, nm)),
        ("brightness", level, light.apply_gain(batch, strength)),
        ("blur", level, light.blur(batch, level)),
    ):
        np.testing.assert_allclose(change(name, at), expected[0].numpy(), rtol=1e-6, err_msg=name)
    noise = change("noise", level) - image()[:3]
    np.testing.assert_allclose(noise.std(axis=(1, 2)), level * image()[:3].mean(axis=(1, 2)), rtol=0.1)


@given(st.integers(1, 6))
def test_coarse_pixels_are_means_and_the_mask_takes_the_majority(factor: int) -> None:
    values, truth = geometry.coarsen(image(), np.where(mask() == 1, 1, 0).astype(np.uint8), factor)
    rows, cols = 24 // factor, 30 // factor
    parts = image()[:, : rows * factor, : cols * factor].reshape(5, rows, factor, cols, factor)
    np.testing.assert_allclose(values, parts.mean(axis=(2, 4)), rtol=1e-4)
    share = (mask() == 1)[: rows * factor, : cols * factor].reshape(rows, factor, cols, factor).mean(axis=(1, 3))
    np.testing.assert_array_equal(truth, share >= 0.5 - 1e-9)


@given(st.floats(1, 6))
def test_the_mean_does_not_depend_on_the_pixel_size(factor: float) -> None:
    size = 24
    flat = np.full((1, size, size), 3, np.float32)
    values, truth = geometry.coarsen(flat, np.ones((size, size), np.uint8), factor)
    np.testing.assert_allclose(values, 3, rtol=1e-6)
    assert (truth == 1).all()
    assert values.shape[1] == int(size / factor + 1e-9)


def test_nodata_stays_nodata_in_coarser_pixels() -> None:
    torn, known = image(), mask()
    torn[:, :12], known[:, :15] = np.nan, 255
    values, truth = geometry.coarsen(torn, known, 6)
    assert np.isnan(values[:, :2]).all()
    assert np.isfinite(values[:, 2:]).all()
    assert (truth[:, :2] == 255).all()


def test_finer_pixels_keep_a_linear_gradient() -> None:
    slope = np.broadcast_to(np.arange(8, dtype=np.float32), (1, 8, 8))
    fine = resize_bilinear(np.ascontiguousarray(slope), 16, 16)
    assert fine.shape == (1, 16, 16)
    np.testing.assert_allclose(np.diff(fine[0, :, 1:-1], axis=1), 0.5)
    np.testing.assert_array_equal(resize_bilinear(image(), 24, 30), image())
    np.testing.assert_array_equal(geometry.refine_mask(mask(), 48, 60)[::2, ::2], mask())


def test_four_quarter_turns_restore_the_image() -> None:
    values, truth = image(), mask()
    for _ in range(4):
        values, truth = geometry.rotate(values, truth, 90)
    np.testing.assert_array_equal(values, image())
    np.testing.assert_array_equal(truth, mask())


def test_other_angles_rotate_in_the_same_direction() -> None:
    square, truth = image(height=25, width=25), mask(height=25, width=25)
    exact, exact_truth = geometry.rotate(square, truth, 90)
    near, near_truth = geometry.rotate(square, truth, 90 - 1e-4)
    inside = np.isfinite(near).all(axis=0)
    assert inside.mean() > 0.9
    np.testing.assert_allclose(near[:, inside], exact[:, inside], rtol=1e-2)
    np.testing.assert_array_equal(near_truth[inside], exact_truth[inside])
    turned, outside = geometry.rotate(square, truth, 45)
    assert np.isnan(turned[:, 0, 0]).all()
    assert outside[0, 0] == 255


@given(st.floats(0, 1), st.integers(1, 40), st.integers(1, 40))
def test_clouds_cover_the_given_fraction(share: float, height: int, width: int) -> None:
    covered = geometry.draw_clouds(height, width, share, np.random.default_rng(1))
    assert covered.sum() == pytest.approx(share * height * width, abs=0.5 + 1e-6)


def test_blocks_are_complete_and_disjoint() -> None:
    chance = np.random.default_rng(2)
    cells = [(row, col) for row in range(9) for col in range(9) if chance.random() < 0.9]
    entries = [PatchPosition("train", number, "S", *cell) for number, cell in enumerate(cells)]
    blocks = find_complete_blocks(entries, 2)
    assert len(blocks) > 5
    used = [position for block in blocks for line in block.patches for position in line]
    assert len(used) == len(set(used))
    for block in blocks:
        first = entries[block.patches[0][0]]
        for down, line in enumerate(block.patches):
            for across, position in enumerate(line):
                assert (entries[position].row, entries[position].col) == (first.row + down, first.col + across)  # type: ignore[operator]  # known
    ground = find_largest_blocks(entries, 128)
    assert ground.side_px <= 512
    unplaced = [PatchPosition("train", number, "S", None, None) for number in range(3)]
    assert find_largest_blocks(unplaced, 128).side == 1


def test_an_unknown_stress_is_refused() -> None:
    assert select_stresses([]) == NAMES
    assert select_stresses(["haze", "blur"]) == ("blur", "haze")
    with pytest.raises(SettingsError, match="unknown stress 'fog': allowed are patch-size"):
        select_stresses(["fog"])
