"""Laws of intake: nothing bad gets in, each refusal is one sentence in the visitor's words, nothing is left on disk."""

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bad_uploads import BAD_UPLOADS, Make, raster, zipped
from landslip.page.errors import PageError, UploadError
from landslip.page.jobs.tasks import PatchSource, SceneSource
from landslip.page.server.serving import PageSettings
from landslip.page.uploads.names import in_their_words, number_in, own_stem, shown
from landslip.page.uploads.receive import receive
from landslip.scenes.naming import from_file_name
from page_made import Arriving, read
from scenes_made import blobs

SETTINGS = PageSettings(max_files=10, max_upload_mb=100, max_visit_mb=1000)


def taken(tmp_path: Path, files: object, **settings: object):
    uploads = receive(files, tmp_path / "visit" / "upload", SETTINGS)  # type: ignore[arg-type]
    return read(tmp_path / "visit" / "upload", *uploads, **settings)


def left_outside(tmp_path: Path) -> set[str]:
    return {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if "visit" not in path.parts}


def test_there_are_at_least_sixty_bad_uploads():
    assert len(BAD_UPLOADS) >= 60


@pytest.mark.parametrize("make", BAD_UPLOADS.values(), ids=BAD_UPLOADS.keys())
def test_a_bad_upload_is_refused_in_one_sentence(tmp_path: Path, make: Make):
    with pytest.raises(PageError) as refusal:
        taken(tmp_path, make())
    sentence = str(refusal.value)
    assert sentence
    assert "\n" not in sentence
    assert len(sentence) < 700
    assert str(tmp_path) not in sentence, "where files lie here is nobody's business"
    assert not re.search(r"\d{3}-\w+\.(tif|h5|zip|jp2)", sentence), "our own names mean nothing to a visitor"
    assert "--" not in sentence, "there is no command line on a page"
    assert not left_outside(tmp_path)
    shutil.rmtree(tmp_path / "visit", ignore_errors=True)


@pytest.mark.parametrize("make", [BAD_UPLOADS["empty"], BAD_UPLOADS["pickle"]], ids=["empty", "pickle"])
def test_what_is_refused_at_the_door_leaves_nothing(tmp_path: Path, make: Make):
    good = Arriving("good.tif", raster())
    with pytest.raises(UploadError):
        receive([good, *make()], tmp_path / "visit" / "upload", SETTINGS)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "No file"),
        ([Arriving(f"{n}.tif", b"II*\0") for n in range(11)], "11 files are too many"),
        ([Arriving("large.tif", b"II*\0" + bytes(101_000_000))], "101 MB, more than the 100 MB"),
    ],
    ids=["none", "many", "large"],
)
def test_number_and_size_are_bounded(tmp_path: Path, files: list[Arriving], words: str):
    with pytest.raises(UploadError, match=words):
        receive(files, tmp_path / "visit" / "upload", SETTINGS)


def test_a_visit_holds_no_more_than_it_may(tmp_path: Path):
    small = PageSettings(max_visit_mb=1)
    folder = tmp_path / "visit"
    receive([Arriving("a.tif", b"II*\0" + bytes(900_000))], folder / "one", small)
    with pytest.raises(UploadError, match="start over"):
        receive([Arriving("b.tif", b"II*\0" + bytes(900_000))], folder / "two", small)


@given(st.text(max_size=300))
def test_no_name_leaves_the_folder_or_smuggles_a_character(name: str):
    stem = own_stem(7, name)
    assert re.fullmatch(r"007-[A-Za-z0-9_]+", stem)
    assert len(stem) < 255
    assert "\n" not in shown(name)
    assert 0 < len(shown(name)) <= 80


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
def test_our_names_say_the_channel_that_theirs_said(name: str, channel: str | None):
    found = from_file_name(own_stem(1, name))
    assert (found.channel if found else None) == channel


@pytest.mark.parametrize(("name", "number"), [("image_12.h5", 12), ("a1/b_007.h5", 7), ("image.h5", None)])
def test_a_patch_is_known_by_the_last_number_in_its_name(name: str, number: int | None):
    assert number_in(name) == number


def test_errors_name_files_as_the_visitor_does(tmp_path: Path):
    sentence = f"{tmp_path}/upload-001/001-x.tif cannot be read, as 001-x.tif is damaged"
    told = in_their_words(sentence, tmp_path, {"001-x.tif": "hills.tif"})
    assert told == "hills.tif cannot be read, as hills.tif is damaged"


@pytest.mark.parametrize(
    "name", ["../../x.tif", "a\0b.tif", "x" * 5000 + ".tif", "con.tif", "\u202egnp.tif", "<b>.tif"]
)
def test_a_good_file_with_a_bad_name_is_taken_under_ours(tmp_path: Path, name: str):
    (source,) = taken(tmp_path, [Arriving(name, raster())]).sources
    assert isinstance(source, SceneSource)
    (path,) = source.paths
    assert path.parent == tmp_path / "visit" / "upload"
    assert not left_outside(tmp_path)


def test_files_of_one_channel_each_are_one_scene(tmp_path: Path):
    ground = blobs(40, 50)
    files = [
        Arriving(f"S2_20230818_{name}.tif", raster(band[None], descriptions=()))
        for name, band in zip(("B04", "B03", "B02"), ground, strict=True)
    ]
    (source,) = taken(tmp_path, files).sources
    assert isinstance(source, SceneSource)
    assert source.channels == ("B02", "B03", "B04")
    assert source.date is not None
    assert source.date.date().isoformat() == "2023-08-18"


def test_whole_files_are_scenes_of_their_own(tmp_path: Path):
    files = [Arriving("before.tif", raster()), Arriving("after.tif", raster())]
    sources = taken(tmp_path, files).sources
    assert [one.title for one in sources] == ["before", "after"]


def test_a_zip_of_a_folder_is_a_scene_with_the_date_of_its_item(tmp_path: Path):
    ground = blobs(40, 50)
    item = b'{"stac_version": "1.0.0", "properties": {"datetime": "2024-05-06T10:00:00Z", "x": "../../etc"}}'
    members = {
        f"product/IMG/{name}.tif": raster(band[None], descriptions=())
        for name, band in zip(("red", "nir"), ground, strict=False)
    }
    archive = zipped({**members, "product/item.json": item, "product/readme.txt": b"words"})
    answer = taken(tmp_path, [Arriving("product.zip", archive)])
    (source,) = answer.sources
    assert isinstance(source, SceneSource)
    assert source.channels == ("B04", "B08")
    assert str(source.date) == "2024-05-06 10:00:00+00:00"
    assert "readme.txt" in answer.notes[0]
    names = {path.name for path in (tmp_path / "visit").rglob("*") if path.is_file()}
    assert names == {"item.json", "001-red.tif", "002-nir.tif"}


def test_patches_are_paired_with_their_masks_by_number(tmp_path: Path, shared_data: Path):
    folder = shared_data / "l4s-h5" / "TrainData"
    files = [
        Arriving(path.name, path.read_bytes())
        for path in (folder / "mask" / "mask_42.h5", folder / "img" / "image_1002.h5", folder / "img" / "image_42.h5")
    ]
    (source,) = taken(tmp_path, files).sources
    assert isinstance(source, PatchSource)
    assert (source.patches, source.labelled) == (2, 1)
    assert sorted(path.name for path in source.folder.rglob("*.h5")) == ["image_1002.h5", "image_42.h5", "mask_42.h5"]
