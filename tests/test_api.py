"""The public Python API: same numbers as the command line, any form of input, results that fit a notebook."""

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import xarray as xr
from geopandas.testing import assert_geodataframe_equal
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

import landslip as ls
from command_line import run
from tiny_detectors import brightness, identity

pytestmark = pytest.mark.filterwarnings("ignore::landslip.errors.DomainShiftWarning")
AOI = "76.158,11.494,76.166,11.501"


@pytest.fixture(scope="module")
def wayanad(examples: Path) -> Path:
    return examples / "wayanad" / "wayanad.tif"


@pytest.fixture(scope="module")
def cut(wayanad: Path) -> tuple[NDArray[np.float32], GeoBox]:
    """A fully valid window of the scene: values (4, H, W) and their grid."""
    with rasterio.open(wayanad) as file:
        assert file.descriptions == ("B04", "B03", "B02", "B08")
        values, transform = file.read(), file.transform
    window = (slice(130, 330), slice(200, 460))
    box = GeoBox((200, 260), transform * rasterio.Affine.translation(200, 130), "EPSG:32643")
    return values[(slice(None), *window)].astype(np.float32), box


def as_dataarray(values: NDArray[np.float32], box: GeoBox, names: tuple[str, ...]) -> xr.DataArray:
    """A DataArray as rioxarray makes it."""
    t = box.affine
    x = t.c + t.a * (np.arange(values.shape[2]) + 0.5)
    y = t.f + t.e * (np.arange(values.shape[1]) + 0.5)
    reference = xr.DataArray(0, attrs={"crs_wkt": box.crs.to_wkt(), "GeoTransform": " ".join(map(str, t.to_gdal()))})
    return xr.DataArray(
        values, dims=("band", "y", "x"), coords={"band": list(names), "y": y, "x": x, "spatial_ref": reference}
    )


