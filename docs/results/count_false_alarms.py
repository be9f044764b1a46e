"""Counts what the packaged detector finds on ground known to hold no landslide.

    python docs/results/count_false_alarms.py FOLDER_OF_THE_RGB_PATCHES

The set has hardly a patch without a landslide. So every quarter (64 x 64 px) of a patch of scene A rows 50-57 without
a landslide pixel is mirrored to a whole patch and mapped; whatever is found there is a false alarm. Needs the extra
``train``, whose augmentation makes such ground too.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from landslip.detector import DEFAULT, Detector
from landslip.evaluation.running import mapper_for
from landslip.levels import at_least, to_levels
from landslip.patches.rgb import open_rgb_set
from landslip.patches.splits import Part
from landslip.training.augmentation import mirrored, quiet_quarters


def main(data: Path, detector_name: str) -> None:
    """Map and print the share of false alarms."""
    detector = Detector.open(detector_name)
    mapper = mapper_for(detector)
    shares = []
    for patch in open_rgb_set(data).where(Part(scenes=("A",), rows=(50, 57)).holds):
        for quarter in quiet_quarters(torch.from_numpy(patch.values), torch.from_numpy(patch.mask)):
            image = mirrored(quarter).numpy()
            probability = mapper(image, np.ones(image.shape[1:], bool))
            shares.append(float(at_least(to_levels(probability), detector.card.threshold).mean()))
    clean = sum(share == 0 for share in shares)
    sys.stdout.write(
        f"{len(shares)} quarters without a landslide: {100 * np.mean(shares):.2f} % of their pixels are false alarms, "
        f"{clean} quarters have none\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else DEFAULT)
