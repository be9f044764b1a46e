"""Score the detectors of a ``scene-out`` cross-validation on the left-out scene, before and after adaptation to it.

    python docs/results/score_adaptation.py FOLDER_OF_THE_RGB_PATCHES OUT_OF_SCENE_OUT

Every detector of every seed is adapted to the images of the scene that was left out (``landslip detector adapt``, no
labels) and scored there at the threshold it was trained with. Prints F1 pooled over all pixels: mean and standard
deviation over the seeds. Scenes without a finished training run are left out; the mean over scenes is printed if all
scenes have equally many seeds.
"""

import sys
from pathlib import Path
from statistics import mean, stdev

from landslip.datasets.formats import open_patches
from landslip.datasets.splits import Part
from landslip.detector.detector import Detector
from landslip.evaluation.predict import predict
from landslip.post_training.adaptation import adapt, images_of_patches

WEIGHTS = (0.0, 0.5, 0.75, 1.0)


def adapted_f1(detector: Detector, data: Path, scene: str, weight: float) -> float:
    """F1 on a scene after adaptation to it; a weight of 0 leaves the detector as it is."""
    patches = open_patches(data).where(Part(scenes=(scene,)).contains)
    if weight:
        detector = adapt(detector, images_of_patches(detector, patches), scene, weight=weight)
    return predict(detector, patches).histogram().at(detector.card.threshold).f1


def main(data: Path, out: Path) -> None:
    """Print a row for each scene, and the mean of the scenes."""
    sys.stdout.write("left out  " + "".join(f"{f'weight {weight:g}':>16}" for weight in WEIGHTS) + "   seeds\n")
    table: list[list[list[float]]] = []
    for folder in sorted((out / "runs").glob("scene-*")):
        scene = folder.name.removeprefix("scene-")
        files = sorted(folder.glob("seed-*/*.onnx"))
        if not files:
            continue
        detectors = [Detector.open(file) for file in files]
        table.append([[adapted_f1(detector, data, scene, weight) for detector in detectors] for weight in WEIGHTS])
        print_row(scene, table[-1], len(files))
    if len({len(row[0]) for row in table}) == 1:
        means = [[mean(seed) for seed in zip(*column, strict=True)] for column in zip(*table, strict=True)]
        print_row("mean", means, None)


def print_row(name: str, scores: list[list[float]], seeds: int | None) -> None:
    """Print mean and standard deviation over the seeds for each weight."""
    cells = [f"{mean(score):.3f} ({stdev(score) if len(score) > 1 else 0:.3f})" for score in scores]
    sys.stdout.write(f"{name:10}" + "".join(f"{cell:>16}" for cell in cells) + f"{seeds or '':>8}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
