"""Finished maps against reference polygons and label rasters on any grid; unusable references are refused."""

import json
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from click.testing import CliRunner
from pyproj import Geod, Transformer

from command_line import run
from landslip.cli.evaluate_map import command
from landslip.errors import AreaError, LandslipError, ReferenceDataError
from landslip.evaluation.reference.polygons import PolygonReference, read_polygons
from landslip.evaluation.reference.score import MapScore, score_map
from landslip.grid.window import Window
from landslip.mapping.area import area_of_interest
from landslip.mapping.finished_map import FinishedMap, open_map
from landslip.mapping.job import MapSettings
from landslip.mapping.run import map_scene
from landslip.metrics.counts import PixelCounts, count_pixels
from rasters import NORTH_UP, UTM, write_raster
from scenes_made import memory_scene
from tiny_detectors import identity

HEIGHT, WIDTH = 150, 200
DEGREES = Affine(1e-4, 0, 92, 0, -1e-4, 22.5)


def found_and_observed() -> tuple[np.ndarray, np.ndarray]:
    """Return the landslides of the fixtures' map (three), and its valid pixels (all but a strip)."""
    found = np.zeros((HEIGHT, WIDTH), bool)
    found[10:20, 10:30] = found[120:149, 130:199] = found[60, 60] = True
    observed = np.ones_like(found)
    observed[:, 95:100] = False
    return found & observed, observed


def made(folder: Path, transform: Affine = NORTH_UP, crs: str | None = UTM) -> FinishedMap:
    found, observed = found_and_observed()
    scene = memory_scene(np.where(found, 9000, 1000)[None], ("B04",), observed, transform=transform, crs=crs)
    map_scene(scene, identity(), folder, MapSettings(resume=False, min_area_m2=0))
    return open_map(folder)


@pytest.fixture(scope="module")
def utm(tmp_path_factory: pytest.TempPathFactory) -> FinishedMap:
    return made(tmp_path_factory.mktemp("utm"))


@pytest.fixture(scope="module")
def degrees(tmp_path_factory: pytest.TempPathFactory) -> FinishedMap:
    return made(tmp_path_factory.mktemp("degrees"), DEGREES, "EPSG:4326")


@pytest.fixture(scope="module")
def unplaced(tmp_path_factory: pytest.TempPathFactory) -> FinishedMap:
    return made(tmp_path_factory.mktemp("unplaced"), Affine.scale(10), None)


def box(top: int, left: int, bottom: int, right: int) -> shapely.Polygon:
    """A rectangle of pixels in the CRS of the map in metres."""
    x, y = NORTH_UP.c, NORTH_UP.f
    return shapely.box(x + 10 * left, y - 10 * bottom, x + 10 * right, y - 10 * top)


def polygons(path: Path, *shapes: shapely.Geometry, crs: str = UTM) -> Path:
    gpd.GeoSeries(list(shapes), crs=UTM).to_crs(crs).to_file(path)
    return path


TRUE_BOXES = ((10, 10, 20, 20), (100, 120, 140, 180))


def boxes_mask() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for top, left, bottom, right in TRUE_BOXES:
        mask[top:bottom, left:right] = 1
    return mask


def expected(mask: np.ndarray) -> PixelCounts:
    return count_pixels(found_and_observed()[0], mask)


@pytest.mark.parametrize(
    ("name", "crs"), [("t.gpkg", UTM), ("t.shp", UTM), ("t.geojson", "EPSG:4326"), ("t.gpkg", "EPSG:3857")]
)
def test_polygons_of_any_format_and_crs_count_as_their_pixels(
    utm: FinishedMap, tmp_path: Path, name: str, crs: str
) -> None:
    score = score_map(utm, polygons(tmp_path / name, *(box(*one) for one in TRUE_BOXES), crs=crs))
    assert score.pixel == expected(boxes_mask())
    assert "no surveyed area was given" in score.notes[0]
    assert any("nodata in 2.5%" in note for note in score.notes)


def test_the_pieces_put_together_are_the_map(utm: FinishedMap, tmp_path: Path) -> None:
    said = score_map(utm, polygons(tmp_path / "t.gpkg", box(*TRUE_BOXES[0]))).predictions
    whole = utm.encoded(Window(0, 0, HEIGHT, WIDTH))
    for entry, encoded in zip(said.entries, said.encoded, strict=True):
        part = whole[128 * entry.row : 128 * entry.row + 128, 128 * entry.col : 128 * entry.col + 128]
        np.testing.assert_array_equal(encoded[: part.shape[0], : part.shape[1]], part)
    assert len(said) == 4
    assert (said.masks != 255).sum() == HEIGHT * WIDTH


