"""``landslip scene terrain``: files of slope, aspect, curvature, relief and hillshade."""

import numpy as np
import pytest
import rasterio
from affine import Affine

from landslip.cli import main
from landslip.errors import ChannelError, OutputError, SceneError, SettingsError
from landslip.grid.curvature import plan_curvature, profile_curvature
from landslip.grid.relief import relief_m
from landslip.grid.terrain import aspect_deg, horn_gradient, slope_deg
from landslip.grid.window import Window
from landslip.scenes import terrain_files
from landslip.scenes.rasters import open_scene
from landslip.scenes.terrain_files import QUANTITIES, terrain_of, write_terrain
from rasters import write_raster
from scene_kinds import write_land

ROWS, COLS = np.mgrid[:140, :130]
HILL = (500 + 200 * np.sin(ROWS / 15) * np.cos(COLS / 21) + COLS).astype(np.float32)
HILL[60:64, 50:55] = -9999


@pytest.fixture
def dem(tmp_path):
    return write_raster(tmp_path / "dem.tif", HILL, nodata=-9999)


def _read(path):
    with rasterio.open(path) as file:
        return np.where(file.read_masks(1) != 0, file.read(1), np.nan).astype(np.float64)


def test_the_files_hold_the_terrain_and_nodata(dem, tmp_path, capfd):
    main(["scene", "terrain", str(dem), "-o", str(tmp_path / "out"), "--relief-window", "70"], standalone_mode=False)
    assert f"Next: landslip map SCENE {tmp_path / 'out' / 'slope.tif'} -o map/" in capfd.readouterr().out
    ground = np.where(HILL == -9999, np.nan, HILL)
    shade = horn_gradient(ground, 10, 10).hillshade()
    expected = {
        "slope": slope_deg(ground, 10, 10),
        "aspect": aspect_deg(ground, 10, 10),
        "profile_curvature": profile_curvature(ground, 10, 10),
        "plan_curvature": plan_curvature(ground, 10, 10),
        "relief": relief_m(ground, 7, 7),
        "hillshade": np.rint(1 + 254 * shade),
    }
    assert set(expected) == set(QUANTITIES)
    for name, values in expected.items():
        found = _read(tmp_path / "out" / f"{name}.tif")
        np.testing.assert_allclose(found, values, rtol=1e-5, atol=1e-6, err_msg=name)
        assert np.isnan(found[59:65, 49:56]).all()
    with rasterio.open(tmp_path / "out" / "relief.tif") as file:
        assert file.tags(1)["window_px"] == "7 x 7"
        assert (file.crs, file.transform) == ("EPSG:32646", rasterio.open(dem).transform)


def test_the_values_do_not_depend_on_the_blocks(dem, tmp_path, monkeypatch):
    write_terrain(open_scene(dem), tmp_path / "whole")
    monkeypatch.setattr(terrain_files, "_BLOCK_PX", 48)
    write_terrain(open_scene(dem), tmp_path / "blocks")
    for name in QUANTITIES:
        np.testing.assert_array_equal(*(_read(tmp_path / one / f"{name}.tif") for one in ("whole", "blocks")))


def test_elevation_is_resampled_to_the_grid_of_a_scene_before_slope_is_taken(tmp_path):
    coarse = write_raster(
        tmp_path / "dem.tif",
        np.where(HILL == -9999, 600, HILL)[::2, ::2],
        transform=Affine(20, 0, 500_000, 0, -20, 2_500_000),
    )
    bands = write_land(tmp_path / "a.tif")
    main(["scene", "terrain", str(coarse), "-o", str(tmp_path / "out"), "--like", str(bands)], standalone_mode=False)
    scene = open_scene([bands, coarse])
    slope, valid = scene.read(["slope"])
    np.testing.assert_array_equal(_read(tmp_path / "out" / "slope.tif"), np.where(valid, slope[0], np.nan))
    # As a channel of a scene it takes the place of the slope from elevation.
    assert open_scene([bands, tmp_path / "out" / "slope.tif"]).has(["slope"])


def test_slope_on_a_geographic_grid_is_that_of_a_scene(shared_data):
    path = shared_data / "scenes/copdem30-n00e006/Copernicus_DSM_COG_10_N00_00_E006_00_DEM.tif"
    if not path.is_file():
        pytest.skip("the elevation of Sao Tome is not among the real data")
    scene, block = open_scene(path, channels=["elevation"]), Window(1500, 2000, 300, 200)
    found = terrain_of(scene, block, (17, 17))
    np.testing.assert_array_equal(found["slope"], scene.read(["slope"], block)[0][0])
    # Near the equator a second of arc is 30.9 m of longitude and 30.7 m of latitude.
    elevation = scene.read(["elevation"], block.expand(1))[0][0]
    np.testing.assert_allclose(found["slope"], slope_deg(elevation, 30.92, 30.71)[1:-1, 1:-1], atol=0.02)


def test_what_cannot_be_computed_is_refused_and_leaves_no_folder(dem, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ChannelError, match="needs elevation"):
        write_terrain(open_scene(write_land(tmp_path / "a.tif")), out)
    with pytest.raises(SceneError, match="needs a CRS"):
        write_terrain(
            open_scene(
                write_raster(tmp_path / "b.tif", HILL, crs=None, transform=None, nodata=-9999),
                channels=["elevation"],
                pixel_size_m=10,
            ),
            out,
        )
    for size in (0, -3, np.nan, 1e9):
        with pytest.raises(SettingsError, match="relief_window_m"):
            write_terrain(open_scene(dem), out, relief_window_m=size)
    assert not out.exists()
    out.mkdir()
    (out / "mine.txt").write_text("")
    with pytest.raises(OutputError, match="exists"):
        write_terrain(open_scene(dem), out)
    assert [one.name for one in out.iterdir()] == ["mine.txt"]
