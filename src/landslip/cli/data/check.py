"""``landslip data check``: what a folder of Landslide4Sense files holds and what is wrong with it."""

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.pass_context
def command(context: click.Context, folder: Path, as_json: bool, quiet: bool) -> None:
    """Look at every file of DIR, a Landslide4Sense folder of either layout.

    Leaves with 0 where nothing is wrong, 1 where something is, 2 where nothing can be used.
    """
    from landslip.cli.progress import progress_bar
    from landslip.datasets.check.check import check_l4s

    with progress_bar(quiet=quiet) as watch:
        report = check_l4s(folder, watch)
    if as_json:
        click.echo(report.model_dump_json(indent=2))
    else:
        for line in report.lines():
            click.echo(line)
        if report.usable:
            click.echo(f"\nNext: landslip data pack {folder} STORE")
    context.exit(report.exit_code)
