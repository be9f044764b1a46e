"""``landslip data mosaic``: find the scenes that patches were cut from, by their edges."""

from pathlib import Path

import click


@click.command("mosaic")
@click.argument("patches", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder for the table and mosaics.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help="Only this split of the set.")
@click.option(
    "--least",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    metavar="N",
    help="Draw and write scenes of at least so many patches; smaller ones are in the table only.",
)
@click.option(
    "--worse",
    type=click.FloatRange(min=1, min_open=True),
    default=1.5,
    show_default=True,
    metavar="TIMES",
    help="Join patches only where the best rival fits so many times worse.",
)
@click.option("--overwrite", is_flag=True, help="Replace a mosaic that is already there.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def command(
    patches: Path, out: Path, split: str | None, least: int, worse: float, overwrite: bool, quiet: bool
) -> None:
    """Find the scenes that PATCHES were cut from, by nothing but their edges.

    Compares elevation where the patches have it, and colour elsewhere, whatever the brightness of each patch. Writes
    places.csv (scene, row, column of every patch and how sure they are) and for each scene S1.tif, S1_truth.tif and
    S1.png. Nothing says where on Earth a scene lies, so the GeoTIFFs have no georeference.
    """
    import math
    from collections import Counter

    from landslip.cli.progress import progress_bar
    from landslip.datasets.formats import attribution, open_patches
    from landslip.datasets.mosaic.files import write_mosaics
    from landslip.datasets.mosaic.recovery import certainty, recover

    opened = open_patches(patches)
    chosen = opened if split is None else opened.where(lambda entry: entry.split == split)
    with progress_bar(quiet=quiet) as watch:
        recovery = recover(chosen, enough=math.log(worse), watch=watch)
        files = write_mosaics(
            chosen, recovery, out, least=least, source=attribution(patches), overwrite=overwrite, watch=watch
        )
    sizes = recovery.scenes
    sure = Counter(certainty(one) for one in recovery.placed)
    click.echo(
        f"{len(recovery.placed)} patches: {sure['sure']} placed surely, {sure['likely']} likely, {sure['alone']} alone"
    )
    large = [f"{name} {size}" for name, size in sizes.items() if size >= least]
    click.echo(f"scenes of {least} or more patches: {', '.join(large) or 'none'}")
    click.echo(f"\nplaces   {files[0]}")
    if large:
        click.echo(f"look at  {out / 'S1.png'}")
        click.echo(f"Next: landslip map {out / 'S1.tif'} --pixel-size 10 -o landslides")
