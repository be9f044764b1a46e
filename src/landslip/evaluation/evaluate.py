"""Scores a detector on labelled patches, by running what a map runs: same engine, same graph, same thresholding."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from landslip.datasets.patch_set import PatchSet
from landslip.detector.detector import Detector
from landslip.evaluation.predictions import Predictions, predict
from landslip.inference.engine import Precision
from landslip.metrics.counts import PixelCounts, count_pixels


@dataclass(frozen=True, slots=True)
class PatchScore:
    """What one patch adds to the pooled counts."""

    id: int
    scene: str
    counts: PixelCounts


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores of a detector on a set of patches at one threshold."""

    detector: str
    threshold: float
    patches: tuple[PatchScore, ...]

    @property
    def pixel(self) -> PixelCounts:
        """Counts pooled over all pixels."""
        return pooled(score.counts for score in self.patches)

    @property
    def by_scene(self) -> Mapping[str, PixelCounts]:
        """Counts pooled over the pixels of each scene."""
        scenes = sorted({score.scene for score in self.patches})
        return {name: pooled(score.counts for score in self.patches if score.scene == name) for name in scenes}

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return {
            "pixel": self.pixel.as_dict(),
            "by_scene": {name: counts.as_dict() for name, counts in self.by_scene.items()},
            "threshold": self.threshold,
            "detector": self.detector,
            "patches": len(self.patches),
        }


def pooled(counts: Iterable[PixelCounts]) -> PixelCounts:
    """The sum of counts."""
    return sum(counts, PixelCounts())


def evaluate(
    detector: Detector,
    patches: PatchSet[Any],
    *,
    threshold: float | None = None,
    engine: str = "auto",
    precision: Precision = "float32",
    progress: bool = False,
) -> Evaluation:
    """Map every patch as a scene of its own and compare with its mask.

    Args:
        detector: to be scored.
        patches: whose truth is known.
        threshold: between 0 and 1; the card's where None.
        engine: as for a map.
        precision: as for a map.
        progress: show a bar on stderr when it takes over two seconds.

    Raises:
        ChannelError: the patches lack a channel that the detector needs.
        PatchesError: there is no patch, one is damaged, or no pixel has a known truth.
        SettingsError: the threshold is not between 0 and 1.
    """
    return scored(
        predict(detector, patches, threshold=threshold, engine=engine, precision=precision, progress=progress)
    )


def scored(predictions: Predictions) -> Evaluation:
    """Compare predictions with their truth."""
    rows = zip(predictions.entries, predictions.found, predictions.masks, strict=True)
    return Evaluation(
        predictions.detector,
        predictions.threshold,
        tuple(PatchScore(entry.id, entry.scene, count_pixels(found, mask)) for entry, found, mask in rows),
    )
