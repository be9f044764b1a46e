"""Scores a detector on many variants of the same ground: patches changed in some way, or shown without some channel.

What a finished variant gave is kept in a small file, so that a run that was stopped goes on where it was.
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
from landslip.inference.engine import InferenceOptions, Precision
from landslip.inference.predict import ArrayPredictor
from landslip.metrics.count_tables import Counts
from landslip.metrics.counts import LevelCounts, best_threshold, count_pixels
from landslip.probability import encode_probability, reaches_threshold

Watch = Callable[[str, int, int], None]
ASKED: Final = "asked.json"
_PARTS: Final = "parts"


@dataclass(frozen=True, slots=True)
class Piece:
    """An image to be mapped and its truth."""

    row: int
    """Of the table of counts that it adds to: a patch, or a block of them."""
    values: NDArray[np.float32]
    """(C, H, W) in the detector's order of channels; NaN where not observed."""
    mask: NDArray[np.uint8]
    """(H, W): landslide 1, not landslide 0, not observed 255."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to show the ground."""

    key: str
    """Names its file: letters, digits, dots and dashes."""
    pieces: Callable[[], Iterable[Piece]]
    count: int
    """How many pieces there are."""
    tile_px: int | None = None
    """How much the network sees at once, where that is what varies."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What a detector did on one variant."""

    counts: Counts
    """(R, 4) at the detector's threshold, a row for each patch or block."""
    best_f1: float
    """At the threshold that would have been best on this very variant: what is lost beside calibration."""
    best_threshold: float


def measure(
    detector: Detector,
    variants: Sequence[Variant],
    rows: int,
    folder: Path,
    *,
    asked: Mapping[str, Any],
    threshold: float | None = None,
    engine: str = "auto",
    precision: Precision = "float32",
    watch: Watch = lambda doing, done, total: None,
) -> dict[str, Measured]:
    """Score a detector on every variant that was not scored before.

    Args:
        detector: to be scored.
        variants: with different keys.
        rows: of the table of counts.
        folder: what is finished is kept here.
        asked: what else decides the counts; a folder of another run is refused.
        threshold: between 0 and 1; the card's where None.
        engine: as for a map.
        precision: as for a map.
        watch: told what is being done, how many pieces are done and how many there are.

    Raises:
        OutputError: the folder belongs to another run, or cannot be written.
        SettingsError: the threshold is not between 0 and 1.
    """
    chosen = detector.card.threshold if threshold is None else threshold
    if not 0 < chosen < 1:
        raise SettingsError(f"the threshold {chosen:g} must lie between 0 and 1")
    facts = {"detector": detector.sha256, "threshold": chosen, "precision": precision, "rows": rows, **asked}
    claim(folder, facts)
    (folder / _PARTS).mkdir(exist_ok=True)
    made = {variant.key: held for variant in variants if (held := _kept(folder, variant.key, rows)) is not None}
    total, done = sum(variant.count for variant in variants), sum(v.count for v in variants if v.key in made)
    mappers: dict[int | None, ArrayPredictor] = {}
    for variant in variants:
        if variant.key in made:
            continue
        if variant.tile_px not in mappers:
            mappers[variant.tile_px] = ArrayPredictor(
                detector, InferenceOptions(engine, precision), tile_px=variant.tile_px
            )
        counts, levels = np.zeros((rows, 4), np.int64), _none()
        for piece in variant.pieces():
            levels += _score(mappers[variant.tile_px], piece, chosen, counts)
            done += 1
            watch("mapping variants", done, total)
        best = best_threshold([levels])
        made[variant.key] = Measured(counts, levels.at(best).f1, best)
        _keep(folder, variant.key, made[variant.key])
    return {variant.key: made[variant.key] for variant in variants}


def entries_sha256(entries: Sequence[Entry]) -> str:
    """A hash of which patches these are, and in which order."""
    text = "\n".join(f"{one.split}/{one.id}/{one.scene}/{one.row}/{one.col}" for one in entries)
    return hashlib.sha256(text.encode()).hexdigest()


def _score(mapper: ArrayPredictor, piece: Piece, threshold: float, counts: Counts) -> LevelCounts:
    levels = encode_probability(mapper(piece.values))
    here = count_pixels(reaches_threshold(levels, threshold), piece.mask)
    counts[piece.row] += (here.tp, here.fp, here.fn, here.tn)
    return LevelCounts.of_levels(levels, piece.mask)


def _none() -> LevelCounts:
    return LevelCounts.of_levels(np.zeros(0, np.uint8), np.zeros(0, np.uint8))


def claim(folder: Path, facts: Mapping[str, Any]) -> None:
    """Take a folder for a run, or find that it is this run's already.

    Raises:
        OutputError: it belongs to another run, or cannot be written.
    """
    path = folder / ASKED
    text = json.dumps(facts, indent=1, sort_keys=True) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            held = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(held, dict):
                raise ValueError("it holds no settings")
            if held != json.loads(text):
                raise OutputError(
                    f"{folder} holds another run (other {', '.join(_different(held, json.loads(text)))}): "
                    "give another folder with -o"
                )
            return
        _write(path, text)
    except ValueError as error:
        raise OutputError(f"{path} is damaged ({error}): give another folder with -o") from error
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written to ({error.strerror or error}): give a folder you may write to"
        ) from error


def _different(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def _kept(folder: Path, key: str, rows: int) -> Measured | None:
    path = folder / _PARTS / f"{key}.json"
    if not path.exists():
        return None
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        counts = np.array(held["counts"], np.int64)
        if counts.shape != (rows, 4):
            raise ValueError(f"counts of shape {counts.shape}")
        return Measured(counts, float(held["best_f1"]), float(held["best_threshold"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{path} is damaged ({error}): delete it, and it is made again") from error


def _keep(folder: Path, key: str, made: Measured) -> None:
    held = {"counts": made.counts.tolist(), "best_f1": made.best_f1, "best_threshold": made.best_threshold}
    try:
        _write(folder / _PARTS / f"{key}.json", json.dumps(held) + "\n")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to ({error.strerror or error}): make room there") from error


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
