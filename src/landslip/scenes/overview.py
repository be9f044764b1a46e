"""A scene at reduced size, for pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landslip.files.progress import Progress, no_progress, track
from landslip.grid.lattice import split_blocks
from landslip.scenes.masks.classification import Classification
from landslip.scenes.scene import Scene

_BLOCK_PX = 1024


@dataclass(frozen=True, slots=True)
class SceneOverview:
    """Every n-th pixel of a scene."""

    channels: tuple[str, ...]
    values: NDArray[np.float32]
    """(C, h, w) in DN, degrees or metres, 0 where nodata."""
    valid: NDArray[np.bool_]
    classes: NDArray[np.uint8] | None
    """Scene classification (SCL), where the scene has one."""
    step_px: int


def read_overview(
    scene: Scene, channels: Sequence[str], *, longest_px: int = 900, progress: Progress = no_progress
) -> SceneOverview:
    """Read every n-th pixel of a scene, block by block.

    Args:
        scene: to read.
        channels: to read; pixels are valid where all of them are.
        longest_px: of the result, along its longer side.
        progress: told the blocks that are done.

    Raises:
        ChannelError: the scene lacks a channel.
        SceneError: a file cannot be read.

    Example:
        >>> from landslip.scenes.rasters import open_scene
        >>> read_overview(open_scene("examples/wayanad/wayanad.tif"), ["B04"], longest_px=300).values.shape
        (1, 214, 214)
    """
    step = -(-max(scene.height, scene.width) // longest_px)
    shape = (-(-scene.height // step), -(-scene.width // step))
    values = np.zeros((len(channels), *shape), np.float32)
    valid = np.zeros(shape, np.bool_)
    classification = Classification.of(scene)
    classes = np.zeros(shape, np.uint8) if classification else None
    for block in track(list(split_blocks(scene.window, step * max(1, _BLOCK_PX // step))), progress, "reading"):
        stored, stored_valid = scene.read(channels, block)
        # Blocks start at a multiple of the step.
        rows = slice(block.row // step, -(-block.bottom // step))
        cols = slice(block.col // step, -(-block.right // step))
        values[:, rows, cols] = stored[:, ::step, ::step]
        valid[rows, cols] = stored_valid[::step, ::step]
        if classification is not None and classes is not None:
            classes[rows, cols] = classification.read(block)[::step, ::step]
    return SceneOverview(tuple(channels), values, valid, classes, step)
