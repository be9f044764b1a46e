"""What the test for white ground finds, and what it costs: clouds with a mask, and labelled landslides.

    python benchmarks/white_ground.py DATA

DATA holds l4s-rgb and scenes (mapchete-33twm, ukis-csmask-s2). Every image is its own scene: ground and limit are its
own. The brightness of the patches of Landslide4Sense is relative, so that each is scaled to a darker ground of 530 DN
on average, the median of the 21 patches with known DN.
"""

import argparse
import csv
from collections.abc import Mapping
from pathlib import Path

import click
import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image

from landslip.change.white_ground import Mask, measure_white
from landslip.channels import CHANNELS, TRUE_COLOUR

GROUND_DN = 530
SCL = {4: "vegetation", 5: "bare", 6: "water", 8: "cloud, medium", 9: "cloud, high", 11: "snow"}


def find(image: NDArray[np.number], valid: Mask) -> tuple[Mask, float]:
    """Return white ground and the limit of an image (3, h, w)."""
    samples = image[:, valid].T.astype(np.float64)
    test, _ = measure_white(samples, samples)
    return test.find(image.astype(np.float32), valid), test.limit


def print_rows(name: str, white: Mask, limit: str, classes: Mapping[str, Mask]) -> None:
    """Print the hidden fraction of each class."""
    for title, mask in classes.items():
        if mask.sum() >= 100:
            click.echo(f"| {name} | {title} | {mask.sum():,} | {white[mask].mean():.1%} | {limit} |")


def score_patches(folder: Path) -> None:
    """Print the fractions of labelled landslides and other ground, by scene."""
    divisors = np.array([CHANNELS[name].l4s_divisor for name in TRUE_COLOUR])[:, None, None]
    with (folder / "manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for scene in "ABC":
        whites, masks, limits = [], [], []
        for row in (one for one in rows if one["scene"] == scene):
            image = np.asarray(Image.open(folder / "img" / f"image_{row['l4s_id']}.png"), np.float64)
            image = image.transpose(2, 0, 1) * divisors
            brightness = image.mean(axis=0)
            image *= GROUND_DN / max(np.median(brightness[brightness <= np.median(brightness)]), 1e-6)
            white, limit = find(image, np.ones(brightness.shape, bool))
            whites.append(white)
            limits.append(limit)
            masks.append(np.asarray(Image.open(folder / "mask" / f"mask_{row['l4s_id']}.png")) > 0)
        mask = np.stack(masks)
        print_rows(
            f"Landslide4Sense {scene}",
            np.stack(whites),
            f"{np.median(limits):.2f} (median)",
            {"landslide": mask, "other": ~mask},
        )


def score_scenes(folder: Path) -> None:
    """Print the fractions of the classes of two sources."""
    for product in sorted((folder / "mapchete-33twm").iterdir()):
        bands = {}
        for name in (*TRUE_COLOUR, "SCL"):
            with rasterio.open(product / f"{name}.tif") as file:
                bands[name] = file.read(1)
        image = np.stack([bands[name] for name in TRUE_COLOUR])
        white, limit = find(image, image.min(axis=0) > 0)
        print_rows(product.name, white, f"{limit:.2f}", {title: bands["SCL"] == code for code, title in SCL.items()})
    with np.load(folder / "ukis-csmask-s2" / "sentinel2.npz") as file:
        image, classes = file["img"][..., 2::-1].transpose(2, 0, 1) * 1e4, file["msk"][..., 0]
    white, limit = find(image, image.min(axis=0) > 0)
    print_rows("ukis-csmask-s2", white, f"{limit:.2f}", {"land": classes == 3, "cloud": classes == 4})


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("data", type=Path)
    arguments = parser.parse_args()
    click.echo("| image | class | pixels | hidden as white | limit of red over blue |")
    click.echo("| --- | --- | ---: | ---: | ---: |")
    score_patches(arguments.data / "l4s-rgb")
    score_scenes(arguments.data / "scenes")


if __name__ == "__main__":
    main()
