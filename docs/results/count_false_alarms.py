"""Counts what a detector finds on ground known to hold no landslide.

    python docs/results/count_false_alarms.py FOLDER_OF_THE_RGB_PATCHES [DETECTOR]

The set has hardly a patch without a landslide. So every quarter (64 x 64 px) of a patch of scene A rows 50-57 without
a landslide pixel is mirrored to a whole patch and mapped; whatever is found there is a false alarm.
"""

import sys
from pathlib import Path

import numpy as np

from landslip.datasets.rgb import open_rgb_set
from landslip.datasets.splits import Part
from landslip.detector.detector import DEFAULT, Detector
from landslip.inference.predict import ArrayPredictor
from landslip.probability import BACKGROUND, encode_probability, reaches_threshold

ROWS = (50, 57)


def main(data: Path, detector_name: str) -> None:
    """Map and print the share of false alarms."""
    detector = Detector.open(detector_name)
    mapper = ArrayPredictor(detector)
    shares = []
    for patch in open_rgb_set(data).where(Part(scenes=("A",), rows=ROWS).holds):
        half = patch.mask.shape[0] // 2
        for rows in (slice(None, half), slice(half, None)):
            for cols in (slice(None, half), slice(half, None)):
                if (patch.mask[rows, cols] == BACKGROUND).all():
                    image = np.pad(patch.values[:, rows, cols], ((0, 0), (0, half), (0, half)), mode="symmetric")
                    probability = mapper(image, np.ones(image.shape[1:], bool))
                    shares.append(
                        float(reaches_threshold(encode_probability(probability), detector.card.threshold).mean())
                    )
    clean = sum(share == 0 for share in shares)
    sys.stdout.write(
        f"{detector.card.name}, scene A rows {ROWS[0]}-{ROWS[1]}, {len(shares)} quarters without a landslide: "
        f"{100 * np.mean(shares):.2f} % of their pixels are false alarms, {clean} quarters have none\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else DEFAULT)
