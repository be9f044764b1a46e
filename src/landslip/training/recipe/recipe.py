"""Training recipes: every setting of a run in one YAML file; unknown keys are errors."""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Self

import yaml
from pydantic import Field, StringConstraints, ValidationError, model_validator

from landslip.channels import DETECTOR_INPUTS, TRUE_COLOUR, split_dates
from landslip.datasets.protocols import SplitRecipe
from landslip.datasets.splits import Part
from landslip.errors import RecipeError
from landslip.files.model import Frozen
from landslip.inference.tta import TTA
from landslip.training.data.sampling import SamplingRecipe
from landslip.training.losses import LossRecipe
from landslip.training.networks.indices import check_indices
from landslip.training.recipe.augmentation_section import AugmentationRecipe
from landslip.training.recipe.dates_section import DatesRecipe
from landslip.training.recipe.sections import (
    CalibrationRecipe,
    DistillationRecipe,
    FitRecipe,
    LogRecipe,
    MachineRecipe,
    NegativesRecipe,
    NetworkRecipe,
    SelfTrainingRecipe,
)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Text = Annotated[str, StringConstraints(min_length=1)]
_PACKAGED: Final = resources.files("landslip") / "training" / "recipe" / "packaged"


_FROM_RUN: Final = ("data_name", "trained_on")
"""Keys of earlier versions; the run now writes these texts."""


class DetectorRecipe(Frozen):
    """Settings of the exported detector, and texts of its card that do not follow from the run."""

    title: Text | None = None
    """One line: what is detected in which images; null: from the channels and the data."""
    half_precision_storage: bool = True
    """Store tensors as float16, which halves the file; computation stays in float32."""
    threshold: float | None = Field(default=None, gt=0, lt=1)
    """Decision threshold; null: chosen on the calibration parts."""
    tta: TTA = "none"
    """Test-time augmentation inside the detector: none, flips (4 passes) or d4 (8 passes)."""
    tile_px: int = Field(default=128, ge=32, multiple_of=32)
    """Side of the tiles on which the network runs."""
    overlap_px: int = Field(default=32, ge=0)
    """Overlap of neighbouring tiles."""
    pixel_size_m: float | None = Field(default=None, gt=0)
    """Ground sampling distance of pictures; null: 10, that of Landslide4Sense."""
    not_good_for: tuple[Text, ...] = ()
    """Known limitations, in addition to those that follow from the run."""
    licence: Text | None = None
    """Licence of the detector."""
    attribution: tuple[Text, ...] = ()
    """Attributions beside those that the run writes; not used for synthetic data."""

    @model_validator(mode="before")
    @classmethod
    def _no_texts_of_the_run(cls, content: Any) -> Any:
        given = [name for name in _FROM_RUN if isinstance(content, Mapping) and name in content]
        if given:
            raise ValueError(f"{given[0]} is taken from the run: remove it from the recipe")
        return content


class Recipe(Frozen):
    """Every setting of a training run."""

    name: Name
    """Name of the detector and of its file."""
    seed: int = Field(default=1, ge=0)
    """Seed of all random numbers."""
    channels: Annotated[tuple[str, ...], Field(min_length=1)] = TRUE_COLOUR
    """Input channels by name, in this order; the patches may have more."""
    split: SplitRecipe | None = None
    """How the data set is split into named parts; null: train and validation are given by scenes and rows."""
    train: Part
    """Training part: scenes, rows and named parts of the split; a patch must match all that are given."""
    validation: Part
    """Validation part, on which epoch, threshold and temperature are chosen."""
    test: tuple[Part, ...] = ()
    """Test parts, scored once at the end."""
    network: NetworkRecipe = NetworkRecipe()
    """Architecture, initial weights and input normalisation."""
    augmentation: AugmentationRecipe = AugmentationRecipe()
    """Random changes of the training patches."""
    dates: DatesRecipe | None = None
    """Differences between the dates of pairs; null for a detector of one date."""
    sampling: SamplingRecipe = SamplingRecipe()
    """Which patches an epoch draws, and how often."""
    negatives: NegativesRecipe | None = None
    """Chips without landslides in every batch; null: none."""
    loss: LossRecipe = LossRecipe()
    """Loss function."""
    fit: FitRecipe = FitRecipe()
    """Optimiser, schedule, weight averaging and model selection."""
    distillation: DistillationRecipe | None = None
    """Soft labels from other detectors; null: reference labels only."""
    self_training: SelfTrainingRecipe | None = None
    """Pseudo-labels on unlabelled patches; null: none."""
    calibration: CalibrationRecipe = CalibrationRecipe()
    """Data on which temperature and threshold are chosen."""
    machine: MachineRecipe = MachineRecipe()
    """Hardware."""
    log: LogRecipe = LogRecipe()
    """Loggers beside log.csv."""
    detector: DetectorRecipe = DetectorRecipe()
    """Settings of the exported detector, and texts of its card that do not follow from the run."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Inputs of the first convolution by name: the channels, then the spectral indices."""
        return (*self.channels, *self.network.indices)

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        unknown = [name for name in self.channels if name not in DETECTOR_INPUTS]
        if unknown or len(set(self.channels)) != len(self.channels):
            raise ValueError(
                f"channels must be different names of {', '.join(DETECTOR_INPUTS)}, got {', '.join(self.channels)}"
            )
        if bool(split_dates(self.channels)[1]) != (self.dates is not None):
            raise ValueError(
                "channels of an image before an event, such as B04_before, and the section dates belong together: give "
                "both or neither"
            )
        try:
            check_indices(self.network.indices, self.channels)
        except RecipeError as error:
            # pydantic collects ValueErrors only.
            raise ValueError(str(error)) from error
        named = [part for part in (self.train, self.validation, *self.test) if part.parts]
        if named and self.split is None:
            raise ValueError(f"'{named[0]}' needs a split: add one, such as  split: {{protocol: blocks}}")
        # The loss reads the augmented patch, in which an absent channel has its mean.
        readers = {name: term.kind for term in self.loss.terms for name in term.needs}
        dropout = self.augmentation.channel_dropout
        absent = [name for name, probability in dropout.items() if probability and name in readers]
        if absent:
            raise ValueError(
                f"augmentation.channel_dropout removes {absent[0]}, which the loss term {readers[absent[0]]} reads: "
                "remove one of the two"
            )
        if readers and self.augmentation.mixup:
            name, kind = next(iter(readers.items()))
            raise ValueError(
                f"augmentation.mixup blends {name} of two locations, which the loss term {kind} reads: "
                "remove one of the two, or use cutmix"
            )
        if self.negatives is not None and self.distillation is not None:
            raise ValueError("negatives have no soft labels of teachers: remove negatives, or distillation")
        if self.negatives is not None and self.fit.batch_size == 1:
            raise ValueError("negatives need room in a batch: set fit.batch_size to 2 or more")
        several = self.machine.nodes > 1 or self.machine.devices not in (1, "auto")
        if self.self_training is not None and several:
            raise ValueError("self_training runs on one device: set machine.devices to 1")
        return self


