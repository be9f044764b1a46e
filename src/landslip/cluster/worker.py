"""The worker's side of a cluster: the detector, uploaded once to each worker, open scenes, and the tasks."""

import threading
from collections import ChainMap, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import rasterio
from distributed import WorkerPlugin, get_worker

from landslip.cluster.agreement import describe_differences, engine_fingerprint, installed_versions
from landslip.cluster.scene_task import SceneTask
from landslip.detector.detector import Detector
from landslip.detector.precisions import int8_path, record_path
from landslip.errors import ClusterError
from landslip.files.atomic import write_bytes
from landslip.grid.window import Window
from landslip.inference.engine import InferenceOptions
from landslip.inference.engine_pool import EnginePool
from landslip.inference.predict import Reading, Tiles, cut_tiles
from landslip.mapping.job import Job
from landslip.mapping.raster.fill import map_in_this_process
from landslip.mapping.raster.mapped_block import MappedBlock, Networks, cut_pair
from landslip.scenes.block_cache import cache_settings

_FILE: Final = "detector.onnx"
_KEPT_SCENES: Final = 2


@dataclass(frozen=True, slots=True)
class Expected:
    """What a worker must have in common with the client."""

    versions: Mapping[str, str]
    fingerprint: str
    """Of the engine (``engine_fingerprint``)."""


@dataclass
class OpenJobs:
    """Jobs that are open in one thread; a job is used by one thread at a time."""

    engines: EnginePool = field(default_factory=EnginePool)
    jobs: OrderedDict[str, Job] = field(default_factory=OrderedDict)

    def get(self, task: SceneTask, detector: Detector, worker: str) -> Job:
        """Return the job of a task, opened if it is not open."""
        if task.key not in self.jobs:
            self.jobs[task.key] = task.open(detector, self.engines, worker)
        self.jobs.move_to_end(task.key)
        while len(self.jobs) > _KEPT_SCENES:
            self.jobs.popitem(last=False)
        return self.jobs[task.key]


