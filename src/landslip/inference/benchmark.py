"""How fast each engine runs a detector on this machine, and how far its answers lie from the first one's."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import numpy as np

from landslip.detector.detector import Detector
from landslip.errors import EngineError
from landslip.inference.engine import Engine, InferenceOptions, Precision, available, open_engine
from landslip.inference.synthetic_inputs import synthetic_images

ROUNDS: Final = 5


@dataclass(frozen=True, slots=True)
class Timed:
    """One engine in one precision."""

    engine: str
    version: str
    precision: str
    patches_per_s: float
    """In its best round."""
    largest_difference: float
    """In probability at any pixel, from the first engine in the list."""


def time_engines(
    detector: Detector,
    patches: int,
    *,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] = lambda doing, done, total: None,
) -> tuple[tuple[Timed, ...], tuple[str, ...]]:
    """Time every installed engine in every precision it has, on the same images, in turn.

    The best of five rounds counts, so that a busy moment hurts none more than another.

    Args:
        detector: what to run, at its card's tile size.
        patches: how many images to a round.
        threads: how many to use; all cores where None.
        progress: told what is being done, how much of it is done, how much there is.

    Returns:
        What ran, and what could not, in words.
    """
    size = detector.card.tile_px
    images = synthetic_images(detector.card.channels, patches, size, size)
    engines: list[Engine] = []
    left: list[str] = []
    for name in available():
        precisions: tuple[Precision, ...] = ("float32", "bfloat16") if name == "openvino" else ("float32",)
        for precision in precisions:
            try:
                engines.append(
                    open_engine(detector, InferenceOptions(name, precision, threads), height=size, width=size)
                )
            except EngineError as error:
                left.append(str(error))
    answers = [engine(images) for engine in engines]  # also warms up
    best_s = [np.inf] * len(engines)
    for turn in range(ROUNDS):
        for place, engine in enumerate(engines):
            start = perf_counter()
            engine(images)
            best_s[place] = min(best_s[place], perf_counter() - start)
        progress("timing", turn + 1, ROUNDS)
    timed = tuple(
        Timed(
            engine.name, engine.version, engine.precision, patches / seconds, float(np.abs(answer - answers[0]).max())
        )
        for engine, seconds, answer in zip(engines, best_s, answers, strict=True)
    )
    return timed, tuple(left)
