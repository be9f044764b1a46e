"""Bad input is reported in one sentence with the value, what is allowed, and the remedy."""

import os

import numpy as np
import pytest
from affine import Affine
from rasterio.control import GroundControlPoint

from landslip.cli import main
from landslip.errors import SceneError
from landslip.grid.window import Window
from landslip.scenes.rasters import open_scene
from rasters import write_raster

NAMES = ("B04", "B03", "B02")
VALUES = np.random.default_rng(0).integers(500, 4000, (3, 64, 64)).astype(np.uint16)


def missing(folder):
    return folder / "nowhere.tif"


def text(folder):
    path = folder / "a.tif"
    path.write_text("These are not the pixels you are looking for.")
    return path


def empty_file(folder):
    path = folder / "a.tif"
    path.write_bytes(b"")
    return path


def empty_folder(folder):
    return folder


def pickle(folder):
    path = folder / "a.tif"
    path.write_bytes(b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07builtins\x94.")
    return path


def cut_tiff(folder):
    path = write_raster(folder / "a.tif", VALUES, descriptions=NAMES)
    path.write_bytes(path.read_bytes()[:-3000])
    return path


def no_crs(folder):
    return write_raster(folder / "a.tif", VALUES, descriptions=NAMES, crs=None)


def no_place(folder):
    return write_raster(folder / "a.tif", VALUES, descriptions=NAMES, transform=None)


def control_points(folder):
    points = [GroundControlPoint(row, col, 5e5 + 10 * col, 2e6 - 10 * row) for row, col in ((0, 0), (0, 64), (64, 0))]
    return write_raster(folder / "a.tif", VALUES, descriptions=NAMES, transform=None, crs=None, gcps=points)


def folded(folder):
    return write_raster(folder / "a.tif", VALUES, descriptions=NAMES, transform=Affine(10, 10, 5e5, 10, 10, 2e6))


def geocentric(folder):
    return write_raster(folder / "a.tif", VALUES, descriptions=NAMES, crs="EPSG:4978")


def local(folder):
    return write_raster(folder / "a.tif", VALUES, descriptions=NAMES, crs='LOCAL_CS["site",UNIT["metre",1]]')


def complex_numbers(folder):
    return write_raster(folder / "a.tif", VALUES.astype(np.complex64), descriptions=NAMES)


def unnamed(folder):
    return write_raster(folder / "a.tif", VALUES)


def reflectance(folder):
    return write_raster(folder / "a.tif", (VALUES / 1e4).astype(np.float32), descriptions=NAMES)


BAD = {
    missing: "no file ",
    text: "cannot be read as a raster",
    empty_file: "cannot be read as a raster",
    empty_folder: "contains no raster",
    pickle: "cannot be read as a raster",
    cut_tiff: "is truncated",
    no_crs: "set it with --pixel-size",
    no_place: "no geotransform",
    control_points: "gdalwarp",
    folded: "without area",
    geocentric: "neither projected nor geographic",
    local: "neither projected nor geographic",
    complex_numbers: "complex numbers",
    unnamed: "for example B04,B03,B02 (set it with --channels)",
    reflectance: "give scale 10000 (set it with --scale)",
}


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path, capfd, make):
    path = make(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["scene", "inspect", str(path)], standalone_mode=False)
    said = capfd.readouterr()
    assert left.value.code == 2
    assert said.out == ""
    assert said.err.startswith("landslip: ")
    assert said.err.count("\n") == 1
    assert BAD[make] in said.err


def test_an_empty_list_of_paths_is_refused():
    with pytest.raises(SceneError, match="paths is empty"):
        open_scene([])


@pytest.mark.parametrize("damage", ["deflate", "lzw"])
def test_damage_inside_a_file_is_reported_with_its_window(tmp_path, capfd, damage):
    """The directory is whole and the sample misses the spot, so that only reading can find it."""
    values = np.random.default_rng(0).integers(500, 4000, (1, 4096, 256)).astype(np.uint16)
    path = write_raster(
        tmp_path / "a.tif",
        values,
        descriptions=["B04"],
        compress=damage,
        tiled=True,
        blockxsize=16,
        blockysize=16,
    )
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 2
    raw[middle : middle + 2000] = bytes(2000)
    path.write_bytes(raw)
    scene = open_scene(path)
    with pytest.raises(SceneError, match=r"a\.tif cannot be read in rows \d+ to \d+, columns 0 to 255: the file is"):
        for row in range(0, 4096, 256):
            scene.read(["B04"], Window(row, 0, 256, 256))
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    path = write_raster(tmp_path / "a.tif", VALUES, descriptions=NAMES)
    path.chmod(0)
    with pytest.raises(SceneError, match="check its permissions"):
        open_scene(path)


@pytest.mark.parametrize("size", [0, -10, np.nan, np.inf])
def test_an_invalid_pixel_size_is_refused(tmp_path, size):
    with pytest.raises(SceneError, match="must be a positive number"):
        open_scene(no_crs(tmp_path), pixel_size_m=size)


def test_a_pixel_size_for_a_file_with_a_crs_is_refused(tmp_path):
    with pytest.raises(SceneError, match=r"pixel_size_m is only for images without a CRS, but a\.tif"):
        open_scene(write_raster(tmp_path / "a.tif", VALUES, descriptions=NAMES), pixel_size_m=10)


def test_an_image_without_a_crs_has_a_pixel_grid_on_request_with_a_warning(tmp_path):
    scene = open_scene(no_crs(tmp_path), pixel_size_m=10)
    assert not scene.georeferenced
    assert scene.geobox.affine == Affine.scale(10)
    assert scene.warnings == ("the image has no CRS: its position on the ground is unknown",)
    np.testing.assert_array_equal(scene.read(NAMES, scene.window)[0], VALUES)


def test_images_without_a_crs_must_have_equal_sizes(tmp_path):
    paths = [
        write_raster(tmp_path / "B04.tif", VALUES[0], crs=None, transform=None),
        write_raster(tmp_path / "B03.tif", VALUES[1, ::2, ::2], crs=None, transform=None),
    ]
    with pytest.raises(SceneError, match="must have equal sizes"):
        open_scene(paths, pixel_size_m=10)


def test_a_crs_that_only_some_files_have_is_ignored_with_a_warning(tmp_path):
    paths = [
        write_raster(tmp_path / "B04.tif", VALUES[0]),
        write_raster(tmp_path / "B03.tif", VALUES[1], crs=None, transform=None),
    ]
    with pytest.raises(SceneError, match=r"B03\.tif has no CRS"):
        open_scene(paths)
    assert (
        "the CRS of B04.tif is ignored, because the other files have none"
        in open_scene(paths, pixel_size_m=10).warnings
    )
