"""Engines kept from one scene to the next: loading and compiling a network takes as long as a small scene."""

from collections import OrderedDict
from typing import Final

from landslip.detector.detector import Detector
from landslip.inference.engine import Engine, InferenceOptions, open_engine

_KEPT: Final = 4
"""Scenes smaller than a tile need an engine for each size: the one used longest ago is closed."""


class EnginePool:
    """Opens engines and keeps the last few.

    Example:
        >>> pool, detector, options = EnginePool(), Detector.open("s2-rgb"), InferenceOptions()
        >>> engine = pool.open(detector, options, height=64, width=64)
        >>> pool.open(detector, options, height=64, width=64) is engine
        True
    """

    def __init__(self) -> None:
        self._engines: OrderedDict[tuple[str, InferenceOptions, int, int], Engine] = OrderedDict()

    def open(self, detector: Detector, options: InferenceOptions, *, height: int, width: int) -> Engine:
        """Return an engine for images of one size, as ``open_engine`` does.

        Raises:
            EngineError: the engine is not available here, or cannot run this detector.
            MissingExtraError: the package of the engine is not installed.
        """
        key = (detector.sha256, options, height, width)
        if key not in self._engines:
            self._engines[key] = open_engine(detector, options, height=height, width=width)
        self._engines.move_to_end(key)
        while len(self._engines) > _KEPT:
            self._engines.popitem(last=False)
        return self._engines[key]
