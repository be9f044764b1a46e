"""The real scenes beside the repository. Contains modified Copernicus Sentinel data."""

from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio

from landslip.errors import SceneError
from landslip.grid.terrain import slope_deg
from landslip.grid.window import Window
from landslip.scenes.rasters import open_scene


@pytest.fixture(scope="module")
def scenes(shared_data):
    return shared_data / "scenes"


def test_the_chittagong_hills_name_their_four_bands(scenes):
    path = scenes / "chittagong-s2-4band" / "s2_rgbn_uint16.tif"
    scene = open_scene(path)
    assert scene.channels == ("B02", "B03", "B04", "B08")
    assert (scene.height, scene.width, str(scene.geobox.crs)) == (2048, 1152, "EPSG:4326")
    assert scene.warnings == ()
    assert "known by its description 'B04_red'" in scene.layers["B04"].describe()
    values, observed = scene.read(["B04", "B03", "B02", "B08"], scene.window)
    assert 1 - observed.mean() == pytest.approx(0.61, abs=0.005)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(values, file.read() * observed)


def test_vegetated_hills_are_brighter_in_near_infrared_than_in_red(scenes):
    scene = open_scene(scenes / "chittagong-s2-4band" / "s2_rgbn_uint16.tif")
    (red, nir), observed = scene.read(["B04", "B08"], scene.window)
    assert (nir > red)[observed].mean() > 0.9


def test_a_whole_l2a_tile_of_twelve_bands_at_three_resolutions(scenes):
    scene = open_scene(scenes / "s2a-29rkh-l2a-12band")
    assert scene.channels == ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
    assert (scene.height, scene.width, str(scene.geobox.crs)) == (1098, 1098, "EPSG:32629")
    assert scene.date == datetime(2020, 2, 19, 11, 34, 25, tzinfo=UTC)
    left_out = {note.split()[2] for note in scene.notes if note.startswith("left out")}
    assert left_out == {"AOT.tif", "L2A_PVI.tif", "SCL.tif", "TCI.tif", "WVP.tif"}
    values, observed = scene.read(scene.channels, scene.window)
    assert observed.all()
    # Red edge 3 and narrow near infrared bound near infrared: what was resampled lies where it should.
    b07, b08, b8a = (values[scene.channels.index(name)] for name in ("B07", "B08", "B8A"))
    assert np.corrcoef(b08.ravel(), b8a.ravel())[0, 1] > 0.95
    assert np.corrcoef(b08.ravel(), b07.ravel())[0, 1] > 0.95


def test_windows_of_the_resampled_tile_agree_with_the_whole(scenes):
    scene = open_scene(scenes / "s2a-29rkh-l2a-12band")
    channels = ("B01", "B05", "B02")
    whole, _ = scene.read(channels, Window(300, 200, 256, 300))
    part, _ = scene.read(channels, Window(401, 333, 57, 91))
    np.testing.assert_array_equal(part, whole[:, 101 : 101 + 57, 133 : 133 + 91])


def test_jpeg_2000_bands_of_which_most_have_no_crs(scenes):
    """In this copy only B01, B09 and B10 kept their georeference; a Level-1C tile, half of it not imaged."""
    folder = scenes / "s2-19udp-l1c-13band-900m"
    with pytest.raises(SceneError, match=r"B02\.jp2 has no CRS"):
        open_scene(folder)
    scene = open_scene(folder, pixel_size_m=160)
    assert len(scene.channels) == 13
    assert any("B01.jp2, B09.jp2, B10.jp2 is ignored" in warning for warning in scene.warnings)
    assert any("declare no nodata value" in warning for warning in scene.warnings)
    values, observed = scene.read(scene.channels, scene.window)
    assert 0.5 < observed.mean() < 0.75
    assert (values.max(axis=0)[observed] > 0).all()


def test_two_dates_of_one_area_have_different_identities(scenes):
    before, after = (
        open_scene(scenes / "mapchete-33twm" / name, pixel_size_m=120)
        for name in ("S2A_33TWM_20230818_0_L2A", "S2B_33TWM_20230820_0_L2A")
    )
    assert before.date == datetime(2023, 8, 18, tzinfo=UTC)
    assert after.date == datetime(2023, 8, 20, tzinfo=UTC)
    assert before.channels == after.channels == ("B02", "B03", "B04", "B08")
    assert before.identity != after.identity


def test_a_volcanic_island_is_steep_and_the_sea_is_flat(scenes):
    """Sao Tome: Pico Cao Grande and its neighbours rise from the sea."""
    path = scenes / "copdem30-n00e006" / "Copernicus_DSM_COG_10_N00_00_E006_00_DEM.tif"
    scene = open_scene(path)
    assert scene.channels == ("elevation",)
    (elevation,), observed = scene.read(["elevation"], scene.window)
    assert observed.all()
    assert 1800 < elevation.max() < 2100
    slope = slope_deg(elevation, 30.9, 30.7)
    sea = elevation == 0
    assert np.median(slope[sea]) == 0
    assert np.median(slope[elevation > 1000]) > 15
