"""Predictions of a detector on labelled patches, with the reference masks: every metric is computed from them.

A file of predictions is a NumPy ``.npz`` archive of plain arrays (never a pickle) and one JSON string of metadata.
"""

import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import UNKNOWN_SCENE, Entry, Split, split_named
from landslip.errors import PatchesError, PredictionsError, SettingsError
from landslip.files.atomic import atomic_path
from landslip.metrics.counts import Counts, count_patches
from landslip.metrics.intervals import ResamplingUnits, block_units, patch_units
from landslip.metrics.thresholds import ProbabilityHistogram
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA, reaches_threshold

_FORMAT: Final = "landslip predictions 2"
_UNKNOWN: Final = -1
"""Stands for an unknown row or column in a file."""
_METADATA: Final = (
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
class PatchPosition:
    """Identity of a patch and its position in a scene, in patches; satisfies ``datasets.patch_set.Entry``."""

    split: Split
    id: int
    scene: str
    row: int | None
    col: int | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Predictions:
    """Predictions of a detector on labelled patches, with the reference.

    Patches smaller than the largest one are padded to the right and below with nodata in both layers.
    """

    detector: str
    threshold: float
    protocol: str
    """In words: the training data, and their relation to these patches."""
    data: str
    seeds: tuple[int, ...]
    entries: tuple[PatchPosition, ...]
    encoded: NDArray[np.uint8]
    """(N, H, W) encoded probability (``probability.py``), 255 for nodata."""
    masks: NDArray[np.uint8]
    """(N, H, W) reference: landslide 1, background 0, nodata 255."""
    tta_std: NDArray[np.uint8] | None = None
    """(N, H, W) standard deviation of the probability over four flips, encoded like a probability, if it was asked
    for."""
    temperature: float = 1.0
    """By which the logits were divided; 1 if unknown or not a single number."""
    pixel_size_m: float = 10.0
    sha256: str = ""
    """Of the detector file; empty if there is no file."""
    recipe: dict[str, Any] | None = None
    """Training recipe of the detector, or of the detectors of all folds, if known."""
    thresholds: NDArray[np.float64] | None = None
    """(N,) threshold of each patch, where the patches were predicted by several detectors with thresholds of their
    own; ``threshold`` is then the mean."""

    def __post_init__(self) -> None:
        shape = self.encoded.shape
        layers = [self.masks, *([] if self.tta_std is None else [self.tta_std])]
        if len(shape) != 3 or len(self.entries) != shape[0] or any(layer.shape != shape for layer in layers):
            raise PredictionsError(
                f"predictions of {len(self.entries)} patches need layers of shape (patches, height, width), got "
                f"{shape} for the probability and {self.masks.shape} for the masks"
            )
        if any(layer.dtype != np.uint8 for layer in (self.encoded, *layers)):
            raise PredictionsError(
                "encoded probability and masks must be uint8: encode probabilities with encode_probability"
            )
        if not np.isin(self.masks, (LANDSLIDE, BACKGROUND, NODATA)).all():
            raise PredictionsError(
                "masks must hold 1 for landslide, 0 for background and 255 for nodata: map other values to these",
                parameter="masks",
            )
        check_threshold(self.threshold)
        if self.thresholds is not None and (
            self.thresholds.shape != shape[:1] or not ((self.thresholds > 0) & (self.thresholds < 1)).all()
        ):
            raise PredictionsError(
                f"thresholds of {shape[0]} patches must be {shape[0]} numbers between 0 and 1", parameter="thresholds"
            )
        for name in ("pixel_size_m", "temperature"):
            if not getattr(self, name) > 0:
                raise SettingsError(f"{name} must be positive, got {getattr(self, name):g}", parameter=name)

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        return (
            f"Predictions({self.detector!r}, {len(self)} patches of {self.data!r}, threshold={self.threshold:g}"
            f"{', tta_std' if self.tta_std is not None else ''})"
        )

    @property
    def found(self) -> NDArray[np.bool_]:
        """(N, H, W): True where a landslide is predicted; False for nodata."""
        if self.thresholds is None:
            return reaches_threshold(self.encoded, self.threshold)
        found = np.empty(self.encoded.shape, np.bool_)
        for row, encoded, threshold in zip(found, self.encoded, self.thresholds.tolist(), strict=True):
            row[:] = reaches_threshold(encoded, threshold)
        return found

    @property
    def scenes(self) -> tuple[str, ...]:
        """Names of the scenes of the patches, sorted."""
        return tuple(sorted({entry.scene for entry in self.entries}))

    def positions_of(self, scene: str) -> NDArray[np.intp]:
        """Return the indices of the patches of a scene."""
        return np.array([index for index, entry in enumerate(self.entries) if entry.scene == scene], np.intp)

    def counts(self) -> Counts:
        """Count the pixels of each patch: (N, 4) TP, FP, FN, TN."""
        return count_patches(self.found, self.masks)

    def histogram(self) -> ProbabilityHistogram:
        """Count landslide and background pixels at each encoded probability."""
        return ProbabilityHistogram.of_encoded(self.encoded, self.masks)

    def where(self, keep: Callable[[PatchPosition], bool]) -> Self:
        """Return the patches for which ``keep`` is true."""
        return self.take(np.array([index for index, entry in enumerate(self.entries) if keep(entry)], np.intp))

    def take(self, positions: NDArray[np.intp]) -> Self:
        """Return the patches at some indices, in that order."""
        return replace(
            self,
            entries=tuple(self.entries[position] for position in positions),
            encoded=self.encoded[positions],
            masks=self.masks[positions],
            tta_std=None if self.tta_std is None else self.tta_std[positions],
            thresholds=None if self.thresholds is None else self.thresholds[positions],
        )

    def labelled(self) -> Self:
        """Return the patches with a mask; without one a patch has no counts and is no resampling unit."""
        return self.take(np.flatnonzero((self.masks != NODATA).any(axis=(1, 2))))

    def at(self, threshold: float) -> Self:
        """Return the same predictions with another threshold for all patches."""
        return replace(self, threshold=threshold, thresholds=None)

    def save(self, path: str | Path) -> None:
        """Write an ``.npz`` file, atomically.

        Raises:
            OutputError: it cannot be written.
        """
        arrays: dict[str, NDArray[Any]] = {
            "encoded": self.encoded,
            "masks": self.masks,
            "split": np.array([entry.split for entry in self.entries], np.str_),
            "id": np.array([entry.id for entry in self.entries], np.int64),
            "scene": np.array([entry.scene for entry in self.entries], np.str_),
            "row": np.array([_UNKNOWN if entry.row is None else entry.row for entry in self.entries], np.int64),
            "col": np.array([_UNKNOWN if entry.col is None else entry.col for entry in self.entries], np.int64),
        }
        for name in ("tta_std", "thresholds"):
            if (layer := getattr(self, name)) is not None:
                arrays[name] = layer
        metadata = {"format": _FORMAT} | {name: getattr(self, name) for name in _METADATA}
        arrays["metadata"] = np.array(json.dumps(metadata))
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)


