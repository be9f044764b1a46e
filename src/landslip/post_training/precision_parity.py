"""Comparison of a detector in bfloat16 and int8 with float32: F1 of all landslides and of narrow ones.

The same patches, threshold and tiles; the reference runs in OpenVINO.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

import cc3d
import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import PatchSet
from landslip.detector.detector import Detector
from landslip.detector.precisions import PrecisionParity
from landslip.files.progress import Progress, no_progress, track
from landslip.inference.engine import InferenceOptions
from landslip.inference.patch_prediction import select_channels
from landslip.inference.predict import ArrayPredictor, valid_pixels
from landslip.metrics.counts import PixelCounts
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA, encode_probability, reaches_threshold

MAX_ENGINE_DIFFERENCE: Final = 0.005
"""Allowed mean difference in probability between the engines in one precision."""
NARROW_PX: Final = 10
"""A landslide is narrow if no square of this side fits inside it."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A detector to run on an engine in a precision; a quantised detector for int8."""

    engine: str
    precision: Literal["bfloat16", "int8"]
    detector: Detector


@dataclass(frozen=True, slots=True)
class Comparison:
    """Variants of a detector beside float32 on some patches."""

    parity: tuple[PrecisionParity, ...]
    engine_mean_difference: float
    """Largest mean absolute difference in probability between one variant and the next."""

    def failures(self, allowed: float) -> list[str]:
        """Return sentences on the figures that are not allowed."""
        found = []
        for one in self.parity:
            for what, before, after in (
                ("F1", one.f1_float32, one.f1),
                (f"F1 of landslides under {NARROW_PX} px wide", one.narrow_f1_float32, one.narrow_f1),
            ):
                if not abs(after - before) <= allowed:
                    found.append(
                        f"{what} with {one.engine} is {after:.4f} in {one.precision} and {before:.4f} in float32 "
                        f"(difference {abs(after - before):.4f}, allowed: {allowed:g})"
                    )
        if not self.engine_mean_difference <= MAX_ENGINE_DIFFERENCE:
            found.append(
                f"the engines differ by {self.engine_mean_difference:.4f} in mean probability (allowed: "
                f"{MAX_ENGINE_DIFFERENCE:g})"
            )
        return found


def compare_with_float32(
    detector: Detector, variants: Sequence[Variant], patches: PatchSet[Any], progress: Progress = no_progress
) -> Comparison:
    """Compare variants of a detector with the detector in float32, which runs in OpenVINO.

    Args:
        detector: in float32; its threshold is used for all.
        variants: to compare.
        patches: labelled.
        progress: told of patches.

    Raises:
        EngineError: an engine is not available here, or does not support the precision of a variant.

    Example:
        >>> from landslip.datasets.formats import open_patches
        >>> patches = open_patches("examples/l4s-rgb-scene-b").where(lambda entry: entry.row == 4)
        >>> detector = Detector.open("s2-rgb")
        >>> variants = [Variant("openvino", "int8", detector.open_int8())]
        >>> compare_with_float32(detector, variants, patches).parity[0].mean_difference < 0.01
        True
    """
    reference = ArrayPredictor(detector, InferenceOptions("openvino", "float32"))
    # A CPU without instructions for int8 computes the same integers in float: auto.
    predictors = [
        ArrayPredictor(one.detector, InferenceOptions(one.engine, "auto" if one.precision == "int8" else one.precision))
        for one in variants
    ]
    threshold = detector.card.threshold
    counts = [[PixelCounts(), PixelCounts()] for _ in range(1 + len(variants))]
    sums = np.zeros(len(variants))
    between, pixels = 0.0, 0
    for patch in track(patches, progress, "comparing with float32", len(patches)):
        values = select_channels(detector, patch)
        valid = valid_pixels(values)
        results = [predictor(values, valid) for predictor in (reference, *predictors)]
        for index, result in enumerate(results):
            for part, mask in enumerate((patch.mask, keep_narrow(patch.mask))):
                counts[index][part] += _count(result, mask, threshold)
        sums += [np.abs(result - results[0])[valid].sum() for result in results[1:]]
        between += max((np.abs(one - other)[valid].sum() for one, other in pairwise(results[1:])), default=0.0)
        pixels += int(valid.sum())
    f1 = [[round(one.f1, 4) for one in both] for both in counts]
    parity = tuple(
        PrecisionParity(
            engine=one.engine,
            precision=one.precision,
            f1_float32=f1[0][0],
            f1=f1[1 + index][0],
            narrow_f1_float32=f1[0][1],
            narrow_f1=f1[1 + index][1],
            mean_difference=round(float(sums[index]) / max(pixels, 1), 5),
        )
        for index, one in enumerate(variants)
    )
    return Comparison(parity, round(float(between) / max(pixels, 1), 5))


