"""Products as they are saved by hand. Contains modified Copernicus Sentinel data where the real bands are at hand.

Each layout is written from the same real bands, in the names, types, fills and scales of the service, and must give the
same DN.
"""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio
from affine import Affine

from landslip.scenes.rasters import open_scene
from rasters import write_raster
from scene_kinds import message_of

BANDS = ("B02", "B03", "B04", "B08", "B8A", "B11")
GRID = Affine(10, 0, 622_000, 0, -10, 1_272_000)
VOID = np.s_[:20, :30]


@pytest.fixture(scope="module")
def bands(shared_data):
    """A part of the real Wayanad scene as DN, its first rows and columns not observed."""
    folder = shared_data / "scenes" / "wayanad-2024" / "clear"
    if not folder.is_dir():
        pytest.skip("the scene wayanad-2024 is not among the real data")
    found = {}
    for name in BANDS:
        with rasterio.open(next(folder.glob(f"*{name}.tif"))) as file:
            values = file.read(1)[500:700, 600:800].astype(np.int32) - 1000
        found[name] = np.maximum(values, 1)
        found[name][VOID] = 0
    return found


def _check(path, bands, *, atol=0.01, **reading):
    """Check that a scene has the DN and the nodata of the bands; return it."""
    scene = open_scene(path, **reading)
    names = [name for name in BANDS if name in scene.channels]
    values, valid = scene.read(names)
    assert not valid[VOID].any()
    assert valid.sum() == valid.size - 20 * 30
    for name, found in zip(names, values, strict=True):
        np.testing.assert_allclose(found[valid], bands[name][valid], atol=atol, err_msg=name)
    return scene


def _write(path, values, **how):
    return write_raster(path, values, transform=GRID, crs="EPSG:32643", **how)


@pytest.mark.parametrize("clock", ["00:00_2024-12-01-23:59", "00_00_2024-12-01-23_59"])
@pytest.mark.parametrize(
    ("dtype", "factor", "step"), [("float32", 1e-4, 0.01), ("uint16", 6.5535, 0.08), ("uint8", 0.0255, 20)]
)
def test_raw_bands_of_the_copernicus_browser(tmp_path, bands, clock, dtype, factor, step):
    for name, values in bands.items():
        stored = values * factor if dtype == "float32" else np.maximum(np.rint(values * factor), values > 0)
        _write(tmp_path / f"2024-12-01-{clock}_Sentinel-2_L2A_{name}_(Raw).tiff", stored.astype(dtype))
    scene = _check(tmp_path, bands, atol=step)
    assert set(scene.channels) == set(BANDS)
    assert scene.date == datetime(2024, 12, 1, tzinfo=UTC)
    assert f"raw {dtype} band of the Copernicus Browser" in scene.layers["B04"].describe()
    assert any("in 8 bits" in one for one in scene.warnings) == (dtype == "uint8")
    assert not any("offset" in one for one in scene.warnings)


def test_the_raw_band_of_a_browser_in_other_units_is_refused(tmp_path, bands):
    name = "2024-12-01-00_00_2024-12-01-23_59_Sentinel-2_L2A_B04_(Raw).tiff"
    _write(tmp_path / name, bands["B04"].astype(np.float32))
    assert message_of(tmp_path)[1] == "scale"
    _check(tmp_path, bands, scale=1)


def test_the_true_colour_picture_of_a_browser_is_brightness(tmp_path, bands):
    picture = np.stack([np.clip(bands[name] * 0.06, 0, 255) for name in ("B04", "B03", "B02")]).astype(np.uint8)
    path = tmp_path / "2024-12-01-00_00_2024-12-01-23_59_Sentinel-2_L2A_True_color.tiff"
    message, parameter = message_of(_write(path, picture, photometric="RGB", nodata=0))
    assert parameter is None
    assert "picture brightness, not DN" in message


