"""Polygons from vector files: every format, repairs that are counted, layers that must be chosen, and no traceback."""

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from bad_polygons import geometries
from landslip.errors import AreaError, LandslipError, PolygonFileError, ReferenceDataError
from landslip.evaluation.reference.polygons import read_polygons
from landslip.mapping.area import area_of_interest
from landslip.mapping.inventory.attributes import COLUMNS
from landslip.mapping.inventory.files import LAYER, write_geoparquet
from landslip.mapping.polygon_files import FORMATS, PolygonFile, read_polygon_file

SQUARE = shapely.box(92.1, 22.4, 92.2, 22.5)
OTHER = shapely.box(92.3, 22.4, 92.35, 22.45)
RING = [[92.1, 22.4], [92.2, 22.4], [92.2, 22.5], [92.1, 22.5]]


def table(*shapes: shapely.Geometry, crs: str | None = "EPSG:4326") -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"name": [f"n{index}" for index in range(len(shapes))]}, geometry=list(shapes), crs=crs)


def geojson(path: Path, *geometries: object, **members: object) -> Path:
    features = [{"type": "Feature", "properties": {}, "geometry": geometry} for geometry in geometries]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **members}))
    return path


def polygon(*rings: object) -> dict[str, object]:
    return {"type": "Polygon", "coordinates": list(rings)}


