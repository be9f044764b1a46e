"""``landslip map`` of many scenes: a line for each, and what failed at the end."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landslip.cli.map_cluster import check_folder, sayer
from landslip.cli.options import SceneReading
from landslip.cli.output import print_next
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.detector.detector import Detector
    from landslip.mapping.job import MapSettings
    from landslip.mapping.many_scenes import SceneOutcome
    from landslip.scenes.scene_list import SceneFiles, SceneList


def map_many(
    listed: "SceneList",
    detector: "Detector",
    out: Path,
    settings: "MapSettings",
    *,
    reading: SceneReading,
    cluster: str | None,
    quiet: bool,
    as_json: bool,
    **areas: Any,
) -> None:
    """Map the scenes of a list, each into a folder of its own, and print what became of them.

    Args:
        listed: the scenes.
        detector: to run.
        out: folder for the folders of the maps.
        settings: of every map.
        reading: how rasters are read.
        cluster: that maps; this process where None.
        quiet: print failures only.
        as_json: print the batch summary as JSON.
        **areas: ``aoi`` and other areas, as ``map_scenes`` takes them.

    Raises:
        RunError: a scene failed; the others are finished.
    """
    from landslip.mapping.many_scenes import BATCH_CSV, map_scenes

    where, inventory = str(out), None
    shown = not quiet and not as_json

    def begin(number: int, scene: "SceneFiles") -> None:
        if not quiet:
            click.echo(f"[{number}/{len(listed.scenes)}] {scene.name}", err=True)

    def end(outcome: "SceneOutcome") -> None:
        if outcome.error:
            click.echo(f"failed: {outcome.name}: {outcome.error}", err=True)
        elif shown:
            click.echo(f"{outcome.name}: {_told(outcome)}")

    with progress_line(quiet=quiet) as progress:
        if cluster is None:
            check_folder(out)
            result = map_scenes(
                listed.scenes,
                detector,
                out,
                settings,
                reading=dict(reading),
                progress=progress,
                begin=begin,
                end=end,
                **areas,
            )
        else:
            from landslip.cluster.mapping import INVENTORY, map_scenes_on_cluster
            from landslip.cluster.runner import ClusterRequest

            request = ClusterRequest(detector, out, settings, dict(reading), **areas)
            made = map_scenes_on_cluster(
                cluster, listed.scenes, request, progress=progress, begin=begin, end=end, say=sayer(quiet=quiet)
            )
            result, where, inventory = made.batch, made.where, made.inventory
    if as_json:
        click.echo(result.summary.model_dump_json(indent=2))
    elif shown:
        told = result.summary
        click.echo(
            f"{told.mapped} mapped, {told.skipped} skipped (finished before), {told.failed} failed in "
            f"{told.wall_s:.0f} s; table: {where}/{BATCH_CSV}"
        )
        if inventory is not None:
            record = inventory.record
            click.echo(
                f"{record.landslides} candidate landslides of {len(record.maps)} maps, {record.merged} shown by "
                f"several: {where}/{INVENTORY}"
            )
        elif result.maps:
            print_next("landslip", "inventory", "merge", out, "-o", "inventory/")
    result.check()


def _told(outcome: "SceneOutcome") -> str:
    found = (
        f"{outcome.landslides} candidate landslides, {(outcome.landslide_area_m2 or 0) / 1e4:,.1f} ha, in "
        f"{(outcome.valid_area_m2 or 0) / 1e6:,.1f} km2 of valid pixels"
    )
    if outcome.status == "skipped":
        return f"{found} (finished before)"
    warned = f", {outcome.warnings} warnings in its summary" if outcome.warnings else ""
    return f"{found}, {outcome.wall_s:.1f} s{warned}"
