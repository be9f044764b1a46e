"""landslip scene: look at rasters before mapping them."""

import json
import shlex
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from landslip.scenes.inspection import Inspection


def _split(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """Turn ``B04,B03`` into names."""
    return None if text is None else tuple(name.strip() for name in text.split(","))


def scene_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how rasters are read: ``channels``, ``scale`` and ``pixel_size_m``."""
    for option in (
        click.option(
            "--pixel-size",
            "pixel_size_m",
            type=float,
            metavar="METRES",
            help="Side of a pixel, for images without a CRS; results are then in pixel coordinates.",
        ),
        click.option(
            "--scale",
            type=float,
            metavar="FACTOR",
            help="DN (reflectance x 10,000) = stored value x FACTOR; 10000 for reflectance from 0 to 1.",
        ),
        click.option(
            "--channels",
            callback=_split,
            metavar="LIST",
            help="Channel of each band in order, as B04,B03,B02,B08; '-' skips a band. Default: by the names found.",
        ),
    ):
        function = option(function)
    return function


@click.group()
def command() -> None:
    """Look at rasters before mapping them."""


@command.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@scene_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def inspect(
    paths: tuple[Path, ...],
    channels: tuple[str, ...] | None,
    scale: float | None,
    pixel_size_m: float | None,
    as_json: bool,
) -> None:
    """Show what PATHS hold: grid, channels and where each was taken from, values, what was observed, date.

    PATHS is one raster, several, or a folder of them.
    """
    from landslip.scenes.inspection import inspect_scene
    from landslip.scenes.rasters import open_scene

    inspection = inspect_scene(open_scene(paths, channels=channels, scale=scale, pixel_size_m=pixel_size_m))
    if as_json:
        click.echo(json.dumps(asdict(inspection), indent=2))
        return
    for line in _lines(inspection):
        click.echo(line)
    options = {
        "--channels": channels and ",".join(channels),
        "--scale": scale and f"{scale:g}",
        "--pixel-size": pixel_size_m and f"{pixel_size_m:g}",
    }
    given = [word for option, value in options.items() if value for word in (option, value)]
    click.echo(f"\nNext: {shlex.join(['landslip', 'map', *map(str, paths), *given, '-o', 'landslides'])}")


def _lines(inspection: "Inspection") -> list[str]:
    """The inspection for people."""
    place = inspection.crs or "no CRS, pixel coordinates"
    lines = [
        f"scene     {inspection.name}",
        f"grid      {inspection.height} x {inspection.width} pixels of {inspection.pixel_size_m:.4g} m, {place}",
        f"date      {inspection.date or 'not known'}",
        f"observed  {inspection.observed_share:.1%} of a sample",
        "",
        "channel    unit        p1    median       p99  taken from",
    ]
    lines += [
        f"{one.name:10} {one.unit:4} {_number(one.p1)} {_number(one.median)} {_number(one.p99)}  {one.origin}"
        for one in inspection.channels
    ]
    lines += ["", *inspection.notes] if inspection.notes else []
    lines += ["", *(f"warning: {warning}" for warning in inspection.warnings)] if inspection.warnings else []
    return lines


def _number(value: float | None) -> str:
    """A value in nine columns."""
    return f"{'-' if value is None else format(value, '.5g'):>9}"
