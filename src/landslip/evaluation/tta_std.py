"""Where several answers come from: one detector on flipped images, or several detectors."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from landslip.datasets.patch_set import PatchSet
from landslip.detector.detector import Detector
from landslip.errors import PredictionsError
from landslip.evaluation.comparison import aligned
from landslip.evaluation.predictions import Predictions
from landslip.inference.engine import InferenceOptions, Precision
from landslip.inference.patch_prediction import select_channels
from landslip.inference.predict import ArrayPredictor
from landslip.probability import NODATA, decode_probability, encode_probability


def with_spread_over_turns(
    predictions: Predictions,
    detector: Detector,
    patches: PatchSet[Any],
    *,
    engine: str = "auto",
    precision: Precision = "float32",
    progress: bool = False,
) -> Predictions:
    """Predictions with how much a detector's answers on flipped images differ, as ``landslip map --uncertainty tta``.

    Args:
        predictions: of this detector on these patches.
        detector: to run again, four times for each patch.
        patches: in the same order.
        engine: as for a map.
        precision: as for a map.
        progress: show a bar on stderr when it takes over two seconds.

    Raises:
        PredictionsError: the patches are not those that were predicted.
        ChannelError: the patches lack a channel that the detector needs.
    """
    if [entry.id for entry in patches.entries] != [entry.id for entry in predictions.entries]:
        raise PredictionsError(
            f"{len(predictions)} patches were predicted and other {len(patches)} are given: give those predicted"
        )
    predictor = ArrayPredictor(detector, InferenceOptions(engine, precision), tta=True)
    spread = np.full(predictions.levels.shape, NODATA, np.uint8)
    shown = tqdm(patches, total=len(patches), desc="turning", unit="patch", disable=not progress, delay=2)
    for place, patch in zip(spread, shown, strict=True):
        values = select_channels(detector, patch)
        height, width = patch.mask.shape
        place[:height, :width] = encode_probability(predictor(values)[1])
    return replace(predictions, spread=spread)


def ensemble_predictions(members: Sequence[Predictions]) -> Predictions:
    """Mean and spread of what several detectors say of the same patches; where one observed nothing, so does the mean.

    The threshold is the mean of theirs.

    Raises:
        PredictionsError: there are not two, or they differ in patches or truth.
    """
    if len(members) < 2:
        raise PredictionsError(f"{len(members)} predictions do not differ: give those of two detectors or more")
    first, *others = members
    together = [first, *(aligned(first, other) for other in others)]
    said = [decode_probability(member.levels) for member in together]
    mean, spread = np.mean(said, axis=0), np.std(said, axis=0)
    return replace(
        first,
        detector=" + ".join(member.detector for member in together),
        threshold=float(np.mean([member.threshold for member in together])),
        levels=encode_probability(_float32(mean)),
        spread=encode_probability(_float32(spread)),
        seeds=tuple(seed for member in together for seed in member.seeds),
        temperature=1.0,
        sha256="",
    )


def _float32(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)
