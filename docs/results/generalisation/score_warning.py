"""How well the warning of a map ranks ground by F1: mean probability of the mapped pixels against distance.

    python score_warning.py L4S_RGB DETECTOR...     # detectors trained on scene A rows 0-47 alone

Blocks of 3 x 3 patches with at least 150 landslide pixels, of scene A rows 51-57, B and C. The mean probability is
divided by that of the same detector over the blocks of A, as a map divides by the value on the card.
"""

import sys
from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

import landslip
from landslip.datasets.patch_set import PatchSet
from landslip.detector.ood_distance import OodDistance
from landslip.evaluation.domain_shift import patch_distances
from landslip.evaluation.generalisation.regions import region_of_text
from landslip.evaluation.predict import predict
from landslip.inference.engine import InferenceOptions
from landslip.probability import LANDSLIDE, STEP, reaches_threshold

HOME = "A:51-57"
REGIONS = (HOME, "B", "C")
SIDE = 3
MIN_LANDSLIDE_PX = 150
LIMITS = (0.86, 0.88, 0.90, 0.92, 0.94, 0.96)


def main() -> None:
    """Print rank correlations, and what each limit of the warning would flag."""
    patches = landslip.open_patches(sys.argv[1])
    rows: list[tuple[str, float, float, float]] = []
    for name in sys.argv[2:]:
        of_detector = [row for region in REGIONS for row in measure(landslip.Detector.open(name), patches, region)]
        home = float(np.mean([sure for region, _, sure, _ in of_detector if region == HOME]))
        rows += [(region, f1, sure / home, distance) for region, f1, sure, distance in of_detector]
    f1, sure, distance = (np.array([row[column] for row in rows]) for column in (1, 2, 3))
    where = np.array([row[0] for row in rows])
    write(f"{len(rows)} blocks of {len(sys.argv) - 2} detectors; rank correlation with F1:")
    for text, chosen in (("all", where != ""), (HOME, where == HOME), ("B and C", where != HOME)):
        write(f"  {text:8} mean probability {rank(f1, sure, chosen):+.2f}, distance {rank(f1, distance, chosen):+.2f}")
    for limit in LIMITS:
        low = sure < limit
        good, poor = low[f1 >= 0.5].mean(), low[f1 < 0.3].mean()
        write(
            f"below {limit:.2f}: {good:.1%} of blocks with F1 of .5 and more, {poor:.0%} of those under .3; "
            f"median F1 {np.median(f1[low]):.2f}, of the rest {np.median(f1[~low]):.2f}"
        )


def measure(detector: landslip.Detector, patches: PatchSet[Any], region: str) -> list[tuple[str, float, float, float]]:
    """Return region, F1, mean probability of the mapped pixels and median distance of each block."""
    selected = patches.where(region_of_text(region).contains)
    found = predict(detector, selected, options=InferenceOptions(precision="float32"))
    if detector.card.ood is None:
        raise SystemExit(f"{detector.card.name} has no statistics of its training images: a distance needs them")
    distances = patch_distances(OodDistance(detector.card.ood, detector.card.channels), selected)
    blocks: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, entry in enumerate(selected.entries):
        blocks[entry.row // SIDE, entry.col // SIDE].append(index)
    rows = []
    for members in blocks.values():
        landslide = found.masks[members] == LANDSLIDE
        mapped = reaches_threshold(found.encoded[members], detector.card.threshold)
        if landslide.sum() < MIN_LANDSLIDE_PX or not mapped.any():
            continue
        f1 = 2 * (mapped & landslide).sum() / (mapped.sum() + landslide.sum())
        rows.append(
            (
                region,
                float(f1),
                float(found.encoded[members][mapped].mean()) * STEP,
                float(np.nanmedian(distances[members])),
            )
        )
    return rows


def rank(f1: NDArray[np.float64], other: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float:
    """Return Spearman's rank correlation."""
    return float(spearmanr(f1[chosen], other[chosen]).statistic)


def write(line: str) -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
