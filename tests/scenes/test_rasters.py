"""Random rasters are read back unchanged, in any windows."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from landslip.grid.window import Window
from landslip.scenes.rasters import open_scene
from landslip.scenes.scene import Scene
from rasters import write_raster

CHANNELS = ("B04", "B03", "B02", "B08", "B11")
DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("rasters")


@st.composite
def stored(draw):
    """Values (C, H, W) of some type, with a nodata value that is often among them."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 40), st.integers(1, 40)))
    if dtype.kind == "f":
        elements = st.sampled_from([0, 1, -3.5, 7000.25, np.nan, np.inf, -9999])
        nodata = draw(st.sampled_from([None, 0, -9999, np.nan]))
    else:
        limits = np.iinfo(dtype)
        elements = st.sampled_from([0, 1, 7, 100, limits.min, limits.max])
        nodata = draw(st.sampled_from([None, 0, 7, int(limits.max)]))
    return draw(arrays(dtype, shape, elements=elements)), nodata


layouts = st.fixed_dictionaries(
    {"interleave": st.sampled_from(["pixel", "band"]), "compress": st.sampled_from(["none", "deflate", "lzw"])},
    optional={"tiled": st.just(True), "blockxsize": st.just(16), "blockysize": st.just(32), "bigtiff": st.just("yes")},
)


def expected(values: np.ndarray, nodata: float | None) -> tuple[np.ndarray, np.ndarray]:
    """What a scene of the values must give, said pixel by pixel."""
    seen = np.isfinite(values) & (values != nodata if nodata is not None else True)
    observed = seen.all(axis=0)
    if nodata is None:
        observed &= ~(values == 0).all(axis=0)
    return np.where(observed, values, 0).astype(np.float32), observed


@given(stored(), layouts)
def test_values_come_back_as_written(folder: Path, written, layout):
    values, nodata = written
    path = write_raster(folder / "any.tif", values, descriptions=CHANNELS[: len(values)], nodata=nodata, **layout)
    scene = open_scene(path, scale=1, nodata=np.nan)
    read, observed = scene.read(CHANNELS[: len(values)], scene.window)
    wanted, wanted_observed = expected(values, nodata)
    np.testing.assert_array_equal(observed, wanted_observed)
    np.testing.assert_array_equal(read, wanted)
    assert read.dtype == np.float32


def cuts(length: int) -> st.SearchStrategy[list[int]]:
    """Places that cut a length into parts."""
    return st.sets(st.integers(0, length), max_size=4).map(lambda places: sorted(places | {0, length}))


def read_in_parts(scene: Scene, rows: list[int], cols: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Read a scene window by window and lay the windows beside each other."""
    values = np.full((len(scene.channels), scene.height, scene.width), np.nan, np.float32)
    observed = np.zeros((scene.height, scene.width), bool)
    for top, bottom in pairwise(rows):
        for left, right in pairwise(cols):
            window = Window(top, left, bottom - top, right - left)
            values[:, *window.slices], observed[window.slices] = scene.read(scene.channels, window)
    return values, observed


@given(written=stored(), data=st.data())
def test_any_windows_joined_are_the_whole(folder: Path, written, data):
    values, nodata = written
    path = write_raster(folder / "parts.tif", values, descriptions=CHANNELS[: len(values)], nodata=nodata)
    scene = open_scene(path, scale=1, nodata=np.nan)
    whole, whole_observed = scene.read(scene.channels, scene.window)
    parts, parts_observed = read_in_parts(scene, data.draw(cuts(scene.height)), data.draw(cuts(scene.width)))
    np.testing.assert_array_equal(parts, whole)
    np.testing.assert_array_equal(parts_observed, whole_observed)


def test_one_file_of_many_bands_and_many_of_one_are_the_same_scene(tmp_path):
    values = np.random.default_rng(0).integers(1, 9000, (3, 20, 30)).astype(np.uint16)
    stack = write_raster(tmp_path / "stack.tif", values, descriptions=CHANNELS[:3])
    apart = [
        write_raster(tmp_path / f"T46QGM_20180612_{name}_10m.tif", band)
        for name, band in zip(CHANNELS, values, strict=False)
    ]
    one, many = open_scene(stack), open_scene(apart)
    assert one.channels == many.channels == ("B02", "B03", "B04")
    assert one.geobox == many.geobox
    for mine, theirs in zip(one.read(CHANNELS[:3], one.window), many.read(CHANNELS[:3], many.window), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_several_threads_read_the_same(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    values = np.random.default_rng(0).integers(1, 9000, (2, 256, 256)).astype(np.uint16)
    path = write_raster(tmp_path / "a.tif", values, descriptions=CHANNELS[:2], tiled=True, blockxsize=16, blockysize=16)
    scene = open_scene(path)
    windows = [Window(row, col, 32, 32) for row in range(0, 256, 32) for col in range(0, 256, 32)]
    with ThreadPoolExecutor(8) as pool:
        for window, (read, _) in zip(
            windows, pool.map(lambda one: scene.read(CHANNELS[:2], one), windows), strict=True
        ):
            np.testing.assert_array_equal(read, values[:, *window.slices])


def test_identity_changes_with_the_files_and_with_how_they_are_read(tmp_path):
    values = np.full((1, 4, 4), 500, np.uint16)
    path = write_raster(tmp_path / "a.tif", values, descriptions=["B04"])
    first = open_scene(path).identity
    assert len(first) == 64
    assert open_scene(path).identity == first
    assert open_scene(path, scale=2).identity != first
    assert open_scene(path, channels=["B03"]).identity != first
    write_raster(path, values + 1, descriptions=["B04"])
    assert open_scene(path).identity != first


def test_identity_changes_with_an_external_mask(tmp_path):
    import rasterio

    path = write_raster(tmp_path / "a.tif", np.full((1, 4, 4), 500, np.uint16), descriptions=["B04"])
    first = open_scene(path).identity
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as file:
        file.write_mask(np.eye(4, dtype=bool))
    assert (tmp_path / "a.tif.msk").exists()
    scene = open_scene(path)
    assert scene.identity != first
    np.testing.assert_array_equal(scene.read(["B04"], scene.window)[1], np.eye(4, dtype=bool))


def test_a_scene_is_called_after_what_was_given(tmp_path):
    folder = tmp_path / "valley"
    folder.mkdir()
    paths = [write_raster(folder / f"{name}.tif", np.full((4, 4), 500, np.uint16)) for name in ("B04", "B03")]
    assert open_scene(folder).name == "valley"
    assert open_scene(paths).name == "valley"
    assert open_scene(paths[0]).name == "B04"
