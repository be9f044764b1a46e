"""The detector of change of a map: the baseline regression, alone or with a trained network of two dates.

Both dates are also judged by the detector of one image: a landslide that is in the image before is not new.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from landslip.change.baseline import packaged_baseline, predict_new
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
    """How a map of two dates finds what is new: by the baseline, and a network of both dates where there is one."""

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
            0.37
        """
        name_or_path = name_or_path or DEFAULT_CHANGE
        return cls() if str(name_or_path) == BASELINE else cls.of(Detector.open(name_or_path))

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

    def predict(self, after: Image, before: Image, change: VisibleChange, both: Image | None) -> Image:
        """Return the probability (h, w) that a pixel is a landslide that is new; NaN where ``after`` is.

        Args:
            after: (h, w) probability that a pixel is landslide in the image after.
            before: (h, w) probability that it is in the image before; NaN counts as 0.
            change: of visible light, (h, w).
            both: (h, w) probability of the network of both dates; None for the baseline.
        """
        return combine(predict_new(after, change), before, both)


def combine(baseline: Image, before: Image, both: Image | None = None) -> Image:
    """Combine what tells that a landslide is new.

    The geometric mean of the baseline and, where there is one, the network of both dates, times the probability that
    the ground was no landslide before. Compared with other ways on made pairs (``benchmarks/change_detectors.py``).

    Args:
        baseline: (h, w) of ``predict_new``.
        before: (h, w) probability of landslide in the image before; NaN counts as 0.
        both: (h, w) of the network.

    Example:
        >>> bool(np.allclose(combine(np.array([0.8, 0.8]), np.array([0.0, 0.5]), np.array([0.2, 0.2])), [0.4, 0.2]))
        True
    """
    score = baseline
    if both is not None:
        score = np.sqrt(baseline * both)
    return np.asarray(score * (1 - np.nan_to_num(before, nan=0.0)), np.float32)
