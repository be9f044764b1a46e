"""Ensembles and test-time augmentation (TTA) inside one ONNX graph, which returns the mean probability.

The four flips run as one batch. A quarter turn swaps height and width, so the other four elements of D4 run as a second
batch, transposed before and after; tiles need not be square.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from typing import Final, TypeVar

import numpy as np
import onnx
from numpy.typing import NDArray

import landslip
from landslip.detector.card import Card, Member, Normalisation
from landslip.detector.detector import Detector, seal
from landslip.detector.sealed_file import INPUT
from landslip.errors import DetectorError, RunError
from landslip.inference.engine import FLOAT32, InferenceOptions, open_engine
from landslip.inference.synthetic_inputs import synthetic_images
from landslip.inference.tta import FLIPS, TRANSFORMS, TTA
from landslip.post_training.composition import Composition, operator_set
from landslip.probability import STEP

MAX_DIFFERENCE: Final = 1e-3
"""Largest allowed difference in probability between an ensemble and the average of its members, in float32."""
_OLDEST_OPSET: Final = 13
"""Since this operator set the operators between the members have not changed."""
_FIRST: Final = int(np.iinfo(np.int64).min)
"""End of a slice that runs backwards to the first pixel."""

Run = Callable[[str, str], str]
"""Runs a network in a graph: from the name of the run and an image to a probability."""
T = TypeVar("T")


def ensemble(members: Sequence[Detector], name: str, *, tta: TTA = "none", title: str | None = None) -> Detector:
    """Average the probabilities of several detectors, or of one detector under test-time augmentation.

    The ensemble takes every channel that a member takes, in the order of first mention. Its threshold is the mean of
    the members' until it is calibrated; scores and confidence are empty.

    Args:
        members: one or more, with the same tile size and pixel size.
        name: of the new detector.
        tta: test-time augmentation of each member.
        title: for the card; made from the members' names where None.

    Raises:
        DetectorError: there is no member, they do not fit together, or a graph cannot be joined to others.

    Example:
        >>> flipped = ensemble([Detector.open("s2-rgb")], "flipped", tta="flips")
        >>> flipped.card.forward_passes
        4
        >>> check_ensemble(flipped, [Detector.open("s2-rgb")], "flips") < 1e-3
        True
    """
    return seal(join_graphs(members, tta), _card(members, name, tta, title))


def join_graphs(members: Sequence[Detector], tta: TTA) -> onnx.ModelProto:
    """Build the graph of an ensemble.

    Raises:
        DetectorError: there is no member, they do not fit together, or a graph cannot be joined to others.
    """
    if not members:
        raise DetectorError("an ensemble needs at least one detector", parameter="members")
    cards = [member.card for member in members]
    _check_compatible(cards)
    channels = _channels(cards)
    models, opset = _convert_to_one_opset([onnx.load_model_from_string(member.onnx_bytes) for member in members], cards)
    composition = Composition()
    probabilities = []
    for number, (card, model) in enumerate(zip(cards, models, strict=True)):
        image = _select(composition, [channels.index(channel) for channel in card.channels], len(channels))
        member = f"member{number}"

        def run(name: str, value: str, graph: onnx.GraphProto = model.graph, member: str = member) -> str:
            return composition.insert(graph, member, name, value)

        probabilities.append(_run_with_tta(composition, run, image, tta))
    mean = composition.mean(probabilities)
    return composition.model(mean, len(channels), opset, max(model.ir_version for model in models))


def _run_with_tta(composition: Composition, run: Run, image: str, tta: TTA) -> str:
    """Run a network on the augmented images (N, C, H, W); returns the mean probability (N, 1, H, W)."""
    if tta == "none":
        return run("plain", image)
    upright = _run_flipped(composition, run, "upright", image)
    if tta == "flips":
        return upright
    turned = _run_flipped(composition, run, "turned", _transpose(composition, image))
    return composition.mean([upright, _transpose(composition, turned)])


def _run_flipped(composition: Composition, run: Run, name: str, image: str) -> str:
    # Slice counts axes from the front: rows are axis 2 and columns axis 3 of (N, C, H, W).
    flips = [tuple(4 + axis for axis in axes) for axes in FLIPS]
    stack = composition.apply("Concat", *(_flip(composition, image, axes) for axes in flips), axis=0)
    # (4 N, 1, H, W) to (4, N, H, W): 0 keeps a size, -1 is inferred.
    apart = composition.apply("Reshape", run(name, stack), composition.integers(len(flips), -1, 0, 0))
    back = [_flip(composition, _pick(composition, apart, index), axes) for index, axes in enumerate(flips)]
    return composition.apply("Transpose", composition.mean(back), perm=[1, 0, 2, 3])


def _pick(composition: Composition, stack: str, index: int) -> str:
    """One of the four of (4, N, H, W), as (1, N, H, W)."""
    first, end, axis = (composition.integers(number) for number in (index, index + 1, 0))
    return composition.apply("Slice", stack, first, end, axis)


def _flip(composition: Composition, image: str, axes: tuple[int, ...]) -> str:
    if not axes:
        return image
    backwards = composition.integers(*[-1] * len(axes))
    past = composition.integers(*[_FIRST] * len(axes))
    return composition.apply("Slice", image, backwards, past, composition.integers(*axes), backwards)


def _transpose(composition: Composition, image: str) -> str:
    return composition.apply("Transpose", image, perm=[0, 1, 3, 2])


def _check_compatible(cards: Sequence[Card]) -> None:
    quantised = next((card.name for card in cards if card.quantisation is not None), None)
    if quantised is not None:
        raise DetectorError(
            f"{quantised} is quantised: make the ensemble of detectors in float32, then quantise the ensemble",
            parameter="members",
        )
    for field, unit in (("tile_px", "px"), ("pixel_size_m", "m")):
        first, *others = ((card.name, getattr(card, field)) for card in cards)
        other = next((one for one in others if one[1] != first[1]), None)
        if other is not None:
            raise DetectorError(
                f"members of an ensemble need the same {field}, but {first[0]} has {first[1]:g} {unit} and {other[0]} "
                f"has {other[1]:g} {unit}",
                parameter="members",
            )


def _convert_to_one_opset(
    models: Sequence[onnx.ModelProto], cards: Sequence[Card]
) -> tuple[list[onnx.ModelProto], int]:
    """Convert models to the newest operator set among them, which is returned too."""
    versions = [operator_set(model) for model in models]
    newest = max(*versions, _OLDEST_OPSET)
    converted = []
    for model, version, card in zip(models, versions, cards, strict=True):
        try:
            converted.append(model if version == newest else onnx.version_converter.convert_version(model, newest))
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            raise DetectorError(
                f"{card.name} has ONNX operator set {version} and cannot be converted to {newest}, that of another "
                f"member ({reason}): export it again"
            ) from error
    return converted, newest


def _select(composition: Composition, indices: list[int], channels: int) -> str:
    """Select channels of the input."""
    if indices == list(range(channels)):
        return INPUT
    return composition.apply("Gather", INPUT, composition.integers(*indices), axis=1)


def _card(members: Sequence[Detector], name: str, tta: TTA, title: str | None) -> Card:
    cards = [member.card for member in members]
    names = " and ".join(card.name for card in cards)
    texts = _unique(f"{card.name}: {card.normalisation.description}" for card in cards)
    return Card(
        name=name,
        title=title or f"{'Ensemble' if len(cards) > 1 else 'Test-time augmentation'} of {names}",
        architecture=" + ".join(card.architecture for card in cards),
        channels=_channels(cards),
        normalisation=Normalisation(kind="members", description="that of each member; " + "; ".join(texts)),
        tile_px=cards[0].tile_px,
        overlap_px=max(card.overlap_px for card in cards),
        size_multiple=math.lcm(*(card.size_multiple for card in cards)),
        threshold=round(round(float(np.mean([card.threshold for card in cards])) / STEP) * STEP, 3),
        threshold_selection="mean of the members' thresholds, not chosen on data: calibrate the ensemble",
        temperature=1.0,
        trained_on=" ".join(_unique(f"{card.name}: {card.trained_on}" for card in cards)),
        pixel_size_m=cards[0].pixel_size_m,
        input_ranges=_intersect_ranges(cards),
        not_good_for=_unique(text for card in cards for text in card.not_good_for),
        licence="; ".join(_unique(card.licence for card in cards)),
        attribution=_unique(text for card in cards for text in card.attribution),
        recipe={
            "ensemble": {
                "tta": tta,
                "mean_of": "probability",
                "members": [{"sha256": member.sha256, "recipe": member.card.recipe} for member in members],
            }
        },
        members=members_of(members),
        tta=tta,
        forward_passes=len(TRANSFORMS[tta]) * sum(card.forward_passes for card in cards),
        landslip_version=landslip.__version__,
        created=datetime.now(UTC).date(),
        graph_sha256="0" * 64,
    )


def members_of(detectors: Sequence[Detector]) -> tuple[Member, ...]:
    """Describe the members of an ensemble for its card."""
    return tuple(
        Member(
            name=one.card.name,
            architecture=one.card.architecture,
            graph_sha256=one.card.graph_sha256,
            forward_passes=one.card.forward_passes,
        )
        for one in detectors
    )


def _channels(cards: Sequence[Card]) -> tuple[str, ...]:
    return _unique(channel for card in cards for channel in card.channels)


def _intersect_ranges(cards: Sequence[Card]) -> dict[str, tuple[float, float]] | None:
    """Intersect the input ranges of the members that have them; None where none has."""
    ranges: dict[str, tuple[float, float]] = {}
    for card in cards:
        for channel, (low, high) in (card.input_ranges or {}).items():
            before = ranges.get(channel, (low, high))
            ranges[channel] = (max(low, before[0]), min(high, before[1]))
    return {channel: pair for channel, pair in ranges.items() if pair[0] < pair[1]} or None


def _unique(texts: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(texts))


def check_ensemble(
    joined: Detector,
    members: Sequence[Detector],
    tta: TTA,
    options: InferenceOptions = FLOAT32,
    *,
    allowed: float = MAX_DIFFERENCE,
) -> float:
    """Compare an ensemble with the average of its members on synthetic images; returns the largest difference.

    Raises:
        RunError: the probabilities differ by more than ``allowed``.
    """
    multiple = joined.card.size_multiple
    height = multiple * -(-32 // multiple)
    # Not square, so that a missing transposition changes the shape.
    values = synthetic_images(joined.card.channels, 2, height, height + multiple)
    expected = average_members(members, tta, joined.card.channels, values)
    difference = float(np.abs(run_detector(joined, values, options) - expected).max())
    if not difference <= allowed:
        raise RunError(
            f"the ensemble {joined.card.name} differs from the average of its members by {difference:.2g} in "
            f"probability (allowed: {allowed:.2g}), so it is not written"
        )
    return difference


def average_members(
    members: Sequence[Detector], tta: TTA, channels: Sequence[str], values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Average the probability (N, H, W) of members and augmentations of values (N, C, H, W), outside any graph."""
    probabilities = []
    for member in members:
        own = values[:, [channels.index(name) for name in member.card.channels]]
        # An engine is compiled for one size, of which there are two: upright and turned.
        engine = cache(partial(open_engine, member, FLOAT32))
        for transform in TRANSFORMS[tta]:
            image = np.ascontiguousarray(transform.apply(own))
            run = engine(height=image.shape[2], width=image.shape[3])
            probabilities.append(transform.invert(run(image)))
    mean: NDArray[np.float32] = np.stack(probabilities).mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean


def run_detector(
    detector: Detector, values: NDArray[np.float32], options: InferenceOptions = FLOAT32
) -> NDArray[np.float32]:
    """Return the probability (N, H, W) of values (N, C, H, W) whose size is the network's input size."""
    return open_engine(detector, options, height=values.shape[2], width=values.shape[3])(values)
