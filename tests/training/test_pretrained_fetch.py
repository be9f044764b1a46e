"""Laws of fetching published weights: what is kept is what was first seen; offline is a sentence with a remedy.

The hub itself is out of reach of the machines that run these tests: a server on 127.0.0.1 answers as it does.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from command_line import run
from fetch_server import Faults, Served, serving
from landslip.channels import CHANNELS
from landslip.errors import OutputError, RunError, WeightsError
from landslip.files.pins import PINS, downloads_folder, read_pins
from landslip.training.pretrained.fitting import parse_network
from landslip.training.pretrained.published import (
    DEEPSLIDE,
    REPOSITORY,
    fetch_published,
    published_recipe,
)

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

BYTES = {published.file: np.random.default_rng(seed).bytes(60_000) for seed, published in enumerate(DEEPSLIDE.values())}
NAME = "deepslide/resnet34"


def fetched(folder: Path, served: Served, name: str = NAME) -> Path:
    return fetch_published(name, folder=folder, base_url=served.url)


@pytest.mark.parametrize("name", DEEPSLIDE)
def test_every_name_downloads_its_own_file(tmp_path: Path, name: str) -> None:
    with serving(BYTES) as served:
        path = fetched(tmp_path, served, f"deepslide/{name}")
        assert served.asked == [(f"/{REPOSITORY}/resolve/main/{DEEPSLIDE[name].file}", None)]
    assert path.read_bytes() == BYTES[DEEPSLIDE[name].file]


def test_the_13_names_are_13_networks_of_the_paper() -> None:
    assert len(DEEPSLIDE) == 13
    assert len({parse_network(published.network) for published in DEEPSLIDE.values()}) == 13
    for name in DEEPSLIDE:
        recipe = published_recipe(name)
        assert len(recipe.channels) == 14
        assert [CHANNELS[channel].l4s_index for channel in recipe.channels] == list(range(14))
        assert recipe.inputs == "l4s"


def test_the_checksum_of_the_first_download_is_kept(tmp_path: Path) -> None:
    with serving(BYTES) as served:
        fetched(tmp_path, served)
    pins = read_pins(tmp_path)
    assert set(pins) == {NAME}
    assert pins[NAME].sha256 == hashlib.sha256(BYTES["resnet34.pth"]).hexdigest()


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    with serving(BYTES) as served:
        path = fetched(tmp_path, served)
    path.unlink()
    with (
        serving(BYTES | {"resnet34.pth": b"another" * 1000}) as served,
        pytest.raises(RunError, match=rf"not the file that was first downloaded.*{PINS}"),
    ):
        fetched(tmp_path, served)
    assert served.asked == []
    assert not path.exists()
    with serving(BYTES) as served:
        assert fetched(tmp_path, served).read_bytes() == BYTES["resnet34.pth"]


def test_existing_files_are_not_downloaded_again(tmp_path: Path) -> None:
    with serving(BYTES) as served:
        path = fetched(tmp_path, served)
        gone = served
    assert fetched(tmp_path, gone) == path


def test_damaged_files_are_downloaded_again(tmp_path: Path) -> None:
    with serving(BYTES) as served:
        path = fetched(tmp_path, served)
        path.write_bytes(b"damaged")
        assert fetched(tmp_path, served).read_bytes() == BYTES["resnet34.pth"]


def test_a_broken_connection_resumes(tmp_path: Path) -> None:
    with serving(BYTES, Faults(break_after=25_000)) as served:
        path = fetched(tmp_path, served)
        assert [span for _, span in served.asked] == [None, "bytes=25000-", "bytes=50000-"]
    assert path.read_bytes() == BYTES["resnet34.pth"]


def test_wrong_bytes_are_neither_kept_nor_pinned(tmp_path: Path) -> None:
    with serving(BYTES, Faults(wrong_bytes=9)) as served, pytest.raises(RunError, match="checksum"):
        fetched(tmp_path, served)
    assert not list(tmp_path.rglob("*.pth"))
    assert read_pins(tmp_path) == {}


def test_a_file_that_is_no_longer_listed_is_an_error(tmp_path: Path) -> None:
    with serving({"README.md": b"moved"}) as served, pytest.raises(RunError, match=r"no longer lists resnet34\.pth"):
        fetched(tmp_path, served)


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"deepslide/resnet34.*deepslide/segformer"):
        fetch_published("deepslide/resnet50", folder=tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"a": {"sha256": "0"}}', '{"a": 3}'])
def test_an_unreadable_record_is_not_overwritten(tmp_path: Path, text: str) -> None:
    (tmp_path / PINS).write_text(text)
    with serving(BYTES) as served, pytest.raises(OutputError, match=PINS):
        fetched(tmp_path, served)
    assert (tmp_path / PINS).read_text() == text


def test_the_folder_is_the_users_or_landslip_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDSLIP_HOME", str(tmp_path))
    assert downloads_folder() == tmp_path
    monkeypatch.delenv("LANDSLIP_HOME")
    assert downloads_folder().name == "landslip"


def test_the_list_shows_every_name_and_file() -> None:
    told = run("detector", "fetch", "--list")
    assert told.code == 0
    assert all(f"deepslide/{name}" in told.out and published.file in told.out for name, published in DEEPSLIDE.items())
    assert "effucientnetb0.pth" in told.out


def test_offline_the_error_tells_how_to_import_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDSLIP_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with serving({}) as served:
        gone = served.url
    told = run("detector", "fetch", NAME, "--base-url", gone, "--quiet")
    assert told.code == 1
    assert "cannot be reached" in told.err
    assert f"https://huggingface.co/{REPOSITORY}" in told.err
    assert "landslip detector import resnet34.pth --network unet-resnet34 --channels l4s --inputs l4s" in told.err
    assert not list(tmp_path.rglob("*.onnx"))


def test_a_file_without_weights_gives_no_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDSLIP_HOME", str(tmp_path / "kept"))
    with serving(BYTES) as served:
        told = run("detector", "fetch", NAME, "--base-url", served.url, "--output", tmp_path / "r.onnx", "--quiet")
    assert told.code == 2
    assert "resnet34.pth" in told.err
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert json.loads((tmp_path / "kept" / PINS).read_text()).keys() == {NAME}
