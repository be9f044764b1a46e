"""The result of a map in Python: its parts, its warnings, and the same polygons without files."""

import warnings
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from landslip.errors import DomainShiftWarning, LandslipWarning, ReferenceDataError, SceneWarning
from landslip.grid.map_grid import MapGrid
from landslip.mapping.domain_shift import DomainShift, domain_shift_warnings, unsure_warnings
from landslip.mapping.finished_map import finished_job, open_map, read_strips, read_summary
from landslip.mapping.inventory.attributes import COLUMNS
from landslip.mapping.inventory.find import find_landslides, outline_landslides
from landslip.mapping.job import MapSettings
from landslip.mapping.run import MapResult, map_scene
from landslip.probability import decode_probability
from landslip.scenes.scene import Scene
from scenes_made import blobs, memory_scene
from tiny_detectors import brightness

DETECTOR = brightness()


@pytest.fixture(scope="module")
def scene() -> Scene:
    values = blobs(120, 130)
    valid = np.ones((120, 130), np.bool_)
    valid[:20, :30] = False
    return memory_scene(values, observed=valid)


@pytest.fixture(scope="module")
def result(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> MapResult:
    return map_scene(scene, DETECTOR, tmp_path_factory.mktemp("map") / "out", MapSettings(block_px=64, threads=2))


def test_a_result_has_the_parts_of_the_map(result: MapResult) -> None:
    assert result.summary == read_summary(result.folder)
    assert len(result.landslides) == result.summary.landslides > 0
    assert list(result.landslides.columns) == [*COLUMNS, "geometry"]
    assert result.landslides is result.landslides
    assert result.probability.name == "probability.tif"
    assert result.probability.exists()
    assert result.warnings == result.summary.warnings


def test_representations_fit_a_line(result: MapResult) -> None:
    for value in (result, result.summary):
        assert "\n" not in repr(value)
        assert len(repr(value)) < 250


def test_polygons_in_memory_equal_those_of_the_file(result: MapResult, scene: Scene) -> None:
    with rasterio.open(result.probability) as raster:
        probability = decode_probability(raster.read(1))
    made = outline_landslides(probability, scene.geobox, DETECTOR.card, threshold=DETECTOR.card.threshold)
    stored = result.landslides
    assert made.crs == stored.crs
    assert (made.geometry.to_wkb() == stored.geometry.to_wkb()).all()
    numbers = [name for name, kind in COLUMNS.items() if kind != "str"]
    np.testing.assert_array_equal(made[numbers].to_numpy(), stored[numbers].to_numpy())
    assert made["detector"].tolist() == stored["detector"].tolist()


def test_an_array_without_landslides_gives_an_empty_table(scene: Scene) -> None:
    for value in (0.0, np.nan):
        table = outline_landslides(np.full((120, 130), value, np.float32), scene.geobox, DETECTOR.card, threshold=0.5)
        assert len(table) == 0
        assert list(table.columns) == [*COLUMNS, "geometry"]
        assert table.crs == scene.geobox.crs


@pytest.mark.parametrize(("threshold", "min_area_m2"), [(0.3, 0.0), (0.7, 2000.0)])
def test_a_finished_map_gives_the_landslides_of_a_run_at_other_settings(
    result: MapResult, scene: Scene, tmp_path: Path, threshold: float, min_area_m2: float
) -> None:
    job = finished_job(scene, DETECTOR, result.folder, threshold=threshold, min_area_m2=min_area_m2)
    find_landslides(job, read_strips(result.folder, job.grid), tmp_path / "l.gpkg")
    other = map_scene(
        scene, DETECTOR, tmp_path / "map", MapSettings(threshold=threshold, min_area_m2=min_area_m2, threads=2)
    )
    assert gpd.read_file(tmp_path / "l.gpkg").equals(gpd.read_file(other.folder / "landslides.gpkg"))


def test_a_finished_map_is_read_on_its_grid(result: MapResult, scene: Scene) -> None:
    finished = open_map(result.folder)
    assert finished.geobox == scene.geobox
    assert finished.grid == MapGrid.of(scene.geobox, scene.window)
    with rasterio.open(result.probability) as raster:
        np.testing.assert_array_equal(finished.encoded(scene.window), raster.read(1))
    with pytest.raises(ReferenceDataError, match="holds no finished landslide map"):
        read_summary(result.folder / "none")


def test_warnings_are_issued_as_classes_that_can_be_filtered(result: MapResult, scene: Scene) -> None:
    shift = DomainShift(
        windows=8, distance=4.0, far_fraction=1.0, largest_deviations=("B04 mean",), out_of_range={"B04": 0.5}
    )
    scene = replace(scene, warnings=("the image has no CRS",))
    detector = brightness(mapped_probability=1.0)
    unsure = unsure_warnings(0.6, detector.card.threshold, detector.card)
    messages = (*scene.warnings, *domain_shift_warnings(shift, detector.card), *unsure, "the pixel size is 3 m")
    assert len(messages) == 4
    told = {"warnings": messages, "domain_shift": shift, "mean_probability": 0.6, "threshold": detector.card.threshold}
    shifted = MapResult(result.folder, result.summary.model_copy(update=told))
    with pytest.warns(LandslipWarning) as issued:
        shifted.issue_warnings(scene, detector, stacklevel=1)
    assert [str(one.message) for one in issued] == list(messages)
    assert [one.category for one in issued] == [SceneWarning, *[DomainShiftWarning] * 2, LandslipWarning]
    assert {one.filename for one in issued} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=LandslipWarning)
        shifted.issue_warnings(scene, detector)
