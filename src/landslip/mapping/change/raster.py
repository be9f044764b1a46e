"""The raster of change of a map, ``change.tif``: the image after alone, the index of both dates, and evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.change.pair import ChangeReading, ScenePair
from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.mapping.raster.probability import ProbabilityRaster
from landslip.probability import NODATA, STEP

CHANGE_NODATA: Final = -32768
_LARGEST: Final = 32000
_STEP_INDEX: Final = 0.001
_STEP_PERCENT: Final = 0.01


@dataclass(frozen=True, slots=True)
class ChangeBand:
    """A band of the raster, stored as whole steps."""

    name: str
    title: str
    unit: str
    step: float


AFTER: Final = ChangeBand("probability_after", "landslide probability in the image after alone", "1", STEP)


def change_bands(pair: ScenePair) -> tuple[ChangeBand, ...]:
    """Return the bands of the raster of a pair: probability after, the index before and after, then evidence."""
    return (
        AFTER,
        ChangeBand("index_before", f"{pair.index}, before", "1", _STEP_INDEX),
        ChangeBand("index_after", f"{pair.index}, after", "1", _STEP_INDEX),
        *(
            ChangeBand(band.name, f"{band.title}: {band.source}", band.unit,
                       _STEP_PERCENT if band.unit == "%" else _STEP_INDEX)
            for band in pair.bands
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChangeRaster(ProbabilityRaster):
    """Bands of change in whole steps, 16 bits; -32768 where a date is not valid."""

    described: tuple[ChangeBand, ...] = ()

    @classmethod
    def of(cls, path: Any, grid: MapGrid, described: Sequence[ChangeBand]) -> "ChangeRaster":
        """Return the raster of some bands at a path."""
        return cls(path, grid, len(described), tuple(described))

    def _describe(self, raster: Any) -> None:
        raster.scales = tuple(band.step for band in self.described)
        raster.offsets = (0.0,) * self.bands
        for number, band in enumerate(self.described, start=1):
            raster.set_band_description(number, band.title)
            raster.set_band_unit(number, band.unit)
            raster.update_tags(number, name=band.name)

    @property
    def _data_type(self) -> str:
        return "int16"

    @property
    def _nodata(self) -> int:
        return CHANGE_NODATA

    def encode(self, encoded_after: NDArray[np.uint8], reading: ChangeReading) -> NDArray[np.int16]:
        """Encode what was read of a window, (bands, H, W).

        Args:
            encoded_after: probability of the image after in 8 bits (H, W), 255 where nodata.
            reading: of the window.
        """
        values = [reading.index_before, reading.index_after, *(reading.bands[band.name] for band in self.described[3:])]
        valid = reading.valid & (encoded_after != NODATA)
        whole = np.empty((self.bands, *valid.shape), np.int16)
        whole[0] = encoded_after
        for layer, value, band in zip(whole[1:], values, self.described[1:], strict=True):
            layer[:] = np.clip(np.rint(value.astype(np.float64) / band.step), -_LARGEST, _LARGEST)
        whole[:, ~valid] = CHANGE_NODATA
        return whole

    def read_bands(self, window: Window) -> NDArray[np.int16]:
        """Read every band (bands, H, W) at a window, in whole steps."""
        return np.asarray(self._read_all(window), np.int16)

    def read_after(self, window: Window) -> NDArray[np.uint8]:
        """Read the encoded probability of the image after (H, W), 255 where nodata."""
        after = self.read(window).astype(np.int32)
        return np.where(after == CHANGE_NODATA, NODATA, after).astype(np.uint8)
