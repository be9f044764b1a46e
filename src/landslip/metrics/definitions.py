"""Other definitions of precision, recall, F1 and IoU that are published, each under its own name.

``pooled`` is the one that landslip means wherever it says F1. The others are here so that a paper's number can be put
beside its own kind, never beside a pooled one: on the same maps they differ by more than most papers' gains.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from landslip.errors import SettingsError
from landslip.evaluation.predictions import Predictions
from landslip.metrics import count_tables as table
from landslip.metrics.count_tables import Counts

BATCH: Final = 16
"""Patches a batch in arXiv 2507.01123."""
SMOOTHING: Final = 1e-7


@dataclass(frozen=True, slots=True)
class Ratios:
    """Precision, recall, F1 and IoU by one definition."""

    f1: float
    precision: float
    recall: float
    iou: float

    def as_dict(self) -> dict[str, float]:
        """By name, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Definition:
    """How figures are made of the counts of patches."""

    name: str
    text: str
    of: Callable[[Counts], Ratios]
    """Makes them of counts (N, 4) in the order of the set; N is above 0."""


def _pooled(counts: Counts) -> Ratios:
    return _mean(counts.sum(axis=0, keepdims=True))


def _per_patch(counts: Counts) -> Ratios:
    # A patch of which the truth observed nothing says nothing.
    known = counts[counts.sum(axis=1) > 0]
    return _mean(known if len(known) else counts[:1])


def _macro(counts: Counts) -> Ratios:
    total = counts.sum(axis=0)
    return _mean(np.stack([total, table.swapped(total)]))


def _batch_mean(counts: Counts) -> Ratios:
    batches = np.add.reduceat(counts, np.arange(0, len(counts), BATCH), axis=0)
    tp, fp, fn = (batches[:, column].astype(np.float64) for column in range(3))
    precision, recall = tp / (tp + fp + SMOOTHING), tp / (tp + fn + SMOOTHING)
    f1 = 2 * precision * recall / (precision + recall + SMOOTHING)
    iou = tp / (tp + fp + fn + SMOOTHING)
    return Ratios(*(float(values.mean()) for values in (f1, precision, recall, iou)))


def _mean(counts: Counts) -> Ratios:
    return Ratios(**{name: float(figure(counts).mean()) for name, figure in table.FIGURES.items()})


_ALL: Final = (
    Definition("pooled", "landslide class, counts summed over all pixels of all patches", _pooled),
    Definition(
        "batch-mean",
        f"landslide class, mean over consecutive batches of {BATCH} patches in the order of the set, {SMOOTHING:g} "
        "added to every denominator: a batch where nothing is right counts 0, even where there was nothing to find",
        _batch_mean,
    ),
    Definition(
        "per-patch",
        "landslide class, mean over patches of which the truth knows anything; a patch counts 1 where there was "
        "nothing to find and nothing was found",
        _per_patch,
    ),
    Definition("macro", "mean over both classes, landslide and not landslide, of counts summed over all", _macro),
)
DEFINITIONS: Final[Mapping[str, Definition]] = MappingProxyType({one.name: one for one in _ALL})
"""Every definition by its name, the one that landslip means first."""


def definitions_named(names: Iterable[str]) -> tuple[Definition, ...]:
    """Find definitions by their names.

    Raises:
        SettingsError: there is no such definition.
    """
    wanted = tuple(dict.fromkeys(name.strip() for name in names))
    unknown = [name for name in wanted if name not in DEFINITIONS]
    if unknown:
        raise SettingsError(f"'{unknown[0]}' is not a definition of the figures: allowed are {', '.join(DEFINITIONS)}")
    return tuple(DEFINITIONS[name] for name in wanted)


def by_definition(predictions: Predictions, names: Iterable[str] = tuple(DEFINITIONS)) -> dict[str, Ratios]:
    """The figures of predictions by several definitions.

    Args:
        predictions: of one patch or more.
        names: of the definitions.

    Raises:
        SettingsError: there is no such definition.
    """
    chosen, counts = definitions_named(names), table.counts_of(predictions)
    return {definition.name: definition.of(counts) for definition in chosen}
