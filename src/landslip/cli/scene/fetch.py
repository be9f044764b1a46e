"""``landslip scene fetch``: from an area and a date to a folder that ``landslip map`` takes."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landslip.cli.options import (
    build_settings,
    json_option,
    output_option,
    overwrite_option,
    quiet_option,
    split_names,
)
from landslip.cli.output import print_next, print_warnings
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.scenes.scene_record import PassRecord


@click.command("fetch")
@click.option(
    "--area", "aoi", required=True, metavar="W,S,E,N|FILE", help="Area: bounds in degrees, or a file of polygons."
)
@click.option("--layer", metavar="NAME", help="Layer of the file of --area, if it has several.")
@click.option("--date", required=True, metavar="DAY", help="Day of the event, e.g. 2018-09-06.")
@output_option("Folder for the scene: new or empty.")
@click.option("--days-before", type=int, default=0, metavar="N", help="Search this many days before the day too.")
@click.option("--days-after", type=int, default=30, metavar="N", help="Search this many days after the day.")
@click.option(
    "--catalogue",
    default="earth-search",
    metavar="NAME|URL|FILE",
    help="earth-search, planetary-computer, copernicus, the URL of a STAC API, or a catalog.json on disk.",
)
@click.option("--collection", metavar="ID", help="Collection of the images; default: sentinel-2-l2a or sentinel-2-l1c.")
@click.option("--level", type=click.Choice(["L2A", "L1C"]), default="L2A", help="Product level.")
@click.option(
    "--channels", callback=split_names, metavar="LIST", help="Channels, e.g. B02,B03,B04; default: all of the level."
)
@click.option(
    "--dem",
    "elevation",
    default="catalogue",
    metavar="catalogue|none|FILE",
    help="Elevation: Copernicus DEM GLO-30 of the catalogue, none, or a raster in metres.",
)
@click.option("--offset", type=float, metavar="DN", help="Added to stored values where the catalogue tells it wrong.")
@click.option("--max-passes", type=int, default=4, metavar="N", help="Satellite passes to combine at most.")
@click.option("--workers", type=click.IntRange(1, 64), default=8, metavar="N", help="Threads that read at once.")
@click.option("--list", "only_list", is_flag=True, help="Only list the images, and draw them in DIR-candidates.png.")
@overwrite_option
@quiet_option
@json_option
def command(
    aoi: str,
    layer: str | None,
    date: str,
    out: Path,
    workers: int,
    only_list: bool,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Fetch Sentinel-2 images and elevation of an area and a date.

    Images are ranked by the ground that they show in the area; several are combined until it is covered. Writes one
    Cloud Optimized GeoTIFF for each channel (DN, offset removed) at 10 m, valid.tif, SCL.tif, source.tif, scene.json
    and quicklook.png. An interrupted run resumes when the same command is run again. Credentials are read from the
    environment.

    \b
    Example:
      landslip scene fetch --area 141.8,42.6,142.1,42.8 --date 2018-09-06 -o atsuma/ --list
      landslip scene fetch --area 141.8,42.6,142.1,42.8 --date 2018-09-06 -o atsuma/
    """
    from landslip.mapping.area import area_of_interest
    from landslip.scenes.catalogue.area_grid import area_in_degrees
    from landslip.scenes.catalogue.choose import find_images, record_pass
    from landslip.scenes.catalogue.fetch import fetch_scene
    from landslip.scenes.catalogue.request import FetchSettings, parse_day

    chosen = build_settings(FetchSettings, **settings)
    day = parse_day(date)
    given = area_of_interest(aoi, layer)
    area = area_in_degrees(given.geometry, given.crs)
    if only_list:
        from landslip.figures.picture import check_picture, write_picture
        from landslip.scenes.catalogue.pictures import draw_candidates

        sheet = out.with_name(f"{out.name}-candidates.png")
        check_picture(sheet, overwrite=True)
        with progress_line(quiet=quiet) as progress:
            found = find_images(area, day, chosen, workers=workers, progress=progress)
            write_picture(draw_candidates(found.ranking, found.reader, workers, progress), sheet)
        passes = [record_pass(one) for one in found.ranking.passes]
        if as_json:
            click.echo(json.dumps([one.model_dump(mode="json") for one in passes], indent=2))
            return
        for line in (*_table(passes), *found.notes, f"\npictures  {sheet}"):
            click.echo(line)
        return
    with progress_line(quiet=quiet) as progress:
        fetched = fetch_scene(area, day, out, chosen, overwrite=overwrite, workers=workers, progress=progress)
    record = fetched.record
    if as_json:
        click.echo(record.model_dump_json(indent=2))
        return
    print_warnings(record.warnings)
    if quiet:
        return
    for line in (*_table(record.passes), *record.notes):
        click.echo(line)
    click.echo(
        f"\n{record.grid.height} x {record.grid.width} pixels of 10 m in {record.grid.crs}, "
        f"{record.clear_fraction:.0%} of the area clear, {', '.join(record.channels)}"
    )
    click.echo(f"picture   {out / 'quicklook.png'}")
    click.echo(f"{record.attribution}. Licence: {record.licence}")
    print_next("landslip", "map", out, "-o", "map/")


def _table(passes: "Sequence[PassRecord]") -> Iterator[str]:
    """Lay out the passes, with what each shows and why it was chosen or not."""
    yield "pass                                tiles  with values   clear  tile cloud"
    for one in passes:
        stated = "unknown" if one.stated_cloud_percent is None else f"{one.stated_cloud_percent:.0f}%"
        how = "" if one.by_classification else "*"
        yield (
            f"{one.name[:36]:36}{len(one.images):5}{one.observed_fraction:13.1%}{one.clear_fraction:7.1%}{how:1}"
            f"{stated:>11}  {'chosen: ' if one.chosen else ''}{one.reason}"
        )
    if not all(one.by_classification for one in passes):
        yield "* estimated from the cloud cover of the whole tile, as there is no scene classification"
