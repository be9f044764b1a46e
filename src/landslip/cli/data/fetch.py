"""``landslip data fetch``: download Landslide4Sense."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.options import PATH, quiet_option
from landslip.cli.output import print_next
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.datasets.fetch import SourceName


@click.command("fetch")
@click.argument("folder", metavar="DIR", type=PATH)
@click.option(
    "--from",
    "source",
    type=click.Choice(["zenodo", "hugging-face"]),
    default="zenodo",
    help="zenodo: the original archives, masks for train only; hugging-face: a mirror, one file per patch, all masks.",
)
@click.option("--base-url", metavar="URL", help="Mirror with the same layout as the source.")
@quiet_option
def command(folder: Path, source: "SourceName", base_url: str | None, quiet: bool) -> None:
    """Download Landslide4Sense into DIR and verify its checksums.

    An interrupted download resumes when the same command is run again.
    """
    from landslip.datasets.fetch import ATTRIBUTION, fetch

    with progress_line(quiet=quiet) as progress:
        fetched = fetch(folder, source, base_url=base_url, progress=progress)
    if fetched.already_there:
        click.echo(f"All {fetched.files:,} files are in {folder} already.")
    else:
        click.echo(f"{fetched.files:,} files, {fetched.bytes / 1e6:,.0f} MB, verified, in {folder}")
    click.echo(ATTRIBUTION)
    print_next("landslip", "data", "check", folder)
