"""Downloads of a result, created on request at the current settings."""

import re
from pathlib import Path
from typing import Final, Literal

import streamlit as st

from landslip.page import messages
from landslip.page.jobs.results import PatchResult, Products, SceneResult
from landslip.page.jobs.tasks import PatchProductsTask, PolygonSettings, ProductsTask
from landslip.page.server.session import SessionState

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


def show_downloads(state: SessionState, result: SceneResult | PatchResult, settings: PolygonSettings) -> None:
    """Show a button that creates the files of a result, then a button for each file."""
    threshold = result.threshold if settings.threshold is None else settings.threshold
    slope = messages.PREPARE_SLOPE.format(slope=settings.min_slope_deg) if settings.min_slope_deg else ""
    st.write(messages.PREPARE_NOTE.format(threshold=threshold, area=settings.min_area_m2, slope=slope))
    out = state.session.cache_path("products", str(result.folder), settings)
    record = out / "products.json"
    if not record.exists():
        container = st.empty()
        if not container.button(messages.PREPARE, type="primary", key=f"prepare-{result.folder.name}"):
            return
        container.empty()
        with st.spinner(messages.PREPARING):
            products = Products.model_validate(state.session.run(_task(result, settings, out)))
        record.write_text(products.model_dump_json(), encoding="utf-8")
    products = Products.model_validate_json(record.read_text(encoding="utf-8"))
    stem = download_stem(result.source.title, result.name, threshold)
    _show_button(messages.ALL_IN_ONE, products.archive, f"{stem}.zip", "primary", result)
    for name, text in messages.FILE_NAMES.items():
        if name in products.files:
            _show_button(text, products.files[name], f"{stem}-{name}", "secondary", result)


def _task(result: SceneResult | PatchResult, settings: PolygonSettings, out: Path) -> ProductsTask | PatchProductsTask:
    if isinstance(result, SceneResult):
        return ProductsTask(
            source=result.source, detector=result.detector, map_folder=result.folder, settings=settings, out=out
        )
    return PatchProductsTask(
        source=result.source, detector=result.detector, result=result.folder, settings=settings, out=out
    )


def download_stem(title: str, detector: str, threshold: float) -> str:
    """Return the start of the names of downloads: scene, detector and threshold.

    Example:
        >>> download_stem("Chittagong hills, Sentinel-2", "s2-rgb", 0.5)
        'Chittagong-hills-Sentinel-2-s2-rgb-0.500'
    """
    scene = re.sub(r"[^\w.]+", "-", title).strip("-.")[:60] or "scene"
    return f"{scene}-{detector}-{threshold:.3f}"


def _show_button(
    text: str, path: Path, name: str, kind: Literal["primary", "secondary"], result: SceneResult | PatchResult
) -> None:
    size_kb = path.stat().st_size / 1e3
    size = f"{size_kb / 1e3:.1f} MB" if size_kb >= 100 else f"{size_kb:.0f} kB"
    st.download_button(
        f"{text} ({size})",
        path.read_bytes,  # read when the user downloads it
        name,
        _MIME.get(path.suffix, "application/octet-stream"),
        key=f"download-{path.name}-{result.folder.name}",
        type=kind,
        on_click="ignore",
        width="stretch",
    )