def zipped(path: Path, *members: tuple[str, Path]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, file in members:
            archive.write(file, name)
    return path


def shapefile_in_folders(folder: Path) -> Path:
    table(SQUARE).to_file(folder / "a.shp")
    parts = [(f"data/2024/shapes/{file.name}", file) for file in sorted(folder.glob("a.*"))]
    (folder / "readme.csv").write_text("column,meaning\nname,of the area\n")
    (folder / "metadata.json").write_text('{"title": "no features"}')
    (folder / "mac.shp").write_bytes(b"\0" * 20)
    extra = [("readme.csv", folder / "readme.csv"), ("metadata.json", folder / "metadata.json")]
    return zipped(folder / "a.zip", *parts, *extra, ("__MACOSX/data/._a.shp", folder / "mac.shp"))


def geodatabase(folder: Path) -> Path:
    pyogrio.write_dataframe(table(SQUARE), folder / "a.gdb", driver="OpenFileGDB", layer="areas")
    return folder / "a.gdb"


def zipped_geodatabase(folder: Path) -> Path:
    database = geodatabase(folder)
    files = [(f"deep/a.gdb/{file.name}", file) for file in sorted(database.iterdir())]
    return zipped(folder / "a.gdb.zip", *files)


def kmz(folder: Path) -> Path:
    table(SQUARE).to_file(folder / "doc.kml", driver="KML")
    return zipped(folder / "a.kmz", ("doc.kml", folder / "doc.kml"))


def csv(folder: Path, header: str, *rows: str) -> Path:
    (folder / "a.csv").write_text("\n".join([header, *rows]), encoding="utf-8-sig")
    return folder / "a.csv"


def written(name: str, **options: object) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        table(SQUARE).to_file(folder / name, **options)
        return folder / name

    return write


def parquet(folder: Path) -> Path:
    table(SQUARE).to_parquet(folder / "a.parquet")
    return folder / "a.parquet"


def styled_geopackage(folder: Path) -> Path:
    """A GeoPackage with the table of styles that QGIS writes."""
    path = written("a.gpkg")(folder)
    pyogrio.write_dataframe(table(SQUARE).drop(columns="geometry"), path, layer="layer_styles", append=True)
    return path


def kml_with_points(folder: Path) -> Path:
    """A KML with a folder of points beside that of polygons."""
    text = (
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder><name>pins</name><Placemark><Point>'
        "<coordinates>92,22</coordinates></Point></Placemark></Folder><Folder><name>area</name><Placemark><Polygon>"
        "<outerBoundaryIs><LinearRing><coordinates>92.1,22.4 92.2,22.4 92.2,22.5 92.1,22.5 92.1,22.4</coordinates>"
        "</LinearRing></outerBoundaryIs></Polygon></Placemark></Folder></Document></kml>"
    )
    (folder / "a.kml").write_text(text)
    return folder / "a.kml"


FILES: dict[str, Callable[[Path], Path]] = {
    "GeoPackage": written("a.gpkg"),
    "GeoPackage with styles": styled_geopackage,
    "GeoJSON": written("a.geojson"),
    "JSON with a byte order mark": lambda folder: _with_bom(written("a.geojson")(folder)),
    "shapefile": written("a.shp"),
    "FlatGeobuf": written("a.fgb"),
    "GeoParquet": parquet,
    "KML": written("a.kml", driver="KML"),
    "KML with points": kml_with_points,
    "KMZ": kmz,
    "GML": written("a.gml", driver="GML"),
    "MapInfo": written("a.tab", driver="MapInfo File"),
    "zip with folders": shapefile_in_folders,
    "zip of GeoParquet": lambda folder: zipped(folder / "b.zip", ("x/a.parquet", parquet(folder))),
    "File Geodatabase": geodatabase,
    "zipped File Geodatabase": zipped_geodatabase,
    "CSV with WKT": lambda folder: csv(folder, "id,WKT", f'1,"{SQUARE.wkt}"', "2,"),
    "CSV with EWKT": lambda folder: csv(folder, "geom;id", f'"SRID=4326;{SQUARE.wkt}";1'),
    "CSV with hexadecimal WKB": lambda folder: csv(folder, "the_geom,id", f"{SQUARE.wkb_hex},1"),
}


def _with_bom(path: Path) -> Path:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    return path


@pytest.mark.parametrize("kind", FILES)
def test_every_format_gives_the_same_area_and_reference(kind: str, tmp_path: Path) -> None:
    path = FILES[kind](tmp_path)
    area, reference = area_of_interest(str(path)), read_polygons(path)
    for geometry in (area.geometry, *reference.geometries):
        assert shapely.symmetric_difference(geometry, SQUARE).area < 1e-8
    assert area.crs.is_geographic
    assert len(reference.geometries) == 1


def test_the_parquet_of_a_map_is_read(tmp_path: Path) -> None:
    path = tmp_path / "landslides.gpkg"
    multi = shapely.MultiPolygon([SQUARE])
    inventory = table(multi, OTHER).drop(columns="name")
    for name, kind in COLUMNS.items():
        inventory[name] = pd.Series([1, 2] if kind != "str" else ["a", "b"], dtype=kind if kind != "str" else object)
    pyogrio.write_dataframe(inventory, path, layer=LAYER, geometry_type="MultiPolygon", promote_to_multi=True)
    write_geoparquet(tmp_path / "landslides.parquet", path)
    read = read_polygon_file(tmp_path / "landslides.parquet")
    assert [one.equals(expected) for one, expected in zip(read.geometries, (multi, OTHER), strict=True)] == [True, True]
    assert read.notes() == ()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.docx", b"PK"),
        ("a.xlsx", b"PK"),
        ("a.txt", b"POLYGON ((0 0, 1 0, 1 1, 0 0))"),
        ("a.gpkg", b"no database"),
        ("a.parquet", b"PAR1"),
        ("a.zip", b"no zip"),
        ("a.csv", b"a,b\n1,2\n"),
        ("a.json", b'{"a": 1}'),
        ("a.geojson", b"[1, 2"),
        ("a.kml", b"<kml"),
        ("a.fgb", b"fgb"),
        ("a.vrt", b"<OGRVRTDataSource/>"),
        ("a.shp", b""),
    ],
)
def test_other_files_are_refused_with_a_list_of_the_formats(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PolygonFileError) as refused:
        read_polygon_file(tmp_path / name)
    assert FORMATS in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_driver_that_reads_other_files_is_refused(tmp_path: Path) -> None:
    source = written("a.gpkg")(tmp_path)
    (tmp_path / "b.json").write_text('{"a": 1}')
    text = f'<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>{source}</SrcDataSource></OGRVRTLayer>'
    (tmp_path / "b.gml").write_text(text + "</OGRVRTDataSource>")
    with pytest.raises(PolygonFileError, match="cannot be read"):
        read_polygon_file(tmp_path / "b.gml")


def open_ring_wkb(ring: list[list[float]]) -> bytes:
    return struct.pack("<BIII", 1, 3, 1, len(ring)) + b"".join(struct.pack("<2d", *point) for point in ring)


