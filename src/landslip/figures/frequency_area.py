"""The frequency-area distribution of landslides, and its chart.

Probability density p(A) = (1 / N) dN / dA over logarithmic classes of area, as in Malamud et al. 2004 (Earth Surface
Processes and Landforms, doi 10.1002/esp.1064). No law is fitted: small maps hold too few landslides, and small
landslides are detected incompletely.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.figures.charts import Axis, Chart, Reference, Series
from landslip.figures.formatting import format_area

MIN_LANDSLIDES: Final = 10
"""Fewer landslides than this make no distribution."""
_CLASSES_PER_DECADE: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Frequency:
    """A frequency-area distribution, in classes that hold at least one landslide."""

    low_m2: NDArray[np.float64]
    """Lower edge of each class, (n,)."""
    high_m2: NDArray[np.float64]
    """Upper edge, (n,)."""
    count: NDArray[np.int64]
    """Number of landslides, (n,)."""

    @property
    def middle_m2(self) -> NDArray[np.float64]:
        """Middle of each class on a logarithmic scale."""
        return np.asarray(np.sqrt(self.low_m2 * self.high_m2))

    @property
    def density_per_m2(self) -> NDArray[np.float64]:
        """Probability density: the sum of density x width over all classes is 1."""
        return np.asarray(self.count / self.count.sum() / (self.high_m2 - self.low_m2))

    def series(self, name: str = "") -> Series:
        """The density with the Poisson error of each count, for a chart with logarithmic axes."""
        density, error = self.density_per_m2, self.count**-0.5
        # The lower end of a single landslide would be zero, which a logarithmic axis does not have.
        low, high = density * np.maximum(1 - error, 0.2), density * (1 + error)
        return Series(name, self.middle_m2.tolist(), density.tolist(), low.tolist(), high.tolist(), "points")


def frequency(areas_m2: NDArray[np.float64]) -> Frequency:
    """Count landslides in logarithmic classes of area, five per decade.

    Args:
        areas_m2: (N,), all above 0.
    """
    index = np.floor(np.log10(areas_m2) * _CLASSES_PER_DECADE + 1e-9).astype(np.int64)
    classes, count = np.unique(index, return_counts=True)
    low_m2 = 10.0 ** (classes / _CLASSES_PER_DECADE)
    return Frequency(low_m2, low_m2 * 10 ** (1 / _CLASSES_PER_DECADE), count.astype(np.int64))


def frequency_chart(series: tuple[Series, ...], min_area_m2: float | None = None) -> Chart:
    """Chart frequency-area distributions on logarithmic axes.

    Args:
        series: one per inventory, from ``Frequency.series``.
        min_area_m2: the smallest landslide that was mapped, marked where it lies between the areas.
    """
    areas_m2 = [area for one in series for area in one.x]
    shown = min_area_m2 is not None and min(areas_m2, default=0) / 2 < min_area_m2 < max(areas_m2, default=0)
    return Chart(
        "Probability density of landslide area over landslide area, both axes logarithmic",
        Axis("landslide area A (m²)", "log"),
        Axis("probability density p(A) (per m²)", "log"),
        series,
        (Reference(f"minimum area: {format_area(min_area_m2)}", x=min_area_m2),) if shown and min_area_m2 else (),
    )
