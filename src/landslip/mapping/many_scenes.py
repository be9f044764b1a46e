"""Mapping many scenes: each into a folder of its own, finished ones skipped, failures reported and not in the way.

Detector and engine are opened once. ``batch.csv`` and ``batch.json`` in the output folder are written anew as scenes
are finished, so that they tell how far a run came that was killed; the same call then goes on with the next scene.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Literal, Protocol

from pydantic import ValidationError

import landslip
from landslip.detector.detector import Detector
from landslip.errors import ClusterError, LandslipError, OutputError, RunError
from landslip.files.atomic import write_text
from landslip.files.model import Frozen
from landslip.files.progress import Progress, no_progress
from landslip.inference.engine_pool import EnginePool
from landslip.mapping.area import AreaOfInterest
from landslip.mapping.job import Job, MapSettings
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.products import SUMMARY
from landslip.mapping.run import map_job, open_to_map
from landslip.scenes.scene import Scene
from landslip.scenes.scene_list import SceneFiles

BATCH_JSON: Final = "batch.json"
BATCH_CSV: Final = "batch.csv"
_WRITE_INTERVAL_S: Final = 5.0
_TITLE_CHARS: Final = 120


class SceneOutcome(Frozen):
    """What became of one scene: a row of ``batch.csv``."""

    name: str
    """Of the scene and of its folder."""
    status: Literal["mapped", "skipped", "failed"]
    """``skipped``: the folder held the map already, of the same files, detector and settings."""
    date: str | None = None
    """Acquisition date, if known."""
    landslides: int | None = None
    landslide_area_m2: float | None = None
    valid_area_m2: float | None = None
    valid_fraction: float | None = None
    wall_s: float = 0.0
    """Seconds spent on this scene in this run."""
    warnings: int | None = None
    """Number of warnings in the summary of the map."""
    error: str | None = None
    """Why it failed, in a sentence."""
    paths: tuple[str, ...] = ()


class BatchSummary(Frozen):
    """The content of ``batch.json``."""

    landslip: str
    detector: str
    detector_sha256: str
    scenes: int
    """Number of scenes of the list; more than ``outcomes`` has while the run goes on."""
    mapped: int
    skipped: int
    failed: int
    landslides: int
    """Sum over all maps; where scenes overlap, a landslide counts in each."""
    landslide_area_m2: float
    wall_s: float
    updated: datetime
    outcomes: tuple[SceneOutcome, ...]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The maps of many scenes."""

    folder: Path
    summary: BatchSummary

    @property
    def maps(self) -> tuple[Path, ...]:
        """The folders of the finished maps."""
        return tuple(self.folder / one.name for one in self.summary.outcomes if one.status != "failed")

    @property
    def failed(self) -> tuple[SceneOutcome, ...]:
        """The scenes without a map."""
        return tuple(one for one in self.summary.outcomes if one.status == "failed")

    def check(self) -> None:
        """Raise an error if a scene failed.

        Raises:
            RunError: with the sentence of the first.
        """
        if self.failed:
            first = self.failed[0]
            raise RunError(
                f"{len(self.failed)} of {self.summary.scenes} scenes failed, the first is {first.name}: {first.error} "
                f"(all are in {self.folder / BATCH_CSV}; finished scenes are skipped when it is run again)"
            )

    def __repr__(self) -> str:
        told = self.summary
        return f"BatchResult('{self.folder}', mapped={told.mapped}, skipped={told.skipped}, failed={told.failed})"


class SceneRunner(Protocol):
    """How the scenes of a list are mapped: here, or on a cluster."""

    def open(self, scene: SceneFiles) -> Job:
        """Open a scene, and check it against detector and settings."""

    def finished(self, scene: SceneFiles, job: Job) -> Summary | None:
        """Return the summary of the map if an earlier run finished it; see ``finished_summary``."""

    def map(self, scene: SceneFiles, job: Job, began: float, progress: Progress) -> Summary:
        """Map a scene; see ``map_job``."""


