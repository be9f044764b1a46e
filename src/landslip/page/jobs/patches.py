"""Labelled patches are mapped: each as a small scene of its own, by what ``landslip evaluate`` runs."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.datasets.formats import open_patches
from landslip.datasets.patch import LANDSLIDE, NOT_OBSERVED, Patch
from landslip.datasets.patch_set import PatchSet
from landslip.datasets.pictures.views import views
from landslip.grid.map_grid import MapGrid
from landslip.inference.patch_prediction import map_patches
from landslip.mapping.finished_map_levels import opened
from landslip.mapping.inventory.attributes import landslide_table
from landslip.mapping.inventory.ground import ground_under
from landslip.mapping.inventory.outlines import outlines
from landslip.page.jobs.perform import Watch
from landslip.page.jobs.results import PatchResult
from landslip.page.jobs.sources import PatchSource
from landslip.page.jobs.tasks import Choice, PatchesTask
from landslip.probability import to_levels
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
    for patch, probability in map_patches(detector, patches):
        seen = seen or tuple(view.title for view in views(patch, PIXEL_SIZE_M))
        levels.append(to_levels(probability))
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
    known = mask != NOT_OBSERVED
    return float((mask[known] == LANDSLIDE).mean()) if known.any() else None


def array_at(folder: Path, name: str) -> NDArray[np.uint8]:
    """An array that a result left, mapped rather than loaded."""
    held: NDArray[np.uint8] = np.load(folder / name, mmap_mode="r", allow_pickle=False)
    return held
