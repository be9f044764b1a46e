"""The page as a visitor meets it: headless Chromium against a real server, from upload to a download that opens."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import psutil
import pytest
import rasterio
from numpy.typing import NDArray

from command_line import run
from l4s_made import make_l4s
from landslip.page import words
from map_comparison import assert_equal_maps
from page_made import detector_file
from scenes_made import blobs, scene_file
from tiny_detectors import brightness

sync_api = pytest.importorskip("playwright.sync_api")
if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
WAIT_MS = int(os.environ.get("LANDSLIP_BROWSER_WAIT_S", "120")) * 1000
pytestmark = [
    pytest.mark.browser,
    pytest.mark.allow_hosts(["127.0.0.1"]),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]


@dataclass(frozen=True)
class Served:
    url: str
    process: subprocess.Popen[bytes]
    detector: Path
    temporary: Path

    def workers(self) -> list[psutil.Process]:
        return [
            one for one in psutil.Process(self.process.pid).children() if "landslip.page.work.worker" in one.cmdline()
        ]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, examples: Path) -> Iterator[Served]:
    """A server with a detector of a few kilobytes beside its own."""
    folder = tmp_path_factory.mktemp("served")
    detector = detector_file(folder, brightness(tile_px=32, overlap_px=8))
    temporary = folder / "temporary"
    temporary.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "landslip", "page", "--port", str(port), "--detector", str(detector)]
    process = subprocess.Popen(
        [*command, "--data", str(examples / "l4s-rgb-scene-b")], env=os.environ | {"TMPDIR": str(temporary)}
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=2).close()
                break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                assert process.poll() is None, "the server ended"
                time.sleep(0.2)
        yield Served(url, process, detector, temporary)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert not list(temporary.iterdir()), "a server that ends leaves nothing"


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield opened
        opened.close()


@pytest.fixture
def page(browser: "Browser", served: Served) -> "Iterator[Page]":
    """A visitor who sees the page with the tiny detector chosen; asks for nothing but the server."""
    context = browser.new_context(viewport={"width": 1440, "height": 1150}, accept_downloads=True)
    opened = context.new_page()
    opened.set_default_timeout(WAIT_MS)
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(f"{served.url}/?detectors=brightness")
    opened.get_by_text(words.ABOUT_DETECTOR.format(name="brightness")).wait_for()
    yield opened
    elsewhere = [one for one in asked if not one.startswith((served.url, "data:", "blob:", "ws://127.0.0.1"))]
    context.close()
    assert not elsewhere, "the page asks nobody else"


def large() -> NDArray[np.uint16]:
    """A scene that takes a while to map."""
    return np.tile(blobs(200, 200), (1, 11, 11))


def upload(page: "Page", *paths: Path) -> None:
    page.get_by_text(words.UPLOAD, exact=True).click()
    page.locator("input[type=file]").first.set_input_files([str(path) for path in paths])
    button = page.get_by_role("button", name=words.READ_BUTTON)
    sync_api.expect(button).to_be_enabled(timeout=WAIT_MS)
    button.click()


def map_it(page: "Page") -> None:
    button = page.get_by_role("button", name=words.MAP_BUTTON)
    sync_api.expect(button).to_be_enabled(timeout=WAIT_MS)
    button.click()


def told(page: "Page", text: str) -> None:
    """Wait until the page says so in a box of its own."""
    page.get_by_test_id("stAlert").filter(has_text=text).first.wait_for()


def counted(page: "Page") -> int:
    """How many landslides the page says there are."""
    text = page.get_by_text(re.compile(r"\d+ candidate landslides")).first.inner_text()
    return int(text.split()[0])


def test_from_upload_to_files_that_open_and_equal_the_command_lines(page: "Page", served: Served, tmp_path: Path):
    scene = scene_file(tmp_path, blobs(160, 200))
    upload(page, scene)
    page.get_by_text("200 x 160 pixels").wait_for()
    map_it(page)
    found = counted(page)
    page.get_by_text(words.DOWNLOAD_TAB, exact=True).click()
    page.get_by_role("button", name=words.PREPARE).click()
    with page.expect_download() as download:
        page.get_by_role("button", name=words.ALL_IN_ONE).click()
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        archive.extractall(tmp_path / "page")
    ran = run("map", scene, "-o", tmp_path / "cli", "--detector", served.detector, "--quiet")
    assert ran.code == 0, ran.err
    assert_equal_maps(tmp_path / "page", tmp_path / "cli")
    assert len(gpd.read_file(tmp_path / "page" / "landslides.gpkg")) == found
    probability = np.load(tmp_path / "page" / "probability.npy", allow_pickle=False)
    with rasterio.open(tmp_path / "cli" / "probability.tif") as raster:
        np.testing.assert_allclose(probability, raster.read(1) * 0.004, atol=1e-6)
    with page.expect_download() as download:
        page.get_by_role("button", name=words.FILE_NAMES["landslides.gpkg"]).click()
    download.value.save_as(tmp_path / "alone.gpkg")
    assert len(gpd.read_file(tmp_path / "alone.gpkg")) == found


def test_a_result_is_explored_on_the_map_and_compared(page: "Page", tmp_path: Path):
    upload(page, scene_file(tmp_path, blobs(160, 200)))
    page.get_by_text("200 x 160 pixels").wait_for()
    map_it(page)
    before = counted(page)
    page.locator("[data-testid=stDeckGlJsonChart] canvas").first.wait_for()
    page.get_by_role("combobox", name=words.GO_TO).click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_text("Probability, mean and highest").wait_for()
    slider = page.get_by_role("slider", name=words.THRESHOLD)
    slider.focus()
    for _ in range(60):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(f"!document.body.innerText.includes('{before} candidate landslides')")
    assert counted(page) < before
    page.get_by_text(words.PICTURE_TAB, exact=True).click()
    page.locator("[data-testid=stImage] img").first.wait_for()
    page.get_by_role("link", name=words.COMPARE).click()
    swipe = page.get_by_role("slider", name=re.compile(words.SWIPE_ALT))
    swipe.wait_for()
    swipe.focus()
    page.keyboard.press("Home")
    assert swipe.input_value() == "0"
    page.get_by_text(words.DIFFERS_ALONE_AREA).wait_for()


def test_patches_are_uploaded_and_scored(page: "Page", tmp_path: Path):
    folder = make_l4s(tmp_path / "l4s", {"train": [3, 8]})
    upload(page, *sorted(folder.rglob("*.h5")))
    page.get_by_text("2 patches, 2 of them with a truth").wait_for()
    map_it(page)
    page.get_by_text(re.compile("counts pooled over all pixels")).first.wait_for()
    page.locator("[data-testid=stImage] img").nth(1).wait_for()


def test_the_data_and_the_detectors_can_be_looked_at(page: "Page"):
    page.get_by_role("link", name=words.EXPLORE).click()
    page.get_by_text("7.11 % of the pixels").wait_for()
    page.get_by_text(words.MOSAIC_BUTTON).click()
    page.get_by_text(words.MOSAIC_ALT.format(scene="B")).wait_for()
    page.get_by_role("link", name=words.DETECTORS).click()
    page.get_by_text("What it is not good for").first.wait_for()


def test_a_bad_upload_gets_its_sentence_and_the_page_works_on(page: "Page", tmp_path: Path):
    bad = tmp_path / "holiday.tif"
    bad.write_bytes(b"II*\0" + np.random.default_rng(0).bytes(4000))
    upload(page, bad)
    # The name alone stands in the uploader before anybody has looked at the file.
    told(page, "holiday.tif is cut short")
    upload(page, scene_file(tmp_path, blobs(40, 50)))
    page.get_by_text("50 x 40 pixels").wait_for()


def test_a_worker_killed_in_the_middle_is_told_and_the_page_works_on(page: "Page", served: Served, tmp_path: Path):
    upload(page, scene_file(tmp_path, large()))
    page.get_by_text("2,200 x 2,200 pixels").wait_for()
    map_it(page)
    page.get_by_text(re.compile(r"Mapping: \d+%")).wait_for()
    for worker in served.workers():
        worker.kill()
    page.get_by_text(re.compile("was stopped, so there is no result")).wait_for()
    page.get_by_text(words.EXAMPLE, exact=True).click()
    page.get_by_role("combobox", name=words.EXAMPLE_LABEL).wait_for()
    upload(page, scene_file(tmp_path, blobs(40, 50)))
    page.get_by_text("50 x 40 pixels").wait_for()


def test_a_run_can_be_cancelled(page: "Page", tmp_path: Path):
    upload(page, scene_file(tmp_path, large()))
    page.get_by_text("2,200 x 2,200 pixels").wait_for()
    map_it(page)
    page.get_by_text(re.compile(r"Mapping: \d+%")).wait_for()
    page.get_by_role("button", name=words.CANCEL).click()
    page.get_by_text(words.CANCELLED).wait_for()


def test_two_visitors_see_each_their_own(page: "Page", browser: "Browser", served: Served, tmp_path: Path):
    upload(page, scene_file(tmp_path, blobs(40, 50)))
    page.get_by_text("50 x 40 pixels").wait_for()
    other = browser.new_context().new_page()
    other.set_default_timeout(WAIT_MS)
    other.goto(served.url)
    other.get_by_role("button", name=words.MAP_BUTTON).wait_for()
    other.get_by_text(words.UPLOAD, exact=True).click()
    other.get_by_text(words.HOW_READ).wait_for()
    assert other.get_by_text("50 x 40 pixels").count() == 0
    folders = [one for one in served.temporary.glob("landslip-page-*/*") if one.is_dir()]
    assert len({one.name for one in folders}) >= 2
    other.context.close()
