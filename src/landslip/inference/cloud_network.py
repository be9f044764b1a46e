"""Networks that find clouds in Sentinel-2 images, for scenes without a classification of their own.

Two U-Nets by López-Puigdollers, Mateo-García and Gómez-Chova (2021), "Benchmarking deep learning models for cloud
detection in Landsat-8 and Sentinel-2 images", Remote Sensing 13(5), 992, trained on the Landsat-8 Biome set and
converted from Keras to ONNX by ``benchmarks/convert_cloud_networks.py`` (MIT licence, beside the files).
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from landslip.errors import EngineError
from landslip.grid.window import Window
from landslip.inference.engine import load_graph
from landslip.inference.gap_filling import fill_gaps
from landslip.scenes.scene import Scene

CORE_PX: Final = 512
"""Side of the squares of the scene that are kept of each tile."""
MARGIN_PX: Final = 32
"""Read around a square. A pixel of the output depends on input within 23 pixels, so the square depends on no edge."""
_TILE_PX: Final = CORE_PX + 2 * MARGIN_PX
_THRESHOLD: Final = 0.5


@dataclass(frozen=True, slots=True)
class PackagedNetwork:
    """A packaged network."""

    name: str
    channels: tuple[str, ...]
    sha256: str


NETWORKS: Final = (
    PackagedNetwork(
        "clouds-rgb-nir-swir",
        ("B02", "B03", "B04", "B08", "B11", "B12"),
        "962ab505b67e47d8a922b8755b23da7f34abf80547357aedbc4d0afcfc8272a1",
    ),
    PackagedNetwork(
        "clouds-rgb-nir",
        ("B02", "B03", "B04", "B08"),
        "1f3ce5963216d2f10461803dc9c9632777c337258abf962d571731589c9e9e03",
    ),
)
"""The more accurate first."""
PIXEL_SIZES_M: Final = (5.0, 60.0)
"""Pixel sizes at which a network is used. Trained at 30 m, they miss nearly every cloud at 120 m."""


def find_network(scene: Scene) -> PackagedNetwork | None:
    """Return the most accurate network whose channels a scene has; None if there is none."""
    return next((network for network in NETWORKS if scene.has(network.channels)), None)


class CloudNetwork:
    """A network that finds clouds in squares of a scene.

    Args:
        network: that is packaged.

    Raises:
        EngineError: the packaged file is damaged, or no engine can run it.

    Example:
        >>> import landslip
        >>> scene = landslip.open_scene("examples/wayanad/wayanad.tif")
        >>> clouds = CloudNetwork(find_network(scene)).find(scene, Window(0, 0, CORE_PX, CORE_PX))
        >>> clouds.shape, bool(clouds.mean() < 0.001)
        ((512, 512), True)
    """

    def __init__(self, network: PackagedNetwork) -> None:
        data = files("landslip.inference").joinpath("clouds", f"{network.name}.onnx").read_bytes()
        if hashlib.sha256(data).hexdigest() != network.sha256:
            raise EngineError(f"the packaged network {network.name} is damaged: install landslip again")
        self.network = network
        self._run = load_graph(onnx.load_from_string(data), (1, len(network.channels), _TILE_PX, _TILE_PX))

    def find(self, scene: Scene, square: Window) -> NDArray[np.bool_]:
        """Find the clouds in a square of a scene.

        Args:
            scene: with the channels of the network.
            square: of ``CORE_PX`` pixels; it may reach beyond the scene.

        Returns:
            (CORE_PX, CORE_PX); no cloud where nothing is valid.

        Raises:
            SceneError: the scene cannot be read.
        """
        tile = square.expand(MARGIN_PX)
        inside = tile.intersection(scene.window)
        nothing = np.zeros((CORE_PX, CORE_PX), np.bool_)
        if inside is None:
            return nothing
        values, valid = scene.read(self.network.channels, inside)
        if not valid.any():
            return nothing
        beyond = (
            (inside.row - tile.row, tile.bottom - inside.bottom),
            (inside.col - tile.col, tile.right - inside.right),
        )
        image = np.pad(fill_gaps(values, valid), ((0, 0), *beyond), mode="symmetric")
        (probability,) = self._run(image[None].astype(np.float32))
        core = slice(MARGIN_PX, MARGIN_PX + CORE_PX)
        found = np.asarray(probability[0, 0, core, core] >= _THRESHOLD)
        return found & np.pad(valid, beyond)[core, core]
