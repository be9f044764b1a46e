"""The views without a browser, with every task performed in this process."""

import importlib
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from streamlit.testing.v1 import AppTest

import landslip.page.app
import landslip.page.jobs.tasks
import landslip.page.server.session
from landslip.detector.detector import DEFAULT, seal
from landslip.errors import RunError
from landslip.page import messages
from landslip.page.jobs.pool import JobProgress
from landslip.page.jobs.results import SceneReference
from landslip.page.jobs.tasks import FetchTask, ReadTask, ReferenceTask, Upload
from landslip.page.server.server_state import ServerState
from landslip.page.server.serving import streamlit_options
from landslip.page.server.session import SessionState, browser_of, reopen_session
from landslip.page.server.settings import PageSettings
from landslip.page.views import landslides
from landslip.page.views.downloads import download_stem
from landslip.page.views.landslides import view_of
from landslip.page.views.parts import describe_progress, escape_markdown
from page_made import LIMITS, detector_file, inline_server, run_task
from rasters import write_raster
from scenes_made import blobs, scene_file
from tiny_detectors import card, identity_model

pytestmark = pytest.mark.filterwarnings("ignore")
# Streamlit and its dependencies emit deprecation warnings.


@pytest.fixture
def server(tmp_path: Path, examples: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerState]:
    folder = tmp_path / "examples" / "wayanad"
    folder.mkdir(parents=True)
    shutil.move(scene_file(tmp_path, blobs(96, 120)), folder / "wayanad.tif")
    shutil.copytree(examples / "l4s-rgb-scene-b", tmp_path / "examples" / "l4s-rgb-scene-b")
    state = inline_server(examples=tmp_path / "examples", detectors=(detector_file(tmp_path),))
    monkeypatch.setattr(landslip.page.server.session, "get_server_state", lambda _: state)
    yield state
    state.close()


@pytest.fixture
def page(server: ServerState) -> AppTest:
    """The page as first shown, with the tiny detector chosen."""
    page = AppTest.from_file(landslip.page.app.__file__, default_timeout=120).run()
    page.multiselect(key="detectors").set_value([list(server.detectors)[-1]])
    return run(page)


