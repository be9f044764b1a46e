"""A scene as the workers of a cluster open it: from paths and settings, and checked to be that of the client."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landslip.cluster.agreement import describe_differences
from landslip.detector.detector import Detector
from landslip.errors import ClusterError
from landslip.inference.engine_pool import EnginePool
from landslip.mapping.area import AreaOfInterest
from landslip.mapping.job import Job, MapSettings
from landslip.mapping.open_job import open_job
from landslip.mapping.run import open_to_map
from landslip.scenes.scene import Scene


@dataclass(frozen=True, slots=True)
class SceneTask:
    """Everything that a worker needs to map blocks of a scene, but the detector."""

    paths: tuple[Path, ...]
    reading: Mapping[str, Any]
    """Keywords of ``open_scene``."""
    settings: MapSettings
    """With engine, precision and threads, none of them ``auto``."""
    aoi: AreaOfInterest | None = None
    exclude: AreaOfInterest | None = None
    before: tuple[Path, ...] = ()
    """Images before the event."""
    after: tuple[Path, ...] = ()
    """Further images after the event."""
    identity: str = field(default="", repr=False)
    """What the raster depends on, as the client knows it, in JSON."""

    @classmethod
    def of(
        cls,
        job: Job,
        paths: tuple[Path, ...],
        reading: Mapping[str, Any],
        *,
        exclude: AreaOfInterest | None = None,
        before: tuple[Path, ...] = (),
        after: tuple[Path, ...] = (),
    ) -> "SceneTask":
        """Describe a job of the client.

        Args:
            job: of the client.
            paths: of the scene.
            reading: keywords of ``open_scene``.
            exclude: area in which landslides are ruled out.
            before: images before the event.
            after: further images after the event.
        """
        engine, precision = job.engine.name, job.engine.precision
        settings = job.settings.model_copy(
            update={"engine": engine, "precision": precision, "threads": job.settings.threads or 1}
        )
        identity = json.dumps(job.raster_identity, sort_keys=True)
        # Workers run in folders of their own.
        opened, earlier, further = (
            tuple(Path(os.path.abspath(path)) for path in some)  # noqa: PTH100
            for some in (paths, before, after)
        )
        return cls(opened, reading, settings, job.aoi, exclude, earlier, further, identity)

    @property
    def key(self) -> str:
        """A sha256 that differs between tasks."""
        return hashlib.sha256(self.identity.encode()).hexdigest()

    def open(self, detector: Detector, engines: EnginePool, worker: str) -> Job:
        """Open the job on a worker.

        Args:
            detector: of the client.
            engines: that the worker keeps.
            worker: address, for messages.

        Raises:
            ClusterError: the map would not be that of the client.
            LandslipError: a file cannot be read, or the engine is not available.
        """
        scene = open_to_map(self.paths, self.reading)
        before, after = ([open_to_map([path], self.reading) for path in some] for some in (self.before, self.after))
        job = open_job(
            scene, detector, self.settings, self.aoi, self.exclude, before=before, after=after, engines=engines
        )
        self._check(job, scene, worker)
        return job

    def _check(self, job: Job, scene: Scene, worker: str) -> None:
        """Check that a worker would make the raster of the client.

        Raises:
            ClusterError: it would not.
        """
        here, there = json.loads(self.identity), json.loads(json.dumps(job.raster_identity))
        if here == there:
            return
        if here.get("scene") != there.get("scene"):
            raise ClusterError(
                f"worker {worker} sees other files of scene '{scene.name}' than this machine (paths, sizes or times "
                "differ): give paths on storage that all machines share, or URLs"
            )
        raise ClusterError(
            f"worker {worker} would not make the map of this machine ({describe_differences(here, there)}): install "
            "the same versions on all machines, or choose engine and precision that all have"
        )
