"""Two pictures of one place, one over the other, with a line to drag between them; nothing from elsewhere."""

from pathlib import Path

import streamlit as st

from landslip.page import messages as words
from landslip.page.views.parts import data_address

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
