"""Tasks: maps equal those of the command line, and polygons at other settings equal those of a run."""

import json
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Transformer

from command_line import run
from landslip.datasets.formats import open_patches
from landslip.evaluation.evaluate import evaluate
from landslip.mapping.finished_map import open_detector
from landslip.mapping.job import MapSettings
from landslip.mapping.run import map_scene
from landslip.metrics.thresholds import ProbabilityHistogram
from landslip.page.errors import UploadError
from landslip.page.jobs.patch_maps import _colour_errors
from landslip.page.jobs.results import Comparison, Landslides, Overlap, PatchResult, Products, ScenePicture, SceneResult
from landslip.page.jobs.scene_maps import open_source
from landslip.page.jobs.tasks import (
    ComparisonTask,
    ExploreTask,
    LocateTask,
    MapTask,
    MosaicTask,
    OverlayTask,
    PatchMapTask,
    PatchPicturesTask,
    PatchProductsTask,
    PatchSource,
    PictureTask,
    PolygonSettings,
    PolygonsTask,
    ProductsTask,
    SceneSource,
    Upload,
)
from map_comparison import assert_equal_maps
from page_made import LIMITS, detector_file, made_scene, map_source, read, run_task
from rasters import NORTH_UP, UTM, write_raster
from scenes_made import blobs


@pytest.fixture
def made(tmp_path: Path) -> SceneResult:
    """A map of a small scene with bright spots."""
    return map_source(tmp_path, made_scene(tmp_path), detector_file(tmp_path))


def test_what_is_new_is_mapped_where_an_image_before_is_given(tmp_path: Path):
    after = made_scene(tmp_path, blobs(150, 160))
    (tmp_path / "before").mkdir()
    quiet = np.random.default_rng(3).integers(300, 500, (3, 140, 150)).astype(np.uint16)
    before = made_scene(tmp_path / "before", quiet)
    detector = detector_file(tmp_path)
    task = MapTask(source=after, before=before, detector=str(detector), out=tmp_path / "pair")
    result = SceneResult.model_validate(run_task(task))
    assert before.title in result.name
    extracted = Landslides.model_validate(
        run_task(
            PolygonsTask(
                source=after,
                detector=str(detector),
                map_folder=result.folder,
                settings=PolygonSettings(),
                out=tmp_path / "polygons",
            )
        )
    )
    assert extracted.count == json.loads((result.folder / "summary.json").read_text())["landslides"]
    pictures = [
        ScenePicture.model_validate(
            run_task(PictureTask(source=one, channels=("B04", "B03", "B02"), grid_of=on, out=tmp_path / name))
        )
        for one, on, name in ((after, None, "a"), (before, after, "b"))
    ]
    assert (pictures[0].width, pictures[0].height) == (pictures[1].width, pictures[1].height)
    drawn = run_task(
        OverlayTask(
            background=pictures[1].record,
            landslides=extracted.geopackage,
            not_new=result.folder / "landslides.gpkg",
            out=tmp_path / "over.webp",
        )
    )
    assert Path(drawn["image"]).exists()
    products = Products.model_validate(
        run_task(
            ProductsTask(
                source=after,
                detector=str(detector),
                map_folder=result.folder,
                settings=PolygonSettings(),
                out=tmp_path / "files",
            )
        )
    )
    assert "change.tif" in products.files


def extract(made: SceneResult, out: Path, **settings: float) -> Landslides:
    task = PolygonsTask(
        source=made.source,
        detector=made.detector,
        map_folder=made.folder,
        settings=PolygonSettings(**settings),
        out=out,
    )
    return Landslides.model_validate(run_task(task))


def test_the_map_is_that_of_the_command_line(made: SceneResult, tmp_path: Path):
    (scene,) = made.source.paths
    result = run("map", scene, "-o", tmp_path / "cli", "--detector", made.detector, "--quiet")
    assert result.code == 0, result.err
    assert_equal_maps(made.folder, tmp_path / "cli")


