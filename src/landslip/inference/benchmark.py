"""Benchmark of the engines on this machine, in each precision: speed, memory and difference in probability."""

from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from landslip.detector.detector import Detector
from landslip.errors import EngineError
from landslip.files.progress import Progress, no_progress, track
from landslip.inference.convolution_peak import ConvolutionPeak, operations_of
from landslip.inference.engine import (
    CPU_ENGINES,
    Engine,
    InferenceOptions,
    available_engines,
    open_engine,
    resolve_options,
)
from landslip.inference.synthetic_inputs import synthetic_images

ROUNDS: Final = 5
Computed = Literal["float32", "bfloat16", "float16", "int8"]


@dataclass(frozen=True, slots=True)
class EngineTiming:
    """Result of one engine in one precision."""

    engine: str
    version: str
    precision: str
    patches_per_s: float
    """Of the best round."""
    latency_ms: float
    """Of one patch alone, best of the rounds."""
    mpx_per_s: float
    """Million pixels of a scene: the overlap of tiles is computed twice and counted once."""
    km2_per_s: float
    """Of a scene, at the pixel size of the detector."""
    largest_difference: float
    """In probability at any pixel, from the first engine of the list."""
    operations_per_cpu_s: float
    """Of the convolutions of the network per second of CPU time; a multiplication and an addition are two. CPU time is
    that of all threads, so that other processes change it little."""
    convolution_peak_per_cpu_s: float | None = None
    """The same of a chain of convolutions in this precision, best of rounds between those of the engines; None where
    it was not measured, and for an engine that is not for a CPU."""


def time_engines(
    detector: Detector,
    patches: int,
    *,
    threads: int | None = None,
    peaks: bool = False,
    progress: Progress = no_progress,
) -> tuple[tuple[EngineTiming, ...], tuple[str, ...]]:
    """Time every available engine in each of its precisions, in alternating rounds on the same images.

    The best of five rounds counts, so that other load on the machine affects all engines alike.

    Args:
        detector: run at the tile size of its card.
        patches: number of images per round.
        threads: number of CPU threads; all cores where None.
        peaks: also measure the rate of this machine at convolutions, between the rounds.
        progress: called with ``("timing", rounds done, rounds)``.

    Returns:
        The timings, and the error messages of engines that cannot run here.
    """
    size = detector.card.tile_px
    images = synthetic_images(detector.card.channels, patches, size, size)
    engines: list[Engine] = []
    failures: list[str] = []
    for options in runnable_options(detector, threads):
        try:
            engines.append(open_engine(detector, options, height=size, width=size))
        except EngineError as error:
            failures.append(str(error))
    results = [engine(images) for engine in engines]  # also warms up
    on_cpu = {one.precision for one in engines if one.name in CPU_ENGINES}
    meters = {name: ConvolutionPeak(name, threads) for name in on_cpu if peaks}
    peak_per_s = dict.fromkeys(meters, 0.0)
    best_s, cpu_s, latency_s = ([np.inf] * len(engines) for _ in range(3))
    for _ in track(range(ROUNDS), progress, "timing"):
        for index, engine in enumerate(engines):
            seconds, used_s = _seconds(engine, images)
            best_s[index], cpu_s[index] = min(best_s[index], seconds), min(cpu_s[index], used_s)
            latency_s[index] = min(latency_s[index], _seconds(engine, images[:1])[0])
        for name, meter in meters.items():
            peak_per_s[name] = max(peak_per_s[name], meter.measure())
    card = detector.card
    operations = operations_of(detector.onnx_bytes, len(card.channels), size, size)
    timings = []
    for engine, seconds, used_s, latency, result in zip(engines, best_s, cpu_s, latency_s, results, strict=True):
        patches_per_s = patches / seconds
        pixels_per_s = patches_per_s * (size - card.overlap_px) ** 2
        timings.append(
            EngineTiming(
                engine=engine.name,
                version=engine.version,
                precision=engine.precision,
                patches_per_s=patches_per_s,
                latency_ms=1000 * latency,
                mpx_per_s=pixels_per_s / 1e6,
                km2_per_s=pixels_per_s * card.pixel_size_m**2 / 1e6,
                largest_difference=float(np.abs(result - results[0]).max()),
                operations_per_cpu_s=patches * operations / used_s,
                convolution_peak_per_cpu_s=peak_per_s.get(engine.precision) if engine.name in CPU_ENGINES else None,
            )
        )
    return tuple(timings), tuple(failures)


def runnable_options(detector: Detector, threads: int | None = None) -> list[InferenceOptions]:
    """Return engine and precision of everything that a detector could run on here; some may fail to open.

    Example:
        >>> one = runnable_options(Detector.open("s2-rgb"))[0]
        >>> one.engine, one.precision
        ('openvino', 'float32')
    """
    found: list[InferenceOptions] = []
    for name in available_engines():
        for precision in get_args(Computed):
            if detector.card.quantisation is not None and precision != "int8":
                continue  # its graph holds integers at any precision
            if precision == "int8" and detector.card.quantisation is None and detector.int8_file is None:
                continue
            try:
                options = InferenceOptions(name, precision, threads)
                resolve_options(detector, options)
            except EngineError:
                if precision != "int8" or detector.card.quantisation is None:
                    continue
                options = InferenceOptions(name, "auto", threads)  # computed in float32
            found.append(options)
    return found


def _seconds(engine: Engine, images: NDArray[np.float32]) -> tuple[float, float]:
    """Return wall time and CPU time of a call."""
    start, used = perf_counter(), process_time()
    engine(images)
    return perf_counter() - start, process_time() - used