def test_names_are_listed_and_each_can_be_imported() -> None:
    assert set(dir(ls)) == set(ls.__all__)
    assert all(getattr(ls, name) is not None for name in ls.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ls.nothing  # noqa: B018 - the access is the test


def test_every_representation_fits_a_line(wayanad: Path, examples: Path, tmp_path: Path) -> None:
    patches = ls.open_patches(examples / "l4s-rgb-scene-b")
    result = ls.map_scene(wayanad, tmp_path / "map", identity(), aoi=AOI, threshold=0.3)
    shown = [ls.Detector.open(), ls.open_scene(wayanad), patches, next(iter(patches)), result]
    shown += [ls.evaluate(patches, identity())]
    for value in shown:
        assert "\n" not in repr(value), type(value)
        assert len(repr(value)) <= 200, f"{type(value)}: {repr(value)[:300]}"


def test_the_default_detector_is_opened_without_a_name(cut: tuple[NDArray[np.float32], GeoBox]) -> None:
    assert ls.Detector.open() == ls.Detector.open(ls.Detector.open().card.name)
    values = cut[0][:3, :128, :128]
    p = ls.predict(values, channels="B04,B03,B02")
    np.testing.assert_array_equal(p, ls.predict(values, ls.Detector.open(), channels="B04,B03,B02"))
    assert_geodataframe_equal(
        ls.polygons(p, threshold=0.05, min_area_m2=0),
        ls.polygons(p, ls.Detector.open(), threshold=0.05, min_area_m2=0),
    )


def test_an_array_is_predicted_as_the_map_of_its_file(wayanad: Path, tmp_path: Path) -> None:
    detector = brightness(threshold=0.9)
    result = ls.map_scene(str(wayanad), str(tmp_path / "map"), detector)
    with rasterio.open(wayanad) as file:
        values = file.read().astype(np.float32)
        valid = file.dataset_mask() > 0
    scene = ls.open_scene(wayanad)
    read, observed = scene.read(scene.channels, scene.window)
    p = ls.predict(read, detector, channels=scene.channels, valid=observed)
    with rasterio.open(result.probability) as file:
        stored = file.read(1)
    np.testing.assert_array_equal(np.where(np.isnan(p), 255, np.rint(np.nan_to_num(p) * 250)), stored)
    assert values.shape == read.shape
    assert valid.shape == p.shape

    found = ls.polygons(p, detector, geobox=scene.geobox)
    assert_geodataframe_equal(
        found.drop(columns="image_date").reset_index(drop=True),
        result.landslides.drop(columns="image_date").reset_index(drop=True),
        check_less_precise=True,
    )
    assert len(found) == result.summary.landslides > 0


def test_the_command_line_gives_the_same_map_and_the_same_score(wayanad: Path, examples: Path, tmp_path: Path) -> None:
    told = run("map", wayanad, "-o", tmp_path / "cli", "--aoi", AOI, "-q")
    assert told.code == 0, told.err
    result = ls.map_scene(wayanad, tmp_path / "api", aoi=AOI)
    assert result.probability.read_bytes() == (tmp_path / "cli" / "probability.tif").read_bytes()
    assert_geodataframe_equal(result.landslides, gpd.read_file(tmp_path / "cli" / "landslides.gpkg"))
    brightness().save(tmp_path / "b.onnx")
    told = run("evaluate", examples / "l4s-rgb-scene-b", "--detector", tmp_path / "b.onnx", "--json", "--quiet")
    scored = json.loads(told.out)
    value = ls.evaluate(examples / "l4s-rgb-scene-b", tmp_path / "b.onnx")
    assert value.f1 > 0
    assert re.search(rf'"f1": {value.f1}', json.dumps(scored)), (value.f1, scored)


def test_a_dataarray_comes_back_georeferenced(cut: tuple[NDArray[np.float32], GeoBox]) -> None:
    values, box = cut
    image = as_dataarray(values, box, ("red", "green", "blue", "nir"))
    p = ls.predict(image, "s2-rgb")
    assert isinstance(p, xr.DataArray)
    assert p.dims == ("y", "x")
    np.testing.assert_array_equal(p.values, ls.predict(values, "s2-rgb", channels="B04,B03,B02,B08"))
    xr.testing.assert_equal(p.x, image.x)
    assert "crs_wkt" in p.spatial_ref.attrs
    threshold = float(np.nanpercentile(p, 99.5)) or 0.1
    from_frame = ls.polygons(p, "s2-rgb", threshold=threshold, min_area_m2=0)
    from_array = ls.polygons(p.values, "s2-rgb", geobox=box, threshold=threshold, min_area_m2=0)
    assert len(from_frame) > 0
    assert from_frame.crs == "EPSG:32643"
    assert_geodataframe_equal(from_frame, from_array, check_less_precise=True)


def test_order_of_channels_and_dimensions_do_not_matter(cut: tuple[NDArray[np.float32], GeoBox]) -> None:
    values, box = cut
    image = as_dataarray(values, box, ("B04", "B03", "B02", "B08"))
    p = ls.predict(image, "s2-rgb")
    xr.testing.assert_equal(ls.predict(image[::-1], "s2-rgb"), p)
    xr.testing.assert_equal(ls.predict(image.transpose("y", "x", "band"), "s2-rgb"), p)
    np.testing.assert_array_equal(ls.predict(values[2::-1], "s2-rgb", channels=["blue", "green", "red"]), p.values)


def test_a_fill_value_is_nodata_in_the_result(cut: tuple[NDArray[np.float32], GeoBox]) -> None:
    values, box = cut
    filled = values.copy()
    filled[:, 10:20, 30:50] = -9999
    image = as_dataarray(filled, box, ("B04", "B03", "B02", "B08")).assign_attrs(_FillValue=-9999)
    p = ls.predict(image, "s2-rgb")
    assert np.isnan(p.values[10:20, 30:50]).all()
    assert np.isfinite(p.values).sum() == p.size - 200


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda v: {"image": v / 10_000}, ls.LandslipError, r"cannot be DN.*scale=10000"),
        (lambda v: {"image": v[0]}, ls.LandslipError, r"\(channels, height, width\)"),
        (lambda v: {"image": v[:2], "channels": "B04,B03"}, ls.LandslipError, "needs B02"),
        (lambda v: {"image": v, "channels": "B04,B03,B02"}, ls.LandslipError, "does not fit 3 channels"),
        (lambda v: {"image": v, "channels": None}, ls.LandslipError, "channels"),
        (lambda v: {"image": v, "scale": 0.0}, ls.LandslipError, "scale must be positive"),
        (lambda v: {"image": v, "valid": np.ones((2, 2))}, ls.LandslipError, "valid must have the shape"),
        (lambda v: {"image": v, "engine": "abacus"}, ls.LandslipError, "unknown engine 'abacus'"),
    ],
)
def test_wrong_arrays_are_refused_in_a_sentence(
    cut: tuple[NDArray[np.float32], GeoBox], change, error: type[Exception], words: str
) -> None:
    given = {"channels": "B04,B03,B02,B08"} | change(cut[0])
    with pytest.raises(error, match=words):
        ls.predict(given.pop("image"), "s2-rgb", **given)


