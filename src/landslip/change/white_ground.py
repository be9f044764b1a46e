"""White ground in red, green and blue: snow, cloud and fog, told from bare soil by what they add to the ground.

A pixel that is partly white is a mixture: it lies between the ground and white, and what it has above the ground is the
same in all three channels. What bare soil has above vegetation is largest in red. The difference is that of the
whiteness index of Gomez-Chova et al. (2007, IEEE Transactions on Geoscience and Remote Sensing 45, 4105-4118) and of
the haze optimized transform (HOT) of Zhang, Guindon and Cihlar (2002, Remote Sensing of Environment 82, 173-187), whose
clear line is that of the scene's own ground; as there, the limit is taken from the scene.

At the top of the atmosphere white is not quite the same in all channels: by the optical depth of air molecules, 0.16 at
490 nm and 0.045 at 665 nm, red passes 1.1 to 1.2 times better than blue.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.change.evidence import SURROUNDINGS_PX
from landslip.grid.neighbourhoods import grow, is_near, remove_noise

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]

LEAST_DN: Final = 200.0
"""Least DN above the ground, 0.02 in reflectance: several times the noise of Sentinel-2 and what co-registration
leaves."""
WHITE_RATIO: Final = 1.1
"""Red over blue of what white adds at the top of the atmosphere."""
WHITE_LIMIT: Final = 1.2
"""Largest red over blue of what is white by itself, under a low sun."""
_MIXED_LIMIT: Final = 1.5
"""Largest red over blue of what is a mixture with white, if white lies beside it; pale rock is redder."""
_REACH_PX: Final = SURROUNDINGS_PX
"""Farthest distance of a mixture from white, along rows and columns."""
MARGIN_PX: Final = _REACH_PX + 2
"""Pixels around a window that white ground in it depends on."""
_LEAST_RED: Final = 0.35
"""Of red over blue: snow in shade is lit by the sky alone, in which red is a third of blue."""
_LEAST_GREEN: Final = 0.6
_MOST_GREEN: Final = 1.2
"""Of green over blue: above, it is vegetation in the sun."""
_SOIL_PERCENTILE: Final = 25
_MIN_SOIL: Final = 100
_MIN_OF_NINE: Final = 3
"""White pixels among a pixel and its eight neighbours below which it is noise."""


@dataclass(frozen=True, slots=True)
class WhiteTest:
    """The test of one image for white ground."""

    ground: tuple[float, float, float]
    """DN of red, green and blue of its darker ground."""
    limit: float
    """Largest red over blue, above the ground, that is white."""

    def find(self, values: Values, valid: Mask) -> Mask:
        """Find white ground and a rim of a pixel, which is mixed.

        Args:
            values: (3, h, w) red, green, blue in DN.
            valid: (h, w).

        Returns:
            (h, w); a pixel depends on those within ``MARGIN_PX``.

        Example:
            >>> image = np.full((3, 9, 9), 500, np.float32)
            >>> image[:, 2:4, 2:4] += 900; image[:, 6:8, 6:8] += np.array([1500, 900, 600])[:, None, None]
            >>> found = WhiteTest((500, 500, 500), 1.3).find(image, np.ones((9, 9), bool))
            >>> int(found[2:4, 2:4].sum()), int(found[6:8, 6:8].sum()), int(found.sum())
            (4, 0, 12)
        """
        red, green, blue = (band - np.float32(dark) for band, dark in zip(values, self.ground, strict=True))
        bright = valid & (blue >= LEAST_DN) & (green <= _MOST_GREEN * blue)
        bright &= (red >= _LEAST_RED * blue) & (green >= _LEAST_GREEN * blue)
        white, mixed = (
            remove_noise(bright & (red <= np.float32(limit) * blue), _MIN_OF_NINE)
            for limit in (WHITE_LIMIT, self.limit)
        )
        return grow(mixed & is_near(white, _REACH_PX), 1)


def measure_white(before: NDArray[np.float64], after: NDArray[np.float64]) -> tuple[WhiteTest, WhiteTest]:
    """Measure the tests for white ground of a pair.

    The limit lies halfway, as a ratio, between white and the bright ground of the scene: the lower quartile of red over
    blue, in the image in which that is larger, since snow or cloud may cover the bright ground of the other.

    Args:
        before: (n, 3) red, green, blue in DN.
        after: (n, 3).

    Returns:
        The tests of the image before and of that after.

    Example:
        >>> ground = np.random.default_rng(0).uniform(400, 600, (4000, 3))
        >>> soil = ground.copy(); soil[:300] += [1600, 1000, 800]
        >>> [round(one.limit, 1) for one in measure_white(ground, soil)]
        [1.4, 1.4]
    """
    grounds = [_dark_ground(samples) for samples in (before, after)]
    soil = max(_soil_ratio(samples - ground) for samples, ground in zip((before, after), grounds, strict=True))
    limit = float(np.clip(np.sqrt(WHITE_RATIO * soil), WHITE_LIMIT, _MIXED_LIMIT))
    first, second = (WhiteTest((float(one[0]), float(one[1]), float(one[2])), limit) for one in grounds)
    return first, second


def _dark_ground(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median (3,) of the darker half of the samples."""
    brightness = samples.mean(axis=1)
    return np.asarray(np.median(samples[brightness <= np.median(brightness)], axis=0))


def _soil_ratio(above: NDArray[np.float64]) -> float:
    """Return red over blue of bright ground, by what it has above the dark ground (n, 3); 0 without bright ground."""
    bright = above[above[:, 0] >= LEAST_DN]
    if len(bright) < _MIN_SOIL:
        return 0.0
    return float(np.percentile(bright[:, 0] / np.maximum(bright[:, 2], 1.0), _SOIL_PERCENTILE))