class MapperPlugin(WorkerPlugin):
    """Keeps the detector and open scenes on each worker, also on those that join or restart later.

    Args:
        detector: to send.
    """

    def __init__(self, detector: Detector) -> None:
        self.name = f"landslip-{detector.sha256}"
        self._files = {"": detector.onnx_bytes}
        if detector.precisions is not None:
            self._files["record"] = detector.precisions.model_dump_json().encode()
        if detector.int8_file is not None and detector.precisions is not None:
            self._files["int8"] = detector.open_int8().onnx_bytes

    def setup(self, worker: Any) -> None:
        """Prepare a worker; files are written when the first task needs them."""
        self._address = str(worker.address)
        self._folder = Path(worker.local_directory) / self.name
        self._lock = threading.Lock()
        self._idle: list[OpenJobs] = []
        self._checked: Expected | None = None
        self._fingerprints: dict[InferenceOptions, str] = {}

    @cached_property
    def detector(self) -> Detector:
        """The detector, opened as on the client.

        Raises:
            OutputError: the disk of the worker is full.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / _FILE
        places = {"": path, "record": record_path(path), "int8": int8_path(path)}
        for kind, content in self._files.items():
            write_bytes(places[kind], content)
        return Detector.open(path)

    @contextmanager
    def borrow(self, task: SceneTask, expected: Expected) -> Iterator[Job]:
        """Lend an open job to one thread.

        Raises:
            ClusterError: this worker would not map as the client does.
            LandslipError: the scene or the detector cannot be opened.
        """
        with self._lock:
            detector = self.detector
            if self._checked != expected:
                self._check(task, expected)
                self._checked = expected
            opened = self._idle.pop() if self._idle else OpenJobs()
        try:
            job = opened.get(task, detector, self._address)
            with rasterio.Env(**cache_settings(job.scene, job.detector.card.channels)):
                yield job
        finally:
            with self._lock:
                self._idle.append(opened)

    def fingerprint(self, options: InferenceOptions) -> str:
        """Return what the engine computes here (``engine_fingerprint``); the engine is kept for the first tasks.

        Raises:
            EngineError: the engine is not available here.
        """
        with self._lock:
            return self._fingerprint(options)

    def _fingerprint(self, options: InferenceOptions) -> str:
        if options not in self._fingerprints:
            opened = self._idle.pop() if self._idle else OpenJobs()
            self._fingerprints[options] = engine_fingerprint(self.detector, options, opened.engines)
            self._idle.append(opened)
        return self._fingerprints[options]

    def _check(self, task: SceneTask, expected: Expected) -> None:
        """Compare this worker with the client.

        Raises:
            ClusterError: it would not map as the client does.
            EngineError: the engine is not available here.
        """
        differences = describe_differences(expected.versions, installed_versions())
        if differences:
            raise ClusterError(
                f"worker {self._address} has other versions than this machine ({differences}): install the same on all"
            )
        options = InferenceOptions(task.settings.engine, task.settings.precision, task.settings.threads)
        if self._fingerprint(options) != expected.fingerprint:
            raise ClusterError(
                f"worker {self._address} computes other values with {options.engine} in {options.precision} than the "
                "other machines, as its CPU is of another kind: use workers of one kind, or another engine or precision"
            )


def _plugin(name: str, worker: Any) -> MapperPlugin:
    plugin = worker.plugins.get(name)
    if not isinstance(plugin, MapperPlugin):
        raise ClusterError(f"worker {worker.address} has not received the detector: look into its log")
    return plugin


def run_tiles(name: str, task: SceneTask, expected: Expected, tiles: tuple[Window, ...]) -> list[Tiles]:
    """Run the tiles of a seam with each network: a task.

    Args:
        name: of the plugin.
        task: of the scene.
        expected: of the worker.
        tiles: row by row.
    """
    with _plugin(name, get_worker()).borrow(task, expected) as job:
        networks = Networks.of(job)
        found: list[Tiles] = [{} for _ in networks.predictors]
        for _, row in groupby(tiles, key=lambda tile: tile.row):
            some = list(row)
            values, valid, _ = job.read(job.detector.card.channels, window := _around(some, job))
            cuts = (cut_tiles(some, Reading(window, values, valid)), *cut_pair(job, some, window, valid))
            for known, new in zip(found, networks.run(cuts), strict=True):
                known.update(new)
    return found


def map_blocks(
    name: str, task: SceneTask, expected: Expected, blocks: tuple[Window, ...], *seams: Sequence[Tiles]
) -> list[MappedBlock]:
    """Map the blocks of a part: a task.

    Args:
        name: of the plugin.
        task: of the scene.
        expected: of the worker.
        blocks: row by row.
        seams: tiles of each network that other parts need too.
    """
    given = [dict(ChainMap(*of_network)) for of_network in zip(*seams, strict=True)]
    with _plugin(name, get_worker()).borrow(task, expected) as job:
        return [compute() for compute in map_in_this_process(job, blocks, given)]


def keep(task: SceneTask) -> SceneTask:
    """Return a task as it is: it is sent once, and given to others as a result that can be made again."""
    return task


def report(name: str, options: InferenceOptions, dask_worker: Any = None) -> dict[str, Any]:
    """Tell what a worker has in common with the client.

    Args:
        name: of the plugin.
        options: engine and precision, not ``auto``.
        dask_worker: given by Dask.

    Raises:
        EngineError: the engine is not available there.
    """
    fingerprint = _plugin(name, dask_worker).fingerprint(options)
    return {"versions": installed_versions(), "fingerprint": fingerprint}


def _around(tiles: list[Window], job: Job) -> Window:
    """Return the window of some tiles of one row, clipped to the scene."""
    row, col = tiles[0].row, min(tile.col for tile in tiles)
    bottom, right = min(tiles[0].bottom, job.scene.height), min(max(tile.right for tile in tiles), job.scene.width)
    return Window(row, col, bottom - row, right - col)
