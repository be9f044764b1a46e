"""Draws s2-rgb.png: what the detector s2-rgb finds on patches that were picked by rule, not by look.

    python docs/results/draw_s2_rgb.py FOLDER_OF_THE_RGB_PATCHES

Of every part the patches whose own F1 lies at the 20th, 50th and 80th percentile, among those with at least 200
landslide pixels.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from landslip.datasets.patch_set import Patch
from landslip.datasets.rgb import open_rgb_set
from landslip.datasets.splits import Part
from landslip.detector.detector import Detector
from landslip.inference.patch_prediction import predict_patches
from landslip.metrics.counts import count_pixels
from landslip.probability import LANDSLIDE, encode_probability, reaches_threshold

PARTS = {
    "A rows 50-57 (chosen on)": Part(scenes=("A",), rows=(50, 57)),
    "B (never seen)": Part(scenes=("B",)),
    "C (never seen)": Part(scenes=("C",)),
}
PERCENTILES = (20, 50, 80)
SIDE, GAP, HEAD, LEFT = 208, 8, 26, 8
# Okabe and Ito's palette, which colour-blind eyes tell apart.
RIGHT, FALSE_ALARM, MISSED = (240, 228, 66), (213, 94, 0), (86, 180, 233)


def true_colour(patch: Patch) -> NDArray[np.uint8]:
    """Picture (H, W, 3), each channel stretched between its 1st and 99th percentile."""
    low, high = np.percentile(patch.values, (1, 99), axis=(1, 2))
    stretched = (patch.values - low[:, None, None]) / (high - low)[:, None, None]
    return (np.moveaxis(np.clip(stretched, 0, 1) ** 0.8, 0, -1) * 255).astype(np.uint8)


def marked(picture: NDArray[np.uint8], found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The picture in grey, with what was found rightly, wrongly and not at all."""
    grey = np.repeat((picture.mean(axis=2) * 0.7).astype(np.uint8)[..., None], 3, axis=2)
    for where, colour in ((found & truth, RIGHT), (found & ~truth, FALSE_ALARM), (~found & truth, MISSED)):
        grey[where] = colour
    return grey


def main(data: Path, out: Path) -> None:
    """Draw and save the figure."""
    detector = Detector.open("s2-rgb")
    patches = open_rgb_set(data)
    width = LEFT + len(PERCENTILES) * (2 * SIDE + 3 * GAP)
    sheet = Image.new("RGB", (width, HEAD + len(PARTS) * (SIDE + HEAD + GAP)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    x = LEFT
    for colour, text in ((RIGHT, "found"), (FALSE_ALARM, "false alarm"), (MISSED, "missed")):
        draw.rectangle((x, 8, x + 14, 20), fill=colour, outline="black")
        draw.text((x + 20, 5), text, "black", font)
        x += 110
    draw.text(
        (x, 5), "128 x 128 px at 10 m. Contains modified Copernicus Sentinel data; Landslide4Sense", "black", font
    )
    for row, (name, part) in enumerate(PARTS.items()):
        results = []
        for patch, probability in predict_patches(detector, patches.where(part.holds)):
            found, truth = (
                reaches_threshold(encode_probability(probability), detector.card.threshold),
                patch.mask == LANDSLIDE,
            )
            if truth.sum() >= 200:
                results.append((count_pixels(found, patch.mask).f1, patch, found, truth))
        results.sort(key=lambda result: result[0])
        top = HEAD + row * (SIDE + HEAD + GAP)
        for column, percentile in enumerate(PERCENTILES):
            f1, patch, found, truth = results[round(percentile / 100 * (len(results) - 1))]
            left = LEFT + column * (2 * SIDE + 3 * GAP)
            draw.text((left, top + 4), f"{name}, patch {patch.id}: F1 {f1:.2f}", "black", font)
            picture = true_colour(patch)
            for place, shown in enumerate((picture, marked(picture, found, truth))):
                tile = Image.fromarray(shown).resize((SIDE, SIDE), Image.Resampling.NEAREST)
                sheet.paste(tile, (left + place * (SIDE + GAP), top + HEAD))
    sheet.save(out, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).with_name("s2-rgb.png"))