def open_ring_in_csv(folder: Path) -> Path:
    text = ", ".join(f"{x} {y}" for x, y in RING)
    return csv(folder, "id,wkt", f'1,"POLYGON (({text}))"')


def open_ring_in_parquet(folder: Path) -> Path:
    from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
    from arro3.io import write_parquet

    schema = Schema([Field("geometry", DataType.binary())])
    batch = RecordBatch.from_arrays([Array([open_ring_wkb(RING)], DataType.binary())], schema=schema)
    metadata = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB"}}}
    reader = RecordBatchReader.from_batches(schema, [batch])
    write_parquet(reader, folder / "a.parquet", key_value_metadata={"geo": json.dumps(metadata)})
    return folder / "a.parquet"


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: geojson(folder / "a.geojson", polygon(RING)),
        lambda folder: geojson(folder / "a.geojson", {"type": "MultiPolygon", "coordinates": [[RING]]}),
        open_ring_in_csv,
        open_ring_in_parquet,
    ],
    ids=["GeoJSON", "multipolygon", "CSV", "GeoParquet"],
)
def test_open_rings_are_closed_and_counted(make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path)
    area, reference = area_of_interest(str(path)), read_polygons(path)
    assert area.geometry.equals(SQUARE)
    assert reference.closed == 1
    assert any("1 polygons of a." in note and "closed" in note for note in area.notes)


