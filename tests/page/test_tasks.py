"""Laws of the tasks: a map is that of the command line, and what is found again is what a run would have found."""

import json
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from command_line import run
from landslip.datasets.formats import open_patches
from landslip.evaluation.evaluate import evaluate
from landslip.mapping.finished_map_levels import opened
from landslip.mapping.job import MapSettings
from landslip.mapping.run import map_scene
from landslip.metrics.counts import LevelCounts
from landslip.page.jobs.results import Drawn, Found, PatchResult, Products, SceneResult
from landslip.page.jobs.tasks import (
    Choice,
    DifferenceTask,
    ExploreTask,
    MosaicTask,
    OutlineTask,
    PatchesTask,
    PatchProductsTask,
    PatchSource,
    PictureTask,
    ProductsTask,
    SceneSource,
    SheetTask,
    SketchTask,
    Upload,
)
from landslip.page.uploads.rasters import open_source
from map_comparison import assert_equal_maps
from page_made import detector_file, done, made_scene, mapped, read
from rasters import write_raster
from scenes_made import blobs


@pytest.fixture
def made(tmp_path: Path) -> SceneResult:
    """A map of a small scene with bright spots."""
    return mapped(tmp_path, made_scene(tmp_path), detector_file(tmp_path))


def found(made: SceneResult, out: Path, **choice: float) -> Found:
    task = OutlineTask(
        source=made.source, detector=made.detector, map_folder=made.folder, choice=Choice(**choice), out=out
    )
    return Found.model_validate(done(task))


def test_the_map_is_that_of_the_command_line(made: SceneResult, tmp_path: Path):
    (scene,) = made.source.paths
    told = run("map", scene, "-o", tmp_path / "cli", "--detector", made.detector, "--quiet")
    assert told.code == 0, told.err
    assert_equal_maps(made.folder, tmp_path / "cli")


@pytest.mark.parametrize("choice", [{}, {"threshold": 0.7}, {"threshold": 0.3, "min_area_m2": 5000.0}], ids=str)
def test_what_is_found_again_is_what_a_run_at_those_settings_finds(
    made: SceneResult, tmp_path: Path, choice: dict[str, float]
):
    again = found(made, tmp_path / "again", **choice)
    map_scene(open_source(made.source), opened(made.detector), tmp_path / "run", MapSettings(**choice))
    one, other = gpd.read_file(again.geopackage), gpd.read_file(tmp_path / "run" / "landslides.gpkg")
    assert (one.geometry.to_wkb() == other.geometry.to_wkb()).all()
    assert one.drop(columns="geometry").equals(other.drop(columns="geometry"))
    assert again.count == len(other)
    assert again.area_m2 == pytest.approx(other["area_m2"].sum())
    areas = [row["area_m2"] for row in again.rows]
    assert areas == sorted(areas, reverse=True)


def test_products_at_other_settings_are_those_of_a_run(made: SceneResult, tmp_path: Path):
    choice = Choice(threshold=0.7, min_area_m2=1000)
    task = ProductsTask(
        source=made.source, detector=made.detector, map_folder=made.folder, choice=choice, out=tmp_path / "products"
    )
    products = Products.model_validate(done(task))
    settings = MapSettings(threshold=0.7, min_area_m2=1000)
    map_scene(open_source(made.source), opened(made.detector), tmp_path / "run", settings)
    assert_equal_maps(tmp_path / "products", tmp_path / "run")
    one, other = (
        json.loads((folder / "summary.json").read_text()) for folder in (tmp_path / "products", tmp_path / "run")
    )
    alike = ("landslides", "landslide_area_m2", "threshold", "observed_share", "engine", "detector_sha256", "pixels")
    assert {name: one[name] for name in alike} == {name: other[name] for name in alike}
    with zipfile.ZipFile(products.archive) as archive:
        assert set(archive.namelist()) == set(products.files)


def test_every_format_holds_the_same_landslides(made: SceneResult, tmp_path: Path):
    task = ProductsTask(
        source=made.source, detector=made.detector, map_folder=made.folder, choice=Choice(), out=tmp_path / "products"
    )
    files = Products.model_validate(done(task)).files
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
        levels = raster.read(1)
    np.testing.assert_allclose(probability, levels * 0.004, atol=1e-6)


def test_not_observed_is_nan_in_the_array(tmp_path: Path):
    values = blobs(64, 64)
    values[:, :20] = 0
    made = mapped(tmp_path, made_scene(tmp_path, values), detector_file(tmp_path))
    task = ProductsTask(
        source=made.source, detector=made.detector, map_folder=made.folder, choice=Choice(), out=tmp_path / "products"
    )
    probability = np.load(Products.model_validate(done(task)).files["probability.npy"])
    assert np.isnan(probability[:20]).all()
    assert np.isfinite(probability[20:]).all()


