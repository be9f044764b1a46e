"""The probability of any window of a scene: tiles of the fixed lattice, the engine, and their blending.

What a map runs and what an evaluation runs is this one path.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from landslip.detector.card import Card
from landslip.errors import SettingsError
from landslip.grid.lattice import Lattice
from landslip.grid.window import Window
from landslip.inference.blending import Canvas, tile_weights
from landslip.inference.engine import Engine
from landslip.inference.gap_filling import fill_gaps

Tiles = dict[Window, NDArray[np.float32] | None]
"""Probability (h, w) of tiles, or (layers, h, w); None for a tile of which nothing was observed."""

Cut = tuple[Window, NDArray[np.float32] | None]
"""A tile and its image (C, h, w), free of gaps; None where nothing of it was observed."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a scene: values (C, h, w) in physical units and what was observed (h, w), at a window."""

    window: Window
    values: NDArray[np.float32]
    observed: NDArray[np.bool_]


class Predictor:
    """Runs an engine over the tiles of a lattice and keeps the time that it takes."""

    def __init__(self, engine: Engine, lattice: Lattice, layers: int = 1) -> None:
        """Take an engine.

        Args:
            engine: gives (n, h, w), or (n, layers, h, w).
            lattice: of the scene.
            layers: how many numbers it gives for a pixel.
        """
        self.lattice = lattice
        self.layers = layers
        self.network_s = 0.0
        self._engine = engine
        self._weights = tile_weights(lattice.tile_height, lattice.tile_width, lattice.overlap)

    def run(self, cut: Sequence[Cut]) -> Tiles:
        """Run tiles that were cut, in any order; the answer for each depends on it alone."""
        tiles: Tiles = dict.fromkeys(tile for tile, _ in cut)
        seen = [(tile, image) for tile, image in cut if image is not None]
        for first in range(0, len(seen), self._engine.batch):
            batch = seen[first : first + self._engine.batch]
            stack = np.stack([image for _, image in batch])
            start = perf_counter()
            results = self._engine(stack)
            self.network_s += perf_counter() - start
            tiles |= zip((tile for tile, _ in batch), results, strict=True)
        return tiles

    def blend(self, window: Window, tiles: Tiles) -> NDArray[np.float32]:
        """Join tiles over a window: (h, w) float32 probability, NaN where no tile saw anything; or (layers, h, w).

        Args:
            window: pixels of the scene.
            tiles: must hold every tile of the lattice that touches the window.
        """
        canvas = Canvas(window, self._weights, self.layers)
        for tile in self.lattice.tiles_touching(window):
            values = tiles[tile]
            if values is not None:
                canvas.add(tile, values)
        return canvas.mean()


def lattice_for(card: Card, height: int, width: int, overlap: int | None = None) -> Lattice:
    """The lattice that a detector asks for over a scene of height x width, with the card's overlap or another.

    Raises:
        SettingsError: the overlap does not leave a tile any new pixel.
    """
    if overlap is not None and overlap >= card.tile_px:
        raise SettingsError(
            f"the overlap of {overlap} px must be smaller than the tiles of detector '{card.name}', which measure "
            f"{card.tile_px} px: give a smaller --overlap"
        )
    return Lattice.over(
        height,
        width,
        tile=card.tile_px,
        overlap=card.overlap_px if overlap is None else overlap,
        multiple=card.size_multiple,
    )


def predict_array(
    predictor: Predictor, values: NDArray[np.float32], observed: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Do in memory what a map does: the probability of a whole small scene.

    Args:
        predictor: whose lattice covers exactly (H, W).
        values: (C, H, W) float32 in physical units.
        observed: (H, W).

    Returns:
        (H, W) float32, or (layers, H, W); NaN where not observed.
    """
    window = Window(0, 0, *observed.shape)
    tiles = predictor.run(cut_tiles(predictor.lattice.tiles_touching(window), Reading(window, values, observed)))
    return np.where(observed, predictor.blend(window, tiles), np.float32(np.nan))


def cut_tiles(tiles: Iterable[Window], reading: Reading) -> list[Cut]:
    """Cut tiles of the lattice, whose part inside the scene was read, out of what was read."""
    return [(tile, _image(tile, reading)) for tile in tiles]


def _image(tile: Window, reading: Reading) -> NDArray[np.float32] | None:
    """Cut a tile out of what was read, whole and free of gaps, or None where nothing of it was observed.

    A tile that reaches beyond a scene smaller than itself is continued by reflection.
    """
    inside = tile.intersection(reading.window)
    if inside is None:
        return None
    rows, cols = inside.relative_to(reading.window).slices
    values, observed = reading.values[:, rows, cols], reading.observed[rows, cols]
    if not observed.any():
        return None
    values = fill_gaps(values, observed)
    if inside != tile:
        below, right = tile.bottom - inside.bottom, tile.right - inside.right
        values = np.pad(values, ((0, 0), (0, below), (0, right)), mode="symmetric")
    return values
