"""The command line as a thin layer: same results as the library, printed for people or as JSON."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from command_line import run
from landslip import __version__
from landslip.detector.detector import DEFAULT, packaged
from landslip.mapping.products import PRODUCTS
from scenes_made import blobs, scene_file
from tiny_detectors import brightness, identity


def test_all_public_names_can_be_imported() -> None:
    import landslip

    for name in landslip.__all__:
        assert getattr(landslip, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Landslide'"):
        landslip.Landslide  # noqa: B018 - looking it up is the point


WITHOUT_TORCH = """
import sys
sys.modules |= dict.fromkeys(["torch", "torchvision", "timm", "segmentation_models_pytorch"])
from landslip.cli import main
main(sys.argv[1:], standalone_mode=False)
"""


def test_mapping_works_without_torch(tmp_path: Path) -> None:
    scene = scene_file(tmp_path, blobs(60, 70))
    brightness().save(tmp_path / "b.onnx")
    arguments = ("map", scene, "-o", tmp_path / "out", "-q", "--detector", tmp_path / "b.onnx")
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *arguments], check=True)
    assert (tmp_path / "out" / "summary.json").exists()


def test_version() -> None:
    assert run("--version").out.split() == ["landslip,", "version", __version__]


def test_python_m_landslip_runs_the_command_line() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "landslip", "--version"], check=True, capture_output=True, text=True
    )
    assert __version__ in outcome.stdout


def test_map_writes_all_products_and_names_the_main_ones(tmp_path: Path) -> None:
    scene = scene_file(tmp_path, blobs(90, 100))
    brightness().save(tmp_path / "b.onnx")
    outcome = run("map", scene, "-o", tmp_path / "out", "--detector", tmp_path / "b.onnx")
    assert outcome.code == 0, outcome.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(PRODUCTS)
    assert "B04: scene.tif, band 1" in outcome.err, "the source of each channel is printed"
    for name in ("overview.png", "report.html", "landslides.gpkg"):
        assert str(tmp_path / "out" / name) in outcome.out
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert f"{summary['landslides']} candidate landslides" in outcome.out


def test_json_output_is_the_summary_only(tmp_path: Path) -> None:
    scene = scene_file(tmp_path, blobs(60, 70))
    identity().save(tmp_path / "i.onnx")
    outcome = run("map", scene, "-o", tmp_path / "out", "--detector", tmp_path / "i.onnx", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out) == json.loads((tmp_path / "out" / "summary.json").read_text())


def test_quiet_prints_warnings_only(tmp_path: Path) -> None:
    scene = scene_file(tmp_path, np.zeros((3, 40, 40), np.uint16))
    outcome = run("map", scene, "-o", tmp_path / "out", "-q")
    assert outcome.code == 0, outcome.err
    assert outcome.out == ""
    assert all(line.startswith("warning: ") for line in outcome.err.splitlines())
    assert "no pixel of the mapped area is valid" in outcome.err


def test_options_reach_the_run(tmp_path: Path) -> None:
    values = blobs(90, 100, bands=1)
    scene = scene_file(tmp_path, values, descriptions=None)
    identity().save(tmp_path / "i.onnx")
    outcome = run(
        *("map", scene, "-o", tmp_path / "out", "--detector", tmp_path / "i.onnx", "--channels", "B04", "--json"),
        *("--threshold", "0.3", "--min-area", "900", "--overlap", "5", "--block", "48", "--threads", "1"),
        *("--precision", "float32", "--engine", "openvino", "-q"),
    )
    assert outcome.code == 0, outcome.err
    summary = json.loads(outcome.out)
    assert summary["threshold"] == 0.3
    assert summary["engine"] == "openvino"
    expected = {"min_area_m2": 900, "overlap_px": 5, "block_px": 48, "threads": 1, "precision": "float32", "aoi": None}
    assert expected.items() <= summary["settings"].items()


def test_scale_reads_reflectance_in_0_to_1(tmp_path: Path) -> None:
    scene = scene_file(tmp_path, np.full((1, 40, 40), 0.75, np.float32))
    identity().save(tmp_path / "i.onnx")
    options = ("--detector", tmp_path / "i.onnx", "--scale", "10000", "--json", "-q", "--min-area", "0")
    outcome = run("map", scene, "-o", tmp_path / "out", *options)
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["landslides"] == 1


def test_pixel_size_maps_an_image_without_a_crs(tmp_path: Path) -> None:
    scene = scene_file(tmp_path, np.full((1, 40, 40), 7000, np.uint16), crs=None, transform=None)
    identity().save(tmp_path / "i.onnx")
    options = ("--detector", tmp_path / "i.onnx", "--pixel-size", "2.5", "--json")
    outcome = run("map", scene, "-o", tmp_path / "out", *options)
    assert outcome.code == 0, outcome.err
    summary = json.loads(outcome.out)
    assert summary["landslide_area_m2"] == pytest.approx(10_000)
    assert any("no CRS" in warning for warning in summary["warnings"])


def test_area_of_interest(tmp_path: Path) -> None:
    scene = scene_file(tmp_path, blobs(90, 100, bands=1))
    identity().save(tmp_path / "i.onnx")
    options = ("--detector", tmp_path / "i.onnx", "--aoi", "-180,-90,180,90", "--json", "-q")
    outcome = run("map", scene, "-o", tmp_path / "out", *options)
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["settings"]["aoi"] == "-180,-90,180,90"


def test_list_shows_packaged_detectors_and_the_default() -> None:
    outcome = run("detector", "list", "--json")
    assert {row["name"] for row in json.loads(outcome.out)} == set(packaged())
    assert [row["name"] for row in json.loads(outcome.out) if row["default"]] == [DEFAULT]
    assert DEFAULT in run("detector", "list").out


def test_show_prints_a_card_as_text_and_json(tmp_path: Path) -> None:
    made = brightness()
    made.save(tmp_path / "b.onnx")
    card = json.loads(run("detector", "show", tmp_path / "b.onnx", "--json").out)
    assert card["channels"] == ["B04", "B03", "B02"]
    assert card["sha256"] == made.sha256
    outcome = run("detector", "show", tmp_path / "b.onnx").out
    for word in ("brightness", "B04 (DN)", "anything but tests", made.sha256):
        assert word in outcome


@pytest.mark.parametrize("name", packaged())
def test_the_card_of_a_packaged_detector_states_its_limits(name: str) -> None:
    outcome = run("detector", "show", name).out
    for word in ("not good for", "F1", "licence", "trained on"):
        assert word in outcome