def test_outside_the_area_of_labelling_nothing_is_known(utm: FinishedMap, tmp_path: Path) -> None:
    truth = polygons(tmp_path / "t.gpkg", *(box(*one) for one in TRUE_BOXES))
    looked = polygons(tmp_path / "looked.gpkg", box(90, 110, 150, 200), crs="EPSG:4326")
    mask = np.full((HEIGHT, WIDTH), 255, np.uint8)
    mask[90:150, 110:200] = boxes_mask()[90:150, 110:200]
    score = score_map(utm, truth, area=area_of_interest(str(looked)))
    assert score.pixel == expected(mask)
    assert not any("no surveyed area" in note for note in score.notes)
    nothing = polygons(tmp_path / "none.gpkg", crs=UTM)
    quiet = score_map(utm, nothing, area=area_of_interest(str(looked)))
    assert (quiet.pixel.tp, quiet.pixel.fn) == (0, 0)
    assert quiet.pixel.fp == 29 * 69
    with pytest.raises(
        ReferenceDataError, match="holds no polygon: for a map without landslides, give the surveyed area"
    ):
        score_map(utm, nothing)


def test_areas_are_geodesic(utm: FinishedMap, degrees: FinishedMap, tmp_path: Path) -> None:
    for mapped in (utm, degrees):
        t = mapped.grid.transform
        shape = shapely.box(t.c + 10 * t.a, t.f + 20 * t.e, t.c + 20 * t.a, t.f + 10 * t.e)
        path = tmp_path / f"{mapped.folder.name}.gpkg"
        gpd.GeoSeries([shape], crs=mapped.grid.crs).to_file(path)
        score = score_map(mapped, path)
        lonlat = Transformer.from_crs(mapped.grid.crs, "EPSG:4326", always_xy=True)
        ring = shapely.get_coordinates(shapely.segmentize(shape, shape.length / 200))
        geodesic_m2 = abs(Geod(ellps="WGS84").polygon_area_perimeter(*lonlat.transform(*ring.T))[0])
        assert score.areas_m2["detected"] == pytest.approx(geodesic_m2, rel=2e-4)
        assert PolygonReference.on(read_polygons(path), mapped.grid).area_m2 == pytest.approx(geodesic_m2, rel=1e-6)
        objects = score.objects()
        assert (objects.reference, objects.mapped, objects.matches) == (1, 3, 1)
        assert objects.reference_area_m2 == pytest.approx(geodesic_m2, rel=1e-3)


def test_landslides_where_the_map_is_nodata_are_missed_and_noted(utm: FinishedMap, tmp_path: Path) -> None:
    score = score_map(utm, polygons(tmp_path / "t.gpkg", box(0, 90, 10, 100)))
    assert score.pixel.fn == 100
    assert score.areas_m2["missed_nodata"] == pytest.approx(5 / 10 * score.areas_m2["missed"])


def test_self_intersecting_polygons_are_repaired_and_noted(utm: FinishedMap, tmp_path: Path) -> None:
    left, bottom, right, top = box(100, 120, 140, 180).bounds
    bow = shapely.Polygon([(left, bottom), (right, top), (right, bottom), (left, top)])
    speck = shapely.box(left + 2, bottom + 2, left + 3, bottom + 3)
    far = shapely.box(left + 10_000, bottom, right + 10_000, top)
    score = score_map(utm, polygons(tmp_path / "t.gpkg", bow, speck, far, shapely.Point(left, top)))
    inside = np.zeros((HEIGHT, WIDTH), np.uint8)
    rows, cols = np.mgrid[100:140, 120:180]
    down, across = (rows - 99.5) / 40 - 0.5, (cols - 119.5) / 60 - 0.5
    inside[100:140, 120:180] = np.abs(down) < np.abs(across)
    assert abs(score.pixel.tp + score.pixel.fn - int(inside.sum())) < 40
    said = " ".join(score.notes)
    for words in ("1 self-intersecting polygons of t.gpkg", "1 rows of t.gpkg hold no polygon", "1 of 3 polygons lie"):
        assert words in said
    assert "1 polygons are so small" in said


