"""Ground without a landslide, made of the quiet parts of patches that have one."""

import torch
from torch import Tensor

from landslip.training.augmentation import directions
from landslip.training.augmentation.directions import Pairs
from landslip.training.data.target import Target

_SOFT = 0.1


def quiet_quarters(target: Target) -> Tensor:
    """Which quarters (N, 4) are known to hold no landslide in any pixel: upper left, upper right, lower left, right.

    A teacher softens the truth: what teacher and truth together take for landslide by less than a tenth is none.
    """
    quiet = target.observed & (target.landslide < _SOFT)
    return torch.stack([quarter.all(dim=(1, 2)) for quarter in _quarters(quiet)], dim=1)


def quietened(values: Tensor, target: Target, wish: Tensor, pairs: Pairs) -> tuple[Tensor, Target]:
    """Replace each patch by one of its quiet quarters and its mirror images, where it has such a quarter.

    Args:
        values: (N, C, H, W).
        target: of the same patches.
        wish: (N, 4) above 0; of the quiet quarters the most wished for is taken.
        pairs: places of the directions among the channels.
    """
    quiet = quiet_quarters(target)
    which = (quiet * wish).argmax(dim=1)
    quarter = torch.stack(_quarters(values), dim=1)[torch.arange(len(values), device=values.device), which]
    still, any_quiet = mirrored(quarter, values.shape[2], values.shape[3], pairs), quiet.any(dim=1)[:, None, None]
    # A quiet patch is known all over to be no landslide.
    landslide = target.landslide.masked_fill(any_quiet, 0)
    return torch.where(any_quiet[:, None], still, values), Target(landslide, target.observed | any_quiet)


def mirrored(quarter: Tensor, height: int, width: int, pairs: Pairs) -> Tensor:
    """An image (N, C, height, width) of a quarter and its mirror images: no seam, no other ground."""
    across = quarter.flip(-1)[..., quarter.shape[-1] * 2 - width :]
    image = torch.cat([quarter, across], dim=-1)
    image = torch.cat([image, image.flip(-2)[..., quarter.shape[-2] * 2 - height :, :]], dim=-2)
    if pairs:
        columns, rows = torch.arange(width, device=image.device), torch.arange(height, device=image.device)
        directions.mirror(
            image,
            pairs,
            1 - 2 * (columns >= quarter.shape[-1]).float(),
            1 - 2 * (rows >= quarter.shape[-2]).float()[:, None],
        )
    return image


def _quarters(image: Tensor) -> list[Tensor]:
    """The quarters of (..., H, W); of an odd side they share the middle."""
    height, width = image.shape[-2:]
    half_h, half_w = -(-height // 2), -(-width // 2)
    return [
        image[..., top : top + half_h, left : left + half_w]
        for top in (0, height - half_h)
        for left in (0, width - half_w)
    ]
