"""The title of a map: the name of the scene's file, or the one that the user gives."""

import json
from pathlib import Path

import numpy as np
import pytest

import landslip
from command_line import run
from landslip.errors import SceneError
from landslip.scenes.rasters import open_scene
from page_made import detector_file
from scenes_made import blobs, scene_file


def test_a_name_is_the_title_of_every_file_and_changes_nothing_else(tmp_path: Path) -> None:
    scene, detector = scene_file(tmp_path, blobs(40, 50)), detector_file(tmp_path)
    plain = landslip.map_scene(scene, tmp_path / "plain", detector)
    named = landslip.map_scene(scene, tmp_path / "named", detector, name="Hills, 2024")
    assert plain.summary.scene.name == "scene"
    assert named.summary.scene.name == "Hills, 2024"
    assert named.probability.read_bytes() == plain.probability.read_bytes()
    assert named.landslides.equals(plain.landslides)
    item = json.loads((tmp_path / "named/item.json").read_text())
    assert item["properties"]["title"].startswith("Landslides of Hills, 2024")
    assert "Hills, 2024" in (tmp_path / "named/report.html").read_text()
    assert str(named.summary) == repr(named.summary)
    assert len(str(named.summary)) < 300


def test_the_command_takes_a_name_for_one_scene_only(tmp_path: Path) -> None:
    scene, detector = scene_file(tmp_path, blobs(40, 50)), detector_file(tmp_path)
    out = tmp_path / "out"
    ran = run("map", scene, "--detector", detector, "-o", out, "--name", "Hills", "--json", "-q")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["scene"]["name"] == "Hills"
    ran = run("map", scene, "--detector", detector, "-o", out, "--name", "Valleys", "-q")
    assert ran.code == 2, "a map under another name is another result"
    (tmp_path / "list.txt").write_text("scene.tif\n")
    ran = run("map", tmp_path / "list.txt", "--detector", detector, "-o", tmp_path / "many", "--name", "Hills", "-q")
    assert ran.code == 2
    assert "title of one map" in ran.err


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 121, "\x1b[31m"])
def test_a_name_that_is_no_title_is_refused(tmp_path: Path, name: str) -> None:
    scene = open_scene(scene_file(tmp_path, blobs(8, 8).astype(np.uint16)))
    with pytest.raises(SceneError, match="name must be one line") as raised:
        scene.rename(name)
    assert raised.value.parameter == "name"
