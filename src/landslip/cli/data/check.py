"""``landslip data check``: check a folder of patches."""

from pathlib import Path

import click

from landslip.cli.options import PATH, json_option, quiet_option
from landslip.cli.output import print_next
from landslip.cli.progress import progress_line


@click.command("check")
@click.argument("folder", metavar="DIR", type=PATH)
@quiet_option
@json_option
@click.pass_context
def command(context: click.Context, folder: Path, as_json: bool, quiet: bool) -> None:
    """Check every file of DIR: RGB patches, or a Landslide4Sense folder of either layout.

    Exit code: 0 no problem, 1 some files have problems, 2 no usable file.
    """
    from landslip.datasets.formats import check_patches
    from landslip.datasets.l4s import LAYOUTS

    with progress_line(quiet=quiet) as progress:
        report = check_patches(folder, progress)
    if as_json:
        click.echo(report.model_dump_json(indent=2))
    else:
        for line in report.lines():
            click.echo(line)
        if report.usable and report.layout in LAYOUTS:
            print_next("landslip", "data", "pack", folder, "STORE")
        elif report.usable:
            print_next("landslip", "data", "show", folder, "-o", "SHEET.png")
    context.exit(report.exit_code)