def check_threshold(threshold: float) -> None:
    """Check that a threshold lies between 0 and 1.

    Raises:
        SettingsError: it does not.
    """
    if not 0 < threshold < 1:
        raise SettingsError(f"threshold must lie between 0 and 1, got {threshold:g}", parameter="threshold")


def load_predictions(path: str | Path) -> Predictions:
    """Read a file written by ``Predictions.save``.

    Raises:
        PredictionsError: the file cannot be read, is damaged, or is of another format or version.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> encoded, masks = np.full((1, 2, 2), 200, np.uint8), np.ones((1, 2, 2), np.uint8)
        >>> entries = (PatchPosition("test", 1, "A", 0, 0),)
        >>> with TemporaryDirectory() as folder:
        ...     Predictions("mine", 0.5, "", "example", (), entries, encoded, masks).save(f"{folder}/p.npz")
        ...     load_predictions(f"{folder}/p.npz")
        Predictions('mine', 1 patches of 'example', threshold=0.5)
    """
    path, remedy = Path(path), "give a file of predictions saved by landslip's evaluation"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            # Version 1 held its metadata under another name.
            names = set(getattr(archive, "files", ()))
            if "metadata" not in names and {"facts", "masks"} <= names:
                raise PredictionsError(
                    f"{path} has the format 'landslip predictions 1', expected '{_FORMAT}': run the evaluation again"
                )
            metadata = json.loads(str(archive["metadata"]))
            if (version := metadata.pop("format", None)) != _FORMAT:
                raise PredictionsError(
                    f"{path} has the format '{version}', expected '{_FORMAT}': run the evaluation again"
                )
            table = zip(*(archive[name].tolist() for name in ("split", "id", "scene", "row", "col")), strict=True)
            return Predictions(
                **metadata | {"seeds": tuple(metadata["seeds"])},
                entries=tuple(
                    PatchPosition(split_named(split), number, scene, _known(row), _known(col))
                    for split, number, scene, row, col in table
                ),
                encoded=archive["encoded"],
                masks=archive["masks"],
                tta_std=archive["tta_std"] if "tta_std" in names else None,
                thresholds=archive["thresholds"] if "thresholds" in names else None,
            )
    except OSError as error:
        raise PredictionsError(f"{path} cannot be read ({error.strerror or error}): {remedy}") from error
    # TypeError: a single array instead of an archive, or unknown metadata.
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error, PatchesError) as error:
        raise PredictionsError(f"{path} is damaged, or not a file of predictions ({error}): {remedy}") from error


def _known(number: int) -> int | None:
    return None if number == _UNKNOWN else number


def resampling_units(entries: Sequence[Entry]) -> ResamplingUnits:
    """Return blocks of neighbouring patches as resampling units if all positions are known, else single patches."""
    cells = [
        (entry.scene, entry.row, entry.col)
        for entry in entries
        if entry.scene != UNKNOWN_SCENE and entry.row is not None and entry.col is not None
    ]
    return block_units(cells) if cells and len(cells) == len(entries) else patch_units(len(entries))
