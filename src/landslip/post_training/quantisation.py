"""Static int8 quantisation of a detector, accepted only if its accuracy on held-out patches equals that in float32.

Activation ranges are measured on real patches. Layers that change F1 are found one by one and stay in float. Two
thirds of each scene calibrate, the last third is held out: in whole rows where the rows are known.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

import landslip
from landslip.datasets.patch_set import Entry, PatchSet
from landslip.detector.card import Card, Parity, Quantisation
from landslip.detector.detector import Detector, seal
from landslip.detector.precisions import PrecisionParity
from landslip.errors import DetectorError, PatchesError, RunError
from landslip.files.progress import Progress, no_progress, track
from landslip.inference.cpu import cpu_name
from landslip.inference.engine import INT8_ENGINES, load_graph
from landslip.post_training.adaptation import images_of_patches
from landslip.post_training.precision_parity import (
    NARROW_PX,
    Comparison,
    Variant,
    compare_with_float32,
    keep_narrow,
)
from landslip.post_training.quantised_graph import QuantisableGraph
from landslip.probability import LANDSLIDE

MAX_F1_DIFFERENCE: Final = 0.005
"""Allowed difference in F1 from float32, of all landslides and of narrow ones."""
MAX_CALIBRATION: Final = 128
"""Patches that calibrate, evenly distributed; more change the ranges little."""
MIN_CALIBRATION: Final = 4
_MAX_FLOAT: Final = 1 / 3
"""Largest fraction of the layers that may stay in float; with more of them int8 saves little time."""
_SENSITIVITY_IMAGES: Final = 16


def quantise(
    detector: Detector,
    patches: PatchSet[Any],
    data: str,
    *,
    held_out: PatchSet[Any] | None = None,
    held_out_name: str | None = None,
    name: str | None = None,
    progress: Progress = no_progress,
) -> Detector:
    """Quantise a detector to int8 (static, one scale per channel of the weights).

    The first and the last layers stay in float. If F1 on the calibration patches then differs by more than
    ``MAX_F1_DIFFERENCE``, the most sensitive layers stay in float too. Threshold and temperature are unchanged.

    Args:
        detector: in float.
        patches: labelled; two thirds of each scene calibrate and the rest is held out for the parity check, or all
            calibrate where ``held_out`` is given.
        data: name of the patches, for the card.
        held_out: labelled patches for the parity check, none of them among ``patches``.
        held_out_name: their name, for the card.
        name: of the new detector; unchanged where None.
        progress: told of images, layers and patches.

    Raises:
        ChannelError: the patches lack a channel of the detector.
        DetectorError: the graph cannot be quantised, or is quantised already.
        MissingExtraError: ONNX Runtime is not installed.
        PatchesError: there are too few patches, no narrow landslide is among those held out, or a patch is in both.
        RunError: parity does not hold on the held-out patches.

    Example:
        >>> from landslip.datasets.formats import open_patches
        >>> detector, patches = Detector.open("s2-rgb"), open_patches("examples/l4s-rgb-kept-apart")
        >>> quantise(detector, patches, "kept apart").card.quantisation.layers  # doctest: +SKIP
        57
    """
    if detector.card.quantisation is not None:
        raise DetectorError(f"{detector.card.name} is quantised already: give the detector in float32")
    if held_out is None:
        fitting, held_out = split_patches(patches)
        calibrated_on, checked_on = (
            f"{data}: {{}} patches of the first two thirds of each scene",
            (f"{data}: {len(held_out)} patches of the last third of each scene"),
        )
    else:
        _check_disjoint(patches, held_out)
        fitting = _choose_evenly(patches, patches.entries)
        calibrated_on, checked_on = f"{data}: {{}} patches", f"{held_out_name or 'patches'}: {len(held_out)} patches"
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

    def build(in_float: Sequence[str], comparison: Comparison | None = None) -> Detector:
        layers = [key for key in graph.layers if key not in in_float]
        record = Quantisation(
            method="static int8, QDQ: weights int8 per output channel, activations uint8 per tensor (minimum and "
            f"maximum), by onnxruntime {version('onnxruntime')}",
            calibrated_on=calibrated_on.format(len(images)),
            held_out=checked_on,
            cpu=cpu_name(),
            narrow_px=NARROW_PX,
            layers=len(layers),
            float_layers=(*graph.outer.values(), *(graph.layers[key] for key in in_float)),
            parity=tuple(map(_card_parity, comparison.parity)) if comparison else (),
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
    return (
        _choose_evenly(patches, first),
        patches.where(lambda entry: (entry.split, entry.id) in held_out),
    )


def _choose_evenly(patches: PatchSet[Any], entries: Sequence[Entry]) -> PatchSet[Any]:
    """Choose at most ``MAX_CALIBRATION`` of some entries."""
    chosen = np.unique(np.linspace(0, len(entries) - 1, MAX_CALIBRATION).astype(int)) if entries else ()
    fitting = {(entries[index].split, entries[index].id) for index in chosen}
    return patches.where(lambda entry: (entry.split, entry.id) in fitting)


def _check_disjoint(patches: PatchSet[Any], held_out: PatchSet[Any]) -> None:
    both = {(one.split, one.id) for one in patches.entries} & {(one.split, one.id) for one in held_out.entries}
    if both:
        raise PatchesError(
            f"{len(both)} patches are both held out and among those that calibrate: give rows or scenes that do not "
            "overlap",
            parameter="held_out",
        )


def _check_labels(held_out: PatchSet[Any], data: str) -> None:
    if not any((keep_narrow(patch.mask) == LANDSLIDE).any() for patch in held_out):
        raise PatchesError(
            f"the held-out patches of {data} have no landslide under {NARROW_PX} px wide, so parity cannot be checked: "
            "give more patches",
            parameter="patches",
        )


def _compare(
    detector: Detector, quantised: Detector, patches: PatchSet[Any], engines: Sequence[str], progress: Progress
) -> Comparison:
    variants = tuple(Variant(engine, "int8", quantised) for engine in engines)
    return compare_with_float32(detector, variants, patches, progress)


def _card_parity(one: PrecisionParity) -> Parity:
    return Parity(
        engine=one.engine,
        f1_float32=one.f1_float32,
        f1_int8=one.f1,
        narrow_f1_float32=one.narrow_f1_float32,
        narrow_f1_int8=one.narrow_f1,
        mean_difference=one.mean_difference,
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
