"""Directions on the ground under turns and mirrors of the image: vectors with an eastward and a northward part.

Columns run east and rows run south. All change the directions in place, among the channels of values (N, C, H, W).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

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
