"""The examples that the page offers beside uploads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streamlit as st

from landslip.channels import TRUE_COLOUR
from landslip.page import messages
from landslip.page.jobs.results import ReadResult
from landslip.page.jobs.tasks import PatchSource, ReadTask, SceneSource, Upload
from landslip.page.server.server_state import ServerState
from landslip.page.server.session import SessionState
from landslip.page.uploads.receive import upload_limits
from landslip.page.views.parts import show_errors

_EXAMPLE_KEY: Final = "example"


@dataclass(frozen=True, slots=True)
class _Scene:
    files: tuple[str, ...]
    before: str | None = None
    """File of the image before the event."""
    to_toa: bool = False
    """Whether the values are surface reflectance."""


_SCENES: Final = {
    "hokkaido": _Scene(("after.tif", "slope.tif"), before="before.tif"),
    "wayanad": _Scene(("wayanad.tif",), to_toa=True),
}


def find_examples(folder: Path | None) -> list[str]:
    """Return the names of the examples that a folder holds.

    Example:
        >>> find_examples(Path("examples"))
        ['hokkaido', 'wayanad', 'l4s-rgb-scene-b', 'l4s-rgb-kept-apart']
    """
    return [name for name in messages.EXAMPLE_NAMES if folder and (folder / name).is_dir()]


def choose_example(server: ServerState, state: SessionState, names: list[str]) -> SceneSource | PatchSource | None:
    """Choose one of the examples; its scenes are read once for all users."""
    asked = st.query_params.get(_EXAMPLE_KEY)
    if _EXAMPLE_KEY not in st.session_state and asked in names:
        st.session_state[_EXAMPLE_KEY] = asked
    name: str = st.selectbox(
        messages.EXAMPLE_LABEL, names, key=_EXAMPLE_KEY, format_func=messages.EXAMPLE_NAMES.__getitem__
    )
    st.query_params[_EXAMPLE_KEY] = name
    st.caption(messages.EXAMPLE_NOTES[name])
    folder, title = Path(server.settings.examples or ".") / name, messages.EXAMPLE_NAMES[name]
    if name not in _SCENES:
        count = sum(1 for _ in (folder / "img").glob("*.png"))
        return PatchSource(title=title, folder=folder, channels=TRUE_COLOUR, patches=count, labelled=count)
    if name not in server.example_scenes:
        scene = _SCENES[name]
        with show_errors(), st.spinner(messages.READING):
            after = _read(server, state, folder, scene.files, title, to_toa=scene.to_toa)
            if scene.before:
                server.examples_before[after.id] = _read(
                    server, state, folder, (scene.before,), messages.EXAMPLE_BEFORE, to_toa=scene.to_toa
                )
            server.example_scenes[name] = after
    return server.example_scenes.get(name)


def _read(
    server: ServerState, state: SessionState, folder: Path, files: tuple[str, ...], title: str, *, to_toa: bool
) -> SceneSource:
    uploads = tuple(Upload(path=folder / file, name=file, kind="raster") for file in files)
    task = ReadTask(folder=state.session.folder, uploads=uploads, to_toa=to_toa, limits=upload_limits(server.settings))
    sources = ReadResult.model_validate(state.session.run(task)).sources
    scene = next(source for source in sources if isinstance(source, SceneSource))
    return scene.model_copy(update={"title": title})
