"""Recognition of channels from files; nothing is guessed."""

import json

import numpy as np
import pytest
from rasterio.enums import ColorInterp

from landslip.channels import CHANNELS
from landslip.errors import ChannelError, SceneError
from landslip.scenes.naming import companion_of, from_band, from_file_name, from_stac_tag, from_text
from landslip.scenes.rasters import open_scene
from rasters import write_raster

VALUES = np.random.default_rng(0).integers(500, 4000, (3, 4, 5)).astype(np.uint16)


@pytest.mark.parametrize("name", CHANNELS)
def test_every_channel_is_known_by_its_own_name(name):
    assert from_text(name) == from_text(name.lower()) == name
    assert from_file_name(name).channel == name


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        ("B04_red", "B04"),
        ("B4, central wavelength 665 nm", "B04"),
        ("red", "B04"),
        ("nir08", "B8A"),
        ("b8a", "B8A"),
        ("B05 (red edge 1)", "B05"),
        ("swir22", "B12"),
        ("NDVI", None),
        ("B04-B03", None),
        ("red minus green", None),
        ("B13", None),
        ("Band 4", None),
        ("bred", None),
        ("SR_B5", None),
        ("LC08 B4", None),
        ("", None),
    ],
)
def test_a_description_names_one_channel_or_none(text, channel):
    assert from_text(text) == channel


@pytest.mark.parametrize(
    ("stem", "channel"),
    [
        ("T33TWM_20230818T100031_B04_10m", "B04"),
        ("S2A_MSIL2A_20200219T112111_N0214_R037_T29RKH_20200219T123947_B8A", "B8A"),
        ("LC08.red", None),
        ("valley_nir", "B08"),
        ("valley-dem", "elevation"),
        ("slope", "slope"),
        ("blue_mountains", None),
        ("B04_B03_B02", None),
        ("stack", None),
        ("SCL", None),
        ("LC09_L2SP_136044_20230101_20230103_02_T1_SR_B4", None),
    ],
)
def test_a_file_name_names_one_channel_or_none(stem, channel):
    found = from_file_name(stem)
    assert (found.channel if found else None) == channel


@pytest.mark.parametrize("stem", ["TCI", "T33TWM_20230818T100031_SCL_20m", "L2A_PVI", "AOT", "WVP", "MSK_CLDPRB_20m"])
def test_companions_of_channels_are_known(stem):
    assert companion_of(stem)


def test_tags_of_a_band_are_asked_after_its_description():
    assert from_band("B03", {"common_name": "red"}).channel == "B03"
    assert from_band("radiance", {"common_name": "red"}).channel == "B04"
    assert from_band(None, {"BANDNAME": "B8A"}).because == "its tag BANDNAME=B8A"
    assert from_band(None, {"STATISTICS_MEAN": "4"}) is None


def test_stac_bands_whose_name_and_common_name_disagree_name_nothing_since_b5_is_near_infrared_elsewhere():
    bands = [{"name": "B5", "common_name": "nir"}, {"name": "B05"}, {"name": "quality"}]
    named = from_stac_tag({"eo:bands": json.dumps(bands)}, 3)
    assert [one.channel if one else None for one in named] == [None, "B05", None]


@pytest.mark.parametrize("text", ["no json", "{}", "[1, 2, 3]", '[{"name": "B04"}]', "[[], null, 1.5]"])
def test_a_stac_tag_that_makes_no_sense_names_nothing(text):
    assert from_stac_tag({"eo:bands": text}, 3) == (None, None, None)


def test_bands_are_recognised_by_description_and_described(tmp_path):
    scene = open_scene(write_raster(tmp_path / "a.tif", VALUES, descriptions=["B08", "haze", "red"]))
    assert scene.channels == ("B04", "B08")
    assert scene.describe() == (
        "B04: a.tif, band 3 (known by its description 'red')",
        "B08: a.tif, band 1 (known by its description 'B08')",
        "left out: a.tif, band 2 (names no channel)",
    )
    np.testing.assert_array_equal(scene.read(["B04", "B08"], scene.window)[0], VALUES[[2, 0]])


def test_a_stac_tag_names_the_bands_of_a_file(tmp_path):
    bands = [{"name": "B04"}, {"common_name": "green"}, {"name": "B02", "common_name": "blue"}]
    scene = open_scene(write_raster(tmp_path / "a.tif", VALUES, tags={"eo:bands": json.dumps(bands)}))
    np.testing.assert_array_equal(scene.read(["B04", "B03", "B02"], scene.window)[0], VALUES)


