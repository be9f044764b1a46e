"""Precision of "new" on synthetic pairs with old scars, harvested fields, a swollen river and snow.

    python benchmarks/synthetic_pairs.py [--network FILE.onnx]

Synthetic data, no place on Earth. The packaged detectors as in a map, with the baseline and with a network of change;
and the regression of the baseline alone, given a probability of 0.9 on all landslides, bare fields and flooded ground
of the image after, as the worst that a detector of one image can do. Counts are pixels, pooled over four regions; what
a map hides as snow or cloud is left out.
"""

import argparse

import cc3d
import click
import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

import landslip
from landslip.change.baseline import packaged_baseline, predict_new
from landslip.change.detector import BASELINE, ChangeDetector, combine
from landslip.change.pair import ScenePair
from landslip.channels import TRUE_COLOUR, name_before
from landslip.detector.detector import Detector
from landslip.grid.window import Window
from landslip.scenes.arrays import array_scene
from landslip.synthetic.region import KINDS, make_region
from landslip.synthetic.scene_files import region_transform
from landslip.synthetic.scene_pairs import LOOKALIKES, make_scene_pair

CLASSES = ("new", *LOOKALIKES)
SURE, UNLIKELY = 0.9, 0.02
STEEP_DEG = 10


def keep_steep(found: NDArray[np.bool_], slope_deg: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the candidates, as 8-connected objects, whose mean slope is large enough."""
    labels = cc3d.connected_components(found.astype(np.uint8), connectivity=8)
    means = np.bincount(labels.ravel(), slope_deg.ravel()) / np.maximum(np.bincount(labels.ravel()), 1)
    return found & (means[labels] >= STEEP_DEG)


def main() -> None:
    """Simulate, map and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--size", type=int, default=540, help="pixels a side, a multiple of 6")
    parser.add_argument("--network", help="a detector of two dates, beside the baseline")
    parser.add_argument("--seed", type=int, default=20180906)
    arguments = parser.parse_args()
    window = Window(0, 0, arguments.size, arguments.size)
    detector = Detector.open(packaged_baseline().detector)
    baseline = ChangeDetector.open(BASELINE)
    network = ChangeDetector.open(arguments.network) if arguments.network else None
    both_channels = (*TRUE_COLOUR, *name_before(TRUE_COLOUR))
    found_px: dict[str, int] = {}
    totals: dict[str, dict[str, NDArray[np.int64]]] = {}
    for number, kind in enumerate(KINDS):
        region = make_region(number, arguments.seed, *window.shape)
        pair = make_scene_pair(region, window)
        geobox = GeoBox(window.shape, region_transform(region), f"EPSG:{region.epsg}")
        images = [np.stack([view.dn[name] for name in TRUE_COLOUR]) for view in (pair.before, pair.after)]
        before, after = (array_scene(image, TRUE_COLOUR, geobox) for image in images)
        reading = ScenePair.open(after, [before]).read(window)
        seen = reading.valid & ~reading.white_before & ~reading.white_after
        marked = pair.new | pair.old | pair.harvested | pair.flooded
        probability = landslip.predict(images[1], detector, channels=TRUE_COLOUR, threads=1)
        earlier = landslip.predict(images[0], detector, channels=TRUE_COLOUR, threads=1)
        regression = predict_new(probability, reading.visible)
        maps = {
            "single image": probability >= detector.card.threshold,
            "pair, baseline": combine(regression, earlier) >= baseline.threshold,
            "single image, worst": marked,
            "regression, worst": predict_new(np.where(marked, SURE, UNLIKELY).astype(np.float32), reading.visible)
            >= baseline.threshold,
        }
        if network:
            both = landslip.predict(np.concatenate(images[::-1]), network.network, channels=both_channels, threads=1)
            maps["pair, network"] = combine(regression, earlier, both) >= network.threshold
        for name in [one for one in maps if "single" not in one]:
            maps[f"{name}, slope at least {STEEP_DEG} degrees"] = keep_steep(maps[name], pair.after.terrain.slope_deg)
        snow, new = ((mask & ~seen).sum() / max(mask.sum(), 1) for mask in (pair.snow, pair.new))
        click.echo(f"{kind}: hidden {1 - seen.mean():.1%}, of the snow {snow:.1%}, of the new landslides {new:.1%}")
        for name, found in maps.items():
            found_px[name] = found_px.get(name, 0) + int((found & seen).sum())
            counts = totals.setdefault(name, {one: np.zeros(2, np.int64) for one in CLASSES})
            for one in CLASSES:
                truth = getattr(pair, one) & seen
                counts[one] += [int((found & truth).sum()), int(truth.sum())]
    click.echo("| map | precision | recall | old scars mapped | harvested fields mapped | flooded ground mapped |")
    click.echo("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, counts in totals.items():
        fractions = [counts[one][0] / max(counts[one][1], 1) for one in CLASSES]
        figures = " | ".join(f"{value:.3f}" for value in (counts["new"][0] / max(found_px[name], 1), *fractions))
        click.echo(f"| {name} | {figures} |")


if __name__ == "__main__":
    main()
