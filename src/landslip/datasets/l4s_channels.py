"""The 14 channels of Landslide4Sense in their order, and what each was divided by."""

from typing import Final

import numpy as np

from landslip.channels import CHANNELS

SIDE_PX: Final = 128
_IN_ORDER = sorted(
    ((channel.l4s_index, channel.name, channel.l4s_divisor) for channel in CHANNELS.values()),
    key=lambda one: -1 if one[0] is None else one[0],
)
L4S_CHANNELS: Final = tuple(name for index, name, _ in _IN_ORDER if index is not None)
"""The 14 channels in the order of the files."""

DIVISORS: Final = np.array([divisor for index, _, divisor in _IN_ORDER if index is not None], np.float64)
"""(14,): value x divisor is the DN, degree or metre."""
