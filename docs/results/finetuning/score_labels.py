"""F1 in a scene left out against the number of labelled landslides that a detector was fine-tuned with.

    python score_labels.py DETECTOR L4S_RGB choose complete head,norms,all 1
    python score_labels.py DETECTOR L4S_RGB report alone norms 1,2,3 B

choose: 20 labels of rows 0-3, scored on rows 5 (B) and 5-6 (C). report: 5, 20 and 50 labels of rows 0-5 (C: 0-6),
scored on rows 7-9 (C: 8-10). The last arguments are what is trained, the draws, and a scene where not both.

The detector must not have been trained on B or C. A draw takes landslides at random, connected parts of masks, each
with a square around it (its bounding box and 20 px) where the background is labelled. alone: other landslides in the
square have no label. complete: they are labelled and count, so that a dense square may hold more than were asked for.
The rest of the patches has no label.
"""

import itertools
import sys

import cc3d
import numpy as np
import torch
from numpy.typing import NDArray

import landslip
from landslip.datasets.patch_set import PatchStack, stack_patches
from landslip.datasets.splits import Part
from landslip.detector.detector import Detector
from landslip.metrics.counts import PixelCounts, count_pixels
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA
from landslip.training.finetuning.labels import part_of_stack
from landslip.training.finetuning.optimise import optimise
from landslip.training.finetuning.rebuild import rebuild_network
from landslip.training.networks.build import DetectorNetwork

MARGIN_PX = 20
NUMBERS = (5, 20, 50)
EPOCHS, BATCH_SIZE = 10, 4
CHOOSE = {"B": ((0, 3), (5, 5)), "C": ((0, 3), (5, 6))}
REPORT = {"B": ((0, 5), (7, 9)), "C": ((0, 6), (8, 10))}
"""Rows that are labelled, and rows that are scored."""
HOME = Part(scenes=("A",), rows=(51, 57))


def main() -> None:
    """Print one line for each run."""
    detector, patches = Detector.open(sys.argv[1]), landslip.open_patches(sys.argv[2])
    choosing, complete = sys.argv[3] == "choose", sys.argv[4] == "complete"
    modes = [one for one in ("head", "norms", "all") if one in sys.argv[5].split(",")]
    numbers, draws = (20,) if choosing else NUMBERS, tuple(map(int, sys.argv[6].split(",")))
    home = stack_patches(patches.read(entry) for entry in patches.where(HOME.contains).entries[::8])
    rows = CHOOSE if choosing else REPORT
    if len(sys.argv) > 7:
        rows = {sys.argv[7]: rows[sys.argv[7]]}
    parts = {
        scene: [stack_patches(patches.where(Part(scenes=(scene,), rows=some).contains)) for some in both]
        for scene, both in rows.items()
    }
    for scene, (_, test) in parts.items():
        show(f"{scene} as it was", rebuild_network(detector), detector, test, home)
    # Draws outside: each finished one is a table.
    for draw, scene, number, mode in itertools.product(draws, parts, numbers, modes):
        pool, test = parts[scene]
        stack, count = draw_labels(pool, number, draw, complete=complete)
        network = rebuild_network(detector)
        optimise(
            network,
            part_of_stack(stack, scene),
            temperature=detector.card.temperature,
            trained=mode,
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            seed=draw,
        )
        title = f"{scene} {mode} {number} labels, draw {draw} ({count} landslides, {len(stack)} patches)"
        show(title, network, detector, test, home)


def draw_labels(pool: PatchStack, number: int, draw: int, *, complete: bool) -> tuple[PatchStack, int]:
    """Return the patches in which landslides were drawn, with these alone labelled, and how many are."""
    found = [cc3d.connected_components(mask == LANDSLIDE, connectivity=8) for mask in pool.masks]
    listed = [(patch, label) for patch, labels in enumerate(found) for label in range(1, int(labels.max()) + 1)]
    masks = np.full(pool.masks.shape, NODATA, np.uint8)
    drawn: set[tuple[int, int]] = set()
    for place in np.random.default_rng(draw).permutation(len(listed)).tolist():
        patch, label = listed[place]
        if len(drawn) >= number:
            break
        if (patch, label) in drawn:
            continue
        rows, cols = np.nonzero(found[patch] == label)
        square = (
            slice(max(0, rows.min() - MARGIN_PX), rows.max() + MARGIN_PX + 1),
            slice(max(0, cols.min() - MARGIN_PX), cols.max() + MARGIN_PX + 1),
        )
        inside = [one for one in np.unique(found[patch][square]).tolist() if one] if complete else [label]
        masks[patch][square][pool.masks[patch][square] == BACKGROUND] = BACKGROUND
        masks[patch][np.isin(found[patch], inside)] = LANDSLIDE
        drawn |= {(patch, one) for one in inside}
    used = (masks != NODATA).any(axis=(1, 2))
    return PatchStack(pool.channels, pool.values[used], masks[used]), len(drawn)


def show(title: str, network: DetectorNetwork, detector: Detector, test: PatchStack, home: PatchStack) -> None:
    """Print the scores of a network on the scored rows, and at home."""
    there, here = (score(network, detector, stack) for stack in (test, home))
    sys.stdout.write(
        f"{title}: F1 {there.f1:.3f} P {there.precision:.3f} R {there.recall:.3f}, on A rows 51-57 {here.f1:.3f}\n"
    )
    sys.stdout.flush()


def score(network: DetectorNetwork, detector: Detector, stack: PatchStack) -> PixelCounts:
    """Count pixels at the threshold of the detector."""
    total = PixelCounts()
    for values, mask in zip(stack.values, stack.masks, strict=True):
        with torch.inference_mode():
            logits = network(torch.from_numpy(values)[None])[0, 0] / detector.card.temperature
        found: NDArray[np.bool_] = (logits.sigmoid() >= detector.card.threshold).numpy()
        total += count_pixels(found, mask)
    return total


if __name__ == "__main__":
    main()
