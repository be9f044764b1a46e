"""Many scenes in one run: the same maps as one by one, finished ones skipped, failures in nobody's way."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import landslip as ls
from command_line import run
from landslip.api_many import map_scenes as map_many
from landslip.errors import OutputError, RunError, SettingsError
from landslip.inference import engine_pool
from landslip.mapping.job import MapSettings
from landslip.mapping.many_scenes import map_scenes
from landslip.scenes.scene_list import name_scenes
from map_comparison import assert_equal_maps
from scenes_made import blobs, scene_file
from tiny_detectors import brightness

SETTINGS = MapSettings(threads=1)
DETECTOR = brightness()


@pytest.fixture
def scenes(tmp_path: Path) -> list[Path]:
    """Three folders of rasters, the second of which is damaged."""
    folders = [tmp_path / "scenes" / name for name in ("a", "b", "c")]
    for seed, folder in enumerate(folders):
        folder.mkdir(parents=True)
        scene_file(folder, blobs(70, 80, seed=seed))
    (folders[1] / "scene.tif").write_bytes(b"damaged")
    return folders


def test_each_scene_gets_the_map_it_has_alone_and_a_failure_stops_none(scenes: list[Path], tmp_path: Path) -> None:
    result = map_scenes(name_scenes([[path] for path in scenes]), DETECTOR, tmp_path / "out", SETTINGS)
    assert [one.status for one in result.summary.outcomes] == ["mapped", "failed", "mapped"]
    assert [path.name for path in result.maps] == ["a", "c"]
    for path in result.maps:
        ls.map_scene(tmp_path / "scenes" / path.name, tmp_path / "alone" / path.name, DETECTOR, threads=1)
        assert_equal_maps(path, tmp_path / "alone" / path.name)
    assert not (tmp_path / "out" / "b").exists()
    with pytest.raises(RunError, match=r"1 of 3 scenes failed, the first is b: .*cannot be read as a raster"):
        result.check()


def test_the_batch_summary_matches_the_maps(scenes: list[Path], tmp_path: Path) -> None:
    map_scenes(name_scenes([[path] for path in scenes]), DETECTOR, tmp_path / "out", SETTINGS)
    told = json.loads((tmp_path / "out" / "batch.json").read_text())
    rows = list(csv.DictReader((tmp_path / "out" / "batch.csv").read_text().splitlines()))
    assert (told["scenes"], told["mapped"], told["skipped"], told["failed"]) == (3, 2, 0, 1)
    assert [row["name"] for row in rows] == ["a", "b", "c"]
    assert json.loads((tmp_path / "out" / "a" / "summary.json").read_text())["scene"]["name"] == "a"
    for row, outcome in zip(rows, told["outcomes"], strict=True):
        assert row["status"] == outcome["status"]
        if outcome["status"] == "mapped":
            summary = json.loads((tmp_path / "out" / row["name"] / "summary.json").read_text())
            assert int(row["landslides"]) == outcome["landslides"] == summary["landslides"]
        else:
            assert row["error"] == outcome["error"]


def test_finished_scenes_are_skipped_and_mended_ones_are_mapped(scenes: list[Path], tmp_path: Path) -> None:
    listed, out = name_scenes([[path] for path in scenes]), tmp_path / "out"
    map_scenes(listed, DETECTOR, out, SETTINGS)
    before = (out / "a" / "summary.json").read_bytes()
    (scenes[1] / "scene.tif").unlink()
    scene_file(scenes[1], blobs(70, 80, seed=1))
    # Blocks and threads do not change a map.
    again = map_scenes(listed, DETECTOR, out, MapSettings(threads=2, block_px=64))
    assert [one.status for one in again.summary.outcomes] == ["skipped", "mapped", "skipped"]
    assert (out / "a" / "summary.json").read_bytes() == before
    assert again.summary.landslides == sum(one.landslides or 0 for one in again.summary.outcomes)


@pytest.mark.parametrize("change", ["threshold", "file"])
def test_a_map_of_other_settings_or_files_is_never_taken_for_this_one(
    scenes: list[Path], tmp_path: Path, change: str
) -> None:
    listed, out = name_scenes([[scenes[0]]]), tmp_path / "out"
    map_scenes(listed, DETECTOR, out, SETTINGS)
    settings = SETTINGS
    if change == "threshold":
        settings = MapSettings(threads=1, threshold=0.7)
    else:
        scene_file(scenes[0], blobs(70, 90, seed=5))
    (outcome,) = map_scenes(listed, DETECTOR, out, settings).failed
    assert "holds a map of other files, another detector or other settings" in str(outcome.error)
    replaced = map_scenes(listed, DETECTOR, out, settings.model_copy(update={"overwrite": True}))
    assert replaced.summary.mapped == 1


def test_the_engine_is_opened_once(scenes: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    real = engine_pool.open_engine
    monkeypatch.setattr(engine_pool, "open_engine", lambda *given, **size: opened.append(size) or real(*given, **size))
    map_scenes(name_scenes([[scenes[0]], [scenes[2]]]), DETECTOR, tmp_path / "out", SETTINGS)
    assert len(opened) == 1


def test_maps_are_not_written_among_the_rasters_of_a_scene(scenes: list[Path], tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="among the rasters of the scene"):
        map_scenes(name_scenes([[path] for path in scenes]), DETECTOR, tmp_path / "scenes", SETTINGS)
    assert [path.name for path in scenes[0].iterdir()] == ["scene.tif"]


def test_the_public_function_takes_lists_and_sequences(scenes: list[Path], tmp_path: Path) -> None:
    DETECTOR.save(tmp_path / "b.onnx")
    (tmp_path / "scenes.txt").write_text("scenes/a\nscenes/c\n")
    one = map_many(tmp_path / "scenes.txt", tmp_path / "one", tmp_path / "b.onnx", threads=1)
    two = map_many([str(scenes[0]), [scenes[2] / "scene.tif"]], tmp_path / "two", DETECTOR, threads=1)
    assert [path.name for path in one.maps] == ["a", "c"]
    assert [path.name for path in two.maps] == ["a", "scene"]
    assert_equal_maps(one.maps[0], two.maps[0])
    assert_equal_maps(one.maps[1], two.maps[1])
    with pytest.raises(SettingsError, match="unknown settings treshold"):
        map_many([scenes[0]], tmp_path / "three", treshold=0.5)


def test_the_command_maps_all_and_ends_with_an_error_if_one_failed(scenes: list[Path], tmp_path: Path) -> None:
    DETECTOR.save(tmp_path / "b.onnx")
    arguments = ("map", tmp_path / "scenes", "-o", tmp_path / "out", "--detector", tmp_path / "b.onnx")
    outcome = run(*arguments)
    assert outcome.code == 1
    assert "3 scenes, from 1 x folder of scenes" in outcome.err
    assert "failed: b:" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("landslip: 1 of 3 scenes failed")
    assert "2 mapped, 0 skipped (finished before), 1 failed" in outcome.out
    assert "Traceback" not in outcome.err
    (scenes[1] / "scene.tif").unlink()
    scene_file(scenes[1], np.asarray(blobs(70, 80, seed=1)))
    outcome = run(*arguments, "--json", "-q")
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    assert (told["mapped"], told["skipped"], told["failed"]) == (1, 2, 0)


def test_the_command_maps_each_raster_on_request_and_merges_the_maps(tmp_path: Path) -> None:
    DETECTOR.save(tmp_path / "b.onnx")
    for seed, name in enumerate(("x", "y")):
        (tmp_path / name).mkdir()
        scene_file(tmp_path / name, blobs(70, 80, seed=seed)).rename(tmp_path / f"{name}.tif")
    paths = (tmp_path / "x.tif", tmp_path / "y.tif")
    outcome = run("map", *paths, "--each", "-o", tmp_path / "maps", "--detector", tmp_path / "b.onnx")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "maps" / "x" / "summary.json").exists()
    merged = run("inventory", "merge", tmp_path / "maps", "-o", tmp_path / "inventory")
    assert merged.code == 0, merged.err
    assert "of 2 maps in EPSG:32646" in merged.out
    assert (tmp_path / "inventory" / "collection.json").exists()
    again = run("inventory", "merge", tmp_path / "maps", "-o", tmp_path / "inventory")
    assert again.code == 2
    assert "exists" in again.err
