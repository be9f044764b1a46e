"""A map made by workers holds the bytes that one process writes, also where one of them began it."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

from cluster_made import runner_of, workers_here
from landslip.cluster import worker
from landslip.cluster.connection import Cluster
from landslip.cluster.runner import ClusterRunner
from landslip.cluster.scene_task import SceneTask
from landslip.detector.detector import Detector
from landslip.errors import ClusterError, SceneError
from landslip.files.progress import Progress, no_progress
from landslip.grid.map_grid import MapGrid, footprint_lonlat
from landslip.mapping.area import area_of_interest
from landslip.mapping.job import MapSettings
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.run import map_scene
from landslip.scenes.rasters import open_scene
from landslip.scenes.scene_list import SceneFiles
from map_comparison import assert_equal_maps
from scenes_made import StoppedError, blobs, scene_file, stop_at
from tiny_detectors import brightness

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

SETTINGS = MapSettings(precision="float32", threads=1, block_px=32)
BYTES = ("probability.tif", "landslides.parquet", "overview.png")


@pytest.fixture(scope="module")
def detector() -> Detector:
    return brightness()


@pytest.fixture(scope="module")
def cluster(detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with workers_here(detector, tmp_path_factory.mktemp("workers")) as started:
        yield started


@pytest.fixture
def path(tmp_path: Path) -> Path:
    values = blobs(130, 150)
    values[:, 40:80, 60:100] = 0
    return scene_file(tmp_path, values)


def run(made: tuple[ClusterRunner, SceneFiles], progress: Progress = no_progress) -> Summary:
    runner, scene = made
    return runner.map(scene, runner.open(scene), perf_counter(), progress)


def assert_same(one: Path, other: Path) -> None:
    assert_equal_maps(one, other)
    for name in (*BYTES, *(("change.tif",) if (one / "change.tif").exists() else ())):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.parametrize(
    "changes",
    [
        {},
        pytest.param({"block_px": 50, "overlap_px": 16}, marks=pytest.mark.slow),
        pytest.param({"uncertainty": "tta"}, marks=pytest.mark.slow),
    ],
)
def test_workers_write_the_bytes_of_one_process(
    cluster: Cluster, detector: Detector, path: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    settings = SETTINGS.model_copy(update=changes)
    map_scene(open_scene(path), detector, tmp_path / "one", settings)
    summary = run(runner_of(cluster, detector, tmp_path / "many", settings, [path]))
    assert_same(tmp_path / "one", tmp_path / "many")
    assert summary.network_s > 0


def test_an_area_and_an_image_before_are_mapped_alike(cluster: Cluster, detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    values = blobs(200, 220, seed=3)
    path = scene_file(tmp_path, values)
    changed = np.clip(values.astype(int) - 900 * (np.mgrid[:200, :220][1] < 60), 1, 9000).astype(np.uint16)
    before = scene_file(tmp_path / "old", changed)
    scene, old = open_scene(path), open_scene(before)
    box, _ = footprint_lonlat(MapGrid.of(scene.geobox, scene.window))
    assert box is not None
    west, south, east, north = box
    aoi = area_of_interest(f"{west},{south},{(west + 2 * east) / 3},{north}")
    map_scene(scene, detector, tmp_path / "one", SETTINGS, aoi=aoi, before=[old])
    run(runner_of(cluster, detector, tmp_path / "many", SETTINGS, [path], aoi=aoi, before=(before,)))
    assert_same(tmp_path / "one", tmp_path / "many")


@pytest.mark.parametrize("fraction", [pytest.param(0.1, marks=pytest.mark.slow), 0.6])
def test_a_run_that_stopped_goes_on_here_or_there(
    cluster: Cluster, detector: Detector, path: Path, tmp_path: Path, fraction: float
) -> None:
    map_scene(open_scene(path), detector, tmp_path / "one", SETTINGS)
    with pytest.raises(StoppedError):
        run(runner_of(cluster, detector, tmp_path / "here", SETTINGS, [path]), stop_at(fraction))
    assert map_scene(open_scene(path), detector, tmp_path / "here", SETTINGS).summary.resumed
    with pytest.raises(StoppedError):
        map_scene(open_scene(path), detector, tmp_path / "there", SETTINGS, progress=stop_at(fraction))
    assert run(runner_of(cluster, detector, tmp_path / "there", SETTINGS, [path])).resumed
    for name in ("here", "there"):
        assert_same(tmp_path / "one", tmp_path / name)


def test_workers_that_would_make_another_map_are_refused(
    cluster: Cluster, detector: Detector, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process the workers have what the client has: the client is told otherwise."""
    with monkeypatch.context() as patch:
        patch.setattr("landslip.cluster.runner.installed_versions", lambda: worker.installed_versions() | {"GDAL": "1"})
        with pytest.raises(ClusterError, match=r"has other versions than this machine \(GDAL 1 here and .* there\)"):
            run(runner_of(cluster, detector, tmp_path / "out", SETTINGS, [path]))
    made = SceneTask.of

    def other_scene(*arguments: object, **named: object) -> SceneTask:
        task = made(*arguments, **named)  # type: ignore[arg-type]
        return replace(task, identity=task.identity.replace('"scene": "', '"scene": "0'))

    with monkeypatch.context() as patch:
        patch.setattr(SceneTask, "of", other_scene)
        with pytest.raises(ClusterError, match="sees other files of scene 'scene' than this machine"):
            run(runner_of(cluster, detector, tmp_path / "out", SETTINGS, [path]))
    # Fingerprints of several workers are compared before anything is mapped.
    prints = iter("ab")
    with monkeypatch.context() as patch:
        patch.setattr(worker.MapperPlugin, "fingerprint", lambda *_: next(prints))
        with pytest.raises(ClusterError, match="compute other values with openvino in float32"):
            run(runner_of(cluster, detector, tmp_path / "out", SETTINGS, [path]))
    assert not (tmp_path / "out").exists() or not (tmp_path / "out" / "summary.json").exists()


def test_an_error_of_a_worker_is_that_of_one_process(
    cluster: Cluster, detector: Detector, path: Path, tmp_path: Path
) -> None:
    made = runner_of(cluster, detector, tmp_path / "out", SETTINGS, [path])
    runner, scene = made
    job = runner.open(scene)
    content = path.read_bytes()
    stat = path.stat()
    path.write_bytes(content[: len(content) // 2])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(SceneError, match="is truncated"):
        runner.map(scene, job, perf_counter(), no_progress)
