"""Worker processes: progress, cancelling, killing, limits and queues; the processes are real."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio

from landslip.page import messages
from landslip.page.errors import QueueError
from landslip.page.jobs.pool import Job, Pool, QueueSettings
from landslip.page.jobs.tasks import BenchmarkTask, MapTask, ReadTask, Upload, UploadLimits
from landslip.page.jobs.worker import ProcessLimits
from landslip.page.server.server_state import ServerState
from landslip.page.server.settings import PageSettings
from page_made import InlinePool, detector_file, made_scene
from rasters import NORTH_UP, UTM
from tiny_detectors import brightness

LIMITS = ProcessLimits(memory_mb=12_000, file_mb=500, time_s=120)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_remaining_time_follows_from_the_rate_of_the_stage():
    clock = Clock()
    job = Job("me", "{}", clock)
    assert job.progress.state == "waiting"
    job.start(lambda: None)
    job.report("mapping", 0, 100)
    assert job.progress.remaining_s is None
    clock.now = 10
    job.report("mapping", 25, 100)
    assert job.progress.remaining_s == pytest.approx(30)
    job.report("writing", 0, 7)
    assert job.progress.remaining_s is None, "each stage has its own rate"


@pytest.mark.parametrize("end", ["finish", "fail", "cancel"])
def test_a_job_ends_once(end: str):
    job = Job("me", "{}")
    stopped: list[int] = []
    job.start(lambda: stopped.append(1))
    {"finish": lambda: job.finish({"a": 1}), "fail": lambda: job.fail("no"), "cancel": job.cancel}[end]()
    state = job.progress.state
    job.finish({"b": 2})
    job.fail("late")
    job.cancel()
    assert job.progress.state == state
    assert stopped == ([1] if end == "cancel" else []), "only a cancelled task has its process killed"


def test_a_job_cancelled_while_waiting_never_starts():
    job = Job("me", "{}")
    job.cancel()
    assert not job.start(lambda: None)


def test_a_session_without_reconnection_leaves_no_files(tmp_path: Path):
    server = ServerState(PageSettings(examples=None), InlinePool)  # type: ignore[arg-type] # the same calls
    try:
        session, other = server.open_session(), server.open_session()
        (session.folder / "kept.txt").write_text("x")
        server.disconnected(session.owner, grace_s=30)
        server.connected(session.owner)
        assert session.folder.exists(), "the user reconnected"
        server.disconnected(session.owner, grace_s=0.01)
        until = time.monotonic() + 10
        while session.folder.exists() and time.monotonic() < until:
            time.sleep(0.01)
        assert not session.folder.exists()
        assert other.folder.exists()
    finally:
        server.close()
    assert not server.root.exists()


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool([QueueSettings("map", 1, LIMITS, 10, max_waiting=3, max_waiting_per_user=2)])
    yield pool
    pool.close()


@pytest.fixture
def long_task(tmp_path: Path) -> MapTask:
    """A map that takes a while."""
    path = tmp_path / "large.tif"
    shape = {"height": 2600, "width": 2600, "count": 3, "dtype": "uint16"}
    with rasterio.open(path, "w", driver="GTiff", crs=UTM, transform=NORTH_UP, tiled=True, **shape) as file:
        file.write(np.random.default_rng(0).integers(1, 9000, (3, 2600, 2600), np.uint16))
        for band, name in enumerate(("B04", "B03", "B02"), start=1):
            file.set_band_description(band, name)
    source = made_scene(tmp_path).model_copy(update={"paths": (path,), "height": 2600, "width": 2600})
    detector = detector_file(tmp_path, brightness(tile_px=32, overlap_px=28))
    return MapTask(source=source, detector=str(detector), out=tmp_path / "map")


def until_it_runs(job: Job) -> None:
    until = time.monotonic() + 120
    while job.progress.stage != "mapping" and time.monotonic() < until:
        assert not job.is_over, job.progress
        time.sleep(0.05)
    assert job.progress.stage == "mapping"


@pytest.mark.slow
def test_a_killed_worker_is_reported_and_replaced(pool: Pool, long_task: MapTask, tmp_path: Path):
    job = pool.submit("map", "me", long_task.to_json())
    until_it_runs(job)
    (before,) = pool.pids["map"]
    os.kill(before, signal.SIGKILL)
    progress = job.wait(60)
    assert (progress.state, progress.error) == ("failed", messages.WORKER_DIED)
    assert not (tmp_path / "map" / "summary.json").exists(), "outputs are written atomically"
    after = pool.submit("map", "me", BenchmarkTask(detector=long_task.detector).to_json())
    assert after.wait(120).state == "done"
    assert pool.pids["map"] != (before,)


@pytest.mark.slow
def test_a_cancelled_job_ends_at_once_and_the_next_runs(pool: Pool, long_task: MapTask):
    job = pool.submit("map", "me", long_task.to_json())
    until_it_runs(job)
    (before,) = pool.pids["map"]
    job.cancel()
    assert job.wait(10).state == "cancelled"
    after = pool.submit("map", "me", BenchmarkTask(detector=long_task.detector).to_json())
    assert after.wait(120).state == "done"
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


@pytest.mark.slow
def test_a_job_beyond_the_time_limit_is_stopped(long_task: MapTask):
    pool = Pool([QueueSettings("map", 1, LIMITS.model_copy(update={"time_s": 6}), 10, 3, 2)])
    try:
        progress = pool.submit("map", "me", long_task.to_json()).wait(60)
        assert progress.state == "failed"
        assert progress.error.startswith("This took longer than the limit of 6 s")
    finally:
        pool.close()


@pytest.mark.slow
def test_the_queue_is_limited_in_total_and_per_user(pool: Pool, long_task: MapTask):
    running = pool.submit("map", "me", long_task.to_json())
    until_it_runs(running)
    task = BenchmarkTask(detector=long_task.detector).to_json()
    mine = [pool.submit("map", "me", task) for _ in range(2)]
    assert [pool.jobs_ahead("map", job) for job in mine] == [1, 2]
    with pytest.raises(QueueError, match="your tasks"):
        pool.submit("map", "me", task)
    pool.submit("map", "another", task)
    with pytest.raises(QueueError, match="3 tasks are waiting"):
        pool.submit("map", "a third", task)
    pool.cancel_all("me")
    assert {running.wait(10).state, *(job.wait(1).state for job in mine)} == {"cancelled"}


@pytest.mark.slow
def test_a_file_beyond_the_memory_limit_is_refused_and_the_queue_continues(tmp_path: Path):
    """A strip of 1.6 GB, highly compressed, must be unpacked whole to read a single pixel."""
    path = tmp_path / "001-x.tif"
    shape = {"height": 20_000, "width": 20_000, "count": 1, "dtype": "float32"}
    with rasterio.open(
        path, "w", driver="GTiff", crs=UTM, transform=NORTH_UP, compress="deflate", blockysize=20_000, **shape
    ) as file:
        file.set_band_description(1, "B04")
        file.write(np.zeros((1, 20_000, 20_000), np.float32))
    pool = Pool([QueueSettings("read", 1, ProcessLimits(memory_mb=1500, file_mb=10, time_s=60), 1, 5, 5)])
    try:
        limits = UploadLimits(megapixels=500, patches=1, members=1, unpacked_mb=1)
        upload = Upload(path=path, name="bomb.tif", kind="raster")
        task = ReadTask(folder=tmp_path, uploads=(upload,), limits=limits)
        progress = pool.submit("read", "me", task.to_json()).wait(120)
        assert progress.state == "failed"
        assert str(tmp_path) not in progress.error
        small = made_scene(tmp_path).paths[0]
        good = task.model_copy(update={"uploads": (Upload(path=small, name="good.tif", kind="raster"),)})
        assert pool.submit("read", "me", good.to_json()).wait(120).state == "done"
    finally:
        pool.close()


@pytest.mark.slow
def test_a_worker_process_ends_with_its_server(tmp_path: Path):
    import subprocess
    import sys

    process = subprocess.Popen(
        [sys.executable, "-m", "landslip.page.jobs.worker", LIMITS.model_dump_json()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write((BenchmarkTask(detector="no such").to_json() + "\n").encode())
    process.stdin.flush()
    assert process.stdout is not None
    assert b"no detector 'no such'" in process.stdout.readline()
    process.stdin.close()
    assert process.wait(30) == 0
    process.stdout.close()
