"""``landslip map``: from a scene to the files of a landslide map."""

import math
from pathlib import Path
from typing import Any

import click

from landslip.cli.scene import scene_options


class _Finite(click.FloatRange):
    """A number within a range; "nan" and "inf" are words for none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no number.", param, ctx)
        return number


@click.command("map")
@click.argument("paths", nargs=-1, required=True, metavar="SCENE...", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder for the files of the map.")
@click.option(
    "--detector", "detector_name", metavar="NAME|FILE", help="Detector to run; the one of the package if left out."
)
@click.option(
    "--threshold",
    type=_Finite(0, 1, min_open=True),
    help="Probability from which a pixel is landslide; the detector's own if left out.",
)
@click.option(
    "--min-area",
    "min_area_m2",
    type=_Finite(min=0),
    default=400,
    show_default=True,
    metavar="M2",
    help="Leave out smaller landslides.",
)
@click.option(
    "--aoi",
    metavar="W,S,E,N|FILE",
    help="Map only this area: a bounding box in degrees, or a GeoJSON or GeoPackage file.",
)
@scene_options
@click.option(
    "--overlap",
    "overlap_px",
    type=click.IntRange(min=0),
    metavar="PX",
    help="Pixels shared by neighbouring tiles; the detector's own if left out.",
)
@click.option(
    "--block",
    "block_px",
    type=click.IntRange(16, 16384),
    default=1024,
    show_default=True,
    metavar="PX",
    help="Side of the blocks worked on at a time: sets memory, never the result.",
)
@click.option(
    "--engine",
    type=click.Choice(["auto", "openvino", "onnxruntime", "torch"]),
    default="auto",
    show_default=True,
    help="What runs the network.",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="bfloat16 is faster, where the CPU has it, and moves scores (docs/engines.md).",
)
@click.option(
    "--uncertainty",
    type=click.Choice(["none", "tta"]),
    default="none",
    show_default=True,
    help="tta: a second band says how much the probability differs over four flipped looks; four times as slow.",
)
@click.option("--threads", type=click.IntRange(min=1), help="How many cores to use; all if left out.")
@click.option("--resume/--no-resume", default=True, show_default=True, help="Go on with an unfinished run.")
@click.option("--overwrite", is_flag=True, help="Replace a map that is already there, once the new one is finished.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no notes.")
def command(
    paths: tuple[Path, ...],
    out: Path,
    detector_name: str | None,
    aoi: str | None,
    channels: tuple[str, ...] | None,
    scale: float | None,
    pixel_size_m: float | None,
    as_json: bool,
    quiet: bool,
    **settings: Any,
) -> None:
    """Map the landslides of a scene: rasters of one place, or a folder of them.

    Writes probability.tif, landslides.gpkg, landslides.parquet, overview.png, report.html, item.json and
    summary.json.
    """
    from landslip.cli.progress import progress_bar
    from landslip.detector.detector import DEFAULT, Detector
    from landslip.mapping.area import area_of_interest
    from landslip.mapping.job import MapSettings
    from landslip.mapping.run import map_scene
    from landslip.scenes.rasters import open_scene

    detector = Detector.open(detector_name or DEFAULT)
    area = None if aoi is None else area_of_interest(aoi)
    scene = open_scene(paths, channels=channels, scale=scale, pixel_size_m=pixel_size_m)
    if not quiet:
        for line in scene.describe():
            click.echo(line, err=True)
    with progress_bar(quiet=quiet) as watch:
        summary = map_scene(scene, detector, out, MapSettings(**settings), aoi=area, watch=watch)
    if as_json:
        click.echo(summary.model_dump_json(indent=2))
        return
    for warning in summary.warnings:
        click.echo(f"beware: {warning}", err=True)
    if not quiet:
        click.echo(
            f"{summary.landslides} candidate landslides, {summary.landslide_area_m2 / 1e4:,.1f} ha, "
            f"on {summary.observed_area_m2 / 1e6:,.1f} km2 observed ({summary.observed_share:.0%} of the area mapped)"
        )
        click.echo(f"in {summary.wall_s:.1f} s, {summary.network_s:.1f} s of it the network ({summary.engine})")
        for purpose, name in (
            ("look at", "overview.png"),
            ("read", "report.html"),
            ("open in a GIS", "landslides.gpkg"),
        ):
            click.echo(f"{purpose:<15}{out / name}")
