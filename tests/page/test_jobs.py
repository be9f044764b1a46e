"""Laws of the workers: progress, cancelling, killing, limits, queues; each process is real."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio

from landslip.page import messages as words
from landslip.page.errors import QueueError
from landslip.page.jobs.job import Ticket
from landslip.page.jobs.pool import LaneSettings, Pool
from landslip.page.jobs.process import Limits
from landslip.page.jobs.tasks import BenchTask, Bounds, MapTask, ReadTask, Upload
from landslip.page.server.server_state import Workshop
from landslip.page.server.serving import PageSettings
from page_made import InlinePool, detector_file, made_scene
from rasters import NORTH_UP, UTM
from tiny_detectors import brightness

LIMITS = Limits(memory_mb=12_000, file_mb=500, time_s=120)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_time_left_is_what_the_rate_so_far_says():
    clock = Clock()
    ticket = Ticket("me", "{}", clock)
    assert ticket.progress.state == "waiting"
    ticket.begin(lambda: None)
    ticket.report("mapping", 0, 100)
    assert ticket.progress.left_s is None
    clock.now = 10
    ticket.report("mapping", 25, 100)
    assert ticket.progress.left_s == pytest.approx(30)
    ticket.report("writing", 0, 7)
    assert ticket.progress.left_s is None, "another step has another rate"


@pytest.mark.parametrize("end", ["finish", "fail", "cancel"])
def test_a_ticket_ends_once(end: str):
    ticket = Ticket("me", "{}")
    stopped: list[int] = []
    ticket.begin(lambda: stopped.append(1))
    {"finish": lambda: ticket.finish({"a": 1}), "fail": lambda: ticket.fail("no"), "cancel": ticket.cancel}[end]()
    state = ticket.progress.state
    ticket.finish({"b": 2})
    ticket.fail("late")
    ticket.cancel()
    assert ticket.progress.state == state
    assert stopped == ([1] if end == "cancel" else []), "only a cancelled task has its process killed"


def test_a_task_cancelled_while_it_waits_never_begins():
    ticket = Ticket("me", "{}")
    ticket.cancel()
    assert not ticket.begin(lambda: None)


def test_a_visit_that_does_not_come_back_leaves_nothing(tmp_path: Path):
    workshop = Workshop(PageSettings(examples=None), InlinePool)  # type: ignore[arg-type] # the same calls
    try:
        visit, other = workshop.new_visit(), workshop.new_visit()
        (visit.folder / "kept.txt").write_text("x")
        workshop.gone(visit.owner, grace_s=30)
        workshop.here(visit.owner)
        assert visit.folder.exists(), "it came back"
        workshop.gone(visit.owner, grace_s=0.01)
        until = time.monotonic() + 10
        while visit.folder.exists() and time.monotonic() < until:
            time.sleep(0.01)
        assert not visit.folder.exists()
        assert other.folder.exists()
    finally:
        workshop.close()
    assert not workshop.root.exists()


@pytest.fixture
def pool() -> Iterator[Pool]:
    held = Pool([LaneSettings("map", 1, LIMITS, 10, most_waiting=3, most_waiting_visitor=2)])
    yield held
    held.close()


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


def until_it_runs(ticket: Ticket) -> None:
    until = time.monotonic() + 120
    while ticket.progress.doing != "mapping" and time.monotonic() < until:
        assert not ticket.over, ticket.progress
        time.sleep(0.05)
    assert ticket.progress.doing == "mapping"


@pytest.mark.slow
def test_a_killed_worker_is_reported_and_replaced(pool: Pool, long_task: MapTask, tmp_path: Path):
    ticket = pool.submit("map", "me", long_task.model_dump_json())
    until_it_runs(ticket)
    (before,) = pool.pids["map"]
    os.kill(before, signal.SIGKILL)
    progress = ticket.wait(60)
    assert (progress.state, progress.sentence) == ("failed", words.WORKER_DIED)
    assert not (tmp_path / "map" / "summary.json").exists(), "nothing half-made bears a final name"
    after = pool.submit("map", "me", BenchTask(detector=long_task.detector).model_dump_json())
    assert after.wait(120).state == "done"
    assert pool.pids["map"] != (before,)


@pytest.mark.slow
def test_a_cancelled_run_ends_at_once_and_the_next_goes_on(pool: Pool, long_task: MapTask):
    ticket = pool.submit("map", "me", long_task.model_dump_json())
    until_it_runs(ticket)
    (before,) = pool.pids["map"]
    ticket.cancel()
    assert ticket.wait(10).state == "cancelled"
    after = pool.submit("map", "me", BenchTask(detector=long_task.detector).model_dump_json())
    assert after.wait(120).state == "done"
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)


@pytest.mark.slow
def test_a_run_that_takes_too_long_is_stopped(long_task: MapTask):
    pool = Pool([LaneSettings("map", 1, LIMITS.model_copy(update={"time_s": 6}), 10, 3, 2)])
    try:
        progress = pool.submit("map", "me", long_task.model_dump_json()).wait(60)
        assert progress.state == "failed"
        assert progress.sentence.startswith("This took longer than the 6 s allowed")
    finally:
        pool.close()


@pytest.mark.slow
def test_the_queue_is_bounded_for_all_and_for_each(pool: Pool, long_task: MapTask):
    running = pool.submit("map", "me", long_task.model_dump_json())
    until_it_runs(running)
    task = BenchTask(detector=long_task.detector).model_dump_json()
    mine = [pool.submit("map", "me", task) for _ in range(2)]
    assert [pool.ahead_of("map", ticket) for ticket in mine] == [1, 2]
    with pytest.raises(QueueError, match="your tasks"):
        pool.submit("map", "me", task)
    pool.submit("map", "another", task)
    with pytest.raises(QueueError, match="3 tasks are waiting"):
        pool.submit("map", "a third", task)
    pool.give_up("me")
    assert {running.wait(10).state, *(ticket.wait(1).state for ticket in mine)} == {"cancelled"}


@pytest.mark.slow
def test_a_file_that_needs_too_much_memory_is_refused_and_the_lane_lives(tmp_path: Path):
    """One strip of 1.6 GB, packed into almost nothing, has to be unpacked to see a single pixel of it."""
    path = tmp_path / "001-x.tif"
    shape = {"height": 20_000, "width": 20_000, "count": 1, "dtype": "float32"}
    with rasterio.open(
        path, "w", driver="GTiff", crs=UTM, transform=NORTH_UP, compress="deflate", blockysize=20_000, **shape
    ) as file:
        file.set_band_description(1, "B04")
        file.write(np.zeros((1, 20_000, 20_000), np.float32))
    pool = Pool([LaneSettings("read", 1, Limits(memory_mb=1500, file_mb=10, time_s=60), 1, 5, 5)])
    try:
        bounds = Bounds(megapixels=500, patches=1, members=1, unpacked_mb=1)
        upload = Upload(path=path, shown="bomb.tif", kind="raster")
        task = ReadTask(folder=tmp_path, uploads=(upload,), bounds=bounds)
        progress = pool.submit("read", "me", task.model_dump_json()).wait(120)
        assert progress.state == "failed"
        assert str(tmp_path) not in progress.sentence
        small = made_scene(tmp_path).paths[0]
        good = task.model_copy(update={"uploads": (Upload(path=small, shown="good.tif", kind="raster"),)})
        assert pool.submit("read", "me", good.model_dump_json()).wait(120).state == "done"
    finally:
        pool.close()


@pytest.mark.slow
def test_a_worker_ends_with_its_server(tmp_path: Path):
    import subprocess
    import sys

    held = subprocess.Popen(
        [sys.executable, "-m", "landslip.page.jobs.worker", LIMITS.model_dump_json()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert held.stdin is not None
    held.stdin.write((json.dumps({"kind": "bench", "detector": "no such"}) + "\n").encode())
    held.stdin.flush()
    assert held.stdout is not None
    assert b"there is no detector" in held.stdout.readline()
    held.stdin.close()
    assert held.wait(30) == 0
    held.stdout.close()
