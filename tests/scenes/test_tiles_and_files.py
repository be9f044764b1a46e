"""Tiles of one export, products at several resolutions, files of operating systems, names, coordinates."""

import numpy as np
import pytest
from affine import Affine
from PIL import Image

from landslip.cli import main
from landslip.datasets.rgb import open_rgb_set
from landslip.errors import OutputError, SceneError
from landslip.grid.window import Window
from landslip.mapping.run import map_scene
from landslip.scenes.rasters import open_scene
from rasters import NORTH_UP
from scene_kinds import NAMES, land, map_values, message_of, write_land

DN = land(100).astype(np.uint16)


def write_tiles(folder, cuts, names=NAMES, **how):
    """Write DN cut into tiles; return the paths."""
    folder.mkdir(exist_ok=True)
    paths = []
    for row, col, height, width in cuts:
        transform = NORTH_UP * Affine.translation(col, row)
        part = DN[:, row : row + height, col : col + width]
        path = folder / f"S2_export-{row:010d}-{col:010d}.tif"
        paths.append(write_land(path, part, descriptions=names, transform=transform, **how))
    return paths


def test_tiles_of_an_export_are_one_scene(shared_cases):
    scene = open_scene(shared_cases / "export-tiles")
    assert (scene.height, scene.width) == (140, 280)
    assert scene.notes[0].startswith("2 files are tiles of one raster: S2_export-0000000000-0000000000.tif")
    one = map_values(shared_cases / "export-tiles" / "S2_export-0000000000-0000000140.tif")
    np.testing.assert_array_equal(map_values(shared_cases / "export-tiles")[:, :, 140:], one)


@pytest.mark.parametrize(
    "cuts",
    [
        [(0, 0, 40, 100), (40, 0, 60, 100)],
        [(0, 0, 50, 30), (0, 30, 50, 70), (50, 0, 50, 30), (50, 30, 50, 70)],
        [(0, 0, 100, 55), (0, 50, 100, 50)],
    ],
)
def test_any_window_of_tiles_equals_the_whole_raster(tmp_path, cuts):
    scene = open_scene(write_tiles(tmp_path / "tiles", cuts))
    np.testing.assert_array_equal(scene.read(NAMES)[0], DN[[NAMES.index(name) for name in NAMES]])
    for window in (Window(0, 0, 1, 1), Window(30, 20, 41, 77), Window(99, 0, 1, 100), Window(45, 49, 10, 3)):
        rows, cols = window.slices
        values, valid = scene.read(NAMES, window)
        assert valid.all()
        np.testing.assert_array_equal(values, DN[:, rows, cols])


def test_a_missing_tile_is_nodata(tmp_path):
    scene = open_scene(write_tiles(tmp_path / "tiles", [(0, 0, 50, 50), (0, 50, 50, 50), (50, 0, 50, 50)]))
    _, valid = scene.read(["B04"])
    assert not valid[50:, 50:].any()
    assert valid.mean() == 0.75


def test_tiles_of_one_band_each_and_tiles_named_by_a_list(tmp_path):
    for name, band in zip(NAMES, DN, strict=True):
        for col in (0, 60):
            part, at = band[:, col : col + (60 if col == 0 else 40)], NORTH_UP * Affine.translation(col, 0)
            write_land(tmp_path / f"{col:010d}_{name}.tif", part, descriptions=None, transform=at)
    np.testing.assert_array_equal(map_values(tmp_path), DN)
    paths = write_tiles(tmp_path / "unnamed", [(0, 0, 100, 60), (0, 60, 100, 40)], names=None)
    np.testing.assert_array_equal(map_values(paths, channels=NAMES), DN)


def test_distant_files_of_equal_bands_are_not_tiles(tmp_path):
    paths = [
        write_land(tmp_path / "a.tif", DN),
        write_land(tmp_path / "b.tif", DN, transform=NORTH_UP * Affine.translation(9000, 0)),
    ]
    assert "is named twice" in message_of(paths)[0]


@pytest.mark.parametrize("pattern", ["T43PFN_20240801T050649_{}_{}m", "{}_{}m", "T46QGM_{}-{}m"])
def test_the_finest_file_of_each_band_of_a_product_is_taken(tmp_path, pattern):
    coarse = NORTH_UP * Affine.scale(2)
    for name, band in zip(NAMES, DN, strict=True):
        write_land(tmp_path / f"{pattern.format(name, 10)}.tif", band, descriptions=None)
        write_land(tmp_path / f"{pattern.format(name, 20)}.tif", band[::2, ::2], descriptions=None, transform=coarse)
    scene = open_scene(tmp_path)
    np.testing.assert_array_equal(map_values(tmp_path), DN)
    assert sum("is taken at its finest" in note for note in scene.notes) == 4