NAN, INFINITE = float("nan"), float("inf")
UNUSABLE = {
    "two points": polygon(RING[:2]),
    "two points, closed": polygon([RING[0], RING[1], RING[0]]),
    "one point": polygon(RING[:1]),
    "NaN": polygon([*RING[:3], [NAN, 22.5], RING[0]]),
    "infinite": polygon([*RING[:3], [92.1, INFINITE], RING[0]]),
    "huge": polygon([*RING[:3], [92.1, 10**400], RING[0]]),
    "text": polygon([["92.1", "22.4"], *RING[1:]]),
    "null": polygon([[None, 22.4], *RING[1:]]),
    "a level missing": polygon(*RING),
    "a level too many": polygon([RING]),
    "no coordinates": {"type": "Polygon", "coordinates": None},
    "a line": polygon([[0, 0], [1, 1], [2, 2], [0, 0]]),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_unusable_polygons_are_left_out_and_counted(kind: str, tmp_path: Path) -> None:
    both = geojson(tmp_path / "both.geojson", UNUSABLE[kind], shapely.geometry.mapping(OTHER))
    read = read_polygon_file(both)
    assert [one.equals(OTHER) for one in read.geometries] == [True]
    assert read.left_out >= 1
    assert read.skipped == 0
    assert "left out" in read.notes()[0]
    alone = geojson(tmp_path / "alone.geojson", UNUSABLE[kind])
    with pytest.raises(AreaError, match=r"alone\.geojson holds no polygon that can be used") as refused:
        area_of_interest(str(alone))
    assert refused.value.parameter == "aoi"
    with pytest.raises(ReferenceDataError, match="holds no polygon that can be used"):
        read_polygons(alone)


def test_a_hole_without_area_is_removed_and_counted(tmp_path: Path) -> None:
    read = read_polygon_file(geojson(tmp_path / "a.geojson", polygon([*RING, RING[0]], RING[:2])))
    assert read.geometries[0].equals(SQUARE)
    assert (read.closed, read.left_out) == (1, 0)


@pytest.mark.parametrize("ending", ["gpkg", "fgb"])
def test_coordinates_that_are_not_finite_are_left_out_in_any_format(ending: str, tmp_path: Path) -> None:
    with np.errstate(invalid="ignore"):
        broken = shapely.Polygon([*RING[:3], (NAN, 22.5), RING[0]])
        pyogrio.write_dataframe(table(OTHER, broken), tmp_path / f"a.{ending}", SPATIAL_INDEX="NO")
    read = read_polygon_file(tmp_path / f"a.{ending}")
    assert [one.equals(OTHER) for one in read.geometries] == [True]
    assert read.left_out + read.skipped == 1


def test_overlapping_parts_are_united_and_not_cut_out(tmp_path: Path) -> None:
    parts = shapely.MultiPolygon([shapely.box(92, 22, 92.2, 22.2), shapely.box(92.1, 22.1, 92.3, 22.3)])
    read = read_polygon_file(geojson(tmp_path / "a.geojson", shapely.geometry.mapping(parts)))
    assert read.geometries[0].area == pytest.approx(0.07)
    assert read.repaired == 1


@pytest.mark.parametrize("ending", ["gpkg", "geojson", "shp", "fgb"])
@pytest.mark.parametrize(
    ("column", "values", "noted"),
    [
        ("landslide", [1, 0], "'0' in column 'landslide' in 1 of 2 rows"),
        ("Class", ["landslide", "background"], "'background' in column 'Class'"),
        ("label", [1.0, 0.0], "'0' in column 'label'"),
        ("landslide", [1, 1], ""),
        ("type", ["debris flow", "rock fall"], ""),
        ("class", [0, 5], ""),
        ("depth_m", [0, 1], ""),
    ],
)
def test_a_class_that_tells_of_no_landslide_is_reported(
    column: str, values: list[object], noted: str, ending: str, tmp_path: Path
) -> None:
    squares = [shapely.box(92, 22, 92.1, 22.1), shapely.box(92.2, 22, 92.3, 22.1)]
    path = tmp_path / f"a.{ending}"
    gpd.GeoDataFrame({column: values}, geometry=squares, crs="EPSG:4326").to_file(path)
    notes = " ".join(read_polygon_file(path).notes())
    assert (noted in notes) if noted else "all polygons are read" not in notes


def test_polygons_of_a_collection_are_read(tmp_path: Path) -> None:
    mixed = shapely.GeometryCollection([SQUARE, shapely.Point(92, 22), shapely.MultiPolygon([OTHER])])
    read = read_polygon_file(geojson(tmp_path / "a.geojson", shapely.geometry.mapping(mixed), None))
    assert read.geometries[0].area == pytest.approx(SQUARE.area + OTHER.area)
    assert read.skipped == 1


def two_layers(folder: Path) -> Path:
    for layer, shape in (("roads", OTHER), ("study area", SQUARE)):
        table(shape).to_file(folder / "two.gpkg", layer=layer)
    return folder / "two.gpkg"


def two_layers_in_a_geodatabase(folder: Path) -> Path:
    for layer, shape in (("roads", OTHER), ("study_area", SQUARE)):
        pyogrio.write_dataframe(
            table(shape), folder / "two.gdb", driver="OpenFileGDB", layer=layer, append=(folder / "two.gdb").exists()
        )
    return folder / "two.gdb"


def two_files_in_a_zip(folder: Path) -> Path:
    paths = [
        geojson(folder / name, shapely.geometry.mapping(shape))
        for name, shape in (("r.json", OTHER), ("s.json", SQUARE))
    ]
    return zipped(folder / "two.zip", ("a/roads.json", paths[0]), ("b/study_area.json", paths[1]))


@pytest.mark.parametrize(
    ("make", "names", "layer"),
    [
        (two_layers, ("'roads'", "'study area'"), "study area"),
        (two_layers_in_a_geodatabase, ("'roads'", "'study_area'"), "study_area"),
        (two_files_in_a_zip, ("'a/roads.json'", "'b/study_area.json'"), "b/study_area.json"),
    ],
    ids=["GeoPackage", "File Geodatabase", "zip"],
)
def test_several_layers_are_refused_with_their_names(
    make: Callable[[Path], Path], names: tuple[str, str], layer: str, tmp_path: Path
) -> None:
    path = make(tmp_path)
    readers: tuple[tuple[type[LandslipError], Callable[..., object]], ...] = (
        (AreaError, lambda *layers: area_of_interest(str(path), *layers)),
        (ReferenceDataError, lambda *layers: read_polygons(path, *layers)),
    )
    for error, read in readers:
        with pytest.raises(error, match="holds several layers of polygons") as refused:
            read()
        assert all(name in str(refused.value) for name in names)
        assert refused.value.parameter == "layer"
        with pytest.raises(error, match="has no layer 'else'"):
            read("else")
    for geometry in (area_of_interest(str(path), layer).geometry, read_polygons(path, layer).geometries[0]):
        assert shapely.symmetric_difference(geometry, SQUARE).area < 1e-8


def test_the_layer_of_a_map_is_read_from_several_as_a_reference_with_a_note(tmp_path: Path) -> None:
    path = two_layers(tmp_path)
    table(SQUARE).to_file(path, layer="landslides")
    reference = read_polygons(path)
    assert reference.geometries[0].equals(SQUARE)
    assert "'landslides' was read" in reference.notes()[0]


def test_metres_in_a_file_of_degrees_are_refused(tmp_path: Path) -> None:
    box = shapely.geometry.mapping(shapely.box(400_000, 2_480_000, 401_000, 2_481_000))
    path = geojson(tmp_path / "a.geojson", box)
    with pytest.raises(AreaError, match=r"401000, 2\.48e"):
        area_of_interest(str(path))
    projected = geojson(
        tmp_path / "b.geojson", box, crs={"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32646"}}
    )
    assert area_of_interest(str(projected)).crs.to_epsg() == 32646
    unknown = geojson(tmp_path / "c.geojson", box, crs={"type": "name", "properties": {"name": "EPSG:1"}})
    with pytest.raises(AreaError, match="its CRS 'EPSG:1' is unknown"):
        area_of_interest(str(unknown))


