"""A training recipe: everything that decides a detector, in one YAML file, with unknown keys refused."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Self

import yaml
from pydantic import Field, StringConstraints, ValidationError, model_validator

from landslip.channels import CHANNELS, TRUE_COLOUR
from landslip.datasets.splits import Part
from landslip.errors import RecipeError
from landslip.files.model import Frozen
from landslip.training.augmentation import AugmentationRecipe
from landslip.training.data.parts import DivisionRecipe
from landslip.training.data.sampling import SamplingRecipe
from landslip.training.losses import LossRecipe
from landslip.training.networks.indices import check_indices
from landslip.training.recipe.fit_sections import FitRecipe, LogRecipe, MachineRecipe
from landslip.training.recipe.sections import FinishRecipe, NetworkRecipe, SelfTrainingRecipe, TeacherRecipe

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Text = Annotated[str, StringConstraints(min_length=1)]
_PACKAGED: Final = resources.files("landslip") / "training" / "recipe" / "packaged"


class DetectorRecipe(Frozen):
    """What the card of the detector says beside what was measured."""

    title: Text
    """What it finds in what, in a line."""
    data_name: Text
    """What the data set is called in the scores."""
    half_precision_storage: bool = True
    """Store tensors in half precision: half the file, arithmetic stays float32."""
    threshold: float | None = Field(default=None, gt=0, lt=1)
    """From which probability on a pixel is landslide; null chooses it on the choosing part."""
    tile_px: int = Field(default=128, ge=32, multiple_of=32)
    """Side of the square that is mapped at once."""
    overlap_px: int = Field(default=32, ge=0)
    """How much of it neighbours share."""
    pixel_size_m: float = Field(default=10.0, gt=0)
    """Side of a pixel of the training data on the ground."""
    trained_on: Text
    """On what it was trained."""
    not_good_for: Annotated[tuple[Text, ...], Field(min_length=1)]
    """What it ought not to be used for."""
    licence: Text
    """Of the detector."""
    attribution: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Whom to name."""


class Recipe(Frozen):
    """A whole training run."""

    name: Name
    """Of the detector and its file."""
    seed: int = Field(default=1, ge=0)
    """Decides all that is left to chance."""
    channels: Annotated[tuple[str, ...], Field(min_length=1)] = TRUE_COLOUR
    """What the network sees, by name, in this order; the patches may have more."""
    division: DivisionRecipe | None = None
    """How the set is divided into parts with names; null where train and choose go by scenes and rows."""
    train: Part
    """What is learned from: scenes, rows, and names of the division's parts; a patch must fit all that is given."""
    choose: Part
    """The part on which epoch, threshold, temperature and confidence are chosen."""
    report: tuple[Part, ...] = ()
    """Parts that are scored once, at the end, and decide nothing."""
    network: NetworkRecipe = NetworkRecipe()
    """Which network, and where its weights start."""
    augmentation: AugmentationRecipe = AugmentationRecipe()
    """How patches are changed each time they are shown."""
    sampling: SamplingRecipe = SamplingRecipe()
    """Which patches an epoch shows, and how often."""
    loss: LossRecipe = LossRecipe()
    """What the network is taught by."""
    fit: FitRecipe = FitRecipe()
    """How long and how fast to learn, and which epoch is kept."""
    teacher: TeacherRecipe | None = None
    """Detectors whose probabilities soften the truth; null learns from the truth alone."""
    self_training: SelfTrainingRecipe | None = None
    """Learning from patches without truth too, labelled by the detector of the round before; null does without."""
    finish: FinishRecipe = FinishRecipe()
    """How the trained network becomes a detector."""
    machine: MachineRecipe = MachineRecipe()
    """What computes."""
    log: LogRecipe = LogRecipe()
    """Where the course of learning is written."""
    detector: DetectorRecipe
    """What the card says beside what was measured."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the first convolution takes, by name: the channels, then the indices."""
        return (*self.channels, *self.network.indices)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        unknown = [name for name in self.channels if name not in CHANNELS]
        if unknown or len(set(self.channels)) != len(self.channels):
            raise ValueError(f"channels {', '.join(self.channels)}: give different names of {', '.join(CHANNELS)}")
        try:
            check_indices(self.network.indices, self.channels)
        except RecipeError as error:
            # What pydantic collects.
            raise ValueError(str(error)) from error
        named = [part for part in (self.train, self.choose, *self.report) if part.parts]
        if named and self.division is None:
            raise ValueError(f"'{named[0]}' belongs to a division: add one, such as  division: {{protocol: blocks}}")
        # A loss is taken on the patch that the network sees, where a channel that is absent reads its mean.
        readers = {name: term.kind for term in self.loss.terms for name in term.needs}
        absent = [name for name, share in self.augmentation.dropout.items() if share and name in readers]
        if absent:
            raise ValueError(
                f"augmentation.dropout takes {absent[0]} away, and the loss term {readers[absent[0]]} reads it, so "
                "it would be told a false one: leave out one of the two"
            )
        if readers and self.augmentation.mix_up:
            name, kind = next(iter(readers.items()))
            raise ValueError(
                f"augmentation.mix_up blends the {name} of two patches into one of no place, and the loss term {kind} "
                "reads it: leave out one of the two, or take cut_mix"
            )
        several = self.machine.nodes > 1 or self.machine.devices not in (1, "auto")
        if self.self_training is not None and several:
            raise ValueError("self_training is several runs in a row, for one device: set machine.devices to 1")
        return self


