"""What a network is shown where nothing was observed: the surroundings, continued smoothly.

A network has no notion of "not observed"; black or constant ground there would be an edge, and edges look like
landslides. Pull-push filling (Gortler et al. 1996, "The Lumigraph", section 3.4) halves the image until every pixel
has an observed one beneath it, then goes back up and fills only the gaps. What it invents is never reported.
"""

import numpy as np
from numpy.typing import NDArray


def fill_gaps(values: NDArray[np.float32], observed: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Continue observed values into the gaps between them.

    Args:
        values: (C, h, w).
        observed: (h, w), somewhere true.

    Returns:
        (C, h, w); observed values as they were, the others within the range of the observed ones.
    """
    if observed.all():
        return values
    height, width = observed.shape
    beyond = ((0, height % 2), (0, width % 2))
    weight = np.pad(observed, beyond).astype(np.float32)
    # Chosen, not multiplied: what lies in a gap may be NaN.
    weighted = np.pad(np.where(observed, values, np.float32(0)), ((0, 0), *beyond))
    count = _by_twos(weight)
    half = np.divide(_by_twos(weighted), count, out=np.zeros((len(values), *count.shape), np.float32), where=count > 0)
    smooth = _doubled(_doubled(fill_gaps(half, count > 0)).swapaxes(1, 2)).swapaxes(1, 2)
    return np.where(observed, values, smooth[:, :height, :width])


def _by_twos(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums of 2 x 2 pixels."""
    by_row = image[..., ::2, :] + image[..., 1::2, :]
    total: NDArray[np.float32] = by_row[..., ::2] + by_row[..., 1::2]
    return total


def _doubled(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Twice as many rows, interpolated linearly."""
    above = np.concatenate([image[:, :1], image[:, :-1]], axis=1)
    below = np.concatenate([image[:, 1:], image[:, -1:]], axis=1)
    pairs: NDArray[np.float32] = np.stack([0.75 * image + 0.25 * above, 0.75 * image + 0.25 * below], axis=2)
    return pairs.reshape(image.shape[0], -1, image.shape[2])
