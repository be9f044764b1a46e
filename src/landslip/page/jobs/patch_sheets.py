"""Patches as pictures with the truth and what a detector found, one file a patch."""

from typing import Any, Final

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from PIL import Image

from landslip.datasets.patch import LANDSLIDE, NOT_LANDSLIDE, Patch
from landslip.datasets.pictures.truth import enlarged, place_text, truth_outlines, truth_text
from landslip.datasets.pictures.views import views
from landslip.figures.cartography import outlined
from landslip.figures.palette import PROBABILITY
from landslip.page.jobs.patches import LEVELS, PIXEL_SIZE_M, array_at, opened_patches
from landslip.page.jobs.tasks import SheetTask
from landslip.probability import at_least, to_probability

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
        probability = np.nan_to_num(to_probability(levels))
        keep("probability", enlarged(PROBABILITY.painted(probability, 0, 1), _SIDE_PX))
        found = at_least(levels, task.threshold)
        keep("found", enlarged(_judged(rgb, found, patch.mask), _SIDE_PX))
    line = "; ".join(text for text in (truth_text(patch), place_text(patch)) if text)
    return {"position": position, "id": patch.id, "line": line, "files": files}


def _judged(rgb: NDArray[np.uint8], found: NDArray[np.bool_], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture in grey with right, missed and false pixels in colour; without a truth all found is right."""
    grey = np.repeat(rgb.mean(axis=2, keepdims=True) * 0.8 + 30, 3, axis=2)
    known = bool(((mask == LANDSLIDE) | (mask == NOT_LANDSLIDE)).any())
    groups = (
        (found & ((mask == LANDSLIDE) | (not known)), _RIGHT),
        (~found & (mask == LANDSLIDE), _MISSED),
        (found & (mask == NOT_LANDSLIDE), _FALSE),
    )
    for where, colour in groups:
        grey[where] = colour
    judged: NDArray[np.uint8] = np.clip(grey, 0, 255).astype(np.uint8)
    return judged