def test_a_csv_without_a_crs_is_taken_as_degrees_with_a_note_or_refused(tmp_path: Path) -> None:
    area = area_of_interest(str(csv(tmp_path, "wkt,id", f'"{SQUARE.wkt}",1')))
    assert "taken as longitude and latitude" in area.notes[0]
    metres = csv(tmp_path, "wkt,id", f'"{shapely.box(4e5, 2e6, 5e5, 3e6).wkt}",1')
    with pytest.raises(AreaError, match="has no CRS"):
        area_of_interest(str(metres))
    (tmp_path / "a.prj").write_text(table(SQUARE, crs="EPSG:32646").crs.to_wkt("WKT1_GDAL"))
    assert area_of_interest(str(metres)).crs.is_projected


@pytest.mark.parametrize("name", ["a!b.geojson", "a\nb.geojson"])
def test_paths_that_gdal_takes_for_something_else_are_refused(name: str, tmp_path: Path) -> None:
    path = geojson(tmp_path / name, polygon([*RING, RING[0]]))
    with pytest.raises(PolygonFileError, match="rename it") as refused:
        read_polygon_file(path)
    assert "\n" not in str(refused.value)


def counted(read: PolygonFile) -> int:
    return len(read.geometries) + read.skipped + read.left_out


@given(st.lists(geometries, max_size=4))
def test_any_geojson_is_read_and_counted_or_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, made: list[object]
) -> None:
    path = geojson(tmp_path_factory.mktemp("any") / "a.geojson", *made)
    try:
        read = read_polygon_file(path)
    except PolygonFileError as error:
        assert "\n" not in str(error)
        assert made
        return
    assert counted(read) >= len(made), "every row is a polygon, skipped, or left out"
    assert all(shapely.is_valid(one) and one.area > 0 for one in read.geometries)
    assert all(one.geom_type in ("Polygon", "MultiPolygon") for one in read.geometries)


@given(st.text(max_size=30), st.binary(max_size=60))
def test_any_content_is_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, text: str, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("any")
    for name, data in (("a.geojson", text.encode()), ("b.csv", b"wkt,a\n" + content), ("c.parquet", content)):
        (folder / name).write_bytes(data)
        with pytest.raises(PolygonFileError) as refused:
            read_polygon_file(folder / name)
        assert "\n" not in str(refused.value)


@given(st.lists(st.tuples(st.floats(92, 93), st.floats(22, 23)), min_size=3, max_size=8, unique=True), st.booleans())
def test_a_ring_has_the_same_area_open_and_closed(
    tmp_path_factory: pytest.TempPathFactory, ring: list[tuple[float, float]], closed: bool
) -> None:
    path = geojson(tmp_path_factory.mktemp("ring") / "a.geojson", polygon([*ring, ring[0]] if closed else ring))
    expected = shapely.make_valid(shapely.Polygon(ring))
    try:
        read = read_polygon_file(path)
    except PolygonFileError:
        assert expected.area == 0
        return
    assert read.geometries[0].area == pytest.approx(expected.area)
    assert read.closed == (not closed)
    valid = shapely.is_valid(shapely.Polygon(ring))
    assert read.repaired == (not valid), "a changed shape is counted"