@pytest.mark.parametrize("settings", [{}, {"threshold": 0.7}, {"threshold": 0.3, "min_area_m2": 5000.0}], ids=str)
def test_polygons_at_other_settings_equal_those_of_a_run(made: SceneResult, tmp_path: Path, settings: dict[str, float]):
    again = extract(made, tmp_path / "again", **settings)
    map_scene(open_source(made.source), open_detector(made.detector), tmp_path / "run", MapSettings(**settings))
    one, other = gpd.read_file(again.geopackage), gpd.read_file(tmp_path / "run" / "landslides.gpkg")
    assert (one.geometry.to_wkb() == other.geometry.to_wkb()).all()
    assert one.drop(columns="geometry").equals(other.drop(columns="geometry"))
    assert again.count == len(other)
    assert again.area_m2 == pytest.approx(other["area_m2"].sum())
    areas = [row["area_m2"] for row in again.rows]
    assert areas == sorted(areas, reverse=True)


def test_products_at_other_settings_equal_those_of_a_run(made: SceneResult, tmp_path: Path):
    settings = PolygonSettings(threshold=0.7, min_area_m2=1000)
    task = ProductsTask(
        source=made.source, detector=made.detector, map_folder=made.folder, settings=settings, out=tmp_path / "products"
    )
    products = Products.model_validate(run_task(task))
    run_settings = MapSettings(threshold=0.7, min_area_m2=1000)
    map_scene(open_source(made.source), open_detector(made.detector), tmp_path / "run", run_settings)
    assert_equal_maps(tmp_path / "products", tmp_path / "run")
    one, other = (
        json.loads((folder / "summary.json").read_text()) for folder in (tmp_path / "products", tmp_path / "run")
    )
    same = ("landslides", "landslide_area_m2", "threshold", "valid_fraction", "engine", "detector_sha256", "pixels")
    assert {name: one[name] for name in same} == {name: other[name] for name in same}
    with zipfile.ZipFile(products.archive) as archive:
        assert set(archive.namelist()) == set(products.files)


def test_every_format_contains_the_same_landslides(made: SceneResult, tmp_path: Path):
    task = ProductsTask(
        source=made.source,
        detector=made.detector,
        map_folder=made.folder,
        settings=PolygonSettings(),
        out=tmp_path / "products",
    )
    files = Products.model_validate(run_task(task)).files
    table = gpd.read_file(files["landslides.gpkg"])
    assert len(table) > 3
    for name in ("landslides.geojson", "landslides.kml"):
        other = gpd.read_file(files[name])
        assert other.crs == "EPSG:4326"
        assert len(other) == len(table)
        apart = other.to_crs(table.crs).geometry.centroid.distance(table.geometry.centroid)
        assert apart.max() < 0.5, "metres"
    probability = np.load(files["probability.npy"], allow_pickle=False)
    assert probability.dtype == np.float32
    with rasterio.open(files["probability.tif"]) as raster:
        encoded = raster.read(1)
    np.testing.assert_allclose(probability, encoded * 0.004, atol=1e-6)


def test_nodata_is_nan_in_the_array(tmp_path: Path):
    values = blobs(64, 64)
    values[:, :20] = 0
    made = map_source(tmp_path, made_scene(tmp_path, values), detector_file(tmp_path))
    task = ProductsTask(
        source=made.source,
        detector=made.detector,
        map_folder=made.folder,
        settings=PolygonSettings(),
        out=tmp_path / "products",
    )
    probability = np.load(Products.model_validate(run_task(task)).files["probability.npy"])
    assert np.isnan(probability[:20]).all()
    assert np.isfinite(probability[20:]).all()


