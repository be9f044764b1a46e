"""Candidates on and off the debris flow of Wayanad, as surface reflectance and converted to the top of the atmosphere.

    python score_wayanad.py SCENE    # the folder wayanad-2024/clear

SCENE is Level-2A with the offset of baseline 04.00 still in its values.
"""

import sys
import tempfile
from pathlib import Path

import geopandas as gpd

import landslip
from landslip.detector.detector import packaged

TRACK = gpd.read_file(Path(__file__).with_name("wayanad-track.geojson"))
RUNS = (
    ("as it is", False, "auto"),
    ("--to-toa", True, "auto"),
    ("--to-toa, vegetation masked", True, "clouds,shadow,snow,vegetation"),
)


def main() -> None:
    """Map the scene with each packaged detector in each way."""
    for name in packaged():
        for text, to_toa, masks in RUNS:
            with tempfile.TemporaryDirectory() as folder:
                scene = landslip.open_scene(sys.argv[1], offset=-1000, to_toa=to_toa)
                result = landslip.map_scene(
                    scene, folder + "/map", landslip.Detector.open(name), masks=masks, precision="float32"
                )
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
