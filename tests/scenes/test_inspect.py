"""``landslip scene inspect``."""

import json

import numpy as np
import pytest
from PIL import Image

from landslip.cli import main
from landslip.detector.detector import Detector, packaged
from landslip.scenes import overview
from landslip.scenes.inspection import inspect_scene
from landslip.scenes.overview import read_overview
from landslip.scenes.rasters import open_scene
from rasters import write_raster

NAMES = ("B04", "B03", "B02")
VALUES = np.stack([np.full((40, 30), level, np.uint16) for level in (1100, 900, 700)])


def run(capfd, *words):
    main(["scene", "inspect", *map(str, words)], standalone_mode=False)
    said = capfd.readouterr()
    return said.out + said.err


def test_the_inspection_is_printed_with_the_next_command(tmp_path, capfd):
    values = VALUES.copy()
    values[:, :20] = 0
    path = write_raster(tmp_path / "valley.tif", values, descriptions=NAMES, nodata=0)
    said = run(capfd, path)
    assert "valley" in said
    assert "40 x 30 pixels of 10 m, EPSG:32646" in said
    assert "50.0% of a sample" in said
    assert "valley.tif, band 1 (known by its description 'B04')" in said
    assert said.rstrip().endswith(f"Next: landslip map {path} -o map/")


def test_json_is_the_inspection(tmp_path, capfd):
    path = write_raster(tmp_path / "valley_20180612.tif", VALUES, descriptions=NAMES)
    told = json.loads(run(capfd, path, "--json"))
    assert told["date"] == "2018-06-12T00:00:00+00:00"
    assert told["valid_fraction"] == 1
    assert told["bounds"] == [500_000, 2_499_600, 500_300, 2_500_000]
    assert {one["name"]: one["median"] for one in told["channels"]} == {"B02": 700, "B03": 900, "B04": 1100}


def test_the_next_command_repeats_the_options(tmp_path, capfd):
    path = write_raster(tmp_path / "my valley.tif", VALUES / np.float32(1e4), crs=None, transform=None)
    said = run(capfd, path, "--channels", "B04,B03,B02", "--scale", "10000", "--pixel-size", "2.5")
    assert f"Next: landslip map '{path}' --channels B04,B03,B02 --scale 10000 --pixel-size 2.5 -o map/" in said
    assert "no CRS, pixel coordinates" in said
    assert "warning: the image has no CRS: its position" in said


def test_a_scene_of_nodata_has_no_values(tmp_path, capfd):
    path = write_raster(tmp_path / "a.tif", VALUES * 0, descriptions=NAMES, nodata=0)
    told = json.loads(run(capfd, path, "--json"))
    assert told["valid_fraction"] == 0
    assert told["channels"][0]["median"] is None
    assert " -" in run(capfd, path)


def test_a_large_scene_is_sampled_all_over(tmp_path):
    values = np.repeat(np.arange(1, 1201, dtype=np.uint16)[:, None], 40, axis=1)
    inspection = inspect_scene(open_scene(write_raster(tmp_path / "B04.tif", values)))
    channel = inspection.channels[0]
    assert channel.p1 < 10
    assert 550 < channel.median < 650
    assert channel.p99 > 1190


def test_the_detectors_are_listed_with_what_they_lack(tmp_path, capfd):
    path = write_raster(tmp_path / "pair.tif", VALUES[:2], descriptions=NAMES[:2])
    told = json.loads(run(capfd, path, "--json"))
    assert {one["name"] for one in told["detectors"]} == set(packaged())
    assert all(one["missing"] == ["B02"] for one in told["detectors"])
    assert "The default detector cannot map this scene, which lacks B02." in run(capfd, path)


@pytest.mark.parametrize(("blue", "level"), [(150, "L2A"), (700, None)])
def test_ground_darker_than_air_is_surface_reflectance(tmp_path, capfd, blue, level):
    values = VALUES.copy()
    values[2] = blue
    values[2, :5] = 900
    path = write_raster(tmp_path / "valley.tif", values, descriptions=NAMES)
    told = json.loads(run(capfd, path, "--json"))
    assert (told["level"], told["level_from"]) == (level, level and "values")
    warned = [one["name"] for one in told["detectors"] if "use --to-toa" in one["text"]]
    kinds = {name: Detector.open(name).card.normalisation.kind for name in packaged()}
    assert warned == [name for name, kind in kinds.items() if level and kind != "tile-channel"]
    converted = json.loads(run(capfd, path, "--json", "--to-toa"))
    assert not any("use --to-toa" in one["text"] for one in converted["detectors"])
    assert converted["channels"][0]["offset"] > 500


def test_names_tell_the_level(tmp_path, capfd):
    path = write_raster(tmp_path / "S2A_MSIL1C_20180906T012659.tif", VALUES, descriptions=NAMES)
    told = json.loads(run(capfd, path, "--json"))
    assert (told["level"], told["level_from"]) == ("L1C", "names")


def test_the_picture_is_drawn_and_never_replaces_a_file_unasked(tmp_path, capfd):
    values = VALUES.copy()
    values[:, :20] = 0
    path = write_raster(tmp_path / "valley.tif", values, descriptions=NAMES, nodata=0)
    out = tmp_path / "sheet.png"
    assert f"picture   {out}" in run(capfd, path, "-o", out)
    with Image.open(out) as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000
    with pytest.raises(SystemExit):
        run(capfd, path, "-o", out)
    assert "exists already" in capfd.readouterr().err
    run(capfd, path, "-o", out, "--overwrite")


def test_scenes_without_colour_or_valid_pixels_are_drawn_too(tmp_path, capfd):
    elevation = write_raster(tmp_path / "dem.tif", VALUES[0].astype(np.float32))
    empty = write_raster(tmp_path / "empty.tif", VALUES * 0, descriptions=NAMES, nodata=0)
    for path in (elevation, empty):
        run(capfd, path, "-o", path.with_suffix(".png"))
        assert path.with_suffix(".png").is_file()


def test_the_overview_is_every_nth_pixel(tmp_path, monkeypatch):
    values = np.arange(130 * 97, dtype=np.float32).reshape(130, 97) + 1000
    scene = open_scene(write_raster(tmp_path / "B04.tif", values))
    monkeypatch.setattr(overview, "_BLOCK_PX", 20)
    for longest in (130, 50, 7):
        found = read_overview(scene, ["B04"], longest_px=longest)
        step = found.step_px
        np.testing.assert_array_equal(found.values[0], values[::step, ::step])
        assert found.valid.all()
        assert max(found.valid.shape) <= longest
