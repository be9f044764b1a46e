"""``landslip evaluate-map``: score a finished map against reference landslides from another source."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.options import PATH, json_option, quiet_option, threshold_option
from landslip.cli.output import print_next
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.evaluation.reference.score import MapScore


@click.command("evaluate-map")
@click.argument("map_folder", metavar="MAP", type=PATH)
@click.option(
    "--truth",
    "--reference",
    "reference",
    type=PATH,
    required=True,
    metavar="FILE",
    help="Reference: landslide polygons, in any common vector format, or a label raster.",
)
@click.option(
    "--area",
    metavar="W,S,E,N|FILE",
    help="Area covered by the reference: bounds in degrees or a file with polygons; default: the whole map.",
)
@click.option("--layer", metavar="NAME", help="Layer of the reference, if it has several.")
@click.option("--area-layer", metavar="NAME", help="Layer of the file of --area, if it has several.")
@click.option(
    "--landslide-value",
    "landslide_values",
    type=int,
    multiple=True,
    metavar="N",
    help="Value of landslide in a label raster, if it is not 1; may be repeated.",
)
@click.option(
    "--nodata-as-background",
    "nodata_is_background",
    is_flag=True,
    help="Take nodata of a label raster as background.",
)
@threshold_option
@click.option(
    "--min-area",
    "min_area_m2",
    type=click.FloatRange(0),
    metavar="M2",
    help="Leave landslides smaller than this out of the counts of landslides; default: the minimum area of the map.",
)
@quiet_option
@json_option
def command(
    map_folder: Path,
    reference: Path,
    area: str | None,
    layer: str | None,
    area_layer: str | None,
    landslide_values: tuple[int, ...],
    nodata_is_background: bool,
    threshold: float | None,
    min_area_m2: float | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Score a finished landslide map against reference landslides.

    MAP is a folder written by `landslip map`. The reference may be an inventory or a label raster of any source, in
    any CRS. Pixels without a label are left out.

    \b
    Example:
      landslip evaluate-map map/ --truth inventory.gpkg --area surveyed.gpkg
    """
    from landslip.errors import AreaError
    from landslip.evaluation.reference.score import score_map
    from landslip.mapping.area import area_of_interest
    from landslip.mapping.finished_map import open_map

    try:
        surveyed = None if area is None else area_of_interest(area, area_layer)
    except AreaError as error:
        parameters = {"aoi": "area", "layer": "area_layer"}
        raise AreaError(str(error), parameter=parameters.get(error.parameter or "")) from error
    mapped = open_map(map_folder)
    with progress_line(quiet=quiet) as progress:
        score = score_map(
            mapped,
            reference,
            area=surveyed,
            landslide_values=landslide_values,
            layer=layer,
            nodata_is_background=nodata_is_background,
            threshold=threshold,
            min_area_m2=min_area_m2,
            progress=progress,
        )
    if as_json:
        click.echo(json.dumps(score.as_dict(), indent=2))
        return
    click.echo(_text(score))
    if area is None:
        print_next("landslip", "evaluate-map", map_folder, "--truth", reference, "--area", "AREA.gpkg")


def _text(score: "MapScore") -> str:
    from landslip.figures.formatting import format_area, format_count, to_sentence
    from landslip.metrics.intervals import count_units

    predictions, intervals, areas = score.predictions, score.intervals(), score.areas_m2
    labelled = format_area(sum(areas[name] for name in ("detected", "false_alarm", "missed", "background")))
    some = next(iter(intervals.values()))
    over = f"95 % intervals over {count_units(some.units, some.unit)}"
    if not some.is_given:
        over = some.text
    elif some.few_units:
        over += ", too few to be reliable"
    lines = [
        f"{predictions.detector} at threshold {predictions.threshold:g} against {predictions.data}; "
        f"{labelled} labelled",
        f"landslide class, counts pooled over all pixels; {over}",
        "",
    ]
    for name, label in (("f1", "F1"), ("precision", "precision"), ("recall", "recall"), ("iou", "IoU")):
        interval = intervals[name]
        lines.append(f"{label:>10} {interval.value:>6.3f}" + (f"   {interval.text}" if interval.is_given else ""))
    lines += ["", *(f"{name.replace('_', ' '):>17} {format_area(area)}" for name, area in areas.items() if area)]
    objects = score.objects()
    lines += [
        "",
        f"matched one to one at IoU >= {objects.min_iou:g}: {objects.matches} of "
        f"{format_count(objects.reference, 'reference landslide', 'reference landslides')} detected, "
        f"{objects.mapped - objects.matches} of {objects.mapped} mapped landslides false",
        f"by overlap: {objects.touched_reference} reference landslides touched, "
        f"{objects.mapped - objects.touched_mapped} mapped landslides touch none",
    ]
    return "\n".join(lines + [f"warning: {to_sentence(note)}" for note in score.notes])
