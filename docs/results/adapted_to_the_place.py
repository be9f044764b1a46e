"""What adapting to a place without truth brings, on scenes that the networks of a protocol never saw.

    python docs/results/adapted_to_the_place.py FOLDER_OF_THE_RGB_PATCHES OUT_OF_SCENE_OUT

Every network of every seed is adapted to the images of the scene that was left out (``landslip detector adapt``) and
scored there by the threshold that it was trained with. F1 pooled over all pixels: mean and deviation over the seeds.
Scenes whose training is not finished are left out, and so is then the mean.
"""

import sys
from pathlib import Path
from statistics import mean, stdev

from landslip.datasets.formats import open_patches
from landslip.datasets.splits import Part
from landslip.detector.detector import Detector
from landslip.evaluation.predict import predict
from landslip.metrics.thresholds import ProbabilityHistogram
from landslip.post_training.adaptation import adapt, images_of_patches

SHARES = (0.0, 0.5, 0.75, 1.0)


def f1_at(detector: Detector, data: Path, scene: str, share: float) -> float:
    """F1 on a scene of a detector that went a share of the way to it."""
    patches = open_patches(data).where(Part(scenes=(scene,)).contains)
    if share:
        detector = adapt(detector, images_of_patches(detector, patches), scene, weight=share)
    said = predict(detector, patches)
    return said.histogram().at(detector.card.threshold).f1


def main(data: Path, out: Path) -> None:
    """Print a row a scene, and the mean of the scenes."""
    sys.stdout.write("left out  " + "".join(f"{f'share {share:g}':>16}" for share in SHARES) + "   seeds\n")
    rows: list[list[list[float]]] = []
    for folder in sorted((out / "runs").glob("scene-*")):
        scene = folder.name.removeprefix("scene-")
        files = sorted(folder.glob("seed-*/*.onnx"))
        if not files:
            continue
        detectors = [Detector.open(str(file)) for file in files]
        rows.append([[f1_at(one, data, scene, share) for one in detectors] for share in SHARES])
        write(scene, rows[-1], len(files))
    if len({len(row[0]) for row in rows}) == 1:
        write("mean", [[mean(seeds) for seeds in zip(*column, strict=True)] for column in zip(*rows, strict=True)], 0)


def write(name: str, by_share: list[list[float]], seeds: int) -> None:
    """Print mean and deviation of each column."""
    cells = [f"{mean(one):.3f} ({stdev(one) if len(one) > 1 else 0:.3f})" for one in by_share]
    sys.stdout.write(f"{name:10}" + "".join(f"{cell:>16}" for cell in cells) + f"{seeds or '':>8}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
