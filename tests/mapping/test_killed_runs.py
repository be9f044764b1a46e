"""A run that is killed at any moment goes on where it stopped and ends in the same map, and until the end nothing of it
bears a final name.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio

from landslip.detector.detector import Detector
from landslip.mapping.job import MapSettings
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.products import PRODUCTS
from landslip.mapping.raster import fill
from landslip.mapping.run import map_scene
from landslip.scenes.rasters import open_scene
from landslip.scenes.scene import Scene
from map_comparison import assert_equal_maps
from scenes_made import StoppedError, blobs, scene_file, stop_at
from tiny_detectors import brightness

EXACT = MapSettings(precision="float32", threads=2, block_px=32)


def final_names(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir() if path.name != ".unfinished") if out.exists() else []


@pytest.fixture(scope="module")
def detector() -> Detector:
    return brightness()


@pytest.fixture(scope="module")
def scene_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    values = blobs(120, 150)
    values[:, 40:80, 60:100] = 0
    return scene_file(tmp_path_factory.mktemp("scene"), values)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, detector: Detector, scene_path: Path) -> Path:
    """The map of an uninterrupted run."""
    out = tmp_path_factory.mktemp("whole")
    map_scene(open_scene(scene_path), detector, out, EXACT)
    return out


@pytest.mark.parametrize("fraction", [0.01, 0.55, 1])
def test_a_run_stopped_while_mapping_resumes(
    tmp_path: Path, detector: Detector, scene_path: Path, whole: Path, fraction: float
) -> None:
    out = tmp_path / "out"
    with pytest.raises(StoppedError):
        map_scene(open_scene(scene_path), detector, out, EXACT, progress=stop_at(fraction))
    assert final_names(out) == []
    pixels_done: list[int] = []
    summary = map_scene(
        open_scene(scene_path),
        detector,
        out,
        EXACT,
        progress=lambda stage, done, _: stage == "mapping" and pixels_done.append(done),
    ).summary
    assert summary.resumed
    assert pixels_done[0] >= fraction * 120 * 150 - 2 * 32 * 32, "finished blocks are not mapped again"
    assert_equal_maps(out, whole)
    assert final_names(out) == final_names(whole)
    assert set(PRODUCTS) <= set(final_names(out))


def test_a_run_stopped_repeatedly_completes(tmp_path: Path, detector: Detector, scene_path: Path, whole: Path) -> None:
    out = tmp_path / "out"
    for fraction in (0.1, 0.3, 0.5, 0.7):
        with pytest.raises(StoppedError):
            map_scene(open_scene(scene_path), detector, out, EXACT, progress=stop_at(fraction))
    map_scene(open_scene(scene_path), detector, out, EXACT)
    assert_equal_maps(out, whole)


@pytest.mark.parametrize("step", [0, 2, 4, len(PRODUCTS)])
def test_a_run_stopped_while_writing_leaves_nothing_under_a_final_name(
    tmp_path: Path, detector: Detector, scene_path: Path, whole: Path, step: int
) -> None:
    out = tmp_path / "out"

    def stop(stage: str, done: int, _: int) -> None:
        if stage == "writing" and done >= step:
            raise StoppedError

    with pytest.raises(StoppedError):
        map_scene(open_scene(scene_path), detector, out, EXACT, progress=stop)
    assert final_names(out) == []
    map_scene(open_scene(scene_path), detector, out, EXACT)
    assert_equal_maps(out, whole)


@pytest.mark.parametrize("moved", [0, 3, len(PRODUCTS) - 1])
def test_a_run_stopped_while_publishing_is_published_by_the_next(
    tmp_path: Path, detector: Detector, scene_path: Path, whole: Path, moved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, move, count = tmp_path / "out", Path.replace, 0

    def replace(path: Path, target: Path) -> Path:
        nonlocal count
        count += target.parent == out
        if count > moved:
            raise StoppedError
        return move(path, target)

    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        patch.setattr(Path, "replace", replace)
        map_scene(open_scene(scene_path), detector, out, EXACT)
    assert final_names(out) == sorted(PRODUCTS[:moved])
    monkeypatch.setattr("landslip.mapping.run.fill_raster", None)  # there is nothing left to map
    map_scene(open_scene(scene_path), detector, out, EXACT)
    assert_equal_maps(out, whole)
    assert final_names(out) == final_names(whole)
    assert set(PRODUCTS) <= set(final_names(out))


def is_resumed(scene: Scene, detector: Detector, out: Path, settings: MapSettings) -> bool:
    """Whether a run starts with finished blocks; it is stopped there."""
    finished: list[int] = []

    def stop(stage: str, done: int, _: int) -> None:
        if stage == "mapping":
            finished.append(done)
            raise StoppedError

    with pytest.raises(StoppedError):
        map_scene(scene, detector, out, settings, progress=stop)
    return finished[0] > 0


def test_only_a_run_with_equal_inputs_resumes(
    tmp_path: Path, detector: Detector, scene_path: Path, whole: Path
) -> None:
    """Another threshold keeps the probability; another scene, detector, overlap or block does not."""
    values = blobs(120, 150, seed=9)
    (tmp_path / "other").mkdir()
    other_scene = scene_file(tmp_path / "other", values)
    cases = {
        "threshold": (scene_path, detector, EXACT.model_copy(update={"threshold": 0.7}), True),
        "area": (scene_path, detector, EXACT.model_copy(update={"min_area_m2": 0}), True),
        "scene": (other_scene, detector, EXACT, False),
        "detector": (scene_path, brightness(threshold=0.6), EXACT, False),
        "overlap": (scene_path, detector, EXACT.model_copy(update={"overlap_px": 4}), False),
        "block": (scene_path, detector, EXACT.model_copy(update={"block_px": 64}), False),
        "no resume": (scene_path, detector, EXACT.model_copy(update={"resume": False}), False),
    }
    for name, (path, other_detector, settings, resumed) in cases.items():
        out = tmp_path / name
        with pytest.raises(StoppedError):
            map_scene(open_scene(scene_path), detector, out, EXACT, progress=stop_at(0.5))
        if name not in ("threshold", "scene"):
            assert is_resumed(open_scene(path), other_detector, out, settings) is resumed, name
            continue
        summary = map_scene(open_scene(path), other_detector, out, settings).summary
        assert summary.resumed is resumed, name
        map_scene(open_scene(path), other_detector, tmp_path / "fresh" / name, settings)
        assert_equal_maps(out, tmp_path / "fresh" / name)


def test_a_scene_that_changed_on_disk_is_not_resumed(tmp_path: Path, detector: Detector) -> None:
    path = scene_file(tmp_path, blobs(80, 90, seed=1))
    with pytest.raises(StoppedError):
        map_scene(open_scene(path), detector, tmp_path / "out", EXACT, progress=stop_at(0.5))
    scene_file(tmp_path, blobs(80, 90, seed=2))
    os.utime(path, ns=(1, 1))
    assert not is_resumed(open_scene(path), detector, tmp_path / "out", EXACT)


def test_tiles_that_a_resumed_run_lacks_are_run_again(
    tmp_path: Path, detector: Detector, scene_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "_KEPT_TILES_BYTES", 0)
    with pytest.raises(StoppedError):
        map_scene(open_scene(scene_path), detector, tmp_path / "out", EXACT, progress=stop_at(0.4))
    map_scene(open_scene(scene_path), detector, tmp_path / "out", EXACT)
    assert_equal_maps(tmp_path / "out", whole)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "landslip", "map", *map(str, arguments), "--quiet"]


@pytest.fixture(scope="module")
def large_real_scene(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    """The valid part of the real scene, twice, so that mapping takes some seconds."""
    real = next((shared_data / "scenes" / "chittagong-s2-4band").glob("*.tif"))
    path = tmp_path_factory.mktemp("large") / "large.tif"
    with rasterio.open(real) as file:
        values, profile = file.read(), file.profile
        descriptions = file.descriptions
    columns = np.nonzero((values > 0).all(axis=0).mean(axis=0) > 0.9)[0]
    part = values[:, :, columns.min() : columns.max()] if len(columns) > 400 else values
    tiled = np.tile(part, (1, 1, 2))
    profile.update(driver="GTiff", height=tiled.shape[1], width=tiled.shape[2], compress="deflate")
    with rasterio.open(path, "w", **profile) as file:
        file.write(tiled)
        file.descriptions = descriptions
    return path


@pytest.mark.slow
def test_a_process_killed_three_times_ends_in_the_same_map(tmp_path: Path, large_real_scene: Path) -> None:
    out, whole = tmp_path / "killed", tmp_path / "whole"
    options = (large_real_scene, "--block", 256)
    subprocess.run(command(*options, "-o", whole), check=True)
    summary = Summary.model_validate_json((whole / "summary.json").read_text())
    blocks = -(-summary.scene.height // 256) * -(-summary.scene.width // 256)
    journal, dice = out / ".unfinished" / "blocks-done.txt", random.Random()
    for fraction in sorted(dice.uniform(0.02, 0.85) for _ in range(3)):
        run = subprocess.Popen(command(*options, "-o", out), start_new_session=True)
        while run.poll() is None and not (
            journal.exists() and len(journal.read_text().split("\n")) > fraction * blocks
        ):
            time.sleep(0.02)
        # Not just after a block was noted, but at any moment of the next.
        time.sleep(dice.uniform(0, 0.1))
        assert run.poll() is None, "the run was over before it was killed"
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        assert final_names(out) == []
    subprocess.run(command(*options, "-o", out), check=True)
    assert Summary.model_validate_json((out / "summary.json").read_text()).resumed
    assert_equal_maps(out, whole)
    assert final_names(out) == final_names(whole)
    assert set(PRODUCTS) <= set(final_names(out))
