"""Finished maps, read back by other means than they were written, and compared."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from numpy.typing import NDArray


def read_map(out: Path) -> tuple[NDArray[np.uint8], gpd.GeoDataFrame]:
    with rasterio.open(out / "probability.tif") as raster:
        return raster.read(1), gpd.read_file(out / "landslides.gpkg")


def assert_equal_maps(one: Path, other: Path) -> None:
    (levels, table), (other_levels, other_table) = read_map(one), read_map(other)
    np.testing.assert_array_equal(levels, other_levels)
    assert table.drop(columns="geometry").equals(other_table.drop(columns="geometry"))
    assert (table.geometry.to_wkb() == other_table.geometry.to_wkb()).all()
    parquet, other_parquet = (gpd.read_parquet(out / "landslides.parquet") for out in (one, other))
    assert parquet.equals(other_parquet)
    assert len(parquet) == len(table)
