"""Where the clouds of a scene are known from: its classification, a network, or s2cloudless."""

import threading
from collections import OrderedDict
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from landslip.grid.window import Window
from landslip.inference.cloud_network import CORE_PX
from landslip.scenes.masks.classification import CLOUD_CLASSES, Classification
from landslip.scenes.scene import Scene

_KEPT_SQUARES: Final = 256
"""Of 512 x 512 pixels, a byte each: 64 MiB."""


class CloudSource(Protocol):
    """Clouds as a source of them marks them, without a buffer; the same in any window."""

    rule: str
    """The source in a few words."""
    version: str
    """Changes with what the source finds in the same scene."""

    def find(self, window: Window) -> NDArray[np.bool_]:
        """Return the clouds (H, W) in a window inside the scene. Calls may come from several threads."""


class ClassifiedClouds:
    """Clouds of the scene classification of a Level-2A product."""

    rule = "scene classification (SCL) 8, 9 and 10"
    version = ""

    def __init__(self, classification: Classification) -> None:
        self._classification = classification

    def find(self, window: Window) -> NDArray[np.bool_]:
        """Return the clouds in a window."""
        return np.isin(self._classification.read(window), CLOUD_CLASSES)


class SquareFinder(Protocol):
    """Finds clouds in squares of ``CORE_PX`` pixels."""

    def find(self, scene: Scene, square: Window) -> NDArray[np.bool_]:
        """Find the clouds (CORE_PX, CORE_PX) in a square of a scene, which may reach beyond it."""


class LatticeClouds:
    """Clouds found in squares on a lattice anchored at the scene's corner.

    A square is computed once and kept, as the windows of a run touch it several times; beyond a fixed number the oldest
    is dropped, and computed again where it is needed.

    Args:
        scene: with the channels that the finder needs.
        finder: of the clouds in a square.
        rule: the finder in a few words.
        version: of the finder, which changes with its results.
    """

    def __init__(self, scene: Scene, finder: SquareFinder, rule: str, version: str) -> None:
        self.rule = rule
        self.version = version
        self._scene = scene
        self._finder = finder
        self._kept: OrderedDict[tuple[int, int], NDArray[np.bool_]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, window: Window) -> NDArray[np.bool_]:
        """Return the clouds in a window."""
        found = np.zeros(window.shape, np.bool_)
        for row in range(window.row // CORE_PX * CORE_PX, window.bottom, CORE_PX):
            for col in range(window.col // CORE_PX * CORE_PX, window.right, CORE_PX):
                square = Window(row, col, CORE_PX, CORE_PX)
                shared = square.intersection(window)
                if shared is not None:
                    clouds = self._square(square)
                    found[shared.relative_to(window).slices] = clouds[shared.relative_to(square).slices]
        return found

    def _square(self, square: Window) -> NDArray[np.bool_]:
        """Return the clouds of a square, kept or computed."""
        key = (square.row, square.col)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            clouds = self._finder.find(self._scene, square)
            self._kept[key] = clouds
            if len(self._kept) > _KEPT_SQUARES:
                self._kept.popitem(last=False)
            return clouds