def test_reflectance_with_its_scale_is_the_same_image(cut: tuple[NDArray[np.float32], GeoBox]) -> None:
    values = cut[0]
    p = ls.predict(values, "s2-rgb", channels="B04,B03,B02,B08")
    q = ls.predict(values / 10_000, "s2-rgb", channels="B04,B03,B02,B08", scale=10_000)
    np.testing.assert_allclose(p, q, atol=2e-3)


def test_probabilities_outside_0_to_1_are_refused() -> None:
    with pytest.raises(ls.LandslipError, match=r"probability must be in 0..1, got 0 to 250"):
        ls.polygons(np.array([[0, 250]], np.float32))


def test_polygons_need_no_georeference() -> None:
    p = np.zeros((30, 30), np.float32)
    p[5:10, 5:10] = 1
    p[20, 20] = 1
    found = ls.polygons(p)
    assert found.area_m2.tolist() == [2500]
    assert found.geometry.area.tolist() == [25]


def test_unknown_settings_of_a_map_are_refused(wayanad: Path, tmp_path: Path) -> None:
    with pytest.raises(ls.LandslipError, match="unknown settings treshold"):
        ls.map_scene(wayanad, tmp_path, treshold=0.4)
    assert not list(tmp_path.iterdir())


def test_warnings_can_be_filtered_by_class(cut: tuple[NDArray[np.float32], GeoBox], tmp_path: Path) -> None:
    values, box = cut
    path = tmp_path / "bytes.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=260, height=200, count=3, dtype="uint8", crs=str(box.crs), transform=box.affine
    ) as file:
        file.write((values[:3] / 20).clip(0, 255).astype(np.uint8))
        file.descriptions = ("B04", "B03", "B02")
    with pytest.warns(ls.LandslipWarning, match="brightness"):
        ls.open_scene(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", category=ls.LandslipWarning)
        ls.open_scene(path)


def test_patches_are_a_torch_dataset(examples: Path) -> None:
    import torch

    patches = ls.open_patches(str(examples / "l4s-rgb-scene-b"))
    values, mask = next(iter(torch.utils.data.DataLoader(patches.as_torch(), batch_size=4)))
    assert (values.shape, values.dtype) == ((4, 3, 128, 128), torch.float32)
    assert (mask.shape, mask.dtype) == ((4, 128, 128), torch.uint8)
    np.testing.assert_array_equal(values[0].numpy(), next(iter(patches)).values)


@pytest.mark.slow
def test_train_then_evaluate_then_predict(examples: Path, tmp_path: Path) -> None:
    recipe = {
        "name": "small",
        "train": {"rows": [0, 5]},
        "validation": {"rows": [6, 9]},
        "network": {"architecture": "unet", "encoder": "resnet18", "weights": "none"},
        "fit": {"epochs": 1, "batch_size": 4},
    }
    run_ = ls.train(recipe, examples / "l4s-rgb-scene-b", tmp_path / "run")
    score = ls.evaluate(examples / "l4s-rgb-scene-b", run_.detector, scene="B")
    assert 0 <= score.f1 <= 1
    network = run_.network()
    assert sum(p.numel() for p in network.parameters()) > 1e6
    assert ls.Detector.open(run_.detector_path).sha256 == run_.detector.sha256


def test_importing_is_fast_and_lazy() -> None:
    code = "import sys, landslip; print([m for m in ('numpy', 'rasterio', 'torch', 'xarray') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_a_detector_as_object_name_or_path_is_the_same(cut: tuple[NDArray[np.float32], GeoBox], tmp_path: Path) -> None:
    detector = identity("B04")
    detector.save(tmp_path / "b.onnx")
    values = cut[0][:1]
    p = ls.predict(values, detector, channels="B04")
    np.testing.assert_array_equal(ls.predict(values, tmp_path / "b.onnx", channels="B04"), p)
    np.testing.assert_array_equal(ls.predict(values, str(tmp_path / "b.onnx"), channels=["red"]), p)
