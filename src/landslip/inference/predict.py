"""Prediction of any window of a scene: tiles of the fixed lattice, the engine, and blending.

Maps, evaluation and ``landslip.predict`` all run this code.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from landslip.detector.card import Card
from landslip.detector.detector import Detector
from landslip.errors import DetectorError, SettingsError
from landslip.grid.lattice import Lattice
from landslip.grid.window import Window
from landslip.inference.blending import Canvas, tile_weights
from landslip.inference.engine import DEFAULT_OPTIONS, Engine, InferenceOptions, open_engine
from landslip.inference.gap_filling import fill_gaps
from landslip.inference.tta import TTAEngine

_ROUNDING = 0.01
"""Tolerance around 0..1: bfloat16 has 8 bits."""

Tiles = dict[Window, NDArray[np.float32] | None]
"""Probability (h, w) of each tile, or (layers, h, w); None for a tile without a valid pixel."""

Cut = tuple[Window, NDArray[np.float32] | None]
"""A tile and its image (C, h, w) with gaps filled; None for a tile without a valid pixel."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A window read from a scene: values (C, h, w) in physical units and the validity mask (h, w)."""

    window: Window
    values: NDArray[np.float32]
    valid: NDArray[np.bool_]


class Predictor:
    """Run an engine over the tiles of a lattice.

    Args:
        engine: returns (n, h, w), or (n, layers, h, w).
        lattice: of the scene.
        layers: number of values per pixel.

    Attributes:
        network_s: seconds spent in the engine so far.
    """

    def __init__(self, engine: Engine, lattice: Lattice, layers: int = 1) -> None:
        self.lattice = lattice
        self.layers = layers
        self.network_s = 0.0
        self._engine = engine
        self._weights = tile_weights(lattice.tile_height, lattice.tile_width, lattice.overlap)

    def run(self, cut: Sequence[Cut]) -> Tiles:
        """Run tiles from ``cut_tiles``, in any order; the result of each depends on that tile alone.

        Raises:
            DetectorError: the network returns values that are no probability.
        """
        tiles: Tiles = dict.fromkeys(tile for tile, _ in cut)
        images = [(tile, image) for tile, image in cut if image is not None]
        for first in range(0, len(images), self._engine.batch):
            batch = images[first : first + self._engine.batch]
            stack = np.stack([image for _, image in batch])
            start = perf_counter()
            results = self._engine(stack)
            self.network_s += perf_counter() - start
            _check_probability(results)
            tiles |= zip((tile for tile, _ in batch), results, strict=True)
        return tiles

    def blend(self, window: Window, tiles: Tiles) -> NDArray[np.float32]:
        """Blend tiles over a window.

        Args:
            window: pixels of the scene.
            tiles: must hold every tile of the lattice that touches the window.

        Returns:
            Probability (h, w) float32, or (layers, h, w); NaN where no tile has a valid pixel.
        """
        canvas = Canvas(window, self._weights, self.layers)
        for tile in self.lattice.tiles_touching(window):
            values = tiles[tile]
            if values is not None:
                canvas.add(tile, values)
        return canvas.mean()


def _check_probability(results: NDArray[np.float32]) -> None:
    """Check that the results of a network are in 0..1; NaN is nodata.

    Raises:
        DetectorError: they are not.
    """
    low, high = np.fmin.reduce(results, axis=None), np.fmax.reduce(results, axis=None)
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise DetectorError(
            f"the detector's network returns values from {low:.4g} to {high:.4g}, but a probability is in 0..1: export "
            f"it with its final sigmoid or softmax",
            parameter="detector",
        )


def make_lattice(
    card: Card, height: int, width: int, overlap: int | None = None, *, tile_px: int | None = None
) -> Lattice:
    """Lay the tiles of a detector over a scene.

    Args:
        card: of the detector.
        height: of the scene in pixels.
        width: of the scene in pixels.
        overlap: of neighbouring tiles in pixels; the card's where None.
        tile_px: side of the tiles in pixels; the card's where None.

    Raises:
        SettingsError: the overlap is not smaller than a tile, or the network cannot run tiles of this size.
    """
    tile = card.tile_px if tile_px is None else tile_px
    if tile % card.size_multiple:
        raise SettingsError(
            f"tile_px must be a multiple of {card.size_multiple} for detector '{card.name}', got {tile}",
            parameter="tile_px",
        )
    if overlap is not None and overlap >= tile:
        raise SettingsError(
            f"overlap_px must be smaller than the tiles of detector '{card.name}' ({tile} px), got {overlap}",
            parameter="overlap_px",
        )
    if tile_px is not None and overlap is None and card.overlap_px >= tile:
        raise SettingsError(
            f"tile_px must be larger than the overlap of detector '{card.name}' ({card.overlap_px} px), got {tile}",
            parameter="tile_px",
        )
    return Lattice.over(
        height,
        width,
        tile=tile,
        overlap=card.overlap_px if overlap is None else overlap,
        multiple=card.size_multiple,
    )


