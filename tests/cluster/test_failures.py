"""Workers that die, a scheduler that is restarted, a lack of memory, a full disk: the same bytes in the end, or a clear
error and a resume that gives them.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from dask_processes import DaskProcesses
from landslip.detector.detector import Detector
from landslip.mapping.job import MapSettings
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.run import map_scene
from landslip.scenes.rasters import open_scene
from map_comparison import assert_equal_maps
from scenes_made import blobs, scene_file
from tiny_detectors import brightness

pytestmark = [pytest.mark.slow, pytest.mark.allow_hosts(["127.0.0.1"])]
BLOCK_PX = 32
SIDE_PX = 600


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene, a detector, and the map of one process."""
    folder = tmp_path_factory.mktemp("cluster")
    path = scene_file(folder, blobs(SIDE_PX, SIDE_PX, seed=5))
    brightness().save(folder / "brightness.onnx")
    settings = MapSettings(threads=1, block_px=BLOCK_PX)
    map_scene(open_scene(path), Detector.open(folder / "brightness.onnx"), folder / "one", settings)
    return folder


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[DaskProcesses]:
    started = DaskProcesses(tmp_path / "dask")
    try:
        started.start_scheduler()
        yield started
    finally:
        started.stop()


def command(folder: Path, out: Path, cluster: str, *more: object) -> list[str]:
    options = ("--detector", folder / "brightness.onnx", "--block", BLOCK_PX, "--cluster", cluster, *more)
    return [sys.executable, "-m", "landslip", "map", str(folder / "scene.tif"), "-o", str(out), *map(str, options)]


def blocks_done(out: Path) -> int:
    journal = out / ".unfinished" / "blocks-done.txt"
    return len(journal.read_text().splitlines()) if journal.exists() else 0


def run_until(started: list[str], out: Path, blocks: int, event: Callable[[], object]) -> "tuple[int, str]":
    """Run a command, call a function once some blocks are on disk, and return its code and what it told."""
    run = subprocess.Popen(started, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until = time.monotonic() + 240
    while blocks_done(out) < blocks and run.poll() is None:
        assert time.monotonic() < until, "no block was mapped"
        time.sleep(0.02)
    if run.poll() is None:
        event()
    told, _ = run.communicate(timeout=300)
    return run.returncode, told


def assert_same(folder: Path, out: Path) -> None:
    assert_equal_maps(folder / "one", out)
    for name in ("probability.tif", "landslides.parquet"):
        assert (folder / "one" / name).read_bytes() == (out / name).read_bytes(), name


def test_a_worker_that_is_killed_is_replaced(folder: Path, dask: DaskProcesses, tmp_path: Path) -> None:
    for _ in range(2):
        dask.start_worker()
    killed: list[int] = []
    code, told = run_until(
        command(folder, tmp_path / "out", dask.address), tmp_path / "out", 20,
        lambda: killed.append(dask.kill_worker_process()),
    )  # fmt: skip
    assert code == 0, told
    assert killed, "the run was over before a worker was killed"
    assert "dashboard http://127.0.0.1:" in told
    assert_same(folder, tmp_path / "out")


def test_a_scheduler_that_is_restarted_gets_the_rest(folder: Path, dask: DaskProcesses, tmp_path: Path) -> None:
    for _ in range(2):
        dask.start_worker()

    def restart() -> None:
        dask.kill_scheduler()
        dask.start_scheduler()
        dask.start_worker()

    code, told = run_until(command(folder, tmp_path / "out", dask.address), tmp_path / "out", 20, restart)
    assert code == 0, told
    assert_same(folder, tmp_path / "out")


def test_a_scheduler_that_stays_away_is_an_error_and_another_run_goes_on(
    folder: Path, dask: DaskProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANDSLIP_CLUSTER_WAIT_S", "5")
    out = tmp_path / "out"
    dask.start_worker()
    code, told = run_until(command(folder, out, dask.address), out, 20, dask.kill_scheduler)
    assert code == 1, told
    assert "no Dask scheduler answers at" in told
    assert "run the same command again; finished blocks are kept" in " ".join(told.split())
    assert not (out / "summary.json").exists()
    done = blocks_done(out)
    assert done >= 20
    monkeypatch.delenv("LANDSLIP_CLUSTER_WAIT_S")
    again = subprocess.run(command(folder, out, "local:1"), capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert Summary.model_validate_json((out / "summary.json").read_text()).resumed
    assert_same(folder, out)


LOADED = """
import sys, psutil
import distributed
from landslip.cluster import worker
from landslip.detector.detector import Detector
from landslip.inference.engine import InferenceOptions
from landslip.inference.engine_pool import EnginePool
options = InferenceOptions("openvino", "float32", 1)
worker.engine_fingerprint(Detector.open(sys.argv[1]), options, EnginePool())
print(psutil.Process().memory_info().rss)
"""


@pytest.mark.parametrize(("more_mb", "told_so"), [(-60, "while it loaded the detector"), (90, "ended several workers")])
def test_a_worker_without_enough_memory_is_an_error_and_another_run_goes_on(
    folder: Path, dask: DaskProcesses, tmp_path: Path, more_mb: int, told_so: str
) -> None:
    """The limit is below what loading the engine, or mapping a large block, needs: the nanny ends the process."""
    scene, out, side_px = tmp_path / "scene.tif", tmp_path / "out", 2048
    scene_file(tmp_path, np.tile(blobs(256, 256, seed=6), (1, side_px // 256, side_px // 256)))
    measured = [sys.executable, "-c", LOADED, str(folder / "brightness.onnx")]
    loaded_bytes = int(subprocess.run(measured, capture_output=True, text=True, check=True).stdout)
    dask.start_worker(memory=f"{loaded_bytes // 10**6 + more_mb}MB")
    options = ["--detector", str(folder / "brightness.onnx"), "--block", str(side_px), "-o", str(out)]
    started = [sys.executable, "-m", "landslip", "map", str(scene), *options, "--cluster"]
    run = subprocess.run([*started, dask.address], capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stderr
    words = " ".join(run.stderr.split())
    assert told_so in words
    assert "lack of memory" in words
    assert not (out / "summary.json").exists()
    if more_mb < 0:
        return
    again = subprocess.run([*started, "local:1"], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    settings = MapSettings(threads=1, block_px=side_px)
    map_scene(open_scene(scene), Detector.open(folder / "brightness.onnx"), tmp_path / "one", settings)
    assert_equal_maps(tmp_path / "one", out)
    assert (tmp_path / "one" / "probability.tif").read_bytes() == (out / "probability.tif").read_bytes()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_full_disk_is_an_error_and_another_run_goes_on(folder: Path, dask: DaskProcesses, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=30m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        dask.start_worker()
        out, filler = disk / "out", disk / "filler"

        def fill() -> None:
            with filler.open("wb") as file:
                while True:
                    try:
                        file.write(np.zeros(1 << 16, np.uint8).tobytes())
                        file.flush()
                    except OSError:
                        return

        code, told = run_until(command(folder, out, dask.address), out, 20, fill)
        assert code in (1, 2), told
        assert "cannot be written" in told
        assert "No space left on device" in told or "was not written correctly" in told, told
        assert not (out / "summary.json").exists()
        filler.unlink()
        again = subprocess.run(command(folder, out, dask.address), capture_output=True, text=True, check=False)
        assert again.returncode == 0, again.stderr
        assert_same(folder, out)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