def packaged_names() -> tuple[str, ...]:
    """The recipes that come with landslip."""
    names = (Path(entry.name) for entry in _PACKAGED.iterdir())
    return tuple(sorted(name.stem for name in names if name.suffix == ".yaml"))


def recipe_text(name_or_path: str | Path) -> str:
    """The YAML of a packaged recipe, by its name, or of a file.

    Raises:
        RecipeError: there is neither.
    """
    name = str(name_or_path)
    if name in packaged_names():
        return (_PACKAGED / f"{name}.yaml").read_text(encoding="utf-8")
    if not Path(name).suffix and not Path(name).exists():
        raise RecipeError(
            f"'{name}' is no recipe: give the path of a YAML file, or one of {', '.join(packaged_names())}"
        )
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{name} cannot be read as a recipe: {error}") from error


def read_recipe(name_or_path: str | Path, settings: Sequence[str] = ()) -> Recipe:
    """Read a recipe by the name of a packaged one or from a YAML file.

    Args:
        name_or_path: such as ``default`` or ``mine.yaml``.
        settings: changes to it, each ``key.path=value`` with a value in YAML, such as ``fit.epochs=4``.

    Raises:
        RecipeError: there is no such recipe, it is no YAML, or a key or value is not allowed.
    """
    try:
        content = yaml.safe_load(recipe_text(name_or_path))
    except yaml.YAMLError as error:
        raise RecipeError(f"{name_or_path} cannot be read as a recipe: {_one_line(error)}") from error
    if not isinstance(content, dict):
        raise RecipeError(f"{name_or_path} is no recipe: write keys and values, as  landslip train --show  does")
    for setting in settings:
        _set(content, setting)
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first, count = error.errors()[0], error.error_count()
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RecipeError(
            f"{name_or_path}: {where}: {first['msg']} (errors in all: {count}); correct the recipe"
        ) from error


def _set(content: dict[str, Any], setting: str) -> None:
    """Change one value inside a recipe's content."""
    path, equals, text = setting.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise RecipeError(f"'{setting}' sets nothing: write key.path=value, such as fit.epochs=4")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"'{setting}': the value is no YAML: {_one_line(error)}") from error
    # YAML takes 1e-3, without a point, for text; people mean a number.
    if isinstance(value, str):
        value = _number(value)
    inside: Any = content
    for key in keys[:-1]:
        if inside.get(key) is None:
            inside[key] = {}
        inside = inside[key]
        if not isinstance(inside, dict):
            raise RecipeError(f"'{setting}': {key} has no keys inside it; set it as a whole")
    inside[keys[-1]] = value


def _number(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _one_line(error: yaml.YAMLError) -> str:
    return " ".join(str(error).split())


def first_difference(ours: Recipe, theirs: Recipe) -> str | None:
    """The first setting in which two recipes differ, such as ``fit.epochs (20 there, 30 here)``; None where none."""
    return _difference(ours.model_dump(mode="json"), theirs.model_dump(mode="json"), "")


def _difference(ours: Any, theirs: Any, path: str) -> str | None:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in {**ours, **theirs}:
            found = _difference(ours.get(key), theirs.get(key), f"{path}.{key}".lstrip("."))
            if found:
                return found
        return None
    return None if ours == theirs else f"{path} ({theirs} there, {ours} here)"
