"""Clusters that cannot be reached, or are none, are told in a sentence, before anything is written."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from command_line import run
from landslip.cluster.block_stream import BlockStream
from landslip.cluster.worker import Expected
from landslip.errors import ClusterError
from scenes_made import blobs, scene_file
from tiny_detectors import brightness

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("local:0", "needs at least one worker, got local:0"),
        ("a place", "must be local, local:N, the address of a Dask scheduler such as tcp://10.0.0.1:8786"),
        ("tcp://127.0.0.1:9", "no Dask scheduler answers at tcp://127.0.0.1:9 within 1 s"),
        ("absent.json", "no Dask scheduler answers at absent.json within 1 s (no file absent.json)"),
    ],
)
def test_what_is_no_cluster_is_an_error(
    target: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANDSLIP_CLUSTER_WAIT_S", "1")
    path = scene_file(tmp_path, blobs(40, 40))
    brightness().save(tmp_path / "brightness.onnx")
    told = run("map", path, "-o", tmp_path / "out", "--detector", tmp_path / "brightness.onnx", "--cluster", target)
    assert told.code in (1, 2)
    assert message in " ".join(told.err.split())
    assert "--cluster" in told.err
    assert not (tmp_path / "out").exists()


class LostCluster:
    """A cluster whose scheduler is lost each time, and comes back."""

    target, generation, threads, workers = "tcp://127.0.0.1:9", 0, 1, 1
    plugin = SimpleNamespace(name="none")

    def check(self) -> None:
        raise ConnectionError("lost")

    def reconnect(self) -> None:
        self.generation += 1


def test_a_scheduler_that_is_lost_again_and_again_is_an_error(tmp_path: Path) -> None:
    from landslip.cluster.scene_task import SceneTask
    from landslip.mapping.job import Job, MapSettings
    from landslip.scenes.rasters import open_scene

    path, cluster = scene_file(tmp_path, blobs(40, 40)), LostCluster()
    job = Job.of(open_scene(path), brightness(), MapSettings(threads=1), None)
    task = SceneTask.of(job, (path,), {})
    stream = BlockStream(cluster, task, Expected({}, ""))  # type: ignore[arg-type]
    with pytest.raises(ClusterError, match="was lost 5 times in a row"):
        list(stream(job, [job.region]))
    assert cluster.generation == 5
