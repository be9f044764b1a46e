"""Laws of augmentation: masks move with images, light keeps what it should keep, chance comes from the seed."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs the extra train")

from landslip.channels import CHANNELS, TRUE_COLOUR  # noqa: E402 - after the check for torch
from landslip.training import light  # noqa: E402
from landslip.training.augmentation import Augmentation, AugmentationRecipe, dihedral, quiet_quarters  # noqa: E402
from landslip.training.networks.normalise import Normalise  # noqa: E402
from landslip.training.stress import STRESSES  # noqa: E402

NM = torch.tensor([CHANNELS[name].wavelength_nm for name in TRUE_COLOUR])
STILL = AugmentationRecipe(
    quiet=0,
    dihedral=False,
    zoom=0,
    gain=1,
    colour=0,
    mixing=0,
    haze=0,
    clearing=0,
    contrast=1,
    shade=0,
    noise=0,
    blur=0,
    gap=0,
)
seeds = st.integers(0, 2**31 - 1)


def batch(seed: int = 0, n: int = 4, size: int = 32) -> "tuple[torch.Tensor, torch.Tensor]":
    chance = torch.Generator().manual_seed(seed)
    values = 200 + 800 * torch.rand((n, 3, size, size), generator=chance)
    return values, (torch.rand((n, size, size), generator=chance) < 0.2).to(torch.uint8)


@given(seeds)
def test_nothing_switched_on_changes_nothing(seed: int) -> None:
    values, masks = batch()
    after, masks_after = Augmentation(STILL, NM, seed)(values, masks)
    assert torch.equal(after, values)
    assert torch.equal(masks_after, masks)


@given(seeds)
def test_the_mask_turns_with_the_image(seed: int) -> None:
    values, masks = batch()
    values[:, 0] = masks.float() * 1000
    recipe = STILL.model_copy(update={"dihedral": True})
    after, masks_after = Augmentation(recipe, NM, seed)(values, masks)
    assert torch.equal(after[:, 0], masks_after.float() * 1000)


def test_the_mask_zooms_with_the_image() -> None:
    # A disc, so that the two ways of resampling differ at its rim alone.
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    masks = ((y - 20) ** 2 + (x - 40) ** 2 < 150).to(torch.uint8).expand(16, -1, -1).clone()
    values = masks.float()[:, None].expand(-1, 3, -1, -1) * 1000
    recipe = STILL.model_copy(update={"zoom": 0.5})
    after, masks_after = Augmentation(recipe, NM, 3)(values.clone(), masks)
    assert not torch.equal(masks_after, masks)
    differs = ((after[:, 0] > 500) != (masks_after == 1)).float().mean()
    assert float(differs) < 0.01


def test_quiet_ground_is_made_of_ground_known_to_be_no_landslide() -> None:
    values, masks = batch()
    masks[:] = 0
    masks[0, 5, 5], masks[1] = 1, 1
    masks[2, 20, 20] = 255
    assert [len(quiet_quarters(image, mask)) for image, mask in zip(values, masks, strict=True)] == [3, 0, 3, 4]
    after, masks_after = Augmentation(STILL.model_copy(update={"quiet": 1.0}), NM, 0)(values, masks)
    assert torch.equal(after[1], values[1])
    assert torch.equal(masks_after[1], masks[1])
    for i in (0, 2, 3):
        assert not bool(masks_after[i].any())
        quarter = after[i, :, :16, :16]
        assert any(torch.equal(quarter, quiet) for quiet in quiet_quarters(values[i], masks[i]))
        assert torch.equal(after[i], after[i].flip(-1))
        assert torch.equal(after[i], after[i].flip(-2))


def test_the_eight_turns_are_eight_and_a_group() -> None:
    image = torch.arange(9).reshape(1, 3, 3)
    seen = {tuple(dihedral(image, k).flatten().tolist()) for k in range(8)}
    assert len(seen) == 8
    twice = {tuple(dihedral(dihedral(image, i), j).flatten().tolist()) for i in range(8) for j in range(8)}
    assert twice == seen


@given(st.floats(0.1, 10))
def test_gain_keeps_ratios(gain: float) -> None:
    values, _ = batch()
    after = light.gained(values, torch.full((len(values),), gain))
    assert torch.allclose(after[:, 0] / after[:, 1], values[:, 0] / values[:, 1])
    assert torch.allclose(after, values * gain)


@given(st.floats(0, 1))
def test_haze_adds_the_same_everywhere_and_most_in_the_blue(amount: float) -> None:
    values, _ = batch()
    added = light.hazed(values, torch.full((len(values),), amount), NM) - values
    assert torch.allclose(added, added[:, :, :1, :1].expand_as(added), atol=1e-3)
    red, green, blue = (float(added[0, i, 0, 0]) for i in range(3))
    assert red <= green <= blue
    assert blue == pytest.approx(amount * float(values[0, 2].mean()), abs=1e-2)


def test_clearing_takes_haze_away_again() -> None:
    values, _ = batch()
    values = light.cleared(values, torch.ones(len(values)))
    hazy = light.hazed(values, torch.full((len(values),), 0.5), NM)
    assert torch.allclose(light.cleared(hazy, torch.ones(len(values))), values, atol=1e-2)


def test_contrast_and_mixing_of_nothing_change_nothing() -> None:
    values, _ = batch()
    ones = torch.ones(len(values))
    assert torch.allclose(light.contrasted(values, ones), values)
    assert torch.allclose(light.blurred(values, 0 * ones), values)
    assert torch.allclose(light.mixed(values, torch.eye(3).expand(len(values), -1, -1)), values)


def test_mixing_keeps_grey_grey() -> None:
    grey = batch()[0][:, :1].expand(-1, 3, -1, -1)
    shares = torch.rand((len(grey), 3, 3), generator=torch.Generator().manual_seed(0))
    assert torch.allclose(light.mixed(grey, shares / shares.sum(dim=2, keepdim=True)), grey, rtol=1e-4)


@given(seeds)
def test_a_gap_is_marked_and_filled_with_the_mean_of_what_was_observed(seed: int) -> None:
    values, masks = batch()
    recipe = STILL.model_copy(update={"gap": 1.0})
    after, masks_after = Augmentation(recipe, NM, seed)(values, masks)
    for image, mask, original, truth in zip(after, masks_after, values, masks, strict=True):
        gap = mask == 255
        assert float(gap.float().mean()) <= 7 / 8
        assert torch.equal(mask[~gap], truth[~gap])
        assert torch.equal(image[:, ~gap], original[:, ~gap])
        if bool(gap.any()):
            filled = image[:, gap]
            assert torch.allclose(filled, original[:, ~gap].mean(dim=1)[:, None].expand_as(filled), rtol=1e-4)


def test_all_comes_from_the_seed_and_the_input_is_left_alone() -> None:
    values, masks = batch()
    kept, masks_kept = values.clone(), masks.clone()
    recipe = AugmentationRecipe(mixing=0.3, gap=0.5)
    one, two, other = (Augmentation(recipe, NM, seed)(values, masks) for seed in (1, 1, 2))
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
    assert not torch.equal(one[0], other[0])
    assert torch.equal(values, kept)
    assert torch.equal(masks, masks_kept)


def normalisations() -> "Iterator[Normalise]":
    for kind in ("tile-brightness", "tile-log", "tile-log-channel", "tile-channel"):
        yield Normalise(kind, torch.tensor([450.0, 680.0, 810.0]), torch.tensor([210.0, 180.0, 140.0]))


@given(st.floats(0.25, 4))
def test_tile_normalisations_do_not_see_brightness(gain: float) -> None:
    values, _ = batch()
    for normalise in normalisations():
        assert torch.allclose(normalise(values * gain), normalise(values), atol=1e-3)
        assert float(normalise(values).mean().abs()) < 0.7


def test_channel_normalisations_do_not_see_a_colour_cast() -> None:
    values, _ = batch()
    for kind, unseen in (("tile-channel", ("hazy", "redder", "bluer")), ("tile-log-channel", ("redder", "bluer"))):
        normalise = Normalise(kind, torch.ones(3), torch.ones(3))
        for name in unseen:
            assert torch.allclose(normalise(STRESSES[name](values, NM)), normalise(values), atol=0.02)


def test_a_flat_tile_stays_flat() -> None:
    flat = torch.full((1, 3, 8, 8), 500.0) + 0.5 * torch.rand((1, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    for normalise in normalisations():
        assert float(normalise(flat).std(dim=(2, 3)).max()) < 0.1
        assert bool(torch.isfinite(normalise(0 * flat)).all())
