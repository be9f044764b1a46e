"""The offset of 1,000 DN of Sentinel-2 products since processing baseline 04.00."""

import json

import numpy as np
import pytest

from landslip.scenes.rasters import open_scene
from scene_kinds import NAMES, land, map_values, message_of, write_land

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
RAW = (land() + 1000).astype(np.uint16)


def product_xml(level="2A", baseline="05.09", offset=-1000, quantification=10_000):
    """The elements of MTD_MSIL1C.xml or MTD_MSIL2A.xml that state the values."""
    name, tag = (
        ("BOA_ADD_OFFSET", "BOA_QUANTIFICATION_VALUE")
        if level == "2A"
        else ("RADIO_ADD_OFFSET", "QUANTIFICATION_VALUE")
    )
    listed = (
        "".join(f'<{name} band_id="{number}">{offset}</{name}>' for number in range(13)) if offset is not None else ""
    )
    return (
        f'<?xml version="1.0"?><n1:User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD"><n1:General_Info>'
        f"<PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE><{tag} unit='none'>{quantification}</{tag}>"
        f"{listed}</n1:General_Info></n1:User_Product>"
    )


def write_bands(folder, values=RAW, prefix="", suffix=""):
    folder.mkdir(parents=True, exist_ok=True)
    for name, band in zip(NAMES, values, strict=True):
        write_land(folder / f"{prefix}{name}{suffix}.tif", band, descriptions=None, nodata=0)
    return folder


@pytest.mark.parametrize("level", ["1C", "2A"])
def test_product_metadata_beside_the_bands_state_the_offset(tmp_path, level):
    folder = write_bands(tmp_path)
    (folder / f"MTD_MSIL{level}.xml").write_text(product_xml(level))
    np.testing.assert_array_equal(map_values(folder), land())
    scene = open_scene(folder)
    assert f"DN = value - 1000, as stated in MTD_MSIL{level}.xml" in scene.layers["B04"].describe()
    assert scene.warnings == ()


def test_product_metadata_above_the_bands_state_the_offset(tmp_path):
    product = tmp_path / "S2B_MSIL2A_20240801T050649_N0511_R019_T43PFN_20240801T082511.SAFE"
    folder = write_bands(
        product / "GRANULE" / "L2A_T43PFN_A038670" / "IMG_DATA" / "R10m",
        prefix="T43PFN_20240801T050649_",
        suffix="_10m",
    )
    (product / "MTD_MSIL2A.xml").write_text(product_xml(baseline="05.11"))
    np.testing.assert_array_equal(map_values(folder), land())


def test_the_quantification_of_the_product_is_used(tmp_path):
    folder = write_bands(tmp_path, (2 * land() + 2000).astype(np.uint16))
    (folder / "MTD_MSIL2A.xml").write_text(product_xml(offset=-2000, quantification=20_000))
    np.testing.assert_allclose(map_values(folder), land())


def test_metadata_of_another_tile_are_not_used(tmp_path):
    folder = write_bands(tmp_path, prefix="T43PFN_20240801T050649_")
    (folder / "MTD_MSIL2A.xml").write_text(
        product_xml().replace(
            "</n1:User_Product>", "<IMAGE_FILE>T46QGM_20230105T043201_B04</IMAGE_FILE></n1:User_Product>"
        )
    )
    assert "set offset to -1000" in message_of(folder)[0]


def item(offset=None, applied=None, baseline="05.09"):
    bands = {} if offset is None else {"raster:bands": [{"scale": 1e-4, "offset": offset}]}
    properties = {"s2:processing_baseline": baseline} | (
        {} if applied is None else {"earthsearch:boa_offset_applied": applied}
    )
    names = dict(zip(("red", "green", "blue", "nir"), NAMES, strict=True))
    assets = {key: {"href": f"https://example.org/{band}.tif"} | bands for key, band in names.items()}
    return {"type": "Feature", "stac_version": "1.0.0", "properties": properties, "assets": assets}


@pytest.mark.parametrize(
    ("stac", "removed"),
    [
        (item(offset=-0.1), 1000),
        (item(offset=-0.1, applied=False), 1000),
        (item(applied=False), 1000),
        (item(baseline="03.01"), 0),
        (item(offset=0, baseline="02.14"), 0),
    ],
)
def test_a_stac_item_states_the_offset(tmp_path, stac, removed):
    folder = write_bands(tmp_path)
    (folder / "item.json").write_text(json.dumps(stac))
    np.testing.assert_array_equal(map_values(folder), RAW - float(removed))
    assert open_scene(folder).warnings == ()


