"""What the pixel size of a scene changes: the Hokkaido image as it is, and on a grid of 10 x 10 m.

    python score_pixel_size.py HOKKAIDO/after WINDOWS.geojson SCARS.geojson DETECTOR...

The image has pixels of 7.4 x 10 m in degrees. It is resampled to UTM (cubic), and the probabilities are brought back to
its own grid (bilinear), where precision, recall and F1 of the drawn windows are counted at the threshold of the card.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pyogrio
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.features import rasterize
from rasterio.warp import calculate_default_transform, reproject

from landslip.detector.detector import Detector
from landslip.inference.engine import InferenceOptions
from landslip.inference.predict import ArrayPredictor

UTM, PIXEL_M, SIDE_PX = "EPSG:32654", 10, 200
Image = NDArray[np.float32]


def main() -> None:
    """Print a row for each detector and grid."""
    folder, windows, scars, *names = sys.argv[1:]
    with rasterio.open(Path(folder) / "B04.tif") as like:
        outlines = pyogrio.read_dataframe(scars).geometry
        truth = rasterize(((one, 1) for one in outlines), like.shape, transform=like.transform, dtype="uint8") > 0
        inside = np.zeros(like.shape, np.bool_)
        for one in json.loads(Path(windows).read_text())["features"]:
            row, col = one["properties"]["row"], one["properties"]["col"]
            inside[row : row + SIDE_PX, col : col + SIDE_PX] = True
        transform, width, height = calculate_default_transform(
            like.crs, UTM, like.width, like.height, *like.bounds, resolution=PIXEL_M
        )
        own = {"transform": like.transform, "crs": like.crs}
    metric = {"transform": transform, "crs": UTM}
    for name in names:
        detector = Detector.open(name)
        predict = ArrayPredictor(detector, InferenceOptions(precision="float32"))
        bands = [read_band(Path(folder) / f"{channel}.tif") for channel in detector.card.channels]
        resampled = [warp(band, (height, width), own, metric, Resampling.cubic) for band in bands]
        back = warp(predict_stack(predict, resampled), truth.shape, metric, own, Resampling.bilinear)
        for grid, probability in (("as it is", predict_stack(predict, bands)), ("10 x 10 m", back)):
            found = probability >= detector.card.threshold
            both, marked, scar = (int((mask & inside).sum()) for mask in (found & truth, found, truth))
            sys.stdout.write(
                f"{detector.card.name:16} {grid:9} precision {both / max(marked, 1):.3f}, recall {both / scar:.3f}, "
                f"F1 {2 * both / (marked + scar):.3f}\n"
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


def predict_stack(predict: ArrayPredictor, bands: list[Image]) -> Image:
    """Return the probability (h, w), 0 where the image is nodata."""
    values = np.stack(bands)
    values[:, (values <= 0).any(axis=0)] = np.nan
    return np.nan_to_num(predict(values))


if __name__ == "__main__":
    main()
