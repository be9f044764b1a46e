"""Two pictures of one place, one over the other, with a line to drag between them; nothing from elsewhere."""

from pathlib import Path
from typing import Any

import streamlit as st

from landslip.channels import TRUE_COLOUR
from landslip.figures.formatting import area_text
from landslip.page import messages as words
from landslip.page.jobs.results import Found, SceneResult
from landslip.page.jobs.tasks import Choice, DifferenceTask
from landslip.page.server.server_state import Workshop
from landslip.page.server.session import Memory
from landslip.page.views.parts import data_address, told
from landslip.page.views.scene_result import choose_threshold, found_at, picture_of, sketched

_HTML = """
<figure class="swipe">
  <div class="frame">
    <img class="under" alt="">
    <img class="over" alt="">
    <span class="tag left"></span><span class="tag right"></span>
    <div class="line" aria-hidden="true"></div>
    <input type="range" min="0" max="100" step="0.5" value="50">
  </div>
  <figcaption></figcaption>
</figure>
"""
_CSS = """
.swipe { margin: 0; font-family: inherit; }
.frame { position: relative; line-height: 0; --at: 50%; overflow: hidden; border: 1px solid #b9b5aa; }
.frame img { width: 100%; display: block; user-select: none; }
.over { position: absolute; inset: 0; clip-path: inset(0 calc(100% - var(--at)) 0 0); }
.line { position: absolute; top: 0; bottom: 0; left: var(--at); width: 4px; margin-left: -2px; background: #fff;
  box-shadow: 0 0 0 1px #1f2326; pointer-events: none; }
.line::after { content: "\\2194"; position: absolute; top: 50%; left: 50%; width: 36px; height: 36px; margin: -18px;
  border-radius: 50%; background: #fff; border: 2px solid #1f2326; color: #1f2326; font-size: 20px; line-height: 34px;
  text-align: center; box-sizing: border-box; }
.frame input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize; }
.frame:focus-within { outline: 3px solid #8a3b12; outline-offset: 2px; }
.tag { position: absolute; top: 10px; padding: 4px 10px; background: rgba(252, 251, 248, .9); color: #1f2326;
  font-size: 14px; line-height: 1.4; border-radius: 4px; max-width: 40%; }
.tag.left { left: 10px; } .tag.right { right: 10px; }
figcaption { font-size: 14px; color: #62696e; margin-top: 6px; }
"""
_JS = """
export default function ({ data, parentElement }) {
  const frame = parentElement.querySelector('.frame');
  const range = parentElement.querySelector('input');
  parentElement.querySelector('.over').src = data.left;
  parentElement.querySelector('.under').src = data.right;
  parentElement.querySelector('.tag.left').textContent = data.leftName;
  parentElement.querySelector('.tag.right').textContent = data.rightName;
  parentElement.querySelector('figcaption').textContent = data.help;
  range.setAttribute('aria-label', data.alt + ': ' + data.leftName + ', ' + data.rightName);
  const move = () => frame.style.setProperty('--at', range.value + '%');
  const under = parentElement.querySelector('.under');
  const fit = () => {
    frame.style.maxWidth = `calc(78vh * ${under.naturalWidth / under.naturalHeight})`;
  };
  under.addEventListener('load', fit);
  if (under.complete && under.naturalHeight) fit();
  range.addEventListener('input', move);
  move();
  return () => range.removeEventListener('input', move);
}
"""


def show_swipe(left: Path, right: Path, left_name: str, right_name: str, key: str) -> None:
    """Show two WebP pictures of one size."""
    swipe = st.components.v2.component("landslip_swipe", html=_HTML, css=_CSS, js=_JS)
    swipe(
        key=key,
        data={
            "left": data_address(left),
            "right": data_address(right),
            "leftName": left_name,
            "rightName": right_name,
            "alt": words.SWIPE_ALT,
            "help": words.SWIPE_HELP,
        },
    )


