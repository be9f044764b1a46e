"""Score left-out scenes at a threshold that was also chosen on the other left-out scenes.

    python docs/results/cross_scene_threshold.py FOLDER_OF_THE_RGB_PATCHES OUT_OF_SCENE_OUT

For each left-out scene of a ``scene-out`` cross-validation (seed 1), F1 at three thresholds: the one chosen on the
validation rows of the training scenes; the one that ``calibration.cross_scene_predictions`` would choose on these rows
and on the *other* left-out scenes, with equal weights, so that nothing is chosen on the scene that is scored; and the
best in hindsight.
"""

import sys
from pathlib import Path

from landslip.datasets.formats import open_patches
from landslip.datasets.protocols import VALIDATION
from landslip.datasets.splits import read_division
from landslip.detector.detector import Detector
from landslip.evaluation.predict import predict
from landslip.evaluation.predictions import load_predictions
from landslip.metrics.thresholds import best_threshold


def main(data: Path, out: Path) -> None:
    """Print a row for each left-out scene."""
    runs = sorted(out.glob("runs/scene-*/seed-1"))
    left_out = {run.parent.name: load_predictions(run / "predictions.npz") for run in runs}
    patches = open_patches(data)
    head = ("left out", "validation", "with cross-scene", "in hindsight")
    sys.stdout.write("{:10} {:>14} {:>16} {:>14}   F1 at threshold\n".format(*head))
    for run in runs:
        (file,) = run.glob("*.onnx")
        name = run.parent.name
        validation_patches = read_division(run / "division.json").choose(patches, VALIDATION)
        validation = predict(Detector.open(file), validation_patches).histogram()
        others = [predictions.histogram() for other, predictions in left_out.items() if other != name]
        scored = left_out[name].histogram()
        thresholds = (left_out[name].threshold, best_threshold([validation], others), best_threshold([scored]))
        cells = [f"{scored.at(threshold).f1:.3f} at {threshold:.3f}" for threshold in thresholds]
        sys.stdout.write(f"{name:10} {cells[0]:>14} {cells[1]:>16} {cells[2]:>14}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
