"""Where a patch lies: turned, flipped, rotated, zoomed, cropped; image and truth move together.

Zooming shows the same ground in pixels of another size. So slope and elevation, which are properties of the ground,
keep their values; only what is a direction turns. (Read as ground that was itself stretched, slopes would have to
change, and a detector would learn relief that does not exist.)
"""

import torch
from torch import Tensor
from torch.nn import functional

from landslip.training.augmentation import directions
from landslip.training.augmentation.directions import Pairs
from landslip.training.data.target import Target

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
        directions.turn_dihedral(images, pairs, which.to(values.device))
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
        directions.mirror(images, pairs, signs[..., 0], signs[..., 1])
        directions.turn_by(images, pairs, angle)
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
