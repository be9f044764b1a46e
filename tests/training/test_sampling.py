"""Laws of sampling: how probable each patch is, how long an epoch is, that each scene gets its part."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from landslip.datasets.loader import MemorySource, batches
from landslip.datasets.patch_set import PatchStack
from landslip.errors import PatchesError
from landslip.training.data.sampling import PatchStatistics, SamplingRecipe, probabilities, sample_order

shares = st.floats(0, 0.5)
recipes = st.builds(SamplingRecipe, landslide_weight=shares, difficulty_weight=shares, scene_balance=st.floats(0, 1))
seeds = st.integers(0, 2**32)


@st.composite
def facts(draw: st.DrawFn) -> PatchStatistics:
    count = draw(st.integers(1, 60))
    chance = np.random.default_rng(draw(seeds))
    landslide = chance.random(count) * (chance.random(count) < draw(st.floats(0, 1)))
    difficulty = np.where(chance.random(count) < draw(st.floats(0, 1)), np.nan, chance.random(count))
    return PatchStatistics(landslide, tuple(chance.choice(["A", "B", "C"], count, p=[0.7, 0.2, 0.1])), difficulty)


def of(landslide: list[float], scenes: str, difficulty: list[float] | None = None) -> PatchStatistics:
    never = [float("nan")] * len(landslide)
    return PatchStatistics(np.array(landslide), tuple(scenes), np.array(difficulty or never))


def counted(order: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    return np.bincount(order, minlength=count)


@given(recipes, facts(), seeds, st.integers(0, 100))
def test_an_epoch_is_as_long_as_the_set_and_within_one_draw_of_what_was_asked(
    recipe: SamplingRecipe, known: PatchStatistics, seed: int, epoch: int
) -> None:
    order = sample_order(recipe, known, seed, epoch)
    wanted = probabilities(recipe, known)
    assert wanted.sum() == pytest.approx(1)
    assert wanted.min() >= 0
    assert len(order) == len(known)
    assert np.abs(counted(order, len(known)) - len(known) * wanted).max() < 1 + 1e-9
    np.testing.assert_array_equal(order, sample_order(recipe, known, seed, epoch))


@given(facts(), seeds, st.integers(0, 100))
def test_with_everything_off_each_patch_comes_once_in_the_order_of_the_feed(
    known: PatchStatistics, seed: int, epoch: int
) -> None:
    count = len(known)
    source = MemorySource(
        PatchStack(("B04",), np.zeros((count, 1, 1, 1), np.float32), np.zeros((count, 1, 1), np.uint8))
    )
    fed = np.concatenate([batch.positions for batch in batches(source, 7, seed=seed, epoch=epoch)])
    np.testing.assert_array_equal(sample_order(SamplingRecipe(), known, seed, epoch), fed)


@given(recipes, facts())
def test_a_scene_gets_its_part_whatever_lies_in_it(recipe: SamplingRecipe, known: PatchStatistics) -> None:
    wanted, scenes = probabilities(recipe, known), np.array(known.scenes)
    there = set(known.scenes)
    for name in there:
        natural = (scenes == name).mean()
        expected = (1 - recipe.scene_balance) * natural + recipe.scene_balance / len(there)
        assert wanted[scenes == name].sum() == pytest.approx(expected)


def test_in_balance_every_scene_is_seen_equally_often() -> None:
    known = of([0.1] * 100, "A" * 80 + "B" * 15 + "C" * 5)
    order = sample_order(SamplingRecipe(scene_balance=1), known, 0, 0)
    seen = {name: int((np.array(known.scenes)[order] == name).sum()) for name in "ABC"}
    assert all(abs(count - 100 / 3) <= 15 for count in seen.values())
    many = [sample_order(SamplingRecipe(scene_balance=1), known, 0, epoch) for epoch in range(60)]
    part = np.concatenate([np.array(known.scenes)[order] for order in many])
    assert [(part == name).mean() for name in "ABC"] == pytest.approx([1 / 3] * 3, abs=0.02)


def test_by_landslide_a_patch_is_drawn_as_a_landslide_pixel_taken_at_random_falls_into_it() -> None:
    known = of([0.3, 0.1, 0.0, 0.0], "AAAB")
    np.testing.assert_allclose(
        probabilities(SamplingRecipe(landslide_weight=1), known), [0.75 * 0.75, 0.25 * 0.75, 0, 0.25]
    )
    half = probabilities(SamplingRecipe(landslide_weight=0.5), known)
    np.testing.assert_allclose(half, (probabilities(SamplingRecipe(landslide_weight=1), known) + 0.25) / 2)


def test_the_harder_is_seen_more_often_and_the_unseen_as_often_as_the_hardest() -> None:
    known = of([0, 0, 0], "AAA", [1.0, 3.0, float("nan")])
    np.testing.assert_allclose(probabilities(SamplingRecipe(difficulty_weight=1), known), [1 / 7, 3 / 7, 3 / 7])
    again = known.with_losses(np.array([2, 0, 2]), np.array([9.0, 2.0, 5.0]))
    np.testing.assert_allclose(probabilities(SamplingRecipe(difficulty_weight=1), again), [0.2, 0.3, 0.5])
    assert np.isnan(known.difficulty[2])


@given(st.floats(0, 1), seeds)
def test_each_epoch_and_seed_has_its_own_order(scenes: float, seed: int) -> None:
    known, recipe = of([0.1] * 50, "A" * 40 + "B" * 10), SamplingRecipe(scene_balance=scenes)
    orders = [
        sample_order(recipe, known, seed, 0),
        sample_order(recipe, known, seed, 1),
        sample_order(recipe, known, seed + 1, 0),
    ]
    assert len({tuple(order.tolist()) for order in orders}) == 3


def test_what_is_rare_comes_as_often_as_expected_over_many_epochs() -> None:
    known = of([0.5, 0.05, 0.01, 0, 0, 0, 0, 0], "AAAAABBB", [1, 2, 1, 0.1, 5, 1, 1, 0.2])
    recipe = SamplingRecipe(landslide_weight=0.3, difficulty_weight=0.3, scene_balance=0.5)
    count = sum(counted(sample_order(recipe, known, 3, epoch), 8) for epoch in range(2000))
    np.testing.assert_allclose(count / 16_000, probabilities(recipe, known), atol=0.004)


def test_facts_are_read_off_the_masks() -> None:
    masks = np.zeros((2, 4, 4), np.uint8)
    masks[0, 0], masks[1, :2] = 1, 255
    known = PatchStatistics.of_masks(masks, ["A", "B"])
    assert known.landslide_fraction.tolist() == [0.25, 0]
    assert np.isnan(known.difficulty).all()
    with pytest.raises(PatchesError, match="per patch, got 2, 1 and 2"):
        PatchStatistics.of_masks(masks, ["A"])


def test_shares_of_the_same_draws_cannot_add_up_to_more_than_all() -> None:
    with pytest.raises(ValueError, match="sum to at most 1"):
        SamplingRecipe(landslide_weight=0.6, difficulty_weight=0.6)
