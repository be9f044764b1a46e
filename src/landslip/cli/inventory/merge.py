"""``landslip inventory merge``: one inventory of many maps."""

from pathlib import Path

import click

from landslip.cli.options import PATH, json_option, output_option, overwrite_option, quiet_option
from landslip.cli.output import print_next
from landslip.cli.progress import progress_line


@click.command("merge")
@click.argument("maps", nargs=-1, required=True, metavar="MAP...", type=PATH)
@output_option("Folder for all files of the inventory, or one file .gpkg or .parquet.", metavar="DIR|FILE")
@click.option(
    "--min-overlap",
    type=float,
    default=0.25,
    metavar="F",
    help="Polygons of different maps that overlap by this fraction of the smaller are one landslide.",
)
@click.option(
    "--min-area",
    "min_area_m2",
    type=float,
    default=0,
    metavar="M2",
    help="Leave out landslides smaller than this after joining, in square metres.",
)
@overwrite_option
@quiet_option
@json_option
def command(
    maps: tuple[Path, ...],
    out: Path,
    min_overlap: float,
    min_area_m2: float,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Merge finished maps into one inventory.

    MAP is the folder of a finished map, or a folder that holds such folders. Landslides that several maps show become
    one, with the maps and their dates. The layer `observed` tells where the maps are valid; candidates that masks rule
    out are in the layer `excluded`.

    \b
    Example:
      landslip inventory merge maps/ -o inventory/
      landslip inventory merge map-2023/ map-2024/ -o landslides.gpkg
    """
    from landslip.mapping.merging.collection import COLLECTION
    from landslip.mapping.merging.inventory import merge_inventories
    from landslip.mapping.products import GEOPACKAGE

    with progress_line(quiet=quiet) as progress:
        inventory = merge_inventories(
            maps, out, min_overlap=min_overlap, min_area_m2=min_area_m2, overwrite=overwrite, progress=progress
        )
    record = inventory.record
    if as_json:
        click.echo(record.model_dump_json(indent=2))
        return
    if quiet:
        return
    click.echo(
        f"{record.landslides} candidate landslides, {record.landslide_area_m2 / 1e4:,.1f} ha, of {len(record.maps)} "
        f"maps in {record.crs}; {record.merged} of them shown by several maps"
    )
    click.echo(f"rule: {record.rule}")
    polygons = out / GEOPACKAGE if out.is_dir() else out
    click.echo(f"polygons  {polygons}")
    if out.is_dir():
        click.echo(f"STAC      {out / COLLECTION}")
    print_next("landslip", "evaluate-map", "MAP", "--truth", "REFERENCE.gpkg")
