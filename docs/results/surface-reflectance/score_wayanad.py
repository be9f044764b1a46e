"""Candidates on and off the debris flow of Wayanad, as surface reflectance and converted to the top of the atmosphere.

    python score_wayanad.py SCENE    # the folder wayanad-2024/clear

SCENE is Level-2A with the offset of baseline 04.00 still in its values. Of each map without the mask of vegetation
the area by threshold is printed too, and how much of what is marked is green or dark.
"""

import sys
import tempfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.features import rasterize

import landslip
from landslip.detector.detector import packaged
from landslip.mapping.run import MapResult
from landslip.probability import reaches_threshold

TRACK = gpd.read_file(Path(__file__).with_name("wayanad-track.geojson"))
RUNS = (
    ("as it is", False, "auto"),
    ("--to-toa", True, "auto"),
    ("--to-toa, vegetation masked", True, "clouds,shadow,snow,vegetation"),
)


THRESHOLDS = (0.05, 0.1, 0.15, 0.25, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8)


def print_pixels(result: MapResult, red: NDArray[np.float32], nir: NDArray[np.float32]) -> None:
    """Print the area by threshold, and that with much NDVI or little light at the threshold of the map."""
    with rasterio.open(result.probability) as file:
        encoded, transform = file.read(1), file.transform
        outline = TRACK.to_crs(file.crs).geometry[0]
    track, near = (rasterize([one], encoded.shape, transform=transform) > 0 for one in (outline, outline.buffer(30)))
    for threshold in THRESHOLDS:
        marked = reaches_threshold(encoded, threshold)
        on_ha, off_ha = (marked & track).sum() / 100, (marked & ~near).sum() / 100
        sys.stdout.write(f"    threshold {threshold:.2f}: on the track {on_ha:6.1f} ha, elsewhere {off_ha:6.1f} ha\n")
    marked = reaches_threshold(encoded, result.summary.threshold)
    kinds = {
        "NDVI above 0.6": (nir - red) / np.maximum(nir + red, 1) > 0.6,
        "dark": (nir < 1500) & (red < 500),
    }
    for kind, where in kinds.items():
        on_ha, off_ha = (marked & track & where).sum() / 100, (marked & ~near & where).sum() / 100
        sys.stdout.write(f"    {kind}: on the track {on_ha:.1f} ha, elsewhere {off_ha:.1f} ha\n")


def main() -> None:
    """Map the scene with each packaged detector in each way."""
    for name in packaged():
        for text, to_toa, masks in RUNS:
            with tempfile.TemporaryDirectory() as folder:
                scene = landslip.open_scene(sys.argv[1], offset=-1000, to_toa=to_toa)
                result = landslip.map_scene(
                    scene, folder + "/map", landslip.Detector.open(name), masks=masks, precision="float32"
                )
                if masks == "auto":
                    print_pixels(result, *landslip.open_scene(sys.argv[1], offset=-1000).read(["B04", "B08"])[0])
                found = result.landslides.to_crs(str(scene.geobox.crs))
            track = TRACK.to_crs(found.crs).geometry[0]
            on_ha = found.intersection(track).area.sum() / 1e4
            # What touches the outline within 30 m is neither.
            off = found.difference(track.buffer(30))
            far = any("out of distribution" in warning for warning in result.summary.warnings)
            sys.stdout.write(
                f"{name:22} {text:28} on the track {on_ha:5.1f} of {track.area / 1e4:.1f} ha, elsewhere "
                f"{off.area.sum() / 1e4:5.1f} ha in {(off.area > 400).sum():3} candidates, out of distribution {far}\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
