"""Augmentation as a whole: what it leaves unchanged, reproducibility, nodata."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from batches_made import MANY, equal, generator, make_batch, make_many
from landslip.channels import CHANNELS, TRUE_COLOUR
from landslip.errors import ChannelError, RecipeError
from landslip.inference.gap_filling import fill_gaps
from landslip.training.augmentation import Augmentation, AugmentationRecipe
from landslip.training.augmentation.augment import ChannelKinds
from landslip.training.augmentation.gaps import (
    cloud_gaps,
    draw_absent_channels,
    side_gaps,
)
from landslip.training.augmentation.mixing import blend
from landslip.training.augmentation.random_source import RandomSource
from landslip.training.data.target import Target
from landslip.training.networks.normalise import Normalise

DISABLED = AugmentationRecipe.disabled()
STEPS: dict[str, object] = {
    "dihedral": True, "zoom": 0.5, "rotation_deg": 90, "resized_crop": 0.5, "background_fill": 0.5, "gain": 3,
    "channel_gain": 0.3, "channel_mixing": 0.5, "haze": 0.5, "haze_removal": 1, "gamma": 2, "illumination": 0.3,
    "noise": 0.1, "blur": 1, "band_shift_px": 1, "snow": 0.5, "shadow": 0.5, "mixup": 0.5, "cutmix": 0.5,
    "edge_nodata": 0.5, "cloud_nodata": 0.5, "channel_dropout": {"B04": 0.5, "elevation": 0.5},
}  # fmt: skip
"""Every step at high strength."""
LIGHT = (
    "gain",
    "channel_gain",
    "channel_mixing",
    "haze",
    "haze_removal",
    "gamma",
    "illumination",
    "noise",
    "blur",
    "band_shift_px",
)
MEANS = torch.tensor([500.0, 600.0, 2000.0, 1500.0, 20.0, 800.0, 0.0, 0.1])
seeds = st.integers(0, 2**31 - 1)


def only(*steps: str) -> AugmentationRecipe:
    """A recipe with only some steps, at high strength."""
    return AugmentationRecipe.model_validate(DISABLED.model_dump() | {name: STEPS[name] for name in steps})


def test_this_file_covers_every_step() -> None:
    assert set(STEPS) == set(AugmentationRecipe.model_fields) - {"cloud_cover", "crop_px"}


@given(seeds)
def test_without_any_step_nothing_changes(seed: int) -> None:
    batch = make_many()
    assert equal(Augmentation(DISABLED, MANY)(*batch, generator(seed)), batch)


@pytest.mark.parametrize("step", STEPS)
def test_each_step_changes_something(step: str) -> None:
    batch = make_many(n=16)
    assert not equal(Augmentation(only(step), MANY, MEANS)(*batch, generator(0)), batch)


@pytest.mark.parametrize("step", [*STEPS, "all"])
def test_nodata_pixels_hold_no_landslide(step: str) -> None:
    recipe = only(*(STEPS if step == "all" else [step]))
    values, target = make_many(n=16)
    observed = torch.ones_like(target.valid)
    observed[:, 10:22, 8:30] = False
    before = Target(target.landslide * observed, observed)
    after, truth = Augmentation(recipe, MANY, MEANS)(values, before, generator(5))
    assert not bool(truth.landslide[~truth.valid].any())
    assert 0 <= float(truth.landslide.min()) <= float(truth.landslide.max()) <= 1
    assert bool(torch.isfinite(after).all())
    assert after.shape == values.shape
    assert truth.valid.shape == observed.shape
    if step in (*LIGHT, "mixup", "edge_nodata", "cloud_nodata", "channel_dropout"):
        assert not bool((truth.valid & ~observed).any())


def test_a_batch_of_nodata_stays_nodata() -> None:
    values, target = make_many(n=16)
    unknown = Target(torch.zeros_like(target.landslide), torch.zeros_like(target.valid))
    for seed in range(5):
        _, truth = Augmentation(only(*STEPS), MANY, MEANS)(values, unknown, generator(seed))
        assert not bool(truth.valid.any())


def test_values_of_nodata_pixels_never_reach_valid_pixels() -> None:
    """Nodata pixels may hold any value; after resampling, valid pixels are free of it."""
    values, target = make_batch(n=16)
    target.valid[:, :, 20:] = False
    values[..., 20:] = -1e6
    recipe = only("dihedral", "zoom", "rotation_deg", "resized_crop", "background_fill", "mixup", "cutmix")
    before = Target(target.landslide * target.valid, target.valid)
    after, truth = Augmentation(recipe, TRUE_COLOUR)(values, before, generator(1))
    assert float(after.permute(0, 2, 3, 1)[truth.valid].min()) >= 199
    assert float(truth.valid.float().mean()) > 0.2


@given(seeds)
def test_photometric_steps_leave_labels_and_terrain_unchanged(seed: int) -> None:
    values, target = make_many()
    after, truth = Augmentation(only(*LIGHT), MANY)(values, target, generator(seed))
    assert torch.equal(after[:, 4:], values[:, 4:])
    assert not torch.equal(after[:, :4], values[:, :4])
    assert float(after[:, :4].min()) >= 0
    assert equal((values, truth), (values, target))


def test_the_generator_decides_everything_and_the_input_is_unchanged() -> None:
    values, target = make_many(n=8)
    kept = values.clone(), Target(target.landslide.clone(), target.valid.clone())
    augmentation = Augmentation(only(*STEPS), MANY, MEANS)
    one, two, other = (augmentation(values, target, generator(seed)) for seed in (1, 1, 2))
    assert equal(one, two)
    assert not equal(one, other)
    assert equal((values, target), kept)


@pytest.mark.gpu
def test_gpu_and_cpu_agree() -> None:
    values, target = make_many(n=8, size=(64, 64))
    augmentation = Augmentation(only(*STEPS), MANY, MEANS)
    here, truth = augmentation(values, target, generator(1))
    there, moved = augmentation(values.cuda(), target.to("cuda"), generator(1))
    assert float((truth.valid != moved.valid.cpu()).float().mean()) < 1e-3
    assert float(((here - there.cpu()).abs() > 1e-2 * here.abs() + 0.1).float().mean()) < 1e-3


@given(seeds, st.sampled_from([(16, 40), (33, 17)]))
def test_patches_need_not_be_square(seed: int, size: tuple[int, int]) -> None:
    values, target = make_many(size=size)
    after, truth = Augmentation(only(*STEPS), MANY, MEANS)(values, target, generator(seed))
    assert after.shape == values.shape
    assert truth.landslide.shape == target.landslide.shape


@given(seeds)
def test_snow_hides_landslides_and_makes_none(seed: int) -> None:
    values, target = make_many(n=8)
    after, truth = Augmentation(only("snow"), MANY)(values, target, generator(seed))
    assert bool((truth.landslide <= target.landslide).all())
    assert torch.equal(truth.valid, target.valid)
    assert torch.equal(after[:, 4:], values[:, 4:])
    hidden = (truth.landslide < target.landslide)[:, None].expand_as(values[:, :4])
    assert not bool((after[:, :4] == values[:, :4])[hidden].any())


@given(seeds)
def test_shadow_darkens_least_in_blue_and_keeps_labels(seed: int) -> None:
    values, target = make_many(n=8)
    after, truth = Augmentation(only("shadow"), MANY)(values, target, generator(seed))
    assert equal((values, truth), (values, target))
    assert torch.equal(after[:, 4:], values[:, 4:])
    left = after[:, :4] / values[:, :4]
    assert float(left.min()) >= 0.2 and float(left.max()) <= 1 + 1e-6
    nm = torch.tensor([CHANNELS[name].wavelength_nm for name in MANY[:4]])
    assert bool((left[:, nm.argmin()] >= left[:, nm.argmax()] - 1e-6).all())


@given(seeds)
def test_gaps_are_filled_as_in_mapping(seed: int) -> None:
    values, target = make_batch(size=(32, 23))
    after, truth = Augmentation(only("edge_nodata", "cloud_nodata"), TRUE_COLOUR)(values, target, generator(seed))
    for image, seen, original, mask in zip(after, truth.valid, values, target.landslide, strict=True):
        assert float(seen.float().mean()) >= 1 / 8 - 1 / 32
        np.testing.assert_array_equal(image.numpy(), fill_gaps(original.numpy(), seen.numpy()))
        assert torch.equal(image[:, seen], original[:, seen])
        assert float(mask[seen].sum()) >= 0


def test_the_fill_does_not_depend_on_hidden_values() -> None:
    values, target = make_batch()
    _, seen = Augmentation(only("edge_nodata", "cloud_nodata"), TRUE_COLOUR)(values, target, generator(3))
    told = torch.where(seen.valid[:, None], values, float("nan"))
    assert torch.equal(fill_gaps(values, seen.valid, torch), fill_gaps(told, seen.valid, torch))


@given(st.integers(0, 3), st.floats(0, 7 / 8))
def test_a_side_gap_covers_a_fraction_from_the_edge(side: int, share: float) -> None:
    gap = side_gaps(torch.tensor([side]), torch.tensor([share]), 40, 60)[0].float()
    along = gap.mean(dim=1) if side < 2 else gap.mean(dim=0)
    assert set(along.tolist()) <= {0.0, 1.0}
    assert abs(float(gap.mean()) - share) < 1 / 40
    ordered = along if side % 2 else along.flip(0)
    assert torch.equal(ordered, ordered.sort().values)


@given(seeds, st.floats(0.01, 0.875))
def test_cloud_gaps_cover_the_given_fraction(seed: int, cover: float) -> None:
    field = torch.randn((3, 1, 6, 6), generator=generator(seed))
    gap = cloud_gaps(field, torch.full((3,), cover), 64, 48)
    assert torch.allclose(gap.float().mean(dim=(1, 2)), torch.tensor(cover), atol=0.01)


@given(seeds)
def test_dropout_sets_a_channel_to_its_mean_and_leaves_the_others_unchanged(seed: int) -> None:
    values, target = make_many()
    after, truth = Augmentation(only("channel_dropout"), MANY, MEANS)(values, target, generator(seed))
    droppable = {MANY.index(name) for name in ("B04", "elevation")}
    for i in range(len(values)):
        for place in range(len(MANY)):
            same = torch.equal(after[i, place], values[i, place])
            assert same or (place in droppable and bool((after[i, place] == MEANS[place]).all()))
    assert equal((after, truth), (after, target))


def test_channels_are_dropped_with_their_probability_and_never_all_of_them() -> None:
    shares = torch.tensor([0.0, 0.25, 1.0])
    drawn = draw_absent_channels(4000, shares, RandomSource(generator(0), torch.device("cpu")))
    assert torch.allclose(drawn.float().mean(dim=0), shares, atol=0.03)
    certain = draw_absent_channels(50, torch.ones(3), RandomSource(generator(0), torch.device("cpu")))
    assert certain.sum(dim=1).tolist() == [2] * 50


@pytest.mark.parametrize("kind", ["fixed", "tile-brightness", "tile-log", "tile-log-channel", "tile-channel"])
def test_normalisation_turns_a_dropped_channel_into_a_constant(kind: str) -> None:
    channels = ("B02", "B03", "B10")
    means = torch.tensor([900.0, 800.0, 12.0])
    values, target = make_batch()
    recipe = DISABLED.model_copy(update={"channel_dropout": {"B10": 1.0}})
    after, _ = Augmentation(recipe, channels, means)(values, target, generator(0))
    seen = Normalise(kind, means, torch.tensor([200.0, 200.0, 3.0]), channels)(after)
    assert torch.allclose(seen[:, 2], seen[:, 2, :1, :1].expand_as(seen[:, 2]), atol=1e-5)
    if kind in ("fixed", "tile-log-channel", "tile-channel"):
        assert float(seen[:, 2].abs().max()) < 1e-4


@given(st.floats(0, 1))
def test_a_blend_lies_between_its_parts_and_is_valid_where_both_are(share: float) -> None:
    (values, target), (others, theirs) = make_batch(1, hidden=0.2), make_batch(2, hidden=0.2)
    whole = torch.full_like(target.landslide, share)
    mixed, truth = blend(values, target, others, theirs, whole)
    assert torch.allclose(mixed, share * values + (1 - share) * others, rtol=1e-4)
    if 0 < float(whole[0, 0, 0]) < 1:
        assert torch.equal(truth.valid, target.valid & theirs.valid)
    expected = (share * target.landslide + (1 - share) * theirs.landslide) * truth.valid
    assert torch.allclose(truth.landslide, expected, atol=1e-6)
    assert torch.allclose(blend(values, target, values, target, whole)[0], values, rtol=1e-5)


def test_cutmix_takes_image_and_labels_from_the_same_patch() -> None:
    values, target = make_batch(n=16)
    identity = torch.arange(16.0)[:, None, None].expand_as(target.landslide)
    marked = torch.cat([values, identity[:, None]], dim=1)
    recipe = DISABLED.model_copy(update={"cutmix": 1.0})
    after, truth = Augmentation(recipe, (*TRUE_COLOUR, "elevation"))(marked, target, generator(0))
    origin = after[:, 3].long()
    y, x = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    assert torch.equal(truth.landslide, target.landslide[origin, y, x])
    assert torch.equal(after[:, :3], values[origin, :, y, x].permute(0, 3, 1, 2))
    for i, patch in enumerate(origin):
        others = patch[patch != i]
        assert len(others.unique()) <= 1
    assert bool((origin != torch.arange(16)[:, None, None]).any())


@pytest.mark.parametrize(
    ("channels", "error", "message"),
    [
        (("B04", "aspect_sin"), RecipeError, "give aspect_sin and aspect_cos"),
        (("northness",), RecipeError, "eastness"),
        (("B04", "aspect"), ChannelError, "aspect"),
    ],
)
def test_channels_that_cannot_be_rotated_are_refused(
    channels: tuple[str, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ChannelKinds.of(channels)


def test_dropout_of_a_missing_channel_is_refused() -> None:
    recipe = DISABLED.model_copy(update={"channel_dropout": {"B10": 0.5}})
    with pytest.raises(RecipeError, match="B10, which is not among the channels"):
        Augmentation(recipe, TRUE_COLOUR, torch.ones(3))
    with pytest.raises(RecipeError, match="training means"):
        Augmentation(recipe, ("B10",))


def test_probabilities_of_mixup_and_cutmix_add_up_to_at_most_one() -> None:
    with pytest.raises(ValueError, match="sum must be at most 1"):
        AugmentationRecipe(mixup=0.6, cutmix=0.6)