def score_precision(
    detector: Detector, options: InferenceOptions, patches: PatchSet[Any], progress: Progress = no_progress
) -> tuple[float, float]:
    """Return F1 of all landslides and of narrow ones, pooled over patches, at the card's threshold.

    Args:
        detector: to run.
        options: engine, precision and threads.
        patches: labelled.
        progress: told of patches.

    Raises:
        ChannelError: a patch lacks a channel of the detector.
        EngineError: the engine is not available here, or does not support the precision.
    """
    predict = ArrayPredictor(detector, options)
    overall, narrow = PixelCounts(), PixelCounts()
    for patch in track(patches, progress, f"scoring {options.engine} {options.precision}", len(patches)):
        result = predict(select_channels(detector, patch))
        overall += _count(result, patch.mask, detector.card.threshold)
        narrow += _count(result, keep_narrow(patch.mask), detector.card.threshold)
    return overall.f1, narrow.f1


def keep_narrow(mask: NDArray[np.uint8], width: int = NARROW_PX) -> NDArray[np.uint8]:
    """Return a mask with narrow landslides only: wide ones, and pixels within half of the width of them, are nodata.

    Args:
        mask: (H, W): landslide 1, background 0, nodata 255.
        width: in pixels; a landslide is wide if a square of this side fits inside it.

    Example:
        >>> mask = np.zeros((20, 40), np.uint8)
        >>> mask[5:15, 5:15] = mask[2:18, 30:34] = 1
        >>> [int(value) for value in keep_narrow(mask)[10, [10, 20, 32]]]
        [255, 0, 1]
    """
    labels = cc3d.connected_components((mask == LANDSLIDE).astype(np.uint8), connectivity=8)
    height, columns = mask.shape
    if min(height, columns) < width:
        return mask
    # A square fits where all of its pixels are landslide: sums over squares, from an integral image.
    sums = np.pad((mask == LANDSLIDE).astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    inside = sums[width:, width:] - sums[:-width, width:] - sums[width:, :-width] + sums[:-width, :-width]
    corners = labels[: height - width + 1, : columns - width + 1]
    wide = np.isin(labels, np.unique(corners[inside == width * width])) & (labels > 0)
    margin = width // 2
    near = np.lib.stride_tricks.sliding_window_view(np.pad(wide, margin), (2 * margin + 1, 2 * margin + 1))
    return np.where(near.any(axis=(2, 3)), np.uint8(NODATA), mask)


def _count(probability: NDArray[np.float32], mask: NDArray[np.uint8], threshold: float) -> PixelCounts:
    encoded = encode_probability(probability)
    known = (encoded != NODATA) & (mask != NODATA)
    found = reaches_threshold(encoded, threshold)[known]
    landslide, background = mask[known] == LANDSLIDE, mask[known] == BACKGROUND
    return PixelCounts(
        int((found & landslide).sum()),
        int((found & background).sum()),
        int((~found & landslide).sum()),
        int((~found & background).sum()),
    )
