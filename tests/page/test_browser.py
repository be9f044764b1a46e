"""The page in headless Chromium against a real server, from upload to a download that opens."""

import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import rasterio
from numpy.typing import NDArray

from command_line import run
from l4s_made import make_l4s
from landslip.page import messages
from map_comparison import assert_equal_maps
from page_browser import BROWSER, WAIT_MS, Served, counted, map_it, press, save, show_tab, upload, wait_for_alert
from scenes_made import blobs, scene_file

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest_plugins = ["page_browser"]
pytestmark = BROWSER


def large() -> NDArray[np.uint16]:
    """A scene that takes a while to map."""
    return np.tile(blobs(200, 200), (1, 11, 11))


def test_patches_are_uploaded_scored_and_downloaded(page: "Page", served: Served, tmp_path: Path):
    folder = make_l4s(tmp_path / "l4s", {"train": [3, 8]})
    upload(page, *sorted(folder.rglob("*.h5")))
    page.get_by_text("2 patches, 2 with a reference mask").wait_for()
    map_it(page)
    page.get_by_text(re.compile("counts pooled over all pixels")).first.wait_for()
    page.locator("[data-testid=stImage] img").nth(1).wait_for()
    show_tab(page, messages.DOWNLOAD_TAB)
    press(page, messages.PREPARE)
    npy = save(page, messages.FILE_NAMES["probability.npy"], tmp_path / "probability.npy")
    ran = run("evaluate", folder, "--detector", served.detector, "--save", tmp_path / "cli.npz", "--quiet")
    assert ran.code == 0, ran.err
    with np.load(tmp_path / "cli.npz", allow_pickle=False) as saved:
        expected = saved["encoded"] * np.float32(0.004)
    np.testing.assert_allclose(np.load(npy, allow_pickle=False), expected, atol=1e-6)


def test_downloaded_files_open_and_equal_those_of_the_command_line(page: "Page", served: Served, tmp_path: Path):
    scene = scene_file(tmp_path, blobs(160, 200))
    upload(page, scene)
    page.get_by_text("200 x 160 pixels").wait_for()
    map_it(page)
    found = counted(page)
    show_tab(page, messages.DOWNLOAD_TAB)
    page.get_by_role("button", name=messages.PREPARE).click()
    with zipfile.ZipFile(save(page, messages.ALL_IN_ONE, tmp_path / "all.zip")) as archive:
        archive.extractall(tmp_path / "page")
    ran = run("map", scene, "-o", tmp_path / "cli", "--detector", served.detector, "--quiet")
    assert ran.code == 0, ran.err
    assert_equal_maps(tmp_path / "page", tmp_path / "cli")
    assert len(gpd.read_file(tmp_path / "page" / "landslides.gpkg")) == found
    probability = np.load(tmp_path / "page" / "probability.npy", allow_pickle=False)
    with rasterio.open(tmp_path / "cli" / "probability.tif") as raster:
        np.testing.assert_allclose(probability, raster.read(1) * 0.004, atol=1e-6)
    for name in ("landslides.gpkg", "landslides.geojson", "landslides.kml", "landslides.parquet"):
        alone = save(page, messages.FILE_NAMES[name], tmp_path / name)
        assert len(gpd.read_parquet(alone) if alone.suffix == ".parquet" else gpd.read_file(alone)) == found


def test_a_bad_upload_is_refused_and_the_page_continues(page: "Page", tmp_path: Path):
    bad = tmp_path / "holiday.tif"
    bad.write_bytes(b"II*\0" + np.random.default_rng(0).bytes(4000))
    upload(page, bad)
    # The uploader shows the name before the file is read.
    wait_for_alert(page, "holiday.tif is truncated")
    press(page, messages.DISMISS)
    page.get_by_test_id("stAlertContentError").first.wait_for(state="detached")
    upload(page, scene_file(tmp_path, blobs(40, 50)))
    page.get_by_text("50 x 40 pixels").wait_for()


