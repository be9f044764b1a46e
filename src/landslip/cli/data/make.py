"""``landslip data make``: simulate patches or a scene."""

from pathlib import Path

import click

from landslip.cli.options import PATH, quiet_option
from landslip.cli.output import print_next
from landslip.cli.progress import progress_line


@click.command("make")
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--scene", "as_scene", is_flag=True, help="Make a scene (one GeoTIFF per channel) instead of patches.")
@click.option("--patches", type=click.IntRange(1), default=200, metavar="N", help="Number of patches.")
@click.option(
    "--regions", type=click.IntRange(1), metavar="N", help="Number of regions among the patches; default: 4, or fewer."
)
@click.option(
    "--size",
    type=click.IntRange(1),
    nargs=2,
    default=(1024, 1024),
    metavar="HEIGHT WIDTH",
    help="Size of a scene in pixels of 10 m.",
)
@click.option(
    "--region",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Region of a scene: 0 monsoon, 1 volcanic, 2 alpine, 3 lateritic; higher numbers are variants of these.",
)
@click.option("--clouds", type=click.FloatRange(0, 0.95), default=0.0, metavar="F", help="Cloud cover, as a fraction.")
@click.option("--seed", type=click.IntRange(0), default=0, metavar="N", help="Random seed.")
@quiet_option
@click.pass_context
def command(
    context: click.Context,
    folder: Path,
    as_scene: bool,
    patches: int,
    regions: int | None,
    size: tuple[int, int],
    region: int,
    clouds: float,
    seed: int,
    quiet: bool,
) -> None:
    """Simulate mountains with landslides: patches in the layout of Landslide4Sense, or a scene.

    For tests, tutorials and scaling. The terrain is simulated: accuracy on it does not transfer to real landslides.

    \b
    Example:
      landslip data make patches/ --patches 100
      landslip data make scene/ --scene --size 2048 2048 --region 2
    """
    for name in ("patches", "regions") if as_scene else ("size", "region"):
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            remedy = "applies to patches: leave it out, or leave out --scene" if as_scene else "needs --scene"
            raise click.UsageError(f"--{name} {remedy}")
    if as_scene:
        _make_scene(folder, region, seed, size, clouds, quiet=quiet)
    else:
        _make_patches(folder, patches, regions or min(4, patches), seed, clouds, quiet=quiet)


def _make_scene(folder: Path, region: int, seed: int, size: tuple[int, int], clouds: float, *, quiet: bool) -> None:
    from landslip.synthetic.region import make_region
    from landslip.synthetic.scene_files import make_scene

    made = make_region(region, seed, *size, clouds=clouds)
    with progress_line(quiet=quiet) as progress:
        count = make_scene(folder, made, progress=progress)
    click.echo(f"simulated {made.name} scene of {size[0]} x {size[1]} pixels with {count:,} landslides in {folder}")
    print_next("landslip", "scene", "inspect", folder)


def _make_patches(folder: Path, patches: int, regions: int, seed: int, clouds: float, *, quiet: bool) -> None:
    from landslip.synthetic.patch_set import make_patch_set, plan_patch_set

    plans = plan_patch_set(patches, regions, seed, clouds=clouds)
    with progress_line(quiet=quiet) as progress:
        make_patch_set(folder, plans, seed=seed, progress=progress)
    names = ", ".join(plan.region.name for plan in plans)
    click.echo(f"{patches:,} simulated patches of {len(plans)} regions ({names}) in {folder}")
    print_next("landslip", "data", "check", folder)
