"""Bad input: a one-sentence error with the remedy, exit code 2, and no file under its final name."""

import os
import pickle
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import numpy as np
import onnx
import pytest
import shapely
from onnx import helper

from command_line import Outcome, run
from landslip.mapping.job import MapSettings
from landslip.mapping.products import PRODUCTS
from landslip.mapping.run import map_scene
from landslip.mapping.workspace import open_workspace
from scenes_made import StoppedError, blobs, memory_scene, scene_file, stop_at
from tiny_detectors import brightness, identity, identity_model, model, resealed


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    (tmp_path / "scene").mkdir()
    return scene_file(tmp_path / "scene", blobs(60, 70))


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    brightness().save(tmp_path / "b.onnx")
    return tmp_path / "b.onnx"


def written_products(out: Path) -> list[str]:
    return [name for name in PRODUCTS if (out / name).exists()] if out.is_dir() else []


def assert_error(outcome: Outcome, *words: str, out: Path | None = None) -> None:
    """Check for one sentence, exit code 2 and no products."""
    lines = outcome.err.strip().splitlines()
    assert outcome.code == 2, outcome.err
    assert len([line for line in lines if line.startswith("landslip: ")]) == 1, outcome.err
    assert lines[-1].startswith("landslip: "), outcome.err
    assert len(lines[-1]) < 500, "one sentence"
    assert "Traceback" not in outcome.err
    assert outcome.out == ""
    for word in words:
        assert word in lines[-1], f"{word!r} is not in: {lines[-1]}"
    if out is not None:
        assert not out.exists() or written_products(out) == []


def run_map(out: Path, *arguments: object) -> Outcome:
    return run("map", *arguments, "-o", out, "-q")


# ---- the scene


def test_a_missing_scene(tmp_path: Path, detector: Path) -> None:
    out = tmp_path / "out"
    assert_error(run_map(out, tmp_path / "none.tif", "--detector", detector), "none.tif", out=out)
    assert not out.exists()


def test_a_scene_that_is_not_a_raster(tmp_path: Path, detector: Path) -> None:
    (tmp_path / "notes.tif").write_text("not a raster")
    assert_error(
        run_map(tmp_path / "out", tmp_path / "notes.tif", "--detector", detector), "notes.tif", out=tmp_path / "out"
    )


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_tiff(tmp_path: Path, scene: Path, detector: Path, fraction: float) -> None:
    raw = scene.read_bytes()
    scene.write_bytes(raw[: int(len(raw) * fraction)])
    assert_error(run_map(tmp_path / "out", scene, "--detector", detector), "scene.tif", out=tmp_path / "out")


def test_an_image_without_a_crs(tmp_path: Path, detector: Path) -> None:
    path = scene_file(tmp_path, blobs(30, 30), crs=None, transform=None)
    assert_error(
        run_map(tmp_path / "out", path, "--detector", detector), "no CRS", "--pixel-size", out=tmp_path / "out"
    )


@pytest.mark.parametrize("size", ["0", "-3", "nan", "inf"])
def test_an_invalid_pixel_size(tmp_path: Path, detector: Path, size: str) -> None:
    path = scene_file(tmp_path, blobs(30, 30), crs=None, transform=None)
    outcome = run_map(tmp_path / "out", path, "--detector", detector, f"--pixel-size={size}")
    assert_error(outcome, "--pixel-size", out=tmp_path / "out")


def test_bands_without_channel_names(tmp_path: Path, detector: Path) -> None:
    path = scene_file(tmp_path, blobs(30, 30), descriptions=None)
    assert_error(run_map(tmp_path / "out", path, "--detector", detector), "--channels", out=tmp_path / "out")


@pytest.mark.parametrize("channels", ["B04,B03", "B04,B03,B02,B08", "B04,B03,X", "B04,B03,B03", ""])
def test_channels_that_do_not_match_the_bands(tmp_path: Path, scene: Path, detector: Path, channels: str) -> None:
    outcome = run_map(tmp_path / "out", scene, "--detector", detector, "--channels", channels)
    assert_error(outcome, out=tmp_path / "out")


def test_a_channel_that_the_scene_lacks(tmp_path: Path, detector: Path) -> None:
    path = scene_file(tmp_path, blobs(30, 30, bands=2))
    outcome = run_map(tmp_path / "out", path, "--detector", detector)
    assert_error(outcome, "'brightness' needs B02", "scene 'scene'", "it has", out=tmp_path / "out")


# ---- the detector


