"""Reading the probability raster behind the run that fills it: landslides are found while the rest is mapped."""

from collections.abc import Iterator
from threading import Condition

import numpy as np
from numpy.typing import NDArray

from landslip.grid.window import Window
from landslip.mapping.inventory.outlines import strips
from landslip.mapping.raster.probability import ProbabilityRaster


class Follower:
    """Hands out strips of a raster from top to bottom, each as soon as all its rows are written."""

    def __init__(self, raster: ProbabilityRaster) -> None:
        self._raster = raster
        self._rows_done = 0
        self._stopped = False
        self._news = Condition()

    def rows_are_done(self, rows: int) -> None:
        """Say that the first ``rows`` rows are on disk."""
        with self._news:
            self._rows_done = rows
            self._news.notify_all()

    def stop(self) -> None:
        """Say that no more rows will come, so that nobody waits for them."""
        with self._news:
            self._stopped = True
            self._news.notify_all()

    def strips(self) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
        """Full-width strips with their levels; ends early where the run stopped."""
        for window in strips(self._raster.grid.height, self._raster.grid.width):
            with self._news:
                while self._rows_done < window.bottom:
                    if self._stopped:
                        return
                    self._news.wait()
            yield window, self._raster.read(window)