def show(workshop: Workshop, memory: Memory) -> None:
    """Show the page."""
    st.title(words.COMPARE, anchor=False)
    st.write(words.COMPARE_INTRO)
    results = [one for one in memory.results if isinstance(one, SceneResult)]
    if results:
        with told():
            _compare(memory, results)
    else:
        st.info(words.COMPARE_NEEDS)
    show_catalogue_search()


def show_catalogue_search() -> None:
    """Where searching a catalogue by area and date will stand."""
    with st.expander(words.CATALOGUE):
        st.write(words.CATALOGUE_LATER)


def _compare(memory: Memory, results: list[SceneResult]) -> None:
    sides = st.columns(2)
    picked: list[tuple[SceneResult, Choice, str]] = []
    for number, (side, heading) in enumerate(zip(sides, (words.COMPARE_LEFT, words.COMPARE_RIGHT), strict=True)):
        with side:
            place = st.selectbox(
                heading,
                range(len(results)),
                index=min(number, len(results) - 1),
                format_func=lambda one: _title(results[one]),
                key=f"compare-{number}",
            )
            result = results[place]
            threshold = choose_threshold(result, side, f"compare-threshold-{number}")
            value = result.threshold if threshold is None else threshold
            picked.append((result, Choice(threshold=threshold), f"{_title(result)}, {value:.3f}"))
    found = [found_at(memory, result, choice) for result, choice, _ in picked]
    (left, _, left_name), (right, _, right_name) = picked
    alike = (left.source.height, left.source.width) == (right.source.height, right.source.width)
    pictures = [_sketch(memory, result, one) for (result, _, _), one in zip(picked, found, strict=True)]
    difference: dict[str, Any] = {}
    if alike:
        difference = memory.visit.ask(
            DifferenceTask(
                left=left.source,
                right=right.source,
                left_outlines=found[0].geopackage,
                right_outlines=found[1].geopackage,
            )
        )
    if difference.get("one_grid"):
        show_swipe(pictures[0], pictures[1], left_name, right_name, key="swipe")
    else:
        st.info(words.DIFFERENT_PLACE)
        for side, picture, name in zip(st.columns(2), pictures, (left_name, right_name), strict=True):
            side.image(str(picture), caption=name)
    st.subheader(words.DIFFERS, anchor=False)
    st.table(_rows(found, (left_name, right_name), difference))


def _title(result: SceneResult) -> str:
    date = f", {result.source.date:%Y-%m-%d}" if result.source.date else ""
    return f"{result.source.title}{date}, {result.name}"


def _sketch(memory: Memory, result: SceneResult, found: Found) -> Any:
    known = result.source.channels
    channels = TRUE_COLOUR if set(TRUE_COLOUR) <= set(known) else tuple(known[:1])
    ground = picture_of(memory, result, channels)
    return sketched(memory, result, ground, found, frozenset({words.SHOW_OUTLINES}))


def _rows(found: list[Found], names: tuple[str, str], difference: dict[str, Any]) -> dict[str, list[str]]:
    """The table: what each has, and what only one has."""
    figures = {
        words.DIFFERS_COUNT: [f"{one.count:,}" for one in found],
        words.DIFFERS_AREA: [area_text(one.area_m2) for one in found],
        words.DIFFERS_LARGEST: [area_text(float(one.rows[0]["area_m2"] or 0)) if one.rows else "" for one in found],
    }
    if difference.get("one_grid"):
        figures |= {
            words.DIFFERS_BOTH: [f"{difference['left_met']:,}", f"{difference['right_met']:,}"],
            words.DIFFERS_ALONE: [f"{difference['left_alone']:,}", f"{difference['right_alone']:,}"],
            words.DIFFERS_ALONE_AREA: [area_text(difference["left_only_m2"]), area_text(difference["right_only_m2"])],
        }
    headings = (
        names if names[0] != names[1] else (f"{names[0]} ({words.COMPARE_LEFT})", f"{names[1]} ({words.COMPARE_RIGHT})")
    )
    columns = {"": list(figures)}
    for place, heading in enumerate(headings):
        columns[heading] = [values[place] for values in figures.values()]
    return columns
