"""``landslip data show``: look at patches with their truth."""

from pathlib import Path

import click


@click.command("show")
@click.argument("patches", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The PNG to write.")
@click.option("--id", "ids", type=int, multiple=True, metavar="N", help="This patch; may be given again.")
@click.option("--count", type=click.IntRange(1, 200), default=8, show_default=True, help="How many at random.")
@click.option("--seed", type=int, default=42, show_default=True, help="Which ones at random.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), help="Only this split of the set.")
@click.option("--scene", metavar="NAME", help="Only this scene.")
@click.option(
    "--pixel-size",
    "pixel_size_m",
    type=click.FloatRange(min=0, min_open=True),
    default=10,
    show_default=True,
    metavar="METRES",
    help="Side of a pixel, for relief, areas and the scale bar.",
)
@click.option("--overwrite", is_flag=True, help="Replace a picture that is already there.")
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
    """Draw some of PATCHES with their truth outlined: a contact sheet, or one patch in detail.

    Shows true colour, false colour, NDVI, slope and elevation, as far as the patches have the channels. One --id gives
    that patch in detail; several, or none, a contact sheet.
    """
    from landslip.datasets.formats import attribution, open_patches
    from landslip.datasets.pictures.contact_sheet import choose, contact_sheet
    from landslip.datasets.pictures.detail_sheet import detail_sheet
    from landslip.figures.picture import check_picture, write_picture

    check_picture(out, overwrite=overwrite)
    chosen = choose(open_patches(patches), ids=ids, count=count, seed=seed, split=split, scene=scene)
    name, source = patches.resolve().name, attribution(patches)
    if len(chosen.patches) == 1 and ids:
        title = f"Patch {chosen.patches[0].id} of {name}"
        picture = detail_sheet(chosen.patches[0], title, pixel_size_m=pixel_size_m, source=source)
    else:
        title = f"{len(chosen.patches)} patches of {name}"
        picture = contact_sheet(chosen.patches, title, chosen.how, pixel_size_m=pixel_size_m, source=source)
    write_picture(picture, out)
    click.echo(f"{chosen.how}: {', '.join(str(patch.id) for patch in chosen.patches)}")
    click.echo(f"look at  {out}")
