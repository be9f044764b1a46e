"""The texts of a card that follow from the run: title, training data, limitations and attribution."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from landslip.channels import DETECTOR_INPUTS, TRUE_COLOUR, split_dates
from landslip.datasets.patch_set import MARK, SENTINEL, UNKNOWN_SCENE
from landslip.datasets.store.format import NOTICE
from landslip.errors import RecipeError
from landslip.training.data.feeding import LoadedPart
from landslip.training.recipe.recipe import Recipe

SYNTHETIC: Final = "Synthetic data simulated by landslip: not a real area, not measured."
UNSTATED_LICENCE: Final = "not stated in the recipe; the licences of the training data and initial weights apply"
L4S_PIXEL_SIZE_M: Final = 10.0
"""Of Landslide4Sense and of synthetic patches, and the default of pictures."""
_FEW_PATCHES: Final = 500
_FEW_SCENES: Final = 5
_MOST: Final = 0.9
_LISTED: Final = 6
_INFRARED_NM: Final = 750.0


@dataclass(frozen=True, slots=True)
class PartFacts:
    """What is known of one part of the data after a run."""

    role: str
    """Train, validation or test."""
    part: str
    """As the recipe names it, such as ``scene A rows 0-47``."""
    patches: int
    scenes: tuple[tuple[str, int], ...]
    """Each scene with its number of patches."""
    landslide: float
    """Fraction of landslide among the labelled pixels of a patch, mean over patches."""
    with_landslide: float
    """Fraction of patches with landslide pixels."""

    @classmethod
    def of(cls, role: str, part: str, scenes: Iterable[str], landslide_fraction: Sequence[float]) -> "PartFacts":
        """Collect the facts of a part from the scene and the landslide fraction of each patch."""
        fraction = np.asarray(landslide_fraction, np.float64)
        counts = tuple(sorted(Counter(scenes).items()))
        return cls(role, part, len(fraction), counts, float(fraction.mean()), float((fraction > 0).mean()))

    def __str__(self) -> str:
        unknown = [name for name, _ in self.scenes] == [UNKNOWN_SCENE]
        scenes = "scene unknown" if unknown else f"{_count(len(self.scenes), 'scene')}: {_list_scenes(self.scenes)}"
        return (
            f"{self.role.capitalize()}: {_count(self.patches, 'patch', 'patches')} ({self.part}; {scenes}), "
            f"{self.with_landslide:.0%} with landslides, which cover {100 * self.landslide:.2g} % of a patch on average"
        )


def _count(number: int, one: str, several: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def _list_scenes(scenes: Sequence[tuple[str, int]]) -> str:
    listed = ", ".join(f"{name} ({count:,})" for name, count in scenes[:_LISTED])
    return listed if len(scenes) <= _LISTED else f"{listed} and {len(scenes) - _LISTED} more"


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What is known of the data set of a run."""

    name: str
    """Name of its folder."""
    synthetic: bool
    pictures: bool
    """Whether it holds 8-bit pictures, which have no absolute values."""
    side_px: tuple[int, int]
    """Height and width of a patch."""
    pixel_size_m: float
    pixel_size_known: bool
    """Whether the data or the recipe state it."""
    leaks: bool
    """Whether patches of different parts touch on the ground."""

    @classmethod
    def of(cls, data: Path, recipe: Recipe, train: LoadedPart, *, leaks: bool) -> "DataFacts":
        """Collect the facts of a data set.

        Raises:
            RecipeError: the recipe states another pixel size than the data have.
        """
        synthetic, pictures = (data / MARK).is_file(), train.value_counts is None
        stated = recipe.detector.pixel_size_m
        if not pictures and stated not in (None, L4S_PIXEL_SIZE_M):
            raise RecipeError(
                f"detector.pixel_size_m is {stated:g}, but the patches of {data} have {L4S_PIXEL_SIZE_M:g} m: remove "
                "it from the recipe",
                parameter="detector.pixel_size_m",
            )
        height, width = train.source.shape[1:]
        return cls(
            data.resolve().name,
            synthetic,
            pictures,
            (height, width),
            stated or L4S_PIXEL_SIZE_M,
            not pictures or stated is not None,
            leaks,
        )

    @property
    def label(self) -> str:
        """Name of the set in scores and titles; it tells synthetic data."""
        kind = "synthetic" if self.synthetic else "8-bit pictures" if self.pictures else "Landslide4Sense files"
        return f"{self.name} ({kind})"


