"""Uploads: bad files are refused in one sentence, with the user's file names, and leave nothing on disk."""

import io
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import l4s_faults
from bad_uploads import BAD_UPLOADS, Make, raster, zipped
from l4s_made import make_l4s
from landslip.datasets.formats import open_patches
from landslip.errors import SceneError
from landslip.page.errors import PageError, UploadError, explain
from landslip.page.jobs.tasks import PatchMapTask, PatchSource, SceneSource
from landslip.page.server.settings import PageSettings
from landslip.page.uploads.receive import display_name, number_in, own_stem, receive
from landslip.scenes.naming import from_file_name
from page_made import Arriving, detector_file, read, run_task
from scenes_made import blobs

SETTINGS = PageSettings(max_files=10, max_upload_mb=100, max_session_mb=1000)


def upload(tmp_path: Path, files: object, **settings: object):
    uploads = receive(files, tmp_path / "session" / "upload", SETTINGS)  # type: ignore[arg-type]
    return read(tmp_path / "session" / "upload", *uploads, **settings)


def left_outside(tmp_path: Path) -> set[str]:
    return {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if "session" not in path.parts}


def test_there_are_at_least_sixty_bad_uploads():
    assert len(BAD_UPLOADS) >= 60


@pytest.mark.parametrize("make", BAD_UPLOADS.values(), ids=BAD_UPLOADS.keys())
def test_a_bad_upload_is_refused_in_one_sentence(tmp_path: Path, make: Make):
    with pytest.raises(PageError) as refusal:
        upload(tmp_path, make())
    message = str(refusal.value)
    assert message
    assert "\n" not in message
    assert len(message) < 700
    assert str(tmp_path) not in message, "no path of the server is shown"
    assert not re.search(r"\d{3}-\w+\.(tif|h5|zip|jp2)", message), "no name of our own is shown"
    assert "--" not in message, "no command-line option is shown"
    assert not left_outside(tmp_path)
    shutil.rmtree(tmp_path / "session", ignore_errors=True)


@pytest.mark.parametrize("make", [BAD_UPLOADS["empty"], BAD_UPLOADS["pickle"]], ids=["empty", "pickle"])
def test_an_upload_refused_on_reception_leaves_no_files(tmp_path: Path, make: Make):
    good = Arriving("good.tif", raster())
    with pytest.raises(UploadError):
        receive([good, *make()], tmp_path / "session" / "upload", SETTINGS)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ([], "No file"),
        ([Arriving(f"{n}.tif", b"II*\0") for n in range(11)], "11 files exceed the limit of 10"),
        ([Arriving("large.tif", b"II*\0" + bytes(101_000_000))], "101 MB, more than the limit of 100 MB"),
    ],
    ids=["none", "many", "large"],
)
def test_number_and_size_are_limited(tmp_path: Path, files: list[Arriving], text: str):
    with pytest.raises(UploadError, match=text):
        receive(files, tmp_path / "session" / "upload", SETTINGS)


def test_the_size_of_a_session_is_limited(tmp_path: Path):
    small = PageSettings(max_session_mb=1)
    folder = tmp_path / "session"
    receive([Arriving("a.tif", b"II*\0" + bytes(900_000))], folder / "one", small)
    with pytest.raises(UploadError, match="start over"):
        receive([Arriving("b.tif", b"II*\0" + bytes(900_000))], folder / "two", small)


@given(st.text(max_size=300))
def test_no_name_escapes_the_folder_or_passes_other_characters(name: str):
    stem = own_stem(7, name)
    assert re.fullmatch(r"007-[A-Za-z0-9_]+", stem)
    assert len(stem) < 255
    assert "\n" not in display_name(name)
    assert 0 < len(display_name(name)) <= 80


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        ("T33TWM_20230818T100031_B04_10m.jp2", "B04"),
        ("my own secret name B8A.tif", "B8A"),
        ("scene_red.tif", "B04"),
        ("blue_mountains.tif", None),
        ("LC08_L1TP_044034_20210101_B4.TIF", None),
        ("../../../etc/B03", "B03"),
    ],
)
def test_our_names_keep_the_channel(name: str, channel: str | None):
    found = from_file_name(own_stem(1, name))
    assert (found.channel if found else None) == channel


