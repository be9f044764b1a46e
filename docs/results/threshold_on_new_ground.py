"""What a threshold that was chosen for new ground as well brings on a scene that nothing was chosen on.

    python docs/results/threshold_on_new_ground.py FOLDER_OF_THE_RGB_PATCHES OUT_OF_SCENE_OUT

For each scene that was left out: F1 at the threshold from the last rows of the scenes learned from, and at the one
that ``calibration.cross_scene_predictions`` would choose by those rows and by the *other* scenes left out, in equal parts. So the scene that
is scored chooses nothing. Then the best threshold in hindsight.
"""

import sys
from pathlib import Path

from landslip.datasets.formats import open_patches
from landslip.datasets.splits import read_division
from landslip.detector.detector import Detector
from landslip.evaluation.predict import predict
from landslip.evaluation.predictions import load_predictions
from landslip.metrics.thresholds import best_threshold
from landslip.datasets.protocols import VALIDATION


def main(data: Path, out: Path) -> None:
    """Print a row a scene."""
    runs = sorted(out.glob("runs/scene-*/seed-1"))
    unseen = {run.parent.name: load_predictions(run / "predictions.npz") for run in runs}
    patches = open_patches(data)
    head = ("left out", "from home", "for new ground", "in hindsight")
    sys.stdout.write("{:10} {:>14} {:>16} {:>14}   F1 at threshold\n".format(*head))
    for run in runs:
        (file,) = run.glob("*.onnx")
        said = unseen[run.parent.name]
        chosen_on = read_division(run / "division.json").choose(patches, VALIDATION)
        home = predict(Detector.open(str(file)), chosen_on).histogram()
        others = [other.histogram() for name, other in unseen.items() if name != run.parent.name]
        here = said.histogram()
        row = (said.threshold, best_threshold([home], others), best_threshold([here]))
        cells = [f"{here.at(one).f1:.3f} at {one:.3f}" for one in row]
        sys.stdout.write(f"{run.parent.name:10} {cells[0]:>14} {cells[1]:>16} {cells[2]:>14}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