def describe_title(recipe: Recipe, data: DataFacts) -> str:
    """Return the recipe's title, or one from the channels; synthetic data are always named."""
    what = "New landslides" if split_dates(recipe.channels)[1] else "Landslides"
    title = recipe.detector.title or f"{what} in {describe_inputs(recipe.channels)}"
    if data.synthetic and "synthetic" not in title.lower():
        title += " (synthetic training data, not for use)"
    return title


def describe_inputs(channels: Sequence[str]) -> str:
    """Describe input channels in a phrase, such as ``true-colour images``."""
    after, before = split_dates(channels)
    if before:
        return f"{describe_inputs(after)} of two dates"
    if set(channels) == set(TRUE_COLOUR):
        return "true-colour Sentinel-2 images"
    terrain = [name for name in channels if DETECTOR_INPUTS[name].kind == "terrain"]
    spectral = [name for name in channels if name not in terrain]
    parts = [f"Sentinel-2 images ({', '.join(spectral)})"] if spectral else []
    return " with ".join([*parts, *([" and ".join(terrain)] if terrain else [])])


def describe_training(
    recipe: Recipe, data: DataFacts, parts: Sequence[PartFacts], initial_weights: str, notes: Iterable[str]
) -> str:
    """Describe the training data and the start of the training, for ``trained_on``."""
    height, width = data.side_px
    size = f"{data.pixel_size_m:g} m" + ("" if data.pixel_size_known else ", assumed")
    brightness = "; 8-bit pictures without absolute brightness" if data.pictures else ""
    head = f"{data.label}: patches of {height} x {width} px ({size}){brightness}"
    inputs = f"Inputs: {', '.join(recipe.channels)}"
    sentences = [head, *map(str, parts), inputs, f"Initial weights: {initial_weights}", f"Seed {recipe.seed}"]
    return " ".join([*(f"{one}." for one in sentences), *notes])


def describe_limits(recipe: Recipe, data: DataFacts, train: PartFacts) -> tuple[str, ...]:
    """Return the limitations that the recipe states, then those that follow from the run."""
    limits = list(recipe.detector.not_good_for)
    if data.synthetic:
        limits.append("Any real image: terrain and landslides of the training data are simulated.")
    if data.leaks:
        limits.append(
            "Estimates of accuracy from its scores: patches of training and scoring touch on the ground, which raises "
            "the scores."
        )
    if train.patches < _FEW_PATCHES:
        limits.append(f"Use without an evaluation of your own: it was trained on only {train.patches:,} patches.")
    if train.with_landslide >= _MOST and recipe.negatives is None:
        limits.append(
            f"Terrain without landslides: {train.with_landslide:.0%} of the training patches contain a landslide; "
            "river beds, bare fields, roads, quarries and snow are likely false alarms."
        )
    names = [name for name, _ in train.scenes]
    if UNKNOWN_SCENE in names:
        limits.append("Regions unlike the training data: the scenes of the training patches are unknown.")
    elif len(names) < _FEW_SCENES:
        trained = "one scene" if len(names) == 1 else f"{len(names)} scenes"
        limits.append(f"Regions unlike the training data: it was trained on {trained} ({', '.join(names)}).")
    wavelengths = [DETECTOR_INPUTS[name].wavelength_nm for name in recipe.channels]
    if not any(one is not None and one > _INFRARED_NM for one in wavelengths):
        limits.append("Old, revegetated landslides: the inputs have no infrared channel.")
    if not any(DETECTOR_INPUTS[name].kind == "terrain" for name in recipe.channels):
        limits.append("Bare flat ground, such as river beds and fields: slope and elevation are not among the inputs.")
    if recipe.network.normalisation in ("l4s", "none", "fixed"):
        limits.append(
            "Images with other illumination or atmospheric correction than the training data: the normalisation does "
            "not adapt to the image."
        )
    limits.append("Images with clouds or cloud shadow, unless the training data contain them.")
    limits.append(f"Pixel sizes much larger or smaller than {data.pixel_size_m:g} m.")
    return tuple(dict.fromkeys(limits))


def describe_attribution(recipe: Recipe, data: DataFacts, initial_weights: str) -> tuple[str, ...]:
    """Return the attribution of the data, that of the recipe unless the data are synthetic, and of initial weights."""
    source = SYNTHETIC if data.synthetic else SENTINEL if data.pictures else NOTICE
    lines = [source, *(() if data.synthetic else recipe.detector.attribution)]
    if initial_weights != "random":
        lines.append(f"Initial weights: {initial_weights}")
    return tuple(dict.fromkeys(lines))
