"""Measure the false-alarm rate of a detector on terrain without landslides.

    python docs/results/count_false_alarms.py FOLDER_OF_THE_RGB_PATCHES [DETECTOR]

Few patches of the set hold no landslide. Therefore every quarter (64 x 64 px) without a landslide pixel, of the patches
of scene A rows 50-57, is mirrored to a whole patch and mapped; every pixel detected there is a false alarm.
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
    """Map the quarters and print the fraction of false alarms."""
    detector = Detector.open(detector_name)
    predictor = ArrayPredictor(detector)
    fractions = []
    for patch in open_rgb_set(data).where(Part(scenes=("A",), rows=ROWS).contains):
        half = patch.mask.shape[0] // 2
        for rows in (slice(None, half), slice(half, None)):
            for cols in (slice(None, half), slice(half, None)):
                if (patch.mask[rows, cols] == BACKGROUND).all():
                    image = np.pad(patch.values[:, rows, cols], ((0, 0), (0, half), (0, half)), mode="symmetric")
                    encoded = encode_probability(predictor(image, np.ones(image.shape[1:], bool)))
                    fractions.append(float(reaches_threshold(encoded, detector.card.threshold).mean()))
    without = sum(fraction == 0 for fraction in fractions)
    sys.stdout.write(
        f"{detector.card.name}, scene A rows {ROWS[0]}-{ROWS[1]}, {len(fractions)} quarters without a landslide: "
        f"{100 * np.mean(fractions):.2f} % of their pixels are false alarms, {without} quarters have none\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else DEFAULT)