def test_a_minimum_slope_removes_flat_landslides_and_is_reported(tmp_path: Path):
    image = blobs(96, 96)
    height = np.maximum(np.arange(96) - 48, 0) * 10.0 + np.zeros((96, 1))
    path = write_raster(
        tmp_path / "001-x.tif",
        np.concatenate([image.astype(np.float32), height[None].astype(np.float32)]),
        descriptions=("B04", "B03", "B02", "elevation"),
    )
    (source,) = read(tmp_path, Upload(path=path, name="hill.tif", kind="raster")).sources
    assert isinstance(source, SceneSource)
    made = map_source(tmp_path, source, detector_file(tmp_path))
    assert made.has_slope
    everywhere, steep = extract(made, tmp_path / "a"), extract(made, tmp_path / "b", min_slope_deg=20)
    assert 0 < steep.count < everywhere.count
    assert all((row["slope_mean_deg"] or 0) >= 20 for row in steep.rows)
    task = ProductsTask(
        source=source,
        detector=made.detector,
        map_folder=made.folder,
        settings=PolygonSettings(min_slope_deg=20),
        out=tmp_path / "products",
    )
    products = Products.model_validate(run_task(task))
    assert len(gpd.read_file(products.files["landslides.gpkg"], layer="landslides")) == steep.count
    assert "mean slope below 20 degrees" in products.files["report.html"].read_text()


def test_an_excluded_area_is_that_of_a_map_on_the_command_line(tmp_path: Path):
    path = write_raster(tmp_path / "001-x.tif", blobs(96, 96), descriptions=("B04", "B03", "B02"))
    (source,) = read(tmp_path, Upload(path=path, name="x.tif", kind="raster")).sources
    assert isinstance(source, SceneSource)
    left, top = Transformer.from_crs(UTM, 4326, always_xy=True).transform(*(NORTH_UP * (0, 0)))
    bounds = (left - 0.001, top - 0.004, left + 0.004, top + 0.001)
    everywhere = map_source(tmp_path, source, detector_file(tmp_path))
    task = MapTask(source=source, detector=everywhere.detector, out=tmp_path / "less", masks=(), exclude=bounds)
    less = SceneResult.model_validate(run_task(task))
    made = extract(less, tmp_path / "b")
    assert 0 < made.count < extract(everywhere, tmp_path / "a").count
    excluded = gpd.read_file(made.geopackage, layer="excluded")
    assert set(excluded["reason"]) == {"excluded area"}


@pytest.mark.parametrize("ending", ["gpkg", "geojson", "zip"])
def test_an_excluded_area_may_be_a_file_and_has_the_name_that_the_user_gave(tmp_path: Path, ending: str):
    source = made_scene(tmp_path)
    detector = detector_file(tmp_path)
    left, top = NORTH_UP * (0, 0)
    table = gpd.GeoDataFrame(geometry=[shapely.box(left - 9, top - 400, left + 400, top + 9)], crs=UTM)
    path = tmp_path / "exclude" / f"001-x.{ending}"
    path.parent.mkdir()
    if ending == "zip":
        table.to_file(tmp_path / "area.shp")
        with zipfile.ZipFile(path, "w") as archive:
            for part in tmp_path.glob("area.*"):
                archive.write(part, part.name)
    else:
        table.to_crs(4326).to_file(path)
    kind = {"gpkg": "geopackage"}.get(ending, ending)
    upload = Upload(path=path, name=f"quarry.{ending}", kind=kind)
    task = MapTask(
        source=source, detector=str(detector), out=tmp_path / "m", masks=(), exclude_file=upload, limits=LIMITS
    )
    result = SceneResult.model_validate(run_task(task))
    excluded = gpd.read_file(extract(result, tmp_path / "b").geopackage, layer="excluded")
    assert set(excluded["reason"]) == {"excluded area"}
    summary = (result.folder / "summary.json").read_text()
    assert f"quarry.{ending}" in summary
    assert str(path.parent) not in summary


def test_an_excluded_file_of_several_layers_is_refused_with_the_control_that_chooses_one(tmp_path: Path):
    path = tmp_path / "exclude" / "001-x.gpkg"
    path.parent.mkdir()
    for layer in ("roads", "fields"):
        gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=4326).to_file(path, layer=layer)
    upload = Upload(path=path, name="areas.gpkg", kind="geopackage")
    settings = {"source": made_scene(tmp_path), "detector": str(detector_file(tmp_path)), "out": tmp_path / "m"}
    task = MapTask(**settings, exclude_file=upload, limits=LIMITS)
    with pytest.raises(UploadError, match=r"areas\.gpkg holds several layers.*'Layer of the file' under 'Masks'"):
        run_task(task)


