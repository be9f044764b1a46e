"""Exact Euclidean distance to the nearest pixel of a kind (Felzenszwalb and Huttenlocher 2012), up to a limit.

Squared distances are separable: first along columns, where the nearest pixel above and below is a running maximum, then
along rows, where the lowest of g(x + k)^2 + k^2 over all shifts k is sought. Shifts beyond what was found so far, or
beyond the limit, cannot be lower, so the search stops there and what it gives is exact.
"""

import numpy as np
from numpy.typing import NDArray


def distance_px(to: NDArray[np.bool_], limit_px: float) -> NDArray[np.float32]:
    """Distance of every pixel's middle to that of the nearest pixel of a kind.

    Args:
        to: (H, W) the pixels to measure to.
        limit_px: from which on distances are not told apart.

    Returns:
        (H, W) in pixels; 0 on those pixels, infinite where none lies within the limit.
    """
    height, width = to.shape
    far = np.float32(height + width + limit_px + 2)
    rows = np.arange(height, dtype=np.float32)[:, None]
    above = rows - np.maximum.accumulate(np.where(to, rows, -far), axis=0)
    below = np.minimum.accumulate(np.where(to, rows, rows[-1:] + far if height else far)[::-1], axis=0)[::-1] - rows
    along = np.minimum(above, below) ** 2
    nearest = along.copy()
    for shift in range(1, min(width, int(limit_px) + 1)):
        step = np.float32(shift * shift)
        if step >= nearest.max(initial=0):
            break
        np.minimum(nearest[:, shift:], along[:, :-shift] + step, out=nearest[:, shift:])
        np.minimum(nearest[:, :-shift], along[:, shift:] + step, out=nearest[:, :-shift])
    distance = np.sqrt(nearest, dtype=np.float32)
    return np.where(distance > limit_px, np.float32(np.inf), distance)
