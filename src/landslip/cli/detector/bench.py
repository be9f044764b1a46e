"""``landslip detector bench``: time the engines on this machine."""

import json
from dataclasses import asdict

import click

from landslip.cli.options import json_option, quiet_option
from landslip.cli.output import print_next
from landslip.cli.progress import progress_line


@click.command("bench")
@click.argument("detector", metavar="[DETECTOR]", required=False)
@click.option("--patches", type=click.IntRange(1), default=32, metavar="N", help="Number of patches per round.")
@click.option("--threads", type=click.IntRange(1), metavar="N", help="CPU threads; default: all cores.")
@quiet_option
@json_option
def command(detector: str | None, patches: int, threads: int | None, quiet: bool, as_json: bool) -> None:
    """Time every installed engine on synthetic input: patches per second, best of several alternating rounds.

    On a machine under other load, only the ratios between engines are meaningful.
    """
    from landslip.detector.detector import DEFAULT, Detector
    from landslip.inference.benchmark import ROUNDS, time_engines

    opened = Detector.open(detector or DEFAULT)
    with progress_line(quiet=quiet) as progress:
        timed, left = time_engines(opened, patches, threads=threads, progress=progress)
    size = opened.card.tile_px
    if as_json:
        rows = [asdict(one) for one in timed]
        click.echo(json.dumps({"detector": opened.card.name, "tile_px": size, "engines": rows, "left": left}, indent=2))
        return
    click.echo(
        f"{opened.card.name} ({opened.card.architecture}), {patches} patches of {size} x {size} px, "
        f"best of {ROUNDS} rounds"
    )
    click.echo(f"{'engine':<34}{'patches/s':>10}{'ratio':>7}{'largest difference':>20}")
    slowest = min(one.patches_per_s for one in timed)
    for one in timed:
        label = f"{one.engine} {one.version} {one.precision}"
        ratio = one.patches_per_s / slowest
        click.echo(f"{label:<34}{one.patches_per_s:>10.1f}{ratio:>7.1f}{one.largest_difference:>20.1e}")
    for reason in left:
        click.echo(f"not run: {reason}")
    print_next(
        "landslip", "map", "SCENE", "--engine", max(timed, key=lambda one: one.patches_per_s).engine, "-o", "map/"
    )
