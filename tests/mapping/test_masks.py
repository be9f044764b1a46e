"""Masks of a map: what hides the ground is nodata, what rules landslides out keeps its probability, all is counted."""

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyarrow.parquet
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer

import landslip
from landslip.channels import CHANNELS as ALL_CHANNELS
from landslip.detector.detector import Detector
from landslip.errors import AreaError, SettingsError
from landslip.grid.neighbourhoods import is_near
from landslip.grid.window import Window
from landslip.mapping.candidate_shape import looks_like_field_or_road
from landslip.mapping.finished_map import open_map
from landslip.mapping.inventory.attributes import COLUMNS
from landslip.mapping.job import MapSettings
from landslip.mapping.masks.excluded_area import ExcludedArea, read_excluded_area
from landslip.mapping.masks.scene_masks import SceneMasks
from landslip.mapping.run import MapResult, map_scene
from landslip.probability import NODATA, reaches_threshold
from landslip.scenes.masks.kinds import KINDS, hides_ground
from landslip.scenes.raster_file import RasterFile
from landslip.scenes.rasters import open_scene
from landslip.scenes.safe_metadata import SafeMetadata
from landslip.scenes.scene import Scene
from rasters import NORTH_UP, UTM, write_raster
from scenes_made import StoppedError, blobs, memory_scene, stop_at
from tiny_detectors import identity

