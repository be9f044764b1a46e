"""Labels of a place: patches of a labelled set, or landslides drawn in a scene and the area where they are complete."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import cc3d
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from landslip.datasets.loader import MemorySource
from landslip.datasets.patch_set import PatchSet, PatchStack
from landslip.detector.card import Card
from landslip.errors import PatchesError
from landslip.evaluation.reference.polygons import PolygonReference
from landslip.files.progress import Progress, no_progress, track
from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.inference.gap_filling import fill_gaps
from landslip.mapping.area import AreaOfInterest, AreaOnGrid
from landslip.mapping.polygon_files import PolygonFile
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA
from landslip.scenes.scene import Scene
from landslip.training.data.feeding import LoadedPart, load_part

MARGIN_M: Final = 200.0
"""Labels are taken as complete within this distance of the bounding box of a landslide, unless an area is given."""
MAX_PATCHES: Final = 4000
"""Patches that are held in memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labelled patches of a place."""

    part: LoadedPart
    landslides: int
    """Polygons that were drawn, or connected parts of the masks of patches."""
    description: str
    """For the card: where they are from, and where they are complete."""


def labels_of_patches(card: Card, patches: PatchSet[Any], name: str, progress: Progress = no_progress) -> Labels:
    """Take the labels of patches; a landslide that lies in several patches counts in each.

    Args:
        card: of the detector, for its channels.
        patches: labelled, all of one size.
        name: of the set, for the card.
        progress: told of patches.

    Raises:
        ChannelError: the patches lack a channel of the detector.
        PatchesError: no patch is labelled, or they differ in size.

    Example:
        >>> from landslip import Detector, open_patches
        >>> patches = open_patches("examples/l4s-rgb-kept-apart")
        >>> labels_of_patches(Detector.open().card, patches, "patches kept apart").landslides
        545
    """
    part = load_part(patches, card.channels, name, progress=progress)
    count = sum(int(cc3d.connected_components(mask == LANDSLIDE, connectivity=8).max()) for mask in part.stack().masks)
    return Labels(part, count, f"{len(part)} patches of {name}")


def labels_of_scene(
    card: Card,
    scene: Scene,
    drawn: PolygonFile,
    complete: AreaOfInterest | None = None,
    progress: Progress = no_progress,
) -> Labels:
    """Cut patches from a scene around landslides that were drawn in it.

    Pixels in a polygon are landslide; other pixels of the complete area are background, and the rest is unlabelled.

    Args:
        card: of the detector, for its channels and the side of a patch.
        scene: with these channels.
        drawn: outlines of landslides.
        complete: area in which every landslide was drawn; where None, the bounding box of each landslide with a margin
            of ``MARGIN_M``.
        progress: told of patches.

    Raises:
        AreaError: the complete area does not overlap the scene.
        ChannelError: the scene lacks a channel of the detector.
        PatchesError: the patches do not fit in memory, or no pixel of them is observed.
        ReferenceDataError: no landslide lies in the scene, or only one of scene and file has a CRS.
        SceneError: the scene cannot be read.
    """
    if not scene.has(card.channels):
        scene.require(card.channels, f"detector '{card.name}'")
    grid = MapGrid.of(scene.geobox, scene.window)
    reference = PolygonReference.on(drawn, grid)
    if complete is None:
        area = AreaOnGrid(_boxes(reference.pixels, grid), scene.window)
        where = f"complete within {MARGIN_M:g} m of the bounding box of each"
    else:
        area = complete.on(scene.geobox)
        where = "complete in an area that was given"
    covered = shapely.union_all([area.pixels, *reference.pixels])
    windows = list(_windows(covered, scene.window, card.tile_px))
    if len(windows) > MAX_PATCHES:
        raise PatchesError(
            f"the labelled area needs {len(windows):,} patches of {card.tile_px} px (allowed: {MAX_PATCHES:,}): give a "
            "smaller area",
            parameter="area",
        )
    made = [_read(card, scene, reference, area, one) for one in track(windows, progress, "reading labels")]
    kept = [(values, mask) for values, mask in made if (mask != NODATA).any()]
    if not kept:
        raise PatchesError(f"no labelled pixel of scene '{scene.name}' is observed: give labels inside the image")
    stack = PatchStack(card.channels, np.stack([one for one, _ in kept]), np.stack([one for _, one in kept]))
    description = f"{len(reference.pixels)} landslides drawn in scene {scene.name} ({drawn.name}), {where}"
    return Labels(part_of_stack(stack, scene.name), len(reference.pixels), description)


def part_of_stack(stack: PatchStack, scene: str) -> LoadedPart:
    """Return patches in memory as a training part."""
    known = (stack.masks != NODATA).sum(axis=(1, 2))
    return LoadedPart(
        source=MemorySource(stack),
        channels=stack.channels,
        keys=tuple(f"train/{number}" for number in range(len(stack))),
        scenes=(scene,) * len(stack),
        landslide_fraction=(stack.masks == LANDSLIDE).sum(axis=(1, 2)) / np.maximum(known, 1),
        mean=stack.values.mean(axis=(0, 2, 3), dtype=np.float64),
        deviation=stack.values.std(axis=(2, 3), dtype=np.float64).mean(axis=0),
        unlabelled=0,
    )


def _boxes(polygons: NDArray[np.object_], grid: MapGrid) -> BaseGeometry:
    """Return the bounding boxes of polygons with a margin, joined, in pixel coordinates."""
    width_m, height_m = grid.pixel_size_m
    left, top, right, bottom = shapely.bounds(polygons).T
    across, down = MARGIN_M / width_m, MARGIN_M / height_m
    return shapely.union_all(shapely.box(left - across, top - down, right + across, bottom + down))


def _windows(covered: BaseGeometry, whole: Window, side_px: int) -> Iterator[Window]:
    """Yield squares on a lattice that a geometry touches, row by row; at the edge of the scene they reach beyond it."""
    corners = [(row, col) for row in range(0, whole.height, side_px) for col in range(0, whole.width, side_px)]
    rows, cols = np.array(corners).T
    squares = shapely.box(cols, rows, np.minimum(cols + side_px, whole.width), np.minimum(rows + side_px, whole.height))
    shapely.prepare(covered)
    for position in np.flatnonzero(shapely.intersects(covered, squares)).tolist():
        yield Window(*corners[position], side_px, side_px)


def _read(
    card: Card, scene: Scene, reference: PolygonReference, area: AreaOnGrid, window: Window
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Read values (C, H, W) without gaps and the mask (H, W) of a window."""
    inside = window.intersection(scene.window) or window
    place = inside.relative_to(window).slices
    values = np.zeros((len(card.channels), *window.shape), np.float32)
    valid = np.zeros(window.shape, np.bool_)
    values[:, *place], valid[place] = scene.read(card.channels, inside)
    mask = np.full(window.shape, NODATA, np.uint8)
    if not valid.any():
        return values, mask
    mask[area.mask(window)] = BACKGROUND
    mask[reference.mask(window)] = LANDSLIDE
    mask[~valid] = NODATA
    return fill_gaps(values, valid), mask
