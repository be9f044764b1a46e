"""The detector of change of a map: a trained network of two dates, or the baseline regression."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from landslip.change.baseline import measure_change, packaged_baseline, predict_new
from landslip.change.evidence import VisibleChange
from landslip.detector.detector import Detector
from landslip.errors import DetectorError

Image = NDArray[np.float32]

BASELINE: Final = "rgb-change-baseline"
"""Name of the regression (``change/baseline.py``), which runs no network of its own."""
DEFAULT_CHANGE: Final = BASELINE
"""The detector of change that is used by default."""


@dataclass(frozen=True, slots=True)
class ChangeDetector:
    """How a map of two dates finds what is new: by a network of both dates, or without one by the baseline."""

    network: Detector | None = None

    @classmethod
    def open(cls, name_or_path: str | Path | None = None) -> Self:
        """Open a detector of change.

        Args:
            name_or_path: ``rgb-change-baseline``, the name of a packaged detector of two dates, or the path of one; the
                default where None.

        Raises:
            DetectorError: there is no such detector, or it takes one date.

        Example:
            >>> ChangeDetector.open("rgb-change-baseline").threshold
            0.54
        """
        chosen = DEFAULT_CHANGE if name_or_path is None else name_or_path
        return cls() if str(chosen) == BASELINE else cls.of(Detector.open(chosen))

    @classmethod
    def of(cls, detector: Detector) -> Self:
        """Return the detector of change that is a network.

        Raises:
            DetectorError: it takes one date.
        """
        if detector.card.dates != 2:
            raise DetectorError(
                f"detector '{detector.card.name}' takes one date ({', '.join(detector.card.channels)}): give a "
                f"detector of change, which takes two, or {BASELINE}",
                parameter="change_detector",
            )
        return cls(detector)

    @property
    def name(self) -> str:
        """Name of the detector."""
        return self.network.card.name if self.network else packaged_baseline().name

    @property
    def trained_on(self) -> str:
        """What it was trained on, in words."""
        return self.network.card.trained_on if self.network else packaged_baseline().trained_on

    @property
    def threshold(self) -> float:
        """Probability from which a landslide is new."""
        return self.network.card.threshold if self.network else packaged_baseline().threshold

    @property
    def identity(self) -> dict[str, object]:
        """Everything that its result depends on, except for the precision of the engine."""
        return {"card": packaged_baseline().model_dump(mode="json")} | (
            {"network": self.network.sha256} if self.network else {}
        )

    def predict(self, after: Image, change: VisibleChange, both: Image | None) -> Image:
        """Return the probability (h, w) that a pixel is a landslide that is new; NaN where ``after`` is.

        Args:
            after: (h, w) probability that a pixel is landslide in the image after.
            change: of visible light, (h, w).
            both: (h, w) probability of the network of both dates; None for the baseline.
        """
        if both is None:
            return predict_new(after, change)
        return combine(after, both, change)


def combine(after: Image, both: Image, change: VisibleChange) -> Image:
    """Combine the probabilities of both networks and the change of visible light.

    Ground that neither brightened nor lost greenness is not new, whatever the network (``measure_change``).

    Args:
        after: (h, w) of the network of one date.
        both: (h, w) of the network of two dates.
        change: of visible light, (h, w).
    """
    new = both * measure_change(change)
    return np.where(np.isfinite(after), new, np.nan).astype(np.float32)