def test_polygons_outside_the_map_or_without_a_crs_are_refused(
    utm: FinishedMap, unplaced: FinishedMap, tmp_path: Path
) -> None:
    away = polygons(tmp_path / "away.gpkg", shapely.affinity.translate(box(*TRUE_BOXES[0]), 50_000, 0))
    with pytest.raises(ReferenceDataError, match=r"none of the 1 polygons of away.gpkg overlaps the map"):
        score_map(utm, away)
    with pytest.raises(ReferenceDataError, match="the map has no CRS"):
        score_map(unplaced, away)
    # Metres in a file that says degrees, as GeoJSON always does.
    wrong = tmp_path / "wrong.geojson"
    wrong.write_text(json.dumps(shapely.geometry.mapping(box(*TRUE_BOXES[0]))))
    with pytest.raises((ReferenceDataError, AreaError)):
        score_map(utm, wrong)
    with pytest.raises(ReferenceDataError, match="landslide_values applies to label rasters only"):
        score_map(utm, away, landslide_values=[1])
    within_a_pixel = polygons(tmp_path / "looked.gpkg", shapely.Point(NORTH_UP * (0.2, 0.2)).buffer(1))
    with pytest.raises(ReferenceDataError, match="give a reference, and an area, that overlap the map"):
        score_map(utm, polygons(tmp_path / "t.gpkg", box(*TRUE_BOXES[0])), area=area_of_interest(str(within_a_pixel)))


def test_files_without_polygons_are_refused(utm: FinishedMap, tmp_path: Path) -> None:
    polygons(tmp_path / "points.gpkg", box(*TRUE_BOXES[0]).centroid)
    (tmp_path / "broken.geojson").write_text('{"type": "FeatureCollection", "features": [')
    (tmp_path / "text.tif").write_text("no raster")
    for layer in ("a", "b"):
        gpd.GeoSeries([box(*TRUE_BOXES[0])], crs=UTM).to_file(tmp_path / "two.gpkg", layer=layer)
    for name in ("points.gpkg", "broken.geojson", "text.tif", "two.gpkg", "none.gpkg"):
        with pytest.raises(LandslipError, match=name):
            score_map(utm, tmp_path / name)
    gpd.GeoSeries([box(*TRUE_BOXES[0])], crs=UTM).to_file(tmp_path / "two.gpkg", layer="landslides")
    assert score_map(utm, tmp_path / "two.gpkg").pixel.tp == 100


def raster(folder: Path, mask: np.ndarray, **options: object) -> Path:
    return write_raster(folder / "truth.tif", mask.astype(options.pop("dtype", np.uint8)), **options)


def test_a_label_raster_on_the_grid_of_the_map_counts_pixel_by_pixel(utm: FinishedMap, tmp_path: Path) -> None:
    mask = boxes_mask()
    mask[:40] = 255
    assert score_map(utm, raster(tmp_path, mask)).pixel == expected(mask)
    nodata = np.where(mask == 255, 77, mask)
    assert score_map(utm, raster(tmp_path, nodata, nodata=77)).pixel == expected(mask)
    as_float = np.where(mask == 255, np.nan, mask)
    assert score_map(utm, raster(tmp_path, as_float, dtype=np.float32)).pixel == expected(mask)


@pytest.mark.parametrize(
    ("coding", "said"), [({0: 0, 1: 255}, [255]), ({0: 1, 1: 2}, [2]), ({0: 0, 1: 7}, [7]), ({0: 1, 1: 0}, [0])]
)
def test_other_codings_need_landslide_values(
    utm: FinishedMap, tmp_path: Path, coding: dict[int, int], said: list[int]
) -> None:
    mask = boxes_mask()
    path = raster(tmp_path, np.where(mask == 1, coding[1], coding[0]))
    score = score_map(utm, path, landslide_values=said)
    assert score.pixel == expected(mask)
    assert any(f"{said[0]} is landslide" in note for note in score.notes)
    if coding != {0: 1, 1: 0}:
        with pytest.raises(ReferenceDataError, match="set landslide_values"):
            score_map(utm, path)
    with pytest.raises(ReferenceDataError, match="got 9"):
        score_map(utm, path, landslide_values=[9])


