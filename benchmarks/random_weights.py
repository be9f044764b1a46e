"""Time and memory of a map whose landslides percolate: a U-Net ResNet34 with random weights on a scene of noise.

    python benchmarks/random_weights.py [--side 4096] [--keep FOLDER]

Such a network marks half of the pixels in shapes without end: the worst case of tracing and of memory. The threshold is
the median of its probability on a part of the scene. Prints the wall time, the time in the network and their ratio, and
the peak memory of the process. Needs landslip[train].
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import rasterio
import torch

from landslip.detector.detector import Detector, seal
from landslip.inference.engine import FLOAT32, open_engine
from landslip.inference.synthetic_inputs import synthetic_images
from landslip.post_training.adaptation import adapt
from landslip.post_training.calibration import update_card
from landslip.training.assembly.export import export_graph
from landslip.training.networks.build import build_network
from landslip.training.networks.normalise import Normalise
from landslip.training.recipe.sections import NetworkRecipe
from whole_tile import print_map

TILE_PX = 128


def random_resnet34() -> Detector:
    """U-Net ResNet34 with random weights; batch norm is measured, without which activations grow with depth."""
    template = Detector.open("s2-rgb")
    torch.manual_seed(0)
    channels = template.card.channels
    normalise = Normalise("fixed", torch.full((3,), 1000.0), torch.full((3,), 300.0), channels)
    network = build_network(NetworkRecipe(encoder="resnet34", weights="none"), channels, normalise).network
    drawn = update_card(
        seal(export_graph(network, 1.0, 3), template.card), name="random-resnet34", architecture="unet/resnet34"
    )
    images = synthetic_images(channels, 16, TILE_PX, TILE_PX)
    adapted = adapt(drawn, list(images), "noise")
    probability = open_engine(adapted, FLOAT32, height=TILE_PX, width=TILE_PX)(images)
    nothing = {"input_ranges": None, "ood": None, "confidence": None}
    return update_card(adapted, threshold=float(np.clip(np.median(probability), 0.004, 0.996)), **nothing)


def write_noise(path: Path, side: int) -> None:
    """Write a scene of noise with three channels."""
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 3, "dtype": "uint16", "nodata": 0}
    place = {"crs": "EPSG:32651", "transform": rasterio.Affine(10, 0, 300_000, 0, -10, 2_500_000)}
    with rasterio.open(path, "w", **profile, **place, tiled=True, blockxsize=512, blockysize=512) as scene:
        scene.write(synthetic_images(("B04", "B03", "B02"), 1, side, side)[0].astype(np.uint16))
        scene.descriptions = ("B04", "B03", "B02")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--keep", type=Path, help="keep scene and map in this folder")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        random_resnet34().save(folder / "random.onnx")
        write_noise(folder / "scene.tif", given.side)
        options = ("--detector", folder / "random.onnx", "--mask", "none")
        print_map([folder / "scene.tif"], folder / "map", given.side, "random weights", *options)


if __name__ == "__main__":
    main()
