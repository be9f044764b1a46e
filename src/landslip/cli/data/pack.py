"""``landslip data pack``: a whole set of patches in one store."""

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("store", metavar="STORE", type=click.Path(path_type=Path))
@click.option("--verify", is_flag=True, help="Prove that every patch gives its HDF5 files back, bit for bit.")
@click.option(
    "--places",
    "places_path",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="Table of scene, row and col by id and split; manifest.csv in DIR if left out.",
)
@click.option("--leave-out", is_flag=True, help="Leave out the patches that are refused, and note them in the store.")
@click.option("--overwrite", is_flag=True, help="Replace a store of other files, once the new one is finished.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(
    folder: Path,
    store: Path,
    verify: bool,
    places_path: Path | None,
    leave_out: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Pack DIR, a Landslide4Sense folder of either layout, into STORE: a quarter of its size, without loss.

    A run that was killed is gone on with. Files that are not whole DN, degrees and metres are refused.
    """
    from landslip.cli.progress import progress_bar
    from landslip.datasets.l4s import open_l4s
    from landslip.datasets.manifest import read_places
    from landslip.datasets.store.pack import pack_l4s
    from landslip.datasets.store.reading import verify_store

    places = None if places_path is None else read_places(places_path)
    with progress_bar(quiet=quiet) as watch:
        packed = pack_l4s(folder, store, places=places, leave_out=leave_out, overwrite=overwrite, watch=watch)
        if not quiet:
            header = packed.store.header
            before = f", {packed.resumed:,} of them before" if packed.resumed else ""
            click.echo(f"{header.patches:,} patches in {store}{before}")
            sizes = f"{packed.store_bytes / 1e6:,.1f} MB, {packed.share:.1%} of {header.source_bytes / 1e6:,.1f} MB"
            click.echo(f"{sizes} of HDF5")
            if header.left_out:
                click.echo(f"{len(header.left_out):,} patches left out; store.json says why", err=True)
        if verify:
            count = verify_store(packed.store, open_l4s(folder, places), watch)
            click.echo(f"verified: all {count:,} patches give their HDF5 values back, bit for bit")
    if not quiet:
        click.echo(f"\nNext: landslip data show {store} -o patches.png")
