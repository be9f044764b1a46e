"""Other published definitions of precision, recall, F1 and IoU, each under its own name.

``pooled`` is the definition that landslip uses. The others allow a comparison with papers that use them: on the same
maps they differ from the pooled values by more than most papers gain.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from landslip.errors import SettingsError
from landslip.metrics.counts import METRICS, Counts, swap_classes

BATCH: Final = 16
"""Patches per batch in arXiv 2507.01123."""
SMOOTHING: Final = 1e-7


@dataclass(frozen=True, slots=True)
class Ratios:
    """Precision, recall, F1 and IoU by one definition."""

    f1: float
    precision: float
    recall: float
    iou: float

    def as_dict(self) -> dict[str, float]:
        """Return the values by name, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Definition:
    """A way to compute the metrics from counts (N, 4) of N > 0 patches, in the order of the data set."""

    name: str
    text: str
    compute: Callable[[Counts], Ratios]


def _pooled(counts: Counts) -> Ratios:
    return _mean(counts.sum(axis=0, keepdims=True))


def _per_patch(counts: Counts) -> Ratios:
    valid = counts[counts.sum(axis=1) > 0]
    return _mean(valid if len(valid) else counts[:1])


def _macro(counts: Counts) -> Ratios:
    total = counts.sum(axis=0)
    return _mean(np.stack([total, swap_classes(total)]))


def _batch_mean(counts: Counts) -> Ratios:
    """Not built on ``METRICS``: the smoothing term is part of this definition."""
    batches = np.add.reduceat(counts, np.arange(0, len(counts), BATCH), axis=0)
    tp, fp, fn = (batches[:, column].astype(np.float64) for column in range(3))
    precision, recall = tp / (tp + fp + SMOOTHING), tp / (tp + fn + SMOOTHING)
    f1 = 2 * precision * recall / (precision + recall + SMOOTHING)
    iou = tp / (tp + fp + fn + SMOOTHING)
    return Ratios(*(float(values.mean()) for values in (f1, precision, recall, iou)))


def _mean(counts: Counts) -> Ratios:
    return Ratios(**{name: float(metric(counts).mean()) for name, metric in METRICS.items()})


_ALL: Final = (
    Definition("pooled", "landslide class, counts summed over all pixels of all patches", _pooled),
    Definition(
        "batch-mean",
        f"landslide class, mean over consecutive batches of {BATCH} patches in the order of the data set, with "
        f"{SMOOTHING:g} added to every denominator; a batch without a true positive scores 0, even if it holds no "
        "landslide",
        _batch_mean,
    ),
    Definition(
        "per-patch",
        "landslide class, mean over patches with at least one valid pixel; a patch without landslides in reference "
        "and prediction scores 1",
        _per_patch,
    ),
    Definition("macro", "mean over the classes landslide and background of counts summed over all pixels", _macro),
)
DEFINITIONS: Final[Mapping[str, Definition]] = MappingProxyType({one.name: one for one in _ALL})
"""Every definition by its name, ``pooled`` first."""


def check_definitions(names: Iterable[str]) -> tuple[Definition, ...]:
    """Return definitions by name, each once.

    Raises:
        SettingsError: a name is unknown.
    """
    wanted = tuple(dict.fromkeys(name.strip() for name in names))
    unknown = [name for name in wanted if name not in DEFINITIONS]
    if unknown:
        raise SettingsError(
            f"unknown definition '{unknown[0]}': allowed are {', '.join(DEFINITIONS)}", parameter="definitions"
        )
    return tuple(DEFINITIONS[name] for name in wanted)


def compute_definitions(counts: Counts, names: Iterable[str] = tuple(DEFINITIONS)) -> dict[str, Ratios]:
    """Compute the metrics by several definitions.

    Args:
        counts: (N, 4) TP, FP, FN, TN of one patch or more, in the order of the data set.
        names: of the definitions.

    Raises:
        SettingsError: a name is unknown.

    Example:
        >>> counts = np.array([[10, 0, 10, 80], [0, 0, 0, 100]])
        >>> {name: round(ratios.f1, 3) for name, ratios in compute_definitions(counts, ["pooled", "per-patch"]).items()}
        {'pooled': 0.667, 'per-patch': 0.833}
    """
    return {definition.name: definition.compute(counts) for definition in check_definitions(names)}
