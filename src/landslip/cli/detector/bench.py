"""``landslip detector bench``: the engines against each other on this machine."""

import json
from dataclasses import asdict

import click

from landslip.cli.progress import progress_bar


@click.command("bench")
@click.argument("detector", metavar="NAME|FILE", required=False)
@click.option("--patches", type=click.IntRange(1), default=32, show_default=True, help="How many to a round.")
@click.option("--threads", type=click.IntRange(1), help="How many to use.  [default: all cores]")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(detector: str | None, patches: int, threads: int | None, quiet: bool, as_json: bool) -> None:
    """Time every engine on this machine: patches a second, the best of five rounds taken in turn.

    On made-up values: how fast, not how good. On a machine that does other work as well only the ratios say something.
    """
    from landslip.detector.detector import DEFAULT, Detector
    from landslip.inference.benchmark import ROUNDS, time_engines

    opened = Detector.open(detector or DEFAULT)
    with progress_bar(quiet=quiet) as progress:
        timed, left = time_engines(opened, patches, threads=threads, progress=progress)
    size = opened.card.tile_px
    if as_json:
        rows = [asdict(one) for one in timed]
        click.echo(json.dumps({"detector": opened.card.name, "tile_px": size, "engines": rows, "left": left}, indent=2))
        return
    click.echo(
        f"{opened.card.name} ({opened.card.network}), {patches} patches of {size} x {size} px, best of {ROUNDS} rounds"
    )
    click.echo(f"{'engine':<34}{'patches/s':>10}{'times':>7}{'largest difference':>20}")
    slowest = min(one.patches_per_s for one in timed)
    for one in timed:
        label = f"{one.engine} {one.version} {one.precision}"
        ratio = one.patches_per_s / slowest
        click.echo(f"{label:<34}{one.patches_per_s:>10.1f}{ratio:>7.1f}{one.largest_difference:>20.1e}")
    for words in left:
        click.echo(f"not run: {words}")
    click.echo("\nNext: landslip map SCENE --engine ENGINE --precision PRECISION -o DIR")
