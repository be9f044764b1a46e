"""Geometric changes of image and target together: rotations, flips, zoom and windows.

Columns run east and rows run south. Channels that are directions on the ground (pairs of an eastward and a northward
component) are vectors: they rotate and are mirrored with the image.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from landslip.training.augmentation.random_source import RandomSource
from landslip.training.data.target import Target

Pairs = Sequence[tuple[int, int]]
"""Channel indices of the eastward and the northward component of each direction."""

_COSINE, _SINE = (1, 0, -1, 0), (0, 1, 0, -1)
_VALID_FRACTION = 0.999
"""An interpolated pixel is nodata where nodata contributes more than a rounding error."""


def rotate_directions(values: Tensor, pairs: Pairs, angle: Tensor) -> None:
    """Rotate directions counterclockwise by an angle (N,) in radians, in place."""
    _rotate(values, pairs, torch.cos(angle), torch.sin(angle))


def rotate_and_flip_directions(values: Tensor, pairs: Pairs, which: Tensor) -> None:
    """Apply to directions what ``transform_d4`` does to images, in place; which (N,) from 0 to 7."""
    cosine, sine = torch.tensor([_COSINE, _SINE], dtype=values.dtype, device=values.device)[:, which % 4]
    _rotate(values, pairs, cosine, sine)
    sign = 1 - 2 * (which >= 4).to(values.dtype)
    mirror_directions(values, pairs, sign[:, None, None], torch.ones_like(sign)[:, None, None])


def mirror_directions(values: Tensor, pairs: Pairs, east_west: Tensor, north_south: Tensor) -> None:
    """Multiply the components of directions by signs (broadcast to (N, H, W)), in place."""
    for east, north in pairs:
        values[:, east] *= east_west
        values[:, north] *= north_south


def _rotate(values: Tensor, pairs: Pairs, cosines: Tensor, sines: Tensor) -> None:
    cosine, sine = cosines[:, None, None], sines[:, None, None]
    for east, north in pairs:
        e, n = values[:, east], values[:, north]
        values[:, east], values[:, north] = cosine * e - sine * n, sine * e + cosine * n


def transform_d4(image: Tensor, which: int) -> Tensor:
    """Rotate a square (..., H, W) by ``which % 4`` quarters counterclockwise, then flip it from 4 on."""
    rotated = torch.rot90(image, which % 4, dims=(-2, -1))
    return rotated.flip(-1) if which >= 4 else rotated


def rotate_and_flip(values: Tensor, target: Target, which: Tensor, pairs: Pairs) -> tuple[Tensor, Target]:
    """Apply one of the eight rotations and flips of a square (the group D4) to each patch.

    Args:
        values: (N, C, H, W).
        target: of the same patches.
        which: (N,) 0 to 7, on the CPU; even where H and W differ.
        pairs: channel indices of directions.
    """
    transforms = which.tolist()
    images, landslide, valid = (
        torch.stack([transform_d4(image, one) for image, one in zip(batch, transforms, strict=True)])
        for batch in (values, target.landslide, target.valid)
    )
    if pairs:
        rotate_and_flip_directions(images, pairs, which.to(values.device))
    return images, Target(landslide, valid)


def zoom(
    values: Tensor, target: Target, scale: Tensor, angle: Tensor, centre: Tensor, pairs: Pairs
) -> tuple[Tensor, Target]:
    """Resample each patch through a window of another size, angle and position; outside, the patch is mirrored.

    Values are interpolated linearly, labels are taken from the nearest pixel, and a pixel is nodata if any nodata was
    interpolated into it.

    Args:
        values: (N, C, H, W).
        target: of the same patches.
        scale: (N,) side of the window relative to the patch.
        angle: (N,) radians by which the image is rotated, counterclockwise.
        centre: (2, N) of the window, x and y, from -1 to 1 over the patch.
        pairs: channel indices of directions.
    """
    grid = sampling_grid(values.shape[2], values.shape[3], scale, angle, centre)
    stacked = torch.cat([values, target.valid[:, None].to(values.dtype)], dim=1)
    stacked = functional.grid_sample(stacked, grid, padding_mode="reflection", align_corners=False)
    images, valid = stacked[:, :-1], stacked[:, -1] > _VALID_FRACTION
    if pairs:
        # Across an odd number of edges the ground is mirrored.
        signs = 1 - 2 * ((grid + 1) / 2).floor().remainder(2)
        mirror_directions(images, pairs, signs[..., 0], signs[..., 1])
        rotate_directions(images, pairs, angle)
    landslide = functional.grid_sample(
        target.landslide[:, None], grid, mode="nearest", padding_mode="reflection", align_corners=False
    ).squeeze(1)
    return images, Target(landslide * valid, valid)


def sampling_grid(height: int, width: int, scale: Tensor, angle: Tensor, centre: Tensor) -> Tensor:
    """Return the source position of each pixel for ``grid_sample``, (N, H, W, 2); rotation preserves lengths."""
    x = (2 * torch.arange(width, device=scale.device) + 1) / width - 1
    y = ((2 * torch.arange(height, device=scale.device) + 1) / height - 1)[:, None]
    cosine, sine = ((scale * part)[:, None, None] for part in (torch.cos(angle), torch.sin(angle)))
    across, down = centre[:, :, None, None]
    columns = cosine * x - (height / width) * sine * y + across
    rows = (width / height) * sine * x + cosine * y + down
    return torch.stack([columns, rows], dim=-1)


def crop_windows(values: Tensor, target: Target, side_px: int, random: RandomSource) -> tuple[Tensor, Target]:
    """Crop a square window at a random position from each patch; a patch that is no larger stays whole.

    Args:
        values: (N, C, H, W).
        target: of the same patches.
        side_px: side of the window.
        random: source of the positions.
    """
    height, width = (min(side_px, side) for side in values.shape[2:])
    if (height, width) == tuple(values.shape[2:]):
        return values, target
    n = len(values)
    tops, lefts = (
        (torch.rand(n, generator=random.generator) * (whole - part + 1)).long().tolist()
        for whole, part in zip(values.shape[2:], (height, width), strict=True)
    )

    def crop(batch: Tensor) -> Tensor:
        corners = zip(batch, tops, lefts, strict=True)
        return torch.stack([image[..., top : top + height, left : left + width] for image, top, left in corners])

    return crop(values), Target(crop(target.landslide), crop(target.valid))