@dataclass(frozen=True, slots=True)
class LocalRunner:
    """Maps scenes in this process. Engines are kept from one scene to the next."""

    detector: Detector
    out: Path
    settings: MapSettings
    reading: Mapping[str, Any]
    aoi: AreaOfInterest | None = None
    exclude: AreaOfInterest | None = None
    engines: EnginePool = field(default_factory=EnginePool)

    def open(self, scene: SceneFiles) -> Job:
        """Open a scene, and check it against detector and settings."""
        opened = name_scene(open_to_map(scene.paths, self.reading), scene)
        return Job.of(opened, self.detector, self.settings, self.aoi, self.exclude, self.engines)

    def finished(self, scene: SceneFiles, job: Job) -> Summary | None:
        """Return the summary of the map if its folder holds it."""
        return finished_summary(self.out / scene.name, job)

    def map(self, scene: SceneFiles, job: Job, began: float, progress: Progress) -> Summary:
        """Map a scene into its folder."""
        return map_job(job, self.out / scene.name, began, progress).summary


def name_scene(opened: Scene, scene: SceneFiles) -> Scene:
    """Name an open scene after its folder in the list, unless it is a product: that name says more."""
    return opened if opened.product else opened.rename(scene.name[:_TITLE_CHARS])


def map_scenes(
    scenes: Sequence[SceneFiles],
    detector: Detector,
    out: Path,
    settings: MapSettings | None = None,
    *,
    reading: Mapping[str, Any] | None = None,
    aoi: AreaOfInterest | None = None,
    exclude: AreaOfInterest | None = None,
    progress: Progress = no_progress,
    begin: Callable[[int, SceneFiles], None] = lambda _number, _scene: None,
    end: Callable[[SceneOutcome], None] = lambda _outcome: None,
) -> BatchResult:
    """Map many scenes, one after the other.

    Args:
        scenes: with names that differ.
        detector: to run.
        out: folder for a folder of each scene; created where missing.
        settings: of every map; the defaults where None.
        reading: keywords of ``open_scene`` for every scene.
        aoi: part of the scenes to map.
        exclude: area in which landslides are ruled out.
        progress: told of the progress of each scene.
        begin: called before each scene, with its number from 1.
        end: called after each scene.

    Raises:
        OutputError: the output folder cannot be written, or is that of the scenes.
    """
    chosen = settings or MapSettings()
    runner = LocalRunner(detector, out, chosen, reading or {}, aoi, exclude)
    return run_scenes(
        scenes, detector, out, runner, overwrite=chosen.overwrite, progress=progress, begin=begin, end=end
    )


def run_scenes(
    scenes: Sequence[SceneFiles],
    detector: Detector,
    out: Path,
    runner: SceneRunner,
    *,
    overwrite: bool,
    progress: Progress = no_progress,
    begin: Callable[[int, SceneFiles], None] = lambda _number, _scene: None,
    end: Callable[[SceneOutcome], None] = lambda _outcome: None,
) -> BatchResult:
    """Map many scenes with a runner; see ``map_scenes``.

    Raises:
        OutputError: the output folder cannot be written, or is that of the scenes.
        ClusterError: the cluster that maps the scenes was lost.
    """
    started = perf_counter()
    outcomes: list[SceneOutcome] = []
    written = float("-inf")
    _check_folders(scenes, out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{out} cannot be created ({error.strerror}): give a folder you may write to", parameter="out"
        ) from error
    for number, scene in enumerate(scenes, 1):
        begin(number, scene)
        began = perf_counter()
        named: dict[str, Any] = {"name": scene.name, "paths": tuple(map(str, scene.paths))}
        try:
            job = runner.open(scene)
            summary = None if overwrite else runner.finished(scene, job)
            status = "mapped" if summary is None else "skipped"
            if summary is None:
                summary = runner.map(scene, job, began, progress)
            outcome = _outcome(summary, status=status, wall_s=perf_counter() - began, **named)
        except ClusterError:
            raise  # no other scene can be mapped either
        # One scene that cannot be read or written does not stop the others.
        except (LandslipError, OSError) as error:
            told = str(error) or type(error).__name__
            outcome = SceneOutcome(status="failed", error=told, wall_s=perf_counter() - began, **named)
        outcomes.append(outcome)
        end(outcome)
        if number == len(scenes) or perf_counter() - written > _WRITE_INTERVAL_S:
            batch = _summarise(detector, outcomes, len(scenes), perf_counter() - started)
            write_text(out / BATCH_JSON, batch.model_dump_json(indent=2) + "\n")
            write_text(out / BATCH_CSV, _table(outcomes))
            written = perf_counter()
    return BatchResult(out, _summarise(detector, outcomes, len(scenes), perf_counter() - started))


