"""The engines against each other on one detector, in one run: speed as ratios, and how far their answers differ.

    python benchmarks/engines.py [--detector NAME|FILE] [--patches FOLDER]

Every engine takes the same tiles in turn, several rounds; the best round counts, so that a busy moment hurts none.
"""

import argparse
import contextlib
import os
from pathlib import Path
from time import perf_counter

import numpy as np

from landslip.datasets.patch_set import stack_patches
from landslip.datasets.rgb import open_rgb_set
from landslip.detector.detector import DEFAULT, Detector
from landslip.errors import EngineError
from landslip.evaluation.evaluate import evaluate
from landslip.inference.engine import Engine, InferenceOptions, Precision, available, open_engine

EXAMPLE = Path(__file__).parents[1] / "examples" / "l4s-rgb-scene-b"
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", default=DEFAULT)
    parser.add_argument("--patches", type=Path, default=EXAMPLE)
    arguments = parser.parse_args()
    detector = Detector.open(arguments.detector)
    patches = open_rgb_set(arguments.patches)
    images = stack_patches(patches).values
    height, width = images.shape[2:]
    engines: dict[str, Engine] = {}
    for name in available():
        engines[f"{name} float32"] = open_engine(detector, InferenceOptions(name), height=height, width=width)
    with contextlib.suppress(EngineError):  # not every CPU has it
        engines["openvino bfloat16"] = open_engine(
            detector, InferenceOptions("openvino", "bfloat16"), height=height, width=width
        )
    answers = {name: engine(images) for name, engine in engines.items()}  # also warms up
    best_s = dict.fromkeys(engines, np.inf)
    for _ in range(ROUNDS):
        for name, engine in engines.items():
            start = perf_counter()
            engine(images)
            best_s[name] = min(best_s[name], perf_counter() - start)
    reference = answers["openvino float32"]
    slowest = max(best_s.values())
    print(
        f"{detector.card.name} ({detector.card.network}), {len(images)} patches of {height} x {width} px, "
        f"{os.cpu_count()} cores, best of {ROUNDS} rounds"
    )
    print(f"{'engine':<24}{'patches/s':>10}{'million px/s':>14}{'times':>7}{'largest diff':>14}{'F1':>9}")
    for name, engine in engines.items():
        precision: Precision = "bfloat16" if engine.precision == "bfloat16" else "float32"
        f1 = evaluate(detector, patches, engine=engine.name, precision=precision, progress=False).pixel.f1
        per_second = len(images) / best_s[name]
        difference = float(np.abs(answers[name] - reference).max())
        print(
            f"{name + ' ' + engine.version:<24}{per_second:>10.1f}{per_second * height * width / 1e6:>14.2f}"
            f"{slowest / best_s[name]:>7.1f}{difference:>14.1e}{f1:>9.4f}"
        )


if __name__ == "__main__":
    main()
