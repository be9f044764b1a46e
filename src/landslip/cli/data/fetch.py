"""landslip data fetch: Landslide4Sense from where it is published."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from landslip.datasets.fetch import SourceName


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--from", "source", type=click.Choice(["zenodo", "hugging-face"]), default="zenodo", show_default=True,
    help="The record (three archives, masks for train only) or its mirror (a file a patch, masks for all).",
)  # fmt: skip
@click.option("--base-url", metavar="URL", help="Another server that answers as the source does.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(folder: Path, source: "SourceName", base_url: str | None, quiet: bool) -> None:
    """Download Landslide4Sense into DIR, verified by the source's own checksums.

    A call that was broken off is gone on with by the same call.
    """
    from landslip.cli.progress import progress_bar
    from landslip.datasets.fetch import ATTRIBUTION, fetch

    with progress_bar(quiet=quiet) as progress:
        fetched = fetch(folder, source, base_url=base_url, progress=progress)
    if fetched.already_there:
        click.echo(f"All {fetched.files:,} files are in {folder} already.")
    else:
        click.echo(f"{fetched.files:,} files, {fetched.bytes / 1e6:,.0f} MB, verified, in {folder}")
    click.echo(ATTRIBUTION)
    click.echo(f"\nNext: {shlex.join(['landslip', 'data', 'check', str(folder)])}")
