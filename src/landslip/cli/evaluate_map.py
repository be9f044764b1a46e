"""``landslip evaluate --map DIR --truth FILE``: a finished map against a truth from elsewhere."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from landslip.evaluation.reference.score import MapScore


def map_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options ``map_folder``, ``truth``, ``area`` and ``landslide_values``."""
    for option in (
        click.option(
            "--landslide-value",
            "landslide_values",
            type=int,
            multiple=True,
            metavar="N",
            help="What is landslide in a label raster that does not hold 1 for it; may be given again.",
        ),
        click.option(
            "--area",
            metavar="W,S,E,N|FILE",
            help="Where somebody looked for landslides: outside of it nothing is known. The whole map if left out.",
        ),
        click.option(
            "--truth",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="With --map: polygons of landslides (GeoPackage, GeoJSON, shapefile) or a label raster.",
        ),
        click.option(
            "--map",
            "map_folder",
            type=click.Path(path_type=Path),
            metavar="DIR",
            help="Score a finished landslide map against --truth.",
        ),
    ):
        function = option(function)
    return function


def evaluate_map(
    map_folder: Path | None,
    truth: Path | None,
    area: str | None,
    landslide_values: tuple[int, ...],
    *,
    threshold: float | None,
    quiet: bool = False,
    as_json: bool = False,
) -> None:
    """Score a finished map and print the figures.

    Raises:
        LandslipError: map, truth and area do not fit together.
        UsageError: one of the two is missing.
    """
    if map_folder is None or truth is None:
        raise click.UsageError("--map and --truth belong together: give the folder of a map and the truth of its place")
    from landslip.evaluation.reference.score import score_map
    from landslip.mapping.area import area_of_interest
    from landslip.mapping.finished_map import open_map

    mapped = open_map(map_folder)
    score = score_map(
        mapped,
        truth,
        area=None if area is None else area_of_interest(area),
        landslide_values=landslide_values,
        threshold=threshold,
        progress=not quiet,
    )
    click.echo(json.dumps(score.as_dict(), indent=2) if as_json else as_text(score))


def as_text(score: "MapScore") -> str:
    """The figures for people."""
    from landslip.figures.formatting import area_text, count_text, sentence

    said, intervals, areas = score.predictions, score.intervals(), score.areas_m2
    labelled = area_text(areas["found"] + areas["false_alarm"] + areas["missed"] + areas["quiet"])
    some = next(iter(intervals.values()))
    lines = [
        f"{said.detector} at threshold {said.threshold:g} against {said.data}; {labelled} of labelled ground",
        f"landslide class, counts pooled over all pixels; 95 % intervals over "
        f"{count_text(some.units, 'block', 'blocks')}{', too few to trust them' if some.few else ''}",
        "",
    ]
    for name, label in (("f1", "F1"), ("precision", "precision"), ("recall", "recall"), ("iou", "IoU")):
        one = intervals[name]
        lines.append(f"{label:>10} {one.value:>6.3f}   {one.low:.3f} to {one.high:.3f}")
    lines += ["", *(f"{name.replace('_', ' '):>17} {area_text(area)}" for name, area in areas.items() if area)]
    objects = score.objects()
    lines += [
        "",
        f"{objects.pairs} of {count_text(objects.truth, 'landslide', 'landslides')} found and "
        f"{objects.mapped - objects.pairs} of {objects.mapped} mapped ones false, paired one to one from an IoU of "
        f"{objects.least_iou:g} on; {objects.touched_truth} touched, "
        f"{objects.mapped - objects.touched_mapped} touch none",
    ]
    return "\n".join(lines + [f"beware: {sentence(note)}" for note in score.notes])


@click.command("evaluate-map")
@map_options
@click.option("--threshold", type=float, help="Probability from which a pixel is landslide; the map's own if left out.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program.")
def command(**options: Any) -> None:
    """Score a finished landslide map against a truth from elsewhere."""
    evaluate_map(**options)