@pytest.mark.parametrize("kinds", [("FRE",), ("SRE",), ("FRE", "SRE")])
def test_theia_products(tmp_path, bands, kinds):
    name = "SENTINEL2A_20241201-051225-462_L2A_T43PFN_C_V3-1"
    folder = tmp_path / name
    (folder / "MASKS").mkdir(parents=True)
    for kind in kinds:
        for band, values in bands.items():
            # The correction for slopes changes the values.
            own = values if kind == kinds[-1] else values * 1.2
            stored = np.where(values == 0, -10_000, own).astype(np.int16)
            _write(folder / f"{name}_{kind}_{band.replace('B0', 'B')}.tif", stored)
    _write(folder / f"{name}_ATB_R1.tif", np.full((2, 200, 200), 40, np.uint8))
    (folder / f"{name}_MTD_ALL.xml").write_text("<Muscate_Metadata_Document/>")
    scene = _check(folder, bands)
    assert set(scene.channels) == set(BANDS)
    assert scene.date == datetime(2024, 12, 1, tzinfo=UTC)
    assert scene.warnings == ()
    assert any("without it (SRE)" in note for note in scene.notes) == (len(kinds) == 2)


def test_hls_is_refused_by_name_and_read_with_its_own_fill_and_scale_if_named(tmp_path, bands):
    for sensor in ("S30", "L30"):
        folder = tmp_path / sensor
        folder.mkdir()
        paths = []
        for band in ("B02", "B03", "B04"):
            stored = np.where(bands[band] == 0, -9999, bands[band]).astype(np.int16)
            path = folder / f"HLS.{sensor}.T43PFN.2024336T051225.v2.0.{band}.tif"
            paths.append(_write(path, stored, nodata=-9999, scales=[1e-4], tags={"_FillValue": "-9999"}))
        message, parameter = message_of(folder)
        assert parameter == "channels"
        assert f"'HLS.{sensor}' in the file name" in message
        _check(paths, bands, channels=["B02", "B03", "B04"])


@pytest.mark.parametrize("masked", [0, np.nan])
def test_exports_of_the_earth_engine_in_tiles(tmp_path, bands, masked):
    names = [band.replace("B0", "B") for band in BANDS]
    beside = {"AOT": 120, "WVP": 900, "SCL": 4, "TCI_R": 60, "QA60": 0, "MSK_CLDPRB": 3}
    stack = np.stack([np.where(bands[band] == 0, masked, bands[band]) for band in BANDS])
    stack = np.concatenate([stack, np.full((len(beside), 200, 200), 0.0)])
    stack[len(BANDS) :] += np.array(list(beside.values()))[:, None, None]
    dtype = np.uint16 if masked == 0 else np.float32
    for col, width in ((0, 120), (120, 80)):
        path = tmp_path / f"S2_SR_HARMONIZED_wayanad-0000000000-{col:010d}.tif"
        transform = GRID * Affine.translation(col, 0)
        part = stack[:, :, col : col + width].astype(dtype)
        write_raster(path, part, descriptions=[*names, *beside], transform=transform, crs="EPSG:32643")
    scene = _check(tmp_path, bands)
    assert set(scene.channels) == set(BANDS)
    assert (scene.height, scene.width) == (200, 200)


def _item(properties, assets, links=()):
    return json.dumps(
        {
            "type": "Feature",
            "stac_version": "1.0.0",
            "properties": {"datetime": "2024-12-01T05:12:25Z"} | properties,
            "assets": assets,
            "links": list(links),
        }
    )


def _with_offset(values):
    """Return DN as they are stored since baseline 04.00."""
    return np.where(values == 0, 0, values + 1000).astype(np.uint16)


COMMON = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir", "B8A": "nir08", "B11": "swir16"}


