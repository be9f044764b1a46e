"""landslip data make: synthetic patches and scenes."""

import shlex
from pathlib import Path

import click

from landslip.cli.progress import progress_bar


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--scene", "as_scene", is_flag=True, help="Make a scene (one GeoTIFF a channel) instead of patches.")
@click.option("--patches", type=click.IntRange(1), default=200, show_default=True, help="How many patches.")
@click.option("--regions", type=click.IntRange(1), help="How many regions to share them.  [default: 4, or fewer]")
@click.option(
    "--size", type=click.IntRange(1), nargs=2, default=(1024, 1024), show_default=True, metavar="HEIGHT WIDTH",
    help="Pixels of 10 m of a scene.",
)  # fmt: skip
@click.option(
    "--region", type=click.IntRange(0), default=0, show_default=True,
    help="Which region a scene shows: 0 monsoon, 1 volcanic, 2 alpine, 3 lateritic, and on with others of each kind.",
)  # fmt: skip
@click.option("--clouds", type=click.FloatRange(0, 0.95), default=0.0, show_default=True, help="Share of the sky.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed gives the same ground."
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
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
    """Make synthetic mountains with landslides: a patch set in the layout of Landslide4Sense, or a scene.

    For tests, for learning and for scale: no place on Earth, and an accuracy on it says nothing about real landslides.
    """
    _refuse_idle(context, ("patches", "regions") if as_scene else ("size", "region"), as_scene)
    if as_scene:
        _make_scene(folder, region, seed, size, clouds, quiet)
    else:
        _make_patches(folder, patches, regions or min(4, patches), seed, clouds, quiet)


def _refuse_idle(context: click.Context, names: tuple[str, ...], as_scene: bool) -> None:
    """Refuse options that would do nothing: silence would be taken for obedience."""
    for name in names:
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            wrong = "is for patches: leave it out, or leave out --scene" if as_scene else "is for a scene: add --scene"
            raise click.UsageError(f"--{name} {wrong}")


def _make_scene(folder: Path, region: int, seed: int, size: tuple[int, int], clouds: float, quiet: bool) -> None:
    from landslip.synthetic.region import make_region
    from landslip.synthetic.scene_files import make_scene

    made = make_region(region, seed, *size, clouds=clouds)
    with progress_bar(quiet=quiet) as progress:
        count = make_scene(folder, made, progress=progress)
    click.echo(f"{size[0]} x {size[1]} pixels of synthetic {made.name} ground with {count:,} landslides in {folder}")
    click.echo(f"\nNext: {shlex.join(['landslip', 'scene', 'inspect', str(folder)])}")


def _make_patches(folder: Path, patches: int, regions: int, seed: int, clouds: float, quiet: bool) -> None:
    from landslip.synthetic.patch_set import make_patch_set, plan_set

    plans = plan_set(patches, regions, seed, clouds=clouds)
    with progress_bar(quiet=quiet) as progress:
        make_patch_set(folder, plans, seed=seed, progress=progress)
    names = ", ".join(plan.region.name for plan in plans)
    click.echo(f"{patches:,} synthetic patches of {len(plans)} regions ({names}) in {folder}")
    click.echo(f"\nNext: {shlex.join(['landslip', 'data', 'check', str(folder)])}")
