"""Scores a detector on labelled patches, by running what a map runs: same engine, same graph, same thresholding."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from landslip.detector import Detector
from landslip.engines import Precision, open_engine
from landslip.errors import ChannelError, PatchesError, SettingsError
from landslip.evaluation.pixel import PixelCounts, count_pixels
from landslip.levels import at_least, to_levels
from landslip.mapping.tiles.predict import Predictor, lattice_for, predict_array
from landslip.patches.patch import NOT_OBSERVED, Patch
from landslip.patches.rgb import RgbSet

Mapper = Callable[[NDArray[np.float32], NDArray[np.bool_]], NDArray[np.float32]]
"""Gives the probability (H, W), NaN where not observed, for values (C, H, W) and what was observed (H, W)."""


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
    patches: RgbSet,
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
        PatchesError: there is no patch, or one is damaged.
        SettingsError: the threshold is not between 0 and 1.
    """
    if threshold is not None and not 0 < threshold < 1:
        raise SettingsError(f"the threshold {threshold:g} must lie between 0 and 1")
    if not len(patches):
        raise PatchesError(f"no patch of {patches.folder} was left to evaluate: choose scenes and rows that it has")
    chosen = detector.card.threshold if threshold is None else threshold
    mapped = map_patches(detector, patches, engine=engine, precision=precision, progress=progress)
    scores = tuple(
        PatchScore(patch.id, patch.scene, count_pixels(at_least(to_levels(probability), chosen), patch.mask))
        for patch, probability in mapped
    )
    return Evaluation(detector.card.name, chosen, scores)


def map_patches(
    detector: Detector,
    patches: RgbSet,
    *,
    engine: str = "auto",
    precision: Precision = "float32",
    progress: bool = False,
) -> Iterator[tuple[Patch, NDArray[np.float32]]]:
    """Give each patch with its probability (H, W), NaN where not observed.

    Raises:
        ChannelError: a patch lacks a channel that the detector needs.
    """
    mapper = mapper_for(detector, engine=engine, precision=precision)
    for patch in tqdm(patches, total=len(patches), desc="evaluating", unit="patch", disable=not progress, delay=2):
        missing = [name for name in detector.card.channels if name not in patch.channels]
        if missing:
            raise ChannelError(
                f"{detector.card.name} needs the channel {', '.join(missing)}, which patch {patch.id} lacks: "
                f"it has {', '.join(patch.channels)}"
            )
        values = patch.values[[patch.channels.index(name) for name in detector.card.channels]]
        yield patch, mapper(values, patch.mask != NOT_OBSERVED)


def mapper_for(detector: Detector, *, engine: str = "auto", precision: Precision = "float32") -> Mapper:
    """What maps a small array as if it were a scene; arrays of one size share an engine."""
    predictors: dict[tuple[int, int], Predictor] = {}

    def mapper(values: NDArray[np.float32], observed: NDArray[np.bool_]) -> NDArray[np.float32]:
        height, width = observed.shape
        if (height, width) not in predictors:
            lattice = lattice_for(detector.card, height, width)
            opened = open_engine(
                detector, engine, height=lattice.tile_height, width=lattice.tile_width, precision=precision
            )
            predictors[height, width] = Predictor(opened, lattice)
        return predict_array(predictors[height, width], values, observed)

    return mapper
