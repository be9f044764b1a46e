"""Test-time augmentation (TTA): the flips and transpositions of an image, and an engine that measures their effect.

The same table serves the engine here, the ensembles that run the transforms inside their graph
(``post_training/ensemble.py``) and the check of those graphs.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from landslip.inference.engine import Engine

TTA = Literal["none", "flips", "d4"]
"""``none``; ``flips``: 4 flips; ``d4``: all 8 flips and quarter turns of a square (the dihedral group D4)."""


@dataclass(frozen=True, slots=True)
class Transform:
    """One symmetry of an image (..., h, w): an optional transposition, then flips.

    Example:
        >>> transform = Transform(transpose=True, axes=(-1,))
        >>> image = np.arange(6).reshape(2, 3)
        >>> transform.apply(image).shape
        (3, 2)
        >>> bool((transform.invert(transform.apply(image)) == image).all())
        True
    """

    transpose: bool
    axes: tuple[int, ...]
    """Axes to reverse, counted from the end: -2 up-down, -1 left-right."""

    def apply(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Transform an image (..., h, w)."""
        return np.flip(image.swapaxes(-2, -1) if self.transpose else image, self.axes)

    def invert(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Undo the transform on a result (..., h, w)."""
        flipped = np.flip(image, self.axes)
        return flipped.swapaxes(-2, -1) if self.transpose else flipped


FLIPS: Final[tuple[tuple[int, ...], ...]] = ((), (-2,), (-1,), (-2, -1))
TRANSFORMS: Final = MappingProxyType[TTA, tuple[Transform, ...]](
    {
        "none": (Transform(transpose=False, axes=()),),
        "flips": tuple(Transform(transpose=False, axes=axes) for axes in FLIPS),
        "d4": tuple(Transform(transpose=transpose, axes=axes) for transpose in (False, True) for axes in FLIPS),
    }
)
"""The transforms of each kind of TTA; the first leaves the image as it is."""


class TTAEngine:
    """Run another engine on four flips of each image; four times as slow.

    Args:
        engine: the engine to run.
    """

    def __init__(self, engine: Engine) -> None:
        self.name = engine.name
        self.version = engine.version
        self.precision = engine.precision
        self.batch = engine.batch
        self._engine = engine

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict images (n, C, h, w) in physical units.

        Returns:
            (n, 2, h, w): probability of the image itself, and the standard deviation over the four flips.
        """
        results = np.stack(
            [
                transform.invert(self._engine(np.ascontiguousarray(transform.apply(images))))
                for transform in TRANSFORMS["flips"]
            ]
        )
        return np.stack([results[0], results.std(axis=0)], axis=1)
