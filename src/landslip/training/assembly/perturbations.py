"""The stresses, as the choosing of a threshold takes them: one image at a time, without torch in sight."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from landslip.post_training.calibration import Light
from landslip.training.augmentation.perturbations import STRESSES, Change
from landslip.training.loop.validation import wavelengths


def lights_for(channels: Sequence[str]) -> Mapping[str, Light]:
    """Every stress for values (C, H, W) of some channels; none where no channel has a wavelength."""
    wavelengths_nm = wavelengths(channels)
    if not bool(wavelengths_nm.isfinite().any()):
        return {}

    def light(change: Change) -> Light:
        def changed(values: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.asarray(change(torch.from_numpy(values)[None], wavelengths_nm)[0].numpy(), np.float32)

        return changed

    return {name: light(change) for name, change in STRESSES.items()}
