"""Values such as a satellite sees, for where no scene is at hand: to compare two forms of a detector, or to time one.

No place on Earth, and nothing to judge a detector's accuracy by.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.channels import CHANNELS

_TYPICAL: Final = {"DN": 1000.0, "deg": 20.0, "m": 800.0}
"""Where Landslide4Sense has no divisor, which is about the mean of its channel."""
_COARSENESS_PX: Final = 8


def typical_values(channels: Sequence[str], count: int, height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    """Images (count, C, height, width) in physical units: slow changes of half the typical value, and some noise.

    The same seed gives the same images.
    """
    chance = np.random.default_rng(seed)
    typical = np.array([CHANNELS[name].l4s_divisor or _TYPICAL[CHANNELS[name].unit] for name in channels])
    rows, columns = (-(-size // _COARSENESS_PX) for size in (height, width))
    slow = chance.uniform(0.5, 1.5, (count, len(channels), rows, columns))
    spread = slow.repeat(_COARSENESS_PX, axis=2).repeat(_COARSENESS_PX, axis=3)[:, :, :height, :width]
    noise = chance.uniform(0.9, 1.1, spread.shape)
    values: NDArray[np.float32] = (typical[:, None, None] * spread * noise).astype(np.float32)
    return values
