"""The script that Streamlit runs for every visitor and every change: which page to show."""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

import streamlit as st

from landslip.page import messages as words
from landslip.page.server.server_state import Workshop
from landslip.page.server.serving import PageSettings
from landslip.page.server.session import Memory, memory_of, workshop_for

PAGES: Final = (
    ("predict", words.PREDICT, ":material/landslide:"),
    ("compare", words.COMPARE, ":material/compare:"),
    ("explore", words.EXPLORE, ":material/dataset:"),
    ("detectors", words.DETECTORS, ":material/model_training:"),
)
# Each with its module in ``views``, which is imported when it is first shown.


_ICON: Final = Path(__file__).with_name("icon.png")
"""A file: icons by name would be fetched from elsewhere."""
_STYLE: Final = """<style>
  [data-testid="stMainBlockContainer"] { padding-top: 4.5rem; padding-bottom: 2rem; }
  h1 { font-size: 2.1rem !important; padding-top: 0 !important; }
  h2 { font-size: 1.4rem !important; }
  [data-testid="stSidebarContent"] h2 { font-size: 1.15rem !important; padding-top: 0.4rem; }
</style>"""


def main() -> None:
    """Show the page asked for."""
    st.set_page_config(page_title=f"{words.TITLE}: {words.TAGLINE}", page_icon=str(_ICON), layout="wide")
    st.html(_STYLE)
    workshop = workshop_for(PageSettings.from_arguments().model_dump_json())
    memory = memory_of(workshop)
    pages = [
        st.Page(_shower(name, workshop, memory), title=title, icon=icon, url_path=name, default=name == "predict")
        for name, title, icon in PAGES
    ]
    st.navigation(pages, position="top").run()
    st.caption(words.CREDIT)


def _shower(name: str, workshop: Workshop, memory: Memory) -> Callable[[], None]:
    def show(workshop: Workshop, memory: Memory) -> None:
        import_module(f"landslip.page.views.{name}").show(workshop, memory)

    return partial(show, workshop, memory)


if __name__ == "__main__":
    main()