class ArrayPredictor:
    """Predict arrays in memory as a map predicts a scene: same engine, tiles and blending.

    Arrays of one size share an engine.

    Args:
        detector: the detector to run.
        options: engine, precision and threads.
        tile_px: side of the tiles, without overlap; tiles and overlap of the card where None.
        tta: also return the standard deviation of the probability over four flips.

    Example:
        >>> from landslip.detector.detector import Detector
        >>> predict = ArrayPredictor(Detector.open("s2-rgb"))
        >>> predict(np.full((3, 40, 50), 800, np.float32)).shape
        (40, 50)
    """

    def __init__(
        self,
        detector: Detector,
        options: InferenceOptions = DEFAULT_OPTIONS,
        *,
        tile_px: int | None = None,
        tta: bool = False,
    ) -> None:
        self.detector = detector
        self._options = options
        self._tile_px = tile_px
        self._tta = tta
        self._predictors: dict[tuple[int, int], Predictor] = {}

    def __call__(self, values: NDArray[np.float32], valid: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
        """Predict one array.

        Args:
            values: (C, H, W) in physical units, channels in the detector's order.
            valid: (H, W); where all channels are finite if None.

        Returns:
            Probability (H, W), NaN where not valid; with ``tta`` (2, H, W): probability and standard deviation.
        """
        valid = valid_pixels(values) if valid is None else valid
        size = (valid.shape[0], valid.shape[1])
        if size not in self._predictors:
            self._predictors[size] = self._open(*size)
        return predict_array(self._predictors[size], values, valid)

    def _open(self, height: int, width: int) -> Predictor:
        card = self.detector.card
        lattice = (
            make_lattice(card, height, width)
            if self._tile_px is None
            else Lattice.over(height, width, tile=self._tile_px, overlap=0, multiple=card.size_multiple)
        )
        engine = open_engine(self.detector, self._options, height=lattice.tile_height, width=lattice.tile_width)
        return Predictor(TTAEngine(engine), lattice, layers=2) if self._tta else Predictor(engine, lattice)


def valid_pixels(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return where every channel of values (C, H, W) is finite, (H, W)."""
    return np.asarray(np.isfinite(values).all(axis=0), np.bool_)


def predict_array(predictor: Predictor, values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Predict a whole array in memory.

    Args:
        predictor: whose lattice covers exactly (H, W).
        values: (C, H, W) float32 in physical units.
        valid: (H, W).

    Returns:
        (H, W) float32, or (layers, H, W); NaN where not valid.
    """
    window = Window(0, 0, *valid.shape)
    tiles = predictor.run(cut_tiles(predictor.lattice.tiles_touching(window), Reading(window, values, valid)))
    return np.where(valid, predictor.blend(window, tiles), np.float32(np.nan))


def cut_tiles(tiles: Iterable[Window], reading: Reading) -> list[Cut]:
    """Cut tiles of the lattice out of a reading that covers their part inside the scene."""
    return [(tile, _image(tile, reading)) for tile in tiles]


def _image(tile: Window, reading: Reading) -> NDArray[np.float32] | None:
    """Cut one tile and fill its gaps; a tile larger than the scene is padded by reflection."""
    inside = tile.intersection(reading.window)
    if inside is None:
        return None
    rows, cols = inside.relative_to(reading.window).slices
    values, valid = reading.values[:, rows, cols], reading.valid[rows, cols]
    if not valid.any():
        return None
    values = fill_gaps(values, valid)
    if inside != tile:
        below, right = tile.bottom - inside.bottom, tile.right - inside.right
        values = np.pad(values, ((0, 0), (0, below), (0, right)), mode="symmetric")
    return values
