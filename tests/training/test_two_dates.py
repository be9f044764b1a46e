"""Augmentation, normalisation and initial weights of detectors of two dates."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from batches_made import equal, generator, make_batch
from landslip.channels import TRUE_COLOUR, name_before
from landslip.detector.detector import Detector
from landslip.errors import RecipeError
from landslip.training.augmentation import AugmentationRecipe
from landslip.training.augmentation.two_dates import PairAugmentation
from landslip.training.networks.detector_weights import read_tensors
from landslip.training.networks.normalise import Normalise
from landslip.training.networks.weights import fit_stem
from landslip.training.recipe.dates_section import DatesRecipe
from landslip.training.recipe.recipe import read_recipe

BOTH = (*TRUE_COLOUR, *name_before(TRUE_COLOUR))
OFF, SAME = AugmentationRecipe.disabled(), DatesRecipe.disabled()
seeds = st.integers(0, 2**31 - 1)


def augment(seed: int, augmentation: AugmentationRecipe = OFF, **dates: float):  # type: ignore[no-untyped-def]
    batch = make_batch(seed, channels=6)
    change = PairAugmentation(augmentation, SAME.model_copy(update=dates), BOTH)
    return batch, change(*batch, generator(seed))


@given(seeds)
def test_without_any_difference_nothing_changes(seed: int) -> None:
    batch, augmented = augment(seed)
    assert equal(batch, augmented)


@given(seeds)
def test_exchanged_dates_hold_nothing_new(seed: int) -> None:
    (values, _), (exchanged, target) = augment(seed, exchange=1.0)
    assert torch.equal(exchanged[:, :3], values[:, 3:])
    assert torch.equal(exchanged[:, 3:], values[:, :3])
    assert float(target.landslide.sum()) == 0


@given(seeds)
def test_what_is_the_same_on_both_dates_is_not_new(seed: int) -> None:
    (values, labels), (made, target) = augment(seed, same=1.0)
    same = (made[:, :3] == made[:, 3:]).all(dim=1)
    assert torch.equal(made[:, :3], values[:, :3])
    assert float((target.landslide * same).sum()) == 0
    assert torch.equal(target.landslide[~same], labels.landslide[~same])
    assert bool(same.flatten(1).any(dim=1).all())


@given(seeds)
def test_season_sun_and_shift_leave_labels_alone(seed: int) -> None:
    (_, labels), (made, target) = augment(seed, season=0.4, sun=0.4, misregistration_px=1.5)
    assert torch.equal(target.landslide, labels.landslide)
    assert bool(torch.isfinite(made).all())
    assert bool((made >= 0).all())


@given(seeds)
def test_snow_before_makes_new_landslides_under_it_unlabelled(seed: int) -> None:
    snow = OFF.model_copy(update={"snow": 1.0})
    (_, labels), (_, target) = augment(seed, snow)
    lost = labels.valid & ~target.valid
    assert not bool((lost & (labels.landslide == 0)).any())


def test_dates_need_the_same_channels() -> None:
    with pytest.raises(RecipeError, match="the same channels after and before"):
        PairAugmentation(OFF, SAME, ("B04", "B03", "B04_before"))


def test_channels_before_and_the_section_dates_belong_together() -> None:
    with pytest.raises(RecipeError, match="belong together"):
        read_recipe("s2-rgb-change", ["dates=null"])


@pytest.mark.parametrize("kind", ["tile-brightness", "tile-log", "tile-log-channel", "tile-channel"])
def test_dates_are_normalised_apart(kind: str) -> None:
    values, _ = make_batch(2, channels=6)
    normalise = Normalise(kind, torch.full((6,), 500.0), torch.full((6,), 100.0), BOTH)  # type: ignore[arg-type]
    brighter = torch.cat([values[:, :3], 3 * values[:, 3:]], dim=1)
    torch.testing.assert_close(normalise(values), normalise(brighter), rtol=1e-3, atol=1e-3)
    single = Normalise(kind, torch.full((3,), 500.0), torch.full((3,), 100.0), TRUE_COLOUR)  # type: ignore[arg-type]
    torch.testing.assert_close(normalise(values)[:, :3], single(values[:, :3]))


def test_a_network_of_two_dates_starts_from_filters_of_one() -> None:
    stem = torch.rand((4, 3, 3, 3), generator=generator(1))
    fitted = fit_stem(stem, TRUE_COLOUR, BOTH)
    torch.testing.assert_close(fitted[:, :3], stem)
    torch.testing.assert_close(fitted[:, 3:], -0.5 * stem)


def test_a_detector_gives_its_tensors_in_float32() -> None:
    tensors = read_tensors(Detector.open("s2-rgb"))
    assert tensors["encoder.model.conv_stem.weight"].shape == (32, 3, 3, 3)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
