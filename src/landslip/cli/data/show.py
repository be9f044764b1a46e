"""``landslip data show``: draw patches with their labels."""

from pathlib import Path

import click

from landslip.cli.options import PATH, output_option, overwrite_option


@click.command("show")
@click.argument("patches", metavar="DATA", type=PATH)
@output_option("The PNG to write.", metavar="FILE")
@click.option("--id", "ids", type=int, multiple=True, metavar="N", help="Id of a patch to draw; may be repeated.")
@click.option("--count", type=click.IntRange(1, 200), default=8, metavar="N", help="Number of patches drawn at random.")
@click.option("--seed", type=int, default=42, metavar="N", help="Random seed of the choice.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help="Use this split only.")
@click.option("--scene", metavar="NAME", help="Use patches of this scene only.")
@click.option(
    "--pixel-size",
    "pixel_size_m",
    type=click.FloatRange(min=0, min_open=True),
    default=10,
    metavar="METRES",
    help="Pixel size, for hillshade, areas and the scale bar.",
)
@overwrite_option
def command(
    patches: Path,
    out: Path,
    ids: tuple[int, ...],
    count: int,
    seed: int,
    split: str | None,
    scene: str | None,
    pixel_size_m: float,
    overwrite: bool,
) -> None:
    """Draw patches of DATA with their labels outlined.

    Shows true colour, false colour, NDVI, slope and elevation, as far as the patches have the channels: one patch in
    detail for a single --id, a contact sheet otherwise.

    \b
    Example:
      landslip data show DATA --count 20 -o patches.png
      landslip data show DATA --id 42 -o patch.png
    """
    from landslip.datasets.formats import open_patches
    from landslip.datasets.patch_set import attribution
    from landslip.datasets.pictures.contact_sheet import choose_patches, draw_contact_sheet
    from landslip.datasets.pictures.detail_sheet import draw_detail_sheet
    from landslip.figures.picture import check_picture, write_picture

    check_picture(out, overwrite=overwrite)
    chosen = choose_patches(open_patches(patches), ids=ids, count=count, seed=seed, split=split, scene=scene)
    name, source = patches.resolve().name, attribution(patches)
    if len(chosen.patches) == 1 and ids:
        title = f"Patch {chosen.patches[0].id} of {name}"
        picture = draw_detail_sheet(chosen.patches[0], title, pixel_size_m=pixel_size_m, source=source)
    else:
        title = f"{len(chosen.patches)} patches of {name}"
        picture = draw_contact_sheet(chosen.patches, title, chosen.how, pixel_size_m=pixel_size_m, source=source)
    write_picture(picture, out)
    click.echo(f"{chosen.how}: {', '.join(str(patch.id) for patch in chosen.patches)}")
    click.echo(f"picture: {out}")
