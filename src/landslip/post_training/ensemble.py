"""Test-time augmentation inside a graph: a network sees an image turned and flipped, and its answers are averaged.

Flips run as one batch of four. A quarter turn swaps height and width, so the other four of the eight run as a second
batch, transposed before and after: tiles need not be square.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, TypeVar

import numpy as np
import onnx

import landslip
from landslip.detector.card import Card, Member, Normalisation
from landslip.detector.detector import Detector, seal
from landslip.detector.sealed_file import INPUT
from landslip.errors import DetectorError
from landslip.post_training.composition import Composition, operator_set
from landslip.probability import STEP

Turns = Literal["none", "flips", "d4"]
"""``none``; the four ``flips`` up-down and left-right; ``d4``, all eight turns and flips of a square."""
PASSES: Final[dict[Turns, int]] = {"none": 1, "flips": 4, "d4": 8}
"""How often a network runs for each image."""
FLIPS: Final[tuple[tuple[int, ...], ...]] = ((), (2,), (3,), (2, 3))
"""The axes of (N, C, H, W) along which an image is reversed, for each of the four."""
_FIRST: Final = int(np.iinfo(np.int64).min)
"""As the end of a slice that runs backwards: past the first pixel."""

Run = Callable[[str, str], str]
"""Runs a network in a graph: from the name of a run and an image to a probability."""


def over_turns(made: Composition, run: Run, image: str, turns: Turns) -> str:
    """Run a network on an image (N, C, H, W) in every turn; gives the mean probability (N, 1, H, W), turned back."""
    if turns == "none":
        return run("plain", image)
    upright = _over_flips(made, run, "upright", image)
    if turns == "flips":
        return upright
    turned = _over_flips(made, run, "turned", _transposed(made, image))
    return made.mean([upright, _transposed(made, turned)])


def _over_flips(made: Composition, run: Run, name: str, image: str) -> str:
    stack = made.apply("Concat", *(_flipped(made, image, axes) for axes in FLIPS), axis=0)
    # (4 N, 1, H, W) as (4, N, H, W): 0 keeps a size, -1 is what is left.
    apart = made.apply("Reshape", run(name, stack), made.whole_numbers(len(FLIPS), -1, 0, 0))
    back = [_flipped(made, _picked(made, apart, place), axes) for place, axes in enumerate(FLIPS)]
    return made.apply("Transpose", made.mean(back), perm=[1, 0, 2, 3])


def _picked(made: Composition, stack: str, place: int) -> str:
    """One of the four of (4, N, H, W), as (1, N, H, W)."""
    first, end, axis = (made.whole_numbers(number) for number in (place, place + 1, 0))
    return made.apply("Slice", stack, first, end, axis)


def _flipped(made: Composition, image: str, axes: tuple[int, ...]) -> str:
    if not axes:
        return image
    backwards = made.whole_numbers(*[-1] * len(axes))
    past = made.whole_numbers(*[_FIRST] * len(axes))
    return made.apply("Slice", image, backwards, past, made.whole_numbers(*axes), backwards)


def _transposed(made: Composition, image: str) -> str:
    return made.apply("Transpose", image, perm=[0, 1, 3, 2])


T = TypeVar("T")
_OLDEST_OPSET: Final = 13
"""Since then the operators between the members are what they are now."""


def ensemble(members: Sequence[Detector], name: str, *, turns: Turns = "none", title: str | None = None) -> Detector:
    """Join detectors, or one detector and its turns, into one.

    It takes every channel that a member takes, in the order in which the members name them first; each member is handed
    its own. Its threshold is the mean of theirs until it is calibrated; scores and confidence start empty.

    Args:
        members: at least one; of one tile size and one pixel size.
        name: of the new detector.
        turns: in which turns and flips each member looks.
        title: for the card; names the members where left out.

    Raises:
        DetectorError: there is none, they do not go together, or a graph cannot be joined to others.
    """
    if not members:
        raise DetectorError("an ensemble of no detectors says nothing: give one at least")
    cards = [member.card for member in members]
    _check_alike(cards)
    channels = _each_once(channel for card in cards for channel in card.channels)
    models, opset = _of_one_opset([onnx.load_model_from_string(member.onnx_bytes) for member in members], cards)
    made = Composition()
    answers = []
    for number, (card, model) in enumerate(zip(cards, models, strict=True)):
        image = _chosen(made, [channels.index(channel) for channel in card.channels], len(channels))
        member = f"member{number}"

        def run(turn: str, value: str, graph: onnx.GraphProto = model.graph, member: str = member) -> str:
            return made.insert(graph, member, turn, value)

        answers.append(over_turns(made, run, image, turns))
    joined = made.model(made.mean(answers), len(channels), opset, max(model.ir_version for model in models))
    return seal(joined, _card(members, name, channels, turns, title))


def _check_alike(cards: Sequence[Card]) -> None:
    for what, unit in (("tile_px", "px"), ("pixel_size_m", "m")):
        first, *others = ((card.name, getattr(card, what)) for card in cards)
        other = next((one for one in others if one[1] != first[1]), None)
        if other is not None:
            raise DetectorError(
                f"{first[0]} has a {what} of {first[1]:g} {unit}, {other[0]} of {other[1]:g} {unit}: "
                "members of an ensemble must see the same pixels, so join those that agree"
            )


def _of_one_opset(models: Sequence[onnx.ModelProto], cards: Sequence[Card]) -> tuple[list[onnx.ModelProto], int]:
    """The models, the older ones brought to the operator set of the newest, and which that is."""
    versions = [operator_set(model) for model in models]
    newest = max(*versions, _OLDEST_OPSET)
    raised = []
    for model, version, card in zip(models, versions, cards, strict=True):
        try:
            raised.append(model if version == newest else onnx.version_converter.convert_version(model, newest))
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            raise DetectorError(
                f"{card.name} is of ONNX operator set {version}, not {newest} as others, and cannot be brought there "
                f"({reason}): export it anew"
            ) from error
    return raised, newest


def _chosen(made: Composition, places: list[int], channels: int) -> str:
    """The channels at some places of the input."""
    if places == list(range(channels)):
        return INPUT
    return made.apply("Gather", INPUT, made.whole_numbers(*places), axis=1)


def _card(members: Sequence[Detector], name: str, channels: tuple[str, ...], turns: Turns, title: str | None) -> Card:
    cards = [member.card for member in members]
    passes = PASSES[turns] * sum(card.forward_passes for card in cards)
    names = " and ".join(card.name for card in cards)
    texts = _each_once(f"{card.name}: {card.normalisation.description}" for card in cards)
    return Card(
        name=name,
        title=title or f"{'Ensemble' if len(cards) > 1 else 'Turns'} of {names}",
        architecture=" + ".join(card.architecture for card in cards),
        channels=channels,
        normalisation=Normalisation(kind="members", description="each member's own; " + "; ".join(texts)),
        tile_px=cards[0].tile_px,
        overlap_px=max(card.overlap_px for card in cards),
        size_multiple=math.lcm(*(card.size_multiple for card in cards)),
        threshold=round(round(float(np.mean([card.threshold for card in cards])) / STEP) * STEP, 3),
        threshold_selection=("mean of the members' own, not chosen on data: choose it with  landslip detector calibrate"),
        temperature=1.0,
        trained_on=" ".join(_each_once(f"{card.name}: {card.trained_on}" for card in cards)),
        pixel_size_m=cards[0].pixel_size_m,
        input_ranges=_narrowest(cards),
        not_good_for=_each_once(text for card in cards for text in card.not_good_for),
        licence="; ".join(_each_once(card.licence for card in cards)),
        attribution=_each_once(text for card in cards for text in card.attribution),
        recipe={
            "ensemble": {
                "turns": turns,
                "mean_of": "probability",
                "members": [{"sha256": member.sha256, "recipe": member.card.recipe} for member in members],
            }
        },
        members=tuple(
            Member(
                name=card.name,
                architecture=card.architecture,
                graph_sha256=card.graph_sha256,
                forward_passes=card.forward_passes,
            )
            for card in cards
        ),
        tta=turns,
        forward_passes=passes,
        landslip_version=landslip.__version__,
        created=datetime.now(UTC).date(),
        graph_sha256="0" * 64,
    )


def _narrowest(cards: Sequence[Card]) -> dict[str, tuple[float, float]] | None:
    """The range of each channel that every member knew which says what it knew; None where no member says."""
    ranges: dict[str, tuple[float, float]] = {}
    for card in cards:
        for channel, (low, high) in (card.input_ranges or {}).items():
            before = ranges.get(channel, (low, high))
            ranges[channel] = (max(low, before[0]), min(high, before[1]))
    return {channel: pair for channel, pair in ranges.items() if pair[0] < pair[1]} or None


def _each_once(texts: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(texts))
