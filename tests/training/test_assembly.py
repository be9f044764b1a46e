"""Laws of finishing: ranges are percentiles, light touches no terrain, and nothing that chose is called unseen."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslip.datasets.rgb import open_rgb_set
from landslip.datasets.splits import Part
from landslip.errors import PatchesError, PredictionsError, RecipeError
from landslip.evaluation.predictions import PatchPosition
from landslip.training.assembly.assemble import _role
from landslip.training.assembly.threshold_evidence import (
    histograms_of_unseen_scenes,
    perturbations_for,
)
from landslip.training.data.feeding import count_values, load_part, no_counts, value_ranges
from landslip.training.data.parts import find_part_leaks, find_recipe_parts
from landslip.training.recipe.sections import CalibrationRecipe
from landslip.training.train import train
from learning_made import small_recipe
from patches_made import make_rgb_set
from predictions_made import held


@given(seed=st.integers(0, 30), batches=st.integers(1, 4))
def test_ranges_are_the_percentiles_however_the_data_come(seed: int, batches: int) -> None:
    chance = np.random.default_rng(seed)
    values = chance.normal([[800.0], [40.0]], [[300.0], [9.0]], (400, 2, 6)).astype(np.float32)[..., None]
    counts = no_counts(2)
    for batch in np.array_split(values, batches):
        for patch in batch:
            count_values(patch, counts)
    found = value_ranges(counts, ("B04", "slope"))
    assert found is not None
    for place, name in enumerate(("B04", "slope")):
        expected = np.percentile(values[:, place], [1, 99], method="inverted_cdf")
        np.testing.assert_allclose(found[name], expected, atol=0.51)


def test_what_is_no_number_is_in_no_range() -> None:
    values, counts = np.full((1, 10, 10), np.nan, np.float32), no_counts(1)
    count_values(values, counts)
    assert value_ranges(counts, ("B04",)) is None
    values[0, 0] = 700
    count_values(values, counts)
    assert value_ranges(counts, ("B04",)) == {"B04": (700.0, 700.0)}


def test_pictures_know_no_absolute_values(tmp_path: Path) -> None:
    patches = open_rgb_set(make_rgb_set(tmp_path / "set", {"A": range(1)}))
    assert load_part(patches, patches.channels, "one").input_ranges() is None


def test_leaks_between_the_parts_of_a_recipe_are_found(tmp_path: Path) -> None:
    patches = open_rgb_set(make_rgb_set(tmp_path / "set", {"A": range(6), "B": range(6, 9)}))
    train = Part(scenes=("A",), rows=(0, 2))
    touching = small_recipe(train=train, validation=Part(scenes=("A",), rows=(3, 4)))
    leaks = find_part_leaks(find_recipe_parts(touching, patches), patches)
    assert len(leaks.pairs) == 1
    assert "'scenes and rows' leaks" in str(leaks)
    apart = small_recipe(train=train, validation=Part(scenes=("A",), rows=(4, 5)), test=(Part(scenes=("B",)),))
    assert find_part_leaks(find_recipe_parts(apart, patches), patches).clean


def test_light_touches_no_terrain() -> None:
    values = np.random.default_rng(0).uniform(100, 900, (3, 16, 16)).astype(np.float32)
    lights = perturbations_for(("B04", "slope", "B02"))
    assert lights
    for name, light in lights.items():
        changed = light(values)
        np.testing.assert_array_equal(changed[1], values[1], err_msg=name)
        assert not np.array_equal(changed[[0, 2]], values[[0, 2]]), name
    assert perturbations_for(("slope", "elevation")) == {}


def test_no_part_that_chose_anything_is_called_unseen(tmp_path: Path) -> None:
    patches = open_rgb_set(make_rgb_set(tmp_path / "set", {"A": range(4), "B": range(4, 8), "C": range(8, 12)}))
    rows = {
        name: Part(scenes=("B",), rows=pair) for name, pair in (("upper", (0, 1)), ("lower", (2, 3)), ("all", (0, 3)))
    }
    recipe = small_recipe(
        train=Part(scenes=("A",)),
        validation=rows["upper"],
        test=(rows["lower"], rows["all"], Part(scenes=("C",))),
        calibration=CalibrationRecipe(parts=(rows["lower"],)),
    )
    parts = find_recipe_parts(recipe, patches, None)
    said = {str(part): _role(part, recipe, parts) for part in (recipe.validation, *recipe.test)}
    assert said == {
        "scene B rows 0-1": "epoch was selected on it",
        "scene B rows 2-3": "threshold and temperature were selected on it",
        "scene B rows 0-3": "epoch, threshold and temperature were selected on it",
        "scene C": "not used in training or selection",
    }
    partly = recipe.model_copy(update={"calibration": CalibrationRecipe(parts=(Part(scenes=("C",), rows=(0, 0)),))})
    assert _role(Part(scenes=("C",)), partly, find_recipe_parts(partly, patches, None)) == (
        "threshold and temperature were selected on 1 of its patches"
    )


def test_a_part_to_choose_by_must_hold_a_landslide(tmp_path: Path) -> None:
    quiet = {number: np.zeros((64, 64), np.uint8) for number in (5, 6)}
    data = make_rgb_set(tmp_path / "set", {"A": range(3), "B": [5, 6]}, masks=quiet)
    recipe = small_recipe(train=Part(scenes=("A",)), validation=Part(scenes=("B",)))
    with pytest.raises(PatchesError, match=r"the 2 validation patches .* hold no landslide"):
        train(recipe, data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def by_scene_out(tmp_path: Path, protocol: str = "scene-out: each scene by others") -> str:
    """Predictions of two scenes, of two patches each: one patch right at level 50, the other at level 100."""
    places = tuple(PatchPosition("train", number, "AABB"[number], number % 2, 0) for number in range(4))
    masks = np.ones((4, 2, 2), np.uint8)
    masks[:, 0] = 0
    levels = masks * np.array([50, 100, 50, 100], np.uint8)[:, None, None]
    said = replace(held(levels, masks, places), protocol=protocol, seeds=(3,), detector="student")
    said.save(tmp_path / "said.npz")
    return str(tmp_path / "said.npz")


def test_what_is_reported_chooses_nothing_through_unseen_ground(tmp_path: Path) -> None:
    file = by_scene_out(tmp_path)
    ((title, counts),) = histograms_of_unseen_scenes([file], {"train/1", "train/2"}).items()
    assert title == "scenes A, B, each predicted by student trained on the others (seed 3)"
    assert [one.landslide.nonzero()[0].tolist() for one in counts] == [[50], [100]]
    assert [int(one.background.sum()) for one in counts] == [2, 2]
    with pytest.raises(RecipeError, match="no landslide of scene B outside the test part"):
        histograms_of_unseen_scenes([file], {"train/2", "train/3"})


def test_unseen_ground_is_that_of_scene_out_alone(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="has the protocol 'paper: random'"):
        histograms_of_unseen_scenes([by_scene_out(tmp_path, "paper: random")], set())
    with pytest.raises(PredictionsError, match="nowhere"):
        histograms_of_unseen_scenes([str(tmp_path / "nowhere.npz")], set())


def test_unseen_ground_is_looked_for_before_anything_is_learned(tmp_path: Path) -> None:
    data = make_rgb_set(tmp_path / "set", {"A": range(3), "B": range(3, 6)})
    recipe = small_recipe(
        train=Part(scenes=("A",)),
        validation=Part(scenes=("B",)),
        calibration=CalibrationRecipe(cross_scene_predictions=("nowhere.npz",)),
    )
    with pytest.raises(PredictionsError, match="nowhere"):
        train(recipe, data, tmp_path / "out")
    assert not (tmp_path / "out").exists()
