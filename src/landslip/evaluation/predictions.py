"""What a detector said about labelled patches, and their truth: every figure follows from it, so the network runs once.

A file of predictions is a NumPy ``.npz`` of plain arrays (never a pickle) with a line of JSON for the rest.
"""

import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from landslip.datasets.patch_set import PatchSet, Split, split_named
from landslip.detector.detector import Detector
from landslip.errors import OutputError, PatchesError, PredictionsError, SettingsError
from landslip.inference.engine import InferenceOptions, Precision
from landslip.inference.patch_prediction import predict_patches
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA, encode_probability, reaches_threshold

_FORMAT: Final = "landslip predictions 1"
_NONE: Final = -1
"""Stands for a row or column that is not known."""
_FACTS: Final = (
    "detector",
    "threshold",
    "protocol",
    "data",
    "seeds",
    "temperature",
    "pixel_size_m",
    "sha256",
    "recipe",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Which patch this is and where it lies, counted in patches; satisfies ``patches.patch_set.Entry``."""

    split: Split
    id: int
    scene: str
    row: int | None
    col: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a detector said about labelled patches, and the truth.

    Patches smaller than the largest are continued to the right and below with pixels that neither the map nor the
    truth observed, which count for nothing.
    """

    detector: str
    threshold: float
    protocol: str
    """In words: on what the detector learned, and what these patches are to it."""
    data: str
    seeds: tuple[int, ...]
    entries: tuple[Place, ...]
    levels: NDArray[np.uint8]
    """(N, H, W) probability levels (``levels.py``); 255 where the map observed nothing."""
    masks: NDArray[np.uint8]
    """(N, H, W) truth: landslide 1, not landslide 0, not observed 255."""
    spread: NDArray[np.uint8] | None = None
    """(N, H, W) levels of the standard deviation of what the members said, where the detector tells it."""
    temperature: float = 1.0
    """By which the logits were divided for these levels: 1 where that is not known, or no single number."""
    pixel_size_m: float = 10.0
    sha256: str = ""
    """Of the detector's file; empty where there is none."""
    recipe: dict[str, Any] | None = None
    """By which the detector was trained, or the detectors of all folds; None where that is not known."""
    thresholds: NDArray[np.float64] | None = None
    """(N,) of each patch, where several detectors, each with its own, shared the patches; ``threshold`` is the mean."""

    def __post_init__(self) -> None:
        shape = self.levels.shape
        layers = [self.masks, *([] if self.spread is None else [self.spread])]
        if len(shape) != 3 or len(self.entries) != shape[0] or any(layer.shape != shape for layer in layers):
            raise PredictionsError(
                f"predictions of {len(self.entries)} patches hold levels of shape {shape} and truth of shape "
                f"{self.masks.shape}: both must be (patches, height, width)"
            )
        if any(layer.dtype != np.uint8 for layer in (self.levels, *layers)):
            raise PredictionsError("levels and truth of predictions must be uint8: give levels 0 to 250, 255 for none")
        if not np.isin(self.masks, (LANDSLIDE, BACKGROUND, NODATA)).all():
            raise PredictionsError("truth must be 1 landslide, 0 not landslide, or 255 not observed: map other values")
        if not 0 < self.threshold < 1:
            raise SettingsError(f"the threshold {self.threshold:g} must lie between 0 and 1")
        if self.thresholds is not None and (
            self.thresholds.shape != shape[:1] or not ((self.thresholds > 0) & (self.thresholds < 1)).all()
        ):
            raise PredictionsError(f"thresholds of {shape[0]} patches must be as many numbers between 0 and 1")
        if not self.pixel_size_m > 0 or not self.temperature > 0:
            raise SettingsError(
                f"a pixel size of {self.pixel_size_m:g} m and a temperature of {self.temperature:g}: "
                "both must be above 0"
            )

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def found(self) -> NDArray[np.bool_]:
        """(N, H, W): where the map says landslide; not where it observed nothing."""
        if self.thresholds is None:
            return reaches_threshold(self.levels, self.threshold)
        found = np.empty(self.levels.shape, np.bool_)
        for place, levels, threshold in zip(found, self.levels, self.thresholds.tolist(), strict=True):
            place[:] = reaches_threshold(levels, threshold)
        return found

    @property
    def scenes(self) -> tuple[str, ...]:
        """The scenes that the patches come from."""
        return tuple(sorted({entry.scene for entry in self.entries}))

    def where(self, wanted: Callable[[Place], bool]) -> Self:
        """Keep the patches that are wanted."""
        return self.take(np.array([n for n, entry in enumerate(self.entries) if wanted(entry)], np.intp))

    def take(self, positions: NDArray[np.intp]) -> Self:
        """The patches at some positions, in that order."""
        return replace(
            self,
            entries=tuple(self.entries[position] for position in positions),
            levels=self.levels[positions],
            masks=self.masks[positions],
            spread=None if self.spread is None else self.spread[positions],
            thresholds=None if self.thresholds is None else self.thresholds[positions],
        )

    def at(self, threshold: float) -> Self:
        """The same at another threshold for all patches."""
        return replace(self, threshold=threshold, thresholds=None)

    def save(self, path: Path) -> None:
        """Write a file, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        arrays: dict[str, NDArray[Any]] = {
            "levels": self.levels,
            "masks": self.masks,
            "split": np.array([entry.split for entry in self.entries], np.str_),
            "id": np.array([entry.id for entry in self.entries], np.int64),
            "scene": np.array([entry.scene for entry in self.entries], np.str_),
            "row": np.array([_NONE if entry.row is None else entry.row for entry in self.entries], np.int64),
            "col": np.array([_NONE if entry.col is None else entry.col for entry in self.entries], np.int64),
        }
        for name in ("spread", "thresholds"):
            if (layer := getattr(self, name)) is not None:
                arrays[name] = layer
        arrays["facts"] = np.array(json.dumps({"format": _FORMAT} | {name: getattr(self, name) for name in _FACTS}))
        part = path.with_name(path.name + ".part")
        try:
            with part.open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, **arrays)
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise OutputError(
                f"{path} cannot be written ({error.strerror}): give a file in a folder you may write to"
            ) from error


def load_predictions(path: Path) -> Predictions:
    """Read what ``Predictions.save`` wrote.

    Raises:
        PredictionsError: it cannot be read, or is no such file.
    """
    remedy = "give a file written by  landslip evaluate --save"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            facts = json.loads(str(held["facts"]))
            if facts.pop("format", None) != _FORMAT:
                raise PredictionsError(f"{path} holds no predictions of this format ({_FORMAT}): {remedy}")
            table = zip(*(held[name].tolist() for name in ("split", "id", "scene", "row", "col")), strict=True)
            return Predictions(
                **facts | {"seeds": tuple(facts["seeds"])},
                entries=tuple(
                    Place(split_named(split), number, scene, _known(row), _known(col))
                    for split, number, scene, row, col in table
                ),
                levels=held["levels"],
                masks=held["masks"],
                spread=held["spread"] if "spread" in held.files else None,
                thresholds=held["thresholds"] if "thresholds" in held.files else None,
            )
    except OSError as error:
        raise PredictionsError(f"{path} cannot be read ({error.strerror or error}): {remedy}") from error
    # TypeError: a single array instead of an archive, or facts that are none.
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error, PatchesError) as error:
        raise PredictionsError(f"{path} holds no predictions, or damaged ones ({error}): {remedy}") from error


def _known(number: int) -> int | None:
    return None if number == _NONE else number


def predict(
    detector: Detector,
    patches: PatchSet[Any],
    *,
    threshold: float | None = None,
    protocol: str = "",
    data: str = "",
    pixel_size_m: float | None = None,
    engine: str = "auto",
    precision: Precision = "float32",
    progress: bool = False,
) -> Predictions:
    """Map every patch as a scene of its own and keep it beside its truth.

    Args:
        detector: to be scored.
        patches: whose truth is known, wholly or in part.
        threshold: between 0 and 1; the card's where None.
        protocol: in words, for the record.
        data: name of the data, for the record.
        pixel_size_m: ground sampling of the patches; that of the detector's training data where None.
        engine: as for a map.
        precision: as for a map.
        progress: show a bar on stderr when it takes over two seconds.

    Raises:
        ChannelError: the patches lack a channel that the detector needs.
        PatchesError: there is no patch, one is damaged, or no pixel has a known truth.
        SettingsError: the threshold is not between 0 and 1.
    """
    card = detector.card
    chosen = card.threshold if threshold is None else threshold
    if not 0 < chosen < 1:
        raise SettingsError(f"the threshold {chosen:g} must lie between 0 and 1")
    if not len(patches):
        raise PatchesError("no patch was left to evaluate: choose scenes and rows that the set has")
    levels: list[NDArray[np.uint8]] = []
    masks: list[NDArray[np.uint8]] = []
    for patch, probability in tqdm(
        predict_patches(detector, patches, InferenceOptions(engine, precision)),
        total=len(patches),
        desc="evaluating",
        unit="patch",
        disable=not progress,
        delay=2,
    ):
        levels.append(encode_probability(probability))
        masks.append(patch.mask)
    if not any((mask != NODATA).any() for mask in masks):
        raise PatchesError("no pixel of these patches has a known truth: give patches with masks")
    seed = card.recipe.get("seed")
    return Predictions(
        detector=card.name,
        threshold=chosen,
        protocol=protocol,
        data=data,
        seeds=(seed,) if isinstance(seed, int) else (),
        entries=tuple(Place(entry.split, entry.id, entry.scene, entry.row, entry.col) for entry in patches.entries),
        levels=_stacked(levels),
        masks=_stacked(masks),
        temperature=card.temperature,
        pixel_size_m=card.pixel_size_m if pixel_size_m is None else pixel_size_m,
        sha256=detector.sha256,
        recipe=card.recipe or None,
    )


def _stacked(layers: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Layers (H, W) as one array, the smaller ones continued by pixels that were not observed."""
    height, width = (max(layer.shape[axis] for layer in layers) for axis in (0, 1))
    stacked = np.full((len(layers), height, width), NODATA, np.uint8)
    for place, layer in zip(stacked, layers, strict=True):
        place[: layer.shape[0], : layer.shape[1]] = layer
    return stacked
