"""What the pixel size of a scene changes: the Hokkaido image as it is, and on a grid of 10 x 10 m.

    python score_pixel_size.py HOKKAIDO/after WINDOWS.geojson SCARS.geojson DETECTOR...

The image has pixels of 7.4 x 10 m in degrees. It is resampled to UTM (cubic), and the probabilities are brought back to
its own grid (bilinear), where precision, recall and F1 of the drawn windows are counted at the threshold of the card.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import calculate_default_transform, reproject

from landslip.detector.detector import Detector
from landslip.evaluation.generalisation.real_scenes import map_whole, score_pair
from landslip.inference.engine import InferenceOptions
from landslip.inference.predict import ArrayPredictor
from landslip.scenes.rasters import open_scene

UTM, PIXEL_M = "EPSG:32654", 10
Image = NDArray[np.float32]


def main() -> None:
    """Print a row for each detector and grid."""
    folder, windows, scars, *names = sys.argv[1:]
    with rasterio.open(Path(folder) / "B04.tif") as like:
        transform, width, height = calculate_default_transform(
            like.crs, UTM, like.width, like.height, *like.bounds, resolution=PIXEL_M
        )
        own = {"transform": like.transform, "crs": like.crs}
    metric = {"transform": transform, "crs": UTM}
    options = InferenceOptions(precision="float32")
    for name in names:
        detector = Detector.open(name)
        mapped = map_whole(detector, open_scene(folder), options)
        bands = [read_band(Path(folder) / f"{channel}.tif") for channel in detector.card.channels]
        values = np.stack([warp(band, (height, width), own, metric, Resampling.cubic) for band in bands])
        values[:, (values <= 0).any(axis=0)] = np.nan
        probability = np.nan_to_num(ArrayPredictor(detector, options)(values))
        back = warp(probability, mapped.found.shape, metric, own, Resampling.bilinear)
        resampled = replace(mapped, found=back >= detector.card.threshold)
        for grid, one in (("as it is", mapped), ("10 x 10 m", resampled)):
            counts = score_pair(one, one, Path(windows), Path(scars)).pooled
            sys.stdout.write(
                f"{detector.card.name:16} {grid:9} precision {counts.precision:.3f}, recall {counts.recall:.3f}, "
                f"F1 {counts.f1:.3f}\n"
            )


def read_band(path: Path) -> Image:
    """Read a band; 0 where it is nodata."""
    with rasterio.open(path) as band:
        values: Image = band.read(1).astype(np.float32)
    return values


def warp(
    values: Image, shape: tuple[int, ...], here: dict[str, object], there: dict[str, object], method: Resampling
) -> Image:
    """Resample to another grid; 0 where nothing is known."""
    warped = np.zeros(shape, np.float32)
    grids = {f"src_{key}": one for key, one in here.items()} | {f"dst_{key}": one for key, one in there.items()}
    reproject(values, warped, **grids, src_nodata=0, dst_nodata=0, resampling=method)
    return warped


if __name__ == "__main__":
    main()