def damaged_detectors(tmp_path: Path) -> Iterator[tuple[str, bytes]]:
    good = brightness().onnx_bytes
    yield "truncated", good[: len(good) // 2]
    yield "empty", b""
    yield "pickle", pickle.dumps({"a": 1})
    yield "without-card", identity_model().SerializeToString()
    yield "other-card", resealed(identity_model(), brightness().card)
    custom = model([helper.make_node("Guess", ["input"], ["probability"], domain="com.example")], {}, 1)
    custom.opset_import.append(helper.make_opsetid("com.example", 1))
    yield "custom-operator", resealed(custom, identity().card)
    outside = onnx.load_model_from_string(identity_model().SerializeToString())
    tensor = outside.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    yield "external-data", resealed(outside, identity().card)
    for position in range(0, len(good), 97):
        flipped = bytearray(good)
        flipped[position] ^= 0x20
        yield f"flipped-{position}", bytes(flipped)


def test_damaged_detectors(tmp_path: Path, scene: Path) -> None:
    for name, raw in damaged_detectors(tmp_path):
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(raw)
        assert_error(run_map(tmp_path / "out", scene, "--detector", path), f"{name}.onnx", out=tmp_path / "out")
        assert_error(run("detector", "show", path), f"{name}.onnx")


@pytest.mark.parametrize("name", ["missing.onnx", ".", "no-such-detector"])
def test_a_missing_detector(tmp_path: Path, scene: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert_error(run_map(tmp_path / "out", scene, "--detector", name), f"'{name}'", "s2-rgb", out=tmp_path / "out")


# ---- the settings


@pytest.mark.parametrize(
    "arguments",
    [
        *(("--threshold", value) for value in ("0", "-0.1", "1.01", "nan", "inf", "half")),
        *(("--min-area", value) for value in ("-1", "nan", "inf")),
        *(("--overlap", value) for value in ("-1", "1.5")),
        *(("--block", value) for value in ("0", "15", "100000")),
        ("--engine", "steam"),
        ("--threads", "0"),
        ("--precision", "half"),
        ("--no-such-option",),
    ],
    ids=" ".join,
)
def test_settings_out_of_range(tmp_path: Path, scene: Path, detector: Path, arguments: tuple[str, ...]) -> None:
    outcome = run_map(tmp_path / "out", scene, "--detector", detector, *arguments)
    assert outcome.code == 2, outcome.err
    assert "Traceback" not in outcome.err
    assert arguments[0] in outcome.err.strip().splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_an_overlap_as_large_as_a_tile(tmp_path: Path, scene: Path, detector: Path) -> None:
    outcome = run_map(tmp_path / "out", scene, "--detector", detector, "--overlap", "32")
    assert_error(outcome, "overlap_px must be smaller", "32 px", "--overlap", out=tmp_path / "out")


def test_missing_arguments(scene: Path) -> None:
    for arguments in (("map",), ("map", scene), ("map", "-o", "out"), ("chart",)):
        outcome = run(*arguments)
        assert outcome.code == 2
        assert "Traceback" not in outcome.err


@pytest.mark.parametrize("area", ["10,40,11,41", "somewhere", "1,2,3", ""])
def test_an_invalid_area(tmp_path: Path, scene: Path, detector: Path, area: str) -> None:
    assert_error(run_map(tmp_path / "out", scene, "--detector", detector, "--aoi", area), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_area_file_without_polygons(tmp_path: Path, scene: Path, detector: Path) -> None:
    gpd.GeoSeries([shapely.Point(92, 22)], crs="EPSG:4326").to_file(tmp_path / "points.gpkg")
    outcome = run_map(tmp_path / "out", scene, "--detector", detector, "--aoi", tmp_path / "points.gpkg")
    assert_error(outcome, "points.gpkg", "no polygon", out=tmp_path / "out")


# ---- the output folder


def test_a_folder_that_is_a_file(tmp_path: Path, scene: Path, detector: Path) -> None:
    (tmp_path / "file").write_text("x")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        assert_error(run_map(out, scene, "--detector", detector), str(out), "may write to")
    assert (tmp_path / "file").read_text() == "x"


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """Mount a small file system, if this process may."""
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False, capture_output=True
    ).returncode:
        pytest.skip("mounting needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_read_only_folder(tmp_path: Path, scene: Path, detector: Path) -> None:
    if os.geteuid() == 0:
        with mounted(tmp_path / "readonly", "size=40m,ro") as folder:
            assert_error(run_map(folder / "out", scene, "--detector", detector), str(folder / "out"), "may write to")
        return
    (tmp_path / "closed").mkdir(mode=0o500)
    assert_error(run_map(tmp_path / "closed", scene, "--detector", detector), str(tmp_path / "closed"), "may write to")


def test_a_disk_without_enough_space(
    tmp_path: Path, scene: Path, detector: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1_000_000})())
    outcome = run_map(tmp_path / "out", scene, "--detector", detector)
    assert_error(outcome, str(tmp_path / "out"), "1 MB of free disk space", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore:GPKG:RuntimeWarning")  # from GDAL, on a truncated file
@pytest.mark.parametrize("size_kb", [4, 40, 300, 332, 400, 500, 600])
def test_a_disk_that_fills_up_during_the_run(
    tmp_path: Path, detector: Path, size_kb: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the folder, whichever file fails, and the run resumes once there is space."""
    monkeypatch.setattr("landslip.mapping.run.check_disk_space", lambda *_: None)
    (tmp_path / "scene").mkdir()
    scene = scene_file(tmp_path / "scene", blobs(300, 310))
    with mounted(tmp_path / "small", f"size={size_kb}k") as folder:
        outcome = run_map(folder / "out", scene, "--detector", detector, "--min-area", "0", "--block", "64")
        assert_error(outcome, str(folder / "out"), "free space", out=folder / "out")
        subprocess.run(["mount", "-o", "remount,size=40m", folder], check=True)
        again = run_map(folder / "out", scene, "--detector", detector, "--min-area", "0", "--block", "64")
        assert again.code == 0, again.err
        assert sorted(path.name for path in (folder / "out").iterdir()) == sorted(PRODUCTS)


LIMITED = """
import resource, sys
sys.dont_write_bytecode = True  # Python would leave bytecode that ends at the limit, for every process after this one.
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
from landslip.cli import main
main(sys.argv[2:])
"""


@pytest.mark.parametrize("limit", [100, 5_000, 100_000, 270_000])
def test_a_limit_on_file_size(tmp_path: Path, scene: Path, detector: Path, limit: int) -> None:
    """The same without mounting: files are limited to a number of bytes."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    out = tmp_path / "out"
    outcome = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), "map", scene, "-o", out, "-q", "--detector", detector],
        check=False,
        capture_output=True,
        text=True,
    )
    assert_error(Outcome(outcome.returncode, outcome.stdout, outcome.stderr), str(out), "free space", out=out)
    assert run_map(out, scene, "--detector", detector).code == 0


