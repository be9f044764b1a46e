"""Shifts are measured, applied where trusted, and refused where the images have nothing in common."""

import numpy as np
import pytest

from landslip.change.registration import TRUSTED_PEAK, BlockShift, fit_field, measure_shift
from landslip.change.scene_on_grid import SceneOnGrid
from landslip.grid.window import Window
from landslip.synthetic.patch_pairs import move_image, smooth_field
from scenes_made import memory_scene


def ground(height: int = 160, width: int = 200, seed: int = 0) -> np.ndarray:
    """Relief at several scales, positive."""
    random = np.random.default_rng(seed)
    layers = [smooth_field(height, width, cells, random) / cells**0.3 for cells in (12, 30, 70)]
    return np.exp(0.3 * sum(layers) + 6.5).astype(np.float32)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.5, -0.5), (1.3, 2.2), (-3.4, 0.7)])
def test_a_known_shift_is_measured_to_a_tenth_of_a_pixel(shift: tuple[float, float]) -> None:
    image = ground()
    moved = move_image(image[None], *shift)[0]
    # Another exposure and haze make no difference.
    down, right, peak = measure_shift(image, 0.6 * moved + 200, np.ones(image.shape, np.bool_))
    assert peak > TRUSTED_PEAK
    assert (down, right) == pytest.approx(shift, abs=0.1)


def test_unrelated_images_are_not_trusted() -> None:
    for seed in range(8):
        one, other = (np.random.default_rng((seed, side)).gamma(9, 100, (128, 128)) for side in (0, 1))
        _, _, peak = measure_shift(one.astype(np.float32), other.astype(np.float32), np.ones((128, 128), np.bool_))
        assert peak < TRUSTED_PEAK


def test_a_block_of_nodata_has_no_shift() -> None:
    image = ground()
    assert measure_shift(image, image, np.zeros(image.shape, np.bool_)) == (0.0, 0.0, 0.0)


def test_a_block_that_disagrees_is_left_out() -> None:
    blocks = [BlockShift(64, 64 * place, 0.4, -0.2, 20, True) for place in range(4)]
    field = fit_field([*blocks, BlockShift(200, 64, 5.0, 5.0, 20, True)])
    assert field.down == (0.4, 0.0, 0.0)
    assert sum(block.trusted for block in field.blocks) == 4


def test_the_shift_is_taken_out_and_does_not_depend_on_the_window() -> None:
    image = np.stack([ground(seed=seed) for seed in range(3)])
    scene = memory_scene(move_image(image, 1.5, -0.75))
    field = fit_field([BlockShift(64, 64, 1.5, -0.75, 20, True)])
    on_grid = SceneOnGrid(scene, scene.geobox, field)
    whole, valid = on_grid.read(scene.channels, scene.window)
    inner = (slice(None), slice(8, -8), slice(8, -8))
    assert np.abs(whole / image - 1)[inner].mean() < 0.02
    part, part_valid = on_grid.read(scene.channels, Window(31, 17, 50, 64))
    np.testing.assert_array_equal(part, whole[:, 31:81, 17:81])
    np.testing.assert_array_equal(part_valid, valid[31:81, 17:81])
