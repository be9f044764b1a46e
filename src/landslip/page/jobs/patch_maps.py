"""Predictions for patches, and pictures of patches with their reference."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.channels import TRUE_COLOUR
from landslip.datasets.formats import open_patches
from landslip.datasets.patch_set import Patch, PatchSet
from landslip.datasets.pictures.views import (
    composite,
    describe_mask,
    enlarge,
    format_position,
    make_views,
    mask_outlines,
)
from landslip.figures.cartography import draw_outlines
from landslip.figures.colour_ramps import OUTLINE, PROBABILITY, REFERENCE, SELECTED
from landslip.files.progress import Progress
from landslip.grid.map_grid import MapGrid
from landslip.inference.engine import InferenceOptions
from landslip.inference.patch_prediction import predict_patches
from landslip.mapping.finished_map import open_detector
from landslip.mapping.inventory.attributes import landslide_table
from landslip.mapping.inventory.find import landslide_tables
from landslip.mapping.inventory.terrain_attributes import terrain_reader
from landslip.page.jobs.pictures import OPAQUE_FROM
from landslip.page.jobs.results import PatchResult
from landslip.page.jobs.tasks import PatchMapTask, PatchPicturesTask, PatchSource, PolygonSettings, handles
from landslip.probability import (
    BACKGROUND,
    LANDSLIDE,
    NODATA,
    decode_probability,
    encode_probability,
    reaches_threshold,
)
from landslip.scenes.arrays import array_scene

ENCODED: Final = "encoded.npy"
MASKS: Final = "masks.npy"
_PIXEL_SIZE_M: Final = 10.0
"""Of Landslide4Sense."""
_SIDE_PX: Final = 384
_TRUE_POSITIVE: Final = (0, 158, 115)
_FALSE_NEGATIVE: Final = (240, 228, 66)
_FALSE_POSITIVE: Final = (213, 94, 0)
_UNLABELLED: Final = (204, 121, 167)
"""Bluish green, yellow, vermilion and purple of Okabe and Ito, distinct in every kind of colour vision."""


def open_patch_source(source: PatchSource) -> PatchSet[Any]:
    """Open the patches of a source."""
    return open_patches(source.folder)


@handles(PatchMapTask)
def map_patches(task: PatchMapTask, progress: Progress) -> PatchResult:
    """Predict all patches.

    Raises:
        LandslipError: the patches lack a channel, or one is damaged.
    """
    patches, detector = open_patch_source(task.source), open_detector(task.detector)
    encoded: list[NDArray[np.uint8]] = []
    masks: list[NDArray[np.uint8]] = []
    ids: list[int] = []
    titles: tuple[str, ...] = ()
    options = InferenceOptions(threads=task.threads)
    for patch, probability in predict_patches(detector, patches, options, progress=progress, stage="mapping"):
        titles = titles or tuple(view.title for view in make_views(patch, _PIXEL_SIZE_M))
        encoded.append(encode_probability(probability))
        masks.append(_mask(task.source, patch))
        ids.append(patch.id)
    task.out.mkdir(parents=True)
    np.save(task.out / ENCODED, np.stack(encoded), allow_pickle=False)
    np.save(task.out / MASKS, np.stack(masks), allow_pickle=False)
    return PatchResult(
        source=task.source,
        detector=task.detector,
        name=detector.card.name,
        threshold=detector.card.threshold,
        folder=task.out,
        ids=tuple(ids),
        views=titles,
    )


def _mask(source: PatchSource, patch: Patch) -> NDArray[np.uint8]:
    """Return the mask of a patch; nodata where it is a placeholder."""
    return np.full_like(patch.mask, NODATA) if patch.id in source.unlabelled else patch.mask


def load_array(folder: Path, name: str) -> NDArray[np.uint8]:
    """Memory-map an array of a patch result."""
    array: NDArray[np.uint8] = np.load(folder / name, mmap_mode="r", allow_pickle=False)
    return array


def patch_landslides(
    patch: Patch, encoded: NDArray[np.uint8], detector: str, settings: PolygonSettings
) -> gpd.GeoDataFrame:
    """Extract the landslides of one patch, in its pixel coordinates, as a map of it would have them."""
    card = open_detector(detector).card
    values = np.where(np.isfinite(patch.values), patch.values, np.nan)
    scene = array_scene(values, patch.channels, GeoBox(patch.mask.shape, Affine.scale(_PIXEL_SIZE_M), None))
    grid = MapGrid.of(scene.geobox, scene.window)
    tables = list(
        landslide_tables(
            [(scene.window, encoded)],
            grid,
            card,
            threshold=card.threshold if settings.threshold is None else settings.threshold,
            min_area_m2=settings.min_area_m2,
            image_date=None,
            terrain=terrain_reader(scene, scene.window, grid),
        )
    )
    table = gpd.GeoDataFrame(pd.concat(tables)) if tables else landslide_table([], grid, card, None, 1)
    if settings.min_slope_deg > 0:
        table = table[table["slope_mean_deg"] >= settings.min_slope_deg]
    return table.assign(id=np.arange(1, len(table) + 1, dtype=np.int64))


@handles(PatchPicturesTask)
def render_patches(task: PatchPicturesTask, _: Progress) -> dict[str, Any]:
    """Render some patches with layers drawn over them.

    Returns:
        ``patches``, each with its ``id``, a ``caption``, the ``file`` of its picture, whether it is ``labelled``, and
        the ``rows`` of its landslides.
    """
    patches = open_patch_source(task.source)
    encoded = None if task.result is None else load_array(task.result, ENCODED)
    task.out.mkdir(parents=True, exist_ok=True)
    last = min(task.first + task.count, len(patches))
    return {
        "patches": [
            _render_patch(task, patches.read(patches.entries[index]), None if encoded is None else encoded[index])
            for index in range(task.first, last)
        ]
    }


def _render_patch(task: PatchPicturesTask, patch: Patch, encoded: NDArray[np.uint8] | None) -> dict[str, Any]:
    patch = replace(patch, mask=_mask(task.source, patch))
    rgb = _background(task, patch)
    labelled = bool((patch.mask != NODATA).any())
    rows: list[dict[str, Any]] = []
    table = None
    if encoded is not None and task.detector:
        table = patch_landslides(patch, encoded, task.detector, task.settings)
        table = table.assign(number=[f"{patch.id}-{number}" for number in table["candidate"]])
        rows = json.loads(pd.DataFrame(table.drop(columns="geometry")).to_json(orient="records", date_format="iso"))
        if "errors" in task.layers and labelled:
            card = open_detector(task.detector).card
            threshold = card.threshold if task.settings.threshold is None else task.settings.threshold
            rgb = _colour_errors(rgb, reaches_threshold(encoded, threshold), patch.mask)
        if "probability" in task.layers:
            rgb = _blend_probability(rgb, encoded)
    picture = enlarge(rgb, _SIDE_PX)
    scale = Affine.scale(_SIDE_PX / patch.mask.shape[1])
    if "reference" in task.layers:
        picture = draw_outlines(picture, mask_outlines(patch.mask), scale, REFERENCE)
    if table is not None and "outlines" in task.layers:
        picture = draw_outlines(picture, table.geometry, scale, OUTLINE)
    if table is not None and task.selected is not None:
        picture = draw_outlines(picture, table[table["number"] == task.selected].geometry, scale, SELECTED)
    path = task.out / f"{patch.id}.webp"
    picture.save(path, "WEBP", quality=86)
    caption = "; ".join(text for text in (describe_mask(patch), format_position(patch)) if text)
    return {"id": patch.id, "caption": caption, "file": str(path), "labelled": labelled, "rows": rows}


def _background(task: PatchPicturesTask, patch: Patch) -> NDArray[np.uint8]:
    """The chosen channels or view of a patch, RGB (H, W, 3)."""
    if task.channels:
        shown = (task.channels * 3)[:3]
        return composite(patch.values, patch.channels, shown, per_channel=shown != TRUE_COLOUR)
    views = make_views(patch, _PIXEL_SIZE_M)
    return next((view.rgb for view in views if view.title == task.view), views[0].rgb)


def _blend_probability(rgb: NDArray[np.uint8], encoded: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Draw the probability over a picture, the more transparent the lower it is."""
    probability = np.nan_to_num(decode_probability(encoded))
    alpha = np.clip(probability / OPAQUE_FROM, 0, 1)[..., np.newaxis] * 0.9
    blended: NDArray[np.uint8] = np.rint(rgb * (1 - alpha) + PROBABILITY.to_rgb(probability, 0, 1) * alpha).astype(
        np.uint8
    )
    return blended


def _colour_errors(rgb: NDArray[np.uint8], predicted: NDArray[np.bool_], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image in grey with true positives, false negatives, false positives and unlabelled predictions in colour."""
    colours = np.repeat(rgb.mean(axis=2, keepdims=True) * 0.8 + 30, 3, axis=2)
    groups = (
        (predicted & (mask == LANDSLIDE), _TRUE_POSITIVE),
        (~predicted & (mask == LANDSLIDE), _FALSE_NEGATIVE),
        (predicted & (mask == BACKGROUND), _FALSE_POSITIVE),
        (predicted & (mask == NODATA), _UNLABELLED),
    )
    for where, colour in groups:
        colours[where] = colour
    result: NDArray[np.uint8] = np.clip(colours, 0, 255).astype(np.uint8)
    return result
