"""Measure memory and time of mapping a whole Sentinel-2 tile: 10,980 x 10,980 px, a scene repeated.

    python benchmarks/whole_tile.py [--channels 13 [--mask auto]] [--sides 1372,2745,5490,10980] [--keep FOLDER]

With 3 channels, maps a tile with the default detector: a real scene without nodata, repeated by reflection. With 13
channels, maps a tile of the bands of a synthetic scene in files of 10, 20 and 60 m (``reading.py``) with a network of
random weights and two convolutions, which is there to need all channels. ``--sides`` maps smaller tiles too, to see
that time is linear and memory does not grow. Each map is made by the command line in a process of its own. Prints the
peak memory of the process, and the wall time and the fraction of it spent in the network.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from rasterio.windows import Window

from landslip.channels import CHANNELS
from landslip.detector.detector import Detector, seal
from landslip.detector.sealed_file import INPUT, OUTPUT
from reading import make_tile

SIDE_PX = 10_980
STRIP_PX = 1_098
EXAMPLE = Path(__file__).parents[1] / "examples" / "wayanad" / "wayanad.tif"


def write_tile(path: Path, piece: NDArray[np.uint16], side: int) -> None:
    """Write a tile of a piece (3, h, w), repeated, in strips."""
    cols = np.arange(side) % piece.shape[2]
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=side,
        height=side,
        count=3,
        dtype="uint16",
        crs="EPSG:32646",
        transform=rasterio.Affine(10, 0, 300_000, 0, -10, 2_500_000),
        nodata=0,
        tiled=True,
        blockxsize=512,
        blockysize=512,
        compress="deflate",
        predictor=2,
        interleave="band",
        num_threads="all_cpus",
    ) as tile:
        tile.descriptions = ("B04", "B03", "B02")
        for row in range(0, side, STRIP_PX):
            rows = np.arange(row, min(row + STRIP_PX, side)) % piece.shape[1]
            tile.write(piece[:, rows[:, None], cols], window=Window(0, row, side, len(rows)))


def random_detector() -> Detector:
    """Make a detector of all 13 channels: two convolutions with random weights."""
    names = [name for name, channel in CHANNELS.items() if channel.kind == "reflectance"]
    draw = np.random.default_rng(0)
    weights = {"wide": draw.normal(0, 2e-4, (8, len(names), 3, 3)), "last": draw.normal(0, 1, (1, 8, 1, 1))}
    nodes = [
        helper.make_node("Conv", [INPUT, "wide"], ["features"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["features"], ["active"]),
        helper.make_node("Conv", ["active", "last"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], [OUTPUT]),
    ]
    graph = helper.make_graph(
        nodes,
        "random",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", len(names), "H", "W"])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", 1, "H", "W"])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()],
    )
    card = Detector.open("s2-rgb").card
    values = card.model_dump() | {"name": "random", "channels": tuple(names), "threshold": 0.999}
    nothing = {"kind": "none", "description": "none"}
    values |= {"normalisation": nothing, "scores": (), "input_ranges": None, "ood": None, "confidence": None}
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return seal(model, type(card).model_validate(values))


def print_map(scene: list[Path], out: Path, side: int, title: str, *options: object) -> None:
    """Map a scene with the command line, and print what it took."""
    command = [
        sys.executable,
        "-m",
        "landslip",
        "map",
        *scene,
        "-o",
        out,
        "--json",
        "--overwrite",
        "--no-resume",
        *options,
    ]
    summary = json.loads(subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE).stdout)
    print(
        f"{side} x {side} px, {title}: {summary['valid_fraction']:.0%} valid, {summary['landslides']} "
        "landslides\n"
        f"  peak memory {summary['peak_rss_mb']:,.0f} MB, wall {summary['wall_s']:.1f} s, network "
        f"{summary['network_s']:.1f} s = {summary['network_s'] / summary['wall_s']:.1%} "
        f"({summary['engine']} {summary['settings']['precision']}), "
        f"{summary['pixels'] / summary['wall_s'] / 1e6:.2f} million px/s",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, choices=(3, 13), default=3)
    parser.add_argument("--mask", default="none", help="masks of the map of 13 channels")
    parser.add_argument("--sides", default=str(SIDE_PX), help="sides of the tiles in pixels")
    parser.add_argument("--keep", type=Path, help="keep scenes and maps in this folder")
    arguments = parser.parse_args()
    for side in map(int, arguments.sides.split(",")):
        with tempfile.TemporaryDirectory() as temporary:
            folder = (arguments.keep or Path(temporary)) / str(side)
            folder.mkdir(parents=True, exist_ok=True)
            if arguments.channels == 13:
                map_13_channels(folder, side, arguments.mask)
            else:
                map_3_channels(folder, side)


def map_13_channels(folder: Path, side: int, mask: str) -> None:
    """Make a tile of 13 bands in files of three resolutions, and map it."""
    random_detector().save(folder / "random.onnx")
    scene_files = make_tile(folder, side, "tif")
    options = ("--detector", folder / "random.onnx", "--mask", mask, "--min-area", "10000")
    print_map(scene_files, folder / "map", side, f"13 channels of 10, 20 and 60 m, synthetic, masks {mask}", *options)


def map_3_channels(folder: Path, side: int) -> None:
    """Make a tile of the example, and map it."""
    with rasterio.open(EXAMPLE) as example:
        scene = example.read([1, 2, 3])
    scene = np.concatenate([scene, scene[:, ::-1]], axis=1)
    scene = np.concatenate([scene, scene[:, :, ::-1]], axis=2)
    path = folder / "scene.tif"
    write_tile(path, scene, side)
    print_map([path], folder / "map", side, "3 channels")


if __name__ == "__main__":
    main()
