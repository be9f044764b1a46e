"""Comparison of larger tiles with those of a detector, on a sample of the scene that is to be mapped.

Larger tiles overlap less and cost less. They are a detector's own only where its answer hardly depends on the tile:
not where each tile is normalised by its own mean, for example.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.detector.detector import Detector
from landslip.files.progress import Progress, no_progress, track
from landslip.inference.engine import InferenceOptions, open_engine
from landslip.inference.predict import Predictor, make_lattice, predict_array
from landslip.inference.remembered_choice import TileSize
from landslip.probability import encode_probability, reaches_threshold

SAMPLE_PX: Final = 512
"""Side of a sample, and the largest tile that is compared."""
MAX_MEAN_DIFFERENCE: Final = 0.002
"""In probability: half a step of the encoded probability."""
MIN_OVERLAP: Final = 0.95
"""Intersection over union of the landslide pixels."""
MIN_LANDSLIDE_PX: Final = 200
"""In the samples together, with either tile size: fewer do not tell whether landslides agree."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A part of a scene: values (C, h, w) in physical units and validity (h, w), all of one size."""

    values: NDArray[np.float32]
    valid: NDArray[np.bool_]


def compare_tile_sizes(
    detector: Detector,
    options: InferenceOptions,
    samples: Sequence[Sample],
    *,
    progress: Progress = no_progress,
) -> tuple[TileSize, ...]:
    """Compare tiles of twice and four times the side with those of a detector.

    Args:
        detector: to run.
        options: of the engine.
        samples: of one size, at least as large as the largest tile that is to be compared.
        progress: called with ``("comparing tile sizes", sizes done, sizes)``.

    Returns:
        One result for each larger size; empty without samples.

    Raises:
        DetectorError: the network returns values that are no probability.
        EngineError: the engine cannot run this detector.
    """
    if not samples:
        return ()
    own = detector.card.tile_px
    sizes = [own * factor for factor in (1, 2, 4) if own * factor <= min(samples[0].valid.shape)]
    results: dict[int, tuple[float, NDArray[np.float32]]] = {}
    for size in track(sizes, progress, "comparing tile sizes", len(sizes)):
        results[size] = _predict(detector, options, samples, size)
    return tuple(_judge(detector, size, results[size], results[own]) for size in sizes[1:])


def _predict(
    detector: Detector, options: InferenceOptions, samples: Sequence[Sample], tile_px: int
) -> tuple[float, NDArray[np.float32]]:
    """Return the seconds in the network, of the better of two rounds, and the probability of all valid pixels."""
    height, width = samples[0].valid.shape
    lattice = make_lattice(detector.card, height, width, tile_px=tile_px)
    engine = open_engine(detector, options, height=lattice.tile_height, width=lattice.tile_width)
    best_s = np.inf
    for _ in range(2):
        predictor = Predictor(engine, lattice)
        start = perf_counter()
        found = [predict_array(predictor, one.values, one.valid)[one.valid] for one in samples]
        best_s = min(best_s, predictor.network_s or perf_counter() - start)
    return best_s, np.concatenate(found)


def _judge(
    detector: Detector,
    size: int,
    result: tuple[float, NDArray[np.float32]],
    own: tuple[float, NDArray[np.float32]],
) -> TileSize:
    (seconds, probability), (own_s, expected) = result, own
    masks = [reaches_threshold(encode_probability(one), detector.card.threshold) for one in (probability, expected)]
    either = int((masks[0] | masks[1]).sum())
    overlap = float((masks[0] & masks[1]).sum() / either) if either >= MIN_LANDSLIDE_PX else None
    difference = float(np.abs(probability - expected).mean()) if len(expected) else 0.0
    refusal = None
    if difference > MAX_MEAN_DIFFERENCE:
        refusal = f"a mean difference above {MAX_MEAN_DIFFERENCE:g}"
    elif overlap is None:
        refusal = f"fewer than {MIN_LANDSLIDE_PX} landslide pixels in the sample, too few to compare"
    elif overlap < MIN_OVERLAP:
        refusal = f"an overlap below {MIN_OVERLAP:g}"
    elif seconds >= own_s:
        refusal = "no faster"
    return TileSize(
        tile_px=size,
        speed_ratio=own_s / seconds,
        mean_difference=difference,
        overlap=overlap,
        refusal=refusal,
        is_judged=overlap is not None or difference > MAX_MEAN_DIFFERENCE,
    )