def run(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception, [one.message for one in page.exception]
    return page


def click(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click()
    return run(page)


def show_view(page: AppTest, name: str) -> AppTest:
    """Another view of the same session."""

    def script(name: str) -> None:
        import importlib

        import streamlit as st

        from landslip.page.server.session import get_server_state

        module = importlib.import_module(f"landslip.page.views.{name}")
        module.show(get_server_state(""), st.session_state["landslip"])

    view = AppTest.from_function(script, default_timeout=120, kwargs={"name": name})
    view.session_state["landslip"] = page.session_state["landslip"]
    return run(view)


def text_of(page: AppTest) -> str:
    return "\n".join(one.value for one in (*page.markdown, *page.caption, *page.info, *page.error, *page.warning))


def test_an_example_is_mapped(page: AppTest):
    click(page, messages.MAP_BUTTON)
    assert "candidate landslides" in text_of(page)
    before = text_of(page)
    page.slider(key=next(one.key for one in page.slider if one.label == messages.THRESHOLD)).set_value(0.8)
    run(page)
    assert text_of(page) != before
    page.radio(key="scene-tab").set_value(messages.DOWNLOAD_TAB)
    run(page)
    assert "threshold 0.800" in text_of(page)
    click(page, messages.PREPARE)
    assert not page.error


def test_a_reference_is_scored_shown_and_removed(page: AppTest, server: ServerState, tmp_path: Path):
    page.radio(key="image-source").set_value(messages.EXAMPLE)
    click(run(page), messages.MAP_BUTTON)
    page.radio(key="scene-tab").set_value(messages.SCORES_TAB)
    run(page)
    assert messages.NO_REFERENCE_YET in text_of(page)
    state = page.session_state["landslip"]
    source = state.results[0].source
    upload = Upload(path=write_raster(tmp_path / "t.tif", reference_mask(96, 120)), name="t.tif", kind="raster")
    task = ReferenceTask(folder=tmp_path, upload=upload, source=source, limits=LIMITS)
    state.references[source] = SceneReference.model_validate(run_task(task))
    run(page)
    assert "counts pooled over all pixels" in text_of(page)
    assert "of 1 reference landslide matched" in text_of(page)
    page.radio(key="scene-tab").set_value(messages.PICTURE_TAB)
    page.session_state["layers"] = [messages.SHOW_REFERENCE]
    run(page)
    assert not page.error
    click(page, messages.REFERENCE_REMOVE)
    page.radio(key="scene-tab").set_value(messages.SCORES_TAB)
    run(page)
    assert messages.NO_REFERENCE_YET in text_of(page)


def reference_mask(height: int, width: int) -> np.ndarray:
    """One landslide, in the left half."""
    mask = np.zeros((height, width), np.uint8)
    mask[:, : width // 2] = 1
    return mask


def test_two_detectors_are_shown_side_by_side(page: AppTest, server: ServerState, tmp_path: Path):
    keys = list(server.detectors)
    page.multiselect(key="detectors").set_value([keys[0], keys[-1]])
    click(run(page), messages.MAP_BUTTON)
    assert [one.value for one in page.subheader if one.value in (DEFAULT, "brightness")] == [DEFAULT, "brightness"]


def test_two_thresholds_are_compared(page: AppTest):
    click(page, messages.MAP_BUTTON)
    view = show_view(page, "compare")
    view.slider[1].set_value(0.8)
    run(view)
    table = view.table[0].value
    assert len(table.columns) == 3
    area = table[table.iloc[:, 0] == messages.DIFFERENCE_AREA].iloc[0]
    assert area.iloc[1] != area.iloc[2]


def test_patch_scores_are_pooled(page: AppTest):
    page.selectbox(key="example").set_value("l4s-rgb-scene-b")
    click(run(page), messages.MAP_BUTTON)
    assert "counts pooled over all pixels" in text_of(page)
    page.radio(key="patch-tab").set_value(messages.SCORES_TAB)
    run(page)
    assert "selected on the data it is scored on" in text_of(page)


def test_patches_have_the_controls_of_scenes(page: AppTest):
    page.selectbox(key="example").set_value("l4s-rgb-scene-b")
    click(run(page), messages.MAP_BUTTON)
    page.button_group(key="patch-layers-True").set_value(["outlines", "probability"])
    page.slider(key=next(one.key for one in page.slider if one.label == messages.THRESHOLD)).set_value(0.02)
    page.number_input(key="min-area").set_value(0.0)
    run(page)
    assert messages.PATCH_LEGEND not in text_of(page)
    choice = next(one for one in page.selectbox if one.label == messages.GO_TO_PATCHES)
    assert len(choice.options) > 1
    page.selectbox(key="patch-view").set_value(messages.ANY_CHANNELS)
    run(page)
    number = next(iter(page.dataframe[0].value[messages.COLUMN_NAMES["number"]]))
    next(one for one in page.selectbox if one.label == messages.GO_TO_PATCHES).set_value(number)
    run(page)
    assert messages.ATTRIBUTES.format(number=number) in text_of(page)
    assert messages.CANDIDATES in text_of(page)


def test_without_masks_nothing_is_called_a_true_positive(page: AppTest):
    page.selectbox(key="example").set_value("l4s-rgb-scene-b")
    click(run(page), messages.MAP_BUTTON)
    state = page.session_state["landslip"]
    (result,) = state.results
    unlabelled = result.source.model_copy(update={"labelled": 0, "unlabelled": frozenset(result.ids)})
    state.results[0] = result.model_copy(update={"source": unlabelled})
    run(page)
    assert "true positive" not in text_of(page)
    assert messages.NO_REFERENCE in text_of(page)
    assert page.button_group(key="patch-layers-False").options == ["Outlines", "Probability"]


def test_the_warnings_stand_above_the_map(page: AppTest, server: ServerState):
    click(page, messages.MAP_BUTTON)
    state = page.session_state["landslip"]
    warnings = ("values are *bright*", "out of distribution")
    state.results[0] = state.results[0].model_copy(update={"warnings": warnings})
    run(page)
    shown = [one.value for one in page.warning]
    assert any("Values are" in text and "Out of distribution" in text for text in shown)
    assert not any("Warnings" in one.label for one in page.expander)
    assert messages.CANDIDATES in text_of(page)


def test_a_selected_landslide_stays_itself_while_the_threshold_moves(page: AppTest):
    click(page, messages.MAP_BUTTON)
    go_to = next(one for one in page.selectbox if one.label == messages.GO_TO)
    number = page.dataframe[0].value[messages.COLUMN_NAMES["number"]].iloc[1]
    go_to.set_value(number)
    run(page)
    assert messages.ATTRIBUTES.format(number=number) in text_of(page)
    key = next(one.key for one in page.slider if one.label == messages.THRESHOLD)
    own = page.slider(key=key).value
    for threshold, is_shown in ((0.3, True), (1.0, False), (own, True)):
        page.slider(key=key).set_value(threshold)
        run(page)
        shown = [one.value for one in page.selectbox if one.label == messages.GO_TO]
        gone = messages.SELECTED_GONE.format(number=number) in text_of(page)
        joined = "is part of" in text_of(page)
        assert gone != is_shown
        assert shown == ([number] if is_shown and not joined else shown)
    assert messages.ATTRIBUTES.format(number=number) in text_of(page)


def test_the_newest_upload_is_the_one_that_is_mapped(page: AppTest, server: ServerState, tmp_path: Path):
    state = page.session_state["landslip"]
    for name, size in (("one", (96, 120)), ("two", (40, 50))):
        (tmp_path / name).mkdir()
        upload = Upload(path=scene_file(tmp_path / name, blobs(*size)), name="image.tif", kind="raster")
        state.submit("read", ReadTask(folder=tmp_path / name, uploads=(upload,), limits=LIMITS), "reading", None)
        run(page)
    page.radio(key="image-source").set_value(messages.UPLOAD)
    run(page)
    assert [source.title for source in state.sources] == ["image (2)", "image"]
    assert "50 x 40 pixels" in text_of(page)
    click(page, messages.MAP_BUTTON)
    assert state.results[0].source.width == 50
    page.selectbox(key="source").set_value(state.sources[1].id)
    click(run(page), messages.MAP_BUTTON)
    assert state.results[0].source.width == 120
    assert page.title[0].value == "image"
    page.selectbox(key="result").set_value(state.results[1].source.id)
    run(page)
    assert page.title[0].value == r"image \(2\)"


def test_an_image_before_is_chosen_and_both_dates_are_shown(page: AppTest, server: ServerState, tmp_path: Path):
    state = page.session_state["landslip"]
    for name, seed in (("before", 5), ("after", 0)):
        (tmp_path / name).mkdir()
        path = scene_file(tmp_path / name, blobs(150, 160, seed=seed))
        upload = Upload(path=path, name=f"{name}.tif", kind="raster")
        state.submit("read", ReadTask(folder=tmp_path / name, uploads=(upload,), limits=LIMITS), "reading", None)
        run(page)
    page.radio(key="image-source").set_value(messages.UPLOAD)
    run(page)
    after, before = state.sources
    page.selectbox(key=f"before-{after.id}").set_value(before.id)
    click(run(page), messages.MAP_BUTTON)
    assert state.results[0].before == before
    page.radio(key="scene-tab").set_value(messages.BEFORE_TAB)
    run(page)
    page.toggle(key="only-new").set_value(False)
    run(page)
    assert not page.error


def test_a_refused_file_stays_in_the_uploader_until_dismissed(page: AppTest, tmp_path: Path):
    state = page.session_state["landslip"]
    before = state.image_round
    bad = tmp_path / "bad.tif"
    bad.write_bytes(b"II*\0" + bytes(100))
    upload = Upload(path=bad, name="bad.tif", kind="raster")
    state.submit("read", ReadTask(folder=tmp_path, uploads=(upload,), limits=LIMITS), "reading", None)
    run(page)
    assert state.image_round == before
    assert any("bad" in one.value for one in page.error)
    click(page, messages.DISMISS)
    assert state.image_round == before + 1


def test_a_session_is_reopened_by_its_own_browser_only(server: ServerState):
    state = SessionState(server.open_session("ours"))
    state.session.state = state
    owner = state.session.owner
    assert reopen_session(server, owner, "ours") is state
    for browser in ("theirs", ""):
        assert reopen_session(server, owner, browser) is None
    assert reopen_session(server, "unknown", "ours") is None
    server.close_session(owner)
    assert reopen_session(server, owner, "ours") is None


def test_a_session_ends_with_its_last_connection(server: ServerState):
    owner = server.open_session("ours").owner
    server.connected(owner, "before the reload")
    server.connected(owner, "after the reload")
    server.disconnected(owner, "before the reload", grace_s=0)
    assert owner in server.sessions
    server.disconnected(owner, "after the reload", grace_s=0)
    until = time.monotonic() + 10
    while owner in server.sessions:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_browser_is_known_by_its_token_under_any_mask():
    token = bytes(range(16))
    cookies = [
        f"2|{mask.hex()}|{bytes(a ^ mask[i % 4] for i, a in enumerate(token)).hex()}|1700000000"
        for mask in (b"abcd", b"\x01\x02\x03\x04")
    ]
    assert {browser_of({"_streamlit_xsrf": cookie}) for cookie in cookies} == {token.hex()}
    for cookie in ("", "2|zz|zz|1", "1|00|00|1", "2||00|1"):
        assert browser_of({"_streamlit_xsrf": cookie}) == ""


def test_published_networks_are_offered_and_an_error_is_a_sentence(
    page: AppTest, server: ServerState, monkeypatch: pytest.MonkeyPatch
):
    published = pytest.importorskip("landslip.training.pretrained.published")

    def offline(*_: object, **__: object) -> Path:
        raise RunError("huggingface.co cannot be reached")

    monkeypatch.setattr(published, "fetch_published", offline)
    view = show_view(page, "detectors")
    buttons = [one.label for one in view.button if one.label.startswith("Load ")]
    assert len(buttons) == len(published.DEEPSLIDE) == len(set(buttons))
    click(view, buttons[0])
    assert any("cannot be reached" in one.value.replace("\\", "") for one in view.error)


def test_a_loaded_network_is_offered(page: AppTest, server: ServerState, tmp_path: Path, monkeypatch):
    count = len(server.detectors)

    def fetch(task: FetchTask, _: object) -> dict[str, str]:
        task.out.mkdir(parents=True)
        path = task.out / "made.onnx"
        seal(identity_model(), card("deepslide-resnet34", ["B04"])).save(path)
        return {"path": str(path)}

    importlib.import_module("landslip.page.jobs.published")
    monkeypatch.setitem(landslip.page.jobs.tasks._HANDLERS, FetchTask, fetch)
    view = show_view(page, "detectors")
    click(view, messages.PUBLISHED_BUTTON.format(network="unet-resnet34"))
    assert len(server.detectors) == count + 1
    assert "deepslide-resnet34" in server.detectors


def test_without_the_extra_a_sentence_says_so(page: AppTest, monkeypatch: pytest.MonkeyPatch):
    import landslip.page.views.detectors

    monkeypatch.setattr(landslip.page.views.detectors, "find_spec", lambda _: None)
    view = show_view(page, "detectors")
    assert messages.PUBLISHED_NEEDS in text_of(view)
    assert not [one for one in view.button if one.label.startswith("Load ")]


def test_downloads_are_named_after_scene_detector_and_threshold():
    assert download_stem("Chittagong hills, Sentinel-2", "s2-rgb", 0.5) == "Chittagong-hills-Sentinel-2-s2-rgb-0.500"
    assert download_stem("../..", "s2-rgb", 0.5) == "scene-s2-rgb-0.500"


def test_the_earlier_image_stands_left(page: AppTest):
    click(page, messages.MAP_BUTTON)
    state = page.session_state["landslip"]
    (result,) = state.results
    for day, title in ((9, "after"), (2, "before")):
        source = result.source.model_copy(update={"title": title, "date": datetime(2024, 5, day, tzinfo=UTC)})
        state.results.append(result.model_copy(update={"source": source}))
    state.results.pop(0)
    view = show_view(page, "compare")
    assert [view.selectbox(key=f"compare-{side}").value for side in (0, 1)] == [0, 1]
    assert view.selectbox(key="compare-0").options[0].startswith("before, 2024-05-02")


def test_without_a_detector_nothing_can_be_mapped(page: AppTest):
    page.multiselect(key="detectors").set_value([])
    run(page)
    assert next(button for button in page.button if button.label == messages.MAP_BUTTON).disabled


def test_an_error_is_shown_as_a_sentence(page: AppTest, server: ServerState):
    source = server.example_scenes["wayanad"]
    gone = source.model_copy(update={"paths": (Path("/nowhere/at-all.tif"),)})
    server.example_scenes["wayanad"] = gone
    click(page, messages.MAP_BUTTON)
    assert "no file /nowhere" in text_of(page).lower().replace("\\", "")


def test_the_other_views_are_shown(page: AppTest):
    explored = show_view(page, "explore")
    assert "7.11 % of the labelled pixels" in text_of(explored)
    detectors = show_view(page, "detectors")
    assert messages.CANDIDATES in text_of(detectors)
    # Of the tiny detector: a benchmark of the packaged one takes 10 s.
    name = next(one for one in detectors.selectbox if one.label == messages.BENCHMARK_LABEL)
    name.set_value(name.options[-1])
    click(detectors, messages.BENCHMARK_BUTTON)
    assert len(detectors.table[0].value) >= 1
    assert messages.COMPARE_NEEDS in text_of(show_view(page, "compare"))


def test_every_message_is_a_valid_format_string():
    import string

    for name, text in vars(messages).items():
        if name.isupper() and isinstance(text, str):
            list(string.Formatter().parse(text))


def test_streamlit_settings_keep_the_page_private():
    options = streamlit_options(PageSettings())
    assert options["server_address"] == "127.0.0.1"
    assert options["browser_gatherUsageStats"] is False
    assert options["server_enableXsrfProtection"] is True
    assert options["client_showErrorDetails"] == "none"
    from streamlit import config

    known = {key.replace(".", "_") for key in config.get_config_options()}
    assert set(options) <= known, "Streamlit ignores unknown names"


def test_markdown_in_file_names_is_escaped():
    assert escape_markdown("![x](http://a/b) <b>") == r"\!\[x\]\(http\:\/\/a\/b\) \<b\>".replace(r"\/", "/")


@pytest.mark.parametrize(
    ("progress", "ahead", "text"),
    [
        (JobProgress("waiting"), 3, "Waiting, 3 ahead"),
        (JobProgress("waiting"), 0, "Waiting, next in the queue"),
        (JobProgress("running"), 0, "Starting"),
        (JobProgress("running", "mapping", 0.25), 0, "Mapping: 25%"),
        (JobProgress("running", "mapping", 0.5, 90.0), 0, "Mapping: 50%, about 1 min 30 s left"),
    ],
)
def test_progress_is_described_with_the_remaining_time(progress: JobProgress, ahead: int, text: str):
    assert describe_progress(progress, ahead) == text


def test_a_view_contains_its_box():
    view = view_of((91.0, 22.0, 91.1, 22.05))
    px_per_degree = 512 * 2**view.zoom / 360
    assert 0.1 * px_per_degree <= 640


def test_the_command_has_help_and_checks_its_options():
    from landslip.cli.page import command

    result = CliRunner().invoke(command, ["--help"])
    assert result.exit_code == 0
    assert "makes no connections of its own" in result.output
    assert CliRunner().invoke(command, ["--max-upload-mb", "0"]).exit_code == 2


def test_views_import_heavy_packages_lazily():
    import subprocess
    import sys

    script = (
        "import sys\n"
        "import landslip.page.app, landslip.page.views.predict\n"
        "heavy = {'rasterio', 'geopandas', 'torch', 'openvino', 'pydeck', 'shapely'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)\n"
    )
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize(
    ("handed_over", "selected"),
    [
        ("81-34", "81-34"),
        ("81-34: 4.94 ha, confidence 77%", "81-34"),
        # The label of the landslide shown at another threshold.
        ("7-12: 5.10 ha, confidence 70%", "unchanged"),
        (None, None),
    ],
)
def test_a_choice_in_a_list_that_has_changed_is_a_number(
    monkeypatch: pytest.MonkeyPatch, handed_over: str | None, selected: str | None
):
    monkeypatch.setattr(landslides.st, "session_state", {"list": handed_over})
    taken: list[str | None] = []
    landslides.take_choice("list", "7-12", taken.append)
    assert (taken or ["unchanged"]) == [selected]
