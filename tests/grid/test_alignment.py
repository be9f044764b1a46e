"""Grids of every kind: rotated, mirrored, of several resolutions and CRSs."""

from itertools import pairwise

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from landslip.errors import SceneError
from landslip.grid.alignment import ground_resolution_m, locate_pixels, same_grid
from landslip.grid.window import Window
from landslip.scenes.rasters import open_scene
from rasters import NORTH_UP, ROTATED, SOUTH_UP, UTM, write_raster

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("grids")


def fine_grid(transform: Affine, factor: float) -> Affine:
    """The transform of pixels a factor coarser from the same corner."""
    return Affine(*(value * factor if index % 3 != 2 else value for index, value in enumerate(transform[:6])))


@pytest.mark.parametrize("transform", [NORTH_UP, SOUTH_UP, ROTATED])
def test_pixels_stay_where_they_are_on_any_grid(folder, transform):
    values = RNG.integers(1, 9000, (13, 7)).astype(np.uint16)
    scene = open_scene(write_raster(folder / "B04.tif", values, transform=transform))
    assert scene.geobox == GeoBox((13, 7), transform, UTM)
    np.testing.assert_array_equal(scene.read(["B04"], scene.window)[0][0], values)


@pytest.mark.parametrize("transform", [NORTH_UP, SOUTH_UP, ROTATED])
@pytest.mark.parametrize("factor", [2, 3, 6])
def test_a_plane_is_kept_by_resampling(folder, transform, factor):
    """Bilinear resampling gives back a linear function, away from the half pixel at the edge."""
    shape = (30, 36)
    rows, cols = np.mgrid[: shape[0], : shape[1]] + 0.5
    coarse_rows, coarse_cols = np.mgrid[: shape[0] // factor, : shape[1] // factor] * factor + factor / 2
    write_raster(folder / "B02.tif", np.ones(shape, np.uint16), transform=transform)
    write_raster(
        folder / "B11.tif",
        (1000 + 20 * coarse_rows - 7 * coarse_cols).astype(np.float32),
        transform=fine_grid(transform, factor),
    )
    scene = open_scene([folder / "B02.tif", folder / "B11.tif"], scale=1)
    assert (scene.height, scene.width) == shape
    read, observed = scene.read(["B11"], scene.window)
    assert observed.all()
    inner = np.s_[factor:-factor, factor:-factor]
    np.testing.assert_allclose(read[0][inner], (1000 + 20 * rows - 7 * cols)[inner], rtol=1e-5)
    assert "resampled from" in scene.layers["B11"].describe()


def test_the_finest_reflectance_channel_gives_the_grid_whatever_the_order(folder):
    write_raster(folder / "B12.tif", np.full((4, 4), 9, np.uint16), transform=fine_grid(NORTH_UP, 2))
    write_raster(folder / "B08.tif", np.full((8, 8), 9, np.uint16))
    write_raster(folder / "elevation.tif", np.full((80, 80), 9, np.float32), transform=fine_grid(NORTH_UP, 0.1))
    scene = open_scene([folder / f"{name}.tif" for name in ("elevation", "B12", "B08")], scale=1)
    assert scene.geobox == GeoBox((8, 8), NORTH_UP, UTM)


def test_a_finer_file_is_averaged_over_all_its_pixels(folder):
    fine = RNG.normal(100, 50, (40, 60)).astype(np.float32)
    write_raster(folder / "B08.tif", np.full((8, 12), 9, np.uint16))
    write_raster(folder / "elevation.tif", fine, transform=fine_grid(NORTH_UP, 0.2))
    scene = open_scene([folder / "B08.tif", folder / "elevation.tif"], scale=1)
    read, observed = scene.read(["elevation"], scene.window)
    assert observed.all()
    np.testing.assert_allclose(read[0], fine.reshape(8, 5, 12, 5).mean(axis=(1, 3)), rtol=1e-4)


def coarse_with_holes(shape, hole):
    values = RNG.integers(5000, 5100, shape).astype(np.uint16)
    values[hole] = 0
    return values


@pytest.mark.parametrize("nodata", [0, None])
@pytest.mark.parametrize("transform", [NORTH_UP, ROTATED])
def test_resampling_neither_fills_nor_enlarges_nodata(folder, nodata, transform):
    """Values next to a hole stay in the range of the values there are; the hole keeps its outline."""
    hole = np.zeros((10, 12), bool)
    hole[3:6, 4:9] = hole[0, 0] = True
    write_raster(
        folder / "B11.tif", coarse_with_holes(hole.shape, hole), nodata=nodata, transform=fine_grid(transform, 2)
    )
    write_raster(
        folder / "B02.tif",
        coarse_with_holes((20, 24), np.kron(hole, np.ones((2, 2), bool))),
        nodata=nodata,
        transform=transform,
    )
    scene = open_scene([folder / "B02.tif", folder / "B11.tif"])
    read, observed = scene.read(["B11", "B02"], scene.window)
    np.testing.assert_array_equal(observed, ~np.kron(hole, np.ones((2, 2), bool)))
    assert (read[:, ~observed] == 0).all()
    assert read[:, observed].min() >= 5000
    assert read[:, observed].max() <= 5100


def test_outside_of_a_smaller_file_is_nodata(folder):
    write_raster(folder / "B02.tif", np.full((20, 20), 700, np.uint16))
    write_raster(folder / "B11.tif", np.full((4, 6), 900, np.uint16), transform=fine_grid(NORTH_UP, 2))
    scene = open_scene([folder / "B02.tif", folder / "B11.tif"])
    _, observed = scene.read(["B02", "B11"], scene.window)
    assert observed[:8, :12].all()
    assert observed.sum() == 96


@given(data=st.data())
def test_resampled_windows_joined_are_the_whole(folder, data):
    """Across resolution, rotation and CRS, with holes: a pixel's value does not depend on the window it is read in."""
    kind = data.draw(st.sampled_from(["coarser", "finer", "rotated", "degrees"]))
    crs, transform = {
        "coarser": (UTM, Affine(23, 0, 499_990, 0, -23, 2_500_007)),
        "finer": (UTM, Affine(3, 0, 499_990, 0, -3, 2_500_007)),
        "rotated": (UTM, fine_grid(ROTATED, 1.7)),
        "degrees": ("EPSG:4326", Affine(2.3e-4, 0, 92.9995, 0, -2.1e-4, 22.6085)),
    }[kind]
    random = np.random.default_rng(data.draw(st.integers(0, 9)))
    other = random.integers(100, 9000, (90, 90)).astype(np.uint16)
    other[random.random(other.shape) < data.draw(st.sampled_from([0, 0.1]))] = 0
    write_raster(folder / "B02.tif", np.full((50, 45), 700, np.uint16))
    write_raster(folder / "elevation.tif", other, transform=transform, crs=crs, nodata=0)
    scene = open_scene([folder / "B02.tif", folder / "elevation.tif"])
    whole, seen = scene.read(["elevation"], scene.window)
    assert seen.any()
    cuts = [sorted(data.draw(st.sets(st.integers(1, n - 1), max_size=3)) | {0, n}) for n in (50, 45)]
    for top, bottom in pairwise(cuts[0]):
        for left, right in pairwise(cuts[1]):
            window = Window(top, left, bottom - top, right - left)
            part, part_seen = scene.read(["elevation"], window)
            np.testing.assert_array_equal(part, whole[:, *window.slices])
            np.testing.assert_array_equal(part_seen, seen[window.slices])


@pytest.mark.parametrize(
    ("target", "source"),
    [
        (
            GeoBox((300, 200), NORTH_UP, UTM),
            GeoBox((400, 400), Affine(1e-4, 0, 92.9, 0, -1e-4, 22.62), "EPSG:4326"),
        ),
        (
            GeoBox((200, 300), Affine(1e4, 0, -1.5e6, 0, -1e4, 1e6), "EPSG:3413"),
            GeoBox((800, 3600), Affine(0.1, 0, -180, 0, -0.1, 90), "EPSG:4326"),
        ),
    ],
    ids=["UTM", "polar, over the pole"],
)
def test_coordinates_between_crs_are_those_of_proj(target, source):
    """Interpolation between transformed places stays within a few thousandths of a pixel."""
    window = Window(3, 5, 190, 180)
    x, y = locate_pixels(source, target, window)
    cols, rows = np.meshgrid(np.arange(5, 185) + 0.5, np.arange(3, 193) + 0.5)
    there = target.affine
    east, north = Transformer.from_crs(target.crs, source.crs, always_xy=True).transform(
        there.a * cols + there.c, there.e * rows + there.f
    )
    np.testing.assert_allclose(x, (east - source.affine.c) / source.affine.a, atol=5e-3)
    np.testing.assert_allclose(y, (north - source.affine.f) / source.affine.e, atol=5e-3)


def test_elevation_in_degrees_across_the_antimeridian_is_found(folder):
    """A scene in UTM zone 1 that reaches over 180 degrees, under a source that counts on to 181."""
    write_raster(
        folder / "B02.tif",
        np.full((10, 10), 700, np.uint16),
        crs="EPSG:32701",
        transform=Affine(10_000, 0, 150_000, 0, -10_000, 8_000_000),
    )
    write_raster(
        folder / "elevation.tif",
        np.full((60, 60), 321, np.int16),
        crs="EPSG:4326",
        transform=Affine(0.1, 0, 177, 0, -0.1, -15),
    )
    scene = open_scene([folder / "B02.tif", folder / "elevation.tif"])
    values, observed = scene.read(["elevation"], scene.window)
    assert observed.all()
    assert (values == 321).all()


def test_files_that_do_not_overlap_are_refused(folder):
    write_raster(folder / "B02.tif", np.full((9, 9), 700, np.uint16))
    write_raster(folder / "B11.tif", np.full((9, 9), 700, np.uint16), transform=Affine(20, 0, 9e5, 0, -20, 3e6))
    with pytest.raises(SceneError, match="does not overlap the other files"):
        open_scene([folder / "B02.tif", folder / "B11.tif"])


@pytest.mark.parametrize(
    ("crs", "transform", "metres"),
    [
        ("EPSG:32646", Affine(10, 0, 500_000, 0, -10, 2_500_000), 10 / 0.9996),
        ("EPSG:32646", Affine(8, 6, 500_000, 6, -8, 2_500_000), 10 / 0.9996),
        ("EPSG:4326", Affine(1e-4, 0, 0, 0, -1e-4, 0), 11.09),
        ("EPSG:4326", Affine(1e-4, 0, 179.99995, 0, -1e-4, 75.5225), 5.59),
        ("EPSG:3857", Affine(20, 0, 0, 0, -20, 8_399_738), 10.03),
        ("EPSG:2263", Affine(10, 0, 1e6, 0, -10, 2e5), 3.048),
        ("EPSG:3413", Affine(1000, 0, -500, 0, -1000, 500), 1000 / 0.96986),
    ],
    ids=["UTM", "turned", "equator", "75 degrees north, antimeridian", "Mercator, 60 degrees north", "feet", "pole"],
)
def test_resolution_is_in_metres_on_the_ground_whatever_the_crs(crs, transform, metres):
    """Mercator doubles lengths at 60 degrees north; at 75.5 a degree of longitude is a quarter of one of latitude."""
    assert ground_resolution_m(GeoBox((2, 2), transform, crs)) == pytest.approx(metres, rel=2e-3)


def test_a_file_far_finer_than_the_scene_is_read_in_strips(folder, monkeypatch):
    """The same values come of it, and never more than the allowed pixels (or a row of squares) at a time."""
    fine = RNG.normal(100, 50, (80, 120)).astype(np.float32)
    write_raster(folder / "B08.tif", np.full((8, 12), 9, np.uint16))
    write_raster(folder / "elevation.tif", fine, transform=fine_grid(NORTH_UP, 0.1))
    scene = open_scene([folder / "B08.tif", folder / "elevation.tif"], scale=1)
    whole, _ = scene.read(["elevation"], scene.window)
    monkeypatch.setattr("landslip.scenes.resampled_file._MAX_PIXELS", 1500)
    in_strips, _ = scene.read(["elevation"], scene.window)
    np.testing.assert_array_equal(in_strips, whole)
    np.testing.assert_allclose(whole[0], fine.reshape(8, 10, 12, 10).mean(axis=(1, 3)), rtol=1e-4)


def test_a_grid_is_the_same_up_to_rounding_only():
    grid = GeoBox((1000, 1000), NORTH_UP, UTM)
    assert same_grid(grid, GeoBox((1000, 1000), Affine(10, 0, 500_000 + 1e-6, 0, -10, 2_500_000), UTM))
    assert not same_grid(grid, GeoBox((1000, 1000), Affine(10, 0, 500_001, 0, -10, 2_500_000), UTM))
    assert not same_grid(grid, GeoBox((1000, 1000), Affine(10.001, 0, 500_000, 0, -10, 2_500_000), UTM))
    assert not same_grid(grid, GeoBox((1000, 1000), NORTH_UP, "EPSG:32647"))
    assert not same_grid(grid, GeoBox((1000, 999), NORTH_UP, UTM))
