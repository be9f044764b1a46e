"""A random window of each patch: a step then sees as many pixels of more patches, for the same work."""

import torch
from torch import Tensor

from landslip.training.augmentation.random_source import Chance
from landslip.training.data.target import Target


def windowed(values: Tensor, target: Target, side_px: int, draw: Chance) -> tuple[Tensor, Target]:
    """Cut a square window at a place of its own out of each patch; a patch that is no larger stays whole.

    Args:
        values: (N, C, H, W).
        target: of the same patches.
        side_px: of the window.
        draw: where from.
    """
    height, width = (min(side_px, side) for side in values.shape[2:])
    if (height, width) == tuple(values.shape[2:]):
        return values, target
    n = len(values)
    tops, lefts = (
        (torch.rand(n, generator=draw.generator) * (whole - part + 1)).long().tolist()
        for whole, part in zip(values.shape[2:], (height, width), strict=True)
    )

    def cut(batch: Tensor) -> Tensor:
        places = zip(batch, tops, lefts, strict=True)
        return torch.stack([image[..., top : top + height, left : left + width] for image, top, left in places])

    return cut(values), Target(cut(target.landslide), cut(target.observed))
