"""Calibration: temperature scaling, decision threshold and per-polygon confidence, chosen on labelled patches."""

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

import landslip
from landslip.datasets.patch_set import PatchSet
from landslip.detector.card import Card, Confidence, Score
from landslip.detector.detector import Detector, seal
from landslip.errors import PatchesError
from landslip.evaluation.evaluate import Evaluation
from landslip.files.progress import Progress, no_progress, track
from landslip.inference.engine import DEFAULT_OPTIONS, InferenceOptions
from landslip.inference.gap_filling import fill_gaps
from landslip.inference.patch_prediction import predict_patches, select_channels
from landslip.inference.predict import ArrayPredictor, valid_pixels
from landslip.metrics.counts import DEFINITION
from landslip.metrics.thresholds import ProbabilityHistogram, best_threshold
from landslip.post_training.confidence import fit_confidence, mean_mapped_probability
from landslip.post_training.temperature import DECIMALS, fit_temperature, logits_of, temperature_in, with_temperature
from landslip.probability import LANDSLIDE, NODATA

ImageChange = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Changes values (C, H, W), such as a photometric perturbation."""
_PROBE_TEMPERATURE: Final = 8.0
"""Logits are measured at this temperature, because those of extreme pixels would round to infinity at 1."""


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CalibrationData:
    """Data on which temperature, threshold and confidence are chosen.

    Args:
        parts: labelled patches by a name for the card, such as one part per scene; all parts have the same weight.
        perturbations: changes of the images under which the threshold is also evaluated, by name.
        unseen_scenes: histograms of scenes predicted by networks that were not trained on them, by a title for the
            card; together they have the same weight in the threshold as all parts.
        threshold: a fixed threshold; chosen on the data where None.
    """

    parts: Mapping[str, PatchSet[Any]]
    perturbations: Mapping[str, ImageChange] = field(default_factory=_nothing)
    unseen_scenes: Mapping[str, Sequence[ProbabilityHistogram]] = field(default_factory=_nothing)
    threshold: float | None = None

    @property
    def selection(self) -> str:
        """How the threshold is chosen, for the card."""
        if self.threshold is not None:
            return "fixed, not chosen on data"
        text = f"highest F1 on {'; '.join(self.parts)}"
        over = [f"the {len(self.parts)} parts"] if len(self.parts) > 1 else []
        if self.perturbations:
            count, names = len(self.perturbations), ", ".join(self.perturbations)
            over.append(f"the original images and {count} photometric perturbation{'s' * (count > 1)} ({names})")
        text += f", mean over {' and '.join(over)}" if over else ""
        return text + (f", and with equal weight on {'; '.join(self.unseen_scenes)}" if self.unseen_scenes else "")


@dataclass(frozen=True, slots=True)
class Calibration:
    """The outcome of a calibration."""

    model: onnx.ModelProto = field(repr=False)
    """The graph with the temperature inside."""
    temperature: float
    threshold: float
    selection: str
    """How the threshold was chosen."""
    confidence: Confidence | None
    mapped_probability: float | None
    """Mean probability of the mapped pixels."""


def find_calibration(
    detector: Detector,
    data: CalibrationData,
    options: InferenceOptions = DEFAULT_OPTIONS,
    *,
    progress: Progress = no_progress,
) -> Calibration:
    """Choose temperature, threshold and confidence of a detector without changing it.

    Args:
        detector: to calibrate.
        data: on which to calibrate.
        options: engine, precision and threads.
        progress: told of patches.

    Raises:
        ChannelError: the patches lack a channel of the detector.
        PatchesError: a part is empty, or lacks landslide or background pixels.
    """
    for name, patches in data.parts.items():
        if not len(patches):
            raise PatchesError(f"there is no patch in {name}: give scenes and rows of the data set", parameter="data")
    model = onnx.load_model_from_string(detector.onnx_bytes)
    probe = seal(with_temperature(model, _PROBE_TEMPERATURE), detector.card)
    samples = [_sample(probe, name, patches, options, progress) for name, patches in data.parts.items()]
    temperature = fit_temperature(samples)
    calibrated = with_temperature(model, temperature)
    scaled = seal(calibrated, detector.card)
    predictor = ArrayPredictor(scaled, options)
    original = [list(_maps(predictor, patches, None, progress)) for patches in data.parts.values()]
    threshold = data.threshold
    if threshold is None:
        histograms = [_histogram(maps) for maps in original]
        for change in data.perturbations.values():
            for patches in data.parts.values():
                histograms.append(_histogram(_maps(predictor, patches, change, progress)))
        unseen = list(chain(*data.unseen_scenes.values()))
        threshold = best_threshold(histograms, unseen) if unseen else best_threshold(histograms)
    return Calibration(
        model=calibrated,
        temperature=round(detector.card.temperature / (temperature_in(model) or 1.0) * temperature, DECIMALS),
        threshold=threshold,
        selection=data.selection,
        confidence=fit_confidence(chain(*original), threshold, "; ".join(data.parts)),
        mapped_probability=mean_mapped_probability((probability for probability, _ in chain(*original)), threshold),
    )


def calibrate(
    detector: Detector,
    data: CalibrationData,
    options: InferenceOptions = DEFAULT_OPTIONS,
    *,
    progress: Progress = no_progress,
) -> Detector:
    """Calibrate temperature, decision threshold and per-polygon confidence of a detector.

    The scores on the card are removed, because they belong to another threshold.

    Args:
        detector: to calibrate.
        data: on which to calibrate.
        options: engine, precision and threads.
        progress: told of patches.

    Raises:
        ChannelError: the patches lack a channel of the detector.
        PatchesError: a part is empty, or lacks landslide or background pixels.

    Example:
        >>> from landslip import Detector, open_patches
        >>> patches = open_patches("examples/l4s-rgb-scene-b")
        >>> calibrate(Detector.open("s2-rgb"), CalibrationData({"scene B": patches})).card.threshold_selection
        'highest F1 on scene B'
    """
    found = find_calibration(detector, data, options, progress=progress)
    card = _changed(
        detector.card,
        temperature=found.temperature,
        threshold=found.threshold,
        threshold_selection=found.selection,
        confidence=found.confidence,
        mapped_probability=found.mapped_probability,
        scores=(),
        landslip_version=landslip.__version__,
        created=datetime.now(UTC).date(),
    )
    return seal(found.model, card)


def _sample(
    probe: Detector, name: str, patches: PatchSet[Any], options: InferenceOptions, progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Logits and labels of the labelled, valid pixels of a part."""
    logits, landslide = [], []
    for patch, probability in predict_patches(probe, patches, options, progress=progress, stage="fitting temperature"):
        known = np.isfinite(probability) & (patch.mask != NODATA)
        logits.append(logits_of(probability[known]) * np.float32(_PROBE_TEMPERATURE))
        landslide.append(patch.mask[known] == LANDSLIDE)
    labels = np.concatenate(landslide)
    if not labels.any() or labels.all():
        lacks = "labelled" if not labels.size else "background" if labels.all() else "landslide"
        raise PatchesError(
            f"{name} has no {lacks} pixels: calibration needs landslide and background pixels", parameter="data"
        )
    return np.concatenate(logits), labels


