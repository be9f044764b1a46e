"""Trial of the engines: which of them, with which threads, streams and batch, runs a detector fastest on this machine.

Each engine runs the precision that ``auto`` gives it. Streams and batches of a CPU are varied, and taken where the
answer stays the same; an engine that is not for a CPU is taken where it agrees with float32 on the CPU. The choice is
kept in the user's cache folder under everything that it depends on: CPU, threads, versions, the file that runs and the
size of its tiles.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.detector.detector import Detector
from landslip.errors import EngineError
from landslip.files.progress import Progress, no_progress, track
from landslip.inference.cpu import cpu_name
from landslip.inference.engine import (
    CPU_ENGINES,
    DEVICES,
    FLOAT32,
    Engine,
    InferenceOptions,
    Precision,
    available_engines,
    open_engine,
    resolve_options,
)
from landslip.inference.remembered_choice import FILE, Choice, Ranked, cache_folder, read_choices, remember
from landslip.inference.synthetic_inputs import synthetic_images
from landslip.inference.tile_trial import Sample, compare_tile_sizes

SECONDS: Final = 2.0
"""Of the timing, without loading the engines and without comparing tile sizes."""
_ROUNDS: Final = 3
_IMAGES: Final = 64
_BATCH: Final = 4
_SAME: Final = 1e-3
"""Largest difference in probability, at any pixel, between settings of one engine: a quarter of an encoded step."""
_CLOSE: Final = 0.01
"""The same between an engine that is not for a CPU and float32 on the CPU, on the images of the trial."""
_GAIN: Final = 1.05
"""Other settings than the default of an engine are taken from this gain: less is the noise of the trial."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A choice, and whether it was remembered from an earlier trial."""

    choice: Choice
    remembered: bool


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An engine with its settings."""

    detector: Detector
    """The file that runs: the detector or its int8 variant."""
    options: InferenceOptions
    plain: bool
    """Whether its settings are the default of the engine."""


@dataclass(slots=True)
class _Opened:
    """A candidate that runs here."""

    candidate: _Candidate
    engine: Engine
    refusal: str | None = None
    patches_per_s: float = 0.0
    """Of the best round."""


def find_fastest(
    detector: Detector,
    precision: Precision = "auto",
    threads: int | None = None,
    *,
    samples: Callable[[], Sequence[Sample]] = tuple,
    folder: Path | None = None,
    progress: Progress = no_progress,
) -> Trial:
    """Find the fastest engine and its settings.

    Alternating rounds on synthetic images of the size of the card's tiles; the best round of each counts. A choice that
    cannot be stored is made again next time.

    Args:
        detector: to run.
        precision: as of ``InferenceOptions``.
        threads: number of CPU threads; all cores, or half of them where that is faster, if None.
        samples: returns parts of the scene on which larger tiles are compared; called only where that was not done yet.
        folder: of remembered choices; ``cache_folder`` where None.
        progress: called with ``("timing engines", rounds done, rounds)``.

    Raises:
        DetectorError: the int8 variant cannot be read.
        EngineError: no engine can run the detector.
    """
    candidates = list(_candidates(detector, precision, threads))
    path = (folder or cache_folder()) / FILE
    key = _key(detector, candidates, threads)
    kept = read_choices(path).get(key)
    choice = kept or Choice(ranking=_rank(detector, candidates, progress))
    if kept is None:
        remember(path, key, choice)
    if choice.tiles is None and (given := samples()):
        best = choice.best
        options = InferenceOptions(best.engine, best.precision, best.threads or threads, best.streams, best.batch)
        tiles = compare_tile_sizes(detector, options, given, progress=progress)
        choice = choice.model_copy(update={"tiles": tiles})
        # A sample without landslides tells nothing about the next scene.
        if all(one.is_judged for one in tiles):
            remember(path, key, choice)
    return Trial(choice, remembered=kept is not None)


def _candidates(detector: Detector, precision: Precision, threads: int | None) -> Iterator[_Candidate]:
    """Yield every engine that this installation has, with its settings."""
    count = threads or os.cpu_count() or 1
    for name in available_engines():
        try:
            file, plain = resolve_options(detector, InferenceOptions(name, precision, threads))
        except EngineError:
            continue
        yield _Candidate(file, plain, plain=True)
        if name not in CPU_ENGINES:
            continue
        others = [replace(plain, batch=_BATCH)]
        if name in DEVICES and count > 1:
            others.append(replace(plain, streams=1))
        if threads is None and count >= 4:
            # One thread for each of two that share a core.
            others.append(replace(plain, threads=count // 2))
        for options in others:
            yield _Candidate(file, options, plain=False)


def _key(detector: Detector, candidates: Sequence[_Candidate], threads: int | None) -> str:
    """Return a sha256 of everything that the choice depends on."""
    from importlib.metadata import version  # noqa: PLC0415 - slow to import

    facts = {
        "cpu": cpu_name(),
        "threads": threads or os.cpu_count(),
        "detector": detector.sha256,
        "tile_px": detector.card.tile_px,
        "engines": [
            [
                *(one.options.engine, one.options.precision, one.options.threads, one.options.streams),
                *(one.options.batch, one.detector.sha256),
                version("openvino" if one.options.engine in DEVICES else "onnxruntime"),
            ]
            for one in candidates
        ],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _rank(detector: Detector, candidates: Sequence[_Candidate], progress: Progress) -> tuple[Ranked, ...]:
    """Time the candidates and check their answers; the fastest first.

    Raises:
        EngineError: none can be opened.
    """
    size = detector.card.tile_px
    images = synthetic_images(detector.card.channels, _IMAGES, size, size)
    opened: list[_Opened] = []
    failures: list[str] = []
    for candidate in candidates:
        try:
            engine = open_engine(candidate.detector, candidate.options, height=size, width=size)
            engine(images[:2])
        except EngineError as error:
            failures.append(str(error))
            continue
        opened.append(_Opened(candidate, engine))
    if not any(one.candidate.plain for one in opened):
        raise EngineError(f"no engine can run {detector.card.name}: {'; '.join(failures) or 'none is installed'}")
    _check_answers(detector, opened, images[:_BATCH])
    share_s = SECONDS / _ROUNDS / len(opened)
    for _ in track(range(_ROUNDS), progress, "timing engines", _ROUNDS):
        for one in opened:
            one.patches_per_s = max(one.patches_per_s, _speed(one.engine, images, share_s))
    opened.sort(key=lambda one: -one.patches_per_s if one.candidate.plain else -one.patches_per_s / _GAIN)
    return tuple(_ranked(one) for one in opened)


def _ranked(one: _Opened) -> Ranked:
    options = one.candidate.options
    return Ranked(
        engine=options.engine,
        precision=options.precision,
        threads=None if one.candidate.plain else options.threads,
        streams=options.streams,
        batch=options.batch,
        patches_per_s=round(one.patches_per_s, 1),
        refusal=one.refusal,
    )


def _check_answers(detector: Detector, opened: Sequence[_Opened], images: NDArray[np.float32]) -> None:
    """Refuse settings that change the answer of their engine, and devices that do not agree with the CPU."""
    size = detector.card.tile_px
    plain = {one.candidate.options.engine: one.engine(images) for one in opened if one.candidate.plain}
    exact: NDArray[np.float32] | None = None
    for one in opened:
        name = one.candidate.options.engine
        if name not in CPU_ENGINES:
            if exact is None:
                exact = open_engine(detector, FLOAT32, height=size, width=size)(images)
            reference, allowed, what = exact, _CLOSE, "float32 on the CPU"
        elif one.candidate.plain or name not in plain:
            continue
        else:
            reference, allowed, what = plain[name], _SAME, "the same engine with its default settings"
        difference = float(np.abs(one.engine(images) - reference).max())
        if not difference <= allowed:
            one.refusal = f"it differs by up to {difference:.2g} in probability from {what}"


def _speed(engine: Engine, images: NDArray[np.float32], seconds: float) -> float:
    """Run images for about some seconds and return images per second."""
    start, done = perf_counter(), 0
    while not done or perf_counter() - start < seconds:
        step = min(len(images), max(2, engine.batch // 2))
        engine(images[:step])
        done += step
    return done / (perf_counter() - start)
