"""Directions on the ground under turns and mirrors of the image: vectors with an eastward and a northward part.

Columns run east and rows run south. All change the directions in place, among the channels of values (N, C, H, W).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from landslip.training.augmentation.random_source import Chance
from landslip.training.data.target import Target

Pairs = Sequence[tuple[int, int]]
"""Places of the eastward and the northward part of each direction among the channels."""

_COSINE, _SINE = (1, 0, -1, 0), (0, 1, 0, -1)


def turn_dihedral(values: Tensor, pairs: Pairs, which: Tensor) -> None:
    """Turn directions as ``dihedral`` turns images: by quarters (N,) counterclockwise, then flipped from 4 on."""
    cosine, sine = torch.tensor([_COSINE, _SINE], dtype=values.dtype, device=values.device)[:, which % 4]
    _turn(values, pairs, cosine, sine)
    flipped = 1 - 2 * (which >= 4).to(values.dtype)
    mirror(values, pairs, flipped[:, None, None], torch.ones_like(flipped)[:, None, None])


def turn_by(values: Tensor, pairs: Pairs, angle: Tensor) -> None:
    """Turn directions counterclockwise by an angle (N,) in radians."""
    _turn(values, pairs, torch.cos(angle), torch.sin(angle))


def mirror(values: Tensor, pairs: Pairs, east_west: Tensor, north_south: Tensor) -> None:
    """Mirror directions where the signs (broadcast to (N, H, W)) of the eastward or northward part are -1."""
    for east, north in pairs:
        values[:, east] *= east_west
        values[:, north] *= north_south


def _turn(values: Tensor, pairs: Pairs, cosines: Tensor, sines: Tensor) -> None:
    cosine, sine = cosines[:, None, None], sines[:, None, None]
    for east, north in pairs:
        e, n = values[:, east], values[:, north]
        values[:, east], values[:, north] = cosine * e - sine * n, sine * e + cosine * n


_OBSERVED_SHARE = 0.999
"""A pixel that takes more than a rounding error from what is not observed is not observed."""


def dihedral(image: Tensor, which: int) -> Tensor:
    """One of the eight turns and flips of a square (..., H, W): turned ``which % 4`` times, flipped from 4 on."""
    turned = torch.rot90(image, which % 4, dims=(-2, -1))
    return turned.flip(-1) if which >= 4 else turned


def turned(values: Tensor, target: Target, which: Tensor, pairs: Pairs) -> tuple[Tensor, Target]:
    """Turn and flip each patch.

    Args:
        values: (N, C, H, W).
        target: of the same patches.
        which: (N,) 0 to 7, on the CPU; where H and W differ, without odd quarters.
        pairs: places of the directions among the channels.
    """
    turns = which.tolist()
    images, landslide, observed = (
        torch.stack([dihedral(image, one) for image, one in zip(batch, turns, strict=True)])
        for batch in (values, target.landslide, target.observed)
    )
    if pairs:
        turn_dihedral(images, pairs, which.to(values.device))
    return images, Target(landslide, observed)


def zoomed(
    values: Tensor, target: Target, scale: Tensor, angle: Tensor, centre: Tensor, pairs: Pairs
) -> tuple[Tensor, Target]:
    """Look at each patch through a window of another size, angle and place; beyond its edges it is mirrored.

    The image is interpolated linearly. Truth is taken from the nearest pixel, and a pixel that any part not observed
    was interpolated into is not observed.

    Args:
        values: (N, C, H, W).
        target: of the same patches.
        scale: (N,) size of the window against the patch.
        angle: (N,) radians by which the image appears turned, counterclockwise.
        centre: (2, N) of the window, x and y, from -1 to 1 over the patch.
        pairs: places of the directions among the channels.
    """
    grid = window_grid(values.shape[2], values.shape[3], scale, angle, centre)
    seen = torch.cat([values, target.observed[:, None].to(values.dtype)], dim=1)
    seen = functional.grid_sample(seen, grid, padding_mode="reflection", align_corners=False)
    images, observed = seen[:, :-1], seen[:, -1] > _OBSERVED_SHARE
    if pairs:
        # Over an odd number of edges the ground is seen in a mirror.
        signs = 1 - 2 * ((grid + 1) / 2).floor().remainder(2)
        mirror(images, pairs, signs[..., 0], signs[..., 1])
        turn_by(images, pairs, angle)
    landslide = functional.grid_sample(
        target.landslide[:, None], grid, mode="nearest", padding_mode="reflection", align_corners=False
    ).squeeze(1)
    return images, Target(landslide * observed, observed)


def window_grid(height: int, width: int, scale: Tensor, angle: Tensor, centre: Tensor) -> Tensor:
    """Where each pixel of a window looks, (N, H, W, 2) as ``grid_sample`` wants it; rotating keeps lengths."""
    x = (2 * torch.arange(width, device=scale.device) + 1) / width - 1
    y = ((2 * torch.arange(height, device=scale.device) + 1) / height - 1)[:, None]
    cosine, sine = ((scale * part)[:, None, None] for part in (torch.cos(angle), torch.sin(angle)))
    across, down = centre[:, :, None, None]
    columns = cosine * x - (height / width) * sine * y + across
    rows = (width / height) * sine * x + cosine * y + down
    return torch.stack([columns, rows], dim=-1)


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
