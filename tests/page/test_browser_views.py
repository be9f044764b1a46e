"""The views in headless Chromium: map, table, reference, detectors side by side, Compare, Explore, address."""

import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest
import shapely

from command_line import run
from landslip.page import messages
from page_browser import BROWSER, WAIT_MS, Served, counted, map_it, press, put_in, show_tab, sync_api, upload
from rasters import UTM, write_raster
from scenes_made import TRUE_COLOUR, blobs, scene_file

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest_plugins = ["page_browser"]
pytestmark = BROWSER
CLICKS = 12
"""Without a GPU the map is slow, and a slow press is not recognised as a click: try several times."""
FILLED = """image => new Promise((resolve, reject) => {
  const frame = image.closest('.frame'), start = performance.now();
  const check = () => {
    const [inner, outer] = [image, frame].map(element => element.getBoundingClientRect().width);
    if (Math.abs(inner - outer) <= 0.01 * outer) resolve();
    else if (performance.now() - start > 10000) reject(new Error(`image ${inner} px wide, frame ${outer}`));
    else requestAnimationFrame(check);
  };
  check();
})"""
"""JavaScript that waits until the image is as wide as its frame."""


def zip_of_a_scene(path: Path) -> Path:
    """A folder with one raster per channel and a STAC item with the date."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, band in zip(TRUE_COLOUR, blobs(160, 200), strict=True):
            archive.write(write_raster(path.with_name(f"{name}.tif"), band, nodata=0), f"product/{name}.tif")
        item = {"stac_version": "1.0.0", "properties": {"datetime": "2024-05-06T10:00:00Z"}}
        archive.writestr("product/item.json", json.dumps(item))
    return path


def test_a_zip_is_mapped_by_two_detectors_and_scored_as_on_the_command_line(
    page: "Page", served: Served, tmp_path: Path
):
    page.get_by_role("combobox", name=messages.DETECTOR_LABEL).click()
    page.get_by_role("option", name="s2-rgb", exact=True).click()
    page.keyboard.press("Escape")
    upload(page, zip_of_a_scene(tmp_path / "product.zip"))
    page.get_by_text("200 x 160 pixels").wait_for()
    reference = tmp_path / "reference.gpkg"
    gpd.GeoSeries([shapely.box(500_200, 2_498_700, 500_900, 2_499_500)], crs=UTM).to_file(reference)
    page.get_by_text(messages.REFERENCE, exact=True).click()
    put_in(page, messages.REFERENCE_UPLOADER, reference)
    press(page, messages.REFERENCE_BUTTON)
    page.get_by_text(re.compile("1 landslide; covers")).wait_for()
    map_it(page)
    for name in ("brightness", "s2-rgb"):
        page.get_by_role("heading", name=name, exact=True).wait_for()
    show_tab(page, messages.PICTURE_TAB)
    page.locator("[data-testid=stImage] img").nth(1).wait_for()
    show_tab(page, messages.SCORES_TAB)
    page.get_by_text(re.compile("of 1 reference landslide matched")).nth(1).wait_for()
    bands = [tmp_path / f"{name}.tif" for name in TRUE_COLOUR]
    ran = run("map", *bands, "-o", tmp_path / "cli", "--detector", served.detector, "--quiet")
    assert ran.code == 0, ran.err
    ran = run("evaluate-map", tmp_path / "cli", "--truth", reference, "--json", "--quiet")
    assert ran.code == 0, ran.err
    pixel = json.loads(ran.out)["pixel"]
    page.get_by_text(f"F1 {pixel['f1']:.3f}, precision {pixel['precision']:.3f}").wait_for()


def test_a_landslide_is_chosen_on_the_map_and_in_the_table(page: "Page", tmp_path: Path):
    upload(page, scene_file(tmp_path, blobs(160, 200)))
    page.get_by_text("200 x 160 pixels").wait_for()
    map_it(page)
    canvas = page.locator("[data-testid=stDeckGlJsonChart] canvas").last
    canvas.wait_for()
    attributes = page.get_by_text("Probability, mean and maximum")
    # The centre of this scene is inside a landslide.
    box = canvas.bounding_box()
    assert box is not None
    for _ in range(CLICKS):
        canvas.click(position={"x": box["width"] / 2, "y": box["height"] / 2}, force=True)
        try:
            attributes.wait_for(timeout=WAIT_MS / CLICKS)
            break
        except sync_api.TimeoutError:
            pass
    on_the_map = page.get_by_text(re.compile(r"^Candidate \d+-\d+$")).first.inner_text()
    # A row is selected in its first column; the first row is the largest landslide.
    grid = page.get_by_test_id("stDataFrameResizable").locator("canvas").first
    grid.click(position={"x": 15, "y": 52}, force=True)
    page.wait_for_function(
        "before => [...document.querySelectorAll('strong')].some("
        "one => /^Candidate \\d+-\\d+$/.test(one.innerText) && one.innerText !== before)",
        arg=on_the_map,
    )
    attributes.wait_for()


def test_the_address_keeps_the_choices(page: "Page", served: Served):
    page.goto(f"{served.url}/?example=l4s-rgb-scene-b&detectors=s2-rgb,brightness")
    page.get_by_text(messages.EXAMPLE_NOTES["l4s-rgb-scene-b"]).wait_for()
    page.get_by_text(messages.ABOUT_DETECTOR.format(name="s2-rgb")).wait_for()
    page.get_by_text(messages.ABOUT_DETECTOR.format(name="brightness")).wait_for()
    page.get_by_role("combobox", name=messages.DETECTOR_LABEL).click()
    page.keyboard.press("Backspace")
    page.wait_for_url(re.compile("detectors=s2-rgb$"))
    assert "example=l4s-rgb-scene-b" in page.url


def test_a_result_is_shown_on_the_map_and_compared(page: "Page", tmp_path: Path):
    upload(page, scene_file(tmp_path, blobs(160, 200)))
    page.get_by_text("200 x 160 pixels").wait_for()
    map_it(page)
    before = counted(page)
    page.locator("[data-testid=stDeckGlJsonChart] canvas").first.wait_for()
    page.get_by_role("combobox", name=messages.GO_TO).click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_text("Probability, mean and maximum").wait_for()
    slider = page.get_by_role("slider", name=messages.THRESHOLD)
    slider.focus()
    for _ in range(60):
        page.keyboard.press("ArrowRight")
    # On the way up landslides split, so their number may rise for a moment: wait for the final one.
    page.wait_for_function(
        r"before => Number((document.body.innerText.match(/(\d+) candidate landslide/) || [, before])[1]) < before",
        arg=before,
    )
    show_tab(page, messages.PICTURE_TAB)
    page.locator("[data-testid=stImage] img").first.wait_for()
    page.get_by_role("link", name=messages.COMPARE).click()
    swipe = page.get_by_role("slider", name=re.compile(messages.SWIPE_ALT))
    swipe.wait_for()
    swipe.focus()
    page.keyboard.press("Home")
    assert swipe.input_value() == "0"
    frame, image = page.locator(".frame"), page.locator(".frame .under")
    # The side bar takes its place after the comparison is shown; the image follows in the next drawn frame.
    image.evaluate(FILLED)
    box, shown = frame.bounding_box(), image.bounding_box()
    assert box is not None
    assert shown is not None
    assert shown["width"] == pytest.approx(box["width"], rel=0.01), "the comparison fills the width"
    page.get_by_role("button", name=messages.ZOOM_IN).click()
    larger = image.bounding_box()
    assert larger is not None
    assert larger["width"] == pytest.approx(1.5 * shown["width"], rel=0.01)
    page.get_by_role("button", name=messages.ZOOM_FIT).click()
    whole = image.bounding_box()
    assert whole is not None
    assert whole["height"] == pytest.approx(box["height"], rel=0.02)
    page.get_by_text(messages.DIFFERENCE_ONLY).wait_for()


def test_a_selected_landslide_stays_selected_while_the_threshold_moves(page: "Page", tmp_path: Path):
    upload(page, scene_file(tmp_path, blobs(160, 200)))
    page.get_by_text("200 x 160 pixels").wait_for()
    map_it(page)
    page.get_by_role("combobox", name=messages.GO_TO).click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    name = page.get_by_text(re.compile(r"^Candidate \d+-\d+$")).first.inner_text()
    before = counted(page)
    slider = page.get_by_role("slider", name=messages.THRESHOLD)
    slider.focus()
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(
        r"before => Number((document.body.innerText.match(/(\d+) candidate landslide/) || [, before])[1]) != before",
        arg=before,
    )
    page.get_by_text(name, exact=True).first.wait_for()


def test_data_and_detectors_are_shown(page: "Page"):
    page.get_by_role("link", name=messages.EXPLORE).click()
    page.get_by_text("7.11 % of the labelled pixels").wait_for()
    page.get_by_text(messages.MOSAIC_BUTTON).click()
    page.get_by_text(messages.MOSAIC_ALT.format(scene="B")).wait_for()
    page.get_by_role("link", name=messages.DETECTORS).click()
    page.get_by_text(messages.DETECTOR_LIMITS).first.wait_for()
    page.get_by_role("combobox", name=messages.BENCHMARK_LABEL).click()
    page.keyboard.type("brightness")
    page.keyboard.press("Enter")
    press(page, messages.BENCHMARK_BUTTON)
    page.get_by_text(messages.TILES_PER_S).wait_for()
