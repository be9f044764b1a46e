"""Recipes: read from YAML, unknown keys refused, the packaged one whole."""

from importlib import resources
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra train")

from landslip.errors import RecipeError
from landslip.training.recipe import Recipe, read_recipe

PACKAGED = Path(str(resources.files("landslip") / "training/recipes/s2-rgb.yaml"))


def test_the_packaged_recipe_keeps_its_parts_apart() -> None:
    recipe = read_recipe(PACKAGED)
    assert recipe.train.rows == (0, 47)
    assert recipe.choose.rows == (50, 57)
    assert [part.scenes for part in recipe.report] == [("B",), ("C",)]


def test_a_recipe_survives_being_written(tmp_path: Path) -> None:
    import yaml

    recipe = read_recipe(PACKAGED)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    assert read_recipe(tmp_path / "recipe.yaml") == recipe
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs: ", "epoch: ", "fit.epoch"),
        ("epochs: ", "epochs: 0 # ", "fit.epochs"),
        ("rows: [0, 47]", "rows: [47, 0]", "rows 47-0"),
        ("normalisation: tile-log-channel", "normalisation: imagenet", "network.normalisation"),
        ("name:", "name: [", "cannot be read as a recipe"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = PACKAGED.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "recipe.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RecipeError, match=message):
        read_recipe(tmp_path / "recipe.yaml")


def test_a_recipe_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        read_recipe(tmp_path / "none.yaml")
