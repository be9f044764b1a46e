"""Benchmark of the engines on this machine: throughput, and the difference in probability from the first engine."""

from dataclasses import dataclass
from time import perf_counter
from typing import Final

import numpy as np

from landslip.detector.detector import Detector
from landslip.errors import EngineError
from landslip.files.progress import Progress, no_progress, track
from landslip.inference.engine import Engine, InferenceOptions, Precision, available_engines, open_engine
from landslip.inference.synthetic_inputs import synthetic_images

ROUNDS: Final = 5


@dataclass(frozen=True, slots=True)
class EngineTiming:
    """Result of one engine in one precision."""

    engine: str
    version: str
    precision: str
    patches_per_s: float
    """Of the best round."""
    largest_difference: float
    """In probability at any pixel, from the first engine of the list."""


def time_engines(
    detector: Detector, patches: int, *, threads: int | None = None, progress: Progress = no_progress
) -> tuple[tuple[EngineTiming, ...], tuple[str, ...]]:
    """Time every available engine in each of its precisions, in alternating rounds on the same images.

    The best of five rounds counts, so that other load on the machine affects all engines alike.

    Args:
        detector: run at the tile size of its card.
        patches: number of images per round.
        threads: number of CPU threads; all cores where None.
        progress: called with ``("timing", rounds done, rounds)``.

    Returns:
        The timings, and the error messages of engines that cannot run here.
    """
    size = detector.card.tile_px
    images = synthetic_images(detector.card.channels, patches, size, size)
    engines: list[Engine] = []
    failures: list[str] = []
    for name in available_engines():
        precisions: tuple[Precision, ...] = ("float32", "bfloat16") if name == "openvino" else ("float32",)
        if detector.card.quantisation is not None:
            precisions = ("auto",)  # int8 where the engine can
        for precision in precisions:
            try:
                engines.append(
                    open_engine(detector, InferenceOptions(name, precision, threads), height=size, width=size)
                )
            except EngineError as error:
                failures.append(str(error))
    results = [engine(images) for engine in engines]  # also warms up
    best_s = [np.inf] * len(engines)
    for _ in track(range(ROUNDS), progress, "timing"):
        for index, engine in enumerate(engines):
            start = perf_counter()
            engine(images)
            best_s[index] = min(best_s[index], perf_counter() - start)
    timings = tuple(
        EngineTiming(
            engine.name, engine.version, engine.precision, patches / seconds, float(np.abs(result - results[0]).max())
        )
        for engine, seconds, result in zip(engines, best_s, results, strict=True)
    )
    return timings, tuple(failures)
