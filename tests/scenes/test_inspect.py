"""``landslip scene inspect``."""

import json

import numpy as np

from landslip.cli import main
from landslip.scenes.inspection import inspect_scene
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
