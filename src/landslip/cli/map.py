"""``landslip map``: from a scene to the files of a landslide map."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landslip.cli.options import (
    PATH,
    SceneReading,
    build_settings,
    detector_option,
    inference_options,
    json_option,
    mask_options,
    output_option,
    overwrite_option,
    quiet_option,
    scene_options,
    threshold_option,
    uncertainty_option,
)
from landslip.cli.output import print_next, print_warnings
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.inference.engine import InferenceOptions
    from landslip.mapping.area import AreaOfInterest
    from landslip.mapping.metadata.summary import Summary


@click.command("map")
@click.argument("paths", nargs=-1, required=True, metavar="SCENE...", type=PATH)
@output_option("Folder for the files of the map.")
@detector_option
@threshold_option
@click.option(
    "--min-area",
    "min_area_m2",
    type=float,
    default=400,
    metavar="M2",
    help="Leave out polygons smaller than this, in square metres.",
)
@click.option(
    "--before",
    "before_paths",
    multiple=True,
    type=PATH,
    metavar="SCENE",
    help="Image before the event: only landslides that are new since are mapped. Repeated: a composite of them.",
)
@click.option(
    "--after",
    "after_paths",
    multiple=True,
    type=PATH,
    metavar="SCENE",
    help="Further image after the event, which becomes a cloud-free composite with SCENE. May be repeated.",
)
@click.option(
    "--change-detector",
    metavar="NAME|FILE",
    help="Detector of two dates, which finds what is new since --before, or rgb-change-baseline.",
)
@click.option("--aoi", metavar="W,S,E,N|FILE", help="Area of interest: bounds in degrees, or a file of polygons.")
@click.option("--layer", metavar="NAME", help="Layer of the file of --aoi, if it has several.")
@scene_options
@mask_options
@uncertainty_option
@inference_options
@click.option(
    "--tile", "tile_px", type=click.IntRange(32, 4096), metavar="PX", help="Side of the tiles; default: the detector's."
)
@click.option(
    "--overlap", "overlap_px", type=click.IntRange(0), metavar="PX", help="Tile overlap; default: the detector's."
)
@click.option(
    "--block",
    "block_px",
    type=click.IntRange(16, 16384),
    default=1024,
    metavar="PX",
    help="Side of the blocks that are processed at a time; limits memory, does not change the map.",
)
@click.option("--name", metavar="TEXT", help="Title of the map; default: the name of the scene's file or folder.")
@click.option("--each", is_flag=True, help="Map every SCENE by itself, also rasters of one area.")
@click.option(
    "--cluster",
    metavar="ADDRESS|local[:N]",
    help="Map on a Dask cluster: the address or file of its scheduler, or N workers on this machine (docs/cluster.md).",
)
@click.option("--resume/--no-resume", default=True, help="Continue an interrupted run in the same folder.")
@overwrite_option
@quiet_option
@json_option
def command(
    paths: tuple[Path, ...],
    *,
    out: Path,
    detector: str | None,
    aoi: str | None,
    layer: str | None,
    reading: SceneReading,
    inference: "InferenceOptions",
    exclude: "AreaOfInterest | None",
    before_paths: tuple[Path, ...],
    after_paths: tuple[Path, ...],
    change_detector: str | None,
    name: str | None,
    each: bool,
    cluster: str | None,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Map landslides in a scene, or in many.

    SCENE is one raster (GeoTIFF, JPEG 2000), several rasters of one area, a folder of them, or a Sentinel-2 product
    (SAFE folder or its zip). Several folders or products are many scenes, as are a text file with one scene a line, a
    folder of scenes, and STAC items as JSON: each is mapped into DIR/NAME, finished ones are skipped, and what failed
    is told at the end. Writes probability.tif, landslides.gpkg, landslides.parquet, overview.png, report.html,
    item.json (STAC) and summary.json; masks.tif and excluded.parquet where masks apply (docs/mapping.md).
    With --before, landslides that were there before go to layer 'not_new' of landslides.gpkg, and change.tif is
    written too (docs/change.md); a --detector of two dates is taken for --change-detector. With --after, clouds in
    SCENE are filled from further images after the event; SCENE gives the grid.
    An interrupted run resumes when the same command is run again.
    With --cluster, blocks are mapped by the workers of a Dask cluster, many scenes are merged into DIR/inventory, and
    DIR may be in an object store (s3://BUCKET/PREFIX).

    \b
    Example:
      landslip map SCENE.tif -o map/
      landslip map AFTER.tif --before BEFORE.tif -o map/
      landslip map AFTER.tif --after LATER.tif -o map/
      landslip map bands/ -o map/ --detector mine.onnx --aoi 91.7,22.2,92.0,22.5
      landslip map *.SAFE.zip -o maps/
      landslip map scenes.txt -o maps/
      landslip map scenes.txt -o maps/ --cluster tcp://10.0.0.1:8786
    """
    from landslip.api import choose_detectors
    from landslip.cli.engine_choice import choose_engine
    from landslip.cli.map_cluster import check_folder
    from landslip.cli.map_many import map_many
    from landslip.cli.memory import share_one_arena
    from landslip.mapping.area import area_of_interest
    from landslip.mapping.job import MapSettings
    from landslip.mapping.run import map_scene, open_to_map
    from landslip.scenes.scene_list import list_scenes

    share_one_arena()
    chosen = build_settings(MapSettings, **asdict(inference), **settings)
    opened, change = choose_detectors(detector, change_detector, pair=bool(before_paths))
    area = None if aoi is None else area_of_interest(aoi, layer)
    listed = list_scenes(paths, each=each)
    if not quiet:
        click.echo(listed.decision, err=True)
    if listed.many:
        _check_many(len(listed.scenes), name, before_paths, after_paths)
        map_many(
            listed,
            opened,
            out,
            chosen,
            reading=reading,
            cluster=cluster,
            quiet=quiet,
            as_json=as_json,
            aoi=area,
            exclude=exclude,
        )
        return
    if cluster is not None:
        from landslip.cli.map_cluster import map_one
        from landslip.cluster.runner import ClusterRequest

        request = ClusterRequest(opened, out, chosen, dict(reading), area, exclude, before_paths, after_paths, name)
        map_one(cluster, paths, request, change, quiet=quiet, as_json=as_json)
        return
    check_folder(out)
    scene = open_to_map(paths, reading)
    before, after = ([open_to_map([path], reading) for path in some] for some in (before_paths, after_paths))
    if name is not None:
        scene = scene.rename(name)
    if not quiet:
        for line in scene.describe():
            click.echo(line, err=True)
        for role, images in (("before", before), ("after", after)):
            for one in images:
                click.echo(f"{role}: {one!r}", err=True)
    chosen = choose_engine(chosen, opened, scene, quiet=quiet)
    with progress_line(quiet=quiet) as progress:
        result = map_scene(
            scene,
            opened,
            out,
            chosen,
            aoi=area,
            exclude=exclude,
            before=before,
            after=after,
            change=change,
            progress=progress,
        )
    summary = result.summary
    if as_json:
        click.echo(summary.model_dump_json(indent=2))
        return
    print_warnings(summary.warnings)
    if not quiet:
        print_result(summary, out)


