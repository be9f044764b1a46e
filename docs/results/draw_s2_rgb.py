"""Draw s2-rgb.png: results of the detector s2-rgb on patches that are selected by rule.

    python docs/results/draw_s2_rgb.py FOLDER_OF_THE_RGB_PATCHES

Of each part, the patches at the 20th, 50th and 80th percentile of F1, among those with at least 200 landslide pixels.
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
    "A rows 50-57 (validation)": Part(scenes=("A",), rows=(50, 57)),
    "B (test)": Part(scenes=("B",)),
    "C (test)": Part(scenes=("C",)),
}
PERCENTILES = (20, 50, 80)
SIDE, GAP, HEAD, LEFT = 208, 8, 26, 8
# The palette of Okabe and Ito, distinguishable with colour blindness.
DETECTED, FALSE_ALARM, MISSED = (240, 228, 66), (213, 94, 0), (86, 180, 233)


def true_colour(patch: Patch) -> NDArray[np.uint8]:
    """Picture (H, W, 3), each channel stretched between its 1st and 99th percentile."""
    low, high = np.percentile(patch.values, (1, 99), axis=(1, 2))
    stretched = (patch.values - low[:, None, None]) / (high - low)[:, None, None]
    return (np.moveaxis(np.clip(stretched, 0, 1) ** 0.8, 0, -1) * 255).astype(np.uint8)


def mark_errors(
    picture: NDArray[np.uint8], detected: NDArray[np.bool_], reference: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """The picture in grey, with detected, false and missed landslide pixels in colour."""
    grey = np.repeat((picture.mean(axis=2) * 0.7).astype(np.uint8)[..., None], 3, axis=2)
    for pixels, colour in (
        (detected & reference, DETECTED),
        (detected & ~reference, FALSE_ALARM),
        (~detected & reference, MISSED),
    ):
        grey[pixels] = colour
    return grey


def main(data: Path, out: Path) -> None:
    """Draw and save the figure."""
    detector = Detector.open("s2-rgb")
    patches = open_rgb_set(data)
    width = LEFT + len(PERCENTILES) * (2 * SIDE + 3 * GAP)
    sheet = Image.new("RGB", (width, HEAD + len(PARTS) * (SIDE + HEAD + GAP)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    x = LEFT
    for colour, text in ((DETECTED, "detected"), (FALSE_ALARM, "false alarm"), (MISSED, "missed")):
        draw.rectangle((x, 8, x + 14, 20), fill=colour, outline="black")
        draw.text((x + 20, 5), text, "black", font)
        x += 110
    draw.text(
        (x, 5), "128 x 128 px at 10 m. Contains modified Copernicus Sentinel data; Landslide4Sense", "black", font
    )
    for row, (name, part) in enumerate(PARTS.items()):
        results = []
        for patch, probability in predict_patches(detector, patches.where(part.contains)):
            detected, reference = (
                reaches_threshold(encode_probability(probability), detector.card.threshold),
                patch.mask == LANDSLIDE,
            )
            if reference.sum() >= 200:
                results.append((count_pixels(detected, patch.mask).f1, patch, detected, reference))
        results.sort(key=lambda result: result[0])
        top = HEAD + row * (SIDE + HEAD + GAP)
        for column, percentile in enumerate(PERCENTILES):
            f1, patch, detected, reference = results[round(percentile / 100 * (len(results) - 1))]
            left = LEFT + column * (2 * SIDE + 3 * GAP)
            draw.text((left, top + 4), f"{name}, patch {patch.id}: F1 {f1:.2f}", "black", font)
            picture = true_colour(patch)
            for position, shown in enumerate((picture, mark_errors(picture, detected, reference))):
                tile = Image.fromarray(shown).resize((SIDE, SIDE), Image.Resampling.NEAREST)
                sheet.paste(tile, (left + position * (SIDE + GAP), top + HEAD))
    sheet.save(out, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).with_name("s2-rgb.png"))
