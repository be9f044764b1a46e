"""Detectors of change on made pairs of patches that they were not trained on.

    python benchmarks/change_detectors.py L4S_RGB EUROSAT_RGB [--network FILE.onnx] --part validation
    python benchmarks/change_detectors.py L4S_RGB EUROSAT_RGB [--network FILE.onnx] --part test
    python benchmarks/change_detectors.py L4S_RGB EUROSAT_RGB [--network FILE.onnx] --part test --curve shift_px

``validation`` (rows 45-49 of scene A, 8 of B, 9 of C) compares ways to decide what is new and their thresholds;
``test`` (rows 51-57 of A, 9 and 10 of B, 10 of C) scores what was chosen there, also against misregistration and
season.
Each way is also given the dates exchanged and the image before twice, where nothing is new. Counts of pixels, pooled.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

import landslip
from landslip.change.baseline import packaged_baseline, predict_new
from landslip.change.detector import combine
from landslip.change.evidence import compute_visible_change
from landslip.change.normalisation import measure_radiometry
from landslip.channels import TRUE_COLOUR
from landslip.datasets.patch_set import Entry, PatchSet
from landslip.detector.detector import Detector
from landslip.figures.charts import Axis, Chart, Series, render_svg
from landslip.inference.engine import InferenceOptions
from landslip.inference.predict import ArrayPredictor
from landslip.synthetic.pair_set import Chips, PairSetSettings, make_one
from landslip.synthetic.patch_pairs import MadePair

ROWS = {
    "validation": {"A": (45, 49), "B": (8, 8), "C": (9, 9)},
    "test": {"A": (51, 57), "B": (9, 10), "C": (10, 10)},
}
SEED = 20180906
THRESHOLDS = np.arange(0.1, 0.95, 0.02)
CURVES = {"shift_px": (0.0, 0.5, 1.0, 2.0), "season": (0.0, 0.2, 0.4, 0.6)}
LABELS = {"shift_px": "misregistration (px)", "season": "season (standard deviation of the logarithm)"}

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Seen:
    """What the detectors make of one pair."""

    single: Image
    """Probability of landslide after, of the detector of one image."""
    earlier: Image
    """The same before."""
    regression: Image
    both: Image | None
    """Of the network of both dates, if one is given."""
    new: NDArray[np.bool_]
    old: NDArray[np.bool_]

    def probability(self, way: str) -> Image:
        """Return the probability that a pixel is new, by one of the ways."""
        found = {
            "single image": self.single,
            "regression": self.regression,
            BASELINE: combine(self.regression, self.earlier),
        }
        if self.both is not None:
            found |= {
                "network": self.both,
                "network x none before": self.both * (1 - self.earlier),
                "network, regression": np.sqrt(self.regression * self.both),
                NETWORK: combine(self.regression, self.earlier, self.both),
            }
        return found[way]


BASELINE, NETWORK = "regression x none before (baseline)", "network, regression x none before"
WAYS_OF_ONE_IMAGE = ("single image", "regression", BASELINE)
WAYS = (*WAYS_OF_ONE_IMAGE, "network", "network x none before", "network, regression", NETWORK)
SHOWN = ("single image", BASELINE, NETWORK)
"""In a curve."""


class Judges:
    """The detectors, opened once."""

    def __init__(self, network: Path | None) -> None:
        options = InferenceOptions(precision="float32", threads=1)
        self.single = ArrayPredictor(Detector.open(packaged_baseline().detector), options)
        self.both: ArrayPredictor | None = None
        if network is not None:
            self.both = ArrayPredictor(Detector.open(network), options)

    def see(self, after: Image, before: Image, new: NDArray[np.bool_], old: NDArray[np.bool_]) -> Seen:
        """Run every detector on a pair (3, H, W) each."""
        radiometry = measure_radiometry(*(one.reshape(3, -1).T.astype(float) for one in (before, after)))
        change = compute_visible_change(before, after, np.ones(new.shape, np.bool_), radiometry)
        single, earlier = self.single(after), self.single(before)
        both = None
        if self.both is not None:
            both = self.both(np.concatenate([after, before]))
        return Seen(single, earlier, predict_new(single, change), both, new, old)


def select(patches: PatchSet[Entry], part: str, every: int) -> list[tuple[Entry, Entry]]:
    """Return every n-th patch of a part, each with the one that follows it."""
    rows = ROWS[part]
    some = [
        one
        for one in patches.entries
        if one.scene in rows and one.row is not None and rows[one.scene][0] <= one.row <= rows[one.scene][1]
    ]
    return list(zip(some, [*some[1:], some[0]], strict=True))[::every]


def make_pairs(
    patches: PatchSet[Entry], entries: Sequence[tuple[Entry, Entry]], chips: Chips, settings: PairSetSettings
) -> Iterator[MadePair]:
    """Yield made pairs of patches."""
    for entry, following in entries:
        patch, other = patches.read(entry), patches.read(following)
        random = np.random.default_rng((settings.seed, entry.id))
        yield make_one(patch.select(TRUE_COLOUR), patch.mask == 1, other.mask == 1, settings, chips, random)


def score(seen: list[Seen], way: str, threshold: float) -> dict[str, float]:
    """Return precision, recall, F1, and the fraction of old scars that is taken for new."""
    found = [one.probability(way) >= threshold for one in seen]
    hits = sum(int((mask & one.new).sum()) for mask, one in zip(found, seen, strict=True))
    marked, new = sum(int(mask.sum()) for mask in found), sum(int(one.new.sum()) for one in seen)
    old = sum(int((mask & one.old).sum()) for mask, one in zip(found, seen, strict=True))
    precision, recall = hits / max(marked, 1), hits / max(new, 1)
    return {
        "marked": marked,
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(precision + recall, 1e-9),
        "old": old / max(sum(int(one.old.sum()) for one in seen), 1),
    }


def change(curve: str, value: float) -> dict[str, object]:
    """Return the setting of made pairs that a point of a curve changes."""
    return {"shift_px": (value, 0.0)} if curve == "shift_px" else {"season": value}


def print_curve(curve: str, seen: dict[float, list[Seen]], limits: dict[str, float]) -> str:
    """Print the scores at each point of a curve, by ways with their thresholds; return the chart of F1 as SVG."""
    click.echo(f"| {curve} | way | precision | recall | F1 | old scars |")
    click.echo("| ---: | --- | ---: | ---: | ---: | ---: |")
    f1: dict[str, list[float]] = {way: [] for way in limits}
    for value, pairs in seen.items():
        for way, limit in limits.items():
            found = score(pairs, way, limit)
            f1[way].append(found["f1"])
            figures = " | ".join(f"{found[name]:.3f}" for name in ("precision", "recall", "f1", "old"))
            click.echo(f"| {value:g} | {way} | {figures} |")
    axes = Axis(LABELS[curve]), Axis("F1 of new landslides", low=0, high=1)
    lines = tuple(Series(way, x=list(seen), y=values, marks="both") for way, values in f1.items())
    return render_svg(Chart(f"F1 of new landslides against {LABELS[curve]}", *axes, lines))


def main() -> None:
    """Make pairs, run the detectors, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("patches", type=Path)
    parser.add_argument("chips", type=Path)
    parser.add_argument("--network", type=Path, help="a detector of two dates, beside the baseline")
    parser.add_argument("--part", choices=ROWS, default="validation")
    parser.add_argument("--every", type=int, default=1, help="use every n-th patch")
    parser.add_argument("--curve", choices=CURVES, help="score against misregistration or season only")
    parser.add_argument("--chart", type=Path, help="SVG of the curve to write")
    arguments = parser.parse_args()
    judges, patches = Judges(arguments.network), landslip.open_patches(arguments.patches)
    entries = select(patches, arguments.part, arguments.every)
    settings = PairSetSettings(seed=SEED)
    chips = Chips.open(arguments.chips, settings.keep_apart)
    limit = packaged_baseline().threshold
    own = {"single image": judges.single.detector.card.threshold, "regression": limit, BASELINE: limit}
    ways: tuple[str, ...] = WAYS_OF_ONE_IMAGE
    if judges.both is not None:
        ways = WAYS
        own |= dict.fromkeys(set(WAYS) - set(own), judges.both.detector.card.threshold)

    if arguments.curve:
        still = settings.model_copy(update={"season": 0.0, "misregistration_px": 0.0, "snow": 0.0})
        click.echo(f"{len(entries)} made pairs of {arguments.part}, seed {SEED}, no snow")
        seen_at = {
            value: [
                judges.see(one.after, one.before, one.new, one.old)
                for one in make_pairs(patches, entries, chips, still.model_copy(update=change(arguments.curve, value)))
            ]
            for value in CURVES[arguments.curve]
        }
        svg = print_curve(arguments.curve, seen_at, {way: own[way] for way in SHOWN if way in ways})
        if arguments.chart:
            arguments.chart.write_text(svg)
        return

    pairs = list(make_pairs(patches, entries, chips, settings))
    nothing = [np.zeros_like(one.new) for one in pairs]
    seen = [judges.see(one.after, one.before, one.new, one.old) for one in pairs]
    exchanged = [judges.see(one.before, one.after, none, one.old) for one, none in zip(pairs, nothing, strict=True)]
    twice = [judges.see(one.before, one.before, none, one.old) for one, none in zip(pairs, nothing, strict=True)]
    click.echo(f"{len(entries)} made pairs of {arguments.part}, seed {SEED}")
    click.echo("| way | threshold | precision | recall | F1 | old scars | exchanged | before twice |")
    click.echo("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for way in ways:
        limits = [own[way]]
        if arguments.part == "validation":
            limits.append(float(max(THRESHOLDS, key=lambda limit: score(seen, way, limit)["f1"])))
        for limit in limits:
            found = score(seen, way, limit)
            wrong = [score(some, way, limit)["marked"] / max(found["marked"], 1) for some in (exchanged, twice)]
            figures = " | ".join(f"{found[name]:.3f}" for name in ("precision", "recall", "f1", "old"))
            click.echo(f"| {way} | {limit:.2f} | {figures} | {wrong[0]:.1%} | {wrong[1]:.1%} |")


if __name__ == "__main__":
    main()
