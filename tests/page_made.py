"""Made for tests of the page: uploads as they arrive, tasks done in this process, a workshop without processes."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landslip.detector.detector import Detector
from landslip.errors import LandslipError
from landslip.page.jobs.job import Ticket
from landslip.page.jobs.perform import perform
from landslip.page.jobs.pool import LaneSettings
from landslip.page.jobs.results import SceneResult
from landslip.page.jobs.tasks import Bounds, MapTask, ReadAnswer, ReadTask, SceneSource, Upload
from landslip.page.server.server_state import Workshop
from landslip.page.server.serving import PageSettings
from scenes_made import blobs, scene_file
from tiny_detectors import brightness

BOUNDS = Bounds(megapixels=4, patches=20, members=50, unpacked_mb=50)


class Arriving(io.BytesIO):
    """An upload as Streamlit hands it over."""

    def __init__(self, name: str, content: bytes) -> None:
        super().__init__(content)
        self.name = name
        self.size = len(content)


def done(task: Any) -> dict[str, Any]:
    """Do a task in this process."""
    return perform(task.model_dump_json(), lambda *_: None)


def read(folder: Path, *uploads: Upload, **settings: Any) -> ReadAnswer:
    """Look at uploads."""
    return ReadAnswer.model_validate(done(ReadTask(folder=folder, uploads=uploads, bounds=BOUNDS, **settings)))


def detector_file(folder: Path, detector: Detector | None = None) -> Path:
    """A detector of a few kilobytes."""
    path = folder / "tiny.onnx"
    (detector or brightness()).save(path)
    return path


def made_scene(folder: Path, values: NDArray[np.generic] | None = None, **settings: Any) -> SceneSource:
    """A scene with bright spots, looked at."""
    path = scene_file(folder, blobs(96, 120) if values is None else values)
    (source,) = read(folder, Upload(path=path, shown="scene.tif", kind="raster"), **settings).sources
    assert isinstance(source, SceneSource)
    return source


def mapped(folder: Path, source: SceneSource, detector: Path) -> SceneResult:
    """A map of it."""
    return SceneResult.model_validate(done(MapTask(source=source, detector=str(detector), out=folder / "map")))


class InlinePool:
    """Does every task at once, in this process."""

    def __init__(self, lanes: Sequence[LaneSettings]) -> None:
        self.lanes = lanes
        self.pids: dict[str, tuple[int, ...]] = {}

    def submit(self, lane_name: str, owner: str, task: str) -> Ticket:
        ticket = Ticket(owner, task)
        ticket.begin(lambda: None)
        try:
            ticket.finish(perform(task, ticket.report))
        except LandslipError as error:
            ticket.fail(str(error))
        return ticket

    def ahead_of(self, lane_name: str, ticket: Ticket) -> int:
        return 0

    def give_up(self, owner: str) -> None:
        pass

    def close(self) -> None:
        pass


def inline_workshop(**settings: Any) -> Workshop:
    """A workshop that starts no process."""
    return Workshop(PageSettings(**settings), InlinePool)  # type: ignore[arg-type] # the same calls