def test_refused_files_are_read_again_with_other_settings(page: "Page", tmp_path: Path):
    upload(page, scene_file(tmp_path, blobs(40, 50), descriptions=(None, None, None)))
    wait_for_alert(page, "channel")
    page.get_by_text(messages.HOW_TO_READ, exact=True).click()
    field = page.get_by_label(messages.CHANNELS_FIELD, exact=True)
    field.fill("B04,B03,B02")
    field.press("Enter")
    press(page, messages.READ_BUTTON)
    page.get_by_text("50 x 40 pixels").wait_for()


def test_a_reload_keeps_the_result_in_this_browser_only(page: "Page", browser: "Browser", tmp_path: Path):
    upload(page, scene_file(tmp_path, blobs(40, 50)))
    page.get_by_text("50 x 40 pixels").wait_for()
    map_it(page)
    found = counted(page)
    page.wait_for_url(re.compile("session=[0-9a-f]{16}"))
    page.reload()
    assert counted(page) == found
    page.get_by_text("50 x 40 pixels").wait_for()
    other = browser.new_context().new_page()
    other.set_default_timeout(WAIT_MS)
    other.goto(page.url)
    other.get_by_text(messages.WELCOME_RESULT).wait_for()
    other.get_by_role("button", name=messages.MAP_BUTTON).wait_for()
    assert other.get_by_text(re.compile("candidate landslides ·")).count() == 0
    other.context.close()


def test_the_drawer_of_a_phone_closes_after_map(browser: "Browser", served: Served, tmp_path: Path):
    phone = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True).new_page()
    phone.set_default_timeout(WAIT_MS)
    phone.goto(f"{served.url}/?detectors=brightness")
    phone.get_by_text(messages.WELCOME_RESULT).wait_for()
    phone.get_by_test_id("stExpandSidebarButton").click()
    upload(phone, scene_file(tmp_path, blobs(40, 50)))
    phone.get_by_text("50 x 40 pixels").wait_for()
    map_it(phone)
    phone.locator("[data-testid=stSidebar][data-collapsed=true]").wait_for(state="attached")
    counted(phone)
    phone.context.close()


def test_a_killed_worker_is_reported_and_the_page_continues(page: "Page", served: Served, tmp_path: Path):
    upload(page, scene_file(tmp_path, large()))
    page.get_by_text("2,200 x 2,200 pixels").wait_for()
    map_it(page)
    page.get_by_text(re.compile(r"Mapping: \d+%")).wait_for()
    for worker in served.workers():
        worker.kill()
    page.get_by_text(re.compile("stopped unexpectedly and was restarted")).wait_for()
    page.get_by_text(messages.EXAMPLE, exact=True).click()
    page.get_by_role("combobox", name=messages.EXAMPLE_LABEL).wait_for()
    upload(page, scene_file(tmp_path, blobs(40, 50)))
    page.get_by_text("50 x 40 pixels").wait_for()


def test_a_run_can_be_cancelled(page: "Page", tmp_path: Path):
    upload(page, scene_file(tmp_path, large()))
    page.get_by_text("2,200 x 2,200 pixels").wait_for()
    map_it(page)
    page.get_by_text(re.compile(r"Mapping: \d+%")).wait_for()
    page.get_by_role("button", name=messages.CANCEL).click()
    page.get_by_text(messages.CANCELLED).wait_for()


def test_two_users_see_only_their_own_files(page: "Page", browser: "Browser", served: Served, tmp_path: Path):
    upload(page, scene_file(tmp_path, blobs(40, 50)))
    page.get_by_text("50 x 40 pixels").wait_for()
    other = browser.new_context().new_page()
    other.set_default_timeout(WAIT_MS)
    other.goto(served.url)
    other.get_by_role("button", name=messages.MAP_BUTTON).wait_for()
    other.get_by_text(messages.UPLOAD, exact=True).click()
    other.get_by_text(messages.HOW_TO_READ).wait_for()
    assert other.get_by_text("50 x 40 pixels").count() == 0
    folders = [one for one in served.temporary.glob("landslip-page-*/*") if one.is_dir()]
    assert len({one.name for one in folders}) >= 2
    other.context.close()
