"""The page without a browser: what a visitor clicks through, with every task done in this process."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from streamlit.testing.v1 import AppTest

import landslip.page.app
import landslip.page.server.session
from landslip.detector.detector import DEFAULT
from landslip.page import messages as words
from landslip.page.jobs.job import Progress
from landslip.page.jobs.results import LaidTruth
from landslip.page.jobs.tasks import TruthTask, Upload
from landslip.page.server.server_state import Workshop
from landslip.page.server.serving import PageSettings, streamlit_options
from landslip.page.views.landslide_map import view_of
from landslip.page.views.parts import plain, progress_text
from page_made import BOUNDS, detector_file, done, inline_workshop
from rasters import write_raster
from scenes_made import blobs, scene_file

pytestmark = pytest.mark.filterwarnings("ignore")
# Streamlit and what it imports warn of their own futures.


@pytest.fixture
def workshop(tmp_path: Path, examples: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    folder = tmp_path / "examples" / "chittagong"
    folder.mkdir(parents=True)
    shutil.move(scene_file(tmp_path, blobs(96, 120)), folder / "chittagong.tif")
    shutil.copytree(examples / "l4s-rgb-scene-b", tmp_path / "examples" / "l4s-rgb-scene-b")
    held = inline_workshop(examples=tmp_path / "examples", detectors=(detector_file(tmp_path),))
    monkeypatch.setattr(landslip.page.server.session, "workshop_for", lambda _: held)
    yield held
    held.close()


@pytest.fixture
def page(workshop: Workshop) -> AppTest:
    """The page as it is first shown, the tiny detector chosen."""
    page = AppTest.from_file(landslip.page.app.__file__, default_timeout=120).run()
    page.multiselect(key="detectors").set_value([list(workshop.detectors)[-1]])
    return ran(page)


def ran(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception, [one.message for one in page.exception]
    return page


def click(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click()
    return ran(page)


def show_view(page: AppTest, name: str) -> AppTest:
    """Another view of the same visit."""

    def script(name: str) -> None:
        import importlib

        import streamlit as st

        from landslip.page.server import session as shared

        module = importlib.import_module(f"landslip.page.views.{name}")
        module.show(shared.workshop_for(""), st.session_state["landslip"])

    view = AppTest.from_function(script, default_timeout=120, kwargs={"name": name})
    view.session_state["landslip"] = page.session_state["landslip"]
    return ran(view)


def said(page: AppTest) -> str:
    return "\n".join(one.value for one in (*page.markdown, *page.caption, *page.info, *page.error, *page.warning))


def test_from_an_example_to_its_landslides(page: AppTest):
    click(page, words.MAP_BUTTON)
    assert "candidate landslides" in said(page)
    before = said(page)
    page.slider(key=next(one.key for one in page.slider if one.label == words.THRESHOLD)).set_value(0.8)
    ran(page)
    assert said(page) != before
    page.radio(key="scene-tab").set_value(words.DOWNLOAD_TAB)
    ran(page)
    assert "threshold 0.800" in said(page)
    click(page, words.PREPARE)
    assert not page.error


def test_a_truth_is_scored_shown_and_taken_away(page: AppTest, workshop: Workshop, tmp_path: Path):
    page.radio(key="where-from").set_value(words.EXAMPLE)
    click(ran(page), words.MAP_BUTTON)
    page.radio(key="scene-tab").set_value(words.SCORES_TAB)
    ran(page)
    assert words.NO_TRUTH_YET in said(page)
    memory = page.session_state["landslip"]
    source = memory.results[0].source
    upload = Upload(path=write_raster(tmp_path / "t.tif", truth_of(96, 120)), shown="t.tif", kind="raster")
    task = TruthTask(folder=tmp_path, upload=upload, source=source, bounds=BOUNDS)
    memory.truths[source] = LaidTruth.model_validate(done(task))
    ran(page)
    assert "counts pooled over all pixels" in said(page)
    assert "of 1 landslide found" in said(page)
    page.radio(key="scene-tab").set_value(words.PICTURE_TAB)
    page.session_state["layers"] = [words.SHOW_TRUTH]
    ran(page)
    assert not page.error
    click(page, words.TRUTH_REMOVE)
    page.radio(key="scene-tab").set_value(words.SCORES_TAB)
    ran(page)
    assert words.NO_TRUTH_YET in said(page)


def truth_of(height: int, width: int) -> np.ndarray:
    """One landslide, in the left half."""
    mask = np.zeros((height, width), np.uint8)
    mask[:, : width // 2] = 1
    return mask


def test_two_detectors_stand_side_by_side(page: AppTest, workshop: Workshop, tmp_path: Path):
    keys = list(workshop.detectors)
    page.multiselect(key="detectors").set_value([keys[0], keys[-1]])
    click(ran(page), words.MAP_BUTTON)
    assert [one.value for one in page.subheader if one.value in (DEFAULT, "brightness")] == [DEFAULT, "brightness"]


def test_two_thresholds_are_compared(page: AppTest):
    click(page, words.MAP_BUTTON)
    view = show_view(page, "compare")
    view.slider[1].set_value(0.8)
    ran(view)
    table = view.table[0].value
    assert len(table.columns) == 3
    area = table[table.iloc[:, 0] == words.DIFFERS_AREA].iloc[0]
    assert area.iloc[1] != area.iloc[2]


def test_patches_are_scored_by_the_one_definition(page: AppTest):
    page.selectbox(key="example").set_value("l4s-rgb-scene-b")
    click(ran(page), words.MAP_BUTTON)
    assert "counts pooled over all pixels" in said(page)
    page.radio(key="patch-tab").set_value(words.SCORES_TAB)
    ran(page)
    assert "Chosen on what it is scored on" in said(page)


def test_without_a_detector_nothing_can_be_mapped(page: AppTest):
    page.multiselect(key="detectors").set_value([])
    ran(page)
    assert next(button for button in page.button if button.label == words.MAP_BUTTON).disabled


def test_what_goes_wrong_is_told_in_a_sentence(page: AppTest, workshop: Workshop):
    source = workshop.examples_read["chittagong"]
    gone = source.model_copy(update={"paths": (Path("/nowhere/at-all.tif"),)})
    workshop.examples_read["chittagong"] = gone
    click(page, words.MAP_BUTTON)
    assert "there is no file" in said(page).lower().replace("\\", "")


def test_the_other_views_are_whole(page: AppTest):
    explored = show_view(page, "explore")
    assert "7.11 % of the pixels" in said(explored)
    detectors = show_view(page, "detectors")
    assert words.CANDIDATES in said(detectors)
    click(detectors, words.BENCH_BUTTON)
    assert len(detectors.table[0].value) >= 1
    assert words.COMPARE_NEEDS in said(show_view(page, "compare"))


def test_every_sentence_can_be_filled_in():
    import string

    for name, text in vars(words).items():
        if name.isupper() and isinstance(text, str):
            list(string.Formatter().parse(text))


def test_streamlit_is_told_to_keep_to_itself():
    options = streamlit_options(PageSettings())
    assert options["server_address"] == "127.0.0.1"
    assert options["browser_gatherUsageStats"] is False
    assert options["server_enableXsrfProtection"] is True
    assert options["client_showErrorDetails"] == "none"
    from streamlit import config

    known = {key.replace(".", "_") for key in config.get_config_options()}
    assert set(options) <= known, "Streamlit would ignore a name that it does not know"


def test_names_of_files_are_no_markup():
    assert plain("![x](http://a/b) <b>") == r"\!\[x\]\(http\:\/\/a\/b\) \<b\>".replace(r"\/", "/")


@pytest.mark.parametrize(
    ("progress", "ahead", "text"),
    [
        (Progress("waiting"), 3, "Waiting: 3 before it"),
        (Progress("waiting"), 0, "Waiting: it is next"),
        (Progress("running"), 0, "Starting"),
        (Progress("running", "mapping", 0.25), 0, "Mapping: 25%"),
        (Progress("running", "mapping", 0.5, 90.0), 0, "Mapping: 50%, about 1 min 30 s left"),
    ],
)
def test_progress_is_told_with_the_time_left(progress: Progress, ahead: int, text: str):
    assert progress_text(progress, ahead) == text


def test_a_view_holds_its_box_whole():
    view = view_of((91.0, 22.0, 91.1, 22.05))
    px_per_degree = 512 * 2**view.zoom / 360
    assert 0.1 * px_per_degree <= 640


def test_the_command_says_what_it_takes():
    from landslip.cli.page import command

    told = CliRunner().invoke(command, ["--help"])
    assert told.exit_code == 0
    assert "sends nothing anywhere" in told.output
    assert CliRunner().invoke(command, ["--max-upload-mb", "0"]).exit_code == 2


def test_views_import_nothing_heavy_before_they_must():
    import subprocess
    import sys

    script = (
        "import sys\n"
        "import landslip.page.app, landslip.page.views.predict\n"
        "heavy = {'rasterio', 'geopandas', 'torch', 'openvino', 'pydeck', 'shapely'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
