"""Score maps of the Hokkaido pair in the three windows whose fresh scars were drawn by eye.

    python docs/results/hokkaido-windows/score.py HOKKAIDO_FOLDER WORK_FOLDER

Maps the image after alone, the pair, the pair without candidates of less than 10 degrees of mean slope, the exchanged
pair and the image before twice, and prints precision, recall and F1 by pixel and by landslide, the areas mapped as new,
and time and peak memory; each map runs in a process of its own.
Nothing was tuned on the windows.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import cc3d
import click
import numpy as np
import pyogrio
import rasterio
from rasterio.features import rasterize

HERE = Path(__file__).parent


def run_map(out: Path, after: Path, before: Path | None, *more: str) -> dict:
    """Map in a process of its own, unless the folder holds the map; return its summary."""
    command = [sys.executable, "-m", "landslip", "map", str(after), "-o", str(out), "-q", "--threads", "1", *more]
    if before:
        command += ["--before", str(before)]
    if not (out / "summary.json").exists():
        subprocess.run(command, check=True)
    return json.loads((out / "summary.json").read_text())


def burn(table, like):
    """Return the mask of polygons on the grid of a raster."""
    if not len(table):
        return np.zeros(like.shape, bool)
    return rasterize(((one, 1) for one in table.geometry), like.shape, transform=like.transform, dtype="uint8") > 0


def score(found, truth):
    """Return precision, recall and F1 of masks."""
    hits = (found & truth).sum()
    precision, recall = hits / max(found.sum(), 1), hits / max(truth.sum(), 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def by_landslide(found, truth):
    """Precision and recall of 8-connected objects: one counts where half of its pixels are in the other map."""
    fractions = []
    for mine, other in ((found, truth), (truth, found)):
        labels = cc3d.connected_components(mine.astype(np.uint8), connectivity=8)
        sizes, inside = np.bincount(labels.ravel()), np.bincount(labels.ravel(), weights=other.ravel())
        fractions.append(float((inside[1:] >= 0.5 * sizes[1:]).mean()) if len(sizes) > 1 else float("nan"))
    precision, recall = fractions
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def main() -> None:
    """Map, score and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("pair", type=Path)
    parser.add_argument("work", type=Path)
    arguments = parser.parse_args()
    after, before = arguments.pair / "after", arguments.pair / "before"
    runs = {
        "single": (after, None),
        "pair": (after, before),
        "pair_steep": (after, before, str(arguments.pair / "slope.tif"), "--min-slope", "10"),
        "exchanged": (before, after),
        "before_twice": (before, before),
    }
    summaries = {name: run_map(arguments.work / name, *paths) for name, paths in runs.items()}
    with rasterio.open(after / "B04.tif") as like, rasterio.open(before / "B04.tif") as old:
        covered = old.read(1) > 0
        truth = burn(pyogrio.read_dataframe(HERE / "scars.geojson"), like)
        windows = json.loads((HERE / "windows.geojson").read_text())["features"]
        maps = {
            name: burn(pyogrio.read_dataframe(arguments.work / name / "landslides.gpkg", layer="landslides"), like)
            & covered
            for name in ("single", "pair", "pair_steep")
        }
    places = {
        one["properties"]["window"]: (
            slice(one["properties"]["row"], one["properties"]["row"] + 200),
            slice(one["properties"]["col"], one["properties"]["col"] + 200),
        )
        for one in windows
    }
    click.echo("| map | window | precision | recall | F1 | by landslide: precision | recall | F1 | px outside scars |")
    click.echo("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, found in maps.items():
        cuts = {window: (found[place], truth[place]) for window, place in places.items()}
        cuts["all three"] = tuple(np.concatenate([cut[side] for cut in cuts.values()]) for side in (0, 1))
        for window, (mine, reference) in cuts.items():
            figures = " | ".join(f"{value:.3f}" for value in (*score(mine, reference), *by_landslide(mine, reference)))
            click.echo(f"| {name} | {window} | {figures} | {(mine & ~reference).sum()} |")
    right = summaries["pair"]["landslide_area_m2"]
    for name in ("pair", "exchanged", "before_twice"):
        area = summaries[name]["landslide_area_m2"]
        click.echo(f"{name}: {area / 1e4:.1f} ha new, {area / right:.1%} of the right order")
    single, pair = summaries["single"], summaries["pair"]
    for title, key in (("seconds", "wall_s"), ("peak memory, MB", "peak_rss_mb")):
        click.echo(f"{title}: pair {pair[key]:.1f}, single {single[key]:.1f}")
    click.echo(f"shift: {pair['change']['shifts']}; stable: {pair['change']['stable_fraction']:.3f}")


if __name__ == "__main__":
    main()
