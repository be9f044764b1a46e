"""Does uncertainty rank errors? Risk against coverage: what is left when the least sure pixels are set aside.

Pixels are put in order of how sure the detector is. Risk is the share of wrong pixels (found where there is none, or
not found where there is one) among those that are kept, coverage their share of all. The area under that curve (AURC,
Geifman et al. 2019, arXiv 1805.08206) is to be held against that of an oracle, which sets aside the wrong ones first,
and that of chance, which is the share of wrong pixels itself. Uncertainty comes in 251 levels: pixels of one level are
taken in random order, and the figures are the mean over all such orders.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from landslip.errors import PredictionsError, SettingsError
from landslip.evaluation.predictions import Predictions
from landslip.probability import LANDSLIDE, MAX_ENCODED, NODATA, STEP

Kind = Literal["probability", "spread"]
SET_ASIDE: Final = tuple(round(0.05 * step, 2) for step in range(20))

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RiskCurve:
    """How the errors of a map lie in the order of its uncertainty."""

    kind: Kind
    pixels: int
    wrong: int
    aurc: float
    aurc_oracle: float
    aurc_chance: float
    """The share of wrong pixels, which no order changes."""
    auroc: float | None
    """Chance that a wrong pixel is less sure than a right one; None where all are right or all wrong."""
    set_aside: tuple[float, ...]
    """Share of the pixels that are set aside, the least sure first, with of those that are kept ..."""
    risk: tuple[float, ...]
    """... the share of wrong ones,"""
    risk_oracle: tuple[float, ...]
    """what it could be,"""
    f1: tuple[float, ...]
    """and F1."""

    @property
    def excess(self) -> float | None:
        """Where the area lies between oracle 0 and chance 1; None where there is nothing between."""
        room = self.aurc_chance - self.aurc_oracle
        return (self.aurc - self.aurc_oracle) / room if room > 1e-12 else None

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return asdict(self) | {"excess": self.excess}


def rank_errors(predictions: Predictions, kind: Kind) -> RiskCurve:
    """Put the pixels of predictions in order of uncertainty.

    Args:
        predictions: pixels that truth or map did not observe are left out.
        kind: ``probability``, how near it lies to the threshold, measured on its side from there to 0 or 1; or
            ``spread``, how much several answers differ.

    Raises:
        PredictionsError: the spread is not known.
        SettingsError: there is no such kind.
    """
    if kind not in ("probability", "spread"):
        raise SettingsError(f"'{kind}' is no uncertainty: allowed are probability and spread")
    if kind == "spread" and predictions.spread is None:
        raise PredictionsError(
            "these predictions do not say how much several answers differ: predict with turns, or join those of "
            "several detectors"
        )
    table = np.zeros((MAX_ENCODED + 1, 4), np.int64)
    said = predictions.levels if kind == "probability" or predictions.spread is None else predictions.spread
    for levels, unsure, found, mask in zip(predictions.levels, said, predictions.found, predictions.masks, strict=True):
        known = (mask != NODATA) & (levels != NODATA)
        outcome = np.where(mask == LANDSLIDE, np.where(found, 0, 2), np.where(found, 1, 3))
        codes = 4 * unsure[known].astype(np.int64) + outcome[known]
        table += np.bincount(codes, minlength=4 * (MAX_ENCODED + 1)).reshape(-1, 4)
    if kind == "spread":
        return risk_curve(kind, table)
    # Levels on both sides that are equally sure are one class, whatever rounding makes of it.
    away, place = np.unique(-_away_from(predictions.threshold).round(9), return_inverse=True)
    classes = np.zeros((len(away), 4), np.int64)
    np.add.at(classes, place, table)
    return risk_curve(kind, classes)


def _away_from(threshold: float) -> Values:
    """How far each level lies from a threshold, by how far it can on its side: both 0 and 1 are as sure as can be."""
    away = np.arange(MAX_ENCODED + 1) * STEP - threshold
    return np.asarray(np.where(away >= 0, away / (1 - threshold), -away / threshold), np.float64)


def risk_curve(kind: Kind, table: NDArray[np.int64]) -> RiskCurve:
    """The curve of counts (K, 4), tp, fp, fn, tn, of classes from the surest to the least sure."""
    wrong, pixels = table[:, 1:3].sum(axis=1).astype(np.float64), table.sum(axis=1).astype(np.float64)
    total, errors = float(pixels.sum()), float(wrong.sum())
    kept = tuple(1 - share for share in SET_ASIDE)
    risk, f1 = _at(table, np.array(kept) * total)
    return RiskCurve(
        kind=kind,
        pixels=int(total),
        wrong=int(errors),
        aurc=_area(wrong, pixels),
        aurc_oracle=_area(np.array([0.0, errors]), np.array([total - errors, errors])),
        aurc_chance=errors / total if total else 0.0,
        auroc=_auroc(wrong, pixels - wrong),
        set_aside=SET_ASIDE,
        risk=tuple(risk.tolist()),
        risk_oracle=tuple(max(0.0, 1 - (total - errors) / (share * total)) if total else 0.0 for share in kept),
        f1=tuple(f1.tolist()),
    )


def _area(wrong: Values, pixels: Values) -> float:
    """Area under risk against coverage, classes from the surest on, each spread evenly over its coverage.

    Within a class errors grow linearly with pixels, so risk is a / n + r, whose integral is known.
    """
    filled = pixels > 0
    wrong, pixels = wrong[filled], pixels[filled]
    if not len(pixels):
        return 0.0
    end, rate = pixels.cumsum(), wrong / pixels
    start = end - pixels
    before = wrong.cumsum() - wrong - rate * start
    # The first class has nothing before it, and no logarithm.
    grown = np.concatenate([[0.0], np.log(end[1:] / start[1:])])
    return float((before * grown + rate * pixels).sum() / end[-1])


def _at(table: NDArray[np.int64], kept: Values) -> tuple[Values, Values]:
    """Risk and F1 of so many of the surest pixels; 0 and 1 where there is none."""
    sums = np.concatenate([np.zeros((1, 4)), table.cumsum(axis=0)])
    size = sums.sum(axis=1)
    # Classes without pixels would make places double.
    place = np.flatnonzero(np.concatenate([[True], np.diff(size) > 0]))
    tp, fp, fn, tn = (np.interp(kept, size[place], sums[place, column]) for column in range(4))
    whole, called = tp + fp + fn + tn, 2 * tp + fp + fn
    risk = np.divide(fp + fn, whole, out=np.zeros_like(whole), where=whole > 0)
    return risk, np.divide(2 * tp, called, out=np.ones_like(called), where=called > 0)


def _auroc(wrong: Values, right: Values) -> float | None:
    """Area under the ROC curve of telling wrong from right, classes from the surest on; ties count half."""
    if not wrong.sum() or not right.sum():
        return None
    surer = right.cumsum() - right / 2
    return float(wrong @ surer / (wrong.sum() * right.sum()))
