"""The command line: quick to start, plain in what it says, and true to the library below it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from command_line import run
from landslip import __version__
from landslip.cli import COMMANDS
from landslip.detector.detector import DEFAULT, packaged
from landslip.mapping.products import PRODUCTS
from scenes_made import blobs, scene_file
from tiny_detectors import brightness, identity

HEAVY = {"numpy", "rasterio", "shapely", "geopandas", "pyproj", "onnx", "openvino", "onnxruntime", "torch", "pydantic"}


def modules_after(code: str) -> set[str]:
    """What a fresh interpreter has imported after some code."""
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return set(json.loads(told.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import landslip",
        "from click.testing import CliRunner\nfrom landslip.cli import landslip\n"
        "assert CliRunner().invoke(landslip, ['--help']).exit_code == 0",
        "from click.testing import CliRunner\nfrom landslip.cli import landslip\n"
        "assert CliRunner().invoke(landslip, ['map', '--help']).exit_code == 0",
    ],
    ids=["import", "help", "map help"],
)
def test_starting_imports_nothing_heavy(code: str) -> None:
    assert not modules_after(code) & HEAVY


def test_the_public_names_are_all_there() -> None:
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


def test_a_map_is_made_without_torch(tmp_path: Path) -> None:
    scene = scene_file(tmp_path, blobs(60, 70))
    brightness().save(tmp_path / "b.onnx")
    arguments = ("map", scene, "-o", tmp_path / "out", "-q", "--detector", tmp_path / "b.onnx")
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *arguments], check=True)
    assert (tmp_path / "out" / "summary.json").exists()


def test_help_lists_every_command_in_the_order_of_use() -> None:
    told = run("--help")
    assert told.code == 0
    places = [told.out.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    told = run(name, "--help")
    assert told.code == 0
    assert told.out.startswith("Usage: ")


def test_the_version_is_told() -> None:
    assert run("--version").out.split() == ["landslip,", "version", __version__]


def test_python_m_landslip_is_landslip() -> None:
    told = subprocess.run([sys.executable, "-m", "landslip", "--version"], check=True, capture_output=True, text=True)
    assert __version__ in told.stdout


def test_a_map_from_the_command_line(tmp_path: Path) -> None:
    scene = scene_file(tmp_path, blobs(90, 100))
    brightness().save(tmp_path / "b.onnx")
    told = run("map", scene, "-o", tmp_path / "out", "--detector", tmp_path / "b.onnx")
    assert told.code == 0, told.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(PRODUCTS)
    assert "B04: scene.tif, band 1" in told.err, "what was taken is said"
    for name in ("overview.png", "report.html", "landslides.gpkg"):
        assert str(tmp_path / "out" / name) in told.out
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert f"{summary['landslides']} candidate landslides" in told.out


def test_json_is_the_summary_and_nothing_else(tmp_path: Path) -> None:
    scene = scene_file(tmp_path, blobs(60, 70))
    identity().save(tmp_path / "i.onnx")
    told = run("map", scene, "-o", tmp_path / "out", "--detector", tmp_path / "i.onnx", "--json")
    assert told.code == 0, told.err
    assert json.loads(told.out) == json.loads((tmp_path / "out" / "summary.json").read_text())


def test_quiet_is_quiet_but_for_warnings(tmp_path: Path) -> None:
    scene = scene_file(tmp_path, np.zeros((3, 40, 40), np.uint16))
    told = run("map", scene, "-o", tmp_path / "out", "-q")
    assert told.code == 0, told.err
    assert told.out == ""
    assert all(line.startswith("warning: ") for line in told.err.splitlines())
    assert "no pixel of the mapped area is valid" in told.err


def test_options_reach_the_run(tmp_path: Path) -> None:
    values = blobs(90, 100, bands=1)
    scene = scene_file(tmp_path, values, descriptions=None)
    identity().save(tmp_path / "i.onnx")
    told = run(
        *("map", scene, "-o", tmp_path / "out", "--detector", tmp_path / "i.onnx", "--channels", "B04", "--json"),
        *("--threshold", "0.3", "--min-area", "900", "--overlap", "5", "--block", "48", "--threads", "1"),
        *("--precision", "float32", "--engine", "openvino", "-q"),
    )
    assert told.code == 0, told.err
    summary = json.loads(told.out)
    assert summary["threshold"] == 0.3
    assert summary["engine"] == "openvino"
    expected = {"min_area_m2": 900, "overlap_px": 5, "block_px": 48, "threads": 1, "precision": "float32", "aoi": None}
    assert expected.items() <= summary["settings"].items()


def test_reflectance_from_0_to_1_is_read_when_said_so(tmp_path: Path) -> None:
    scene = scene_file(tmp_path, np.full((1, 40, 40), 0.75, np.float32))
    identity().save(tmp_path / "i.onnx")
    options = ("--detector", tmp_path / "i.onnx", "--scale", "10000", "--json", "-q", "--min-area", "0")
    told = run("map", scene, "-o", tmp_path / "out", *options)
    assert told.code == 0, told.err
    assert json.loads(told.out)["landslides"] == 1


def test_an_image_without_a_crs_is_mapped_when_asked_for(tmp_path: Path) -> None:
    scene = scene_file(tmp_path, np.full((1, 40, 40), 7000, np.uint16), crs=None, transform=None)
    identity().save(tmp_path / "i.onnx")
    options = ("--detector", tmp_path / "i.onnx", "--pixel-size", "2.5", "--json")
    told = run("map", scene, "-o", tmp_path / "out", *options)
    assert told.code == 0, told.err
    summary = json.loads(told.out)
    assert summary["landslide_area_m2"] == pytest.approx(10_000)
    assert any("no CRS" in warning for warning in summary["warnings"])


def test_an_area_from_the_command_line(tmp_path: Path) -> None:
    scene = scene_file(tmp_path, blobs(90, 100, bands=1))
    identity().save(tmp_path / "i.onnx")
    options = ("--detector", tmp_path / "i.onnx", "--aoi", "-180,-90,180,90", "--json", "-q")
    told = run("map", scene, "-o", tmp_path / "out", *options)
    assert told.code == 0, told.err
    assert json.loads(told.out)["settings"]["aoi"] == "-180,-90,180,90"


def test_detectors_are_listed() -> None:
    told = run("detector", "list", "--json")
    assert {row["name"] for row in json.loads(told.out)} == set(packaged())
    assert [row["name"] for row in json.loads(told.out) if row["default"]] == [DEFAULT]
    assert DEFAULT in run("detector", "list").out


def test_a_card_is_shown_to_people_and_to_programs(tmp_path: Path) -> None:
    made = brightness()
    made.save(tmp_path / "b.onnx")
    card = json.loads(run("detector", "show", tmp_path / "b.onnx", "--json").out)
    assert card["channels"] == ["B04", "B03", "B02"]
    assert card["sha256"] == made.sha256
    told = run("detector", "show", tmp_path / "b.onnx").out
    for word in ("brightness", "B04 (DN)", "anything but tests", made.sha256):
        assert word in told


@pytest.mark.parametrize("name", packaged())
def test_the_card_of_a_packaged_detector_says_what_it_is_not_good_for(name: str) -> None:
    told = run("detector", "show", name).out
    for word in ("not good for", "F1", "licence", "trained on"):
        assert word in told
