"""What detectors say of patches, run once and kept: the network that learns from it sees every patch many times."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import PatchSet
from landslip.detector.detector import Detector
from landslip.errors import PatchesError
from landslip.inference.patch_prediction import map_patches
from landslip.post_training.ensemble import ensemble
from landslip.post_training.graph_tta import Turns


def opinions(
    detectors: Sequence[Detector], patches: PatchSet[Any], *, turns: Turns = "none", progress: bool = False
) -> NDArray[np.float16]:
    """The mean probability of some detectors for each patch, by the path that maps take; truth is not looked at.

    Half precision keeps a probability to 0.0005 and costs 2 bytes a pixel.

    Args:
        detectors: one or several; they may take channels that the student does without.
        patches: all of one size.
        turns: in which turns and flips they look.
        progress: show a bar on stderr when it takes over two seconds.

    Returns:
        (N, H, W), NaN where the image was not observed.

    Raises:
        ChannelError: the patches lack a channel that a detector needs.
        DetectorError: the detectors do not go together.
        PatchesError: the patches differ in size.
    """
    one = detectors[0] if len(detectors) == 1 and turns == "none" else ensemble(detectors, "teacher", turns=turns)
    said = [probability.astype(np.float16) for _, probability in map_patches(one, patches, progress=progress)]
    sizes = {probability.shape for probability in said}
    if len(sizes) != 1:
        raise PatchesError(f"the patches have {len(sizes)} different sizes: a teacher needs patches of one size")
    return np.stack(said)
