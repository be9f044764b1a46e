"""Controls for the masks of a map, and for the area in which landslides are ruled out."""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import streamlit as st

from landslip.page import messages
from landslip.page.jobs.tasks import Upload
from landslip.page.server.session import SessionState
from landslip.page.server.settings import PageSettings
from landslip.page.uploads.receive import POLYGON_KINDS, IncomingFile, receive

POLYGON_TYPES: Final = ["gpkg", "geojson", "json", "kml", "kmz", "fgb", "parquet", "geoparquet", "zip"]
Bounds: TypeAlias = tuple[float, float, float, float]
"""West, south, east, north in degrees."""
Masks: TypeAlias = Literal["auto"] | tuple[Literal["clouds", "shadow", "snow", "water", "vegetation"], ...]


@dataclass(frozen=True, slots=True)
class Excluded:
    """The area in which landslides are ruled out, as the user gave it."""

    bounds: Bounds | None = None
    file: IncomingFile | None = None
    layer: str | None = None

    def receive(self, state: SessionState, settings: PageSettings) -> Upload | None:
        """Store the file in a folder of its own; each map checks and unpacks its copy.

        Raises:
            UploadError: the file is refused.
        """
        if self.file is None:
            return None
        (upload,) = receive([self.file], state.session.new_folder("exclude"), settings, POLYGON_KINDS)
        return upload


def choose_masks() -> tuple[Masks, Excluded]:
    """Choose the masks of a scene; all that hide the ground, as far as the image allows, if nothing is changed.

    Returns:
        The masks, and the area in which landslides are ruled out.
    """
    hiding = ["clouds", "shadow", "snow"]
    with st.expander(messages.MASKS):
        chosen: list[Any] = st.multiselect(
            messages.MASKS_FIELD,
            list(messages.MASK_NAMES),
            hiding,
            format_func=messages.MASK_NAMES.__getitem__,
            key="masks",
            help=messages.MASKS_HELP,
        )
        text = st.text_input(messages.EXCLUDE_FIELD, key="exclude", help=messages.EXCLUDE_HELP, max_chars=200)
        file = st.file_uploader(messages.EXCLUDE_UPLOADER, type=POLYGON_TYPES, key="exclude-file")
        layer = st.text_input(
            messages.EXCLUDE_LAYER_FIELD, key="exclude-layer", help=messages.LAYER_HELP, max_chars=200
        )
        bounds: Bounds | None = None
        if text.strip():
            try:
                west, south, east, north = (float(part) for part in text.split(","))
                bounds = west, south, east, north
            except ValueError:
                st.error(messages.EXCLUDE_WRONG)
        if bounds and file:
            st.error(messages.EXCLUDE_TWICE)
    return ("auto" if chosen == hiding else tuple(chosen)), Excluded(bounds, file, layer.strip() or None)