DETECTOR = identity()
SETTINGS = MapSettings(min_area_m2=0, threads=1, block_px=64, cloud_buffer_m=20, precision="float32")
CHANNELS = ("B03", "B04", "B08", "B11", "elevation")
HEIGHT, WIDTH = 110, 130


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Landslides on a plain and a slope, a lake in the north-east; clouds, shadow and snow by a classification."""
    red = blobs(HEIGHT, WIDTH, bands=1)[0].astype(np.float32)
    green, nir, swir = (np.full((HEIGHT, WIDTH), dn, np.float32) for dn in (600, 2500, 2000))
    lake = (slice(0, 30), slice(90, 130))
    green[lake], nir[lake], swir[lake] = 800, 300, 100
    elevation = np.maximum(np.arange(HEIGHT) - 50.0, 0)[:, None] * 8 + np.zeros((1, WIDTH))
    valid = np.ones((HEIGHT, WIDTH), np.bool_)
    valid[:10, :10] = False
    made = memory_scene(np.stack([green, red, nir, swir, elevation]), CHANNELS, valid)
    classes = np.full((HEIGHT // 2, WIDTH // 2), 4, np.uint8)
    classes[20:32, 5:20], classes[34:40, 8:22], classes[45:50, 40:60] = 9, 3, 11
    path = write_raster(
        tmp_path_factory.mktemp("scl") / "SCL.tif", classes[None], transform=NORTH_UP * Affine.scale(2), crs=UTM
    )
    return replace(made, classification=RasterFile(path))


def run(scene: Scene, out: Path, **settings: object) -> MapResult:
    exclude = settings.pop("exclude", None)
    return map_scene(scene, DETECTOR, out, SETTINGS.model_copy(update=settings), exclude=exclude)


def band(path: Path) -> NDArray[np.uint8]:
    with rasterio.open(path) as file:
        return file.read(1)


@pytest.fixture(scope="module")
def bare(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> MapResult:
    return run(scene, tmp_path_factory.mktemp("bare") / "map", masks=())


@pytest.fixture(scope="module")
def masked(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> MapResult:
    """With every mask, a gentle slope, and an excluded area in the south-west."""
    west, south = Transformer.from_crs(UTM, 4326, always_xy=True).transform(*(NORTH_UP * (0, HEIGHT)))
    area = read_excluded_area(f"{west - 0.001},{south - 0.001},{west + 0.003},{south + 0.003}")
    masks = ("clouds", "shadow", "snow", "water")
    return run(scene, tmp_path_factory.mktemp("masked") / "map", masks=masks, min_slope_deg=10, exclude=area)


def test_hidden_ground_is_nodata_and_nothing_else_is(masked: MapResult, bare: MapResult) -> None:
    codes, encoded, whole = band(masked.folder / "masks.tif"), band(masked.probability), band(bare.probability)
    np.testing.assert_array_equal(encoded == NODATA, hides_ground(codes) | (whole == NODATA))
    np.testing.assert_array_equal(codes == NODATA, whole == NODATA)
    for name in ("clouds", "shadow", "snow", "water", "area"):
        assert (codes == KINDS[name].code).any(), name


def test_a_masked_map_is_the_map_of_a_scene_that_was_not_observed_there(
    scene: Scene, masked: MapResult, tmp_path: Path
) -> None:
    hidden = hides_ground(band(masked.folder / "masks.tif"))
    values, valid = scene.read(CHANNELS)
    unseen = memory_scene(values, CHANNELS, valid & ~hidden)
    np.testing.assert_array_equal(band(masked.probability), band(run(unseen, tmp_path / "map", masks=()).probability))


def test_what_rules_landslides_out_keeps_its_probability(masked: MapResult, bare: MapResult) -> None:
    codes = band(masked.folder / "masks.tif")
    kept = (codes == KINDS["water"].code) | (codes == KINDS["area"].code)
    np.testing.assert_array_equal(band(masked.probability)[kept], band(bare.probability)[kept])


def pixels_of(table: gpd.GeoDataFrame) -> NDArray[np.uint8]:
    """How many outlines cover each pixel."""
    counts = np.zeros((HEIGHT, WIDTH), np.uint8)
    for outline in table.geometry:
        inside = rasterio.features.geometry_mask([outline], counts.shape, NORTH_UP, invert=True)
        counts += inside
    return counts


def test_every_candidate_is_a_landslide_or_excluded_and_never_both(masked: MapResult) -> None:
    excluded = masked.excluded
    assert excluded is not None
    assert list(excluded.columns) == [*COLUMNS, "reason", "geometry"]
    assert set(excluded["reason"]) == {"water", "excluded area", "gentle slope"}
    assert excluded["id"].tolist() == list(range(1, len(excluded) + 1))
    assert masked.landslides["id"].tolist() == list(range(1, len(masked.landslides) + 1))
    covered = pixels_of(masked.landslides) + pixels_of(excluded)
    np.testing.assert_array_equal(covered, reaches_threshold(band(masked.probability), 0.5))
    codes = band(masked.folder / "masks.tif")
    for name in ("water", "area"):
        only = pixels_of(excluded[excluded["reason"] == KINDS[name].title]) > 0
        np.testing.assert_array_equal(only, (covered > 0) & (codes == KINDS[name].code))


def test_gentle_slopes_are_judged_by_the_mean_of_a_candidate(scene: Scene, bare: MapResult, tmp_path: Path) -> None:
    steep = run(scene, tmp_path / "map", masks=(), min_slope_deg=10)
    expected = bare.landslides[~(bare.landslides["slope_mean_deg"] < 10)]
    columns = ["area_m2", "slope_mean_deg", "geometry"]
    assert steep.landslides[columns].equals(expected[columns].reset_index(drop=True))
    assert steep.excluded is not None
    assert len(steep.excluded) == len(bare.landslides) - len(expected) > 0
    (record,) = steep.summary.masks
    assert (record.name, record.effect, record.candidates) == ("slope", "excluded", len(steep.excluded))
    assert record.area_m2 == pytest.approx(record.pixels * 100, rel=0.01)
    assert not (tmp_path / "map" / "masks.tif").exists()


def test_fields_are_judged_by_shape_and_slope(scene: Scene, bare: MapResult, tmp_path: Path) -> None:
    kept = run(scene, tmp_path / "map", masks=(), field_slope_deg=10)
    table = bare.landslides
    shape = (table[name].to_numpy() for name in ("area_m2", "length_m", "width_m"))
    fields = (table["slope_mean_deg"] < 10).to_numpy() & looks_like_field_or_road(*shape)
    columns = ["area_m2", "slope_mean_deg", "geometry"]
    assert kept.landslides[columns].equals(table[~fields][columns].reset_index(drop=True))
    assert 0 < fields.sum() == len(kept.excluded)
    (record,) = kept.summary.masks
    assert (record.name, record.candidates) == ("field", int(fields.sum()))


def test_the_summary_counts_the_pixels_of_each_mask(masked: MapResult) -> None:
    codes = band(masked.folder / "masks.tif")
    records = {record.name: record for record in masked.summary.masks}
    assert list(records) == ["clouds", "shadow", "snow", "area", "water", "slope"]
    for name in ("clouds", "shadow", "snow", "area", "water"):
        count = int((codes == KINDS[name].code).sum())
        assert records[name].pixels == count
        assert records[name].area_m2 == pytest.approx(100 * count, rel=0.01)
        assert records[name].effect == ("nodata" if KINDS[name].hides else "excluded")
        assert records[name].rule
    assert any("is hidden by" in warning for warning in masked.warnings)
    report = (masked.folder / "report.html").read_text()
    assert all(KINDS[name].title in report for name in records)


def test_the_files_of_excluded_candidates_agree(masked: MapResult) -> None:
    assert pyogrio.list_layers(masked.folder / "landslides.gpkg")[:, 0].tolist() == ["landslides", "excluded"]
    table = pyarrow.parquet.read_table(masked.folder / "excluded.parquet")
    assert masked.excluded is not None
    assert table["reason"].to_pylist() == masked.excluded["reason"].tolist()
    assert {"masks.tif", "excluded.parquet"} <= set(masked.summary.files)


@pytest.mark.parametrize("block_px", [16, 37, 200])
def test_masks_do_not_depend_on_blocks(scene: Scene, masked: MapResult, tmp_path: Path, block_px: int) -> None:
    settings = SETTINGS.model_copy(update={"masks": ("clouds", "shadow", "snow", "water"), "block_px": block_px})
    with pytest.raises(StoppedError):
        map_scene(scene, DETECTOR, tmp_path / "map", settings, progress=stop_at(1))
    codes, expected = band(tmp_path / "map" / ".unfinished" / "codes.tif"), band(masked.folder / "masks.tif")
    # Without the excluded area, what lies below it shows.
    same = expected != KINDS["area"].code
    np.testing.assert_array_equal(codes[same], expected[same])
    np.testing.assert_array_equal(band(tmp_path / "map" / ".unfinished" / "encoded.tif"), band(masked.probability))


def test_an_interrupted_run_with_masks_resumes_to_the_same_rasters(scene: Scene, tmp_path: Path) -> None:
    named = replace(scene, identity="a")
    settings = SETTINGS.model_copy(update={"masks": ("clouds", "water"), "block_px": 32})
    whole = map_scene(named, DETECTOR, tmp_path / "whole", settings)
    with pytest.raises(StoppedError):
        map_scene(named, DETECTOR, tmp_path / "part", settings, progress=stop_at(0.5))
    resumed = map_scene(named, DETECTOR, tmp_path / "part", settings)
    assert resumed.summary.resumed
    for name in ("masks.tif", "probability.tif", "excluded.parquet"):
        assert (tmp_path / "part" / name).read_bytes() == (whole.folder / name).read_bytes()
    other = SceneMasks.of(named, ("snow",)).identity
    assert other != SceneMasks.of(named, ("clouds", "water")).identity, "other masks are another map"


@pytest.mark.slow
def test_a_map_without_masks_leaves_no_file_of_the_map_that_it_replaces(scene: Scene, tmp_path: Path) -> None:
    run(scene, tmp_path / "map", masks=("clouds", "water"))
    assert (tmp_path / "map" / "excluded.parquet").exists()
    run(scene, tmp_path / "map", masks=(), overwrite=True)
    assert not (tmp_path / "map" / "excluded.parquet").exists()
    assert not (tmp_path / "map" / "masks.tif").exists()


def test_a_score_takes_hidden_ground_as_nodata_and_excluded_candidates_as_background(masked: MapResult) -> None:
    judged = open_map(masked.folder).judged(Window(0, 0, HEIGHT, WIDTH))
    np.testing.assert_array_equal(judged == NODATA, band(masked.probability) == NODATA)
    np.testing.assert_array_equal(reaches_threshold(judged, 0.5), pixels_of(masked.landslides) > 0)
    part = Window(20, 30, 40, 50)
    np.testing.assert_array_equal(open_map(masked.folder).judged(part), judged[part.slices])


def test_automatic_masks_are_those_that_the_scene_allows(scene: Scene) -> None:
    assert list(SceneMasks.of(scene, "auto").rules) == ["clouds", "shadow", "snow"]
    bands = SceneMasks.of(replace(scene, classification=None), "auto")
    assert list(bands.rules) == ["snow"]
    assert set(bands.left_out) == {"clouds", "shadow"}
    colours = memory_scene(blobs(40, 40))
    nothing = SceneMasks.of(colours, "auto")
    assert not nothing
    assert set(nothing.left_out) == {"clouds", "shadow", "snow"}
    assert not nothing.codes(colours.window).any()


@pytest.mark.parametrize(
    ("masks", "options", "message"),
    [
        (("clouds",), {}, "needs a scene classification"),
        (("water",), {}, "needs B03 and B08"),
        ("auto", {"cloud_source": "scl"}, "has no scene classification"),
        ("auto", {"cloud_source": "s2cloudless"}, "s2cloudless needs Level-1C"),
    ],
)
def test_a_mask_that_the_scene_does_not_allow_is_an_error(masks: object, options: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        SceneMasks.of(memory_scene(blobs(40, 40)), masks, **options)


def test_settings_of_masks_are_checked(scene: Scene, tmp_path: Path) -> None:
    assert MapSettings(masks="clouds, water").masks == ("clouds", "water")
    assert MapSettings(masks="none").masks == ()
    with pytest.raises(SettingsError, match="masks must be auto, none, or names from"):
        MapSettings(masks="fog")
    flat = memory_scene(blobs(40, 40, bands=1), ("B04",))
    with pytest.raises(SettingsError, match="min_slope_deg needs the slope or the elevation"):
        run(flat, tmp_path / "a", min_slope_deg=5)
    with pytest.raises(AreaError) as raised:
        read_excluded_area("nowhere.gpkg")
    assert raised.value.parameter == "exclude"
    away = run(scene, tmp_path / "b", masks=(), exclude=read_excluded_area("10,10,11,11"))
    assert any("does not overlap the scene: it excludes nothing" in warning for warning in away.warnings)
    assert away.excluded is not None
    assert away.excluded.empty


BANDS = ("B02", "B03", "B04", "B08")


class KnownClouds:
    """A source of clouds that are known."""

    rule, version = "known", ""

    def __init__(self, clouds: NDArray[np.bool_]) -> None:
        self.clouds = clouds

    def find(self, window: Window) -> NDArray[np.bool_]:
        return self.clouds[window.slices]


def cloudy_masks(product: SafeMetadata | None = None, *, buffer_m: float = 0) -> SceneMasks:
    """Forest with a cloud in the south-east, a shadow and a narrow river in the north-west, and a lonely roof."""
    bands = np.stack([np.full((400, 420), dn, np.float32) for dn in (500, 700, 400, 3000)])
    bands[:, 20:50, 20:55] *= np.float32(0.3)
    bands[:, 55:58] *= np.float32(0.3)
    clouds = np.zeros((400, 420), np.bool_)
    clouds[60:130, 60:140] = True
    clouds[390:395, 400:406] = True
    scene = replace(memory_scene(bands, BANDS), product=product)
    return replace(SceneMasks.of(scene, ("clouds", "shadow"), buffer_m=buffer_m), clouds=KnownClouds(clouds))


def test_shadow_is_dark_wide_ground_near_clouds() -> None:
    masks = cloudy_masks()
    assert "the sun is unknown" in masks.rules["shadow"]
    codes = masks.codes(masks.scene.window)
    shadow = codes == KINDS["shadow"].code
    assert (shadow[22:48, 22:53]).all()
    assert not shadow[55:58].any(), "a river is narrower than the shadow of a cloud"
    assert not shadow[:, 230:].any()


def test_a_buffer_grows_clouds_and_lonely_narrow_ones_do_not_count() -> None:
    for buffer_m, width in ((0, 70), (60, 82)):
        masks = cloudy_masks(buffer_m=buffer_m)
        clouds = masks.codes(masks.scene.window) == KINDS["clouds"].code
        assert clouds[:, 100].sum() == width
        assert not clouds[380:].any(), "a roof is no cloud"


def test_masks_with_neighbourhoods_are_the_same_in_any_window() -> None:
    masks = cloudy_masks(buffer_m=100)
    codes = masks.codes(masks.scene.window)
    for window in (Window(0, 0, 40, 60), Window(37, 11, 90, 101), Window(399, 0, 1, 420), Window(10, 30, 300, 3)):
        np.testing.assert_array_equal(masks.codes(window), codes[window.slices])


@pytest.mark.parametrize(("azimuth_deg", "found"), [(135.0, True), (315.0, False)])
def test_a_shadow_lies_away_from_the_sun(azimuth_deg: float, found: bool) -> None:
    sun = SafeMetadata(
        name="made",
        level="L2A",
        baseline="02.00",
        spacecraft=None,
        relative_orbit=None,
        orbit_direction=None,
        sensed=None,
        quantification=10_000,
        sun_zenith_deg=30,
        sun_azimuth_deg=azimuth_deg,
    )
    masks = cloudy_masks(sun)
    assert "by the sun angles" in masks.rules["shadow"]
    assert (masks.codes(masks.scene.window)[24:46, 24:50] == KINDS["shadow"].code).any() == found


def test_networks_are_not_used_at_pixel_sizes_at_which_they_fail() -> None:
    coarse = memory_scene(np.full((4, 30, 30), 500), BANDS, transform=NORTH_UP * Affine.scale(12))
    assert "not at 120 m" in SceneMasks.of(coarse, "auto").left_out["clouds"]


@pytest.mark.slow
def test_clouds_of_a_network_are_the_same_in_any_window(shared_data: Path) -> None:
    scene = open_scene(shared_data / "scenes" / "wayanad-2024" / "cloudy", offset=-1000)
    masks = SceneMasks.of(scene, "auto")
    codes = masks.codes(Window(0, 0, 700, 700))
    assert 0.2 < (codes == KINDS["clouds"].code).mean() < 0.5
    assert (codes == KINDS["shadow"].code).any()
    again = SceneMasks.of(scene, "auto")
    for window in (Window(500, 490, 40, 60), Window(37, 11, 90, 101), Window(699, 0, 1, 700)):
        np.testing.assert_array_equal(again.codes(window), codes[window.slices])


def test_excluded_polygons_are_those_of_a_file(scene: Scene, tmp_path: Path) -> None:
    box = shapely.box(*(NORTH_UP * (10, 90)), *(NORTH_UP * (40, 60)))
    gpd.GeoDataFrame(geometry=[box], crs=UTM).to_file(tmp_path / "quarry.gpkg")
    area = ExcludedArea.on(read_excluded_area(str(tmp_path / "quarry.gpkg")), scene.geobox)
    codes = SceneMasks.of(scene, (), area=area).codes(scene.window)
    expected = np.zeros(codes.shape, np.bool_)
    expected[60:90, 10:40] = True
    np.testing.assert_array_equal(codes == KINDS["area"].code, expected)


@pytest.mark.slow
def test_clouds_of_a_real_date_are_nodata_and_landslides_of_the_clear_date_stay(
    shared_data: Path, tmp_path: Path
) -> None:
    """Wayanad; contains modified Copernicus Sentinel data. Under cloud: blue above that of the clear date."""
    folder, detector = shared_data / "scenes" / "wayanad-2024", Detector.open("s2-rgb")
    clear, cloudy = (open_scene(folder / date, offset=-1000) for date in ("clear", "cloudy"))
    difference = cloudy.read(["B02"])[0][0] - clear.read(["B02"])[0][0]
    thick = difference > 1500

    def landslides(scene: Scene, masks: object) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
        out = tmp_path / f"{scene.name}-{masks}"
        encoded = band(map_scene(scene, detector, out, MapSettings(masks=masks, precision="float32")).probability)
        return reaches_threshold(encoded, detector.card.threshold), encoded

    bare, _ = landslides(cloudy, ())
    masked, encoded = landslides(cloudy, "auto")
    assert np.count_nonzero(bare & (difference > 800)) / 100 > 300
    assert np.count_nonzero(masked & (difference > 800) & is_near(thick, 20)) / 100 < 5
    assert (encoded[thick] == NODATA).mean() > 0.99
    assert (encoded == NODATA).mean() < 0.35
    before, after = landslides(clear, ())[0], landslides(clear, "auto")[0]
    assert np.count_nonzero(before & ~after) <= 0.001 * np.count_nonzero(before)


@pytest.mark.slow
def test_masks_cost_no_labelled_landslides(shared_data: Path) -> None:
    """Twenty labelled patches of Landslide4Sense (CC BY 4.0), clear ground in Taiwan."""
    h5py = pytest.importorskip("h5py")
    held = [channel for channel in ALL_CHANNELS.values() if channel.l4s_index is not None]
    lost = total = 0
    for path in sorted((shared_data / "l4s-h5" / "TrainData" / "mask").glob("*.h5")):
        with (
            h5py.File(path) as labels,
            h5py.File(str(path).replace("mask", "img", 1).replace("mask_", "image_")) as file,
        ):
            landslide, image = np.asarray(labels["mask"]) == 1, np.asarray(file["img"])
        values = np.stack([image[..., one.l4s_index] * one.l4s_divisor for one in held]).astype(np.float32)
        patch = memory_scene(values, tuple(one.name for one in held))
        codes = SceneMasks.of(patch, ("clouds", "shadow", "snow", "water")).codes(patch.window)
        lost, total = lost + np.count_nonzero(landslide & (codes > 0)), total + np.count_nonzero(landslide)
    assert total > 10_000
    assert lost <= 0.001 * total


def test_prediction_of_an_array_is_nan_where_masks_hide_the_ground() -> None:
    values = np.full((4, 40, 50), 2000, np.float32)
    names = ("B03", "B04", "B08", "B11")
    values[0, :10], values[3, :10] = 7000, 500
    snow = landslip.predict(values, DETECTOR, channels=names, masks="snow")
    np.testing.assert_array_equal(np.isnan(snow), np.indices(snow.shape)[0] < 10)
    assert not np.isnan(landslip.predict(values, DETECTOR, channels=names)).any()
    with pytest.raises(SettingsError, match="names from clouds, shadow, snow, got water"):
        landslip.predict(values, DETECTOR, channels=names, masks="snow,water")
