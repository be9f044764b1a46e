"""Figures by class of the ground: how much of it there is, and how right the map is on it."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import PatchSet
from landslip.errors import PredictionsError
from landslip.evaluation.objects.boundary import distance_px
from landslip.evaluation.objects.mosaics import mosaics
from landslip.evaluation.predictions import Predictions
from landslip.evaluation.strata.covariates import Covariate, Layer, covariates_for
from landslip.metrics.count_tables import f1, precision, recall
from landslip.metrics.intervals import CONFIDENCE, DRAWS, Units, best_units, resampled
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA

BORDER_EDGES_M: Final = (-math.inf, -500, -200, -100, -50, -30, -20, -10, 0, 10, 20, 30, 50, 100, math.inf)
_FARTHEST_M: Final = 500.0

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stratum:
    """Ground of one class."""

    label: str
    low: float | None
    """None where the class has no lower bound."""
    high: float | None
    tp: int
    fp: int
    fn: int
    tn: int
    f1: float
    f1_low: float
    """Of the interval of F1, blocks or patches drawn with replacement."""
    f1_high: float
    precision: float
    recall: float

    @property
    def pixels(self) -> int:
        """Of which truth is known."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def landslide_share(self) -> float | None:
        """Share of them that is landslide; None where there is none of this ground."""
        return (self.tp + self.fn) / self.pixels if self.pixels else None

    @property
    def false_alarm_rate(self) -> float | None:
        """Share of the ground without landslides that was called one; None where there is no such ground."""
        return self.fp / (self.fp + self.tn) if self.fp + self.tn else None

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        names = ("pixels", "landslide_share", "false_alarm_rate")
        return asdict(self) | {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Strata:
    """All classes of one covariate."""

    name: str
    title: str
    unit: str
    strata: tuple[Stratum, ...]
    unknown_px: int
    """Pixels of known truth whose covariate is not known."""
    drawn: str
    """What was drawn for the intervals."""

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return asdict(self) | {"strata": [one.as_dict() for one in self.strata]}


def by_ground(
    predictions: Predictions,
    patches: PatchSet[Any],
    covariates: Sequence[Covariate] | None = None,
    units: Units | None = None,
    *,
    draws: int = DRAWS,
    watch: Callable[[int], None] = lambda done: None,
) -> tuple[Strata, ...]:
    """Figures by what the ground is like.

    Args:
        predictions: of these patches.
        patches: in the same order.
        covariates: all that their channels let one tell where None.
        units: of the intervals; blocks where all places are known, else patches, where None.
        draws: resamples of the intervals.
        watch: told how many patches are done.

    Raises:
        PredictionsError: the patches are not those that were predicted.
        PatchesError: a patch is damaged.
    """
    chosen = covariates_for(patches.channels) if covariates is None else tuple(covariates)
    _check_same(predictions, patches)
    counts = [np.zeros((len(predictions), len(one.edges), 4), np.int64) for one in chosen]
    for place, (patch, found, mask) in enumerate(zip(patches, predictions.found, predictions.masks, strict=True)):
        height, width = patch.mask.shape
        for one, table in zip(chosen, counts, strict=True):
            layer = one.of(patch, predictions.pixel_size_m)
            table[place] = _counted(layer, one.edges, found[:height, :width], mask[:height, :width])
        watch(place + 1)
    units = units or best_units(predictions.entries)
    return tuple(
        _strata(one.name, one.title, one.unit, one.edges, one.labels, table, units, draws)
        for one, table in zip(chosen, counts, strict=True)
    )


def by_border(predictions: Predictions, units: Units | None = None, *, draws: int = DRAWS) -> Strata:
    """Figures by distance to the border of the truth's landslides: below 0 m outside of them, above 0 inside.

    Patches that touch are joined first. A pixel's distance is that of its middle to the nearest pixel of the other
    kind, less half a pixel. Where the truth holds no landslide, all lies farthest outside.

    Raises:
        PredictionsError: two patches have one place.
    """
    table = np.zeros((len(predictions), len(BORDER_EDGES_M), 4), np.int64)
    found = predictions.found
    for place, signed_m in _signed_distances(predictions):
        table[place] = _counted(signed_m, BORDER_EDGES_M, found[place], predictions.masks[place])
    units = units or best_units(predictions.entries)
    title = "Distance to the border of a landslide, inside above 0"
    return _strata("border", title, "m", BORDER_EDGES_M, (), table, units, draws)


def _signed_distances(predictions: Predictions) -> Iterator[tuple[int, Layer]]:
    """Each patch with the distance of its pixels to the border, (H, W) in metres."""
    _, height, width = predictions.masks.shape
    limit_px = _FARTHEST_M / predictions.pixel_size_m + 1
    for mosaic in mosaics(predictions.entries):
        mask = mosaic.join(predictions.masks, NODATA)
        landslide = mask == LANDSLIDE
        inside, outside = (distance_px(mask == kind, limit_px) for kind in (BACKGROUND, LANDSLIDE))
        signed_m = np.where(landslide, inside - 0.5, 0.5 - outside) * np.float32(predictions.pixel_size_m)
        for place, (row, col) in mosaic.cells:
            yield place, signed_m[row * height : (row + 1) * height, col * width : (col + 1) * width]


def _counted(layer: Layer, edges: Sequence[float], found: NDArray[np.bool_], mask: NDArray[np.uint8]) -> Counts:
    """Counts of each class, and last those outside of all, (K + 1, 4)."""
    classes = len(edges) - 1
    with np.errstate(invalid="ignore"):
        place = np.searchsorted(np.asarray(edges), layer, side="right") - 1
        place[layer == edges[-1]] = classes - 1
        place[~((layer >= edges[0]) & (layer <= edges[-1]))] = classes
    kind = np.where(mask == LANDSLIDE, np.where(found, 0, 2), np.where(found, 1, 3))
    known = mask != NODATA
    codes = np.bincount(place[known] * 4 + kind[known], minlength=4 * (classes + 1))
    return codes.reshape(classes + 1, 4).astype(np.int64)


def _strata(
    name: str,
    title: str,
    unit: str,
    edges: Sequence[float],
    labels: Sequence[str],
    table: Counts,
    units: Units,
    draws: int,
) -> Strata:
    total = table.sum(axis=0)
    sums = units.sums(table.reshape(len(table), -1))
    drawn = f1(resampled(sums, draws, 0).reshape(draws, len(edges), 4))
    lows, highs = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    bounds = list(itertools.pairwise(edges))
    strata = []
    for place, (low, high) in enumerate(bounds):
        here = total[place]
        tp, fp, fn, tn = (int(count) for count in here)
        strata.append(
            Stratum(
                label=labels[place] if labels else _label(low, high, unit),
                low=None if math.isinf(low) else float(low),
                high=None if math.isinf(high) else float(high),
                tp=tp,
                fp=fp,
                fn=fn,
                tn=tn,
                f1=float(f1(here)),
                f1_low=float(lows[place]),
                f1_high=float(highs[place]),
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
            f"{len(predictions)} patches were predicted and {len(patches)} are given, not the same or in another "
            "order: give the patches that were predicted"
        )