@pytest.mark.parametrize(("name", "number"), [("image_12.h5", 12), ("a1/b_007.h5", 7), ("image.h5", None)])
def test_the_number_of_a_patch_is_the_last_in_its_name(name: str, number: int | None):
    assert number_in(name) == number


def test_errors_have_the_names_of_the_user_and_the_control_that_sets_the_parameter(tmp_path: Path):
    error = SceneError(f"{tmp_path}/upload-001/001-x.tif has no channel names: 001-x.tif", parameter="channels")
    message = explain(error, tmp_path, {"001-x.tif": "hills.tif"})
    control = "(on this page: 'Channels' under 'How to read the files')"
    assert message == f"hills.tif has no channel names: hills.tif {control}"


@pytest.mark.parametrize(
    "name", ["../../x.tif", "a\0b.tif", "x" * 5000 + ".tif", "con.tif", "\u202egnp.tif", "<b>.tif"]
)
def test_a_good_file_with_a_bad_name_is_stored_under_our_own(tmp_path: Path, name: str):
    (source,) = upload(tmp_path, [Arriving(name, raster())]).sources
    assert isinstance(source, SceneSource)
    (path,) = source.paths
    assert path.parent == tmp_path / "session" / "upload"
    assert not left_outside(tmp_path)


def test_files_with_one_channel_each_are_one_scene(tmp_path: Path):
    bands = blobs(40, 50)
    files = [
        Arriving(f"S2_20230818_{name}.tif", raster(band[None], descriptions=()))
        for name, band in zip(("B04", "B03", "B02"), bands, strict=True)
    ]
    (source,) = upload(tmp_path, files).sources
    assert isinstance(source, SceneSource)
    assert source.channels == ("B02", "B03", "B04")
    assert source.date is not None
    assert source.date.date().isoformat() == "2023-08-18"


def test_files_with_all_channels_are_separate_scenes(tmp_path: Path):
    files = [Arriving("before.tif", raster()), Arriving("after.tif", raster())]
    sources = upload(tmp_path, files).sources
    assert [one.title for one in sources] == ["before", "after"]


def test_the_bands_of_a_scene_give_it_the_start_of_their_names(tmp_path: Path):
    bands = blobs(40, 50)
    files = [
        Arriving(f"Noto_20240102_{name}.tif", raster(band[None], descriptions=()))
        for name, band in zip(("B04", "B03", "B02"), bands, strict=True)
    ]
    (source,) = upload(tmp_path, files).sources
    assert source.title == "Noto_20240102"


def test_an_image_with_its_channels_first_is_read(tmp_path: Path):
    folder = make_l4s(tmp_path / "made", {"train": [7]})
    expected = open_patches(folder).read(open_patches(folder).entries[0]).values
    (path,) = (folder / l4s_faults.IMAGE).parent.glob("*.h5")
    with h5py.File(path) as file:
        values = file["img"][:]
    path.unlink()
    with h5py.File(path, "w") as file:
        file["img"] = np.moveaxis(values, -1, 0)
    (source,) = upload(tmp_path, [Arriving("image_7.h5", path.read_bytes())]).sources
    assert isinstance(source, PatchSource)
    patches = open_patches(source.folder)
    np.testing.assert_array_equal(patches.read(patches.entries[0]).values, expected)


