"""Recipes: read from YAML, unknown keys refused, the packaged one whole."""

from importlib import resources
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from command_line import run
from landslip.errors import RecipeError
from landslip.training.augmentation import AugmentationRecipe
from landslip.training.recipe.comments import format_recipe
from landslip.training.recipe.recipe import Recipe, first_difference, packaged_names, read_recipe

PACKAGED = Path(str(resources.files("landslip") / "training/recipe/packaged/default.yaml"))


def test_the_packaged_recipe_keeps_its_parts_apart() -> None:
    recipe = read_recipe(PACKAGED)
    assert recipe.train.rows == (0, 47)
    assert recipe.validation.rows == (50, 57)
    assert [part.scenes for part in recipe.test] == [("B",), ("C",)]


def test_a_recipe_survives_being_written(tmp_path: Path) -> None:
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
        ("normalisation: fixed", "normalisation: imagenet", "network.normalisation"),
        ("name:", "name: [", "is not valid YAML"),
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


def test_the_papers_recipe_is_the_papers() -> None:
    paper = read_recipe("paper")
    assert len(paper.channels) == 14
    assert paper.augmentation == AugmentationRecipe.disabled()
    assert (paper.seed, paper.fit.epochs, paper.fit.batch_size, paper.fit.learning_rate) == (42, 100, 16, 1e-3)
    fit = paper.fit
    assert (fit.optimiser, fit.encoder_lr_multiplier, fit.weight_decay, fit.ema_decay) == ("adam", 1, 0, 0)
    assert paper.fit.schedule.model_dump() == {"kind": "step", "step_epochs": 30, "factor": 0.1}
    assert (paper.network.name, paper.network.normalisation) == ("unet-resnet34", "l4s")
    assert [(term.kind, term.weight) for term in paper.loss.terms] == [("paper-cross-entropy", 0.5), ("dice", 0.5)]
    assert paper.detector.threshold == 0.5
    assert paper.fit.monitor == "f1"


@pytest.mark.parametrize("name", packaged_names())
def test_a_shown_recipe_is_the_recipe_with_a_comment_a_setting(tmp_path: Path, name: str) -> None:
    recipe = read_recipe(name)
    text = format_recipe(recipe)
    (tmp_path / "shown.yaml").write_text(text, encoding="utf-8")
    assert read_recipe(tmp_path / "shown.yaml") == recipe
    lines = text.splitlines()
    for before, line in pairwise(lines):
        stripped = line.strip()
        # A list goes on under its comment; every other setting has one of its own right above it.
        if stripped and not stripped.startswith(("#", "- ", "kind:")):
            assert before.strip().startswith("#"), line


def test_a_packaged_recipe_is_shown_with_the_words_of_its_maker() -> None:
    told = run("train", "--show", "paper")
    assert (told.code, told.err) == (0, "")
    assert "balances nothing" in told.out
    assert yaml.safe_load(told.out)["fit"]["epochs"] == 100


def test_the_default_is_taken_where_no_recipe_is_named() -> None:
    assert run("train", "--show").out == run("train", "--show", "default").out


def test_settings_change_one_value_and_are_checked_like_the_file() -> None:
    settings = (
        "fit.learning_rate=1e-3",
        "channels=[B08, B04]",
        "augmentation.channel_dropout={B08: 0.2}",
        "fit.schedule.kind=cosine",
    )
    recipe = read_recipe("default", settings)
    assert recipe.fit.learning_rate == 0.001
    assert recipe.channels == ("B08", "B04")
    assert recipe.augmentation.channel_dropout == {"B08": 0.2}
    assert recipe.fit.schedule.kind == "cosine"
    expected = read_recipe("default").model_dump(mode="json")
    changed = recipe.model_dump(mode="json")
    assert {key for key in expected if expected[key] != changed[key]} == {"channels", "augmentation", "fit"}
    told = run("train", "--show", "--seed", 7, "--set", "fit.epochs=3", "default")
    assert (yaml.safe_load(told.out)["seed"], yaml.safe_load(told.out)["fit"]["epochs"]) == (7, 3)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("fit.epochs", "write key.path=value"),
        ("fit.speed=3", "fit.speed"),
        ("name.first=x", "name has no keys"),
        ("channels=[B04, B04]", "channels must be different names"),
        ("channels=[blue]", "channels must be different names"),
        ("train.parts=[train]", "needs a split"),
        ("split.protocol=scene-out", "needs it"),
        ("fit.epochs=[", "not valid YAML"),
    ],
)
def test_a_wrong_setting_is_one_sentence(setting: str, message: str) -> None:
    told = run("train", "--show", "default", "--set", setting)
    assert told.code == 2
    assert told.out == ""
    assert message in told.err
    assert len(told.err.strip().splitlines()) == 1


def test_recipes_differ_by_their_first_setting() -> None:
    recipe = read_recipe("paper")
    assert first_difference(recipe, recipe) is None
    other = read_recipe("paper", ("fit.batch_size=8", "loss.terms=[{kind: lovasz}]"))
    assert (first_difference(other, recipe) or "").startswith("loss.terms (")
    assert first_difference(read_recipe("paper", ("fit.batch_size=8",)), recipe) == "fit.batch_size (16 there, 8 here)"


def test_an_unknown_name_lists_the_packaged_recipes() -> None:
    with pytest.raises(RecipeError, match=r"unknown recipe 'deflaut'.*default, paper"):
        read_recipe("deflaut")


GROUND = ("channels=[B04, B03, B02, slope, elevation]",)


@pytest.mark.parametrize(("kind", "channel"), [("flat-ground", "slope"), ("runout", "elevation")])
def test_what_physics_reads_cannot_be_taken_away(kind: str, channel: str) -> None:
    terms = f"loss.terms=[{{kind: lovasz}}, {{kind: {kind}, weight: 0.1}}]"
    message = f"removes {channel}, which the loss term {kind} reads"
    with pytest.raises(RecipeError, match=message):
        read_recipe("default", (*GROUND, terms, f"augmentation.channel_dropout={{B02: 0.2, {channel}: 0.2}}"))
    # Another channel, a share of nothing, the same channel without the term: none of them tells physics a thing.
    other = {"slope": "elevation", "elevation": "slope"}[channel]
    for dropout in (f"{other}: 0.2", f"{channel}: 0.0"):
        read_recipe("default", (*GROUND, terms, f"augmentation.channel_dropout={{{dropout}}}"))
    read_recipe("default", (*GROUND, f"augmentation.channel_dropout={{{channel}: 0.2}}"))


@pytest.mark.parametrize(("kind", "channel"), [("flat-ground", "slope"), ("runout", "elevation")])
def test_two_grounds_are_not_blended_where_physics_reads_one(kind: str, channel: str) -> None:
    terms = f"loss.terms=[{{kind: lovasz}}, {{kind: {kind}, weight: 0.1}}]"
    with pytest.raises(RecipeError, match=f"mixup blends {channel} of two locations, which the loss term {kind} reads"):
        read_recipe("default", (*GROUND, terms, "augmentation.mixup=0.2"))
    read_recipe("default", (*GROUND, terms, "augmentation.cutmix=0.2"))
    read_recipe("default", (*GROUND, "augmentation.mixup=0.2"))
