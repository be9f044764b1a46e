"""Unsupervised domain adaptation: batch-norm statistics are replaced by those of target images (AdaBN).

Li et al. 2016, arXiv 1603.04779. No labels are needed; weights and threshold stay as they are.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

import landslip
from landslip.datasets.patch_set import PatchSet
from landslip.detector.card import Adaptation
from landslip.detector.detector import Detector, seal
from landslip.errors import DetectorError, PatchesError, SettingsError
from landslip.files.progress import Progress, no_progress, track
from landslip.grid.window import spread_windows
from landslip.inference.engine import load_graph
from landslip.inference.gap_filling import fill_gaps
from landslip.inference.patch_prediction import select_channels
from landslip.inference.predict import valid_pixels
from landslip.post_training.batch_norm import Statistics, measuring_graph, statistics_in, with_statistics
from landslip.post_training.calibration import update_card
from landslip.scenes.scene import Scene

MAX_IMAGES_PER_SIDE: Final = 16
"""Target images along each side of a scene; the square is the largest number of images, of patches too."""
MIN_IMAGES: Final = 8
"""Fewer images give statistics that are too noisy."""
_MIN_VALID: Final = 0.75
"""Filled gaps are smooth: images with more of them would bias the statistics."""
_BATCH_SIZE: Final = 16


def images_of_scene(detector: Detector, scene: Scene) -> list[NDArray[np.float32]]:
    """Read target images (C, H, W), distributed evenly over a scene.

    Their side is the detector's tile size, or less where the scene is small.

    Raises:
        ChannelError: the scene lacks a channel of the detector.
        SceneError: it cannot be read.
    """
    side, multiple = detector.card.tile_px, detector.card.size_multiple
    images = list(_read_windows(detector, scene, side))
    while len(images) < MIN_IMAGES and (side := side // 2 // multiple * multiple) >= multiple:
        images = list(_read_windows(detector, scene, side))
    return images


def _read_windows(detector: Detector, scene: Scene, side: int) -> Iterator[NDArray[np.float32]]:
    scene = scene.with_slope_rule(detector.card.slope_rule)
    for window in spread_windows(scene.window, side, MAX_IMAGES_PER_SIDE):
        if (window.height, window.width) == (side, side):
            values, valid = scene.read(detector.card.channels, window)
            if valid.mean() >= _MIN_VALID:
                yield fill_gaps(values, valid)


def images_of_patches(detector: Detector, patches: PatchSet[Any]) -> list[NDArray[np.float32]]:
    """Read target images (C, H, W) from patches, cropped to a common size that the detector accepts.

    Raises:
        ChannelError: the patches lack a channel of the detector.
        PatchesError: a patch is too small.
    """
    multiple = detector.card.size_multiple
    count = min(len(patches), MAX_IMAGES_PER_SIDE**2)
    indices = np.unique(np.linspace(0, max(0, len(patches) - 1), count).astype(int)).tolist()
    found = [select_channels(detector, patches.read(patches.entries[index])) for index in indices]
    height, width = (min((one.shape[axis] for one in found), default=multiple) for axis in (1, 2))
    if min(height, width) < multiple:
        raise PatchesError(
            f"{detector.card.name} needs patches of at least {multiple} x {multiple} px, got {height} x {width} px"
        )
    images = []
    for values in found:
        cropped = values[:, : height // multiple * multiple, : width // multiple * multiple]
        valid = valid_pixels(cropped)
        if valid.mean() >= _MIN_VALID:
            images.append(fill_gaps(cropped, valid))
    return images


def adapt(
    detector: Detector,
    images: Sequence[NDArray[np.float32]],
    target: str,
    *,
    weight: float = 1.0,
    name: str | None = None,
    progress: Progress = no_progress,
) -> Detector:
    """Adapt the batch normalisation of a detector to unlabelled target images.

    Each layer is measured on the output of the layers before it, normalised by the target images. Batches are drawn at
    random with a fixed seed. The scores on the card are removed.

    Args:
        detector: to adapt; it may have been adapted before.
        images: (C, H, W) in physical units, of one size, without gaps; at least ``MIN_IMAGES``.
        target: name of the target, for the card.
        weight: interpolation between the statistics of the detector (0) and of the images (1).
        name: of the new detector; unchanged where None.
        progress: told of batches.

    Raises:
        DetectorError: the graph has no batch normalisation that can be adapted.
        PatchesError: there are too few images.
        SettingsError: the weight is not in (0, 1].

    Example:
        >>> from landslip.datasets.formats import open_patches
        >>> detector = Detector.open("s2-rgb")
        >>> images = images_of_patches(detector, open_patches("examples/l4s-rgb-scene-b"))
        >>> adapt(detector, images, "scene B", weight=0.5).card.adaptation
        Adaptation(target='scene B', images=56, weight=0.5)
    """
    if not 0 < weight <= 1:
        raise SettingsError(f"weight must be greater than 0 and at most 1, got {weight:g}", parameter="weight")
    model = onnx.load_model_from_string(detector.onnx_bytes)
    before = statistics_in(model)
    if not before:
        raise DetectorError(
            f"{detector.card.name} has no batch normalisation in its graph and cannot be adapted: use "
            "s2-rgb, train a detector with this version of landslip, or calibrate on labelled patches",
            parameter="detector",
        )
    if len(images) < MIN_IMAGES:
        raise PatchesError(
            f"adaptation needs at least {MIN_IMAGES} images of the target, got {len(images)} of {target}"
        )
    measured = _measure(model, images, progress)
    layers = {layer: before[layer].interpolate(found, weight) for layer, found in measured.items()}
    return update_card(
        seal(with_statistics(model, layers), detector.card),
        name=name or detector.card.name,
        scores=(),
        adaptation=Adaptation(target=target, images=len(images), weight=weight),
        landslip_version=landslip.__version__,
        created=datetime.now(UTC).date(),
    )


def _measure(
    model: onnx.ModelProto, images: Sequence[NDArray[np.float32]], progress: Progress
) -> dict[str, Statistics]:
    """Mean and variance of each layer, averaged over batches."""
    measuring, layers = measuring_graph(model)
    size = min(_BATCH_SIZE, len(images))
    order = np.random.default_rng(0).permutation(len(images))
    # The incomplete last batch is dropped: its few images would weigh as much as a whole batch.
    batches = [order[first : first + size] for first in range(0, len(images) - size + 1, size)]
    run = load_graph(measuring, (size, *images[0].shape))
    sums = [np.zeros(())] * (2 * len(layers))
    for batch in track(batches, progress, "adapting"):
        outputs = run(np.stack([images[index] for index in batch]))
        sums = [total + output.astype(np.float64).ravel() for total, output in zip(sums, outputs, strict=True)]
    means = [np.asarray(total / len(batches), np.float32) for total in sums]
    pairs = zip(means[::2], means[1::2], strict=True)
    return {layer: Statistics(*pair) for layer, pair in zip(layers, pairs, strict=True)}
