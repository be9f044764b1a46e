"""Risk-coverage curves: the error rate left when the most uncertain pixels are rejected.

Pixels are sorted by uncertainty. Risk is the fraction of wrong pixels (false positives and false negatives) among the
retained ones, coverage the fraction that is retained. The area under this curve (AURC, Geifman et al. 2019, arXiv
1805.08206) is compared with that of an oracle, which rejects wrong pixels first, and with that of a random order, which
is the fraction of wrong pixels. Uncertainty takes 251 values: pixels of one value are retained in random order, and the
figures are means over all such orders.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from landslip.metrics.counts import Counts
from landslip.probability import LANDSLIDE, MAX_ENCODED, NODATA, STEP

UncertaintyName = Literal["probability", "tta"]
REJECTED: Final = tuple(round(0.05 * step, 2) for step in range(20))

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """How well a measure of uncertainty ranks the errors of a prediction."""

    uncertainty: UncertaintyName
    """``probability``: distance of the probability to the threshold; ``tta``: standard deviation over four flips."""
    pixels: int
    wrong: int
    aurc: float
    aurc_oracle: float
    aurc_random: float
    """The fraction of wrong pixels."""
    auroc: float | None
    """Probability that a wrong pixel is more uncertain than a correct one; None if all are correct or all wrong."""
    rejected: tuple[float, ...]
    """Fraction of the pixels that is rejected, the most uncertain first."""
    risk: tuple[float, ...]
    """Fraction of wrong pixels among the retained ones, at each of ``rejected``."""
    risk_oracle: tuple[float, ...]
    f1: tuple[float, ...]
    """F1 of the retained pixels."""

    @property
    def excess(self) -> float | None:
        """AURC rescaled to 0 for the oracle and 1 for a random order; None where the two are equal."""
        width = self.aurc_random - self.aurc_oracle
        return (self.aurc - self.aurc_oracle) / width if width > 1e-12 else None

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return asdict(self) | {"excess": self.excess}


def rank_by_probability(
    encoded: NDArray[np.uint8], masks: NDArray[np.uint8], found: NDArray[np.bool_], threshold: float
) -> RiskCoverage:
    """Rank pixels by the distance of their probability to the threshold, relative to the range on their side of it.

    Args:
        encoded: encoded probability, 255 for nodata.
        masks: reference of the same shape; pixels that are nodata in either are left out.
        found: where a landslide was predicted.
        threshold: probability between 0 and 1.
    """
    offset = np.arange(MAX_ENCODED + 1) * STEP - threshold
    distance = np.where(offset >= 0, offset / (1 - threshold), -offset / threshold)
    # Probabilities on both sides at the same distance are one class, whatever rounding makes of it.
    values, index = np.unique(-distance.round(9), return_inverse=True)
    classes = np.zeros((len(values), 4), np.int64)
    np.add.at(classes, index, _counts_by_value(encoded, encoded, masks, found))
    return risk_coverage("probability", classes)


def rank_by_std(
    std: NDArray[np.uint8], encoded: NDArray[np.uint8], masks: NDArray[np.uint8], found: NDArray[np.bool_]
) -> RiskCoverage:
    """Rank pixels by the standard deviation of their probability over test-time augmentation.

    Args:
        std: standard deviation, encoded like a probability.
        encoded: encoded probability, 255 for nodata.
        masks: reference of the same shape; pixels that are nodata in either are left out.
        found: where a landslide was predicted.
    """
    return risk_coverage("tta", _counts_by_value(std, encoded, masks, found))


def _counts_by_value(
    uncertainty: NDArray[np.uint8],
    encoded: NDArray[np.uint8],
    masks: NDArray[np.uint8],
    found: NDArray[np.bool_],
) -> Counts:
    """Count the pixels of each encoded uncertainty, (251, 4)."""
    valid = (masks != NODATA) & (encoded != NODATA)
    outcome = np.where(masks == LANDSLIDE, np.where(found, 0, 2), np.where(found, 1, 3))
    codes = 4 * uncertainty[valid].astype(np.int64) + outcome[valid]
    return np.bincount(codes, minlength=4 * (MAX_ENCODED + 1)).reshape(-1, 4).astype(np.int64)


def risk_coverage(uncertainty: UncertaintyName, classes: Counts) -> RiskCoverage:
    """Compute the curve from counts (K, 4) of classes of equal uncertainty, the most certain first.

    Example:
        >>> curve = risk_coverage("probability", np.array([[40, 0, 0, 50], [5, 2, 3, 0]]))
        >>> round(curve.aurc, 4), curve.aurc_random, round(curve.auroc, 2)
        (0.0026, 0.05, 0.97)
    """
    wrong, pixels = classes[:, 1:3].sum(axis=1).astype(np.float64), classes.sum(axis=1).astype(np.float64)
    total, errors = float(pixels.sum()), float(wrong.sum())
    retained = tuple(1 - fraction for fraction in REJECTED)
    risk, f1 = _at(classes, np.array(retained) * total)
    return RiskCoverage(
        uncertainty=uncertainty,
        pixels=int(total),
        wrong=int(errors),
        aurc=_area(wrong, pixels),
        aurc_oracle=_area(np.array([0.0, errors]), np.array([total - errors, errors])),
        aurc_random=errors / total if total else 0.0,
        auroc=_auroc(wrong, pixels - wrong),
        rejected=REJECTED,
        risk=tuple(risk.tolist()),
        risk_oracle=tuple(max(0.0, 1 - (total - errors) / (part * total)) if total else 0.0 for part in retained),
        f1=tuple(f1.tolist()),
    )


def _area(wrong: Values, pixels: Values) -> float:
    """Return the area under risk against coverage.

    Within a class errors grow linearly with pixels, so risk is a / n + r, whose integral is known.
    """
    filled = pixels > 0
    wrong, pixels = wrong[filled], pixels[filled]
    if not len(pixels):
        return 0.0
    end, rate = pixels.cumsum(), wrong / pixels
    start = end - pixels
    before = wrong.cumsum() - wrong - rate * start
    # The first class starts at 0 pixels, where the logarithm is not defined and its factor is 0.
    growth = np.concatenate([[0.0], np.log(end[1:] / start[1:])])
    return float((before * growth + rate * pixels).sum() / end[-1])


def _at(classes: Counts, retained: Values) -> tuple[Values, Values]:
    """Return risk and F1 of the given numbers of most certain pixels; 0 and 1 for no pixel.

    Counts are interpolated within a class, so they are fractions here, unlike those of ``counts.f1``.
    """
    sums = np.concatenate([np.zeros((1, 4)), classes.cumsum(axis=0)])
    size = sums.sum(axis=1)
    # Classes without pixels would repeat a position.
    index = np.flatnonzero(np.concatenate([[True], np.diff(size) > 0]))
    tp, fp, fn, tn = (np.interp(retained, size[index], sums[index, column]) for column in range(4))
    whole, called = tp + fp + fn + tn, 2 * tp + fp + fn
    risk = np.divide(fp + fn, whole, out=np.zeros_like(whole), where=whole > 0)
    return risk, np.divide(2 * tp, called, out=np.ones_like(called), where=called > 0)


def _auroc(wrong: Values, right: Values) -> float | None:
    """Return the AUROC of telling wrong from correct pixels, most certain classes first; ties count half."""
    if not wrong.sum() or not right.sum():
        return None
    more_certain = right.cumsum() - right / 2
    return float(wrong @ more_certain / (wrong.sum() * right.sum()))
