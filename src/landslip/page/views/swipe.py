"""Two pictures of one size under a line to drag; the component loads nothing from other servers."""

from pathlib import Path

import streamlit as st

from landslip.page import messages
from landslip.page.views.parts import data_url

_HTML = """
<figure class="swipe">
  <div class="frame">
    <img class="under" alt="" draggable="false">
    <div class="over"><img alt="" draggable="false"></div>
    <span class="tag left"></span><span class="tag right"></span>
    <input type="range" min="0" max="100" step="0.5" value="50">
    <div class="line" aria-hidden="true"></div>
    <div class="zoom"><button class="in">+</button><button class="out">&minus;</button
      ><button class="fit"><svg viewBox="0 0 20 20" width="20" height="20" fill="none" stroke="currentColor"
      stroke-width="2"><path d="M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4"/></svg></button></div>
  </div>
  <figcaption></figcaption>
</figure>
"""
_CSS = """
.swipe { margin: 0; font-family: inherit; }
.frame { position: relative; line-height: 0; --at: 50%; overflow: hidden; border: 1px solid #b9b5aa; width: 100%;
  height: 62vh; background: #eceae4; touch-action: pan-y; cursor: grab; }
.frame img { position: absolute; left: 0; top: 0; transform-origin: 0 0; max-width: none; user-select: none; }
.over { position: absolute; inset: 0; overflow: hidden; clip-path: inset(0 calc(100% - var(--at)) 0 0); }
.line { position: absolute; top: 0; bottom: 0; left: var(--at); width: 4px; margin-left: -2px; background: #fff;
  box-shadow: 0 0 0 1px #1f2326; cursor: ew-resize; touch-action: none; }
.line::after { content: "\\2194"; position: absolute; top: 50%; left: 50%; width: 40px; height: 40px; margin: -20px;
  border-radius: 50%; background: #fff; border: 2px solid #1f2326; color: #1f2326; font-size: 20px; line-height: 38px;
  text-align: center; box-sizing: border-box; }
.frame input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; pointer-events: none; }
.frame:has(input:focus-visible) { outline: 3px solid #8a3b12; outline-offset: 2px; }
.tag { position: absolute; top: 10px; padding: 4px 10px; background: rgba(252, 251, 248, .9); color: #1f2326;
  font-size: 14px; line-height: 1.4; border-radius: 4px; max-width: 40%; box-sizing: border-box; }
.tag.left { left: 10px; } .tag.right { right: 10px; }
.zoom { position: absolute; right: 10px; bottom: 10px; display: flex; flex-direction: column; gap: 4px; }
.zoom button { width: 36px; height: 36px; border: 1px solid #1f2326; border-radius: 4px; background: #fcfbf8;
  color: #1f2326; font-size: 20px; line-height: 1; cursor: pointer; padding: 0; }
.zoom svg { pointer-events: none; vertical-align: middle; }
figcaption { font-size: 14px; color: #62696e; margin-top: 6px; }
@media (max-width: 640px) { .frame { height: 60vh; } .tag { font-size: 12px; max-width: 46%; } }
"""
_JS = """
export default function ({ data, parentElement }) {
  const find = (selector) => parentElement.querySelector(selector);
  const frame = find('.frame'), range = find('input'), line = find('.line');
  const images = [find('.under'), find('.over img')];
  images[0].src = data.right;
  images[1].src = data.left;
  find('.tag.left').textContent = data.leftName;
  find('.tag.right').textContent = data.rightName;
  find('figcaption').textContent = data.help;
  range.setAttribute('aria-label', data.alt + ': ' + data.leftName + ', ' + data.rightName);
  find('.in').setAttribute('aria-label', data.zoomIn);
  find('.out').setAttribute('aria-label', data.zoomOut);
  find('.fit').setAttribute('aria-label', data.zoomFit);
  let zoom = 0, x = 0, y = 0, chosen = false;
  const size = () => [images[0].naturalWidth || 1, images[0].naturalHeight || 1];
  const show = () => {
    const [width, height] = size();
    const frameWidth = frame.clientWidth, frameHeight = frame.clientHeight;
    const place = (at, length, room) => length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, at));
    x = place(x, width * zoom, frameWidth);
    y = place(y, height * zoom, frameHeight);
    images.forEach((image) => {
      image.style.width = width + 'px';
      image.style.height = height + 'px';
      image.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`;
    });
  };
  const smallest = () => Math.min(frame.clientWidth / size()[0], frame.clientHeight / size()[1]);
  const zoomTo = (wanted, atX = frame.clientWidth / 2, atY = frame.clientHeight / 2) => {
    const next = Math.max(smallest(), Math.min(wanted, 8));
    x = atX - (atX - x) * next / zoom;
    y = atY - (atY - y) * next / zoom;
    zoom = next;
    chosen = true;
    show();
  };
  // The images fill the width at first; higher ones can be moved.
  const fill = () => {
    if (!images[0].naturalWidth || !frame.clientWidth) return;
    zoom = frame.clientWidth / size()[0];
    x = 0;
    y = (frame.clientHeight - size()[1] * zoom) / 2;
    show();
  };
  const move = () => frame.style.setProperty('--at', range.value + '%');
  let held = null;
  const down = (event) => {
    if (event.target.closest('button')) return;
    held = { line: event.target === line, x: event.clientX - x, y: event.clientY - y };
    frame.setPointerCapture(event.pointerId);
    event.preventDefault();
    range.focus({ preventScroll: true });
  };
  const drag = (event) => {
    if (!held) return;
    if (held.line) {
      const box = frame.getBoundingClientRect();
      range.value = (event.clientX - box.left) / box.width * 100;
      move();
    } else {
      chosen = true;
      x = event.clientX - held.x;
      y = event.clientY - held.y;
      show();
    }
  };
  const up = () => { held = null; };
  const wheel = (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const box = frame.getBoundingClientRect();
    zoomTo(zoom * Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
  };
  frame.onpointerdown = down;
  frame.onpointermove = drag;
  frame.onpointerup = frame.onpointercancel = up;
  frame.addEventListener('wheel', wheel, { passive: false });
  find('.in').onclick = () => zoomTo(zoom * 1.5);
  find('.out').onclick = () => zoomTo(zoom / 1.5);
  find('.fit').onclick = () => zoomTo(smallest());
  range.oninput = move;
  images[0].onload = fill;
  const observer = new ResizeObserver(() => (chosen ? zoomTo(zoom) : fill()));
  observer.observe(frame);
  fill();
  move();
  return () => {
    observer.disconnect();
    frame.removeEventListener('wheel', wheel);
  };
}
"""


def show_swipe(left: Path, right: Path, left_name: str, right_name: str, *, alt: str = messages.SWIPE_ALT) -> None:
    """Show two WebP pictures of one size.

    Args:
        left: file of the picture on the left.
        right: file of the picture on the right.
        left_name: its label.
        right_name: its label.
        alt: what is compared, for screen readers.
    """
    swipe = st.components.v2.component("landslip_swipe", html=_HTML, css=_CSS, js=_JS)
    swipe(
        key="swipe",
        data={
            "left": data_url(left),
            "right": data_url(right),
            "leftName": left_name,
            "rightName": right_name,
            "alt": alt,
            "help": messages.SWIPE_HELP,
            "zoomIn": messages.ZOOM_IN,
            "zoomOut": messages.ZOOM_OUT,
            "zoomFit": messages.ZOOM_FIT,
        },
    )
