"""``landslip data mosaic``: recover the scenes that patches were cut from."""

from pathlib import Path

import click

from landslip.cli.options import PATH, output_option, overwrite_option, quiet_option
from landslip.cli.output import print_next
from landslip.cli.progress import progress_line


@click.command("mosaic")
@click.argument("patches", metavar="DATA", type=PATH)
@output_option("Folder for the table and the mosaics.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help="Use this split only.")
@click.option(
    "--min-patches",
    type=click.IntRange(min=1),
    default=4,
    metavar="N",
    help="Write mosaics of scenes with at least N patches; smaller scenes are in the table only.",
)
@click.option(
    "--min-ratio",
    type=click.FloatRange(min=1, min_open=True),
    default=1.5,
    metavar="RATIO",
    help="Join two patches only if the next best candidate has an edge difference at least RATIO times larger.",
)
@overwrite_option
@quiet_option
def command(
    patches: Path, out: Path, split: str | None, min_patches: int, min_ratio: float, overwrite: bool, quiet: bool
) -> None:
    """Recover the scenes that the patches of DATA were cut from, by matching their edges.

    Matches elevation where the patches have it, else colour, independent of the brightness of each patch. Writes
    positions.csv (scene, row, column and certainty of every patch) and for each scene S1.tif, S1_mask.tif and S1.png.
    The location of a scene on Earth is unknown, so the GeoTIFFs have no CRS.
    """
    import math
    from collections import Counter

    from landslip.datasets.formats import open_patches
    from landslip.datasets.mosaic.files import write_mosaics
    from landslip.datasets.mosaic.recovery import certainty, recover
    from landslip.datasets.patch_set import attribution

    opened = open_patches(patches)
    chosen = opened if split is None else opened.where(lambda entry: entry.split == split)
    with progress_line(quiet=quiet) as progress:
        recovery = recover(chosen, min_evidence=math.log(min_ratio), progress=progress)
        files = write_mosaics(
            chosen,
            recovery,
            out,
            min_patches=min_patches,
            source=attribution(patches),
            overwrite=overwrite,
            progress=progress,
        )
    counts = Counter(certainty(patch) for patch in recovery.placed)
    click.echo(
        f"{len(recovery.placed)} patches: {counts['certain']} located, {counts['likely']} probably located, "
        f"{counts['isolated']} without a neighbour"
    )
    large = [f"{name} {size}" for name, size in recovery.scenes.items() if size >= min_patches]
    click.echo(f"scenes of {min_patches} or more patches: {', '.join(large) or 'none'}")
    click.echo(f"table: {files[0]}")
    if large:
        click.echo(f"picture: {out / 'S1.png'}")
        print_next("landslip", "map", out / "S1.tif", "--pixel-size", 10, "-o", "map/")