def test_pictures_are_georeferenced(made: SceneResult, tmp_path: Path):
    ground = ScenePicture.model_validate(
        run_task(PictureTask(source=made.source, channels=("B04", "B03", "B02"), out=tmp_path / "pictures"))
    )
    assert (ground.width, ground.height) == (120, 96)
    assert ground.bounds is not None
    west, south, east, north = gpd.read_file(made.folder / "landslides.gpkg").to_crs("EPSG:4326").total_bounds
    assert ground.bounds[0] <= west < east <= ground.bounds[2]
    assert ground.bounds[1] <= south < north <= ground.bounds[3]
    probability = ScenePicture.model_validate(
        run_task(
            PictureTask(
                source=made.source, channels=(), probability=made.folder / "probability.tif", out=tmp_path / "pictures"
            )
        )
    )
    overlay = run_task(
        OverlayTask(
            background=ground.record,
            probability=probability.record,
            landslides=made.folder / "landslides.gpkg",
            selected=1,
            out=tmp_path / "overlay.webp",
        )
    )
    assert overlay["width"] == 8 * 120


def test_an_inventory_equals_itself(made: SceneResult, tmp_path: Path):
    many, few = extract(made, tmp_path / "a", threshold=0.4), extract(made, tmp_path / "b", threshold=0.8)

    def compare(left: Landslides, right: Landslides) -> tuple[Overlap, Overlap]:
        task = ComparisonTask(
            left=made.source, right=made.source, left_landslides=left.geopackage, right_landslides=right.geopackage
        )
        comparison = Comparison.model_validate(run_task(task))
        assert comparison.left is not None
        assert comparison.right is not None
        return comparison.left, comparison.right

    for side in compare(many, many):
        assert side.overlapping == many.count
        assert side.unmatched == side.unmatched_m2 == 0
    left, right = compare(many, few)
    assert right.unmatched_m2 == pytest.approx(0, abs=1)
    assert left.unmatched_m2 == pytest.approx(many.area_m2 - few.area_m2, rel=0.05)


@pytest.fixture(scope="module")
def patches(examples: Path) -> PatchSource:
    """The patches of the example."""
    return PatchSource(
        title="example", folder=examples / "l4s-rgb-scene-b", channels=("B04", "B03", "B02"), patches=56, labelled=56
    )


@pytest.fixture(scope="module")
def patch_result(patches: PatchSource, tmp_path_factory: pytest.TempPathFactory) -> PatchResult:
    folder = tmp_path_factory.mktemp("patches")
    task = PatchMapTask(source=patches, detector=str(detector_file(folder)), out=folder / "result")
    return PatchResult.model_validate(run_task(task))


def test_scores_of_patches_are_those_of_an_evaluation(patch_result: PatchResult):
    encoded, masks = (np.load(patch_result.folder / name) for name in ("encoded.npy", "masks.npy"))
    counts = ProbabilityHistogram.of_encoded(encoded, masks)
    evaluated = evaluate(open_detector(patch_result.detector), open_patches(patch_result.source.folder), threshold=0.5)
    assert counts.at(0.5) == evaluated.pixel


def test_files_of_patches_open_and_agree(patch_result: PatchResult, tmp_path: Path):
    task = PatchProductsTask(
        source=patch_result.source,
        detector=patch_result.detector,
        result=patch_result.folder,
        settings=PolygonSettings(),
        out=tmp_path / "products",
    )
    files = Products.model_validate(run_task(task)).files
    assert np.load(files["probability.npy"], allow_pickle=False).shape == (56, 128, 128)
    table = gpd.read_file(files["landslides.gpkg"])
    assert set(table["patch"]) <= set(patch_result.ids)
    assert len(files["scores.csv"].read_text().splitlines()) == 57


def test_patches_are_rendered_with_and_without_a_prediction(patch_result: PatchResult, tmp_path: Path):
    task = PatchPicturesTask(
        source=patch_result.source,
        result=patch_result.folder,
        detector=patch_result.detector,
        settings=PolygonSettings(threshold=0.2, min_area_m2=0),
        layers=frozenset({"outlines", "probability", "reference", "errors"}),
        first=54,
        out=tmp_path / "pictures",
    )
    pictures = run_task(task)["patches"]
    assert [patch["id"] for patch in pictures] == list(patch_result.ids[54:])
    assert all(patch["labelled"] for patch in pictures)
    rows = [row for patch in pictures for row in patch["rows"]]
    assert len({row["number"] for row in rows}) == len(rows) > 0
    assert all(Path(patch["file"]).is_file() for patch in pictures)
    bare = run_task(task.model_copy(update={"result": None, "layers": frozenset(), "out": tmp_path / "bare"}))
    assert bare["patches"][0]["rows"] == []


