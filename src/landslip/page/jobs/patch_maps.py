"""Labelled patches are mapped: each as a small scene of its own, by what ``landslip evaluate`` runs."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from PIL import Image

from landslip.datasets.formats import open_patches
from landslip.datasets.patch_set import Patch, PatchSet
from landslip.datasets.pictures.truth import enlarged, place_text, truth_outlines, truth_text
from landslip.datasets.pictures.views import views
from landslip.figures.cartography import outlined
from landslip.figures.colour_ramps import PROBABILITY
from landslip.grid.map_grid import MapGrid
from landslip.inference.patch_prediction import predict_patches
from landslip.mapping.finished_map_levels import opened
from landslip.mapping.inventory.attributes import landslide_table
from landslip.mapping.inventory.ground import ground_under
from landslip.mapping.inventory.outlines import outlines
from landslip.page.jobs.perform import Watch
from landslip.page.jobs.results import PatchResult
from landslip.page.jobs.tasks import Choice, PatchesTask, PatchSource, SheetTask
from landslip.probability import (
    BACKGROUND,
    LANDSLIDE,
    NODATA,
    decode_probability,
    encode_probability,
    reaches_threshold,
)
from landslip.scenes.arrays import array_scene

PIXEL_SIZE_M: Final = 10.0
"""Landslide4Sense's."""
LEVELS: Final = "levels.npy"
MASKS: Final = "masks.npy"


def opened_patches(source: PatchSource) -> PatchSet[Any]:
    """The patches of a source."""
    return open_patches(source.folder)


def map_patch_source(task: PatchesTask, watch: Watch) -> dict[str, Any]:
    """Run a detector over all patches; gives a ``PatchResult``.

    Raises:
        LandslipError: the patches lack a channel, or one is damaged.
    """
    patches, detector = opened_patches(task.source), opened(task.detector)
    levels: list[NDArray[np.uint8]] = []
    masks: list[NDArray[np.uint8]] = []
    ids: list[int] = []
    seen: tuple[str, ...] = ()
    for patch, probability in predict_patches(detector, patches):
        seen = seen or tuple(view.title for view in views(patch, PIXEL_SIZE_M))
        levels.append(encode_probability(probability))
        masks.append(patch.mask)
        ids.append(patch.id)
        watch("mapping", len(ids), len(patches))
    task.out.mkdir(parents=True)
    np.save(task.out / LEVELS, np.stack(levels), allow_pickle=False)
    np.save(task.out / MASKS, np.stack(masks), allow_pickle=False)
    result = PatchResult(
        source=task.source,
        detector=task.detector,
        name=detector.card.name,
        threshold=detector.card.threshold,
        folder=task.out,
        ids=tuple(ids),
        shares=tuple(map(_share, masks)),
        views=seen,
        slope_known=bool({"slope", "elevation"} & set(patches.channels)),
    )
    return result.model_dump(mode="json")


def patch_table(patch: Patch, levels: NDArray[np.uint8], detector: str, choice: Choice) -> Any:
    """The landslides of one patch, in its pixel coordinates, as a map of it would have them."""
    card = opened(detector).card
    values = np.where(np.isfinite(patch.values), patch.values, np.nan)
    scene = array_scene(values, patch.channels, GeoBox(patch.mask.shape, Affine.scale(PIXEL_SIZE_M), None))
    grid = MapGrid.of(scene.geobox, scene.window)
    threshold = card.threshold if choice.threshold is None else choice.threshold
    found = list(outlines([(scene.window, levels)], threshold, ground_under(scene, scene.window, grid)))
    table = landslide_table(found, grid, card, None, 1)
    table = table[table["area_m2"] >= choice.min_area_m2]
    if choice.min_slope_deg > 0:
        table = table[table["slope_mean_deg"] >= choice.min_slope_deg]
    return table.assign(id=np.arange(1, len(table) + 1, dtype=np.int64))


def _share(mask: NDArray[np.uint8]) -> float | None:
    known = mask != NODATA
    return float((mask[known] == LANDSLIDE).mean()) if known.any() else None


def array_at(folder: Path, name: str) -> NDArray[np.uint8]:
    """An array that a result left, mapped rather than loaded."""
    held: NDArray[np.uint8] = np.load(folder / name, mmap_mode="r", allow_pickle=False)
    return held


_SIDE_PX: Final = 384
_RIGHT: Final = (0, 158, 115)
_MISSED: Final = (240, 228, 66)
_FALSE: Final = (213, 94, 0)
"""Okabe and Ito's bluish green, yellow and vermilion: told apart by all kinds of colour vision."""


def draw_sheet(task: SheetTask) -> dict[str, Any]:
    """Draw some patches: what is seen, the truth outlined, the probability, and right, missed and false pixels.

    Gives the file of each picture, by patch, with a line of words.
    """
    patches = opened_patches(task.source)
    levels = None if task.result is None else array_at(task.result, LEVELS)
    task.out.mkdir(parents=True, exist_ok=True)
    cards = []
    for position in range(task.first, min(task.first + task.count, len(patches))):
        patch = patches.read(patches.entries[position])
        cards.append(_card(task, patch, position, None if levels is None else levels[position]))
    return {"cards": cards}


def _card(task: SheetTask, patch: Patch, position: int, levels: NDArray[np.uint8] | None) -> dict[str, Any]:
    seen = {view.title: view.rgb for view in views(patch, PIXEL_SIZE_M)}
    rgb = seen.get(task.view, next(iter(seen.values())))
    stem = f"{position}-{list(seen).index(task.view) if task.view in seen else 0}"
    files: dict[str, str] = {}

    def keep(kind: str, picture: Image.Image) -> None:
        path = task.out / f"{stem}-{kind}.webp"
        picture.save(path, "WEBP", quality=86)
        files[kind] = str(path)

    ground = enlarged(rgb, _SIDE_PX)
    keep("seen", ground)
    truth = truth_outlines(patch.mask)
    if truth:
        keep("truth", outlined(ground, truth, Affine.scale(_SIDE_PX / patch.mask.shape[1])))
    if levels is not None:
        probability = np.nan_to_num(decode_probability(levels))
        keep("probability", enlarged(PROBABILITY.painted(probability, 0, 1), _SIDE_PX))
        found = reaches_threshold(levels, task.threshold)
        keep("found", enlarged(_judged(rgb, found, patch.mask), _SIDE_PX))
    line = "; ".join(text for text in (truth_text(patch), place_text(patch)) if text)
    return {"position": position, "id": patch.id, "line": line, "files": files}


def _judged(rgb: NDArray[np.uint8], found: NDArray[np.bool_], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture in grey with right, missed and false pixels in colour; without a truth all found is right."""
    grey = np.repeat(rgb.mean(axis=2, keepdims=True) * 0.8 + 30, 3, axis=2)
    known = bool(((mask == LANDSLIDE) | (mask == BACKGROUND)).any())
    groups = (
        (found & ((mask == LANDSLIDE) | (not known)), _RIGHT),
        (~found & (mask == LANDSLIDE), _MISSED),
        (found & (mask == BACKGROUND), _FALSE),
    )
    for where, colour in groups:
        grey[where] = colour
    judged: NDArray[np.uint8] = np.clip(grey, 0, 255).astype(np.uint8)
    return judged
