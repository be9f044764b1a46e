"""Maps of one scene or many, made by a cluster, and the inventory of many."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

from landslip.cluster.connection import open_cluster
from landslip.cluster.object_store import fetch_map, remove_staging, upload_folder
from landslip.cluster.runner import ClusterRequest, ClusterRunner, Say
from landslip.cluster.worker import MapperPlugin
from landslip.errors import SettingsError
from landslip.files.progress import Progress, no_progress
from landslip.mapping.many_scenes import BATCH_CSV, BATCH_JSON, BatchResult, SceneOutcome, run_scenes
from landslip.mapping.merging.inventory import RECORD, Inventory, merge_inventories
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.products import GEOPACKAGE, ITEM, PROBABILITY, SUMMARY
from landslip.scenes.scene_list import SceneFiles

INVENTORY: Final = "inventory"
"""Folder of the merged inventory of many scenes."""


def _silent(_text: str) -> None:
    """Print nothing."""


@dataclass(frozen=True, slots=True)
class ClusterBatch:
    """The maps of many scenes, and the inventory of all that are finished."""

    batch: BatchResult
    inventory: Inventory | None
    """None where no scene could be mapped."""
    where: str
    """Folder or URL that holds them."""


@contextmanager
def _runner(
    target: str, request: ClusterRequest, scenes: Sequence[SceneFiles], *, folders: bool, say: Say
) -> Iterator[ClusterRunner]:
    with open_cluster(target, MapperPlugin(request.detector)) as cluster:
        say(f"cluster: {cluster.workers} workers, {cluster.threads} threads; dashboard {cluster.dashboard_link}")
        runner = ClusterRunner(cluster, request, scenes, folders=folders, say=say)
        try:
            yield runner
        finally:
            runner.close()


def map_scene_on_cluster(
    target: str,
    paths: Sequence[Path],
    request: ClusterRequest,
    *,
    progress: Progress = no_progress,
    say: Say = _silent,
) -> Summary:
    """Map one scene on a cluster; the map is that of ``map_scene``.

    Args:
        target: of the cluster, see ``open_cluster``.
        paths: of the scene.
        request: what to map.
        progress: told of progress.
        say: told the link of the dashboard, and what the user should know.

    Raises:
        LandslipError: an input is wrong, the cluster is lost, or the map cannot be written.
    """
    scene = SceneFiles("scene", tuple(paths))
    with _runner(target, request, [scene], folders=False, say=say) as runner:
        began = perf_counter()
        job = runner.open(scene)
        if runner.store is not None and not request.settings.overwrite:
            summary = runner.finished(scene, job)
            if summary is not None:
                say(f"{runner.store.url} holds the finished map already")
                remove_staging(runner.out)
                return summary
        if runner.store is not None and (runner.out / SUMMARY).exists():
            remove_staging(runner.out)  # of an earlier map that is to be replaced
        summary = runner.map(scene, job, began, progress)
        if runner.store is not None:
            remove_staging(runner.out)
    return summary


def map_scenes_on_cluster(
    target: str,
    scenes: Sequence[SceneFiles],
    request: ClusterRequest,
    *,
    progress: Progress = no_progress,
    begin: Callable[[int, SceneFiles], None] = lambda _number, _scene: None,
    end: Callable[[SceneOutcome], None] = lambda _outcome: None,
    say: Say = _silent,
) -> ClusterBatch:
    """Map many scenes on a cluster, each into a folder of its own, and merge what is finished into one inventory.

    Args:
        target: of the cluster, see ``open_cluster``.
        scenes: with names that differ.
        request: what to map.
        progress: told of the progress of each scene.
        begin: called before each scene, with its number from 1.
        end: called after each scene.
        say: told the link of the dashboard, and what the user should know.

    Raises:
        LandslipError: the output cannot be written, or the cluster is lost.
    """
    taken = next((scene for scene in scenes if scene.name.lower() == INVENTORY), None)
    if taken is not None:
        raise SettingsError(
            f"the map of {taken.paths[0]} would be written into the folder of the merged inventory, '{INVENTORY}': "
            "rename the scene",
            parameter="paths",
        )
    with _runner(target, request, scenes, folders=True, say=say) as runner:
        batch = run_scenes(
            scenes,
            request.detector,
            runner.out,
            runner,
            overwrite=request.settings.overwrite,
            progress=progress,
            begin=begin,
            end=end,
        )
    inventory = _merge(runner, batch, progress) if batch.maps else None
    where = str(request.out)
    if runner.store is not None:
        where = runner.store.url
        upload_folder(runner.store, runner.out, "", BATCH_JSON, first=(BATCH_CSV, BATCH_JSON))
        if not batch.failed:
            remove_staging(runner.out)
    return ClusterBatch(batch, inventory, where)


def _merge(runner: ClusterRunner, batch: BatchResult, progress: Progress) -> Inventory:
    """Merge the finished maps."""
    if runner.store is not None:
        for folder in batch.maps:
            fetch_map(runner.store, folder.name, folder, (PROBABILITY, GEOPACKAGE, ITEM))
    inventory = merge_inventories(batch.maps, runner.out / INVENTORY, overwrite=True, progress=progress)
    if runner.store is not None:
        upload_folder(runner.store, runner.out / INVENTORY, INVENTORY, RECORD)
    return inventory