@pytest.mark.parametrize("names", ["band", "common"])
def test_earth_search_has_removed_the_offset(tmp_path, bands, names):
    root = "https://sentinel-cogs.s3.us-west-2.amazonaws.com/sentinel-s2-l2a-cogs/43/P/FN/2024/12/x"
    for band, values in bands.items():
        stem = band if names == "band" else COMMON[band]
        _write(tmp_path / f"{stem}.tif", values.astype(np.uint16), nodata=0)
    assets = {
        COMMON[band]: {"href": f"{root}/{band}.tif", "raster:bands": [{"scale": 1e-4, "offset": -0.1}]}
        for band in bands
    }
    told = {"s2:processing_baseline": "05.11", "earthsearch:boa_offset_applied": True}
    (tmp_path / "S2A_43PFN_20241201_0_L2A.json").write_text(_item(told, assets))
    scene = _check(tmp_path, bands)
    assert scene.warnings == ()
    assert scene.date == datetime(2024, 12, 1, 5, 12, 25, tzinfo=UTC)


@pytest.mark.parametrize("where", ["assets", "links"])
def test_the_planetary_computer_keeps_the_offset(tmp_path, bands, where):
    for band, values in bands.items():
        _write(tmp_path / f"T43PFN_20241201T051225_{band}_10m.tif", _with_offset(values), nodata=0)
    blob = "https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/43/P/FN/2024/12/01/x"
    root = {"rel": "root", "href": "https://planetarycomputer.microsoft.com/api/stac/v1"}
    assets = {
        band: {"href": f"{blob if where == 'assets' else '.'}/T43PFN_20241201T051225_{band}_10m.tif"} for band in bands
    }
    links = [root] if where == "links" else []
    (tmp_path / "item.json").write_text(_item({"s2:processing_baseline": "05.11"}, assets, links))
    scene = _check(tmp_path, bands)
    assert scene.warnings == ()
    assert "the Planetary Computer keeps the offset" in scene.layers["B04"].describe()


def test_the_planetary_computer_before_the_offset_and_a_name_in_another_address(tmp_path, bands):
    for folder, values in (("old", bands), ("other", bands)):
        (tmp_path / folder).mkdir()
        for band, one in values.items():
            _write(tmp_path / folder / f"{band}.tif", one.astype(np.uint16), nodata=0)
    root = {"rel": "root", "href": "https://planetarycomputer.microsoft.com/api/stac/v1"}
    (tmp_path / "old" / "item.json").write_text(_item({"s2:processing_baseline": "03.01"}, {}, [root]))
    assert _check(tmp_path / "old", bands).warnings == ()
    mirror = {"rel": "root", "href": "https://example.org/?from=https://planetarycomputer.microsoft.com/api/stac/v1"}
    (tmp_path / "other" / "item.json").write_text(_item({"s2:processing_baseline": "05.11"}, {}, [mirror]))
    assert "not whether that offset was removed" in _check(tmp_path / "other", bands).warnings[0]


def test_an_item_that_tells_an_offset_was_removed_which_is_still_there_is_refused(tmp_path, bands):
    for band, values in bands.items():
        _write(tmp_path / f"{band}.tif", _with_offset(values), nodata=0)
    told = {"earthsearch:boa_offset_applied": True, "s2:processing_baseline": "05.11"}
    (tmp_path / "item.json").write_text(_item(told, {band: {"href": f"{band}.tif"} for band in bands}))
    message, parameter = message_of(tmp_path)
    assert parameter == "offset"
    assert "was removed, but no pixel is below" in message
    _check(tmp_path, bands, offset=-1000)


def test_an_item_of_another_image_is_not_used(tmp_path, bands):
    for band in ("B02", "B03", "B04"):
        _write(tmp_path / f"T43PFN_20241201T051225_{band}_10m.tif", _with_offset(bands[band]), nodata=0)
    assets = {"B02": {"href": "https://example.org/T43PGN_20210101T051225_B02_10m.tif"}}
    told = {"s2:processing_baseline": "02.14", "datetime": "2021-01-01T05:12:25Z"}
    (tmp_path / "item.json").write_text(_item(told, assets))
    scene = open_scene(tmp_path)
    assert scene.date == datetime(2024, 12, 1, 5, 12, 25, tzinfo=UTC)
    assert any("may hold the offset of 1,000" in one for one in scene.warnings)
