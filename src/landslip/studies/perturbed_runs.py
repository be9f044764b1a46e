"""Scores of a detector on several variants of the same patches, such as perturbed images or images without a channel.

The result of each variant is kept in a small file, so that an interrupted run resumes.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import Entry
from landslip.detector.detector import Detector
from landslip.errors import OutputError, SettingsError
from landslip.files.atomic import write_text
from landslip.files.progress import Progress, no_progress
from landslip.inference.engine import DEFAULT_OPTIONS, InferenceOptions, resolve_options
from landslip.inference.predict import ArrayPredictor
from landslip.metrics.counts import Counts, count_pixels
from landslip.metrics.thresholds import ProbabilityHistogram, best_threshold
from landslip.probability import encode_probability, reaches_threshold

SETTINGS_FILE: Final = "study.json"
_VARIANTS: Final = "variants"


@dataclass(frozen=True, slots=True)
class Sample:
    """An image and its reference mask."""

    row: int
    """Row of the table of counts that it adds to: a patch, or a block of patches."""
    values: NDArray[np.float32]
    """(C, H, W) in the detector's channel order; NaN where nodata."""
    mask: NDArray[np.uint8]
    """(H, W): landslide 1, background 0, nodata 255."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One version of all images."""

    key: str
    """Name of its file: letters, digits, dots and dashes."""
    samples: Callable[[], Iterable[Sample]]
    count: int
    """Number of samples."""
    tile_px: int | None = None
    """Tile size of the network, if it varies; the card's where None."""


@dataclass(frozen=True, slots=True, eq=False)
class VariantScore:
    """Counts of a detector on one variant."""

    counts: Counts
    """(R, 4) at the detector's threshold, a row per patch or block."""
    best_f1: float
    """F1 at the best threshold of this variant: the difference to F1 is lost to calibration."""
    best_threshold: float


def score_variants(
    detector: Detector,
    variants: Sequence[Variant],
    rows: int,
    folder: Path,
    *,
    settings: Mapping[str, Any],
    threshold: float | None = None,
    options: InferenceOptions = DEFAULT_OPTIONS,
    progress: Progress = no_progress,
) -> dict[str, VariantScore]:
    """Score a detector on every variant that has no result in the folder yet.

    Args:
        detector: the detector to score.
        variants: with different keys.
        rows: number of rows of the table of counts.
        folder: for the results.
        settings: whatever else decides the counts; a folder with other settings is refused.
        threshold: between 0 and 1; the card's where None.
        options: engine, precision and threads.
        progress: called with the number of samples.

    Raises:
        OutputError: the folder belongs to another run, or cannot be written.
        SettingsError: the threshold is not between 0 and 1.
    """
    chosen = detector.card.threshold if threshold is None else threshold
    if not 0 < chosen < 1:
        raise SettingsError(f"threshold must lie between 0 and 1, got {chosen:g}", parameter="threshold")
    run, resolved = resolve_options(detector, options)
    facts = {"detector": run.sha256, "threshold": chosen, "precision": resolved.precision, "rows": rows}
    claim_folder(folder, {**facts, **settings})
    (folder / _VARIANTS).mkdir(exist_ok=True)
    scores = {one.key: kept for one in variants if (kept := _read_score(folder, one.key, rows)) is not None}
    total, done = sum(one.count for one in variants), sum(one.count for one in variants if one.key in scores)
    predictors: dict[int | None, ArrayPredictor] = {}
    for variant in variants:
        if variant.key in scores:
            continue
        if variant.tile_px not in predictors:
            predictors[variant.tile_px] = ArrayPredictor(run, resolved, tile_px=variant.tile_px)
        counts, histogram = np.zeros((rows, 4), np.int64), _empty_histogram()
        for sample in variant.samples():
            histogram += _score_sample(predictors[variant.tile_px], sample, chosen, counts)
            done += 1
            progress("predicting", done, total)
        best = best_threshold([histogram])
        scores[variant.key] = VariantScore(counts, histogram.at(best).f1, best)
        _write_score(folder, variant.key, scores[variant.key])
    return {variant.key: scores[variant.key] for variant in variants}


def hash_entries(entries: Sequence[Entry]) -> str:
    """Return a SHA-256 of which patches these are, and in which order."""
    text = "\n".join(f"{one.split}/{one.id}/{one.scene}/{one.row}/{one.col}" for one in entries)
    return hashlib.sha256(text.encode()).hexdigest()


def claim_folder(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write the settings of a run into a folder, or check that the folder belongs to a run with the same settings.

    Raises:
        OutputError: it belongs to another run, or cannot be written.
    """
    path = folder / SETTINGS_FILE
    text = json.dumps(settings, indent=1, sort_keys=True) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_text(path, text)
            return
        known, given = json.loads(path.read_text(encoding="utf-8")), json.loads(text)
        if not isinstance(known, dict):
            raise ValueError("not a JSON object")
    except ValueError as error:
        raise OutputError(f"{path} is damaged ({error}): use another output folder", parameter="folder") from error
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written to ({error.strerror or error}): use a folder you may write to",
            parameter="folder",
        ) from error
    if known != given:
        different = sorted(name for name in {*known, *given} if known.get(name) != given.get(name))
        raise OutputError(
            f"{folder} belongs to another run (different {', '.join(different)}): use another output folder",
            parameter="folder",
        )


def _score_sample(predictor: ArrayPredictor, sample: Sample, threshold: float, counts: Counts) -> ProbabilityHistogram:
    encoded = encode_probability(predictor(sample.values))
    here = count_pixels(reaches_threshold(encoded, threshold), sample.mask)
    counts[sample.row] += (here.tp, here.fp, here.fn, here.tn)
    return ProbabilityHistogram.of_encoded(encoded, sample.mask)


def _empty_histogram() -> ProbabilityHistogram:
    return ProbabilityHistogram.of_encoded(np.zeros(0, np.uint8), np.zeros(0, np.uint8))


def _read_score(folder: Path, key: str, rows: int) -> VariantScore | None:
    path = folder / _VARIANTS / f"{key}.json"
    if not path.exists():
        return None
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        counts = np.array(kept["counts"], np.int64)
        if counts.shape != (rows, 4):
            raise ValueError(f"counts of shape {counts.shape}")
        return VariantScore(counts, float(kept["best_f1"]), float(kept["best_threshold"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{path} is damaged ({error}): delete it and run again") from error


def _write_score(folder: Path, key: str, score: VariantScore) -> None:
    kept = {"counts": score.counts.tolist(), "best_f1": score.best_f1, "best_threshold": score.best_threshold}
    write_text(folder / _VARIANTS / f"{key}.json", json.dumps(kept) + "\n")
