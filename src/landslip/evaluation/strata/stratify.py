"""Pixel accuracy by strata: by classes of a covariate, and by distance to the outline of a landslide."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import PatchSet
from landslip.errors import PredictionsError
from landslip.evaluation.objects.boundary import distance_px
from landslip.evaluation.objects.mosaics import find_mosaics
from landslip.evaluation.predictions import Predictions, resampling_units
from landslip.evaluation.strata.covariates import Covariate, Layer, covariates_for
from landslip.files.progress import Progress, no_progress, track
from landslip.metrics.counts import Counts, f1, precision, recall
from landslip.metrics.intervals import DRAWS, ResamplingUnits, percentile_interval, reported_ends, resample
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA

BORDER_EDGES_M: Final = (-math.inf, -500, -200, -100, -50, -30, -20, -10, 0, 10, 20, 30, 50, 100, math.inf)
_FARTHEST_M: Final = 500.0


@dataclass(frozen=True, slots=True)
class Stratum:
    """The pixels of one class of a covariate."""

    label: str
    low: float | None
    """None for no lower bound."""
    high: float | None
    tp: int
    fp: int
    fn: int
    tn: int
    f1: float
    f1_low: float | None
    """Of the bootstrap interval of F1; None for too few resampling units."""
    f1_high: float | None
    precision: float
    recall: float

    @property
    def pixels(self) -> int:
        """Labelled pixels."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def landslide_fraction(self) -> float | None:
        """Fraction of the labelled pixels that is landslide; None for an empty class."""
        return (self.tp + self.fn) / self.pixels if self.pixels else None

    @property
    def false_alarm_rate(self) -> float | None:
        """FP / (FP + TN); None without background."""
        return self.fp / (self.fp + self.tn) if self.fp + self.tn else None

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        names = ("pixels", "landslide_fraction", "false_alarm_rate")
        return asdict(self) | {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Strata:
    """All classes of one covariate."""

    name: str
    title: str
    unit: str
    strata: tuple[Stratum, ...]
    unknown_px: int
    """Labelled pixels without a value of the covariate."""
    over: str
    """The resampling units of the intervals, in words."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return asdict(self) | {"strata": [one.as_dict() for one in self.strata]}


def stratify(
    predictions: Predictions,
    patches: PatchSet[Any],
    covariates: Sequence[Covariate] | None = None,
    units: ResamplingUnits | None = None,
    *,
    draws: int = DRAWS,
    progress: Progress = no_progress,
) -> tuple[Strata, ...]:
    """Compute the pixel accuracy by classes of covariates.

    Args:
        predictions: of these patches.
        patches: in the same order.
        covariates: all that can be computed from the channels where None.
        units: resampling units of the intervals; blocks if all positions are known, else patches, where None.
        draws: number of resamples.
        progress: called with ``("strata", patches done, patches)``.

    Raises:
        PredictionsError: the patches are not those that were predicted.
        PatchesError: a patch is damaged.
    """
    chosen = covariates_for(patches.channels) if covariates is None else tuple(covariates)
    _check_same(predictions, patches)
    counts = [np.zeros((len(predictions), len(one.edges), 4), np.int64) for one in chosen]
    rows = zip(track(patches, progress, "strata", len(patches)), predictions.found, predictions.masks, strict=True)
    for index, (patch, found, mask) in enumerate(rows):
        height, width = patch.mask.shape
        for one, table in zip(chosen, counts, strict=True):
            layer = one.compute(patch, predictions.pixel_size_m)
            table[index] = _count_classes(layer, one.edges, found[:height, :width], mask[:height, :width])
    units = units or resampling_units(predictions.entries)
    return tuple(
        _strata(one.name, one.title, one.unit, one.edges, one.labels, table, units, draws)
        for one, table in zip(chosen, counts, strict=True)
    )


def stratify_by_border(predictions: Predictions, units: ResamplingUnits | None = None, *, draws: int = DRAWS) -> Strata:
    """Compute the pixel accuracy by signed distance to the outline of reference landslides, positive inside.

    Neighbouring patches are joined first. The distance of a pixel is that of its centre to the centre of the nearest
    pixel of the other class, less half a pixel. Without a reference landslide all pixels are in the outermost class.

    Raises:
        PredictionsError: two patches have the same position.
    """
    table = np.zeros((len(predictions), len(BORDER_EDGES_M), 4), np.int64)
    found = predictions.found
    for index, signed_m in _signed_distances(predictions):
        table[index] = _count_classes(signed_m, BORDER_EDGES_M, found[index], predictions.masks[index])
    units = units or resampling_units(predictions.entries)
    title = "Distance to the outline of a landslide, positive inside"
    return _strata("border", title, "m", BORDER_EDGES_M, (), table, units, draws)


def _signed_distances(predictions: Predictions) -> Iterator[tuple[int, Layer]]:
    """Yield the index of each patch with the distance of its pixels to the outline, (H, W) in metres."""
    _, height, width = predictions.masks.shape
    limit_px = _FARTHEST_M / predictions.pixel_size_m + 1
    for mosaic in find_mosaics(predictions.entries):
        mask = mosaic.join(predictions.masks, NODATA)
        inside, outside = (distance_px(mask == kind, limit_px) for kind in (BACKGROUND, LANDSLIDE))
        signed_px = np.where(mask == LANDSLIDE, inside - 0.5, 0.5 - outside)
        signed_m = signed_px * np.float32(predictions.pixel_size_m)
        for index, (row, col) in mosaic.cells:
            yield index, signed_m[row * height : (row + 1) * height, col * width : (col + 1) * width]


def _count_classes(layer: Layer, edges: Sequence[float], found: NDArray[np.bool_], mask: NDArray[np.uint8]) -> Counts:
    """Count the pixels of each class, and in the last row those outside all classes, (K + 1, 4)."""
    classes = len(edges) - 1
    with np.errstate(invalid="ignore"):
        index = np.searchsorted(np.asarray(edges), layer, side="right") - 1
        index[layer == edges[-1]] = classes - 1
        index[~((layer >= edges[0]) & (layer <= edges[-1]))] = classes
    kind = np.where(mask == LANDSLIDE, np.where(found, 0, 2), np.where(found, 1, 3))
    labelled = mask != NODATA
    codes = np.bincount(index[labelled] * 4 + kind[labelled], minlength=4 * (classes + 1))
    return codes.reshape(classes + 1, 4).astype(np.int64)


def _strata(
    name: str,
    title: str,
    unit: str,
    edges: Sequence[float],
    labels: Sequence[str],
    table: Counts,
    units: ResamplingUnits,
    draws: int,
) -> Strata:
    total = table.sum(axis=0)
    sums = units.sum_over(table.reshape(len(table), -1))
    lows, highs = percentile_interval(f1(resample(sums, draws).reshape(draws, len(edges), 4)))
    strata = []
    for index, (low, high) in enumerate(itertools.pairwise(edges)):
        here = total[index]
        tp, fp, fn, tn = here.tolist()
        f1_low, f1_high = reported_ends(float(lows[index]), float(highs[index]), units.count)
        strata.append(
            Stratum(
                label=labels[index] if labels else _label(low, high, unit),
                low=None if math.isinf(low) else float(low),
                high=None if math.isinf(high) else float(high),
                tp=tp,
                fp=fp,
                fn=fn,
                tn=tn,
                f1=float(f1(here)),
                f1_low=f1_low,
                f1_high=f1_high,
                precision=float(precision(here)),
                recall=float(recall(here)),
            )
        )
    return Strata(name, title, unit, tuple(strata), int(total[-1].sum()), units.text)


def _label(low: float, high: float, unit: str) -> str:
    of = f" {unit}" if unit and unit != "°" else unit
    if math.isinf(low):
        return f"below {high:g}{of}"
    return f"{low:g}{of} and more" if math.isinf(high) else f"{low:g} to {high:g}{of}"


def _check_same(predictions: Predictions, patches: PatchSet[Any]) -> None:
    def keys(entries: Iterable[Any]) -> list[tuple[str, int, str]]:
        return [(entry.split, entry.id, entry.scene) for entry in entries]

    if keys(predictions.entries) != keys(patches.entries):
        raise PredictionsError(
            f"the {len(patches)} patches are not the {len(predictions)} predicted ones, or in another order: give the "
            "patches that were predicted",
            parameter="patches",
        )
