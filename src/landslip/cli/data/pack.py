"""``landslip data pack``: pack a data set into one store."""

from pathlib import Path

import click

from landslip.cli.options import PATH, overwrite_option, quiet_option
from landslip.cli.output import print_next
from landslip.cli.progress import progress_line


@click.command("pack")
@click.argument("folder", metavar="DIR", type=PATH)
@click.argument("store", metavar="STORE", type=PATH)
@click.option("--verify", is_flag=True, help="Compare every packed patch with its HDF5 files, bit for bit.")
@click.option(
    "--positions",
    "positions_path",
    type=PATH,
    metavar="CSV",
    help="Table of scene, row and column by id and split; default: manifest.csv in DIR.",
)
@click.option("--leave-out", is_flag=True, help="Leave out patches that cannot be packed, and list them in the store.")
@overwrite_option
@quiet_option
def command(
    folder: Path,
    store: Path,
    verify: bool,
    positions_path: Path | None,
    leave_out: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Pack DIR, a Landslide4Sense folder of either layout, into STORE: lossless, a quarter of the size.

    Interrupted runs resume. Values must be whole DN, degrees and metres.
    """
    from landslip.datasets.l4s import open_l4s
    from landslip.datasets.manifest import read_positions
    from landslip.datasets.store.pack import pack_l4s
    from landslip.datasets.store.reading import verify_store

    positions = None if positions_path is None else read_positions(positions_path)
    with progress_line(quiet=quiet) as progress:
        packed = pack_l4s(
            folder, store, positions=positions, leave_out=leave_out, overwrite=overwrite, progress=progress
        )
        verified = verify_store(packed.store, open_l4s(folder, positions), progress) if verify else None
    if not quiet:
        header = packed.store.header
        resumed = f" ({packed.resumed:,} from an earlier run)" if packed.resumed else ""
        click.echo(f"{header.patches:,} patches in {store}{resumed}")
        click.echo(
            f"{packed.store_bytes / 1e6:,.1f} MB, {packed.size_ratio:.1%} of the "
            f"{header.source_bytes / 1e6:,.1f} MB of HDF5"
        )
        if header.left_out:
            click.echo(f"{len(header.left_out):,} patches left out, listed in store.json", err=True)
    if verified is not None:
        click.echo(f"verified: all {verified:,} patches equal their HDF5 files, bit for bit")
    if not quiet:
        print_next("landslip", "data", "show", store, "-o", "patches.png")