def _maps(
    predictor: ArrayPredictor, patches: PatchSet[Any], change: ImageChange | None, progress: Progress
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
    """Probability and mask of each patch, with its image changed or not."""
    for patch in track(patches, progress, "choosing threshold", len(patches)):
        values = select_channels(predictor.detector, patch)
        valid = valid_pixels(values)
        if change is not None and valid.any():
            values = change(fill_gaps(values, valid))
        yield predictor(values, valid), patch.mask


def _histogram(maps: Iterable[tuple[NDArray[np.float32], NDArray[np.uint8]]]) -> ProbabilityHistogram:
    return reduce(operator.add, (ProbabilityHistogram.of(probability, mask) for probability, mask in maps))


def card_score(evaluation: Evaluation, *, data: str, protocol: str, seeds: Sequence[int] = ()) -> Score:
    """Convert an evaluation to a score of the card.

    Args:
        evaluation: of the detector on one part.
        data: name of the part.
        protocol: how the part was used in training and calibration.
        seeds: of the training.
    """
    interval, counts = evaluation.interval, evaluation.pixel
    return Score(
        data=data,
        protocol=protocol,
        definition=DEFINITION,
        precision=round(counts.precision, 4),
        recall=round(counts.recall, 4),
        f1=round(counts.f1, 4),
        iou=round(counts.iou, 4),
        f1_interval=(round(interval.low, 4), round(interval.high, 4)) if interval.is_given else None,
        f1_interval_over=interval.over,
        patches=evaluation.patches,
        seeds=tuple(seeds),
    )


def update_card(detector: Detector, **changes: object) -> Detector:
    """Return the same graph with some fields of the card changed."""
    return seal(onnx.load_model_from_string(detector.onnx_bytes), _changed(detector.card, **changes))


def _changed(card: Card, **changes: object) -> Card:
    return Card.model_validate(card.model_dump() | changes)
