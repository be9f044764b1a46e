"""Sentinel-2 products as downloaded. Contains modified Copernicus Sentinel data where the real bands are at hand."""

import dataclasses
import re
import zipfile
from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio
from rasterio.drivers import raster_driver_extensions

from landslip.errors import ChannelError, SceneError
from landslip.scenes.inspection import inspect_scene
from landslip.scenes.rasters import open_scene
from safe_products import BANDS, RESOLUTION_M, SafeProduct, copy_bands, copy_safe, write_safe, zip_safe

SIDE_PX = 192
PRODUCTS = [
    ("L1C", "02.04", False),
    ("L1C", "05.09", False),
    ("L2A", "02.14", False),
    ("L2A", "05.09", False),
    ("L1C", "02.04", True),
]


def _bands(level="L2A"):
    rng = np.random.default_rng(0)
    return {
        band: rng.integers(1, 4000, (SIDE_PX * 10 // RESOLUTION_M[band],) * 2).astype(np.uint16)
        for band in BANDS
        if level == "L1C" or band != "B10"
    }


def _product(level="L2A", baseline="05.09", long_names=False, **changes):
    return SafeProduct(_bands(level), level=level, baseline=baseline, long_names=long_names, **changes)


@pytest.fixture(params=PRODUCTS, ids=lambda one: "-".join(map(str, one)))
def product(request):
    return _product(*request.param)


def _warnings(scene):
    # The values of the synthetic bands are noise.
    return [one for one in scene.warnings if "partial" in one or "metadata" in one]


@pytest.fixture
def safe(tmp_path):
    return write_safe(tmp_path, _product())


def test_values_are_dn_with_the_offset_removed_in_folder_and_zip(product, tmp_path):
    root = write_safe(tmp_path, product)
    for path in (root, zip_safe(root, tmp_path / "download.zip", nested_in="a/b")):
        scene = open_scene(path)
        assert set(scene.channels) == set(product.bands)
        assert (scene.height, scene.width, str(scene.geobox.crs)) == (SIDE_PX, SIDE_PX, "EPSG:32629")
        values, valid = scene.read(["B04", "B08"])
        assert valid.all()
        np.testing.assert_array_equal(values, [product.bands["B04"], product.bands["B08"]])
        assert _warnings(scene) == []


def test_metadata_are_those_of_the_xml(product, tmp_path):
    scene = open_scene(write_safe(tmp_path, product))
    assert scene.product is not None
    assert (scene.product.level, scene.product.baseline, scene.product.tile) == (
        product.level,
        product.baseline,
        "29RKH",
    )
    assert (scene.product.spacecraft, scene.product.relative_orbit) == ("Sentinel-2A", 37)
    assert scene.product.sun_zenith_deg == pytest.approx(41.70675)
    assert scene.product.offsets == (dict.fromkeys(BANDS, -1000.0) if product.baseline >= "04.00" else {})
    assert scene.date == datetime(2022, 2, 19, 11, 34, 25, 405000, tzinfo=UTC)
    assert scene.name == product.name.removesuffix(".SAFE")
    assert any(f"processing baseline {product.baseline}, tile 29RKH" in note for note in scene.notes)


@pytest.mark.parametrize("given", ["parent", "metadata", "granule"])
def test_a_product_is_found_from_its_parts(safe, given):
    path = {"parent": safe.parent, "metadata": safe / "MTD_MSIL2A.xml", "granule": next((safe / "GRANULE").iterdir())}
    assert open_scene(path[given]).product == open_scene(safe).product


def test_the_finest_file_of_a_band_is_used(safe):
    scene = open_scene(safe)
    assert "_B04_10m.jp2" in scene.layers["B04"].origin
    assert "_B11_20m.jp2" in scene.layers["B11"].origin
    assert "resampled from 19.99 m" in scene.layers["B11"].origin
    assert scene.layers["B04"].conversion == "DN = value - 1000, as stated in MTD_MSIL2A.xml"


def test_low_reflectance_becomes_negative_and_does_not_wrap(tmp_path):
    made = _product()
    root = write_safe(tmp_path, made)
    path = next(root.rglob("*_B04_10m.jp2"))
    with rasterio.open(path) as file:
        stored = file.read()
        profile = {"crs": file.crs, "transform": file.transform, "height": SIDE_PX, "width": SIDE_PX}
    stored[:, 50:60, 50:60] = 400
    with rasterio.open(
        path, "w", driver="JP2OpenJPEG", count=1, dtype="uint16", QUALITY="100", REVERSIBLE="YES", **profile
    ) as file:
        file.write(stored)
    values, valid = open_scene(root).read(["B04"])
    assert valid.all()
    assert (values[0, 50:60, 50:60] == -600).all()


def test_nodata_and_saturated_values_are_nodata(tmp_path):
    nodata = np.zeros((SIDE_PX, SIDE_PX), bool)
    nodata[:60, :120] = True
    bands = _bands() | {"B04": np.full((SIDE_PX, SIDE_PX), 500, np.uint16)}
    bands["B04"][100, 100] = 64_535
    scene = open_scene(write_safe(tmp_path, SafeProduct(bands, nodata=nodata)))
    _, valid = scene.read(["B04"])
    expected = ~nodata
    expected[100, 100] = False
    np.testing.assert_array_equal(valid, expected)


def test_quality_masks_of_new_products_mark_nodata(tmp_path):
    quality = np.zeros((8, SIDE_PX, SIDE_PX), np.uint8)
    quality[2, 0:10, 0:10] = 1
    quality[4, 20:30, 0:10] = 1
    quality[5, 40:50, 0:10] = 1
    quality[0, 100:110] = quality[3, 120:130] = quality[6, 140:150] = quality[7, 160:170] = 1
    footprint = np.ones((SIDE_PX, SIDE_PX), np.uint8)
    footprint[:, 150:] = 0
    scl = np.full((SIDE_PX // 2, SIDE_PX // 2), 5, np.uint8)
    scl[45:50, 45:50] = 1
    empty = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    made = _product(scl=scl, quality={"B04": quality}, footprint={"B04": footprint, "B03": empty})
    scene = open_scene(write_safe(tmp_path, made))
    expected = np.ones((SIDE_PX, SIDE_PX), bool)
    expected[90:100, 90:100] = False
    np.testing.assert_array_equal(scene.read(["B03"])[1], expected)
    for rows in (slice(0, 10), slice(20, 30), slice(40, 50)):
        expected[rows, 0:10] = False
    expected[:, 150:] = False
    np.testing.assert_array_equal(scene.read(["B04"])[1], expected)
    window = scene.window.__class__(5, 3, 100, 100)
    np.testing.assert_array_equal(scene.read(["B04"], window)[1], expected[5:105, 3:103])
    assert any("MSK_DETFOO, MSK_QUALIT, SCL" in note for note in scene.notes)


@pytest.mark.parametrize("long_names", [False, True])
def test_polygon_masks_of_old_products_mark_nodata(tmp_path, long_names):
    box = (199_980 + 100, 2_800_020 - 400, 199_980 + 300, 2_800_020 - 200)
    made = _product("L1C", "02.04", long_names, defects={"B04": box})
    scene = open_scene(write_safe(tmp_path, made))
    expected = np.ones((SIDE_PX, SIDE_PX), bool)
    expected[20:40, 10:30] = False
    np.testing.assert_array_equal(scene.read(["B04"])[1], expected)
    assert scene.read(["B03"])[1].all()


def test_bands_without_a_crs_take_the_georeference_of_the_tile_metadata(tmp_path):
    with_crs = open_scene(write_safe(tmp_path / "a", _product()))
    without = open_scene(write_safe(tmp_path / "b", _product(with_crs=False)))
    assert without.geobox == with_crs.geobox


def test_a_partial_product_reports_what_is_missing(tmp_path):
    made = _product()
    kept = {band: values for band, values in made.bands.items() if band not in {"B11", "B12"}}
    scene = open_scene(write_safe(tmp_path, dataclasses.replace(made, bands=kept)))
    assert "partial product: it lacks B11, B12" in scene.warnings
    assert scene.read(["B04"])[1].all()
    with pytest.raises(ChannelError, match="B11"):
        scene.require(["B11"], "a detector")


def test_inspection_reports_the_cloudy_fraction(tmp_path):
    scl = np.full((SIDE_PX // 2, SIDE_PX // 2), 4, np.uint8)
    scl[:24] = [[8, 9, 10][col % 3] for col in range(SIDE_PX // 2)]
    scl[48:] = 0
    inspection = inspect_scene(open_scene(write_safe(tmp_path, _product(scl=scl))))
    assert inspection.cloudy_fraction == pytest.approx(0.5, abs=0.01)
    assert inspection.product["sun_azimuth_deg"] == pytest.approx(147.671)
    assert inspection.product["baseline"] == "05.09"


def test_other_rasters_beside_the_product_are_channels_too(safe, tmp_path):
    with rasterio.open(next(safe.rglob("*_B04_10m.jp2"))) as file:
        profile = {"crs": file.crs, "transform": file.transform, "height": file.height, "width": file.width}
    with rasterio.open(tmp_path / "dem.tif", "w", driver="GTiff", dtype="float32", count=1, **profile) as file:
        file.write(np.full((1, SIDE_PX, SIDE_PX), 812.0, np.float32))
    scene = open_scene([safe, tmp_path / "dem.tif"])
    assert scene.channels[-1] == "elevation"
    assert (scene.read(["elevation"])[0] == 812).all()


def test_the_identity_follows_the_zip(safe, tmp_path):
    path = zip_safe(safe, tmp_path / "p.zip")
    first = open_scene(path).identity
    assert first == open_scene(path).identity
    zip_safe(safe, path, method=zipfile.ZIP_STORED)
    assert open_scene(path).identity != first


def _one_sentence(error, *words):
    message = str(error.value)
    assert "\n" not in message
    assert not re.search(r"[.!?] [A-Z]", message)
    assert "Traceback" not in message
    for word in words:
        assert word in message


def test_a_truncated_zip_is_refused(safe, tmp_path):
    path = zip_safe(safe, tmp_path / "p.zip")
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(SceneError) as error:
        open_scene(path)
    _one_sentence(error, "truncated or damaged", "download it again")


def test_a_zip_with_damaged_metadata_bytes_is_refused(safe, tmp_path):
    path = zip_safe(safe, tmp_path / "p.zip")
    raw = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = next(one for one in archive.infolist() if one.filename.endswith("MTD_MSIL2A.xml"))
    start = info.header_offset + 30 + len(info.filename) + 40
    raw[start : start + 60] = bytes(60)
    path.write_bytes(raw)
    with pytest.raises(SceneError) as error:
        open_scene(path)
    _one_sentence(error, "MTD_MSIL2A.xml", "download")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "damaged XML"),
        ("<n1:Level-2A_User_Product", "damaged XML"),
        ("<a/>", "not the metadata of a Sentinel-2"),
        ("<Level-2A_User_Product/>", "quantification"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><Level-2A_User_Product>&b;</Level-2A_User_Product>', "document type"),
    ],
)
def test_damaged_metadata_are_refused(safe, text, word):
    (safe / "MTD_MSIL2A.xml").write_text(text)
    with pytest.raises(SceneError) as error:
        open_scene(safe)
    _one_sentence(error, "MTD_MSIL2A.xml", word)


def test_missing_metadata_are_refused(safe, tmp_path):
    (safe / "MTD_MSIL2A.xml").unlink()
    for path in (safe, zip_safe(safe, tmp_path / "p.zip")):
        with pytest.raises(SceneError) as error:
            open_scene(path)
        _one_sentence(error, "no metadata file", "MTD_MSIL2A.xml")


def test_a_missing_band_file_is_an_error_only_where_it_is_needed(safe):
    for path in safe.rglob("*_B03_*.jp2"):
        path.unlink()
    scene = open_scene(safe)
    assert scene.read(["B04"])[1].all()
    with pytest.raises(ChannelError) as error:
        scene.require(["B04", "B03"], "detector 'true-colour'")
    _one_sentence(error, "B03")


def test_a_damaged_band_file_is_refused(safe, tmp_path):
    next(safe.rglob("*_B04_10m.jp2")).write_bytes(b"")
    for path in (safe, zip_safe(safe, tmp_path / "p.zip")):
        with pytest.raises(SceneError) as error:
            open_scene(path)
        _one_sentence(error, "B04_10m.jp2")


def test_two_products_in_one_folder_or_zip_are_refused(safe, tmp_path):
    both = tmp_path / "both"
    first = copy_safe(safe, both)
    first.rename(both / "S2B_other.SAFE")
    copy_safe(safe, both)
    for path in (both, zip_safe(both, tmp_path / "both.zip")):
        with pytest.raises(SceneError) as error:
            open_scene(path)
        _one_sentence(error, "2 products", "give one of them")
    with pytest.raises(SceneError) as error:
        open_scene([safe, both / "S2B_other.SAFE"])
    _one_sentence(error, "two products")


def test_a_product_with_two_tiles_is_refused_and_one_granule_is_read(safe):
    granule = next((safe / "GRANULE").iterdir())
    other = copy_safe(granule, safe / "GRANULE" / "copies")
    other.rename(safe / "GRANULE" / "L2A_T29RKJ_A024344_20220219T112111")
    (safe / "GRANULE" / "copies").rmdir()
    with pytest.raises(SceneError) as error:
        open_scene(safe)
    _one_sentence(error, "2 tiles", "GRANULE")
    assert open_scene(granule).read(["B04"])[1].all()


@pytest.mark.parametrize("name", ["../evil.xml", "a/../../evil.xml", "/etc/evil.xml", "..\\evil.xml"])
def test_a_zip_with_a_path_that_leaves_it_is_refused(safe, tmp_path, name):
    path = zip_safe(safe, tmp_path / "p.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "x")
    with pytest.raises(SceneError) as error:
        open_scene(path)
    _one_sentence(error, "unsafe path")


def test_metadata_that_unpack_without_end_are_refused(safe, tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in safe.rglob("*.jp2"):
            archive.write(file, str(file.relative_to(safe.parent)))
        with archive.open(f"{safe.name}/MTD_MSIL2A.xml", "w") as file:
            for _ in range(64):
                file.write(b" " * 2**20)
    assert path.stat().st_size < 2**22
    with pytest.raises(SceneError) as error:
        open_scene(path)
    _one_sentence(error, "larger than 32 MB")


def test_a_zip_with_a_password_is_refused(safe, tmp_path):
    path = zip_safe(safe, tmp_path / "p.zip")
    raw = bytearray(path.read_bytes())
    # Bit 0 of the flags of every entry, in local headers and in the central directory.
    for signature, where in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = raw.find(signature)
        while start >= 0:
            raw[start + where] |= 1
            start = raw.find(signature, start + 4)
    path.write_bytes(raw)
    with pytest.raises(SceneError) as error:
        open_scene(path)
    _one_sentence(error, "password")


def test_a_zip_of_something_else_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "x")
    with pytest.raises(SceneError) as error:
        open_scene(tmp_path / "other.zip")
    _one_sentence(error, "no Sentinel-2 product")


@pytest.fixture(scope="module")
def real_bands(shared_data):
    folder = shared_data / "scenes" / "s2a-29rkh-l2a-12band"
    if not folder.is_dir():
        pytest.skip("the scene s2a-29rkh-l2a-12band is not among the real data")
    bands = {}
    for band in BANDS:
        if band != "B10":
            with rasterio.open(folder / f"{band}.tif") as file:
                bands[band] = file.read(1)[: 3600 // RESOLUTION_M[band], : 3600 // RESOLUTION_M[band]]
    with rasterio.open(folder / "SCL.tif") as file:
        return bands, file.read(1)[:180, :180]


def test_real_bands_as_l1c_and_as_l2a_of_both_baselines_have_equal_dn(real_bands, tmp_path):
    bands, scl = real_bands
    reads = {}
    for level, baseline in (("L1C", "02.09"), ("L1C", "04.00"), ("L2A", "02.14"), ("L2A", "05.09")):
        made = SafeProduct(bands, level=level, baseline=baseline, size_m=36_000, scl=scl if level == "L2A" else None)
        root = write_safe(tmp_path, made)
        for path in (root, zip_safe(root, tmp_path / f"{root.name}.zip")):
            values, valid = open_scene(path).read(tuple(bands))
            reads[path] = np.where(valid, values, np.nan)
        bare = open_scene(copy_bands(root, tmp_path / f"bare-{level}-{baseline}", bands, made.offset))
        expected, expected_valid = bare.read(tuple(bands))
        assert (expected_valid == np.isfinite(reads[root][0])).mean() > 0.999
        both = expected_valid & np.isfinite(reads[root][0])
        np.testing.assert_allclose(reads[root][:, both], expected[:, both], atol=1)
    first, *others = reads.values()
    for other in others:
        both = np.isfinite(first) & np.isfinite(other)
        assert both.mean() > 0.999
        assert np.abs(first - other)[both].max() <= 1


def test_the_drivers_read_jpeg_2000():
    assert raster_driver_extensions().get("jp2") is not None
