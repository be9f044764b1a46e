"""Bad uploads against a live server: each gets its sentence, the server lives, nothing is left on disk."""

import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from bad_uploads import ARCHIVES, FOREIGN, RASTERS
from landslip.page import messages as words
from page_browser import BROWSER, WAIT_MS, Served, press, put_in, sync_api, upload
from scenes_made import blobs, scene_file

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest_plugins = ["page_browser"]
pytestmark = BROWSER

SENT = FOREIGN | ARCHIVES | RASTERS
"""Those of patches go through the same door to the same process: the tests without a browser have them too."""


def files_of(folder: Path, name: str) -> list[Path]:
    """The files of a bad upload as a visitor has them."""
    folder.mkdir()
    made = SENT[name]()
    for one in made:
        (folder / one.name).write_bytes(one.getvalue())
    return [folder / one.name for one in made]


def held(served: Served) -> list[Path]:
    """Every file that visitors have on the server."""
    return [path for path in served.temporary.rglob("*") if path.is_file()]


def test_bad_uploads_get_their_sentences_and_leave_nothing(page: "Page", served: Served, tmp_path: Path):
    assert len(SENT) >= 60
    before = set(held(served))
    page.get_by_text(words.UPLOAD, exact=True).click()
    refusals = page.get_by_test_id("stAlertContentError")
    said: dict[str, str] = {}
    for number, name in enumerate(SENT):
        put_in(page, words.UPLOADER, *files_of(tmp_path / f"{number:02d}", name))
        press(page, words.READ_BUTTON)
        refusals.first.wait_for()
        said[name] = refusals.first.inner_text()
        assert refusals.count() == 1, said[name]
        page.get_by_role("button", name=words.DISMISS).click()
        sync_api.expect(refusals).to_have_count(0, timeout=WAIT_MS)
    for name, sentence in said.items():
        assert sentence.endswith("."), (name, sentence)
        assert "\n" not in sentence, (name, sentence)
        assert str(served.temporary) not in sentence, (name, sentence)
    assert len(set(said.values())) > len(SENT) / 2, "each is told what is wrong with it"
    with urllib.request.urlopen(f"{served.url}/_stcore/health", timeout=10) as answer:
        assert answer.read() == b"ok"
    assert not set(held(served)) - before, "what is refused is not kept"
    upload(page, scene_file(tmp_path, blobs(40, 50)))
    page.get_by_text("50 x 40 pixels").wait_for()
    assert set(held(served)) - before
    page.get_by_role("button", name=words.START_OVER).click()
    page.get_by_text("50 x 40 pixels").wait_for(state="detached")
    assert not set(held(served)) - before, "nor is anything after a new start"
