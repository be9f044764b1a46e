"""Local relief: the range of elevation in a window around each pixel."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def relief_m(elevation_m: ArrayLike, rows: int, cols: int) -> NDArray[np.float32]:
    """Compute the highest minus the lowest elevation in a window around each pixel.

    Args:
        elevation_m: (H, W), NaN where nodata.
        rows: height of the window in pixels, odd.
        cols: width of the window in pixels, odd.

    Returns:
        (H, W) in metres, NaN where the window reaches beyond the edge or holds nodata: the range of the rest could be
        too small.

    Raises:
        ValueError: the elevation is not two-dimensional, or a size is not odd and positive.

    Example:
        >>> relief_m([[1, 2, 4, 8, 16]], 1, 3).tolist()
        [[nan, 3.0, 6.0, 12.0, nan]]
    """
    ground = np.asarray(elevation_m, np.float64)
    if ground.ndim != 2:
        raise ValueError(f"elevation must have the shape (H, W), got {ground.shape}")
    for size in (rows, cols):
        if size < 1 or size % 2 == 0:
            raise ValueError(f"the window must have an odd number of rows and columns, got {rows} x {cols}")
    padded = np.pad(ground, ((rows // 2, rows // 2), (cols // 2, cols // 2)), constant_values=np.nan)
    highest = _running_maximum(_running_maximum(padded, rows).T, cols).T
    lowest = -_running_maximum(_running_maximum(-padded, rows).T, cols).T
    return (highest - lowest).astype(np.float32)


def _running_maximum(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return the maximum over windows of rows, shorter by length - 1; NaN where one of them is NaN."""
    reach = 1
    while reach < length:
        # Two windows of a reach, side by side or overlapping, are one of up to twice that.
        step = min(reach, length - reach)
        values = np.maximum(values[:-step], values[step:])
        reach += step
    return values