def test_an_offset_that_was_removed_is_not_removed_again_and_the_values_must_agree(tmp_path):
    for name, values in (("removed", land().astype(np.uint16)), ("raw", RAW)):
        folder = write_bands(tmp_path / name, values)
        (folder / "item.json").write_text(json.dumps(item(offset=-0.1, applied=True)))
    np.testing.assert_array_equal(map_values(tmp_path / "removed"), land())
    message, parameter = message_of(tmp_path / "raw")
    assert parameter == "offset"
    assert "was removed, but no pixel is below" in message
    np.testing.assert_array_equal(map_values(tmp_path / "raw", offset=0), RAW)


@pytest.mark.parametrize("where", ["folder", "item", "contradiction", "xml"])
def test_a_baseline_without_the_offset_is_refused_if_the_values_have_it_and_reported_otherwise(tmp_path, where):
    product = "S2A_MSIL2A_20240101T050649_N0509_R019_T43PFN_20240101T082511"
    raw = write_bands(tmp_path / "raw" / (product if where == "folder" else "x") / "R10m")
    removed = write_bands(
        tmp_path / "removed" / (product if where == "folder" else "x") / "R10m", land().astype(np.uint16)
    )
    for folder in (raw, removed):
        if where in ("item", "contradiction"):
            (folder / "item.json").write_text(json.dumps(item(offset=0 if where == "contradiction" else None)))
        elif where == "xml":
            (folder / "MTD_MSIL2A.xml").write_text(product_xml(offset=None))
    message, parameter = message_of(raw)
    assert parameter == "offset"
    for words in (
        "05.09",
        "not whether that offset was removed",
        "no pixel is below about 1,2",
        "give offset -1000, or 0",
    ):
        assert words in message
    np.testing.assert_array_equal(map_values(raw, offset=-1000), land())
    np.testing.assert_array_equal(map_values(raw, offset=0), RAW)
    message, parameter = message_of(removed)
    assert parameter is None
    assert "suggest that it was" in message
    np.testing.assert_array_equal(map_values(removed), land())


def test_values_without_dark_pixels_are_reported_where_nothing_tells_the_offset(tmp_path):
    folder = write_bands(tmp_path)
    message, parameter = message_of(folder)
    assert parameter is None
    assert "no pixel is below about 1,2" in message
    assert "set offset to -1000 to remove it, or to 0" in message
    assert message_of(folder, offset=0) == ("", None)
    assert message_of(write_bands(tmp_path / "dark", land().astype(np.uint16))) == ("", None)


def test_the_real_scene_with_the_offset_is_reported(shared_data):
    assert "set offset to -1000" in message_of(shared_data / "scenes" / "wayanad-2024" / "clear")[0]
    assert message_of(shared_data / "scenes" / "wayanad-2024" / "clear", offset=-1000) == ("", None)


def test_an_offset_that_was_removed_already_is_refused(tmp_path):
    folder = write_bands(tmp_path, land().astype(np.uint16))
    (folder / "MTD_MSIL2A.xml").write_text(product_xml())
    message, parameter = message_of(folder)
    assert parameter == "offset"
    assert "as stated in MTD_MSIL2A.xml" in message
    assert "as if an offset were removed twice" in message


@pytest.mark.parametrize(
    "text", ["", "<a>", "<!DOCTYPE x><a/>", "not xml", "<a><BOA_ADD_OFFSET band_id='x'>y</BOA_ADD_OFFSET></a>"]
)
def test_damaged_metadata_state_nothing(tmp_path, text):
    folder = write_bands(tmp_path)
    (folder / "MTD_MSIL2A.xml").write_text(text)
    (folder / "item.json").write_text(text)
    assert "set offset to -1000" in message_of(folder)[0]


@pytest.mark.parametrize("offset", [np.nan, np.inf])
def test_an_offset_that_is_no_number_is_refused(tmp_path, offset):
    assert message_of(write_bands(tmp_path), offset=offset) == (
        f"offset must be a finite number of DN, got {offset}",
        "offset",
    )
