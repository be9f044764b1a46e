"""What surface reflectance, and its conversion back, change in the Hokkaido images, which are Level-1C.

    python simulate_hokkaido.py SCENES    # the folder hokkaido-2018 with after/ and before/

Surface reflectance is simulated with another sun, other air and another elevation than the conversion assumes.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import landslip
from landslip.channels import TRUE_COLOUR
from landslip.detector.detector import packaged
from landslip.scenes.atmosphere import AEROSOL, ELEVATION_M, SUN_ZENITH_DEG, Scattering, compute_scattering

PIXEL_HA = 10.02 * 7.37 / 1e4


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


def main() -> None:
    """Print the area of candidates and its agreement (F1) with that of the Level-1C image."""
    true_air, assumed = air(45, 0.10, 200), air(SUN_ZENITH_DEG, AEROSOL, ELEVATION_M)
    for when in ("after", "before"):
        values, valid = landslip.open_scene(Path(sys.argv[1]) / when).read(TRUE_COLOUR)
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
                agreement = 2 * (mask & first).sum() / max(1, mask.sum() + first.sum())
                area_ha = mask.sum() * PIXEL_HA
                sys.stdout.write(f"{when:7} {name:22} {text:9} {area_ha:7.1f} ha, F1 with Level-1C {agreement:.3f}\n")


if __name__ == "__main__":
    main()
