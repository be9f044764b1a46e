"""Records of made-up maps, for what is written about a map."""

from datetime import UTC, date, datetime
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from landslip.detector.card import Card, Normalisation, Score
from landslip.mapping.inventory.attributes import COLUMNS
from landslip.mapping.metadata.summary import SENTINEL_ATTRIBUTION, SceneRecord, SettingsRecord, Summary

TERRAIN = ("elevation_min_m", "elevation_max_m", "relief_m", "slope_mean_deg", "slope_max_deg", "aspect_deg")


def card_of(**changes: Any) -> Card:
    given: dict[str, Any] = {
        "name": "true-colour",
        "title": "Landslides in true colour",
        "network": "unet/tf_efficientnet_lite0",
        "channels": ("B04", "B03", "B02"),
        "normalisation": Normalisation(kind="tile", text="each channel less its mean over the tile"),
        "tile_px": 256,
        "overlap_px": 64,
        "size_multiple": 32,
        "threshold": 0.42,
        "threshold_chosen": "highest F1 on a part held back",
        "temperature": 1.3,
        "trained_on": "nothing: this card is made up",
        "pixel_size_m": 10.0,
        "scores": (
            Score(
                data="made-up scene",
                protocol="scene-out",
                definition="F1 of the landslide class, pooled over all pixels",
                precision=0.61,
                recall=0.58,
                f1=0.594,
                iou=0.423,
                f1_interval=(0.55, 0.63),
                patches=114,
                seeds=(1, 2, 3),
            ),
        ),
        "not_good_for": ("quiet terrain", "clouds"),
        "licence": "CC-BY-4.0",
        "attribution": (SENTINEL_ATTRIBUTION,),
        "recipe": {},
        "landslip_version": "0.1.0",
        "created": date(2026, 11, 23),
        "graph_sha256": "0" * 64,
    }
    return Card(**(given | changes))


def summary_of(*, scene: dict[str, Any] | None = None, **changes: Any) -> Summary:
    place: dict[str, Any] = {
        "name": "made-up",
        "date": datetime(2020, 2, 19, 11, 21, 11, tzinfo=UTC),
        "crs": "EPSG:32646",
        "height": 80,
        "width": 100,
        "transform": (10.0, 0.0, 400_000.0, 0.0, -10.0, 2_480_000.0),
        "pixel_size_m": (10.0, 10.0),
        "sources": {"B04": "red.tif, band 1", "B03": "green.tif, band 1", "B02": "blue.tif, band 1"},
        "identity": "a" * 64,
    }
    given: dict[str, Any] = {
        "landslides": 3,
        "landslide_area_m2": 12_300.0,
        "observed_share": 0.9,
        "observed_area_m2": 720_000.0,
        "threshold": 0.42,
        "detector": "true-colour",
        "detector_sha256": "b4" * 32,
        "engine": "openvino",
        "engine_version": "2025.3.0",
        "wall_s": 12.3,
        "network_s": 10.9,
        "peak_rss_mb": 512.0,
        "resumed": False,
        "pixels": 8000,
        "warnings": (),
        "scene": SceneRecord(**(place | (scene or {}))),
        "settings": SettingsRecord(
            min_area_m2=300.0, tile_px=256, overlap_px=64, block_px=1024, aoi=None, precision="float32", threads=None
        ),
        "versions": {"landslip": "0.1.0", "numpy": "2.3.4"},
        "created": datetime(2026, 11, 23, 18, 0, tzinfo=UTC),
        "files": {"probability.tif": "1" * 64, "landslides.gpkg": "2" * 64},
        "attribution": (SENTINEL_ATTRIBUTION,),
    }
    return Summary(**(given | changes))


def landslides_of(areas_m2: list[float], *, terrain: bool = False, placed: bool = True) -> gpd.GeoDataFrame:
    """A table of landslides of these areas."""
    count = len(areas_m2)
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {name: rng.uniform(1, 50, count) for name in COLUMNS}
    columns |= {"id": np.arange(1, count + 1), "area_m2": areas_m2}
    columns |= {"image_date": [None] * count, "detector": ["true-colour"] * count}
    columns |= {} if terrain else dict.fromkeys(TERRAIN, np.full(count, np.nan))
    columns |= {} if placed else dict.fromkeys(("lon", "lat"), np.full(count, np.nan))
    return gpd.GeoDataFrame(columns, geometry=[shapely.Point(0, 0)] * count).astype(COLUMNS)
