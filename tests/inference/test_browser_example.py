"""The page in examples/browser predicts what landslip predicts, and connects to nothing but its own address."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

import landslip as ls
from landslip.detector.card import Card
from landslip.detector.detector import Detector
from page_browser import ARGUMENTS, BROWSER, CHROMIUM, WAIT_MS

PAGE = Path(__file__).parents[2] / "examples" / "browser"
pytestmark = [
    *BROWSER,
    pytest.mark.skipif(
        not (PAGE / "detector" / "card.json").exists() or not (PAGE / "vendor" / "geotiff.js").exists(),
        reason="the page's files are absent: run examples/browser/get.sh",
    ),
]


class Quiet(SimpleHTTPRequestHandler):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript", ".wasm": "application/wasm"}  # noqa: RUF012

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(PAGE)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def crop(examples: Path, path: Path) -> np.ndarray:  # type: ignore[type-arg]
    """Write a part of the example with gaps, 3 bands in another order, and return it in the detector's order."""
    with rasterio.open(examples / "wayanad" / "wayanad.tif") as scene:
        values = scene.read([1, 2, 3], window=Window(300, 200, 250, 180))
        profile = {"crs": scene.crs, "transform": scene.transform, "dtype": "uint16", "driver": "GTiff"}
    values[:, 40:70, 100:140] = 0
    with rasterio.open(path, "w", count=3, height=180, width=250, nodata=0, compress="deflate", **profile) as out:
        for band, (name, plane) in enumerate(zip(("B02", "B03", "B04"), values[::-1], strict=True), start=1):
            out.write(plane, band)
            out.set_band_description(band, name)
    return values


def test_the_page_predicts_what_landslip_predicts(url: str, examples: Path, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    values = crop(examples, tmp_path / "scene.tif")
    card = Card.model_validate_json((PAGE / "detector" / "card.json").read_text())
    requests: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        page = browser.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.goto(url)
        page.set_input_files("#file", tmp_path / "scene.tif")
        page.wait_for_selector("#result:not([hidden]), #error:not(:empty)", timeout=WAIT_MS)
        assert page.inner_text("#error") == ""
        assert page.inner_text("#bands") == "B04: band 3, B03: band 2, B02: band 1"
        found = page.evaluate("() => landslipResult.probability.map((p) => Number.isNaN(p) ? -1 : p)")
        page.screenshot(path=tmp_path / "page.png", full_page=True)
        (tmp_path / "colours.tif").write_bytes(b"not a tiff")
        page.set_input_files("#file", tmp_path / "colours.tif")
        page.wait_for_selector("#error:not(:empty)", timeout=WAIT_MS)
        assert page.locator("#result").is_hidden()
        browser.close()
    valid = (values != 0).all(axis=0)
    detector = Detector.open(card.name)
    precision = "int8" if card.quantisation else "float32"
    expected = ls.predict(values.astype(np.float32), detector, channels="B04,B03,B02", valid=valid, precision=precision)
    probability = np.array(found, np.float32).reshape(valid.shape)
    np.testing.assert_array_equal(probability == -1, ~valid)
    np.testing.assert_allclose(probability[valid], expected[valid], atol=0.05 if card.quantisation else 1e-3)
    assert expected[valid].max() > 0.3
    assert all(one.startswith((url, "data:", "blob:")) for one in requests)
