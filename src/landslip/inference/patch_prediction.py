"""Prediction on labelled patches: each patch is mapped like a small scene, by the code that maps scenes.

Pixels without a label are still shown to the network; only pixels where a channel is NaN or infinite are nodata.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import Patch, PatchSet
from landslip.detector.detector import Detector
from landslip.errors import ChannelError
from landslip.files.progress import Progress, no_progress, track
from landslip.inference.engine import DEFAULT_OPTIONS, InferenceOptions
from landslip.inference.predict import ArrayPredictor


def predict_patches(
    detector: Detector,
    patches: PatchSet[Any],
    options: InferenceOptions = DEFAULT_OPTIONS,
    *,
    progress: Progress = no_progress,
    stage: str = "predicting",
) -> Iterator[tuple[Patch, NDArray[np.float32]]]:
    """Yield each patch with its probability (H, W), NaN where the image is nodata.

    Args:
        detector: the detector to run.
        patches: read one by one, in their order.
        options: engine, precision and threads.
        progress: called with ``(stage, patches done, patches)``.
        stage: name of the stage for ``progress``.

    Raises:
        ChannelError: a patch lacks a channel that the detector needs.
    """
    predictor = ArrayPredictor(detector, options)
    for patch in track(patches, progress, stage, len(patches)):
        yield patch, predictor(select_channels(detector, patch))


def select_channels(detector: Detector, patch: Patch) -> NDArray[np.float32]:
    """Return the channels (C, H, W) of a patch that a detector takes, in the detector's order.

    Raises:
        ChannelError: the patch lacks a channel that the detector needs.
    """
    try:
        return patch.select(detector.card.channels)
    except ChannelError as error:
        raise ChannelError(f"detector '{detector.card.name}' cannot run: {error}") from error
