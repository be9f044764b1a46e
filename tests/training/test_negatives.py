"""Negatives: the same number in every batch, none of those kept apart; statistics stay those of the patches."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from landslip.errors import PatchesError, RecipeError
from landslip.training.data.feeding import iterate_batches
from landslip.training.data.negatives import add_negatives, count_per_batch, load_negatives, mix_in_negatives
from landslip.training.loop.trainer import fit
from landslip.training.recipe.recipe import Recipe, read_recipe
from landslip.training.recipe.sections import NegativesRecipe
from learning_made import part_of, small_recipe, squares

RECIPES = Path(__file__).parents[2] / "docs" / "results" / "generalisation"


@pytest.fixture
def chips(tmp_path: Path) -> Path:
    for kind in ("Forest", "River"):
        (tmp_path / kind).mkdir()
        for number in range(1, 7):
            Image.new("RGB", (20, 20), (number, 50, 60)).save(tmp_path / kind / f"{kind}_{number}.png")
    return tmp_path


@given(
    patches=st.integers(1, 60),
    count=st.integers(1, 30),
    batch=st.integers(2, 16),
    fraction=st.floats(0.05, 0.95),
    epoch=st.integers(1, 5),
)
def test_each_batch_has_its_negatives_and_each_patch_comes_once(
    patches: int, count: int, batch: int, fraction: float, epoch: int
) -> None:
    quiet = count_per_batch(fraction, batch)
    order = np.random.default_rng(epoch).permutation(patches)
    mixed = mix_in_negatives(order, patches, count, quiet, batch, 1, epoch)
    assert mixed[mixed < patches].tolist() == order.tolist()
    steps = -(-patches // (batch - quiet))
    assert -(-len(mixed) // batch) == steps
    for step in range(steps):
        assert (mixed[step * batch : (step + 1) * batch] >= patches).sum() == quiet
    drawn = np.bincount(mixed[mixed >= patches] - patches, minlength=count)
    assert drawn.max() - drawn.min() <= 1
    assert mix_in_negatives(order, patches, count, quiet, batch, 1, epoch).tolist() == mixed.tolist()


def test_chips_kept_apart_are_not_loaded_and_all_pixels_are_background(chips: Path) -> None:
    train = part_of(squares(6))
    negatives = load_negatives(NegativesRecipe(data=str(chips), keep_apart=2), train)
    assert negatives.keys == tuple(f"{kind}/{number}" for kind in ("Forest", "River") for number in (1, 2, 3, 4))
    joined = add_negatives(train, negatives)
    assert joined.mean.tolist() == train.mean.tolist()
    (batch,) = iterate_batches(joined, np.arange(6, 14))
    assert batch.values.shape == (8, 3, 32, 32)
    assert not batch.masks.any()


def test_a_chip_is_mirrored_to_the_size_of_a_patch(chips: Path) -> None:
    picture = np.random.default_rng(0).integers(20, 200, (20, 20, 3), np.uint8)
    for file in chips.glob("*/*.png"):
        Image.fromarray(picture).save(file)
    train = part_of(squares(2))
    joined = add_negatives(train, load_negatives(NegativesRecipe(data=str(chips), keep_apart=0), train))
    (batch,) = iterate_batches(joined, np.array([2]))
    values = batch.values.numpy()[0]
    assert np.array_equal(values[:, :, 20:], values[:, :, 8:20][:, :, ::-1])
    assert np.array_equal(values[:, 20:], values[:, 8:20][:, ::-1])


def test_training_with_negatives_is_reproducible_and_differs_from_training_without(chips: Path, tmp_path: Path) -> None:
    train, validation = part_of(squares(10)), part_of(squares(4, seed=1))
    found = []
    for name, section in (
        ("a", {"data": str(chips), "keep_apart": 1}),
        ("b", {"data": str(chips), "keep_apart": 1}),
        ("c", None),
    ):
        recipe = small_recipe({"epochs": 2}, negatives=section)
        negatives = None if recipe.negatives is None else load_negatives(recipe.negatives, train)
        (tmp_path / f"run-{name}").mkdir()
        fitted = fit(recipe, train, validation, tmp_path / f"run-{name}", negatives=negatives)
        found.append(next(fitted.network.body.parameters()).detach().numpy().copy())
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_a_recipe_without_folder_or_with_all_chips_kept_apart_is_refused(chips: Path) -> None:
    train = part_of(squares(2))
    with pytest.raises(RecipeError, match=r"set negatives\.data"):
        load_negatives(NegativesRecipe(), train)
    with pytest.raises(PatchesError, match="are kept apart"):
        load_negatives(NegativesRecipe(data=str(chips), keep_apart=6), train)
    with pytest.raises(ValueError, match="no soft labels"):
        small_recipe(negatives={"data": "x"}, distillation={"teachers": ["y"]})


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_of_the_study_fix_the_threshold_and_keep_chips_apart(path: Path) -> None:
    recipe: Recipe = read_recipe(path)
    assert recipe.name == path.stem
    assert recipe.detector.threshold == 0.5
    assert recipe.negatives is not None
    assert recipe.negatives.keep_apart == 150
    assert recipe.negatives.data is None