def test_an_existing_map(tmp_path: Path, scene: Path, detector: Path) -> None:
    out = tmp_path / "out"
    assert run_map(out, scene, "--detector", detector).code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert_error(run_map(out, scene, "--detector", detector), str(out), "--overwrite")
    bad = scene_file(tmp_path, blobs(30, 30, bands=2))
    assert_error(run_map(out, bad, "--detector", detector, "--overwrite"), "needs B02")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert run_map(out, scene, "--detector", detector, "--overwrite", "--threshold", "0.9").code == 0


def test_other_files_in_the_folder_are_kept(tmp_path: Path, scene: Path, detector: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    assert run_map(out, scene, "--detector", detector).code == 0
    assert (out / "notes.txt").read_text() == "mine"


def test_two_runs_in_one_folder(tmp_path: Path, scene: Path, detector: Path) -> None:
    out = tmp_path / "out"
    with open_workspace(out, PRODUCTS, raster_identity={}, identity={}, resume=True, overwrite=False):
        assert_error(run_map(out, scene, "--detector", detector), "another run is writing", str(out), out=out)
    assert run_map(out, scene, "--detector", detector).code == 0


def test_a_read_error_during_the_run_stops_all_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the reading thread is raised by the run, and no thread is left."""
    import threading

    scene, out = memory_scene(blobs(100, 100)), tmp_path / "out"
    with pytest.raises(StoppedError):
        map_scene(scene, brightness(), out, MapSettings(block_px=32), progress=stop_at(0.3))

    def broken(*_: object) -> object:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("landslip.scenes.arrays.ArraySource.read", broken)
    with pytest.raises(Exception, match="Input/output"):
        map_scene(scene, brightness(), out, MapSettings(block_px=32))
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("landslip")]
    assert written_products(out) == []


def test_a_scene_of_nodata_is_not_an_error(tmp_path: Path, detector: Path) -> None:
    path = scene_file(tmp_path, np.zeros((3, 50, 60), np.uint16))
    outcome = run_map(tmp_path / "out", path, "--detector", detector)
    assert outcome.code == 0, outcome.err
    assert "no pixel of the mapped area is valid" in outcome.err
    assert sorted(written_products(tmp_path / "out")) == sorted(PRODUCTS)
