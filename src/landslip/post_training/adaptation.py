"""What a place is like: images of it, spread evenly, that a detector can be adapted to. No truth is looked at."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from tqdm import tqdm

import landslip
from landslip.datasets.patch_set import PatchSet
from landslip.detector.card import Adaptation
from landslip.detector.detector import Detector, seal
from landslip.errors import DetectorError, PatchesError, SettingsError
from landslip.grid.window import places_over
from landslip.inference.engine import outputs_of
from landslip.inference.gap_filling import fill_gaps
from landslip.inference.patch_prediction import select_channels
from landslip.inference.predict import valid_pixels
from landslip.post_training.batch_norm import Statistics, measuring, statistics_in, with_statistics
from landslip.post_training.calibration import with_card
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
    found = [select_channels(detector, patches.read(patches.entries[place])) for place in spread]
    height, width = (min((one.shape[axis] for one in found), default=multiple) for axis in (1, 2))
    if min(height, width) < multiple:
        raise PatchesError(
            f"a patch of {height} x {width} px is smaller than {multiple} px, the least that {detector.card.name} "
            "takes: leave it out"
        )
    images = []
    for values in found:
        cut = values[:, : height // multiple * multiple, : width // multiple * multiple]
        observed = valid_pixels(cut)
        if observed.mean() >= _LEAST_OBSERVED:
            images.append(fill_gaps(cut, observed))
    return images


LEAST_IMAGES: Final = 8
"""Of fewer the mean says little of a place."""
_BATCH: Final = 16


def adapt(
    detector: Detector,
    images: Sequence[NDArray[np.float32]],
    where: str,
    *,
    share: float = 1.0,
    name: str | None = None,
    progress: bool = False,
) -> Detector:
    """Set a detector's layers of batch normalisation to images of a place; scores, which were of others, go.

    Each layer sees what the layers before it give once they are normalised by these images. The images are put into
    batches by chance, the same each time.

    Args:
        detector: what to adapt; it may have been adapted before.
        images: values (C, H, W) in physical units, all of one size, without gaps; at least ``LEAST_IMAGES``.
        where: the place, for the card.
        share: how far to go from the statistics that the layers have to those of the images.
        name: of the new detector; that of the old where None.
        progress: show a bar on stderr.

    Raises:
        DetectorError: the graph has no layer of batch normalisation that could be set.
        PatchesError: there are too few images.
        SettingsError: the share is none.
    """
    if not 0 < share <= 1:
        raise SettingsError(f"a share of {share:g} of a place's statistics: give a number above 0, up to 1")
    model = onnx.load_model_from_string(detector.onnx_bytes)
    before = statistics_in(model)
    if not before:
        raise DetectorError(
            f"{detector.card.name} has no batch normalisation in its graph, so it cannot be adapted: take "
            "s2-rgb-adaptable, train it anew with this version of landslip, which leaves it in, or calibrate it by a "
            "few landslides that you know"
        )
    if len(images) < LEAST_IMAGES:
        raise PatchesError(
            f"{len(images)} images of {where}: {LEAST_IMAGES} at least are needed to say what the place is like"
        )
    measured = _measure(model, images, progress=progress)
    adapted = with_statistics(model, {layer: before[layer].towards(there, share) for layer, there in measured.items()})
    return with_card(
        seal(adapted, detector.card),
        name=name or detector.card.name,
        scores=(),
        adaptation=Adaptation(target=where, images=len(images), weight=share),
        landslip_version=landslip.__version__,
        created=datetime.now(UTC).date(),
    )


def _measure(model: onnx.ModelProto, images: Sequence[NDArray[np.float32]], *, progress: bool) -> dict[str, Statistics]:
    """Mean over batches of each layer's mean and variance."""
    told, layers = measuring(model)
    size = min(_BATCH, len(images))
    order = np.random.default_rng(0).permutation(len(images))
    # What is left over makes no batch of its own: a few images would count for as much as many.
    batches = [order[first : first + size] for first in range(0, len(images) - size + 1, size)]
    run = outputs_of(told, (size, *images[0].shape))
    sums = [np.zeros(())] * (2 * len(layers))
    for batch in tqdm(batches, desc="adapting", unit="batch", disable=not progress, delay=2):
        outputs = run(np.stack([images[place] for place in batch]))
        sums = [total + output.astype(np.float64).ravel() for total, output in zip(sums, outputs, strict=True)]
    means = [np.asarray(total / len(batches), np.float32) for total in sums]
    pairs = zip(means[::2], means[1::2], strict=True)
    return {layer: Statistics(*pair) for layer, pair in zip(layers, pairs, strict=True)}
