"""Compare the installed engines on one detector: speed, largest difference in probability, F1.

    python benchmarks/engines.py [--detector NAME|FILE] [--patches FOLDER]

All engines run the same patches in alternating rounds, of which the best of each counts. Differences are to OpenVINO in
float32.
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
from landslip.inference.engine import Engine, InferenceOptions, Precision, available_engines, open_engine

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
    for options in (*map(InferenceOptions, available_engines()), InferenceOptions("openvino", "bfloat16")):
        # An installed engine may fail on this machine: not every CPU supports bfloat16, a GPU may be missing.
        with contextlib.suppress(EngineError):
            engines[f"{options.engine} {options.precision}"] = open_engine(
                detector, options, height=height, width=width
            )
    outputs = {name: engine(images) for name, engine in engines.items()}  # also the warm-up
    best_s = dict.fromkeys(engines, np.inf)
    for _ in range(ROUNDS):
        for name, engine in engines.items():
            start = perf_counter()
            engine(images)
            best_s[name] = min(best_s[name], perf_counter() - start)
    reference = outputs["openvino float32"]
    slowest = max(best_s.values())
    print(
        f"{detector.card.name} ({detector.card.architecture}), {len(images)} patches of {height} x {width} px, "
        f"{os.cpu_count()} cores, best of {ROUNDS} rounds"
    )
    print(f"{'engine':<24}{'patches/s':>10}{'million px/s':>14}{'ratio':>7}{'largest diff':>14}{'F1':>9}")
    for name, engine in engines.items():
        precision: Precision = "bfloat16" if engine.precision == "bfloat16" else "float32"
        f1 = evaluate(detector, patches, options=InferenceOptions(engine.name, precision)).f1
        per_second = len(images) / best_s[name]
        difference = float(np.abs(outputs[name] - reference).max())
        print(
            f"{name + ' ' + engine.version:<24}{per_second:>10.1f}{per_second * height * width / 1e6:>14.2f}"
            f"{slowest / best_s[name]:>7.1f}{difference:>14.1e}{f1:>9.4f}"
        )


if __name__ == "__main__":
    main()
