"""Static int8 quantisation of a detector, accepted only if its accuracy on held-out patches equals that in float32.

Activation ranges are measured on real patches. Layers that change F1 are found one by one and stay in float. Two
thirds of each scene calibrate, the last third is held out: in whole rows where the rows are known.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from typing import Any, Final

import cc3d
import numpy as np
import onnx
from numpy.typing import NDArray

import landslip
from landslip.datasets.patch_set import Entry, PatchSet
from landslip.detector.card import Card, Parity, Quantisation
from landslip.detector.detector import Detector, seal
from landslip.errors import DetectorError, PatchesError, RunError
from landslip.files.progress import Progress, no_progress, track
from landslip.inference.cpu import cpu_name
from landslip.inference.engine import INT8_ENGINES, InferenceOptions, load_graph
from landslip.inference.patch_prediction import select_channels
from landslip.inference.predict import ArrayPredictor, valid_pixels
from landslip.metrics.counts import PixelCounts
from landslip.post_training.adaptation import images_of_patches
from landslip.post_training.quantised_graph import QuantisableGraph
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA, encode_probability, reaches_threshold

MAX_F1_DIFFERENCE: Final = 0.005
"""Allowed difference in F1 from float32, of all landslides and of narrow ones."""
MAX_ENGINE_DIFFERENCE: Final = 0.005
"""Allowed mean difference in probability between the engines."""
NARROW_PX: Final = 10
"""A landslide is narrow if no square of this side fits inside it."""
MAX_CALIBRATION: Final = 128
"""Patches that calibrate, evenly distributed; more change the ranges little."""
MIN_CALIBRATION: Final = 4
_MAX_FLOAT: Final = 1 / 3
"""Largest fraction of the layers that may stay in float; with more of them int8 saves little time."""
_SENSITIVITY_IMAGES: Final = 16


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A quantised detector beside float32 on some patches."""

    parity: tuple[Parity, ...]
    engine_mean_difference: float

    def failures(self, allowed: float) -> list[str]:
        """Sentences on the figures that are not allowed."""
        found = []
        for one in self.parity:
            for what, before, after in (
                ("F1", one.f1_float32, one.f1_int8),
                (f"F1 of landslides under {NARROW_PX} px wide", one.narrow_f1_float32, one.narrow_f1_int8),
            ):
                if not abs(after - before) <= allowed:
                    found.append(
                        f"{what} with {one.engine} is {after:.4f} in int8 and {before:.4f} in float32 (difference "
                        f"{abs(after - before):.4f}, allowed: {allowed:g})"
                    )
        if not self.engine_mean_difference <= MAX_ENGINE_DIFFERENCE:
            found.append(
                f"the engines differ by {self.engine_mean_difference:.4f} in mean probability (allowed: "
                f"{MAX_ENGINE_DIFFERENCE:g})"
            )
        return found


def quantise(
    detector: Detector,
    patches: PatchSet[Any],
    data: str,
    *,
    name: str | None = None,
    progress: Progress = no_progress,
) -> Detector:
    """Quantise a detector to int8 (static, one scale per channel of the weights).

    The first and the last layers stay in float. If F1 on the calibration patches then differs by more than
    ``MAX_F1_DIFFERENCE``, the most sensitive layers stay in float too. Threshold and temperature are unchanged.

    Args:
        detector: in float.
        patches: labelled; two thirds of each scene calibrate, the rest is held out for the parity check.
        data: name of the patches, for the card.
        name: of the new detector; unchanged where None.
        progress: told of images, layers and patches.

    Raises:
        ChannelError: the patches lack a channel of the detector.
        DetectorError: the graph cannot be quantised, or is quantised already.
        MissingExtraError: ONNX Runtime is not installed.
        PatchesError: there are too few patches, or no narrow landslide among those held out.
        RunError: parity does not hold on the held-out patches.

    Example:
        >>> from landslip.datasets.formats import open_patches
        >>> detector, patches = Detector.open("s2-rgb"), open_patches("examples/l4s-rgb-kept-apart")
        >>> quantise(detector, patches, "kept apart").card.quantisation.layers  # doctest: +SKIP
        57
    """
    if detector.card.quantisation is not None:
        raise DetectorError(f"{detector.card.name} is quantised already: give the detector in float32")
    fitting, held_out = split_patches(patches)
    images = images_of_patches(detector, fitting)
    if len(images) < MIN_CALIBRATION:
        raise PatchesError(
            f"quantisation needs at least {MIN_CALIBRATION} calibration patches without large gaps, got {len(images)} "
            f"of {data}",
            parameter="patches",
        )
    _check_labels(held_out, data)
    graph = QuantisableGraph(onnx.load_model_from_string(detector.onnx_bytes), detector.card.name)
    graph.calibrate(images, progress)

    def build(in_float: Sequence[str], comparison: _Comparison | None = None) -> Detector:
        layers = [key for key in graph.layers if key not in in_float]
        record = Quantisation(
            method="static int8, QDQ: weights int8 per output channel, activations uint8 per tensor (minimum and "
            f"maximum), by onnxruntime {version('onnxruntime')}",
            calibrated_on=f"{data}: {len(images)} patches of the first two thirds of each scene",
            held_out=f"{data}: {len(held_out)} patches of the last third of each scene",
            cpu=cpu_name(),
            narrow_px=NARROW_PX,
            layers=len(layers),
            float_layers=(*graph.outer.values(), *(graph.layers[key] for key in in_float)),
            parity=comparison.parity if comparison else (),
            engine_mean_difference=comparison.engine_mean_difference if comparison else 0.0,
        )
        return seal(graph.quantise(layers), _card(detector.card, record, name))

    in_float = _choose_float_layers(detector, graph, build, fitting, images, progress)
    comparison = _compare(detector, build(in_float), held_out, INT8_ENGINES, progress)
    failures = comparison.failures(MAX_F1_DIFFERENCE)
    if failures:
        raise RunError(f"{detector.card.name} is not quantised: on the held-out patches {'; '.join(failures)}")
    return build(in_float, comparison)


