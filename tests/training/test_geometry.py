"""Geometric augmentation: labels move with the image, D4 is a group, directions rotate with the ground."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from batches_made import equal, make_batch
from landslip.grid.terrain import aspect_deg, slope_deg
from landslip.training.augmentation.geometry import rotate_and_flip, sampling_grid, transform_d4, zoom
from landslip.training.augmentation.mixing import fill_with_background, find_background_quadrants, mirror_quadrant
from landslip.training.data.target import Target

EIGHT = range(8)
angles = st.floats(-math.pi, math.pi)


def terrain(elevation_m: "torch.Tensor") -> "torch.Tensor":
    """Elevation, slope, sine and cosine of aspect (N, 4, H, W), computed from elevation (N, H, W) in 10 m pixels."""
    aspect = np.radians(np.stack([aspect_deg(ground.numpy(), 10, 10) for ground in elevation_m]))
    slope = np.stack([slope_deg(ground.numpy(), 10, 10) for ground in elevation_m])
    layers = [elevation_m.numpy(), slope, np.sin(aspect), np.cos(aspect)]
    return torch.from_numpy(np.stack(layers, axis=1).astype(np.float32))


DIRECTIONS = ((2, 3),)
"""Channel indices of the directions in ``terrain``."""


def plane(east: float, north: float, size: int = 24) -> "torch.Tensor":
    """A plane (1, H, W) that with a given rise (m per m) to the east and to the north."""
    column, row = torch.arange(size) * 10.0, torch.arange(size)[:, None] * 10.0
    return (east * column - north * row)[None].float()


def everywhere(values: "torch.Tensor") -> Target:
    shape = (len(values), *values.shape[2:])
    return Target(torch.zeros(shape), torch.ones(shape, dtype=torch.bool))


def test_the_eight_transforms_of_d4_differ_and_form_a_group() -> None:
    image = torch.arange(9).reshape(1, 3, 3)
    seen = {tuple(transform_d4(image, k).flatten().tolist()) for k in EIGHT}
    assert len(seen) == 8
    twice = {tuple(transform_d4(transform_d4(image, i), j).flatten().tolist()) for i in EIGHT for j in EIGHT}
    assert twice == seen
    for k in EIGHT:
        back = [j for j in EIGHT if torch.equal(transform_d4(transform_d4(image, k), j), image)]
        assert len(back) == 1


@pytest.mark.parametrize("which", EIGHT)
def test_each_patch_gets_its_own_transform_with_its_labels(which: int) -> None:
    values, target = make_batch(hidden=0.3)
    turns = torch.tensor([0, which, 5, which])
    after, truth = rotate_and_flip(values, target, turns, ())
    for i, k in enumerate(turns.tolist()):
        assert torch.equal(after[i], transform_d4(values[i], k))
        assert torch.equal(truth.landslide[i], transform_d4(target.landslide[i], k))
        assert torch.equal(truth.valid[i], transform_d4(target.valid[i], k))


@pytest.mark.parametrize("which", EIGHT)
def test_rotating_the_aspect_equals_the_aspect_of_rotated_ground(which: int) -> None:
    hills = torch.from_numpy(np.random.default_rng(1).normal(0, 20, (2, 24, 24)).astype(np.float32))
    ground = terrain(hills)
    after, _ = rotate_and_flip(ground, everywhere(ground), torch.full((2,), which), DIRECTIONS)
    assert torch.allclose(after, terrain(transform_d4(hills, which)), atol=1e-4)


@given(angles, st.floats(-1, 1), st.floats(-1, 1), st.floats(0.8, 1.25))
def test_the_rotated_aspect_of_a_plane_is_that_of_the_rotated_plane(
    angle: float, east: float, north: float, scale: float
) -> None:
    if math.hypot(east, north) < 0.05:
        return
    ground = terrain(plane(east, north))
    after, _ = zoom(
        ground, everywhere(ground), torch.tensor([scale]), torch.tensor([angle]), torch.zeros((2, 1)), DIRECTIONS
    )
    # The centre, which mirrored ground does not reach.
    recomputed = terrain(after[:, 0])[..., 9:15, 9:15]
    assert torch.allclose(after[..., 9:15, 9:15][:, 2:], recomputed[:, 2:], atol=1e-3)
    # The same ground in other pixels keeps its slope; recomputed as if the pixels still had 10 m it would not.
    assert torch.allclose(after[:, 1], ground[:, 1], atol=1e-3)
    steepness = torch.tan(torch.deg2rad(recomputed[:, 1]))
    assert torch.allclose(steepness, torch.tensor(scale * math.hypot(east, north)), rtol=1e-3)


def test_mirrored_ground_has_a_mirrored_aspect() -> None:
    ground = terrain(plane(0.3, 0.1))
    # A window moved sideways: its centre is the patch's right edge, beyond which the patch is mirrored.
    after, _ = zoom(ground, everywhere(ground), torch.ones(1), torch.zeros(1), torch.tensor([[1.0], [0.0]]), DIRECTIONS)
    recomputed = terrain(after[:, 0])
    for columns in (slice(2, 10), slice(14, 22)):
        assert torch.allclose(after[:, 2:, 2:-2, columns], recomputed[:, 2:, 2:-2, columns], atol=1e-3)
    quiet = mirror_quadrant(ground[:, :, :12, :12], 24, 24, DIRECTIONS)
    recomputed = terrain(quiet[:, 0])
    for rows in (slice(1, 10), slice(14, 23)):
        for columns in (slice(1, 10), slice(14, 23)):
            assert torch.allclose(quiet[:, 2:, rows, columns], recomputed[:, 2:, rows, columns], atol=1e-3)


def test_a_window_over_the_whole_patch_changes_nothing() -> None:
    for size in ((32, 32), (24, 40)):
        values, target = make_batch(size=size, hidden=0.1)
        n = len(values)
        after, truth = zoom(values, target, torch.ones(n), torch.zeros(n), torch.zeros((2, n)), ())
        assert torch.allclose(after, values, rtol=1e-4)
        assert torch.equal(truth.valid, target.valid)
        assert torch.equal(truth.landslide, target.landslide)


@given(st.integers(1, 3))
def test_rotation_by_quarters_equals_rot90(quarters: int) -> None:
    values, target = make_batch()
    n, angle = len(values), quarters * math.pi / 2
    after, truth = zoom(values, target, torch.ones(n), torch.full((n,), angle), torch.zeros((2, n)), ())
    assert torch.allclose(after, transform_d4(values, quarters), rtol=1e-2)
    assert torch.equal(truth.landslide, transform_d4(target.landslide, quarters))


@given(angles)
def test_rotation_keeps_lengths_on_patches_of_any_shape(angle: float) -> None:
    grid = sampling_grid(20, 50, torch.ones(1), torch.tensor([angle]), torch.zeros((2, 1)))[0]
    pixels = grid * torch.tensor([25.0, 10.0])
    for along in (pixels.diff(dim=0), pixels.diff(dim=1)):
        assert torch.allclose(along.norm(dim=-1), torch.ones(()), atol=1e-4)


def test_labels_are_zoomed_with_the_image() -> None:
    # A disc, so that the two ways of resampling differ at its rim alone.
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    disc = ((y - 20) ** 2 + (x - 40) ** 2 < 150).float().expand(16, -1, -1)
    chance = torch.Generator().manual_seed(3)
    scale, angle, x_y = (torch.rand(k, generator=chance) for k in (16, 16, 32))
    after, truth = zoom(
        disc[:, None] * 1000, everywhere(disc[:, None]), 0.7 + scale, 6 * angle, x_y.reshape(2, -1) - 0.5, ()
    )
    _, moved = zoom(disc[:, None], Target(disc, disc >= 0), 0.7 + scale, 6 * angle, x_y.reshape(2, -1) - 0.5, ())
    assert not bool(truth.landslide.any())
    assert not torch.equal(moved.landslide, disc)
    assert float(((after[:, 0] > 500) != (moved.landslide == 1)).float().mean()) < 0.01


def test_pixels_interpolated_from_nodata_are_nodata() -> None:
    values, target = make_batch(hidden=0.02)
    values = torch.where(target.valid[:, None], torch.tensor(500.0), torch.tensor(1e9))
    n = len(values)
    after, truth = zoom(values, target, torch.full((n,), 0.9), torch.full((n,), 0.3), torch.zeros((2, n)), ())
    known = after.permute(0, 2, 3, 1)[truth.valid]
    assert bool(truth.valid.any())
    assert float(known.max()) < 1e6
    assert not bool(truth.landslide[~truth.valid].any())


def test_background_fill_uses_quadrants_known_to_be_background() -> None:
    values, target = make_batch()
    landslide, observed = torch.zeros_like(target.landslide), torch.ones_like(target.valid)
    landslide[0, 5, 5], landslide[1] = 0.2, 1
    observed[2, 20, 20] = False
    target = Target(landslide, observed)
    assert find_background_quadrants(target).tolist() == [
        [False, True, True, True], [False] * 4, [True, True, True, False], [True] * 4
    ]  # fmt: skip
    preference = torch.tensor([1.0, 0.9, 0.8, 0.7]).expand(4, 4)
    after, truth = fill_with_background(values, target, preference, ())
    assert torch.equal(after[1], values[1])
    assert torch.equal(truth.landslide[1], target.landslide[1])
    for i, quarter in ((0, values[0, :, :16, 16:]), (2, values[2, :, :16, :16]), (3, values[3, :, :16, :16])):
        assert not bool(truth.landslide[i].any())
        assert bool(truth.valid[i].all())
        assert torch.equal(after[i, :, :16, :16], quarter)
        assert torch.equal(after[i], after[i].flip(-1))
        assert torch.equal(after[i], after[i].flip(-2))


@pytest.mark.parametrize("size", [(7, 9), (8, 5)])
def test_background_fill_covers_patches_of_odd_size(size: tuple[int, int]) -> None:
    values, _ = make_batch(size=size)
    target = everywhere(values)
    after, truth = fill_with_background(values, target, torch.ones((4, 4)), ())
    assert after.shape == values.shape
    assert equal((after.flip(-1) if size[1] % 2 else after, truth), (after, target))
