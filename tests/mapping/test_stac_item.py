"""STAC item: valid by the schema, equal after JSON, with the values of the summary."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pystac
import pytest
import shapely
from pystac.extensions.file import FileExtension
from pystac.extensions.mlm import MLMExtension
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from landslip.mapping.metadata.stac_item import stac_item
from map_records import card_of, summary_of

BBOX = (91.0, 22.0, 92.0, 23.0)
FOOTPRINT = shapely.box(*BBOX)


def item_of(**changes: Any) -> dict[str, Any]:
    return stac_item(summary_of(**changes), card_of(), BBOX, FOOTPRINT)


def unplaced() -> dict[str, Any]:
    return stac_item(summary_of(scene={"crs": None, "date": None}), card_of(), None, None)


ITEMS = {
    "placed": item_of,
    "unplaced": unplaced,
    "no date": lambda: item_of(scene={"date": None}),
    "in two": lambda: stac_item(
        summary_of(), card_of(), (179.0, 1.0, -179.0, 2.0), shapely.box(179, 1, 180, 2) | shapely.box(-180, 1, -179, 2)
    ),
}


@pytest.mark.parametrize("case", ITEMS)
def test_the_item_is_valid_by_the_schema_of_stac_and_survives_json(case: str) -> None:
    item = ITEMS[case]()
    assert json.loads(json.dumps(item, allow_nan=False)) == item
    JsonSchemaSTACValidator().validate_core(item, pystac.STACObjectType.ITEM, "1.1.0", None)
    read = pystac.Item.from_dict(item)
    assert read.to_dict(include_self_link=False, transform_hrefs=False) == item


def test_a_map_without_a_crs_has_neither_geometry_nor_bbox() -> None:
    item = unplaced()
    assert item["geometry"] is None
    assert "bbox" not in item
    assert item["properties"]["proj:code"] is None
    assert item_of()["bbox"] == list(BBOX)
    assert shapely.geometry.shape(item_of()["geometry"]).equals(FOOTPRINT)


def test_the_grid_is_that_of_the_map() -> None:
    properties = item_of()["properties"]
    assert properties["proj:code"] == "EPSG:32646"
    assert properties["proj:shape"] == [80, 100]
    assert properties["proj:transform"] == [10.0, 0.0, 400_000.0, 0.0, -10.0, 2_480_000.0]


def test_a_grid_without_a_code_is_given_as_wkt() -> None:
    local = "+proj=laea +lat_0=22 +lon_0=91 +datum=WGS84"
    properties = item_of(scene={"crs": local})["properties"]
    assert properties["proj:code"] is None
    assert "Lambert Azimuthal" in properties["proj:wkt2"]


def test_times_are_utc_and_an_unknown_date_is_an_interval() -> None:
    dhaka = timezone(timedelta(hours=6))
    item = item_of(scene={"date": datetime(2020, 2, 19, 10, 21, tzinfo=dhaka)})
    assert item["properties"]["datetime"] == "2020-02-19T04:21:00Z"
    unknown = item_of(scene={"date": None})["properties"]
    assert unknown["datetime"] is None
    assert unknown["start_datetime"] < unknown["end_datetime"] == unknown["created"]


def test_files_are_listed_with_their_hashes_as_multihashes() -> None:
    item = pystac.Item.from_dict(item_of())
    hrefs = {asset.href for asset in item.assets.values() if asset.href.startswith("./")}
    assert hrefs == {
        f"./{name}"
        for name in (
            *("probability.tif", "landslides.gpkg", "landslides.parquet"),
            *("summary.json", "overview.png", "report.html"),
        )
    }
    assert FileExtension.ext(item.assets["probability"]).checksum == "1220" + "1" * 64
    # 12: SHA-256, 20: its 32 bytes (multiformats.io/multihash).
    for asset in item.assets.values():
        checksum = asset.extra_fields.get("file:checksum")
        assert checksum is None or (checksum.startswith("1220") and len(checksum) == 4 + 64)
        assert asset.media_type
        assert asset.roles
    assert "file:checksum" not in item.assets["summary"].extra_fields


def test_the_probability_band_has_scale_and_nodata() -> None:
    band = item_of()["assets"]["probability"]["bands"][0]
    assert (band["nodata"], band["data_type"]) == (255, "uint8")
    assert 250 * band["raster:scale"] == pytest.approx(1)


def test_the_model_has_the_fields_of_the_mlm_extension() -> None:
    item = pystac.Item.from_dict(item_of())
    model = MLMExtension.ext(item)
    assert model.mlm_name == "landslip true-colour"
    assert model.architecture == "unet/tf_efficientnet_lite0"
    assert [str(task) for task in model.tasks] == ["semantic-segmentation"]
    assert model.input[0].bands == ["B04", "B03", "B02"]
    assert model.input[0].input.shape == [-1, 3, 256, 256]
    assert model.output[0].result.shape == [-1, 1, 256, 256]
    described = {band["name"]: band for band in item.properties["bands"]}
    assert set(model.input[0].bands) == set(described)
    assert described["B04"]["eo:common_name"] == "red"
    assert described["B04"]["eo:center_wavelength"] == pytest.approx(0.6646)
    detectors = [asset for asset in item.assets.values() if "mlm:model" in (asset.roles or [])]
    assert len(detectors) == 1
    assert detectors[0].extra_fields["mlm:artifact_type"]


def test_the_detector_is_identified_by_its_hash() -> None:
    sha256 = summary_of().detector_sha256
    name = item_of()["assets"]["detector"]["href"]
    scheme, _, digest = name.partition(";")
    assert scheme == "ni:///sha-256"
    assert base64.urlsafe_b64decode(digest + "=" * (-len(digest) % 4)).hex() == sha256


def test_the_example_of_rfc_6920() -> None:
    # Section 8.1: the hash of "Hello World!".
    sha256 = "7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069"
    href = item_of(detector_sha256=sha256)["assets"]["detector"]["href"]
    assert href == "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk"


def test_unusual_names_make_a_valid_id() -> None:
    item = item_of(scene={"name": "a/b: चट्टग्राम.tif"}, created=datetime(2026, 11, 23, tzinfo=UTC))
    assert item["id"].startswith("a-b-.tif_true-colour_20261123T000000Z")
    assert item_of(scene={"name": "///"})["id"].startswith("scene_")


def test_warnings_and_numbers_are_those_of_the_summary() -> None:
    properties = item_of(warnings=("mind the gap",), landslides=7)["properties"]
    assert properties["landslip:warnings"] == ["mind the gap"]
    assert properties["landslip:landslides"] == 7
    assert properties["processing:software"]["landslip"] == "0.1.0"
    assert "Contains modified Copernicus Sentinel data" in properties["description"]
