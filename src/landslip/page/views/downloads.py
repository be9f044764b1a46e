"""Files to take home, made when asked for, at the settings shown."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import streamlit as st

from landslip.page import messages as words
from landslip.page.jobs.results import PatchResult, Products, SceneResult
from landslip.page.jobs.tasks import Choice, PatchProductsTask, ProductsTask
from landslip.page.server.session import Memory

_MIME: Final = {
    ".gpkg": "application/geopackage+sqlite3",
    ".geojson": "application/geo+json",
    ".kml": "application/vnd.google-earth.kml+xml",
    ".tif": "image/tiff",
    ".png": "image/png",
    ".html": "text/html",
    ".json": "application/json",
    ".csv": "text/csv",
    ".zip": "application/zip",
}


def show_scene_downloads(memory: Memory, result: SceneResult, choice: Choice) -> None:
    """The files of a map."""
    out = memory.visit.place_for("products", str(result.folder), choice)
    task = ProductsTask(
        source=result.source, detector=result.detector, map_folder=result.folder, choice=choice, out=out
    )
    _downloads(memory, result, choice, out, task)


def show_patch_downloads(memory: Memory, result: PatchResult, choice: Choice) -> None:
    """The files of a patch result."""
    out = memory.visit.place_for("products", str(result.folder), choice)
    task = PatchProductsTask(
        source=result.source, detector=result.detector, result=result.folder, choice=choice, out=out
    )
    _downloads(memory, result, choice, out, task)


def _downloads(
    memory: Memory,
    result: SceneResult | PatchResult,
    choice: Choice,
    out: Path,
    task: ProductsTask | PatchProductsTask,
) -> None:
    threshold = result.threshold if choice.threshold is None else choice.threshold
    slope = words.PREPARE_SLOPE.format(slope=choice.min_slope_deg) if choice.min_slope_deg else ""
    st.write(words.PREPARE_NOTE.format(threshold=threshold, area=choice.min_area_m2, slope=slope))
    record = out / "products.json"
    if not record.exists():
        if not st.button(words.PREPARE, type="primary", key=f"prepare-{result.folder.name}"):
            return
        with st.spinner(words.PREPARING):
            made = Products.model_validate(memory.visit.ask(task))
        record.write_text(made.model_dump_json(), encoding="utf-8")
    products = Products.model_validate_json(record.read_text(encoding="utf-8"))
    _button(words.ALL_IN_ONE, products.archive, "primary", result)
    for name, text in words.FILE_NAMES.items():
        if name in products.files:
            _button(text, products.files[name], "secondary", result)


def _button(text: str, path: Path, kind: str, result: SceneResult | PatchResult) -> None:
    st.download_button(
        f"{text} ({_size(path)})",
        reader(path),
        path.name,
        _MIME.get(path.suffix, "application/octet-stream"),
        key=f"download-{path.name}-{result.folder.name}",
        type="primary" if kind == "primary" else "secondary",
        on_click="ignore",
        width="stretch",
    )


def _size(path: Path) -> str:
    size_kb = path.stat().st_size / 1e3
    return f"{size_kb / 1e3:.1f} MB" if size_kb >= 100 else f"{size_kb:.0f} kB"


def reader(path: Path) -> Callable[[], bytes]:
    """A file that is read when it is asked for."""
    return path.read_bytes
