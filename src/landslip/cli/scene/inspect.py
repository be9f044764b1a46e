"""``landslip scene inspect``: how rasters would be read, and what detectors can map them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.options import PATH, SceneReading, json_option, overwrite_option, scene_options
from landslip.cli.output import check_new_file, print_next, print_warnings
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.scenes.inspection import ChannelValues, Inspection
    from landslip.scenes.scene import Scene


@click.command("inspect")
@click.argument("paths", nargs=-1, required=True, metavar="SCENE...", type=PATH)
@scene_options
@click.option(
    "-o",
    "--output",
    "out",
    type=PATH,
    metavar="FILE.png",
    help="Also draw true colour, what is valid, and a histogram of each channel.",
)
@overwrite_option
@json_option
def command(paths: tuple[Path, ...], reading: SceneReading, out: Path | None, overwrite: bool, as_json: bool) -> None:
    """Show how a scene would be read: grid, date, level, clouds, source, unit and values of each channel, and what is
    missing for each packaged detector.

    SCENE is one raster, several rasters of one area, a folder of them, or a Sentinel-2 product (SAFE folder or its
    zip).

    \b
    Example:
      landslip scene inspect SCENE.tif
      landslip scene inspect bands/ -o bands.png
      landslip scene inspect image.png --channels B04,B03,B02 --scale 10000 --pixel-size 10
    """
    from landslip.files.atomic import write_bytes
    from landslip.scenes.inspection import inspect_scene, sample_scene
    from landslip.scenes.rasters import open_scene

    if out is not None and not overwrite:
        check_new_file(out)
    scene = open_scene(paths, **reading)
    sample = sample_scene(scene)
    inspection = inspect_scene(scene, sample)
    fits = _detectors(scene, inspection, to_toa=reading["to_toa"])
    if out is not None:
        from landslip.cli.scene.sheet import draw_sheet

        with progress_line(quiet=as_json) as progress:
            write_bytes(out, draw_sheet(scene, inspection, sample, progress))
    if as_json:
        click.echo(json.dumps(asdict(inspection) | {"detectors": fits}, indent=2))
        return
    for line in _lines(inspection):
        click.echo(line)
    click.echo("\ndetector")
    for fit in fits:
        click.echo(f"{fit['name']:24} {fit['text']}")
    print_warnings(inspection.warnings)
    if out is not None:
        click.echo(f"\npicture   {out}")
    able = [fit for fit in fits if not fit["missing"]]
    if not any(fit["default"] for fit in able):
        lacking = next(fit["text"] for fit in fits if fit["default"])
        click.echo(f"\nThe default detector cannot map this scene, which {str(lacking).removesuffix(' (default)')}.")
    else:
        print_next("landslip", "map", *paths, *_given(reading), "-o", "map/")


def _given(reading: SceneReading) -> list[str]:
    """Return the options on reading as they were given."""
    numbers = {
        "--scale": reading["scale"],
        "--offset": reading["offset"],
        "--nodata": reading["nodata"],
        "--pixel-size": reading["pixel_size_m"],
    }
    given = ["--channels", ",".join(reading["channels"])] if reading["channels"] else []
    given += [word for option, value in numbers.items() if value is not None for word in (option, f"{value:.9g}")]
    asked = reading["to_toa"]
    return given + ([] if asked is None else ["--to-toa"] if asked else ["--no-to-toa"])


def _detectors(scene: "Scene", inspection: "Inspection", *, to_toa: bool | None) -> list[dict[str, object]]:
    """Return what each packaged detector lacks in a scene, and what to mind."""
    from landslip.detector.detector import DEFAULT, Detector, packaged

    fits: list[dict[str, object]] = []
    for name in packaged():
        card = Detector.open(name).card
        missing = [channel for channel in card.channels if not scene.has([channel])]
        text = f"lacks {', '.join(missing)}" if missing else "has its channels"
        surface = inspection.level == "L2A" and not to_toa and card.normalisation.kind != "tile-channel"
        if surface and not missing:
            text += ", but was trained on Level-1C and this is Level-2A: "
            text += "maps convert it" if inspection.product and to_toa is None else "use --to-toa"
        text += " (default)" if name == DEFAULT else ""
        fits.append({"name": name, "default": name == DEFAULT, "missing": missing, "text": text})
    return fits


def _lines(inspection: "Inspection") -> Iterator[str]:
    crs = inspection.crs or "no CRS, pixel coordinates"
    yield f"scene     {inspection.name}"
    yield f"grid      {inspection.height} x {inspection.width} pixels of {inspection.pixel_size_m:.4g} m, {crs}"
    yield f"date      {inspection.date or 'unknown'}"
    yield f"level     {_level(inspection)}"
    yield f"offset    {_offsets(inspection.channels)}"
    yield f"valid     {inspection.valid_fraction:.1%} of a sample"
    yield f"cloudy    {_clouds(inspection)}"
    yield ""
    yield "channel    unit        p1    median       p99  source"
    for channel in inspection.channels:
        values = " ".join(_number(value) for value in (channel.p1, channel.median, channel.p99))
        yield f"{channel.name:10} {channel.unit:4} {values}  {channel.origin}"
    yield from ["", *inspection.notes] if inspection.notes else []


def _level(inspection: "Inspection") -> str:
    if inspection.product:
        return f"{inspection.level}, processing baseline {inspection.product['baseline']}"
    if inspection.level_from == "values":
        return "L2A by its values: dark ground is darker in B02 than air in Level-1C"
    return f"{inspection.level} by the file names" if inspection.level else "unknown"


def _offsets(channels: "Sequence[ChannelValues]") -> str:
    """Return the offsets that are added to reflectance, in DN."""
    offsets = {channel.offset for channel in channels if channel.unit == "DN"}
    if not offsets:
        return "no reflectance"
    if len(offsets) > 1:
        return "differs between channels, see there"
    offset = offsets.pop()
    return "0: values are used without an offset" if offset == 0 else f"{offset:+g} DN is added to stored values"


def _clouds(inspection: "Inspection") -> str:
    if inspection.cloudy_fraction is not None:
        return f"about {inspection.cloudy_fraction:.1%} by the scene classification (SCL)"
    if inspection.product and inspection.product["cloudy_percent_stated"] is not None:
        return f"{inspection.product['cloudy_percent_stated']:.1f}% of the tile, as the product states"
    return "unknown, no scene classification (SCL)"


def _number(value: float | None) -> str:
    return f"{'-' if value is None else format(value, '.5g'):>9}"
