"""Laws of augmentation as a whole: what stays as it is, where chance comes from, what is not observed."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from batches_made import MANY, equal, generator, make_batch, make_many
from landslip.channels import TRUE_COLOUR
from landslip.errors import ChannelError, RecipeError
from landslip.inference.gap_filling import fill_gaps
from landslip.training.augmentation import Augmentation, AugmentationRecipe
from landslip.training.augmentation.gaps import (
    clouds,
    continued,
    draw_absent,
    sides,
)
from landslip.training.augmentation.kinds import ChannelKinds
from landslip.training.augmentation.mixing import blend
from landslip.training.augmentation.random_source import Chance
from landslip.training.data.target import Target
from landslip.training.networks.normalise import Normalise

STILL = AugmentationRecipe.still()
STEPS: dict[str, object] = {
    "dihedral": True, "zoom": 0.5, "rotation_deg": 90, "crop": 0.5, "quiet": 0.5, "gain": 3, "colour": 0.3,
    "mixing": 0.5, "haze": 0.5, "clearing": 1, "contrast": 2, "shade": 0.3, "noise": 0.1, "blur": 1,
    "shift_px": 1, "mix_up": 0.5, "cut_mix": 0.5, "gap": 0.5, "cloud": 0.5,
    "dropout": {"B04": 0.5, "elevation": 0.5},
}  # fmt: skip
"""Every step, strongly."""
LIGHT = ("gain", "colour", "mixing", "haze", "clearing", "contrast", "shade", "noise", "blur", "shift_px")
MEANS = torch.tensor([500.0, 600.0, 2000.0, 1500.0, 20.0, 800.0, 0.0, 0.1])
seeds = st.integers(0, 2**31 - 1)


def only(*steps: str) -> AugmentationRecipe:
    """The strong recipe of some steps alone."""
    return AugmentationRecipe.model_validate(STILL.model_dump() | {name: STEPS[name] for name in steps})


def test_every_step_is_known_here() -> None:
    assert set(STEPS) == set(AugmentationRecipe.model_fields) - {"cloud_cover", "window_px"}


@given(seeds)
def test_nothing_switched_on_changes_nothing(seed: int) -> None:
    batch = make_many()
    assert equal(Augmentation(STILL, MANY)(*batch, generator(seed)), batch)


@pytest.mark.parametrize("step", STEPS)
def test_each_step_changes_something(step: str) -> None:
    batch = make_many(n=16)
    assert not equal(Augmentation(only(step), MANY, MEANS)(*batch, generator(0)), batch)


@pytest.mark.parametrize("step", [*STEPS, "all"])
def test_what_was_not_observed_or_no_longer_is_holds_no_landslide(step: str) -> None:
    recipe = only(*(STEPS if step == "all" else [step]))
    values, target = make_many(n=16)
    observed = torch.ones_like(target.observed)
    observed[:, 10:22, 8:30] = False
    before = Target(target.landslide * observed, observed)
    after, truth = Augmentation(recipe, MANY, MEANS)(values, before, generator(5))
    assert not bool(truth.landslide[~truth.observed].any())
    assert 0 <= float(truth.landslide.min()) <= float(truth.landslide.max()) <= 1
    assert bool(torch.isfinite(after).all())
    assert after.shape == values.shape
    assert truth.observed.shape == observed.shape
    if step in (*LIGHT, "mix_up", "gap", "cloud", "dropout"):
        assert not bool((truth.observed & ~observed).any())


def test_nothing_is_learned_of_a_batch_of_which_nothing_was_observed() -> None:
    values, target = make_many(n=16)
    unknown = Target(torch.zeros_like(target.landslide), torch.zeros_like(target.observed))
    for seed in range(5):
        _, truth = Augmentation(only(*STEPS), MANY, MEANS)(values, unknown, generator(seed))
        assert not bool(truth.observed.any())


def test_what_is_hidden_in_the_image_never_shows_where_the_truth_is_observed() -> None:
    """Pixels not observed may hold anything; after moving, what is said to be observed is free of it."""
    values, target = make_batch(n=16)
    target.observed[:, :, 20:] = False
    values[..., 20:] = -1e6
    recipe = only("dihedral", "zoom", "rotation_deg", "crop", "quiet", "mix_up", "cut_mix")
    before = Target(target.landslide * target.observed, target.observed)
    after, truth = Augmentation(recipe, TRUE_COLOUR)(values, before, generator(1))
    assert float(after.permute(0, 2, 3, 1)[truth.observed].min()) >= 199
    assert float(truth.observed.float().mean()) > 0.2


@given(seeds)
def test_light_leaves_truth_and_terrain_alone(seed: int) -> None:
    values, target = make_many()
    after, truth = Augmentation(only(*LIGHT), MANY)(values, target, generator(seed))
    assert torch.equal(after[:, 4:], values[:, 4:])
    assert not torch.equal(after[:, :4], values[:, :4])
    assert float(after[:, :4].min()) >= 0
    assert equal((values, truth), (values, target))


def test_all_comes_from_the_generator_and_the_input_is_left_alone() -> None:
    values, target = make_many(n=8)
    kept = values.clone(), Target(target.landslide.clone(), target.observed.clone())
    augmentation = Augmentation(only(*STEPS), MANY, MEANS)
    one, two, other = (augmentation(values, target, generator(seed)) for seed in (1, 1, 2))
    assert equal(one, two)
    assert not equal(one, other)
    assert equal((values, target), kept)


@pytest.mark.gpu
def test_a_gpu_sees_what_the_cpu_sees() -> None:
    values, target = make_many(n=8, size=(64, 64))
    augmentation = Augmentation(only(*STEPS), MANY, MEANS)
    here, truth = augmentation(values, target, generator(1))
    there, moved = augmentation(values.cuda(), target.to("cuda"), generator(1))
    assert float((truth.observed != moved.observed.cpu()).float().mean()) < 1e-3
    assert float(((here - there.cpu()).abs() > 1e-2 * here.abs() + 0.1).float().mean()) < 1e-3


@given(seeds, st.sampled_from([(16, 40), (33, 17)]))
def test_patches_need_not_be_square(seed: int, size: tuple[int, int]) -> None:
    values, target = make_many(size=size)
    after, truth = Augmentation(only(*STEPS), MANY, MEANS)(values, target, generator(seed))
    assert after.shape == values.shape
    assert truth.landslide.shape == target.landslide.shape


@given(seeds)
def test_a_gap_is_filled_as_a_map_fills_it(seed: int) -> None:
    values, target = make_batch(size=(32, 23))
    after, truth = Augmentation(only("gap", "cloud"), TRUE_COLOUR)(values, target, generator(seed))
    for image, seen, original, mask in zip(after, truth.observed, values, target.landslide, strict=True):
        assert float(seen.float().mean()) >= 1 / 8 - 1 / 32
        np.testing.assert_allclose(image.numpy(), fill_gaps(original.numpy(), seen.numpy()), rtol=1e-5)
        assert torch.equal(image[:, seen], original[:, seen])
        assert float(mask[seen].sum()) >= 0


def test_a_gap_hides_what_was_there() -> None:
    values, target = make_batch()
    _, seen = Augmentation(only("gap", "cloud"), TRUE_COLOUR)(values, target, generator(3))
    told = torch.where(seen.observed[:, None], values, float("nan"))
    assert torch.equal(continued(values, seen.observed), continued(told, seen.observed))


@given(st.integers(0, 3), st.floats(0, 7 / 8))
def test_a_side_is_hidden_from_its_edge_on(side: int, share: float) -> None:
    gap = sides(torch.tensor([side]), torch.tensor([share]), 40, 60)[0].float()
    along = gap.mean(dim=1) if side < 2 else gap.mean(dim=0)
    assert set(along.tolist()) <= {0.0, 1.0}
    assert abs(float(gap.mean()) - share) < 1 / 40
    ordered = along if side % 2 else along.flip(0)
    assert torch.equal(ordered, ordered.sort().values)


@given(seeds, st.floats(0.01, 0.875))
def test_clouds_cover_the_share_they_were_given(seed: int, cover: float) -> None:
    field = torch.randn((3, 1, 6, 6), generator=generator(seed))
    gap = clouds(field, torch.full((3,), cover), 64, 48)
    assert torch.allclose(gap.float().mean(dim=(1, 2)), torch.tensor(cover), atol=0.01)


@given(seeds)
def test_dropout_makes_a_channel_what_an_absent_one_is_and_leaves_the_others_alone(seed: int) -> None:
    values, target = make_many()
    after, truth = Augmentation(only("dropout"), MANY, MEANS)(values, target, generator(seed))
    droppable = {MANY.index(name) for name in ("B04", "elevation")}
    for i in range(len(values)):
        for place in range(len(MANY)):
            same = torch.equal(after[i, place], values[i, place])
            assert same or (place in droppable and bool((after[i, place] == MEANS[place]).all()))
    assert equal((after, truth), (after, target))


def test_a_channel_is_absent_as_often_as_asked_and_never_all_of_them() -> None:
    shares = torch.tensor([0.0, 0.25, 1.0])
    drawn = draw_absent(4000, shares, Chance(generator(0), torch.device("cpu")))
    assert torch.allclose(drawn.float().mean(dim=0), shares, atol=0.03)
    certain = draw_absent(50, torch.ones(3), Chance(generator(0), torch.device("cpu")))
    assert certain.sum(dim=1).tolist() == [2] * 50


@pytest.mark.parametrize("kind", ["fixed", "tile-brightness", "tile-log", "tile-log-channel", "tile-channel"])
def test_a_normalisation_sees_an_absent_channel_as_a_constant(kind: str) -> None:
    channels = ("B02", "B03", "B10")
    means = torch.tensor([900.0, 800.0, 12.0])
    values, target = make_batch()
    recipe = STILL.model_copy(update={"dropout": {"B10": 1.0}})
    after, _ = Augmentation(recipe, channels, means)(values, target, generator(0))
    seen = Normalise(kind, means, torch.tensor([200.0, 200.0, 3.0]), channels)(after)
    assert torch.allclose(seen[:, 2], seen[:, 2, :1, :1].expand_as(seen[:, 2]), atol=1e-5)
    if kind in ("fixed", "tile-log-channel", "tile-channel"):
        assert float(seen[:, 2].abs().max()) < 1e-4


@given(st.floats(0, 1))
def test_a_blend_lies_between_its_parts_and_knows_what_both_know(share: float) -> None:
    (values, target), (others, theirs) = make_batch(1, hidden=0.2), make_batch(2, hidden=0.2)
    whole = torch.full_like(target.landslide, share)
    mixed, truth = blend(values, target, others, theirs, whole)
    assert torch.allclose(mixed, share * values + (1 - share) * others, rtol=1e-4)
    if 0 < float(whole[0, 0, 0]) < 1:
        assert torch.equal(truth.observed, target.observed & theirs.observed)
    expected = (share * target.landslide + (1 - share) * theirs.landslide) * truth.observed
    assert torch.allclose(truth.landslide, expected, atol=1e-6)
    assert torch.allclose(blend(values, target, values, target, whole)[0], values, rtol=1e-5)


def test_a_cut_takes_image_and_truth_from_the_same_patch() -> None:
    values, target = make_batch(n=16)
    identity = torch.arange(16.0)[:, None, None].expand_as(target.landslide)
    marked = torch.cat([values, identity[:, None]], dim=1)
    recipe = STILL.model_copy(update={"cut_mix": 1.0})
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
        (("B04", "aspect_sin"), RecipeError, "both aspect_sin and aspect_cos"),
        (("northness",), RecipeError, "eastness"),
        (("B04", "aspect"), ChannelError, "aspect"),
    ],
)
def test_channels_that_cannot_be_turned_are_refused(
    channels: tuple[str, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ChannelKinds.of(channels)


def test_dropout_of_what_is_not_there_is_refused() -> None:
    recipe = STILL.model_copy(update={"dropout": {"B10": 0.5}})
    with pytest.raises(RecipeError, match="B10, which is not among the channels"):
        Augmentation(recipe, TRUE_COLOUR, torch.ones(3))
    with pytest.raises(RecipeError, match="training means"):
        Augmentation(recipe, ("B10",))


def test_shares_of_the_same_patches_cannot_add_up_to_more_than_all() -> None:
    with pytest.raises(ValueError, match="together at most 1"):
        AugmentationRecipe(mix_up=0.6, cut_mix=0.6)
