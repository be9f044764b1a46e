"""The invariants of mapping on whole runs: a map depends on scene, detector and settings alone."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from landslip.detector.detector import Detector
from landslip.errors import ChannelError, OutputError, SettingsError
from landslip.grid.window import Window
from landslip.mapping.area import area_of_interest
from landslip.mapping.job import MapSettings
from landslip.mapping.products import PRODUCTS
from landslip.mapping.raster import fill
from landslip.mapping.run import map_scene
from landslip.probability import MAX_ENCODED, NODATA, STEP, decode_probability, reaches_threshold
from landslip.scenes.rasters import open_scene
from map_comparison import assert_equal_maps, read_map
from scenes_made import blobs, encoded_map, memory_scene, scene_file
from tiny_detectors import brightness, identity

EXACT = {"precision": "float32", "threads": 2}
SIDES = st.integers(1, 75) | st.sampled_from([1, 2, 31, 37, 61, 73])
IDENTITY, BRIGHTNESS = identity(overlap_px=7), brightness()


def map_identity(values: NDArray[np.generic], **options: object) -> NDArray[np.uint8]:
    with TemporaryDirectory() as folder:
        scene = memory_scene(values, ("B04",), options.pop("observed", None))
        return encoded_map(scene, IDENTITY, Path(folder), **(EXACT | options))


@settings(max_examples=12)
@given(SIDES, SIDES, st.integers(16, 50), st.integers(0, 2**32 - 1))
def test_any_size_is_mapped_and_an_identity_network_returns_its_input(
    height: int, width: int, block: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    values = random.uniform(0, 10_000, (1, height, width)).astype(np.float32)
    valid = random.random((height, width)) < random.choice([0.02, 0.8, 1])
    encoded = map_identity(values, observed=valid, block_px=block)
    assert encoded.shape == (height, width)
    np.testing.assert_array_equal(encoded != NODATA, valid)
    half_a_step = np.abs(decode_probability(encoded)[valid] - values[0][valid] / 10_000)
    assert (half_a_step <= STEP / 2 + 1e-5).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 97), (101, 1), (2, 2), (16, 16), (53, 59)])
def test_very_small_and_narrow_scenes_have_every_file(tmp_path: Path, shape: tuple[int, int]) -> None:
    scene = memory_scene(np.full((1, *shape), 6000, np.float32), ("B04",))
    summary = map_scene(scene, IDENTITY, tmp_path / "out", MapSettings(min_area_m2=0, **EXACT)).summary
    assert summary.valid_fraction == 1
    assert summary.pixels == shape[0] * shape[1]
    assert summary.landslides == 1
    assert summary.landslide_area_m2 == pytest.approx(100 * shape[0] * shape[1], rel=0.005)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(PRODUCTS)


@settings(max_examples=8)
@given(SIDES, SIDES, st.integers(16, 90), st.integers(16, 40), st.sampled_from([1, 4, 32]), st.integers(0, 20))
def test_the_map_does_not_depend_on_block_size(
    height: int, width: int, one: int, other: int, size_multiple: int, overlap_px: int
) -> None:
    detector = brightness(size_multiple=size_multiple, overlap_px=overlap_px)
    values = blobs(height, width, seed=height * width)
    valid = np.random.default_rng(1).random((height, width)) < 0.9
    with TemporaryDirectory() as folder:
        scene = memory_scene(values, observed=valid)
        first, second = (
            encoded_map(scene, detector, Path(folder) / str(i), block_px=block, **EXACT)
            for i, block in enumerate((one, other))
        )
    np.testing.assert_array_equal(first, second)


def test_the_map_does_not_depend_on_kept_tiles_or_batch_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = memory_scene(blobs(150, 170))
    plain = encoded_map(scene, BRIGHTNESS, tmp_path / "plain", block_px=40, **EXACT)
    with monkeypatch.context() as patch:
        patch.setattr(fill, "_KEPT_TILES_BYTES", 0)
        none_kept = encoded_map(scene, BRIGHTNESS, tmp_path / "none", block_px=40, **EXACT)
    one_thread = encoded_map(scene, BRIGHTNESS, tmp_path / "one", block_px=40, precision="float32", threads=1)
    np.testing.assert_array_equal(none_kept, plain)
    np.testing.assert_array_equal(one_thread, plain)


def test_polygons_and_attributes_do_not_depend_on_blocks(tmp_path: Path) -> None:
    values = np.concatenate([blobs(170, 190), 300 + 5 * np.indices((1, 170, 190))[2].astype(np.uint16)])
    scene = memory_scene(values, ("B04", "B03", "B02", "elevation"))
    for block in (16, 50, 4096):
        summary = map_scene(scene, BRIGHTNESS, tmp_path / str(block), MapSettings(block_px=block, **EXACT)).summary
        assert summary.landslides > 5
    assert_equal_maps(tmp_path / "16", tmp_path / "4096")
    assert_equal_maps(tmp_path / "50", tmp_path / "4096")


@pytest.mark.slow
def test_a_real_map_does_not_depend_on_blocks(tmp_path: Path, shared_data: Path) -> None:
    scene = open_scene(next((shared_data / "scenes" / "chittagong-s2-4band").glob("*.tif")))
    detector = Detector.open("s2-rgb")
    for block in (256, 1000, 4096):
        map_scene(scene, detector, tmp_path / str(block), MapSettings(block_px=block))
    assert_equal_maps(tmp_path / "256", tmp_path / "4096")
    assert_equal_maps(tmp_path / "1000", tmp_path / "4096")


def test_nodata_in_is_nodata_out(tmp_path: Path) -> None:
    values = blobs(120, 130)
    values[:, 30:70, 40:90] = 0
    scene = open_scene(scene_file(tmp_path, values))
    summary = map_scene(scene, BRIGHTNESS, tmp_path / "out", MapSettings(min_area_m2=0, **EXACT)).summary
    encoded, table = read_map(tmp_path / "out")
    np.testing.assert_array_equal(encoded == NODATA, (values == 0).all(axis=0))
    assert summary.valid_fraction == pytest.approx(1 - 40 * 50 / (120 * 130))
    assert summary.valid_area_m2 == pytest.approx(summary.valid_fraction * 120 * 130 * 100, rel=0.005)
    gap = shapely.box(500_000 + 400, 2_500_000 - 700, 500_000 + 900, 2_500_000 - 300)
    assert not table.intersects(gap.buffer(-1)).any()


def test_values_of_nodata_pixels_do_not_change_valid_pixels(tmp_path: Path) -> None:
    values, valid = blobs(90, 90).astype(np.float32), np.ones((90, 90), bool)
    valid[20:50, 10:60] = False
    maps = []
    for number, nonsense in enumerate((0, 20_000, np.nan)):
        filled = np.where(valid, values, np.float32(nonsense))
        scene = memory_scene(filled, observed=valid)
        maps.append(encoded_map(scene, BRIGHTNESS, tmp_path / str(number), **EXACT))
    np.testing.assert_array_equal(maps[0], maps[1])
    np.testing.assert_array_equal(maps[0], maps[2])


def test_the_map_of_an_area_equals_that_part_of_the_whole(tmp_path: Path) -> None:
    geographic = {"transform": Affine(1e-4, 0, 92, 0, -1e-4, 22.5), "crs": "EPSG:4326"}
    scene = memory_scene(blobs(130, 140), **geographic)
    triangle = shapely.Polygon([(92.0032, 22.4911), (92.0117, 22.4931), (92.0051, 22.4987)])
    gpd.GeoSeries([triangle], crs="EPSG:4326").to_file(tmp_path / "area.gpkg")
    area = area_of_interest(str(tmp_path / "area.gpkg"))
    whole = encoded_map(scene, BRIGHTNESS, tmp_path / "whole", block_px=50, **EXACT)
    summary = map_scene(scene, BRIGHTNESS, tmp_path / "part", MapSettings(block_px=33, **EXACT), aoi=area).summary
    part, table = read_map(tmp_path / "part")
    on_grid = area.on(scene.geobox)
    rows, cols = on_grid.window.slices
    inside = on_grid.mask(on_grid.window)
    np.testing.assert_array_equal(part, np.where(inside, whole[rows, cols], NODATA))
    with rasterio.open(tmp_path / "part" / "probability.tif") as raster:
        assert raster.transform.c == pytest.approx(92 + on_grid.window.col * 1e-4)
        assert raster.transform.f == pytest.approx(22.5 - on_grid.window.row * 1e-4)
    assert summary.settings.aoi == area.text
    assert summary.pixels == inside.sum()
    assert summary.valid_fraction == 1, "what was not asked for has no part in it"
    assert table.within(triangle.buffer(1e-4)).all()


def test_the_probability_raster_has_scale_nodata_and_tags(tmp_path: Path) -> None:
    scene = memory_scene(np.tile(np.linspace(0, 10_000, 1100, dtype=np.float32), (1, 1050, 1)), ("B04",))
    summary = map_scene(scene, IDENTITY, tmp_path / "out", MapSettings(min_area_m2=0, **EXACT)).summary
    with rasterio.open(tmp_path / "out" / "probability.tif") as raster:
        assert raster.dtypes == ("uint8",)
        assert raster.scales == (STEP,)
        assert raster.offsets == (0,)
        assert raster.nodata == NODATA
        assert raster.crs.to_epsg() == 32646
        assert raster.transform == scene.geobox.affine
        assert raster.overviews(1)
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert raster.tags()["detector_sha256"] == summary.detector_sha256
        encoded = raster.read(1)
    assert (encoded.min(), encoded.max()) == (0, MAX_ENCODED)
    area_px = reaches_threshold(encoded, summary.threshold).sum()
    assert summary.landslide_area_m2 == pytest.approx(100 * area_px, rel=0.005)


def test_the_threshold_selects_the_landslides(tmp_path: Path) -> None:
    values = np.full((1, 40, 40), 1000, np.float32)
    values[0, 10:20, 10:20] = 6000
    values[0, 13:16, 13:16] = 9000
    scene = memory_scene(values, ("B04",))
    areas = [
        map_scene(
            scene, IDENTITY, tmp_path / str(threshold), MapSettings(threshold=threshold, min_area_m2=0, **EXACT)
        ).summary.landslide_area_m2
        for threshold in (0.05, 0.6, 0.604, 0.9, 0.904)
    ]
    assert areas == pytest.approx([160_000, 10_000, 900, 900, 0], rel=0.005)


def test_the_summary_matches_the_files(tmp_path: Path) -> None:
    scene = open_scene(scene_file(tmp_path, blobs(120, 130)))
    summary = map_scene(scene, BRIGHTNESS, tmp_path / "out", MapSettings(**EXACT)).summary
    _, table = read_map(tmp_path / "out")
    told = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert told["landslides"] == len(table) == summary.landslides
    assert told["landslide_area_m2"] == pytest.approx(table["area_m2"].sum())
    assert told["detector_sha256"] == BRIGHTNESS.sha256
    assert set(told["files"]) == set(PRODUCTS) - {"summary.json"}
    assert 0 < told["network_s"] <= told["wall_s"]
    assert told["resumed"] is False
    wanted = {"valid_fraction", "threshold", "detector", "engine", "peak_rss_mb", "warnings"}
    assert wanted <= set(told)
    assert table["area_m2"].min() >= 400


def test_a_scene_without_valid_pixels_is_an_empty_map_with_a_warning(tmp_path: Path) -> None:
    summary = map_scene(
        memory_scene(np.full((3, 40, 50), np.nan, np.float32)), BRIGHTNESS, tmp_path / "out", MapSettings(**EXACT)
    ).summary
    encoded, table = read_map(tmp_path / "out")
    assert (encoded == NODATA).all()
    assert len(table) == summary.landslides == 0
    assert summary.valid_fraction == summary.valid_area_m2 == summary.landslide_area_m2 == 0
    assert any("no pixel of the mapped area is valid" in warning for warning in summary.warnings)


def test_an_image_without_a_crs_is_mapped_in_pixel_coordinates(tmp_path: Path) -> None:
    scene = memory_scene(np.full((1, 30, 40), 9000, np.float32), ("B04",), transform=Affine.scale(2), crs=None)
    summary = map_scene(scene, IDENTITY, tmp_path / "out", MapSettings(**EXACT)).summary
    _, table = read_map(tmp_path / "out")
    assert table.crs is None
    assert table.total_bounds.tolist() == [0, 0, 40, 30]
    assert summary.landslide_area_m2 == pytest.approx(30 * 40 * 4)


@pytest.mark.parametrize("size_m", [3, 30])
def test_another_pixel_size_than_in_training_is_a_warning(tmp_path: Path, size_m: float) -> None:
    scene = memory_scene(np.full((1, 9, 9), 100, np.float32), ("B04",), transform=Affine(size_m, 0, 5e5, 0, -size_m, 0))
    summary = map_scene(scene, IDENTITY, tmp_path / "out", MapSettings(**EXACT)).summary
    assert any(f"the pixel size is {size_m} m" in warning for warning in summary.warnings)


def test_a_missing_channel_is_named_with_those_of_the_scene(tmp_path: Path) -> None:
    scene = memory_scene(np.full((2, 9, 9), 100, np.float32), ("B04", "B03"))
    with pytest.raises(ChannelError, match=r"'brightness' needs B02.*has B04, B03"):
        map_scene(scene, BRIGHTNESS, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_overlap_as_large_as_a_tile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="overlap_px must be smaller"):
        map_scene(memory_scene(np.full((3, 9, 9), 100.0)), BRIGHTNESS, tmp_path / "out", MapSettings(overlap_px=32))


def test_overlap_changes_the_map(tmp_path: Path) -> None:
    scene = memory_scene(blobs(100, 100))
    none, some = (encoded_map(scene, BRIGHTNESS, tmp_path / str(px), overlap_px=px, **EXACT) for px in (0, 16))
    assert (none != some).any()
    assert not (none == NODATA).any()


def test_tiles_of_another_size_are_those_of_a_detector_with_that_size(tmp_path: Path) -> None:
    scene = memory_scene(blobs(100, 90))
    given_ = encoded_map(scene, BRIGHTNESS, tmp_path / "given", tile_px=64, **EXACT)
    own = encoded_map(scene, brightness(tile_px=64), tmp_path / "own", **EXACT)
    np.testing.assert_array_equal(given_, own)
    assert (given_ != encoded_map(scene, BRIGHTNESS, tmp_path / "card", **EXACT)).any()


@pytest.mark.parametrize(("tile_px", "message"), [(34, "tile_px must be a multiple of 4"), (32, None)])
def test_a_tile_that_the_network_cannot_run_is_refused(tmp_path: Path, tile_px: int, message: str | None) -> None:
    scene, wanted = memory_scene(np.full((3, 9, 9), 100.0)), MapSettings(tile_px=tile_px, **EXACT)
    if message is None:
        map_scene(scene, BRIGHTNESS, tmp_path / "out", wanted)
        return
    with pytest.raises(SettingsError, match=message):
        map_scene(scene, BRIGHTNESS, tmp_path / "out", wanted)
    with pytest.raises(SettingsError, match="tile_px must be larger than the overlap"):
        map_scene(scene, brightness(tile_px=64, overlap_px=48), tmp_path / "out", MapSettings(tile_px=48, **EXACT))


def test_an_older_map_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    out, settings_ = tmp_path / "out", MapSettings(**EXACT)
    one, other = memory_scene(blobs(50, 60, seed=1)), memory_scene(blobs(50, 60, seed=2))
    map_scene(one, BRIGHTNESS, out, settings_)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(OutputError, match="already holds a map"):
        map_scene(other, BRIGHTNESS, out, settings_)

    def fail(stage: str, _: int, __: int) -> None:
        if stage == "writing":
            raise KeyboardInterrupt

    overwriting = settings_.model_copy(update={"overwrite": True})
    with pytest.raises(KeyboardInterrupt):
        map_scene(other, BRIGHTNESS, out, overwriting, progress=fail)
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    map_scene(other, BRIGHTNESS, out, overwriting)
    map_scene(other, BRIGHTNESS, tmp_path / "fresh", settings_)
    assert_equal_maps(out, tmp_path / "fresh")
    assert sorted(path.name for path in out.iterdir()) == sorted(PRODUCTS)


def test_progress_runs_from_zero_to_the_total(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    scene = memory_scene(blobs(70, 80))
    map_scene(
        scene, BRIGHTNESS, tmp_path / "out", MapSettings(block_px=32, **EXACT), progress=lambda *news: told.append(news)
    )
    for stage, total in (("mapping", 70 * 80), ("writing", len(PRODUCTS))):
        done = [one[1] for one in told if one[0] == stage]
        assert done == sorted(done)
        assert done[0] == 0
        assert done[-1] == total
        assert {one[2] for one in told if one[0] == stage} == {total}


def test_memory_holds_a_few_blocks_whatever_the_size_of_the_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read at once does not grow with the scene, and tiles are kept within the budget."""
    read: list[Window] = []
    scene = memory_scene(blobs(400, 500))
    source = scene.layers["B04"].source
    monkeypatch.setattr(fill, "_KEPT_TILES_BYTES", 20 * 4 * 32 * 32)

    class Watched:
        def read(self, bands: list[int], window: Window, out: np.ndarray | None = None) -> object:
            read.append(window)
            return source.read(bands, window, out)

    watched = replace(scene, layers={name: replace(layer, source=Watched()) for name, layer in scene.layers.items()})
    encoded = encoded_map(watched, BRIGHTNESS, tmp_path / "small", block_px=64, **EXACT)
    assert max(max(window.shape) for window in read) <= 64 + 2 * 32
    np.testing.assert_array_equal(encoded, encoded_map(scene, BRIGHTNESS, tmp_path / "large", block_px=512, **EXACT))


@pytest.mark.slow
def test_the_memory_of_a_process_does_not_grow_with_the_scene(tmp_path: Path) -> None:
    """Four times the scene, the same settings: what more is held is far less than what more there is."""
    IDENTITY.save(tmp_path / "i.onnx")
    peaks_mb = []
    for height in (1500, 6000):
        (tmp_path / str(height)).mkdir()
        piece = blobs(500, 500, bands=1)
        path = scene_file(tmp_path / str(height), np.tile(piece, (1, height // 500, 4)), tiled=True, compress="deflate")
        command = [sys.executable, "-m", "landslip", "map", path, "-o", tmp_path / f"out {height}", "--json", "-q"]
        command += ["--detector", tmp_path / "i.onnx", "--block", "256", "--min-area", "0"]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        peaks_mb.append(json.loads(told)["peak_rss_mb"])
    more_values_mb = (6000 - 1500) * 2000 * 4 / 1e6
    assert peaks_mb[1] - peaks_mb[0] < more_values_mb
