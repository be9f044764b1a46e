"""``landslip scene terrain``: slope, aspect, curvature, relief and hillshade from elevation."""

import math
from pathlib import Path

import click

from landslip.cli.options import PATH, output_option, overwrite_option, quiet_option
from landslip.cli.output import print_next, print_warnings
from landslip.cli.progress import progress_line


@click.command("terrain")
@click.argument("elevation", metavar="DEM", type=PATH)
@output_option("Folder for the files.")
@click.option(
    "--like",
    "like",
    metavar="SCENE",
    type=PATH,
    help="Compute on the grid of this scene; elevation, whose file must be called dem.tif or elevation.tif, is "
    "resampled to it first.",
)
@click.option(
    "--relief-window",
    "relief_window_m",
    type=float,
    default=500,
    metavar="METRES",
    help="Side of the window of the local relief.",
)
@overwrite_option
@quiet_option
def command(
    elevation: Path, out: Path, like: Path | None, relief_window_m: float, overwrite: bool, quiet: bool
) -> None:
    """Compute terrain from elevation in metres: one GeoTIFF for each quantity.

    Writes slope.tif and aspect.tif (degrees), profile_curvature.tif and plan_curvature.tif (1/m), relief.tif (m) and
    hillshade.tif. Grids in degrees are measured in metres at the latitude of each pixel. Voids have no value, nor have
    pixels beside them.

    \b
    Example:
      landslip scene terrain DEM.tif -o terrain/
      landslip scene terrain DEM.tif -o terrain/ --like bands/
    """
    from landslip.scenes.rasters import open_scene
    from landslip.scenes.terrain_files import write_terrain

    scene = open_scene(elevation, channels=["elevation"])
    print_warnings(scene.warnings)
    if like is not None:
        # Only the grid of the scene is used, so units of its reflectance are no matter.
        scene = open_scene([like, elevation], scale=1, offset=0, nodata=math.nan)
    with progress_line(quiet=quiet) as progress:
        files = write_terrain(scene, out, relief_window_m=relief_window_m, overwrite=overwrite, progress=progress)
    if quiet:
        return
    for path in files:
        click.echo(path)
    print_next("landslip", "map", like or "SCENE", files[0], "-o", "map/")
