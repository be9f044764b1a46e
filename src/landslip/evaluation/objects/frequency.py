"""Frequency-area distributions of truth and map side by side, and the power law of their tails.

The density is that of a map's report (``mapping.sheet.frequency``). The law is fitted by the library ``powerlaw``
(Alstott et al. 2014) after Clauset et al. 2009: discrete maximum likelihood in pixels, the smallest size of the tail
where the law fits best (lowest Kolmogorov-Smirnov distance), and a likelihood ratio against a lognormal tail.
"""

import math
import warnings
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.errors import require_extra
from landslip.evaluation.objects.found import Inventories, Inventory
from landslip.figures.frequency_area import Frequency, frequency

LEAST_TO_FIT: Final = 50
"""Fewer landslides than this say nothing of a law."""


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """The tail p(A) ~ A^-alpha of a frequency-area distribution."""

    alpha: float
    alpha_error: float
    """Standard error (alpha - 1) / sqrt(landslides in the tail)."""
    least_area_m2: float
    """From which area on the law holds."""
    tail: int
    """Landslides in the tail."""
    ks_distance: float
    lognormal_ratio: float
    """Normalised log-likelihood ratio: above 0 the power law fits the tail better than a lognormal, below 0 worse."""
    lognormal_p_value: float
    """How easily chance alone gives the ratio's sign (Vuong 1989): above 0.1 the two are not told apart."""

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class FrequencyArea:
    """The distribution of one inventory."""

    landslides: int
    cut: int
    """Of these, those at the edge of what was observed: their true area is larger."""
    density: Frequency | None
    """None where there is no landslide."""
    law: PowerLaw | None
    """None where there are too few landslides."""

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
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


def frequency_areas(found: Inventories, pixel_size_m: float) -> dict[str, FrequencyArea]:
    """The distributions of ``truth`` and ``map``.

    Args:
        found: the landslides of both.
        pixel_size_m: of the pixels that they were counted in.

    Raises:
        MissingExtraError: the library for the fit is not installed.
    """
    return {"truth": _of(found.truth, pixel_size_m), "map": _of(found.mapped, pixel_size_m)}


def _of(inventory: Inventory, pixel_size_m: float) -> FrequencyArea:
    areas_m2 = inventory.area_m2
    return FrequencyArea(
        landslides=len(areas_m2),
        cut=int(inventory.cut.sum()),
        density=frequency(areas_m2) if len(areas_m2) else None,
        law=fit_power_law(areas_m2, pixel_size_m) if len(areas_m2) >= LEAST_TO_FIT else None,
    )


def fit_power_law(areas_m2: NDArray[np.float64], pixel_size_m: float) -> PowerLaw | None:
    """Fit the tail of a distribution.

    Args:
        areas_m2: (N,) whole numbers of pixels.
        pixel_size_m: of a pixel.

    Returns:
        None where all landslides have one size, of which there is no tail.

    Raises:
        MissingExtraError: the library is not installed.
    """
    powerlaw = require_extra("powerlaw", "train")
    areas_px = np.rint(areas_m2 / pixel_size_m**2).astype(np.int64)
    if len(np.unique(areas_px)) < 3:
        return None
    # Its search tries tails for which a logarithm or a division has no value, and warns of each.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        fit = powerlaw.Fit(areas_px, discrete=True, verbose=False)
        alpha, least_px = float(fit.power_law.alpha), float(fit.power_law.xmin)
        ratio, p_value = fit.distribution_compare("power_law", "lognormal", normalized_ratio=True)
        distance = float(fit.power_law.D)
    tail = int(np.count_nonzero(areas_px >= least_px))
    return PowerLaw(
        alpha=alpha,
        alpha_error=(alpha - 1) / math.sqrt(tail),
        least_area_m2=least_px * pixel_size_m**2,
        tail=tail,
        ks_distance=distance,
        lognormal_ratio=float(ratio),
        lognormal_p_value=float(p_value),
    )