def packaged_names() -> tuple[str, ...]:
    """Return the names of the packaged recipes."""
    names = (Path(entry.name) for entry in _PACKAGED.iterdir())
    return tuple(sorted(name.stem for name in names if name.suffix == ".yaml"))


def recipe_text(name_or_path: str | Path) -> str:
    """Return the YAML of a packaged recipe or of a file.

    Raises:
        RecipeError: there is neither.
    """
    name = str(name_or_path)
    if name in packaged_names():
        return (_PACKAGED / f"{name}.yaml").read_text(encoding="utf-8")
    if not Path(name).suffix and not Path(name).exists():
        raise RecipeError(
            f"unknown recipe '{name}': give the path of a YAML file, or one of {', '.join(packaged_names())}",
            parameter="recipe",
        )
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{name} cannot be read as a recipe: {error}", parameter="recipe") from error


def read_recipe(name_or_path: str | Path, settings: Sequence[str] = ()) -> Recipe:
    """Read a packaged recipe or a YAML file.

    Args:
        name_or_path: such as ``default`` or ``mine.yaml``.
        settings: changes, each ``key.path=value`` with a value in YAML.

    Raises:
        RecipeError: there is no such recipe, it is not YAML, or a key or value is not allowed.

    Example:
        >>> read_recipe("default", ["fit.epochs=4"]).fit.epochs
        4
    """
    try:
        content = yaml.safe_load(recipe_text(name_or_path))
    except yaml.YAMLError as error:
        raise RecipeError(f"{name_or_path} is not valid YAML: {_one_line(error)}") from error
    except RecursionError as error:
        raise RecipeError(f"{name_or_path} is not a recipe: its lists are nested too deeply") from error
    if not isinstance(content, dict):
        raise RecipeError(f"{name_or_path} is not a recipe: expected keys and values, as in a packaged recipe")
    for setting in settings:
        _set(content, setting)
    return parse_recipe(content, str(name_or_path))


def parse_recipe(content: Mapping[str, Any], source: str) -> Recipe:
    """Validate the content of a recipe.

    Args:
        content: keys and values.
        source: name of the recipe or file, for error messages.

    Raises:
        RecipeError: a key or value is not allowed.
    """
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first, count = error.errors()[0], error.error_count()
        where = ".".join(str(part) for part in first["loc"])
        more = f" (and {count - 1} more errors)" if count > 1 else ""
        raise RecipeError(
            f"{source}: {where + ': ' if where else ''}{first['msg'].removeprefix('Value error, ')}{more}",
            parameter="recipe",
        ) from error


def _set(content: dict[str, Any], setting: str) -> None:
    """Change one value of a recipe's content."""
    path, equals, text = setting.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise RecipeError(f"invalid setting '{setting}': write key.path=value, such as fit.epochs=4")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"invalid setting '{setting}': the value is not valid YAML: {_one_line(error)}") from error
    except RecursionError as error:
        raise RecipeError(f"invalid setting '{text[:20]}...': the value is nested too deeply") from error
    # YAML reads 1e-3, without a point, as text.
    if isinstance(value, str):
        value = _number(value)
    section: Any = content
    for key in keys[:-1]:
        if section.get(key) is None:
            section[key] = {}
        section = section[key]
        if not isinstance(section, dict):
            raise RecipeError(f"invalid setting '{setting}': {key} has no keys; set it as a whole")
    section[keys[-1]] = value


def _number(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _one_line(error: yaml.YAMLError) -> str:
    return " ".join(str(error).split())


def first_difference(ours: Recipe, theirs: Recipe) -> str | None:
    """Describe the first setting in which two recipes differ, such as ``fit.epochs (20 there, 30 here)``, or None."""
    return _difference(ours.model_dump(mode="json"), theirs.model_dump(mode="json"), "")


def _difference(ours: Any, theirs: Any, path: str) -> str | None:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in {**ours, **theirs}:
            found = _difference(ours.get(key), theirs.get(key), f"{path}.{key}".lstrip("."))
            if found:
                return found
        return None
    return None if ours == theirs else f"{path} ({theirs} there, {ours} here)"
