"""The script that Streamlit runs for every user and every interaction; it chooses the view."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

import streamlit as st

from landslip.page import messages
from landslip.page.server.server_state import ServerState
from landslip.page.server.session import SessionState, get_server_state, get_session_state
from landslip.page.server.settings import PageSettings

# Comments instead of docstrings: Streamlit may print a bare string of its script.
# Name of the module in ``views``, which is imported when first shown; title; icon.
VIEWS: Final = (
    ("predict", messages.PREDICT, ":material/landslide:"),
    ("compare", messages.COMPARE, ":material/compare:"),
    ("explore", messages.EXPLORE, ":material/dataset:"),
    ("detectors", messages.DETECTORS, ":material/model_training:"),
)
# A file: an icon by name would be downloaded.
_ICON: Final = Path(__file__).with_name("icon.png")
_STYLE: Final = """<style>
  [data-testid="stMainBlockContainer"] { padding-top: 4.5rem; padding-bottom: 2rem; }
  h1 { font-size: 2.1rem !important; padding-top: 0 !important; }
  @media (max-width: 640px) {
    h1 { font-size: 1.5rem !important; }
    .st-key-settings [data-testid="stColumn"] {
      min-width: calc(50% - 1rem) !important; flex: 1 1 calc(50% - 1rem) !important;
    }
  }
  h2 { font-size: 1.4rem !important; }
  [data-testid="stSidebarContent"] h2 { font-size: 1.15rem !important; padding-top: 0.4rem; }
</style>"""


def main() -> None:
    """Show the view that the user chose."""
    st.set_page_config(page_title=f"{messages.TITLE}: {messages.TAGLINE}", page_icon=str(_ICON), layout="wide")
    st.html(_STYLE)
    server = get_server_state(PageSettings.from_arguments().model_dump_json())
    state = get_session_state(server)
    pages = [
        st.Page(_view(name, server, state), title=title, icon=icon, url_path=name, default=name == "predict")
        for name, title, icon in VIEWS
    ]
    st.navigation(pages, position="top").run()
    st.caption(messages.CREDIT)


def _view(name: str, server: ServerState, state: SessionState) -> Callable[[], None]:
    def show(server: ServerState, state: SessionState) -> None:
        import_module(f"landslip.page.views.{name}").show(server, state)

    return partial(show, server, state)


if __name__ == "__main__":
    main()
