"""Scale, offset and nodata given on the page: errors and warnings name their controls, and maps are read with them."""

from pathlib import Path

import numpy as np
import pytest

from landslip.page.errors import UploadError, name_control
from landslip.page.jobs.scene_maps import open_source
from landslip.page.jobs.tasks import SceneSource, Upload
from landslip.scenes.rasters import open_scene
from page_made import read
from rasters import write_raster
from scenes_made import TRUE_COLOUR, blobs

FILL = 65_535


def filled(path: Path) -> Path:
    """A scene with the offset of processing baseline 04.00, and rows of a fill value that is not declared."""
    values = blobs(96, 120) + 1000
    values[:, :20] = FILL
    return write_raster(path, values.astype(np.uint16), descriptions=TRUE_COLOUR)


def test_an_undeclared_fill_value_is_refused_and_read_with_the_control_that_the_message_names(tmp_path: Path):
    path = filled(tmp_path / "scene.tif")
    upload = Upload(path=path, name="Mine.tif", kind="raster")
    with pytest.raises(UploadError, match=r"65535 .*\(on this page: 'Nodata value' under 'How to read the files'\)"):
        read(tmp_path, upload)
    (plain,) = read(tmp_path, upload, nodata=FILL).sources
    (source,) = read(tmp_path, upload, nodata=FILL, offset=-1000).sources
    assert isinstance(source, SceneSource)
    assert source.valid_fraction == pytest.approx(76 / 96, abs=0.02)
    assert source.id != plain.id, "a map of other values is another result"
    scene, expected = open_source(source), open_scene([path], nodata=FILL, offset=-1000)
    values, valid = scene.read(TRUE_COLOUR, scene.window)
    wanted, wanted_valid = expected.read(TRUE_COLOUR, expected.window)
    np.testing.assert_array_equal(valid, wanted_valid)
    np.testing.assert_array_equal(values[:, valid], wanted[:, valid])
    assert not valid[:20].any()
    assert values[:, valid].min() < 1000, "the offset is removed"


def test_only_parameters_with_a_control_are_named():
    assert name_control("the file has no date; set date to one") == "the file has no date; set date to one"
    assert name_control("no scale fits") == "no scale fits"
    named = "(on this page: 'Scale' under 'How to read the files')"
    assert name_control("too bright; set scale to 0.1").endswith(named)


def test_surface_reflectance_is_converted_as_on_the_command_line(tmp_path: Path):
    path = write_raster(tmp_path / "scene.tif", blobs(40, 50), descriptions=TRUE_COLOUR, nodata=0)
    upload = Upload(path=path, name="scene.tif", kind="raster")
    (plain,) = read(tmp_path, upload).sources
    (source,) = read(tmp_path, upload, to_toa=True).sources
    assert isinstance(source, SceneSource)
    assert source.to_toa
    assert source.id != plain.id
    values, valid = open_source(source).read(TRUE_COLOUR)
    wanted, _ = open_scene(path, to_toa=True).read(TRUE_COLOUR)
    np.testing.assert_array_equal(values[:, valid], wanted[:, valid])
    assert not np.array_equal(values, open_source(plain).read(TRUE_COLOUR)[0])


def test_a_picture_is_not_converted_and_the_control_is_named(tmp_path: Path):
    path = write_raster(tmp_path / "scene.tif", (blobs(40, 50) / 40).astype(np.uint8), descriptions=TRUE_COLOUR)
    with pytest.raises(UploadError, match="'Convert to top of atmosphere' under 'How to read the files'"):
        read(tmp_path, Upload(path=path, name="scene.tif", kind="raster"), to_toa=True)
