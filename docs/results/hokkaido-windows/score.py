"""Score maps of the Hokkaido pair in the three windows whose fresh scars were drawn by eye.

    python docs/results/hokkaido-windows/score.py HOKKAIDO_FOLDER WORK_FOLDER [--network FILE.onnx]

Maps the image after alone and, with each detector of change, the pair, the exchanged pair and the image before twice,
and prints precision, recall and F1 by pixel and by landslide, the same with a tolerance of one pixel and for the scars
moved by one pixel, what each filter of candidates rules out, the areas mapped as new, and time and peak memory; each
map runs in a process of its own. Filters are applied to the table of the
map, which gives the same candidates as their options. Nothing was tuned on the windows.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cc3d
import click
import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import rasterio
from numpy.typing import NDArray
from rasterio.features import rasterize

from landslip.change.baseline import packaged_baseline
from landslip.grid.neighbourhoods import is_near
from landslip.mapping.candidate_shape import looks_like_field_or_road

HERE = Path(__file__).parent
Mask = NDArray[np.bool_]
Rule = Callable[[gpd.GeoDataFrame], "pd.Series[bool]"]


def run_map(out: Path, after: Path, before: Path | None, *more: str) -> Mapping[str, Any]:
    """Map in a process of its own, unless the folder holds the map; return its summary."""
    options = ("--detector", packaged_baseline().detector, "-q", "--threads", "1", *more)
    command = [sys.executable, "-m", "landslip", "map", str(after), "-o", str(out), *options]
    if before:
        command += ["--before", str(before)]
    if not (out / "summary.json").exists():
        subprocess.run(command, check=True)
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return summary


def burn(table: gpd.GeoDataFrame, like: rasterio.DatasetReader) -> Mask:
    """Return the mask of polygons on the grid of a raster."""
    if not len(table):
        return np.zeros(like.shape, bool)
    burnt = rasterize(((one, 1) for one in table.geometry), like.shape, transform=like.transform, dtype="uint8")
    return np.asarray(burnt > 0)


def score(found: Mask, truth: Mask) -> tuple[float, float, float]:
    """Return precision, recall and F1 of masks."""
    hits = (found & truth).sum()
    precision, recall = hits / max(found.sum(), 1), hits / max(truth.sum(), 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def score_within_a_pixel(found: Mask, truth: Mask) -> tuple[float, float, float]:
    """Return precision, recall and F1 of masks (h, w), where a pixel is right within one pixel of the other mask."""
    precision = (found & is_near(truth, 1)).sum() / max(found.sum(), 1)
    recall = (truth & is_near(found, 1)).sum() / max(truth.sum(), 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def by_landslide(found: Mask, truth: Mask) -> tuple[float, float, float]:
    """Precision and recall of 8-connected objects: one counts where half of its pixels are in the other map."""
    fractions = []
    for mine, other in ((found, truth), (truth, found)):
        labels = cc3d.connected_components(mine.astype(np.uint8), connectivity=8)
        sizes, inside = np.bincount(labels.ravel()), np.bincount(labels.ravel(), weights=other.ravel())
        fractions.append(float((inside[1:] >= 0.5 * sizes[1:]).mean()) if len(sizes) > 1 else float("nan"))
    precision, recall = fractions
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


FILTERS: Mapping[str, Rule] = {
    "--min-slope 5": lambda table: table["slope_mean_deg"] < 5,
    "--min-slope 10": lambda table: table["slope_mean_deg"] < 10,
    "--field-slope 10": lambda table: (table["slope_mean_deg"] < 10) & is_field(table),
    "--min-area 1000": lambda table: table["area_m2"] < 1000,
    "--min-area 2000": lambda table: table["area_m2"] < 2000,
}
"""Which candidates each rules out."""
SHOWN = ("--min-slope 10", "--field-slope 10")


def is_field(table: gpd.GeoDataFrame) -> Mask:
    """Return which candidates have the shape of a field or a road."""
    return looks_like_field_or_road(*(table[name].to_numpy() for name in ("area_m2", "length_m", "width_m")))


def judge_filters(table: gpd.GeoDataFrame, truth: Mask, inside: Mask, like: rasterio.DatasetReader) -> None:
    """Print what each filter rules out among the candidates of the windows: false ones, and scars."""
    touching, mostly_scar = [], []
    for outline in table.geometry:
        mask = rasterize([(outline, 1)], like.shape, transform=like.transform, dtype="uint8") > 0
        touching.append((mask & inside).any())
        mostly_scar.append((mask & inside & truth).sum() >= 0.5 * (mask & inside).sum())
    table, scar = table[touching], np.array(mostly_scar, bool)[touching]
    click.echo(f"{len(table)} candidates touch the windows, {(~scar).sum()} of them are no scars")
    click.echo("| filter | ruled out | precision: no scar | recall: of those that are no scar | scars lost |")
    click.echo("| --- | ---: | ---: | ---: | ---: |")
    for name, rule in FILTERS.items():
        out = rule(table).to_numpy()
        right = (out & ~scar).sum()
        precision = f"{right / out.sum():.2f}" if out.any() else ""
        recall = f"{right / max((~scar).sum(), 1):.2f}"
        click.echo(f"| `{name}` | {out.sum()} | {precision} | {recall} | {(out & scar).sum()} |")


def main() -> None:
    """Map, score and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("pair", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--network", help="a detector of two dates, beside the baseline")
    arguments = parser.parse_args()
    after, before, slope = arguments.pair / "after", arguments.pair / "before", str(arguments.pair / "slope.tif")
    detectors = {"baseline": "rgb-change-baseline"} | ({"network": arguments.network} if arguments.network else {})
    runs: dict[str, tuple[Path, Path | None, *tuple[str, ...]]] = {"single": (after, None, slope)}
    for name, detector in detectors.items():
        chosen = ("--change-detector", detector)
        runs |= {
            name: (after, before, slope, *chosen),
            f"{name}, exchanged": (before, after, *chosen),
            f"{name}, before twice": (before, before, *chosen),
        }
    summaries = {name: run_map(arguments.work / name.replace(", ", "-"), *paths) for name, paths in runs.items()}
    with rasterio.open(after / "B04.tif") as like, rasterio.open(before / "B04.tif") as old:
        covered = old.read(1) > 0
        truth = burn(pyogrio.read_dataframe(HERE / "scars.geojson"), like)
        windows = json.loads((HERE / "windows.geojson").read_text())["features"]
        tables = {
            name: pyogrio.read_dataframe(arguments.work / name / "landslides.gpkg", layer="landslides")
            for name in ("single", *detectors)
        }
        maps = {}
        for name, table in tables.items():
            maps[name] = burn(table, like) & covered
            for shown in SHOWN:
                maps[f"{name}, `{shown}`"] = burn(table[~FILTERS[shown](table).to_numpy()], like) & covered
        places = {
            one["properties"]["window"]: (
                slice(one["properties"]["row"], one["properties"]["row"] + 200),
                slice(one["properties"]["col"], one["properties"]["col"] + 200),
            )
            for one in windows
        }
        inside = np.zeros(like.shape, bool)
        for place in places.values():
            inside[place] = True
        print_scores(maps, places, truth)
        print_edges(maps, inside, truth)
        for name in detectors:
            click.echo(f"filters, {name}:")
            judge_filters(tables[name], truth, inside, like)
    for name in detectors:
        right = summaries[name]["landslide_area_m2"]
        for order in ("", ", exchanged", ", before twice"):
            area = summaries[name + order]["landslide_area_m2"]
            click.echo(f"{name}{order}: {area / 1e4:.1f} ha new, {area / max(right, 1):.1%} of the right order")
    for title, key in (("seconds", "wall_s"), ("peak memory, MB", "peak_rss_mb")):
        click.echo(f"{title}: " + ", ".join(f"{name} {summaries[name][key]:.1f}" for name in ("single", *detectors)))
    pair = summaries["baseline"]
    click.echo(f"shift: {pair['change']['shifts']}; stable: {pair['change']['stable_fraction']:.3f}")


def print_scores(maps: Mapping[str, Mask], places: Mapping[str, tuple[slice, slice]], truth: Mask) -> None:
    """Print precision, recall and F1 of maps in each window and in all of them."""
    click.echo("| map | window | precision | recall | F1 | by landslide: precision | recall | F1 | px outside scars |")
    click.echo("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, found in maps.items():
        cuts = {window: (found[place], truth[place]) for window, place in places.items()}
        whole, drawn = (np.concatenate([cut[side] for cut in cuts.values()]) for side in (0, 1))
        cuts["all three"] = whole, drawn
        for window, (mine, reference) in cuts.items():
            figures = " | ".join(f"{value:.3f}" for value in (*score(mine, reference), *by_landslide(mine, reference)))
            click.echo(f"| {name} | {window} | {figures} | {(mine & ~reference).sum()} |")


def print_edges(maps: Mapping[str, Mask], inside: Mask, truth: Mask) -> None:
    """Print what an error of one pixel in the outlines costs: the scores within a pixel, and those of moved scars."""
    click.echo("| all three windows, within one pixel | precision | recall | F1 |")
    click.echo("| --- | --- | --- | --- |")
    for name, found in maps.items():
        figures = " | ".join(f"{value:.3f}" for value in score_within_a_pixel(found & inside, truth & inside))
        click.echo(f"| {name} | {figures} |")
    for name, (down, right) in {"down": (1, 0), "right": (0, 1), "both": (1, 1)}.items():
        moved = np.roll(truth, (down, right), axis=(0, 1))
        figures = " | ".join(f"{value:.3f}" for value in score(moved[inside], truth[inside]))
        click.echo(f"the scars themselves, moved by one pixel ({name}): {figures}")


if __name__ == "__main__":
    main()
