"""What the browser tests share: a server, a Chromium, a visitor, and what a visitor does with the page."""

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
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from landslip.page import messages as words
from page_made import detector_file
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
BROWSER = [
    pytest.mark.browser,
    pytest.mark.allow_hosts(["127.0.0.1"]),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]
"""The marks of every test in a browser."""
_FAILED = pytest.StashKey[bool]()


@dataclass(frozen=True)
class Served:
    url: str
    process: subprocess.Popen[bytes]
    detector: Path
    temporary: Path

    def workers(self) -> list[psutil.Process]:
        return [
            one for one in psutil.Process(self.process.pid).children() if "landslip.page.jobs.worker" in one.cmdline()
        ]


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield opened
        opened.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> "Generator[None, pytest.TestReport, pytest.TestReport]":
    """Leave word for the fixture of the page whether a test failed."""
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


@pytest.fixture
def page(browser: "Browser", served: Served, request: pytest.FixtureRequest, tmp_path: Path) -> "Iterator[Page]":
    """A visitor who sees the page with the tiny detector chosen; asks for nothing but the server.

    Where a test fails, its folder keeps a picture of what the visitor saw last.
    """
    context = browser.new_context(viewport={"width": 1440, "height": 1150}, accept_downloads=True)
    opened = context.new_page()
    opened.set_default_timeout(WAIT_MS)
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(f"{served.url}/?detectors=brightness")
    opened.get_by_text(words.ABOUT_DETECTOR.format(name="brightness")).wait_for()
    yield opened
    if request.node.stash.get(_FAILED, True):
        opened.screenshot(path=tmp_path / "failed.png", full_page=True)
    elsewhere = [one for one in asked if not one.startswith((served.url, "data:", "blob:", "ws://127.0.0.1"))]
    context.close()
    assert not elsewhere, "the page asks nobody else"


def upload(page: "Page", *paths: Path) -> None:
    page.get_by_text(words.UPLOAD, exact=True).click()
    put_in(page, words.UPLOADER, *paths)
    press(page, words.READ_BUTTON)


def put_in(page: "Page", uploader: str, *paths: Path) -> None:
    """Put files into the uploader of that name."""
    held = page.get_by_test_id("stFileUploader").filter(has_text=uploader)
    held.locator("input[type=file]").set_input_files([str(path) for path in paths])


def press(page: "Page", name: str) -> None:
    """Press a button as soon as that is allowed."""
    button = page.get_by_role("button", name=name)
    sync_api.expect(button).to_be_enabled(timeout=WAIT_MS)
    button.click()


def map_it(page: "Page") -> None:
    press(page, words.MAP_BUTTON)


def show_tab(page: "Page", name: str) -> None:
    """Show another side of the result, once there is but one: while it is drawn anew the old one stands there too."""
    tab = page.get_by_text(name, exact=True)
    sync_api.expect(tab).to_have_count(1, timeout=WAIT_MS)
    tab.click()


def save(page: "Page", button: str, path: Path) -> Path:
    """Take a file home."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    download.value.save_as(path)
    return path


def told(page: "Page", text: str) -> None:
    """Wait until the page says so in a box of its own."""
    page.get_by_test_id("stAlert").filter(has_text=text).first.wait_for()


def counted(page: "Page") -> int:
    """How many landslides the page says there are."""
    text = page.get_by_text(re.compile(r"\d+ candidate landslides")).first.inner_text()
    return int(text.split()[0])
