"""Further images of the ground of a scene: checked, placed on its grid, and sampled together with it."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from landslip.change.registration import (
    BLOCK_PX,
    REACH_PX,
    TRUSTED_PEAK,
    BlockShift,
    ShiftField,
    fit_field,
    measure_shift,
)
from landslip.change.scene_on_grid import SceneOnGrid
from landslip.channels import TRUE_COLOUR
from landslip.errors import SceneError
from landslip.files.progress import Progress, track
from landslip.grid.alignment import grids_overlap
from landslip.grid.window import Window
from landslip.scenes.scene import Scene

Role = Literal["before", "after"]
"""When an image was taken, seen from the event; also the parameter that gives it."""

_BLOCKS_A_SIDE: Final = 7
_SAMPLE_STEP: Final = 5
"""Every fifth pixel along rows and columns of a block is a sample of the radiometry."""
_SAMPLES: Final = 200_000


class Reader(Protocol):
    """A scene, or something on its grid that is read like one."""

    def read(self, channels: Sequence[str], window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read channels (C, h, w) in a window, and where they are valid (h, w)."""


def place_on_grid(
    reference: Scene, scenes: Sequence[Scene], role: Role, progress: Progress
) -> tuple[list[SceneOnGrid], list[str]]:
    """Co-register images with a scene.

    Args:
        reference: the scene; its grid is kept.
        scenes: of the same ground, on any grid.
        role: of the images.
        progress: told of progress.

    Returns:
        The images on the grid of the scene, and warnings about those that could not be co-registered.

    Raises:
        SceneError: an image does not belong to the scene, or a file cannot be read.
        ChannelError: an image lacks red, green or blue.
    """
    for scene in scenes:
        scene.require(TRUE_COLOUR, f"an image {role} the event")
        _check_together(reference, scene, role)
    blocks = list(sample_blocks(reference.window))
    placed: list[SceneOnGrid] = []
    warnings: list[str] = []
    steps = track([(scene, block) for scene in scenes for block in blocks], progress, "co-registering")
    for scene in scenes:
        unmoved = SceneOnGrid(scene, reference.geobox, ShiftField())
        field = fit_field([_block_shift(reference, unmoved, next(steps)[1]) for _ in blocks])
        if not field.trusted:
            warnings.append(
                f"the image {role}, '{scene.name}', could not be co-registered: no block correlates with "
                f"'{reference.name}' within {REACH_PX} pixels, so that it is used where its file places it; look at "
                "both images side by side"
            )
        placed.append(unmoved.moved(field))
    next(steps, None)
    return placed, warnings


def _check_together(reference: Scene, scene: Scene, role: Role) -> None:
    """Check that an image may be placed on the grid of a scene.

    Raises:
        SceneError: it may not.
    """
    if reference.georeferenced != scene.georeferenced:
        raise SceneError(
            f"one of image '{scene.name}' {role} the event and scene '{reference.name}' has a CRS and the other has "
            "none: give both with a CRS, or neither",
            parameter=role,
        )
    if not reference.georeferenced and reference.geobox.shape != scene.geobox.shape:
        raise SceneError(
            f"images without a CRS must have one size, got {scene.height} x {scene.width} of image '{scene.name}' "
            f"{role} the event and {reference.height} x {reference.width} of scene '{reference.name}': give the same "
            "cut-out, or images with a CRS",
            parameter=role,
        )
    if reference.georeferenced and not grids_overlap(scene.geobox, reference.geobox):
        raise SceneError(
            f"image '{scene.name}' {role} the event does not overlap scene '{reference.name}': give images of one area",
            parameter=role,
        )


def sample_blocks(scene: Window) -> Iterator[Window]:
    """Yield at most 49 blocks, spread evenly over a scene."""
    sides = min(BLOCK_PX, scene.height), min(BLOCK_PX, scene.width)
    starts = (
        np.unique(np.linspace(0, whole - side, min(_BLOCKS_A_SIDE, -(-whole // side))).astype(int)).tolist()
        for whole, side in zip(scene.shape, sides, strict=True)
    )
    rows, cols = starts
    for row in rows:
        for col in cols:
            yield Window(row, col, *sides)


def _block_shift(reference: Scene, placed: SceneOnGrid, block: Window) -> BlockShift:
    first, first_valid = reference.read(["B04"], block)
    second, second_valid = placed.read(["B04"], block)
    down, right, peak = measure_shift(first[0], second[0], first_valid & second_valid)
    inside = max(abs(down), abs(right)) < REACH_PX
    return BlockShift(
        block.row + block.height / 2, block.col + block.width / 2, down, right, peak, peak >= TRUSTED_PEAK and inside
    )


def sample_both(
    first: Reader, second: Reader, channels: Sequence[str], scene: Window
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sample the pixels that are valid in both of two images on one grid.

    Args:
        first: of the images.
        second: of the images.
        channels: C names.
        scene: the window over which the samples are spread.

    Returns:
        Values (n, C) of the first and of the second, in DN, at most 200,000 pixels.

    Raises:
        SceneError: a file cannot be read.
    """
    pairs = []
    for block in sample_blocks(scene):
        one, one_valid = first.read(channels, block)
        other, other_valid = second.read(channels, block)
        taken = (one_valid & other_valid)[::_SAMPLE_STEP, ::_SAMPLE_STEP]
        pairs.append(np.concatenate([values[:, ::_SAMPLE_STEP, ::_SAMPLE_STEP][:, taken] for values in (one, other)]))
    samples = np.concatenate(pairs, axis=1).T.astype(np.float64)
    samples = samples[:: max(1, len(samples) // _SAMPLES)]
    return samples[:, : len(channels)], samples[:, len(channels) :]