def test_a_minimum_slope_leaves_out_the_level_and_says_so(tmp_path: Path):
    ground = blobs(96, 96)
    height = np.maximum(np.arange(96) - 48, 0) * 10.0 + np.zeros((96, 1))
    path = write_raster(
        tmp_path / "001-x.tif",
        np.concatenate([ground.astype(np.float32), height[None].astype(np.float32)]),
        descriptions=("B04", "B03", "B02", "elevation"),
    )
    (source,) = read(tmp_path, Upload(path=path, shown="hill.tif", kind="raster")).sources
    assert isinstance(source, SceneSource)
    made = mapped(tmp_path, source, detector_file(tmp_path))
    assert made.slope_known
    everywhere, steep = found(made, tmp_path / "a"), found(made, tmp_path / "b", min_slope_deg=20)
    assert 0 < steep.count < everywhere.count
    assert all((row["slope_mean_deg"] or 0) >= 20 for row in steep.rows)
    task = ProductsTask(
        source=source,
        detector=made.detector,
        map_folder=made.folder,
        choice=Choice(min_slope_deg=20),
        out=tmp_path / "products",
    )
    products = Products.model_validate(done(task))
    assert len(gpd.read_file(products.files["landslides.gpkg"])) == steep.count
    assert "mean slope below 20 degrees" in products.files["report.html"].read_text()


def test_pictures_lie_where_the_scene_lies(made: SceneResult, tmp_path: Path):
    ground = Drawn.model_validate(
        done(PictureTask(source=made.source, channels=("B04", "B03", "B02"), out=tmp_path / "pictures"))
    )
    assert (ground.width, ground.height) == (120, 96)
    assert ground.bounds is not None
    west, south, east, north = gpd.read_file(made.folder / "landslides.gpkg").to_crs("EPSG:4326").total_bounds
    assert ground.bounds[0] <= west < east <= ground.bounds[2]
    assert ground.bounds[1] <= south < north <= ground.bounds[3]
    probability = Drawn.model_validate(
        done(
            PictureTask(
                source=made.source, channels=(), probability=made.folder / "probability.tif", out=tmp_path / "pictures"
            )
        )
    )
    sketch = done(
        SketchTask(
            ground=ground.record,
            probability=probability.record,
            outlines=made.folder / "landslides.gpkg",
            chosen=1,
            out=tmp_path / "sketch.webp",
        )
    )
    assert sketch["width"] == 8 * 120


def test_an_inventory_differs_from_itself_by_nothing(made: SceneResult, tmp_path: Path):
    many, few = found(made, tmp_path / "a", threshold=0.4), found(made, tmp_path / "b", threshold=0.8)

    def difference(left: Found, right: Found) -> dict[str, float]:
        return done(
            DifferenceTask(
                left=made.source, right=made.source, left_outlines=left.geopackage, right_outlines=right.geopackage
            )
        )

    same = difference(many, many)
    assert same["left_met"] == many.count
    assert same["left_alone"] == same["right_alone"] == 0
    assert same["left_only_m2"] == same["right_only_m2"] == 0
    other = difference(many, few)
    assert other["right_only_m2"] == pytest.approx(0, abs=1)
    assert other["left_only_m2"] == pytest.approx(many.area_m2 - few.area_m2, rel=0.05)


@pytest.fixture(scope="module")
def patches(examples: Path) -> PatchSource:
    """The patches of the example."""
    return PatchSource(
        title="example", folder=examples / "l4s-rgb-scene-b", channels=("B04", "B03", "B02"), patches=56, labelled=56
    )


@pytest.fixture(scope="module")
def patch_result(patches: PatchSource, tmp_path_factory: pytest.TempPathFactory) -> PatchResult:
    folder = tmp_path_factory.mktemp("patches")
    task = PatchesTask(source=patches, detector=str(detector_file(folder)), out=folder / "result")
    return PatchResult.model_validate(done(task))


def test_scores_of_patches_are_those_of_an_evaluation(patch_result: PatchResult):
    levels, masks = (np.load(patch_result.folder / name) for name in ("levels.npy", "masks.npy"))
    counts = LevelCounts.of_levels(levels, masks)
    evaluated = evaluate(opened(patch_result.detector), open_patches(patch_result.source.folder), threshold=0.5)
    assert counts.at(0.5) == evaluated.pixel


def test_files_of_patches_open_and_agree(patch_result: PatchResult, tmp_path: Path):
    task = PatchProductsTask(
        source=patch_result.source,
        detector=patch_result.detector,
        result=patch_result.folder,
        choice=Choice(),
        out=tmp_path / "products",
    )
    files = Products.model_validate(done(task)).files
    assert np.load(files["probability.npy"], allow_pickle=False).shape == (56, 128, 128)
    table = gpd.read_file(files["landslides.gpkg"])
    assert set(table["patch"]) <= set(patch_result.ids)
    assert len(files["scores.csv"].read_text().splitlines()) == 57


def test_patches_are_drawn_with_and_without_a_result(patch_result: PatchResult, tmp_path: Path):
    task = SheetTask(source=patch_result.source, result=patch_result.folder, first=54, out=tmp_path / "sheet")
    cards = done(task)["cards"]
    assert [card["id"] for card in cards] == list(patch_result.ids[54:])
    assert set(cards[0]["files"]) == {"seen", "truth", "probability", "found"}
    bare = done(task.model_copy(update={"result": None, "out": tmp_path / "bare"}))["cards"]
    assert set(bare[0]["files"]) == {"seen", "truth"}


def test_a_data_set_is_summed_up(patches: PatchSource, tmp_path: Path):
    known = done(ExploreTask(data=patches.folder, out=tmp_path))
    masks = np.stack([patch.mask for patch in open_patches(patches.folder)])
    assert known["landslide_px"] == int((masks == 1).sum())
    assert known["landslide_px"] + known["other_px"] + known["unknown_px"] == masks.size
    assert [one["channel"] for one in known["histograms"]] == ["B04", "B03", "B02"]
    assert set(done(MosaicTask(data=patches.folder, out=tmp_path))["files"]) == {"B"}