def _check_many(scenes: int, name: str | None, before_paths: tuple[Path, ...], after_paths: tuple[Path, ...]) -> None:
    """Check that what goes with one scene is not given with many.

    Raises:
        SettingsError: it is.
    """
    from landslip.errors import SettingsError

    if name is not None:
        raise SettingsError(
            f"name is the title of one map, but {scenes} scenes are given, which are named after their files: leave it "
            "out, or map them one by one",
            parameter="name",
        )
    for role, given in (("before", before_paths), ("after", after_paths)):
        if given:
            raise SettingsError(
                f"--{role} goes with one scene, got {scenes}: map each with its own image {role} the event",
                parameter=role,
            )


def print_result(summary: "Summary", out: Path | str) -> None:
    """Print the result of a map, and where its files are: a folder or a URL."""
    click.echo(
        f"{summary.landslides} candidate landslides, {summary.landslide_area_m2 / 1e4:,.1f} ha, in "
        f"{summary.valid_area_m2 / 1e6:,.1f} km2 of valid pixels ({summary.valid_fraction:.0%} of the mapped area)"
    )
    if summary.change:
        not_new_ha = summary.change.not_new_area_m2 / 1e4
        click.echo(f"{summary.change.not_new} candidates, {not_new_ha:,.1f} ha, were there before: layer 'not_new'")
    for record in summary.masks:
        if record.effect == "excluded":
            area_ha = record.candidate_area_m2 / 1e4
            click.echo(f"{record.candidates} candidates, {area_ha:,.1f} ha, are ruled out by the mask '{record.name}'")
        elif record.pixels:
            click.echo(f"{record.area_m2 / 1e4:,.1f} ha are nodata by the mask '{record.name}'")
    click.echo(f"{summary.wall_s:.1f} s, of which {summary.network_s:.1f} s in the network ({summary.engine})")
    for purpose, file in (("overview", "overview.png"), ("report", "report.html"), ("polygons", "landslides.gpkg")):
        click.echo(f"{purpose:<10}{out}/{file}" if isinstance(out, str) else f"{purpose:<10}{out / file}")
    print_next("landslip", "evaluate-map", out, "--truth", "REFERENCE.gpkg")