def test_a_list_of_channels_goes_before_all_names(tmp_path):
    path = write_raster(tmp_path / "a.tif", VALUES, descriptions=["B04", "B03", "B02"])
    scene = open_scene(path, channels=["B11", "-", "nir"])
    assert scene.channels == ("B08", "B11")
    np.testing.assert_array_equal(scene.read(["B11", "B08"], scene.window)[0], VALUES[[0, 2]])
    assert "left out: a.tif, band 2 (skipped by the user)" in scene.describe()
    assert open_scene(path, channels="B11,-,nir").channels == scene.channels


def test_a_list_of_channels_goes_over_the_bands_of_several_files(tmp_path):
    paths = [
        write_raster(tmp_path / "x.tif", VALUES[:2]),
        write_raster(tmp_path / "y.tif", VALUES[2]),
    ]
    scene = open_scene(paths, channels=["B02", "_", "B12"])
    np.testing.assert_array_equal(scene.read(["B02", "B12"], scene.window)[0], VALUES[[0, 2]])


@pytest.mark.parametrize("channels", [["B04"], ["B04", "B03", "B02", "B08"]])
def test_a_list_of_the_wrong_length_is_refused(tmp_path, channels):
    path = write_raster(tmp_path / "a.tif", VALUES)
    with pytest.raises(SceneError, match=rf"all 3 bands in order \(a\.tif has 3\).*got {len(channels)}$"):
        open_scene(path, channels=channels)


@pytest.mark.parametrize(
    ("channels", "words"), [(["B04", "B03", "B99"], "unknown channel 'B99'"), (["B04", "red", "-"], "more than once")]
)
def test_a_list_with_a_wrong_name_is_refused(tmp_path, channels, words):
    path = write_raster(tmp_path / "a.tif", VALUES)
    with pytest.raises(ChannelError, match=words):
        open_scene(path, channels=channels)


def test_a_list_that_skips_everything_is_refused(tmp_path):
    with pytest.raises(SceneError, match="all are skipped"):
        open_scene(write_raster(tmp_path / "a.tif", VALUES), channels=["-", "_", ""])


def test_colours_are_used_only_if_all_three_are_marked(tmp_path):
    scene = open_scene(write_raster(tmp_path / "a.tif", VALUES, photometric="RGB"))
    np.testing.assert_array_equal(scene.read(["B04", "B03", "B02"], scene.window)[0], VALUES)
    assert "marked as the colour red" in scene.layers["B04"].describe()
    colours = [ColorInterp.red, ColorInterp.green, ColorInterp.gray]
    with pytest.raises(SceneError, match=r"no band of a\.tif is recognised"):
        open_scene(write_raster(tmp_path / "a.tif", VALUES, colours=colours))


def test_the_error_for_unrecognised_bands_has_an_example(tmp_path):
    path = write_raster(tmp_path / "a.tif", VALUES, descriptions=["x", "y", None])
    with pytest.raises(SceneError, match=r"3 bands described as 'x', 'y'\).*for example B04,B03,B02$"):
        open_scene(path)


def test_two_bands_of_one_channel_are_refused(tmp_path):
    with pytest.raises(SceneError, match=r"B04 is named twice, by a\.tif, band 1 and by a\.tif, band 3"):
        open_scene(write_raster(tmp_path / "a.tif", VALUES, descriptions=["B04", "B03", "red"]))


def test_files_of_a_folder_without_a_channel_are_left_out_with_a_note(tmp_path):
    for name in ("B04", "B03", "SCL", "mystery"):
        write_raster(tmp_path / f"{name}.tif", VALUES[0])
    (tmp_path / "readme.txt").write_text("not a raster")
    scene = open_scene(tmp_path)
    assert scene.channels == ("B03", "B04")
    assert scene.notes == (
        "left out: SCL.tif (scene classification)",
        "left out: mystery.tif, band 1 (names no channel)",
    )


def test_a_file_given_by_name_without_a_channel_is_refused(tmp_path):
    paths = [write_raster(tmp_path / f"{name}.tif", VALUES[0]) for name in ("B04", "mystery")]
    with pytest.raises(SceneError, match=r"mystery\.tif name a channel"):
        open_scene(paths)