def test_255_as_nodata_of_the_file_is_no_landslide_value(utm: FinishedMap, tmp_path: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:75] = 255
    assert score_map(utm, raster(tmp_path, mask, nodata=255)).pixel == expected(mask)
    with pytest.raises(ReferenceDataError, match="0 and 255"):
        score_map(utm, raster(tmp_path, mask))
    with pytest.raises(ReferenceDataError, match="nodata everywhere"):
        score_map(utm, raster(tmp_path, np.full_like(mask, 255), nodata=255))


def test_several_values_may_be_landslide(utm: FinishedMap, tmp_path: Path) -> None:
    classes = boxes_mask() * np.where(np.arange(WIDTH) < 100, 3, 4)
    score = score_map(utm, raster(tmp_path, classes), landslide_values=[3, 4])
    assert score.pixel == expected(boxes_mask())
    only = score_map(utm, raster(tmp_path, classes), landslide_values=[3])
    assert only.pixel.tp + only.pixel.fn == 100
    assert "3 is landslide, 0 and 4 is background" in " ".join(only.notes)


@pytest.mark.parametrize("step", [5.0, 10.0, 20.0])
def test_a_raster_on_another_grid_is_asked_at_the_centres_of_pixels(
    utm: FinishedMap, tmp_path: Path, step: float
) -> None:
    """Coarser, finer or shifted, and smaller than the map."""
    shift = Affine.translation(123.0, -61.0)
    labels = np.random.default_rng(0).integers(0, 2, (60, 60)).astype(np.uint8)
    transform = shift * Affine(step, 0, NORTH_UP.c, 0, -step, NORTH_UP.f)
    score = score_map(utm, raster(tmp_path, labels, transform=transform))
    mask = np.full((HEIGHT, WIDTH), 255, np.uint8)
    for row, col in np.ndindex(mask.shape):
        x, y = NORTH_UP * (col + 0.5, row + 0.5)
        at_col, at_row = (int(np.floor(place)) for place in ~transform * (x, y))
        if 0 <= at_row < 60 and 0 <= at_col < 60:
            mask[row, col] = labels[at_row, at_col]
    assert score.pixel == expected(mask)
    assert any("another grid" in note for note in score.notes)


def test_a_raster_in_another_crs_is_asked_where_the_pixels_lie(utm: FinishedMap, tmp_path: Path) -> None:
    lonlat = Transformer.from_crs(UTM, "EPSG:4326", always_xy=True)
    west, north = lonlat.transform(NORTH_UP.c - 200, NORTH_UP.f + 200)
    labels = (np.indices((300, 300)).sum(axis=0) // 20 % 2).astype(np.uint8)
    transform = Affine(1e-4, 0, west, 0, -1e-4, north)
    score = score_map(utm, raster(tmp_path, labels, transform=transform, crs="EPSG:4326"))
    cols, rows = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    lon, lat = lonlat.transform(NORTH_UP.c + 10 * cols, NORTH_UP.f - 10 * rows)
    mask = labels[np.floor((north - lat) / 1e-4).astype(int), np.floor((lon - west) / 1e-4).astype(int)]
    wanted = expected(mask)
    for name in ("tp", "fp", "fn", "tn"):
        assert getattr(score.pixel, name) == pytest.approx(getattr(wanted, name), abs=3)


def test_rasters_that_do_not_fit_are_refused(utm: FinishedMap, unplaced: FinishedMap, tmp_path: Path) -> None:
    mask = boxes_mask()
    with pytest.raises(ReferenceDataError, match="does not overlap the map"):
        score_map(utm, raster(tmp_path, mask, transform=Affine(10, 0, 600_000, 0, -10, 2_500_000)))
    with pytest.raises(ReferenceDataError, match="without a CRS"):
        score_map(utm, raster(tmp_path, mask, crs=None, transform=None))
    with pytest.raises(ReferenceDataError, match="with one band"):
        score_map(utm, raster(tmp_path, np.stack([mask, mask])))
    with pytest.raises(ReferenceDataError, match="more than 16 values, or fractions"):
        score_map(utm, raster(tmp_path, mask * 0.5, dtype=np.float32))
    with pytest.raises(ReferenceDataError, match="more than 16 values"):
        score_map(utm, raster(tmp_path, np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 200))
    with pytest.raises(ReferenceDataError, match="give both with a CRS"):
        score_map(unplaced, raster(tmp_path, mask[1:], crs=None, transform=None))


def test_an_image_without_a_crs_takes_labels_of_its_size(unplaced: FinishedMap, tmp_path: Path) -> None:
    score = score_map(unplaced, raster(tmp_path, boxes_mask(), crs=None, transform=None))
    assert score.pixel == expected(boxes_mask())
    assert sum(list(score.areas_m2.values())[:4]) == pytest.approx(100 * HEIGHT * WIDTH)


def test_a_copy_of_the_map_is_perfect_where_it_was_observed_and_reported(utm: FinishedMap, tmp_path: Path) -> None:
    copy = shutil.copy(utm.folder / "landslides.gpkg", tmp_path)
    score = score_map(utm, copy)
    assert (score.pixel.f1, score.objects().f1, score.objects().mean_iou) == (1, 1, 1)
    assert any("landslides.gpkg equals the map in every pixel" in note for note in score.notes)


@pytest.mark.parametrize("name", ["landslides.gpkg", "landslides.parquet", "probability.tif"])
def test_files_of_the_map_itself_are_no_reference(utm: FinishedMap, name: str) -> None:
    with pytest.raises(ReferenceDataError, match=f"{name} is a file of the map itself") as error:
        score_map(utm, utm.folder / name)
    assert error.value.parameter == "reference"


def test_a_folder_without_a_finished_map_is_refused(utm: FinishedMap, tmp_path: Path) -> None:
    with pytest.raises(ReferenceDataError, match="holds no finished landslide map"):
        open_map(tmp_path)
    for name in ("summary.json", "probability.tif"):
        (tmp_path / name).write_bytes((utm.folder / name).read_bytes())
    assert open_map(tmp_path).summary == utm.summary
    with (tmp_path / "probability.tif").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ReferenceDataError, match="was changed after the map was made"):
        open_map(tmp_path)
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(ReferenceDataError, match="is not a map summary"):
        open_map(tmp_path)


