"""How a cluster maps the scenes of a list: opened and written here, their blocks mapped by workers.

While the files of a scene are written, the workers map the first blocks of the next one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from landslip.cluster.agreement import describe_differences, engine_fingerprint, installed_versions
from landslip.cluster.block_stream import BlockStream
from landslip.cluster.connection import Cluster
from landslip.cluster.object_store import (
    ObjectStore,
    finished_in_store,
    join,
    staging_folder,
    store_url,
    upload_folder,
)
from landslip.cluster.scene_task import SceneTask
from landslip.cluster.worker import Expected, report
from landslip.detector.detector import Detector
from landslip.errors import ClusterError, LandslipError
from landslip.files.atomic import UNFINISHED
from landslip.files.progress import Progress
from landslip.grid.lattice import split_blocks
from landslip.inference.engine import InferenceOptions
from landslip.inference.engine_pool import EnginePool
from landslip.mapping.area import AreaOfInterest
from landslip.mapping.job import Job, MapSettings
from landslip.mapping.many_scenes import finished_summary, name_scene
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.open_job import open_job
from landslip.mapping.products import SUMMARY
from landslip.mapping.run import map_job, open_to_map
from landslip.scenes.scene_list import SceneFiles

Say = Callable[[str], None]


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
    after: tuple[Path, ...] = ()
    """Further images after the event; for one scene."""
    name: str | None = None
    """Title of the map; for one scene."""


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
        opened = open_to_map(scene.paths, request.reading)
        if self._folders:
            opened = name_scene(opened, scene)
        elif request.name is not None:
            opened = opened.rename(request.name)
        before, after = (
            [open_to_map([path], request.reading) for path in some] for some in (request.before, request.after)
        )
        return open_job(
            opened,
            request.detector,
            request.settings,
            request.aoi,
            request.exclude,
            before=before,
            after=after,
            engines=self._engines,
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
        task = SceneTask.of(
            job, scene.paths, request.reading, exclude=request.exclude, before=request.before, after=request.after
        )
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
