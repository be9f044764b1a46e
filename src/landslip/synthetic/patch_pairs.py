"""Made pairs: from a labelled patch after an event, the same ground before it, with landslides taken away.

There are hardly any labelled pairs of images, so that detectors of change are fitted on made ones. Landslides are
replaced by the ground around them; some may stay as old scars, which are background since they are on both dates.
Season, snow and fields that change are added to either date. All values are DN or in proportion to it.
"""

from dataclasses import dataclass
from typing import Final

import cc3d
import numpy as np
from numpy.typing import NDArray

from landslip.grid.neighbourhoods import grow
from landslip.grid.resampling import resize_bilinear, sample_bilinear

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]

_EDGE_PX: Final = 2
"""Pixels around a landslide that are replaced too: they are mixed, or in its shadow."""
_REACHES_PX: Final = (3, 6, 12, 24, 64)
_TEXTURE_SHIFTS: Final = 24
_SHADE_PX: Final = 4
"""Reach over which brightness is that of a slope and not of what grows there."""


@dataclass(frozen=True, slots=True)
class MadePair:
    """Two dates of one patch; values (C, H, W)."""

    before: Values
    after: Values
    new: Mask
    """Landslides that are on the image after only, (H, W)."""
    old: Mask
    """Landslides on both."""


def make_pair(values: Values, landslide: Mask, old_fraction: float, random: np.random.Generator) -> MadePair:
    """Make the image before an event from a labelled one after it.

    Args:
        values: (C, H, W) in DN.
        landslide: (H, W).
        old_fraction: of the landslides that stay on both dates.
        random: source of random numbers.

    Example:
        >>> ground = np.full((3, 32, 32), 500, np.float32); slide = np.zeros((32, 32), bool)
        >>> slide[10:16, 10:16] = True; ground[:, slide] = 2000
        >>> pair = make_pair(ground, slide, 0.0, np.random.default_rng(0))
        >>> float(pair.before.max()), float(pair.after.max()), int(pair.new.sum())
        (500.0, 2000.0, 36)
    """
    labels = cc3d.connected_components(landslide.astype(np.uint8), connectivity=8)
    is_old = np.concatenate([[False], random.random(int(labels.max())) < old_fraction])
    old = is_old[labels]
    new = landslide & ~old
    return MadePair(remove_landslides(values, new, random, keep=old), values.copy(), new, old)


def remove_landslides(
    values: Values, landslide: Mask, random: np.random.Generator, *, keep: Mask | None = None
) -> Values:
    """Replace landslides by the ground around them: its local mean, and the texture of ground elsewhere in the patch.

    Args:
        values: (C, H, W).
        landslide: (H, W), to be removed with two pixels around.
        random: source of random numbers.
        keep: (H, W), pixels that are neither replaced nor taken for ground.
    """
    kept = np.zeros_like(landslide) if keep is None else keep
    gap = grow(landslide, _EDGE_PX) & ~kept
    ground = ~gap & ~grow(kept, _EDGE_PX)
    if not gap.any() or not ground.any():
        return values.copy()
    mean = _local_mean(values, ground)
    texture = _shifted_texture(np.where(ground, values - mean, 0), ground, gap, random)
    return np.where(gap, np.maximum(mean + texture, 0), values).astype(np.float32)


def _local_mean(values: Values, ground: Mask) -> Values:
    """Return the mean of the ground within the smallest reach that holds some, (C, H, W)."""
    mean = np.zeros_like(values)
    known = np.zeros(ground.shape, np.bool_)
    for reach in _REACHES_PX:
        counts = _box_sum(ground[None].astype(np.float64), reach)[0]
        sums = _box_sum(np.where(ground, values, 0).astype(np.float64), reach)
        enough = ~known & (counts >= 6)
        mean[:, enough] = (sums[:, enough] / counts[enough]).astype(np.float32)
        known |= enough
    mean[:, ~known] = values[:, ground].mean(axis=1, keepdims=True)
    return mean


