"""A training recipe: everything that decides a detector, in one YAML file, with unknown keys refused."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from landslip.channels import TRUE_COLOUR
from landslip.errors import RecipeError
from landslip.patches.splits import Part
from landslip.training.augmentation import AugmentationRecipe
from landslip.training.frozen import Frozen
from landslip.training.networks.choice import NetworkRecipe


class FitRecipe(Frozen):
    """How long and how fast to learn."""

    epochs: int = Field(default=40, ge=1)
    batch: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    """The highest of the one-cycle schedule, for the decoder."""
    encoder_share: float = Field(default=0.5, gt=0, le=1)
    """The encoder's learning rate, as a share of the decoder's: it starts from learned weights."""
    weight_decay: float = Field(default=0.01, ge=0)
    dice_share: float = Field(default=0.5, ge=0, le=1)
    memory: float = Field(default=0.995, ge=0, lt=1)
    """How much of the running mean of the weights is kept at each step; 0 uses the last weights alone."""
    check_every: int = Field(default=2, ge=1)
    """Epochs between two looks at the choosing part."""


class DetectorRecipe(Frozen):
    """What the card of the detector says beside what was measured."""

    title: str
    data_name: str
    """What the data set is called in the scores."""
    half_precision_storage: bool = True
    """Store tensors in half precision: half the file, arithmetic stays float32."""
    tile_px: int = Field(default=128, ge=32, multiple_of=32)
    overlap_px: int = Field(default=32, ge=0)
    trained_on: str
    not_good_for: tuple[str, ...]
    licence: str
    attribution: tuple[str, ...]


class Recipe(Frozen):
    """A whole training run."""

    name: str
    seed: int = 1
    data: Literal["rgb-set"] = "rgb-set"
    channels: tuple[str, ...] = TRUE_COLOUR
    train: Part
    choose: Part
    """The part on which epoch, threshold, temperature and confidence are chosen."""
    report: tuple[Part, ...] = ()
    """Parts that are scored once, at the end, and decide nothing."""
    network: NetworkRecipe = NetworkRecipe()
    augmentation: AugmentationRecipe = AugmentationRecipe()
    fit: FitRecipe = FitRecipe()
    detector: DetectorRecipe


def read_recipe(path: Path) -> Recipe:
    """Read a recipe from YAML.

    Raises:
        RecipeError: the file cannot be read, is no YAML, or has a key or value that is not allowed.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RecipeError(f"{path} cannot be read as a recipe: {error}") from error
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first, count = error.errors()[0], error.error_count()
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RecipeError(f"{path}: {where}: {first['msg']} (errors in all: {count}); correct the recipe") from error