def _choose_float_layers(
    detector: Detector,
    graph: QuantisableGraph,
    build: Callable[[Sequence[str]], Detector],
    fitting: PatchSet[Any],
    images: Sequence[NDArray[np.float32]],
    progress: Progress,
) -> tuple[str, ...]:
    """Choose the fewest of the most sensitive layers that must stay in float for parity on the calibration patches."""
    ranked: list[str] = []
    most = int(_MAX_FLOAT * len(graph.layers))
    count = 0
    while True:
        comparison = _compare(detector, build(ranked[:count]), fitting, INT8_ENGINES[:1], progress)
        if not comparison.failures(MAX_F1_DIFFERENCE) or count >= most:
            return tuple(ranked[:count])
        ranked = ranked or rank_layers(graph, images[:: -(-len(images) // _SENSITIVITY_IMAGES)], progress)
        count = min(most, 2 * count or 1)


def rank_layers(
    graph: QuantisableGraph, images: Sequence[NDArray[np.float32]], progress: Progress = no_progress
) -> list[str]:
    """Rank the layers of a calibrated graph by the mean change in probability when that layer alone is quantised.

    Args:
        graph: after ``calibrate``.
        images: (C, H, W) in physical units, of one size.
        progress: told of layers.

    Returns:
        Names of nodes, the most sensitive first.
    """
    stack = np.stack(images)
    expected = load_graph(graph.model, stack.shape)(stack)[0]
    change = {
        layer: float(np.abs(load_graph(graph.quantise([layer]), stack.shape)(stack)[0] - expected).mean())
        for layer in track(tuple(graph.layers), progress, "ranking layers")
    }
    return sorted(change, key=lambda layer: -change[layer])


def split_patches(patches: PatchSet[Any]) -> tuple[PatchSet[Any], PatchSet[Any]]:
    """Divide patches into those that calibrate and those that are held out: the last third of each scene.

    At most ``MAX_CALIBRATION`` patches calibrate. A row of patches is not divided where rows are known.
    """
    scenes: dict[str, list[Entry]] = {}
    for entry in patches.entries:
        scenes.setdefault(entry.scene, []).append(entry)
    first: list[Entry] = []
    held_out: set[tuple[str, int]] = set()
    for entries in scenes.values():
        if all(entry.row is not None for entry in entries):
            entries.sort(key=lambda entry: entry.row or 0)
        cut = 2 * len(entries) // 3
        while 0 < cut < len(entries) and entries[cut].row is not None and entries[cut - 1].row == entries[cut].row:
            cut += 1
        first += entries[:cut]
        held_out.update((entry.split, entry.id) for entry in entries[cut:])
    chosen = np.unique(np.linspace(0, len(first) - 1, MAX_CALIBRATION).astype(int)) if first else ()
    fitting = {(first[index].split, first[index].id) for index in chosen}
    return (
        patches.where(lambda entry: (entry.split, entry.id) in fitting),
        patches.where(lambda entry: (entry.split, entry.id) in held_out),
    )


def _check_labels(held_out: PatchSet[Any], data: str) -> None:
    if not any((keep_narrow(patch.mask) == LANDSLIDE).any() for patch in held_out):
        raise PatchesError(
            f"the held-out patches of {data} have no landslide under {NARROW_PX} px wide, so parity cannot be checked: "
            "give more patches",
            parameter="patches",
        )


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


def _compare(
    detector: Detector, quantised: Detector, patches: PatchSet[Any], engines: Sequence[str], progress: Progress
) -> _Comparison:
    """Compare a quantised detector with the detector in float32, which runs in OpenVINO."""
    reference = ArrayPredictor(detector, InferenceOptions("openvino"))
    predictors = [ArrayPredictor(quantised, InferenceOptions(engine, "auto")) for engine in engines]
    threshold = detector.card.threshold
    counts = [[PixelCounts(), PixelCounts()] for _ in range(1 + len(engines))]
    sums = np.zeros(len(engines))
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
        Parity(
            engine=engine,
            f1_float32=f1[0][0],
            f1_int8=f1[1 + index][0],
            narrow_f1_float32=f1[0][1],
            narrow_f1_int8=f1[1 + index][1],
            mean_difference=round(float(sums[index]) / max(pixels, 1), 5),
        )
        for index, engine in enumerate(engines)
    )
    return _Comparison(parity, round(float(between) / max(pixels, 1), 5))


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


def _card(card: Card, record: Quantisation, name: str | None) -> Card:
    """Return the card of the quantised detector; scores stay, marked as those of float32."""
    scores = [
        score.model_dump() | {"protocol": f"{score.protocol}; measured in float32, before quantisation"}
        for score in card.scores
    ]
    changes = {
        "name": name or card.name,
        "scores": scores,
        "quantisation": record.model_dump(),
        "landslip_version": landslip.__version__,
        "created": datetime.now(UTC).date(),
    }
    return Card.model_validate(card.model_dump() | changes)
