"""The baseline detector of change: probability after and evidence of change in a logistic regression, pixel by pixel.

Coefficients are fitted on made pairs (``benchmarks/fit_change.py``) and packaged with their provenance.
"""

from functools import cache
from importlib.resources import files
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from landslip.change.evidence import VisibleChange
from landslip.files.model import FrozenRecord

FEATURES: Final = (
    "logit_probability",
    "brightening",
    "greenness_loss",
    "reddening",
    "brightening_least",
    "bareness_before",
    "bareness_after",
)
"""Terms of the regression, in order; the first is the logit of the probability that a pixel is landslide after."""
_PROBABILITY_LIMIT: Final = 0.004
"""Probabilities are stored in steps of this; the logit is limited there."""
_EVIDENCE_LIMIT: Final = 1.5
"""Logarithms beyond this (a factor of 4.5) are clouds or nodata that was not declared."""


class ChangeCard(FrozenRecord):
    """A detector of change and its provenance."""

    name: str
    dates: Annotated[int, Field(ge=2, le=2)]
    """Number of dates that it takes."""
    channels: tuple[str, ...]
    """Of both dates."""
    features: tuple[str, ...]
    coefficients: tuple[float, ...]
    intercept: float
    threshold: Annotated[float, Field(gt=0, lt=1)]
    threshold_selection: str
    least_change: Annotated[float, Field(gt=0)]
    """Brightening or loss of greenness (natural logarithms) below which nothing is new, however sure the landslide is:
    the accuracy of Sentinel-2's radiometry and what co-registration leaves are a few percent."""
    detector: str
    """Whose probability the regression was fitted with."""
    trained_on: str
    scores: dict[str, float]
    """On made pairs that were not used in fitting."""
    not_good_for: tuple[str, ...]
    version: str

    @model_validator(mode="after")
    def _known_features(self) -> "ChangeCard":
        if self.features != FEATURES or len(self.coefficients) != len(FEATURES):
            raise ValueError(f"features must be {', '.join(FEATURES)}, with one coefficient each")
        return self


@cache
def packaged_baseline() -> ChangeCard:
    """Return the packaged detector of change.

    Example:
        >>> packaged_baseline().dates
        2
    """
    text = files("landslip.change").joinpath("baseline.json").read_text(encoding="utf-8")
    return ChangeCard.model_validate_json(text)


def stack_features(probability: NDArray[np.float32], change: VisibleChange) -> NDArray[np.float32]:
    """Stack the terms of the regression, (7, h, w).

    Args:
        probability: (h, w) that a pixel is landslide in the image after; NaN counts as 0.
        change: of visible light, (h, w).
    """
    held = np.clip(np.nan_to_num(probability, nan=0.0), _PROBABILITY_LIMIT, 1 - _PROBABILITY_LIMIT)
    evidence = [getattr(change, name) for name in FEATURES[1:]]
    return np.stack([np.log(held / (1 - held)), *(np.clip(one, -_EVIDENCE_LIMIT, _EVIDENCE_LIMIT) for one in evidence)])


def predict_new(
    probability: NDArray[np.float32], change: VisibleChange, card: ChangeCard | None = None
) -> NDArray[np.float32]:
    """Return the probability (h, w) that a pixel is a landslide that is new; NaN where ``probability`` is.

    Args:
        probability: (h, w) that a pixel is landslide in the image after.
        change: of visible light, (h, w).
        card: with the coefficients; the packaged ones where None.
    """
    card = card or packaged_baseline()
    features = stack_features(probability, change).astype(np.float64)
    score = np.full(probability.shape, card.intercept)
    for coefficient, feature in zip(card.coefficients, features, strict=True):
        score += coefficient * feature
    new = 1 / (1 + np.exp(-np.clip(score, -500, 500)))
    new = new * measure_change(change, card)
    return np.where(np.isfinite(probability), new, np.nan).astype(np.float32)


def measure_change(change: VisibleChange, card: ChangeCard | None = None) -> NDArray[np.float32]:
    """Return a factor (h, w) from 0, where the ground did not change enough to be new, to 1.

    It rises from half of the least change of the card to the whole of it.

    Args:
        change: of visible light, (h, w).
        card: with the least change; the packaged one where None.
    """
    least = (card or packaged_baseline()).least_change
    return np.clip(2 * np.maximum(change.brightening, change.greenness_loss) / np.float32(least) - 1, 0, 1)