def _box_sum(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Sum (C, H, W) over squares, clipped to the array."""
    for axis in (1, 2):
        size = values.shape[axis]
        total = np.concatenate([np.zeros_like(values.take([0], axis)), values.cumsum(axis)], axis=axis)
        at = np.arange(size)
        values = total.take(np.minimum(at + reach + 1, size), axis) - total.take(np.maximum(at - reach, 0), axis)
    return values


def _shifted_texture(residual: Values, ground: Mask, gap: Mask, random: np.random.Generator) -> Values:
    """Return the residual of ground elsewhere, by the shift that has most ground under the gap."""
    best: tuple[int, tuple[int, int]] = (-1, (0, 0))
    for _ in range(_TEXTURE_SHIFTS):
        down, right = (int(random.integers(size // 8, size - size // 8)) for size in ground.shape)
        found = int((np.roll(ground, (down, right), (0, 1)) & gap).sum())
        best = max(best, (found, (down, right)))
    return np.asarray(np.roll(residual, best[1], (1, 2)), np.float32)


def smooth_field(height: int, width: int, cells: int, random: np.random.Generator) -> Values:
    """Draw a smooth field (height, width) of mean 0 and standard deviation about 1, of some cells a side."""
    coarse = random.normal(size=(1, cells, cells)).astype(np.float32)
    field: Values = resize_bilinear(coarse, height, width)[0]
    return field


def change_season(values: Values, landslide: Mask, strength: float, random: np.random.Generator) -> Values:
    """Change the colour of vegetation, from leafless and brown to green or the other way, where the ground is green.

    Args:
        values: (C, H, W), red first and green second.
        landslide: (H, W), which keeps its colour.
        strength: standard deviation of the logarithm of brightness, and of that of red over green.
        random: source of random numbers.
    """
    ratio = values[1] / np.maximum(values[0], 1)
    low, high = np.percentile(ratio, (20, 80))
    plants = np.clip((ratio - low) / max(float(high - low), 1e-6), 0, 1) * ~landslide
    # Leaves come and go: brightness, red against green, and a little of each channel by itself.
    brightness, reddening = strength * random.normal(size=2)
    own = 0.25 * strength * random.normal(size=(len(values), 1, 1))
    axis = np.array([0.5, -0.5] + [0.0] * (len(values) - 2)).reshape(-1, 1, 1)
    factors = (0.7 * brightness + reddening * axis + own).astype(np.float32)
    patchy = 1 + np.float32(0.4) * smooth_field(landslide.shape[0], landslide.shape[1], 12, random).clip(-2, 2)
    return np.asarray(values * np.exp(factors * plants * patchy), np.float32)


def change_sun(values: Values, exponent: float) -> Values:
    """Shade relief more, or less, as under a lower or higher sun: by a power of the brightness of the ground around.

    Args:
        values: (C, H, W).
        exponent: 0 changes nothing; above 0 shade is deeper, below -1 lit slopes are dark and others bright.

    Example:
        >>> slope = np.repeat([[100.0], [400.0]], 8, axis=0) * np.ones((1, 16, 16), np.float32)
        >>> deeper = change_sun(slope, 0.5)
        >>> bool(deeper[0, 0, 0] < 100 and deeper[0, -1, 0] > 400)
        True
    """
    brightness = values.mean(axis=0, keepdims=True).astype(np.float64)
    around = _box_sum(brightness, _SHADE_PX) / _box_sum(np.ones_like(brightness), _SHADE_PX)
    shade = np.maximum(around / max(float(brightness.mean()), 1e-6), 0.1) ** exponent
    return np.asarray(values * np.clip(shade, 0.3, 3), np.float32)


def add_snow(values: Values, cover: float, random: np.random.Generator) -> Values:
    """Cover a fraction of an image (C, H, W) with snow patches, white and as bright as its brightest ground."""
    field = smooth_field(values.shape[1], values.shape[2], 20, random)
    depth = np.clip((field - np.quantile(field, 1 - cover)) * 4, 0, 1)
    white = np.percentile(values, 99.5) * random.uniform(0.8, 1.6)
    return np.asarray(values + depth * np.maximum(white - values, 0), np.float32)


def paste_field(pair: MadePair, before: Values, after: Values, row: int, col: int) -> MadePair:
    """Paste a field, as it was before and as it is after, over a pair; it holds no landslide.

    Args:
        pair: to be changed.
        before: (C, h, w) in the units of the pair.
        after: (C, h, w).
        row: of its upper edge.
        col: of its left edge.
    """
    place = slice(row, row + before.shape[1]), slice(col, col + before.shape[2])
    old, new = pair.before.copy(), pair.after.copy()
    old[:, *place], new[:, *place] = before, after
    marked, kept = pair.new.copy(), pair.old.copy()
    marked[place], kept[place] = False, False
    return MadePair(old, new, marked, kept)


def move_image(values: Values, down_px: float, right_px: float) -> Values:
    """Move an image (C, H, W) down and right by a fraction of pixels, with bilinear interpolation; edges are repeated.

    Example:
        >>> move_image(np.array([[[0, 10, 20]]], np.float32), 0, 0.5).tolist()
        [[[0.0, 5.0, 15.0]]]
    """
    _, height, width = values.shape
    x = np.clip(np.arange(width) + 0.5 - right_px, 0.5, width - 0.5)[None, :]
    y = np.clip(np.arange(height) + 0.5 - down_px, 0.5, height - 0.5)[:, None]
    every = np.ones((height, width), np.bool_)
    return np.stack([sample_bilinear(band, every, x, y) for band in values])