def test_files_of_operating_systems_are_skipped(tmp_path):
    path = write_land(tmp_path / "a.tif", DN)
    for name in ("._a.tif", ".DS_Store", "Thumbs.db", "desktop.ini", "._B04.tif"):
        (tmp_path / name).write_bytes(b"\0\5\26\7")
    np.testing.assert_array_equal(map_values(tmp_path), DN)
    np.testing.assert_array_equal(map_values(sorted(tmp_path.iterdir())), DN)
    assert message_of(path) == ("", None)


def write_patches(folder, extra=()):
    for part in ("img", "mask"):
        (folder / part).mkdir(parents=True)
        for name in extra:
            (folder / part / name).write_bytes(b"\0")
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (128, 128, 3), np.uint8)).save(folder / "img" / "image_7.png")
    Image.fromarray(rng.integers(0, 2, (128, 128)).astype(bool)).save(folder / "mask" / "mask_7.png")
    return folder


@pytest.mark.parametrize("extra", [(), (".DS_Store", "Thumbs.db", "._image_7.png")])
def test_scores_and_maps_read_the_same_values_of_a_patch_image(tmp_path, extra):
    patches = open_rgb_set(write_patches(tmp_path / "set", extra))
    values, valid = open_scene(patches.entries[0].image, channels="B04,B03,B02", pixel_size_m=10).read(NAMES[:3])
    assert valid.all()
    np.testing.assert_array_equal(values, patches.read(patches.entries[0]).values)


def test_the_examples_have_the_same_values_for_scores_and_maps(examples):
    patches = open_rgb_set(examples / "l4s-rgb-scene-b")
    for entry in patches.entries[:10]:
        values, valid = open_scene(entry.image, channels="B04,B03,B02", pixel_size_m=10).read(NAMES[:3])
        assert valid.all()
        np.testing.assert_array_equal(values, patches.read(entry).values)


@pytest.mark.parametrize("name", ["x" * 300 + ".tif", "a\nb.tif", "a\rb.tif", "/".join(["y" * 200] * 30)])
def test_names_that_cannot_be_used_are_refused_in_one_line(tmp_path, capsys, name):
    with pytest.raises(SystemExit) as left:
        main(["scene", "inspect", str(tmp_path / name)], standalone_mode=False)
    assert left.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_exclamation_mark_is_read_but_refused_in_the_name_of_a_result(tmp_path):
    scene = open_scene(write_land(tmp_path / "a!b.tif", DN))
    with pytest.raises(OutputError, match="holds '!'"):
        map_scene(scene, landslip_detector(), tmp_path / "m!x")
    assert not (tmp_path / "m!x").exists()


def landslip_detector():
    from landslip.detector.detector import Detector

    return Detector.open()


@pytest.mark.parametrize(
    ("crs", "transform", "words"),
    [
        ("EPSG:4326", NORTH_UP, "are no degrees"),
        ("EPSG:4326", Affine(0.0001, 0, 91, 0, -0.0001, 120), "are no degrees"),
        ("EPSG:32646", Affine(0.0001, 0, 91, 0, -0.0001, 22), "look like degrees"),
        ("+proj=longlat +a=3396190 +b=3376200 +no_defs", Affine(0.0001, 0, 91, 0, -0.0001, 22), "not of the Earth"),
        ("+proj=eqc +R=1737400 +units=m +no_defs", NORTH_UP, "not of the Earth"),
    ],
)
def test_coordinates_that_do_not_fit_their_crs_are_refused(tmp_path, crs, transform, words):
    path = write_land(tmp_path / "a.tif", DN, crs=crs, transform=transform)
    with pytest.raises(SceneError, match=words):
        open_scene(path)


@pytest.mark.parametrize("left", [179.995, -180.0, 359.0])
def test_grids_at_the_antimeridian_are_read(tmp_path, left):
    path = write_land(tmp_path / "a.tif", DN, crs="EPSG:4326", transform=Affine(0.0001, 0, left, 0, -0.0001, -16))
    assert message_of(path) == ("", None)
