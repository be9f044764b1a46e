"""Frequency-area distributions of reference and map, and the power law of their tails.

The law is fitted by the library ``powerlaw`` (Alstott et al. 2014) after Clauset et al. 2009: discrete maximum
likelihood in pixels, the smallest area of the tail where the fit is best (lowest Kolmogorov-Smirnov distance), and a
likelihood ratio against a lognormal tail.
"""

import math
import warnings
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.errors import require_extra
from landslip.evaluation.objects.inventories import Inventory, InventoryPair
from landslip.figures.frequency_area import Frequency, frequency

MIN_TO_FIT: Final = 50
"""No law is fitted to fewer landslides."""


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """The tail p(A) ~ A^-alpha of a frequency-area distribution."""

    alpha: float
    alpha_error: float
    """Standard error (alpha - 1) / sqrt(landslides in the tail)."""
    min_area_m2: float
    """Smallest area of the tail."""
    tail: int
    """Landslides in the tail."""
    ks_distance: float
    lognormal_ratio: float
    """Normalised log-likelihood ratio: positive where the power law fits the tail better than a lognormal."""
    lognormal_p_value: float
    """Of the sign of the ratio (Vuong 1989): above 0.1 the two cannot be distinguished."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class FrequencyArea:
    """The frequency-area distribution of one inventory."""

    landslides: int
    cut: int
    """Landslides that touch nodata or the edge of the image, whose area is larger than counted."""
    density: Frequency | None
    """None for an empty inventory."""
    law: PowerLaw | None
    """None for too few landslides."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        density = self.density
        return {
            "landslides": self.landslides,
            "cut": self.cut,
            "low_m2": [] if density is None else density.low_m2.tolist(),
            "high_m2": [] if density is None else density.high_m2.tolist(),
            "count": [] if density is None else density.count.tolist(),
            "density_per_m2": [] if density is None else density.density_per_m2.tolist(),
            "law": None if self.law is None else self.law.as_dict(),
        }


def frequency_areas(found: InventoryPair, pixel_size_m: float) -> dict[str, FrequencyArea]:
    """Compute the distributions of ``reference`` and ``map``.

    Args:
        found: the landslides of both.
        pixel_size_m: of the pixels that they were counted in.

    Raises:
        MissingExtraError: the library for the fit is not installed.
    """
    return {"reference": _of(found.reference, pixel_size_m), "map": _of(found.mapped, pixel_size_m)}


def _of(inventory: Inventory, pixel_size_m: float) -> FrequencyArea:
    areas_m2 = inventory.area_m2
    return FrequencyArea(
        landslides=len(areas_m2),
        cut=int(inventory.cut.sum()),
        density=frequency(areas_m2) if len(areas_m2) else None,
        law=fit_power_law(areas_m2, pixel_size_m) if len(areas_m2) >= MIN_TO_FIT else None,
    )


def fit_power_law(areas_m2: NDArray[np.float64], pixel_size_m: float) -> PowerLaw | None:
    """Fit a power law to the tail of a distribution.

    Args:
        areas_m2: (N,) multiples of the area of a pixel.
        pixel_size_m: of a pixel.

    Returns:
        None for fewer than three different areas.

    Raises:
        MissingExtraError: the library is not installed.
    """
    powerlaw = require_extra("powerlaw", "train")
    areas_px = np.rint(areas_m2 / pixel_size_m**2).astype(np.int64)
    if len(np.unique(areas_px)) < 3:
        return None
    # Its search tries tails where a logarithm or a division is undefined, and warns of each.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        fit = powerlaw.Fit(areas_px, discrete=True, verbose=False)
        alpha, min_px = float(fit.power_law.alpha), float(fit.power_law.xmin)
        ratio, p_value = fit.distribution_compare("power_law", "lognormal", normalized_ratio=True)
        distance = float(fit.power_law.D)
    tail = int(np.count_nonzero(areas_px >= min_px))
    return PowerLaw(
        alpha=alpha,
        alpha_error=(alpha - 1) / math.sqrt(tail),
        min_area_m2=min_px * pixel_size_m**2,
        tail=tail,
        ks_distance=distance,
        lognormal_ratio=float(ratio),
        lognormal_p_value=float(p_value),
    )
