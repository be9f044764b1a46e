"""Maps of one scene or many, made by a cluster: the blocks by its workers, the files on this machine.

While the files of a scene are written, the workers map the first blocks of the next one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from landslip.change.pair import ScenePair
from landslip.cluster.agreement import describe_differences, engine_fingerprint, installed_versions
from landslip.cluster.block_stream import BlockStream
from landslip.cluster.connection import Cluster, open_cluster
from landslip.cluster.object_store import (
    ObjectStore,
    fetch_map,
    finished_in_store,
    join,
    remove_staging,
    staging_folder,
    store_url,
    upload_folder,
)
from landslip.cluster.scene_task import SceneTask
from landslip.cluster.worker import Expected, MapperPlugin, report
from landslip.detector.detector import Detector
from landslip.errors import ClusterError, LandslipError, SettingsError
from landslip.files.atomic import UNFINISHED
from landslip.files.progress import Progress, no_progress
from landslip.grid.lattice import split_blocks
from landslip.inference.engine import InferenceOptions
from landslip.inference.engine_pool import EnginePool
from landslip.mapping.area import AreaOfInterest
from landslip.mapping.job import Job, MapSettings
from landslip.mapping.many_scenes import (
    BATCH_CSV,
    BATCH_JSON,
    BatchResult,
    SceneOutcome,
    finished_summary,
    name_scene,
    run_scenes,
)
from landslip.mapping.merging.inventory import RECORD, Inventory, merge_inventories
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.products import GEOPACKAGE, ITEM, PROBABILITY, SUMMARY
from landslip.mapping.run import map_job
from landslip.scenes.atmosphere import convert_product
from landslip.scenes.rasters import open_scene
from landslip.scenes.scene_list import SceneFiles

INVENTORY: Final = "inventory"
"""Folder of the merged inventory of many scenes."""

Say = Callable[[str], None]


def _silent(_text: str) -> None:
    """Print nothing."""


@dataclass(frozen=True, slots=True)
class ClusterRequest:
    """What is to be mapped on a cluster, the same for every scene."""

    detector: Detector
    out: Path
    """Folder, or URL of an object store."""
    settings: MapSettings
    reading: Mapping[str, Any]
    """Keywords of ``open_scene``."""
    aoi: AreaOfInterest | None = None
    exclude: AreaOfInterest | None = None
    before: tuple[Path, ...] = ()
    """Images before the event; for one scene."""
    name: str | None = None
    """Title of the map; for one scene."""


@dataclass(frozen=True, slots=True)
class ClusterBatch:
    """The maps of many scenes, and the inventory of all that are finished."""

    batch: BatchResult
    inventory: Inventory | None
    """None where no scene could be mapped."""
    where: str
    """Folder or URL that holds them."""


class ClusterRunner:
    """Maps scenes on a cluster (``SceneRunner`` of ``mapping/many_scenes.py``).

    Args:
        cluster: that maps.
        request: what to map.
        scenes: in their order.
        folders: whether each scene has a folder of its own.
        say: told of what the user should know.
    """

    def __init__(
        self, cluster: Cluster, request: ClusterRequest, scenes: Sequence[SceneFiles], *, folders: bool, say: Say
    ) -> None:
        url = store_url(request.out)
        self.store = ObjectStore(url) if url else None
        self.out = staging_folder(url) if url else request.out
        self._cluster = cluster
        self._request = request
        self._following = dict(pairwise(scenes))
        self._folders = folders
        self._say = say
        self._engines = EnginePool()
        self._expected: Expected | None = None
        self._opened: dict[str, Job | Exception] = {}
        self._streams: dict[str, BlockStream] = {}

    def folder(self, scene: SceneFiles) -> Path:
        """Return the folder on this machine in which a map is made."""
        return self.out / scene.name if self._folders else self.out

    def open(self, scene: SceneFiles) -> Job:
        """Open a scene, and check it against detector and settings.

        Raises:
            LandslipError: it cannot be mapped.
        """
        opened = self._opened.pop(scene.name, None)
        if isinstance(opened, Exception):
            raise opened
        return opened or self._open(scene)

    def _open(self, scene: SceneFiles) -> Job:
        request = self._request
        opened = convert_product(open_scene(scene.paths, **request.reading))
        if self._folders:
            opened = name_scene(opened, scene)
        elif request.name is not None:
            opened = opened.rename(request.name)
        before = [convert_product(open_scene([path], **request.reading)) for path in request.before]
        pair = ScenePair.open(opened, before) if before else None
        return Job.of(
            opened, request.detector, request.settings, request.aoi, request.exclude, self._engines, pair=pair
        )

    def finished(self, scene: SceneFiles, job: Job) -> Summary | None:
        """Return the summary of the map if an earlier run finished it.

        A map that is finished on this machine only, because the upload was interrupted, is uploaded now.

        Raises:
            OutputError: its folder holds another map, or the store does not answer.
        """
        if self.store is None:
            return finished_summary(self.folder(scene), job)
        there = finished_in_store(self.store, self._place(scene), job)
        if there:
            return there
        here = finished_summary(self.folder(scene), job)
        if here:
            self._upload(scene)
        return here

    def map(self, scene: SceneFiles, job: Job, began: float, progress: Progress) -> Summary:
        """Map a scene, and upload its map where it belongs in an object store.

        Raises:
            LandslipError: it cannot be mapped, or its map cannot be written.
        """
        stream = self._streams.pop(scene.name, None) or self._stream(scene, job)
        try:
            if self.store is not None and job.settings.overwrite:
                self.store.remove(join(self._place(scene), SUMMARY))
            summary = map_job(job, self.folder(scene), began, progress, stream).summary
        finally:
            stream.cancel()
        if self.store is not None:
            self._upload(scene)
        return summary

    def close(self) -> None:
        """Cancel what was begun ahead."""
        for stream in self._streams.values():
            stream.cancel()

    def _place(self, scene: SceneFiles) -> str:
        return scene.name if self._folders else ""

    def _upload(self, scene: SceneFiles) -> None:
        if self.store is not None:
            upload_folder(self.store, self.folder(scene), self._place(scene), SUMMARY)

    def _stream(self, scene: SceneFiles, job: Job) -> BlockStream:
        request = self._request
        task = SceneTask.of(job, scene.paths, request.reading, exclude=request.exclude, before=request.before)
        if self._expected is None:
            self._expected = self._agree(task)
        return BlockStream(self._cluster, task, self._expected, lambda: self._begin_next(scene))

    def _begin_next(self, scene: SceneFiles) -> None:
        """Open the next scene and submit its first blocks; what fails is raised when its turn comes."""
        following = self._following.get(scene)
        if following is None:
            return
        try:
            job = self._open(following)
        except (LandslipError, OSError) as error:
            self._opened[following.name] = error
            return
        self._opened[following.name] = job
        # What an earlier run has done is known once the folder is locked.
        if any((self.folder(following) / name).exists() for name in (SUMMARY, UNFINISHED)):
            return
        if self.store is not None and self.store.read(join(self._place(following), SUMMARY)) is not None:
            return
        stream = self._stream(following, job)
        stream.begin(job, tuple(split_blocks(job.region, job.settings.block_px)))
        self._streams[following.name] = stream

    def _agree(self, task: SceneTask) -> Expected:
        """Compare the workers with each other and with this machine.

        Raises:
            ClusterError: they would not make the same map.
        """
        options = InferenceOptions(task.settings.engine, task.settings.precision, task.settings.threads)
        here = installed_versions()
        found = self._cluster.client.run(report, self._cluster.plugin.name, options, on_error="return")
        for worker, told in found.items():
            if isinstance(told, OSError):
                raise ClusterError(
                    f"worker {worker} ended while it loaded the detector, mostly for lack of memory ({told}): give "
                    "workers more memory, look into their log, and run the same command again"
                )
            if not isinstance(told, dict):
                raise ClusterError(
                    f"worker {worker} cannot map with {options.engine} in {options.precision} ({told}): install what "
                    "this machine has, or choose engine and precision that all have"
                )
            differences = describe_differences(here, told["versions"])
            if differences:
                raise ClusterError(
                    f"worker {worker} has other versions than this machine ({differences}): install the same on all"
                )
        prints = {told["fingerprint"]: worker for worker, told in found.items()}
        if len(prints) > 1:
            one, other = list(prints.values())[:2]
            raise ClusterError(
                f"workers {one} and {other} compute other values with {options.engine} in {options.precision}, as "
                "their CPUs are of different kinds: use workers of one kind, or another engine or precision"
            )
        own = engine_fingerprint(self._request.detector, options, self._engines)
        theirs = next(iter(prints), own)
        if theirs != own:
            self._say(
                "note: the CPU of this machine is of another kind than that of the workers, so that a map made here "
                "alone may differ in the last digit of some probabilities"
            )
        return Expected(here, theirs)


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
