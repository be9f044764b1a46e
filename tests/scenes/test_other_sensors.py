"""Names of other sensors, of indices and of other colours never become Sentinel-2 channels."""

import numpy as np
import pytest

from landslip.errors import ChannelError
from landslip.scenes.naming import from_file_name, read_name
from landslip.scenes.rasters import open_scene
from scene_kinds import land, message_of, write_land


def test_landsat_5_names_are_refused(shared_cases):
    message, parameter = message_of(shared_cases / "landsat5-band-names.tif")
    assert parameter == "channels"
    assert "'landsat' in the file name" in message
    assert "name each in order" in message


@pytest.mark.parametrize(
    ("stem", "descriptions"),
    [
        ("stack", ("B3_red", "B2_green", "B1_blue", "B4_nir")),
        ("stack", ("B4_red", "B3_green", "B2_blue", "B5_nir")),
        ("LC08_L2SP_136044_20230101_02_T1", ("B2", "B3", "B4", "B5")),
        ("LT05_stack", ("B1", "B2", "B3", "B4")),
        ("stack", ("SR_B2", "SR_B3", "SR_B4", "SR_B5")),
        ("HLS.L30.T46QGM.2023005T043201.v2.0", ("B02", "B03", "B04", "B05")),
        ("stack", ("HLS S30 B02", "HLS S30 B03", "HLS S30 B04", "HLS S30 B8A")),
        ("modis", ("sur_refl_b01", "sur_refl_b02", "sur_refl_b03", "sur_refl_b04")),
        ("MOD09GA_A2023005", ("b01", "b02", "b03", "b04")),
        ("stack", ("NDVI_B8", "NDWI_B3", "NBR_B12", "EVI_B8")),
        ("stack", ("B4 (0.76-0.90 um)", "B3 (0.63-0.69 um)", "B2 (0.52-0.60 um)", "B1")),
        ("stack", ("ETM B3", "ETM B2", "ETM B1", "OLI B5")),
    ],
)
def test_bands_of_other_sensors_are_refused_unless_named(tmp_path, stem, descriptions):
    path = write_land(tmp_path / f"{stem}.tif", descriptions=descriptions)
    message, parameter = message_of(path)
    assert parameter == "channels"
    assert "name each in order, for example B04,B03,B02,B08" in message
    assert open_scene(path, channels="B04,B03,B02,B08").channels == ("B02", "B03", "B04", "B08")


@pytest.mark.parametrize("tags", [{"SATELLITE": "LANDSAT_8"}, {"SPACECRAFT_ID": "LANDSAT_5"}, {"SENSOR": "TM"}])
def test_a_tag_of_another_sensor_blocks_names_and_colours(tmp_path, tags):
    assert message_of(write_land(tmp_path / "a.tif", descriptions=("B1", "B2", "B3", "B4"), tags=tags))[1] == "channels"
    picture = land()[:3].astype(np.uint16)
    path = write_land(tmp_path / "b.tif", picture, descriptions=None, photometric="RGB", tags=tags)
    assert message_of(path)[1] == "channels"


def test_red_edge_is_not_red(shared_cases):
    scene = open_scene(shared_cases / "red-edge.tif")
    assert scene.channels == ("B02", "B03", "B08")
    with pytest.raises(ChannelError, match=r"needs B04.*'Vegetation Red Edge' .red edge, not red"):
        scene.require(["B04"], "detector 'x'")


@pytest.mark.parametrize(
    "text",
    [
        "Red Edge",
        "red_edge_1",
        "RedEdge",
        "rededge2",
        "Near Infra-Red",
        "far red",
        "thermal infra red",
        "narrow nir",
        "red/nir ratio",
        "red std",
        "canopy height",
        "water depth dem",
    ],
)
def test_words_beside_a_colour_change_its_meaning(text):
    assert read_name(text).channel is None


@pytest.mark.parametrize(
    ("stem", "channel"),
    [
        ("blue_mountains_B04", "B04"),
        ("S2_SR_B04", "B04"),
        ("B4_nir", None),
        ("NDVI_B8", None),
        ("LE07_B4", None),
        ("sur_refl_b01", None),
        ("HLS.S30.T46QGM.B04", None),
    ],
)
def test_file_names_of_other_things_name_no_channel(stem, channel):
    found = from_file_name(stem)
    assert (found.channel if found else None) == channel


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        ("B05 red edge 1", "B05"),
        ("B8A narrow nir", "B8A"),
        ("B1 coastal blue", "B01"),
        ("B11_swir_1", "B11"),
        ("B4 665 nm", "B04"),
        ("B09 water vapour", "B09"),
    ],
)
def test_names_of_sentinel_2_whose_words_agree_are_recognised(text, channel):
    assert read_name(text).channel == channel