def test_without_a_reference_no_pixel_is_coloured_as_a_true_positive(patch_result: PatchResult, tmp_path: Path):
    ids = frozenset(patch_result.ids)
    unlabelled = patch_result.source.model_copy(update={"labelled": 0, "unlabelled": ids})
    task = PatchPicturesTask(
        source=unlabelled,
        result=patch_result.folder,
        detector=patch_result.detector,
        settings=PolygonSettings(threshold=0.01),
        layers=frozenset({"errors"}),
        out=tmp_path / "pictures",
    )
    plain = task.model_copy(update={"layers": frozenset(), "out": tmp_path / "plain"})
    for patch, bare in zip(run_task(task)["patches"], run_task(plain)["patches"], strict=True):
        assert not patch["labelled"]
        assert Path(patch["file"]).read_bytes() == Path(bare["file"]).read_bytes()


def test_a_prediction_on_unlabelled_pixels_is_neither_right_nor_wrong():
    mask = np.array([[1, 0, 255]], np.uint8)
    colours = _colour_errors(np.zeros((1, 3, 3), np.uint8), np.ones((1, 3), bool), mask)
    assert len({tuple(colour) for colour in colours[0].tolist()}) == 3


def test_a_landslide_keeps_its_number_while_the_threshold_moves(made: SceneResult, tmp_path: Path):
    found = {
        threshold: extract(made, tmp_path / f"at-{threshold}", threshold=threshold, min_area_m2=0)
        for threshold in (0.2, 0.4, 0.6, 0.8)
    }
    numbers = {threshold: {row["number"] for row in one.rows} for threshold, one in found.items()}
    for low, high in ((0.2, 0.4), (0.4, 0.6), (0.6, 0.8)):
        assert len(numbers[low]) == len(found[low].rows), "numbers are unique"
        # A landslide at the lower threshold keeps its number until it is below the higher one.
        gone = numbers[low] - numbers[high]
        peaks = {row["number"]: row["probability_max"] for row in found[low].rows}
        assert all(peaks[number] < high for number in gone)
    assert numbers[0.2] & numbers[0.8]
    ids = {one["number"]: one["id"] for one in found[0.8].rows}
    number = next(iter(numbers[0.8]))
    row, col = map(int, number.split("-"))
    task = LocateTask(source=made.source, geopackage=found[0.8].geopackage, row=row, col=col)
    assert run_task(task)["id"] == ids[number]
    assert run_task(task.model_copy(update={"row": 0, "col": 0}))["id"] is None


def test_landslides_without_crs_are_numbered_too(tmp_path: Path):
    path = write_raster(tmp_path / "s.tif", blobs(64, 64), crs=None, transform=None, descriptions=("B04", "B03", "B02"))
    (source,) = read(tmp_path, Upload(path=path, name="s.tif", kind="raster"), pixel_size_m=10).sources
    made = map_source(tmp_path, source, detector_file(tmp_path))
    assert all(row["number"].count("-") == 1 for row in extract(made, tmp_path / "out", min_area_m2=0).rows)


def test_a_data_set_is_summarised(patches: PatchSource, tmp_path: Path):
    known = run_task(ExploreTask(data=patches.folder, out=tmp_path))
    masks = np.stack([patch.mask for patch in open_patches(patches.folder)])
    assert known["landslide_px"] == int((masks == 1).sum())
    assert known["landslide_px"] + known["background_px"] + known["nodata_px"] == masks.size
    assert [one["channel"] for one in known["histograms"]] == ["B04", "B03", "B02"]
    assert set(run_task(MosaicTask(data=patches.folder, out=tmp_path))["files"]) == {"B"}
