"""Units are judged before and after conversion: scale tags, scales, arrays."""

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

import landslip
from landslip.errors import SceneError
from landslip.scenes.arrays import array_scene
from landslip.scenes.rasters import open_scene
from scene_kinds import NAMES, land, map_values, message_of, write_land


def test_a_scale_tag_left_on_reflectance_is_refused(shared_cases):
    message, parameter = message_of(shared_cases / "scaled-twice.tif")
    assert parameter == "scale"
    for words in ("0.0001", "as tagged in the file", "0.0302 to 0.1516", "give scale 10000"):
        assert words in message
    np.testing.assert_allclose(
        map_values(shared_cases / "scaled-twice.tif", scale=10_000), map_values(shared_cases / "scene.tif"), atol=0.01
    )


@pytest.mark.parametrize(
    ("values", "scales", "offsets", "words", "parameter"),
    [
        (land() / 1e4, [1e-4] * 4, [0.0] * 4, "scale tag is left over", "scale"),
        (land() / 1e4, [1e-4] * 4, [-0.1] * 4, "would be negative|scale tag is left over", None),
        (land(), [1.0, 1.0, 1.0, 0.0], [0.0] * 4, "tagged with scale 0 and offset 0, which cannot convert", "scale"),
        (land(), [np.nan] * 4, [0.0] * 4, "tagged with scale nan", "scale"),
        (land(), [-1e-4] * 4, [0.0] * 4, "tagged with scale -0.0001", "scale"),
        (land(), [0.01] * 4, [0.0] * 4, "far above any land surface", "scale"),
        (land() * 1e4, [1.0] * 4, [0.0] * 4, "far above any land surface", "scale"),
        (land(), [1e-4] * 4, [-1.0] * 4, "would be negative, as if an offset were removed twice", "offset"),
    ],
)
def test_values_that_no_surface_has_after_conversion_are_refused(tmp_path, values, scales, offsets, words, parameter):
    path = write_land(tmp_path / "a.tif", values.astype(np.float32), scales=scales, offsets=offsets)
    with pytest.raises(SceneError, match=words) as raised:
        open_scene(path)
    assert parameter in (None, raised.value.parameter)


@pytest.mark.parametrize(("scale", "words"), [(10_000, "far above any land surface"), (1e-4, "too low for DN")])
def test_a_given_scale_that_fits_no_surface_is_a_warning(tmp_path, scale, words):
    assert words in message_of(write_land(tmp_path / "a.tif"), scale=scale)[0]


def test_a_channel_in_other_units_than_the_rest_is_refused(tmp_path):
    dn = land().astype(np.float32)
    paths = [write_land(tmp_path / f"{name}.tif", dn[at], descriptions=None) for at, name in enumerate(NAMES[:3])]
    paths.append(write_land(tmp_path / "B08.tif", dn[3] / 1e4, descriptions=None))
    message, parameter = message_of(paths)
    assert parameter == "scale"
    assert "B08" in message
    assert "same units" in message


@pytest.mark.parametrize("factor", [1e-3, 1e3])
@pytest.mark.parametrize("at", range(4))
def test_a_scale_tag_that_differs_from_those_of_the_other_bands_is_refused(tmp_path, at, factor):
    scales = [1e-4] * 4
    scales[at] *= factor
    message, parameter = message_of(write_land(tmp_path / "a.tif", scales=scales, offsets=[0.0] * 4))
    assert parameter == "scale"
    assert f"the scale of {NAMES[at]} in a.tif" in message
    assert "scale tag" in message


@pytest.mark.parametrize("at", range(4))
def test_values_of_one_band_in_other_units_are_refused_or_reported(tmp_path, at):
    larger = land().astype(np.float32)
    larger[at] *= 1000
    message, parameter = message_of(write_land(tmp_path / "a.tif", larger))
    assert parameter == "scale"
    assert f"band {at + 1}" in message or NAMES[at] in message
    smaller = land().astype(np.float32)
    smaller[at] /= 1000
    message, _ = message_of(write_land(tmp_path / "b.tif", smaller))
    assert NAMES[at] in message
    assert "units" in message


def test_bands_with_different_scales_and_the_same_reflectance_pass_in_silence(tmp_path):
    stored = land().astype(np.float32)
    stored[3] /= 1000
    path = write_land(tmp_path / "a.tif", stored, scales=[1e-4, 1e-4, 1e-4, 0.1], offsets=[0.0] * 4)
    assert message_of(path) == ("", None)
    np.testing.assert_allclose(map_values(path), land(), rtol=1e-4)


def test_correct_tags_pass_in_silence(tmp_path):
    path = write_land(tmp_path / "a.tif", (land() + 1000).astype(np.uint16), scales=[1e-4] * 4, offsets=[-0.1] * 4)
    assert message_of(path) == ("", None)
    np.testing.assert_allclose(map_values(path), land(), atol=0.01)


@pytest.mark.parametrize("factor", [1e-4, 1e4])
def test_arrays_in_other_units_are_refused_and_converted_by_scale(factor):
    values = (land(40) * factor).astype(np.float32)
    with pytest.raises(SceneError, match=r"cannot be DN|far above any land surface") as raised:
        landslip.predict(values[:3], channels="B04,B03,B02")
    assert raised.value.parameter == "scale"
    grid = GeoBox((40, 40), Affine.scale(10), None)
    with pytest.raises(SceneError, match=r"cannot be DN|far above any land surface"):
        array_scene(values, NAMES, grid)
    scene = array_scene(values, NAMES, grid, scale=1 / factor)
    np.testing.assert_allclose(scene.read(NAMES)[0], land(40), rtol=1e-5)


def test_an_array_with_fill_is_refused():
    values = land(40).astype(np.float32)
    values[:, :5] = -9999
    with pytest.raises(SceneError, match="the value -9999 fills all channels of the array") as raised:
        landslip.predict(values[:3], channels="B04,B03,B02")
    assert raised.value.parameter == "valid"
