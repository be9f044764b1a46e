"""The stresses and their levels: how images are changed, by how much, and the labels of the charts.

Photometric stresses use the functions that augment training images (``landslip.training.augmentation.light``), with
fixed strengths.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landslip.channels import DETECTOR_INPUTS
from landslip.errors import SettingsError
from landslip.inference.gap_filling import fill_gaps
from landslip.probability import NODATA
from landslip.studies.stress.geometry import draw_clouds, rotate
from landslip.training.augmentation import light

Values = NDArray[np.float32]
Mask = NDArray[np.uint8]
Change = Callable[[Values, Mask, Sequence[str], float, np.random.Generator], tuple[Values, Mask]]
"""Changes an image (C, H, W), NaN where nodata, and its mask (H, W), given channels, level and random generator."""
_Photometric = Callable[[Tensor, Tensor, float, np.random.Generator], Tensor]
"""Changes spectral values (1, S, H, W), given their wavelengths (S,) in nm, level and random generator."""

_GOLDEN_ANGLE: Final = math.pi * (3 - math.sqrt(5))


@dataclass(frozen=True, slots=True)
class Stress:
    """One kind of degradation."""

    name: str
    title: str
    axis: str
    """Label of the axis, with the unit."""
    levels: tuple[float, ...]
    unchanged: float
    """The level that changes nothing."""
    text: str
    """Description for the reader of a chart."""
    change: Change


def change_spectral(change: _Photometric) -> Change:
    """Apply a photometric change to the spectral channels; terrain, nodata and mask stay as they are."""

    def changed(
        values: Values, mask: Mask, channels: Sequence[str], level: float, random: np.random.Generator
    ) -> tuple[Values, Mask]:
        valid = np.asarray(np.isfinite(values).all(axis=0), np.bool_)
        nm = [DETECTOR_INPUTS[name].wavelength_nm for name in channels]
        spectral = [index for index, length in enumerate(nm) if length is not None]
        if not valid.any() or not spectral:
            return values, mask
        filled = fill_gaps(values, valid).astype(np.float32)
        batch = torch.from_numpy(filled[spectral])[None]
        wavelengths = torch.tensor([length for length in nm if length is not None])
        filled[spectral] = change(batch, wavelengths, level, random)[0].numpy()
        return np.where(valid, filled, np.float32(np.nan)).astype(np.float32), mask

    return changed


def _blur(values: Tensor, _: Tensor, level: float, __: np.random.Generator) -> Tensor:
    return light.blur(values, level)


def _noise(values: Tensor, _: Tensor, level: float, random: np.random.Generator) -> Tensor:
    noise = torch.from_numpy(random.standard_normal(values.shape).astype(np.float32))
    return light.add_noise(values, noise, torch.tensor([level]))


def _brightness(values: Tensor, _: Tensor, level: float, __: np.random.Generator) -> Tensor:
    return light.apply_gain(values, torch.tensor([level]))


def _atmosphere(values: Tensor, wavelengths_nm: Tensor, level: float, _: np.random.Generator) -> Tensor:
    if level < 0:
        return light.remove_haze(values, torch.tensor([-level]), wavelengths_nm)
    return light.add_haze(values, torch.tensor([level]), wavelengths_nm)


def _shift(values: Tensor, _: Tensor, level: float, __: np.random.Generator) -> Tensor:
    angle = _GOLDEN_ANGLE * torch.arange(values.shape[1])
    shift = level * torch.stack([torch.sin(angle), torch.cos(angle)], dim=1)
    shift[0] = 0
    return light.shift_bands(values, shift[None], steps=math.ceil(level))


def _clouds(
    values: Values, mask: Mask, _: Sequence[str], level: float, random: np.random.Generator
) -> tuple[Values, Mask]:
    height, width = mask.shape
    covered = draw_clouds(height, width, level, random)
    return np.where(covered, np.float32(np.nan), values), np.where(covered, np.uint8(NODATA), mask)


_ALL: Final = (
    Stress(
        "blur",
        "Blur",
        "standard deviation of the blur (pixels)",
        (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0),
        0.0,
        "Gaussian blur of all spectral channels.",
        change_spectral(_blur),
    ),
    Stress(
        "noise",
        "Noise",
        "standard deviation of the noise (fraction of the channel mean)",
        (0.0, 0.02, 0.05, 0.1, 0.2, 0.4),
        0.0,
        "White noise in all spectral channels.",
        change_spectral(_noise),
    ),
    Stress(
        "brightness",
        "Brightness",
        "gain of all spectral channels",
        (0.25, 0.5, 1.0, 1.5, 2.0, 3.0),
        1.0,
        "All spectral channels multiplied by one gain.",
        change_spectral(_brightness),
    ),
    Stress(
        "haze",
        "Haze",
        "haze in the shortest wavelength (fraction of its mean)",
        (0.0, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2),
        0.0,
        "Constant path radiance, strongest in the blue (Rayleigh, wavelength to the power of -4).",
        change_spectral(_atmosphere),
    ),
    Stress(
        "atmosphere",
        "L1C against L2A",
        "haze removed (below 0) or added (above 0)",
        (-1.0, -0.75, -0.5, -0.25, 0.0, 0.1, 0.2, 0.3),
        0.0,
        "A model, not pairs of products. Below 0: this fraction of each channel's dark level is subtracted, as the "
        "correction from L1C to L2A does; above 700 nm at most what Rayleigh scattering explains. Above 0: Rayleigh "
        "haze of this fraction of the shortest wavelength's mean is added, as L1C has compared to L2A.",
        change_spectral(_atmosphere),
    ),
    Stress(
        "shift",
        "Band misregistration",
        "shift of each channel relative to the first (pixels)",
        (0.0, 0.25, 0.5, 1.0, 2.0, 3.0),
        0.0,
        "Every spectral channel but the first is shifted by this distance, each in another direction.",
        change_spectral(_shift),
    ),
    Stress(
        "clouds",
        "Clouds",
        "cloud cover (fraction of the area)",
        (0.0, 0.1, 0.2, 0.3, 0.5, 0.7),
        0.0,
        "Blobs of pixels are nodata. Scores are those of the rest: they show whether cloud edges cause errors.",
        _clouds,
    ),
    Stress(
        "rotation",
        "Rotation",
        "rotation (degrees)",
        (0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0, 135.0, 180.0, 270.0),
        0.0,
        "Image and mask rotated about the centre; quarter turns are exact, others interpolated. Shadows then fall in "
        "directions that do not occur in nature.",
        lambda values, mask, _, level, __: rotate(values, mask, level),
    ),
)
STRESSES: Final = {one.name: one for one in _ALL}
"""Stresses that change each image on its own, by name."""

LOST: Final = "lost-channel"
SIZE: Final = "patch-size"
SAMPLING: Final = "ground-sampling"
NAMES: Final = (SIZE, SAMPLING, *STRESSES, LOST)
"""Names of all stresses, in the order of the report."""

SIZES_PX: Final = (32, 64, 128, 256, 512)
SAMPLINGS_M: Final = (5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0)


def select_stresses(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of stresses in the order of the report; all of them if none is given.

    Raises:
        SettingsError: a name is unknown.
    """
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise SettingsError(f"unknown stress '{unknown[0]}': allowed are {', '.join(NAMES)}", parameter="names")
    return tuple(name for name in NAMES if not names or name in names)