def _check_folders(scenes: Sequence[SceneFiles], out: Path) -> None:
    """Check that no map is written into the folder of its scene, where its raster would become a band.

    Raises:
        OutputError: one is.
    """
    for scene in scenes:
        folder = (out / scene.name).resolve()
        if any(folder in (path.resolve(), path.resolve().parent) for path in scene.paths):
            raise OutputError(
                f"the map of {scene.name} would be written among the rasters of the scene in {folder}: give another "
                "folder",
                parameter="out",
            )


def finished_summary(folder: Path, job: Job) -> Summary | None:
    """Return the summary of the map in a folder if it is that of a job; None where there is no map.

    Raises:
        OutputError: the folder holds another map.
    """
    path = folder / SUMMARY
    if not path.exists():
        return None
    try:
        content = path.read_bytes()
    except OSError:
        content = b""
    return check_finished(content, str(folder), job)


def check_finished(content: bytes, folder: str, job: Job) -> Summary:
    """Return a summary if it is that of a job.

    Args:
        content: of ``summary.json``.
        folder: that holds it, for the message.
        job: that is to be mapped.

    Raises:
        OutputError: it is that of another map.
    """
    try:
        summary = Summary.model_validate_json(content)
    except ValidationError:
        summary = None
    if summary and summary.identity and summary.identity == job.digest:
        return summary
    raise OutputError(
        f"{folder} holds a map of other files, another detector or other settings: give another folder, or allow it to "
        "be overwritten once the new map is finished",
        parameter="overwrite",
    )


def _outcome(summary: Summary, **values: Any) -> SceneOutcome:
    return SceneOutcome(
        date=summary.scene.date.isoformat() if summary.scene.date else None,
        landslides=summary.landslides,
        landslide_area_m2=summary.landslide_area_m2,
        valid_area_m2=summary.valid_area_m2,
        valid_fraction=summary.valid_fraction,
        warnings=len(summary.warnings),
        **values,
    )


def _summarise(detector: Detector, outcomes: Sequence[SceneOutcome], scenes: int, wall_s: float) -> BatchSummary:
    counts = {status: sum(one.status == status for one in outcomes) for status in ("mapped", "skipped", "failed")}
    return BatchSummary(
        landslip=landslip.__version__,
        detector=detector.card.name,
        detector_sha256=detector.sha256,
        scenes=scenes,
        landslides=sum(one.landslides or 0 for one in outcomes),
        landslide_area_m2=sum(one.landslide_area_m2 or 0.0 for one in outcomes),
        wall_s=wall_s,
        updated=datetime.now(UTC),
        outcomes=tuple(outcomes),
        **counts,
    )


def _table(outcomes: Sequence[SceneOutcome]) -> str:
    """Return the outcomes as CSV, the paths of a scene separated by a vertical bar."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SceneOutcome.model_fields)
    for one in outcomes:
        values = one.model_dump() | {"paths": "|".join(one.paths)}
        writer.writerow("" if value is None else value for value in values.values())
    return text.getvalue()
