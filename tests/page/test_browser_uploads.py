"""Bad uploads to a live server: each is refused with a message, the server continues, no file is left."""

import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from bad_uploads import ARCHIVES, FOREIGN, RASTERS
from landslip.page import messages
from page_browser import BROWSER, WAIT_MS, Served, press, put_in, sync_api, upload, wait_for_alert
from scenes_made import blobs, scene_file

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest_plugins = ["page_browser"]
pytestmark = BROWSER

SENT = FOREIGN | ARCHIVES | RASTERS
"""Without the bad patches, which take the same path and are part of the tests without a browser."""


def files_of(folder: Path, name: str) -> list[Path]:
    """Write the files of a bad upload."""
    folder.mkdir()
    made = SENT[name]()
    for one in made:
        (folder / one.name).write_bytes(one.getvalue())
    return [folder / one.name for one in made]


def stored(served: Served) -> list[Path]:
    """Every file of users on the server."""
    return [path for path in served.temporary.rglob("*") if path.is_file()]


def test_bad_uploads_are_refused_and_leave_no_files(page: "Page", served: Served, tmp_path: Path):
    assert len(SENT) >= 60
    before = set(stored(served))
    page.get_by_text(messages.UPLOAD, exact=True).click()
    refusals = page.get_by_test_id("stAlertContentError")
    shown: dict[str, str] = {}
    for number, name in enumerate(SENT):
        put_in(page, messages.UPLOADER, *files_of(tmp_path / f"{number:02d}", name))
        press(page, messages.READ_BUTTON)
        refusals.first.wait_for()
        shown[name] = refusals.first.inner_text()
        assert refusals.count() == 1, shown[name]
        page.get_by_role("button", name=messages.DISMISS).click()
        sync_api.expect(refusals).to_have_count(0, timeout=WAIT_MS)
    for name, sentence in shown.items():
        assert sentence.endswith("."), (name, sentence)
        assert "\n" not in sentence, (name, sentence)
        assert str(served.temporary) not in sentence, (name, sentence)
    assert len(set(shown.values())) > len(SENT) / 2, "the messages differ"
    with urllib.request.urlopen(f"{served.url}/_stcore/health", timeout=10) as answer:
        assert answer.read() == b"ok"
    assert not set(stored(served)) - before, "refused files are not kept"
    upload(page, scene_file(tmp_path, blobs(40, 50)))
    page.get_by_text("50 x 40 pixels").wait_for()
    assert set(stored(served)) - before
    page.get_by_role("button", name=messages.START_OVER).click()
    page.get_by_text("50 x 40 pixels").wait_for(state="detached")
    assert not set(stored(served)) - before, "starting over removes all files"


def test_a_fill_value_is_given_without_uploading_again(page: "Page", tmp_path: Path):
    values = blobs(60, 80)
    values[:, :20] = 65_535
    upload(page, scene_file(tmp_path, values, nodata=None))
    wait_for_alert(page, "'Nodata value' under 'How to read the files'")
    page.get_by_text(messages.HOW_TO_READ, exact=True).click()
    field = page.get_by_label(messages.NODATA_FIELD, exact=True)
    field.fill("65535")
    field.press("Enter")
    press(page, messages.READ_BUTTON)
    page.get_by_text("80 x 60 pixels").wait_for()
