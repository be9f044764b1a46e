"""What a place is like: images of it, spread evenly, that a detector can be adapted to. No truth is looked at."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import PatchSet
from landslip.detector.detector import Detector
from landslip.errors import PatchesError
from landslip.grid.spread_windows import places_over
from landslip.inference.gap_filling import fill_gaps
from landslip.inference.patch_prediction import image_observed, values_for
from landslip.post_training.adaptation import LEAST_IMAGES
from landslip.scenes.scene import Scene

MOST_A_SIDE: Final = 16
"""Images along each side of a scene; their square is the most that is looked at, of patches too."""
_LEAST_OBSERVED: Final = 0.75
"""What a gap is filled with is smooth: too much of it would say that the place is."""


def images_of_scene(detector: Detector, scene: Scene) -> list[NDArray[np.float32]]:
    """Images (C, H, W) of a scene, as large as the detector's tiles, or smaller where the scene is small.

    Raises:
        ChannelError: the scene lacks a channel that the detector needs.
        SceneError: it cannot be read.
    """
    side, multiple = detector.card.tile_px, detector.card.size_multiple
    images = list(_of_side(detector, scene, side))
    while len(images) < LEAST_IMAGES and (side := side // 2 // multiple * multiple) >= multiple:
        images = list(_of_side(detector, scene, side))
    return images


def _of_side(detector: Detector, scene: Scene, side: int) -> Iterator[NDArray[np.float32]]:
    for window in places_over(scene.window, side, MOST_A_SIDE):
        if (window.height, window.width) == (side, side):
            values, observed = scene.read(detector.card.channels, window)
            if observed.mean() >= _LEAST_OBSERVED:
                yield fill_gaps(values, observed)


def images_of_patches(detector: Detector, patches: PatchSet[Any]) -> list[NDArray[np.float32]]:
    """Images (C, H, W) of patches, cut below and to the right to one size that the detector takes.

    Raises:
        ChannelError: the patches lack a channel that the detector needs.
        PatchesError: one is too small.
    """
    multiple = detector.card.size_multiple
    most = MOST_A_SIDE**2
    spread = np.unique(np.linspace(0, max(0, len(patches) - 1), min(len(patches), most)).astype(int)).tolist()
    found = [values_for(detector, patches.read(patches.entries[place])) for place in spread]
    height, width = (min((one.shape[axis] for one in found), default=multiple) for axis in (1, 2))
    if min(height, width) < multiple:
        raise PatchesError(
            f"a patch of {height} x {width} px is smaller than {multiple} px, the least that {detector.card.name} "
            "takes: leave it out"
        )
    images = []
    for values in found:
        cut = values[:, : height // multiple * multiple, : width // multiple * multiple]
        observed = image_observed(cut)
        if observed.mean() >= _LEAST_OBSERVED:
            images.append(fill_gaps(cut, observed))
    return images
