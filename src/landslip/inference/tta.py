"""An engine that looks at every image four times, flipped, and tells how much its answers differ.

The answer is the network's own, on the image as it is; beside it stands the standard deviation over the four answers,
turned back. Where a network is sure of itself it says the same of a mirrored image.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.inference.engine import Engine

FLIPS: Final[tuple[tuple[int, ...], ...]] = ((), (-2,), (-1,), (-2, -1))
"""The axes of an image (..., h, w) along which it is reversed, for each of the four."""


class TTAEngine:
    """Runs another engine over flipped images; four times as slow."""

    def __init__(self, engine: Engine) -> None:
        """Take an engine.

        Args:
            engine: to run.
        """
        self.name = engine.name
        self.version = engine.version
        self.precision = engine.precision
        self.batch = engine.batch
        self._engine = engine

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run (n, C, h, w) float32 in physical units and give (n, 2, h, w): probability, and its spread."""
        answers = np.stack([np.flip(self._engine(np.ascontiguousarray(np.flip(images, axes))), axes) for axes in FLIPS])
        return np.stack([answers[0], answers.std(axis=0)], axis=1)
