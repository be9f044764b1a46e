"""A measured score in the form in which a card carries it."""

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from itertools import chain
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from tqdm import tqdm

import landslip
from landslip.datasets.patch_set import PatchSet
from landslip.detector.card import Card, Score
from landslip.detector.detector import Detector, seal
from landslip.errors import PatchesError
from landslip.evaluation.evaluate import Evaluation
from landslip.inference.engine import InferenceOptions
from landslip.inference.gap_filling import fill_gaps
from landslip.inference.patch_prediction import select_channels
from landslip.inference.predict import ArrayPredictor, valid_pixels
from landslip.metrics.counts import DEFINITION, LevelCounts, best_threshold, f1_interval
from landslip.post_training.confidence import fit_confidence
from landslip.post_training.temperature import DECIMALS, fit_temperature, logits_of, temperature_in, with_temperature
from landslip.probability import LANDSLIDE, NODATA


def score_of(evaluation: Evaluation, *, data: str, protocol: str, seeds: Sequence[int] = ()) -> Score:
    """The score of an evaluation, with a bootstrap interval of its F1 over patches.

    Args:
        evaluation: of the detector on one part.
        data: which patches, in words.
        protocol: what the patches are to the detector, in words.
        seeds: of its training.
    """
    low, high = f1_interval([score.counts for score in evaluation.patches])
    counts = evaluation.pixel
    return Score(
        data=data,
        protocol=protocol,
        definition=DEFINITION,
        precision=round(counts.precision, 4),
        recall=round(counts.recall, 4),
        f1=round(counts.f1, 4),
        iou=round(counts.iou, 4),
        f1_interval=(round(low, 4), round(high, 4)),
        patches=len(evaluation.patches),
        seeds=tuple(seeds),
    )


Light = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Changes the light of values (C, H, W)."""
_ASKED: Final = 8.0
"""Logits are asked for at this temperature, or those of sure pixels would round to infinity."""


@dataclass(frozen=True, slots=True)
class Choosing:
    """On what threshold, temperature and confidence are chosen."""

    parts: Mapping[str, PatchSet[Any]]
    """Sets of patches by their names for the card, such as one a scene; each weighs the same, whatever its size."""
    lights: Mapping[str, Light] = field(default_factory=lambda: MappingProxyType({}))
    """Changes of light under which the threshold, too, must serve, by name."""
    unseen: Mapping[str, Sequence[LevelCounts]] = field(default_factory=lambda: MappingProxyType({}))
    """Pixels of ground that those who looked at it had never seen, each scene by itself, by who looked at what. For
    the threshold all of it together weighs as much as all that is chosen on patches."""
    threshold: float | None = None
    """A threshold that is fixed beforehand; None to choose it."""

    def __str__(self) -> str:
        """How a threshold is chosen, for the card."""
        if self.threshold is not None:
            return "fixed beforehand, not chosen on data"
        kinds = len(self.parts) > 1 or bool(self.lights or self.unseen)
        where = "; ".join(self.parts)
        over = f", averaged over the {len(self.parts)} parts" if len(self.parts) > 1 else ""
        if self.lights:
            changed = f"its own light and {len(self.lights)} changed lights ({', '.join(self.lights)})"
            over += f"{' and over' if over else ', averaged over'} {changed}"
        if self.unseen:
            over += f", and with the same say over {'; '.join(self.unseen)}"
        return f"highest {'mean ' if kinds else ''}F1 on {where}{over}"


def calibrate(detector: Detector, choosing: Choosing, *, engine: str = "auto", progress: bool = False) -> Detector:
    """Choose temperature, threshold and confidence; the scores on the card, which were of another threshold, go.

    Raises:
        ChannelError: the patches lack a channel that the detector needs.
        PatchesError: a part is empty, or holds no landslide, or nothing but landslides.
    """
    for name, patches in choosing.parts.items():
        if not len(patches):
            raise PatchesError(f"there is no patch in {name}: choose scenes and rows that the set has")
    model = onnx.load_model_from_string(detector.onnx_bytes)
    asked = seal(with_temperature(model, _ASKED), detector.card)
    parts = choosing.parts.items()
    temperature = fit_temperature(
        [_sample(asked, name, part, engine=engine, progress=progress) for name, part in parts]
    )
    already = temperature_in(model) or 1.0
    calibrated = with_temperature(model, temperature)
    card = _changed(
        detector.card,
        temperature=round(detector.card.temperature / already * temperature, DECIMALS),
        landslip_version=landslip.__version__,
        created=datetime.now(UTC).date(),
    )
    made = seal(calibrated, card)
    mapper = ArrayPredictor(made, InferenceOptions(engine))
    own = {name: list(_maps(made, mapper, part, name, progress=progress)) for name, part in parts}
    threshold = choosing.threshold
    if threshold is None:
        kinds = [_counts(maps) for maps in own.values()]
        for title, light in choosing.lights.items():
            for name, part in parts:
                kinds.append(_counts(_maps(made, mapper, part, f"{name}, {title}", light, progress=progress)))
        unseen = list(chain(*choosing.unseen.values()))
        threshold = best_threshold(kinds, unseen) if unseen else best_threshold(kinds)
    return seal(
        calibrated,
        _changed(
            made.card,
            threshold=threshold,
            threshold_chosen=str(choosing),
            confidence=fit_confidence(chain(*own.values()), threshold, "; ".join(own)),
            scores=(),
        ),
    )


def _sample(
    asked: Detector, name: str, patches: PatchSet[Any], *, engine: str, progress: bool
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Logits and truth of the pixels of a part of which both are known."""
    logits, landslide = [], []
    asked_of = tqdm(patches, desc=name, unit="patch", disable=not progress, delay=2)
    predictor = ArrayPredictor(asked, InferenceOptions(engine))
    for patch in asked_of:
        probability = predictor(select_channels(asked, patch))
        known = np.isfinite(probability) & (patch.mask != NODATA)
        logits.append(logits_of(probability[known]) * np.float32(_ASKED))
        landslide.append(patch.mask[known] == LANDSLIDE)
    truth = np.concatenate(landslide)
    if not truth.any() or truth.all():
        what = "holds no landslide" if truth.size and not truth.all() else "holds nothing but landslides"
        raise PatchesError(
            f"{name} {what if truth.size else 'has no pixel of known truth'}: "
            "a threshold can be chosen only where there is landslide and other ground"
        )
    return np.concatenate(logits), truth


def _maps(
    detector: Detector,
    mapper: ArrayPredictor,
    patches: PatchSet[Any],
    doing: str,
    light: Light | None = None,
    *,
    progress: bool,
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
    """Probability and truth of each patch, in its own light or in another."""
    for patch in tqdm(patches, total=len(patches), desc=doing, unit="patch", disable=not progress, delay=2):
        values = select_channels(detector, patch)
        observed = valid_pixels(values)
        if light is not None and observed.any():
            values = light(fill_gaps(values, observed))
        yield mapper(values, observed), patch.mask


def _counts(maps: Iterable[tuple[NDArray[np.float32], NDArray[np.uint8]]]) -> LevelCounts:
    return reduce(operator.add, (LevelCounts.of(probability, truth) for probability, truth in maps))


def with_card(detector: Detector, **changes: object) -> Detector:
    """The same graph under a card with some of its values changed."""
    return seal(onnx.load_model_from_string(detector.onnx_bytes), _changed(detector.card, **changes))


def _changed(card: Card, **changes: object) -> Card:
    return Card.model_validate(card.model_dump() | changes)
