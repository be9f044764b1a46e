"""Quiet ground: the fraction of pixels that a detector marks on chips without landslides, by class of land cover."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

import numpy as np

from landslip.datasets.class_chips import Brightness, chip_to_dn, keep_apart, open_chips, read_chip
from landslip.detector.detector import Detector
from landslip.errors import ChannelError
from landslip.files.progress import Progress, no_progress
from landslip.inference.engine import DEFAULT_OPTIONS, InferenceOptions
from landslip.inference.predict import ArrayPredictor
from landslip.probability import encode_probability, reaches_threshold

CONVERSIONS: Final[tuple[Brightness, ...]] = get_args(Brightness)


@dataclass(frozen=True, slots=True)
class QuietScore:
    """False alarms on chips of one conversion to DN."""

    brightness: Brightness
    chips: int
    threshold: float
    by_class: dict[str, float]
    """Fraction of the pixels of each class that are marked as landslide."""

    @property
    def mean(self) -> float:
        """Mean over classes."""
        return float(np.mean(list(self.by_class.values())))

    @property
    def worst(self) -> tuple[str, float]:
        """The class with the most false alarms."""
        return max(self.by_class.items(), key=lambda item: item[1])

    def as_dict(self) -> dict[str, object]:
        """Return everything by name, for JSON."""
        return {
            "brightness": self.brightness,
            "chips": self.chips,
            "threshold": self.threshold,
            "false_alarm_fraction": self.by_class,
            "mean": self.mean,
        }


def count_false_alarms(
    detector: Detector,
    folder: str | Path,
    brightness: Brightness,
    *,
    per_class: int = 150,
    options: InferenceOptions = DEFAULT_OPTIONS,
    progress: Progress = no_progress,
) -> QuietScore:
    """Count the pixels that a detector marks on the chips that are kept apart (``datasets.class_chips.keep_apart``).

    Args:
        detector: takes red, green and blue.
        folder: of the chips.
        brightness: conversion to DN; both tell more than one where a detector depends on absolute values.
        per_class: chips of each class.
        options: engine, precision and threads.
        progress: told of chips.

    Raises:
        ChannelError: the detector needs other channels.
        PatchesError: the folder has no chips, or one is damaged.
    """
    chips = open_chips(folder, brightness)
    lacking = [name for name in detector.card.channels if name not in chips.channels]
    if lacking:
        raise ChannelError(
            f"detector '{detector.card.name}' needs {', '.join(lacking)}, which chips of {', '.join(chips.channels)} "
            "lack: give a detector for true colour",
            parameter="detector",
        )
    order = [chips.channels.index(name) for name in detector.card.channels]
    apart = keep_apart(chips.entries, per_class)
    selected = [entry for entry in chips.entries if entry.image in apart]
    predictor = ArrayPredictor(detector, options)
    marked: dict[str, list[float]] = {}
    for done, entry in enumerate(selected):
        progress(f"quiet ground, {brightness}", done, len(selected))
        probability = predictor(chip_to_dn(read_chip(entry.image), brightness)[order])
        found = reaches_threshold(encode_probability(probability), detector.card.threshold)
        marked.setdefault(entry.scene, []).append(float(found.mean()))
    by_class = {kind: float(np.mean(fractions)) for kind, fractions in marked.items()}
    return QuietScore(brightness, len(selected), detector.card.threshold, by_class)