def test_the_command_tells_people_and_programs(utm: FinishedMap, tmp_path: Path) -> None:
    truth = polygons(tmp_path / "t.gpkg", *(box(*one) for one in TRUE_BOXES))
    arguments = [str(utm.folder), "--truth", str(truth)]
    told = CliRunner().invoke(command, arguments)
    assert told.exit_code == 0, told.output
    for words in (
        "identity at threshold 0.5 against t.gpkg",
        "interval not given: only 1 block",
        "1 of 2 reference landslides detected",
        "warning",
    ):
        assert words in told.stdout
    answer = json.loads(CliRunner().invoke(command, [*arguments, "--json", "--threshold", "0.95"]).stdout)
    assert (answer["threshold"], answer["pixel"]["tp"], answer["objects"]["reference"]) == (0.95, 0, 2)
    assert CliRunner().invoke(command, arguments[:1]).exit_code == 2


def test_threshold_of_a_map_and_of_its_score_are_one(utm: FinishedMap, tmp_path: Path) -> None:
    truth = polygons(tmp_path / "t.gpkg", box(*TRUE_BOXES[0]))
    score: MapScore = score_map(utm, truth, threshold=0.05)
    assert score.pixel.fp > 20_000
    assert score.as_dict()["threshold"] == 0.05
    with pytest.raises(LandslipError, match="between 0 and 1"):
        score_map(utm, truth, threshold=5)


BACKGROUND_AS_NODATA = {
    "0 declared as nodata": (lambda mask: mask, {"nodata": 0}),
    "NaN": (lambda mask: np.where(mask == 1, 1, np.nan), {"dtype": np.float32}),
    "255 for everything else": (lambda mask: np.where(mask == 1, 1, 255), {}),
}


@pytest.mark.parametrize("kind", BACKGROUND_AS_NODATA)
def test_a_reference_without_background_is_refused_or_its_nodata_taken_as_background(
    utm: FinishedMap, tmp_path: Path, kind: str
) -> None:
    change, options = BACKGROUND_AS_NODATA[kind]
    path = raster(tmp_path, change(boxes_mask()), **options)
    with pytest.raises(ReferenceDataError, match="none as background, so precision and F1 cannot") as refused:
        score_map(utm, path)
    assert refused.value.parameter == "nodata_is_background"
    score = score_map(utm, path, nodata_is_background=True)
    assert score.pixel == expected(boxes_mask())
    assert "nodata of truth.tif was taken as background" in score.notes
    told = CliRunner().invoke(command, [str(utm.folder), "--truth", str(path), "--nodata-as-background", "--json"])
    assert json.loads(told.stdout)["pixel"] == score.pixel.as_dict()


