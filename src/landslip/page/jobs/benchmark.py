"""The engines against each other on this machine: the best of several rounds on the same tiles counts."""

import contextlib
import os
from time import perf_counter
from typing import Any, Final

import numpy as np

from landslip.errors import EngineError
from landslip.inference.engine import Engine, InferenceOptions, available, open_engine
from landslip.mapping.finished_map_levels import opened
from landslip.page.jobs.perform import Watch
from landslip.page.jobs.tasks import BenchTask

_ROUNDS: Final = 3
_TILES: Final = 8
_LARGEST_DN: Final = 4000


def benchmark(task: BenchTask, watch: Watch) -> dict[str, Any]:
    """Time every engine that is installed on synthetic tiles of the detector's size.

    Returns:
        tiles, side, cores, and rows with engine, precision, tiles a second, and the largest difference in probability
        to the first.
    """
    detector = opened(task.detector)
    side = detector.card.tile_px
    random = np.random.default_rng(0)
    tiles = random.uniform(0, _LARGEST_DN, (_TILES, len(detector.card.channels), side, side)).astype(np.float32)
    engines: list[Engine] = []
    for name in available():
        # An engine may be installed and yet not run this detector on this machine.
        with contextlib.suppress(EngineError):
            engines.append(open_engine(detector, InferenceOptions(name), height=side, width=side))
    with contextlib.suppress(EngineError):
        engines.append(open_engine(detector, InferenceOptions("openvino", "bfloat16"), height=side, width=side))
    answers = [engine(tiles) for engine in engines]
    best_s = [np.inf] * len(engines)
    for turn in range(_ROUNDS):
        for place, engine in enumerate(engines):
            start = perf_counter()
            engine(tiles)
            best_s[place] = min(best_s[place], perf_counter() - start)
            watch("timing", turn * len(engines) + place + 1, _ROUNDS * len(engines))
    rows = [
        {
            "engine": f"{engine.name} {engine.version}",
            "precision": engine.precision,
            "tiles_per_s": _TILES / best_s[place],
            "largest_difference": float(np.abs(answers[place] - answers[0]).max()),
        }
        for place, engine in enumerate(engines)
    ]
    return {"tiles": _TILES, "side_px": side, "cores": os.cpu_count(), "rows": rows}