def png(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG")
    return stream.getvalue()


def test_png_patches_are_read_with_their_masks(tmp_path: Path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (3, 64, 64, 3), np.uint8)
    mask = (rng.random((64, 64)) < 0.2).astype(np.uint8)
    files = [
        Arriving("image_1.png", png(images[0])),
        Arriving("image_2.png", png(images[1])),
        Arriving("image_3.png", png(images[2])),
        Arriving("mask_1.png", png(mask * 255)),
        Arriving("mask_2.png", png(np.repeat(mask[..., None] * 255, 3, axis=2))),
    ]
    (source,) = upload(tmp_path, files).sources
    assert isinstance(source, PatchSource)
    assert (source.patches, source.labelled, source.unlabelled) == (3, 2, frozenset({3}))
    patches = open_patches(source.folder)
    for patch in patches:
        np.testing.assert_array_equal(patch.mask, mask if patch.id < 3 else 0)
    task = PatchMapTask(source=source, detector=str(detector_file(tmp_path)), out=tmp_path / "mapped")
    run_task(task)
    masks = np.load(tmp_path / "mapped" / "masks.npy")
    assert (masks[2] == 255).all(), "an image without a mask has no reference"
    np.testing.assert_array_equal(masks[0], mask)


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ([Arriving("a.png", png(np.arange(256, dtype=np.uint8).reshape(16, 16)))], "neither an image"),
        ([Arriving("mask_1.png", png(np.eye(8, dtype=np.uint8)))], "Only masks"),
        (
            [
                Arriving("a_1.png", png(np.full((8, 8, 3), 9, np.uint8))),
                Arriving("a_2.png", png(np.full((9, 8, 3), 9, np.uint8))),
            ],
            "same size",
        ),
        ([Arriving("a.png", png(np.full((2000, 4, 3), 9, np.uint8)))], "at most 1,024 pixels"),
    ],
    ids=["grey", "mask", "sizes", "large"],
)
def test_other_pictures_are_refused(tmp_path: Path, files: list[Arriving], text: str):
    with pytest.raises(PageError, match=text):
        upload(tmp_path, files)


def test_a_preview_beside_the_rasters_is_skipped(tmp_path: Path):
    archive = zipped({"product/image.tif": raster(), "product/preview.png": png(np.zeros((8, 8, 3), np.uint8))})
    answer = upload(tmp_path, [Arriving("Noto 2024.zip", archive)])
    (source,) = answer.sources
    assert source.title == "Noto 2024"
    assert "1 PNG pictures beside the rasters were skipped" in answer.notes[0]


def test_a_zip_of_a_folder_is_a_scene_with_the_date_of_its_stac_item(tmp_path: Path):
    bands = blobs(40, 50)
    item = b'{"stac_version": "1.0.0", "properties": {"datetime": "2024-05-06T10:00:00Z", "x": "../../etc"}}'
    members = {
        f"product/IMG/{name}.tif": raster(band[None], descriptions=())
        for name, band in zip(("red", "nir"), bands, strict=False)
    }
    archive = zipped({**members, "product/item.json": item, "product/readme.txt": b"words"})
    answer = upload(tmp_path, [Arriving("product.zip", archive)])
    (source,) = answer.sources
    assert isinstance(source, SceneSource)
    assert source.channels == ("B04", "B08")
    assert str(source.date) == "2024-05-06 10:00:00+00:00"
    assert "readme.txt" in answer.notes[0]
    names = {path.name for path in (tmp_path / "session").rglob("*") if path.is_file()}
    assert names == {"item.json", "001-red.tif", "002-nir.tif"}


def test_masks_are_matched_to_images_by_number(tmp_path: Path, shared_data: Path):
    folder = shared_data / "l4s-h5" / "TrainData"
    files = [
        Arriving(path.name, path.read_bytes())
        for path in (folder / "mask" / "mask_42.h5", folder / "img" / "image_1002.h5", folder / "img" / "image_42.h5")
    ]
    (source,) = upload(tmp_path, files).sources
    assert isinstance(source, PatchSource)
    assert (source.patches, source.labelled) == (2, 1)
    assert sorted(path.name for path in source.folder.rglob("*.h5")) == ["image_1002.h5", "image_42.h5", "mask_42.h5"]