def test_nodata_beyond_the_raster_is_not_background(utm: FinishedMap, tmp_path: Path) -> None:
    half = boxes_mask()[:, :100]
    score = score_map(utm, raster(tmp_path, half, nodata=0), nodata_is_background=True)
    assert score.pixel.pixels == half.size


def test_an_area_that_is_all_landslide_or_a_little_background(utm: FinishedMap, tmp_path: Path) -> None:
    path = polygons(tmp_path / "t.gpkg", box(*TRUE_BOXES[1]))
    within = polygons(tmp_path / "within.gpkg", box(105, 125, 130, 170))
    with pytest.raises(ReferenceDataError, match="give an area that is larger than the polygons") as refused:
        score_map(utm, path, area=area_of_interest(str(within)))
    assert refused.value.parameter == "area"
    with pytest.raises(ReferenceDataError, match="nodata_is_background applies to label rasters only"):
        score_map(utm, path, nodata_is_background=True)
    mask = np.where(boxes_mask() == 1, 1, 255)
    mask[0, :3] = 0
    assert any(
        "0.1% of the labelled pixels are background" in note for note in score_map(utm, raster(tmp_path, mask)).notes
    )


def test_landslides_below_the_minimum_area_of_the_map_are_left_out_and_reported(tmp_path: Path) -> None:
    found, observed = found_and_observed()
    found[30:32, 50:52] = found[35, 60] = True
    scene = memory_scene(np.where(found, 9000, 1000)[None], ("B04",), observed)
    map_scene(scene, identity(), tmp_path / "map", MapSettings(resume=False, min_area_m2=1000))
    truth = polygons(tmp_path / "t.gpkg", *(box(*one) for one in TRUE_BOXES), box(30, 50, 32, 52), box(5, 150, 7, 152))
    score = score_map(tmp_path / "map", truth)
    objects = score.objects()
    assert (objects.reference, objects.mapped, objects.matches) == (2, 2, 1), "as in the inventory of the map"
    assert (score.small.reference, score.small.mapped) == (2, 3)
    assert any("3 candidates and 2 reference landslides are left out" in note for note in score.notes)
    assert score.as_dict()["left_out"]["mapped"] == 3
    every = score_map(tmp_path / "map", truth, min_area_m2=0)
    assert (every.objects().reference, every.objects().mapped) == (4, 5)
    assert every.pixel == score.pixel
    assert every.small.note() is None


def test_a_large_candidate_on_a_small_reference_is_neither_correct_nor_false(utm: FinishedMap, tmp_path: Path) -> None:
    truth = polygons(tmp_path / "t.gpkg", box(*TRUE_BOXES[1]), box(11, 11, 13, 13))
    score = score_map(utm, truth, min_area_m2=1000)
    assert score.small.mapped_on_small_reference == 1
    assert (score.objects().reference, score.objects().mapped) == (1, 1)


def test_references_and_areas_of_any_layer_and_their_repairs_are_told(utm: FinishedMap, tmp_path: Path) -> None:
    for layer, index in (("old", 1), ("new", 0)):
        gpd.GeoSeries([box(*TRUE_BOXES[index])], crs=UTM).to_file(tmp_path / "two.gpkg", layer=layer)
    gpd.GeoSeries([box(0, 0, 150, 100)], crs=UTM).to_file(tmp_path / "areas.gpkg", layer="a")
    gpd.GeoSeries([box(0, 100, 150, 200)], crs=UTM).to_file(tmp_path / "areas.gpkg", layer="b")
    arguments = [str(utm.folder), "--truth", str(tmp_path / "two.gpkg"), "--area", str(tmp_path / "areas.gpkg")]
    refused = run("evaluate-map", *arguments)
    assert refused.code == 2
    assert "'a', 'b'" in refused.err
    assert "set it with --area-layer" in refused.err
    refused = run("evaluate-map", *arguments, "--area-layer", "a")
    assert refused.code == 2
    assert "set it with --layer" in refused.err
    told = run("evaluate-map", *arguments, "--area-layer", "a", "--layer", "new", "--json")
    assert json.loads(told.out)["pixel"]["tp"] == 100
    for name, word in (("notes.txt", "polygons are read from GeoPackage"), ("t.docx", "polygons are read from")):
        (tmp_path / name).write_text("text")
        with pytest.raises(ReferenceDataError, match=word):
            score_map(utm, tmp_path / name)
