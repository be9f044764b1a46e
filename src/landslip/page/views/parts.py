"""Parts that several views share: job progress, errors, controls, and results that are computed once per session."""

import base64
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from landslip.errors import LandslipError
from landslip.figures.formatting import format_duration, to_sentence
from landslip.page import messages
from landslip.page.errors import name_control
from landslip.page.jobs.pool import JobProgress
from landslip.page.jobs.results import Landslides, ScenePicture, SceneResult
from landslip.page.jobs.tasks import OverlayTask, PictureTask, PolygonSettings, PolygonsTask
from landslip.page.server.server_state import ServerState
from landslip.page.server.session import PendingJob, SessionState
from landslip.probability import STEP, encode_threshold

_REFRESH_S: Final = 0.7
LAYERS_KEY: Final = "layers"
"""Key of the layers shown over an image, in Streamlit's session state."""


def escape_markdown(text: str) -> str:
    """Escape text for Streamlit, which renders Markdown: names of files come from users."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!<>|~$:&])", r"\\\1", text)


@contextmanager
def show_errors() -> Iterator[None]:
    """Show an error of the package as a sentence in place of the content."""
    try:
        yield
    except LandslipError as error:
        st.error(escape_markdown(to_sentence(str(error))))


_CLOSE_DRAWER: Final = """
export default function ({ data }) {
  if (sessionStorage.getItem('landslip-maps') === data.asked) return;
  sessionStorage.setItem('landslip-maps', data.asked);
  if (window.innerWidth > 768) return;
  const button = document.querySelector('[data-testid=stSidebarCollapseButton] button');
  if (button) button.click();
}
"""


def close_drawer(state: SessionState) -> None:
    """Close the sidebar on a narrow screen, where it hides the result, once each time the user asks for maps."""
    if state.maps_asked:
        drawer = st.components.v2.component("landslip_drawer", html="<span></span>", js=_CLOSE_DRAWER)
        drawer(key="drawer", data={"asked": f"{state.session.owner}-{state.maps_asked}"})


def show_warnings(warnings: tuple[str, ...]) -> None:
    """Show the warnings that decide whether a map can be used."""
    if warnings:
        texts = [escape_markdown(to_sentence(name_control(text))) for text in warnings]
        st.warning("\n".join(f"- {text}" for text in texts) if len(texts) > 1 else texts[0], icon=":material/warning:")


def show_jobs(server: ServerState, state: SessionState, finish: Callable[[PendingJob], None]) -> None:
    """Show the pending jobs with remaining time and a button to cancel, and the errors of jobs that failed.

    Args:
        server: with the queues.
        state: of the user.
        finish: called with each job that is done.
    """
    for error in state.errors:
        st.error(escape_markdown(to_sentence(error)))
    for note in state.notes:
        st.info(escape_markdown(to_sentence(note)))
    if (state.errors or state.notes) and st.button(messages.DISMISS, key="dismiss"):
        if state.errors:
            # Refused files stay in the uploaders until here.
            state.image_round += 1
            state.reference_round += 1
        state.clear_messages()
        st.rerun()
    if state.pending:
        _show_progress(server, state, finish)


@st.fragment(run_every=_REFRESH_S)
def _show_progress(server: ServerState, state: SessionState, finish: Callable[[PendingJob], None]) -> None:
    over = [pending for pending in state.pending if pending.job.is_over]
    for pending in over:
        state.pending.remove(pending)
        progress = pending.job.progress
        if progress.state != "done" and pending.folder is not None:
            shutil.rmtree(pending.folder, ignore_errors=True)
        if progress.state == "done":
            finish(pending)
        elif progress.state == "failed":
            state.errors.append(progress.error)
        else:
            state.notes.append(messages.CANCELLED)
    if over:
        st.rerun()
    for number, pending in enumerate(state.pending):
        bar, button = st.columns([5, 1], vertical_alignment="bottom")
        progress = pending.job.progress
        text = describe_progress(progress, server.pool.jobs_ahead(pending.queue, pending.job))
        bar.progress(progress.fraction, f"{escape_markdown(pending.label)}. {text}")
        button.button(messages.CANCEL, key=f"cancel-{number}", on_click=pending.job.cancel, width="stretch")


def describe_progress(progress: JobProgress, ahead: int) -> str:
    """Describe the progress of a job, with ``ahead`` others before it in the queue."""
    if progress.state == "waiting":
        return messages.WAITING_AHEAD.format(ahead=ahead) if ahead else messages.WAITING_NEXT
    if not progress.stage:
        return messages.STARTING
    stage = messages.STAGES.get(progress.stage, progress.stage)
    if progress.remaining_s is None:
        return messages.STAGE_FRACTION.format(stage=stage, fraction=progress.fraction)
    remaining = format_duration(max(progress.remaining_s, 1))
    return messages.REMAINING.format(stage=stage, fraction=progress.fraction, remaining=remaining)


def data_url(path: Path) -> str:
    """Return a WebP picture as a data URL."""
    return f"data:image/webp;base64,{base64.b64encode(path.read_bytes()).decode()}"


def choose_threshold(result_key: str, own: float, container: DeltaGenerator) -> float | None:
    """Show a slider in steps of the encoded probability.

    Args:
        result_key: distinguishes the sliders of a view.
        own: the detector's threshold.
        container: where to show the slider.

    Returns:
        The threshold; None for the detector's own.
    """
    default = encode_threshold(own) * STEP
    value = container.slider(
        messages.THRESHOLD,
        STEP,
        1.0,
        default,
        STEP,
        format="%.3f",
        key=f"threshold-{result_key}",
        help=messages.THRESHOLD_HELP.format(own=own),
    )
    return None if encode_threshold(value) == encode_threshold(default) else round(value / STEP) * STEP


def choose_min_area(container: DeltaGenerator) -> float:
    """Show the field for the smallest area of a landslide, in square metres."""
    return float(container.number_input(messages.MIN_AREA, 0.0, 1e7, 400.0, 100.0, key="min-area", format="%.0f"))


def choose_min_slope(container: DeltaGenerator, *, known: bool) -> float:
    """Show the slider for the smallest mean slope of a landslide, in degrees; disabled where no slope is known."""
    value = container.slider(
        messages.MIN_SLOPE,
        0,
        45,
        0,
        key="min-slope",
        disabled=not known,
        help=None if known else messages.SLOPE_UNKNOWN,
    )
    return float(value) if known else 0.0


def choose_channels(container: DeltaGenerator, known: tuple[str, ...], key: str) -> tuple[str, ...]:
    """Choose three channels for a composite, or one for grey."""
    chosen: list[str] = container.multiselect(
        messages.CHANNELS_SHOWN, known, list(known[:3]), max_selections=3, key=key
    )
    return tuple(chosen) if len(chosen) == 3 else tuple((chosen or known)[:1])


def show_legend() -> None:
    """Show the colour scale of the probability."""
    from landslip.figures.colour_ramps import PROBABILITY  # noqa: PLC0415 - only where it is shown

    stops = ", ".join(f"rgb{stop}" for stop in PROBABILITY.stops)
    st.html(
        f'<div role="img" aria-label="{messages.LEGEND}: 0 light to 1 dark" style="font-size:0.85rem">{messages.LEGEND}'
        f'<div style="display:flex;gap:8px;align-items:center"><span>0</span><div style="flex:1;height:12px;'
        f'border:1px solid #888;background:linear-gradient(to right, {stops})"></div><span>1</span></div></div>'
    )


def landslides_at(state: SessionState, result: SceneResult, settings: PolygonSettings) -> Landslides:
    """Return the landslides of a map at some settings."""
    out = state.session.cache_path("landslides", str(result.folder), settings)
    record = out / "landslides.json"
    if record.exists():
        return Landslides.model_validate_json(record.read_text(encoding="utf-8"))
    task = PolygonsTask(
        source=result.source, detector=result.detector, map_folder=result.folder, settings=settings, out=out
    )
    with st.spinner(messages.REDRAWING):
        landslides = Landslides.model_validate(state.session.run(task))
    record.write_text(landslides.model_dump_json(), encoding="utf-8")
    return landslides


def before_picture(state: SessionState, result: SceneResult, channels: tuple[str, ...]) -> ScenePicture:
    """Return the picture of the image before the event, on the grid of that after."""
    out = state.session.cache_path("picture", result.before)
    with st.spinner(messages.REDRAWING):
        task = PictureTask(source=result.before or result.source, channels=channels, grid_of=result.source, out=out)
        return ScenePicture.model_validate(state.session.run(task))


def scene_picture(state: SessionState, result: SceneResult, channels: tuple[str, ...]) -> ScenePicture:
    """Return the picture of some channels of a scene."""
    out = state.session.cache_path("picture", result.source)
    with st.spinner(messages.REDRAWING):
        task = PictureTask(source=result.source, channels=channels, out=out)
        return ScenePicture.model_validate(state.session.run(task))


def probability_picture(state: SessionState, result: SceneResult) -> ScenePicture:
    """Return the picture of the probability of a map."""
    path = result.folder / "probability.tif"
    with st.spinner(messages.REDRAWING):
        task = PictureTask(source=result.source, channels=(), probability=path, out=result.folder)
        return ScenePicture.model_validate(state.session.run(task))


def overlay_picture(
    state: SessionState,
    result: SceneResult,
    background: ScenePicture,
    landslides: Landslides,
    layers: frozenset[str],
    selected: int | None = None,
    longest_px: int = 1400,
    *,
    not_new: bool = False,
) -> Path:
    """Return the file of a picture with layers drawn over it.

    Args:
        state: of the user.
        result: the map.
        background: the rendered scene.
        landslides: of the map, at the current settings.
        layers: titles of the layers to draw.
        selected: id of a landslide to highlight.
        longest_px: longest side of the picture.
        not_new: also outline the candidates that were there before, of a map of two dates.
    """
    earlier = result.folder / "landslides.gpkg" if not_new else None
    reference = state.references.get(result.source) if messages.SHOW_REFERENCE in layers else None
    outlines = landslides.geopackage if messages.SHOW_OUTLINES in layers else None
    probability = messages.SHOW_PROBABILITY in layers
    key = (
        str(background.record),
        str(outlines),
        reference and str(reference.landslides),
        probability,
        selected,
        longest_px,
        not_new,
    )
    out = state.session.cache_path("overlay", *key, str(result.folder)).with_suffix(".webp")
    if not out.exists():
        task = OverlayTask(
            background=background.record,
            probability=probability_picture(state, result).record if probability else None,
            landslides=outlines,
            not_new=earlier,
            reference=reference.landslides if reference else None,
            selected=selected,
            longest_px=longest_px,
            out=out,
        )
        state.session.run(task)
    return out
