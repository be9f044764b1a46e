"""Photometric changes: what each keeps, and which normalisations are invariant to it."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from batches_made import make_batch
from landslip.channels import CHANNELS, TRUE_COLOUR
from landslip.training.augmentation import light
from landslip.training.augmentation.perturbations import PERTURBATIONS
from landslip.training.networks.normalise import Normalise

NM = torch.tensor([CHANNELS[name].wavelength_nm for name in TRUE_COLOUR])


@given(st.floats(0.1, 10))
def test_gain_keeps_ratios(gain: float) -> None:
    values, _ = make_batch()
    after = light.apply_gain(values, torch.full((len(values),), gain))
    assert torch.allclose(after[:, 0] / after[:, 1], values[:, 0] / values[:, 1])
    assert torch.allclose(after, values * gain)


@given(st.floats(0, 1))
def test_haze_is_constant_and_strongest_in_the_blue(amount: float) -> None:
    values, _ = make_batch()
    added = light.add_haze(values, torch.full((len(values),), amount), NM) - values
    assert torch.allclose(added, added[:, :, :1, :1].expand_as(added), atol=1e-3)
    red, green, blue = (float(added[0, i, 0, 0]) for i in range(3))
    assert red <= green <= blue
    assert blue == pytest.approx(amount * float(values[0, 2].mean()), abs=1e-2)


def test_removing_haze_inverts_adding_it() -> None:
    values, _ = make_batch()
    values = light.remove_haze(values, torch.ones(len(values)), NM)
    hazy = light.add_haze(values, torch.full((len(values),), 0.5), NM)
    assert torch.allclose(light.remove_haze(hazy, torch.ones(len(values)), NM), values, atol=1e-2)


def test_contrast_blur_and_mixing_of_strength_0_change_nothing() -> None:
    values, _ = make_batch()
    ones = torch.ones(len(values))
    assert torch.allclose(light.change_contrast(values, ones), values)
    assert torch.allclose(light.soften(values, 0 * ones), values)
    assert torch.allclose(light.mix_channels(values, torch.eye(3).expand(len(values), -1, -1)), values)


def test_channel_mixing_keeps_grey_grey() -> None:
    grey = make_batch()[0][:, :1].expand(-1, 3, -1, -1)
    shares = torch.rand((len(grey), 3, 3), generator=torch.Generator().manual_seed(0))
    assert torch.allclose(light.mix_channels(grey, shares / shares.sum(dim=2, keepdim=True)), grey, rtol=1e-4)


def test_the_dark_level_is_the_second_percentile() -> None:
    ramp = torch.arange(10_000.0)[torch.randperm(10_000, generator=torch.Generator().manual_seed(0))]
    level = light.dark_level(torch.stack([ramp, 5 * ramp]).reshape(1, 2, 100, 100))
    assert level.tolist() == [[199, 5 * 199]]


def test_removed_haze_in_the_infrared_is_limited_by_rayleigh_scattering() -> None:
    nm = torch.tensor([CHANNELS[name].wavelength_nm for name in ("B02", "B04", "B08", "B11")])
    values, _ = make_batch(channels=4)
    values[:, 2:] += 2000
    taken = values - light.remove_haze(values, torch.ones(len(values)), nm)
    dark = light.dark_level(values)
    assert torch.allclose(taken[:, :2, 0, 0], dark[:, :2], atol=1e-3)
    for place in (2, 3):
        scattered = dark[:, 0] * (nm[0] / nm[place]) ** 4
        assert torch.allclose(taken[:, place, 0, 0], scattered, atol=1e-3)
    assert float(dark[:, 2:].min()) > 2000


def test_contrast_keeps_black_and_the_order_of_brightness() -> None:
    values, _ = make_batch()
    values[:, :, 0, 0] = 0
    after = light.change_contrast(values, torch.tensor([0.5, 0.8, 1.5, 3.0]))
    assert not bool(after[:, :, 0, 0].any())
    assert torch.equal(after.flatten(2).argsort(dim=2)[..., :20], values.flatten(2).argsort(dim=2)[..., :20])


def test_blur_is_the_binomial_kernel() -> None:
    point = torch.zeros((1, 1, 7, 7))
    point[0, 0, 3, 3] = 16
    soft = light.soften(point, torch.ones(1))[0, 0, 2:5, 2:5]
    assert soft.tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]


@given(st.floats(0.3, 4))
def test_a_gaussian_blur_preserves_the_mean_and_reduces_contrast(sigma_px: float) -> None:
    flat = torch.full((2, 3, 20, 24), 7.0)
    assert torch.allclose(light.blur(flat, sigma_px), flat, rtol=1e-5)
    values, _ = make_batch()
    assert bool((light.blur(values, sigma_px).std(dim=(2, 3)) < values.std(dim=(2, 3))).all())


def test_a_gaussian_blur_has_the_standard_deviation_it_was_given() -> None:
    point = torch.zeros((1, 1, 41, 41))
    point[0, 0, 20, 20] = 1
    soft, offset = light.blur(point, 2.0)[0, 0], torch.arange(41.0) - 20
    assert float((soft.sum(dim=1) * offset**2).sum().sqrt()) == pytest.approx(2, rel=0.03)
    assert torch.allclose(soft, soft.T)


def test_the_binomial_blur_is_close_to_the_gaussian_of_its_variance() -> None:
    values, _ = make_batch()
    soft, gaussian = light.soften(values, torch.ones(len(values))), light.blur(values, 0.5**0.5)
    assert float((soft - gaussian).std() / (soft - values).std()) < 0.15


def test_whole_and_half_pixel_shifts_move_bands_beyond_one_pixel() -> None:
    values, _ = make_batch()
    shift = torch.tensor([2.0, -3.0]).expand(*values.shape[:2], 2)
    assert torch.equal(light.shift_bands(values, shift, steps=3)[..., 2:, :-3], values[..., :-2, 3:])
    half = light.shift_bands(values, torch.tensor([1.5, 0.0]).expand_as(shift), steps=2)
    assert torch.allclose(half[:, :, 2:], (values[:, :, 1:-1] + values[:, :, :-2]) / 2, rtol=1e-5)


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_more_steps_do_not_change_a_shift_below_one_pixel(down: float, right: float) -> None:
    values, _ = make_batch()
    shift = torch.tensor([down, right]).expand(*values.shape[:2], 2)
    assert torch.equal(light.shift_bands(values, shift), light.shift_bands(values, shift, steps=4))


def test_each_band_is_shifted_on_its_own_by_whole_pixels() -> None:
    values, _ = make_batch()
    shift = torch.zeros(*values.shape[:2], 2)
    shift[:, 0, 0], shift[:, 1, 1] = 1, -1
    after = light.shift_bands(values, shift)
    assert torch.equal(after[:, 0, 1:], values[:, 0, :-1])
    assert torch.equal(after[:, 1, :, :-1], values[:, 1, :, 1:])
    assert torch.equal(after[:, 2], values[:, 2])


@pytest.mark.parametrize("name", list(PERTURBATIONS))
def test_perturbations_leave_terrain_unchanged(name: str) -> None:
    channels = ("B04", "slope", "B03", "elevation", "B02")
    nm = torch.tensor([CHANNELS[name].wavelength_nm or float("nan") for name in channels])
    values, _ = make_batch(channels=5)
    after = PERTURBATIONS[name](values, nm)
    assert torch.equal(after[:, [1, 3]], values[:, [1, 3]])
    assert torch.equal(after[:, [0, 2, 4]], PERTURBATIONS[name](values[:, [0, 2, 4]], nm[[0, 2, 4]]))
    assert not torch.equal(after, values)


def normalisations() -> "Iterator[Normalise]":
    for kind in ("tile-brightness", "tile-log", "tile-log-channel", "tile-channel"):
        yield Normalise(kind, torch.tensor([450.0, 680.0, 810.0]), torch.tensor([210.0, 180.0, 140.0]))


@given(st.floats(0.25, 4))
def test_tile_normalisations_are_invariant_to_brightness(gain: float) -> None:
    values, _ = make_batch()
    for normalise in normalisations():
        assert torch.allclose(normalise(values * gain), normalise(values), atol=1e-3)
        assert float(normalise(values).mean().abs()) < 0.7


def test_channel_normalisations_are_invariant_to_a_colour_cast() -> None:
    values, _ = make_batch()
    for kind, unseen in (
        ("tile-channel", ("haze added", "redder", "bluer")),
        ("tile-log-channel", ("redder", "bluer")),
    ):
        normalise = Normalise(kind, torch.ones(3), torch.ones(3))
        for name in unseen:
            assert torch.allclose(normalise(PERTURBATIONS[name](values, NM)), normalise(values), atol=0.02)


def test_a_tile_without_contrast_stays_without_contrast() -> None:
    flat = torch.full((1, 3, 8, 8), 500.0) + 0.5 * torch.rand((1, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    for normalise in normalisations():
        assert float(normalise(flat).std(dim=(2, 3)).max()) < 0.1
        assert bool(torch.isfinite(normalise(0 * flat)).all())
