"""``landslip scene inspect``: how rasters would be read."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.options import PATH, SceneReading, json_option, scene_options
from landslip.cli.output import print_next, print_warnings

if TYPE_CHECKING:
    from landslip.scenes.inspection import Inspection


@click.command("inspect")
@click.argument("paths", nargs=-1, required=True, metavar="SCENE...", type=PATH)
@scene_options
@json_option
def command(paths: tuple[Path, ...], reading: SceneReading, as_json: bool) -> None:
    """Show how a scene would be read: grid, date, and source, unit and values of each channel.

    SCENE is one raster, several rasters of one area, a folder of them, or a Sentinel-2 product (SAFE folder or its
    zip).

    \b
    Example:
      landslip scene inspect SCENE.tif
      landslip scene inspect image.png --channels B04,B03,B02 --scale 10000 --pixel-size 10
    """
    from landslip.detector.detector import Detector
    from landslip.scenes.inspection import inspect_scene
    from landslip.scenes.rasters import open_scene

    scene = open_scene(paths, **reading)
    inspection = inspect_scene(scene)
    if as_json:
        click.echo(json.dumps(asdict(inspection), indent=2))
        return
    for line in _lines(inspection):
        click.echo(line)
    numbers = {
        "--scale": reading["scale"],
        "--offset": reading["offset"],
        "--nodata": reading["nodata"],
        "--pixel-size": reading["pixel_size_m"],
    }
    given = ["--channels", ",".join(reading["channels"])] if reading["channels"] else []
    given += [word for option, value in numbers.items() if value is not None for word in (option, f"{value:.9g}")]
    given += ["--to-toa"] if reading["to_toa"] else []
    print_warnings(inspection.warnings)
    missing = [name for name in Detector.open().card.channels if not scene.has([name])]
    if missing:
        click.echo(f"\nThe default detector cannot map this scene, which lacks {', '.join(missing)}.")
    else:
        print_next("landslip", "map", *paths, *given, "-o", "map/")


def _lines(inspection: "Inspection") -> Iterator[str]:
    crs = inspection.crs or "no CRS, pixel coordinates"
    yield f"scene     {inspection.name}"
    yield f"grid      {inspection.height} x {inspection.width} pixels of {inspection.pixel_size_m:.4g} m, {crs}"
    yield f"date      {inspection.date or 'unknown'}"
    yield f"valid     {inspection.valid_fraction:.1%} of a sample"
    if inspection.cloudy_fraction is not None:
        yield f"cloudy    about {inspection.cloudy_fraction:.1%} by the scene classification of the product"
    elif inspection.product and inspection.product["cloudy_percent_stated"] is not None:
        yield f"cloudy    {inspection.product['cloudy_percent_stated']:.1f}% of the tile, as the product states"
    yield ""
    yield "channel    unit        p1    median       p99  source"
    for channel in inspection.channels:
        values = " ".join(_number(value) for value in (channel.p1, channel.median, channel.p99))
        yield f"{channel.name:10} {channel.unit:4} {values}  {channel.origin}"
    yield from ["", *inspection.notes] if inspection.notes else []


def _number(value: float | None) -> str:
    return f"{'-' if value is None else format(value, '.5g'):>9}"
