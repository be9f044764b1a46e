"""What surface reflectance, and its conversion back, change in the Hokkaido images, which are Level-1C.

    python simulate_hokkaido.py SCENES    # the folder hokkaido-2018 with after/ and before/

Surface reflectance is simulated with another sun, other air and another elevation than the conversion assumes. Of the
image after the earthquake the F1 in the three windows with scars drawn by eye is printed too (``../hokkaido-windows``).
"""

import json
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize

import landslip
from landslip.channels import TRUE_COLOUR
from landslip.detector.detector import packaged
from landslip.scenes.atmosphere import AEROSOL, ELEVATION_M, SUN_ZENITH_DEG, Scattering, compute_scattering

PIXEL_HA = 10.02 * 7.37 / 1e4
WINDOWS = Path(__file__).parents[1] / "hokkaido-windows"
WINDOW_PX = 200


def air(zenith_deg: float, aerosol: float, elevation_m: float) -> list[Scattering]:
    """Return the scattering of red, green and blue."""
    return [compute_scattering(name, zenith_deg, aerosol, elevation_m) for name in TRUE_COLOUR]


def convert(values: NDArray[np.float32], by: list[Scattering], *, to_surface: bool) -> NDArray[np.float32]:
    """Convert values (3, H, W) between the surface and the top of the atmosphere."""
    channels = []
    for one, value in zip(by, values, strict=True):
        factor, path = one.down * one.up, one.path * 10_000
        channels.append((value - path) / factor if to_surface else value * factor + path)
    return np.stack(channels).astype(np.float32)


def in_windows(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of a mask in the three windows."""
    corners = [
        (one["properties"]["row"], one["properties"]["col"])
        for one in json.loads((WINDOWS / "windows.geojson").read_text())["features"]
    ]
    return np.concatenate([mask[row : row + WINDOW_PX, col : col + WINDOW_PX].ravel() for row, col in corners])


def f1(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return the F1 of two masks."""
    return float(2 * (one & other).sum() / max(1, one.sum() + other.sum()))


def main() -> None:
    """Print the area of candidates and its agreement (F1) with that of the Level-1C image."""
    true_air, assumed = air(45, 0.10, 200), air(SUN_ZENITH_DEG, AEROSOL, ELEVATION_M)
    for when in ("after", "before"):
        scene = landslip.open_scene(Path(sys.argv[1]) / when)
        values, valid = scene.read(TRUE_COLOUR)
        scars = gpd.read_file(WINDOWS / "scars.geojson").geometry
        drawn = in_windows(rasterize(scars, valid.shape, transform=scene.geobox.affine) > 0)
        surface = convert(values, true_air, to_surface=True)
        images = {"Level-1C": values, "surface": surface, "--to-toa": convert(surface, assumed, to_surface=False)}
        for name in packaged():
            detector = landslip.Detector.open(name)
            found = {
                text: landslip.predict(image, detector, channels=TRUE_COLOUR, valid=valid, precision="float32")
                >= detector.card.threshold
                for text, image in images.items()
            }
            first = found["Level-1C"]
            for text, mask in found.items():
                windows = f", F1 in windows {f1(in_windows(mask), drawn):.3f}" if when == "after" else ""
                sys.stdout.write(
                    f"{when:7} {name:22} {text:9} {mask.sum() * PIXEL_HA:7.1f} ha, F1 with Level-1C "
                    f"{f1(mask, first):.3f}{windows}\n"
                )
                sys.stdout.flush()


if __name__ == "__main__":
    main()
