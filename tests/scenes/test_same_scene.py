"""One scene as products of two levels and two baselines, and as two catalogues give it: DN equal to 1.

Contains modified Copernicus Sentinel data.
"""

import json

import numpy as np
import pytest
import rasterio
from affine import Affine

from landslip.scenes.rasters import open_scene
from rasters import write_raster
from safe_products import SafeProduct, write_safe, zip_safe

SIDE_PX = 192
FINE, COARSE = ("B02", "B03", "B04", "B08"), ("B8A", "B11")
PRODUCT = SafeProduct({})
GRID = Affine(10, 0, PRODUCT.left, 0, -10, PRODUCT.top)
COMMON = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir", "B8A": "nir08", "B11": "swir16"}
ROOT = {"rel": "root", "href": "https://planetarycomputer.microsoft.com/api/stac/v1"}


@pytest.fixture(scope="module")
def bands(shared_data):
    """A part of a real Level-2A scene as DN, with the resolutions of the product."""
    folder = shared_data / "scenes" / "wayanad-2024" / "clear"
    if not folder.is_dir():
        pytest.skip("the scene wayanad-2024 is not among the real data")
    found = {}
    for name in (*FINE, *COARSE):
        with rasterio.open(next(folder.glob(f"*{name}.tif"))) as file:
            step = 1 if name in FINE else 2
            values = file.read(1)[500 : 500 + SIDE_PX : step, 600 : 600 + SIDE_PX : step].astype(np.int32) - 1000
        found[name] = np.maximum(values, 1).astype(np.uint16)
    return found


def _catalogue(folder, bands, *, kept, baseline):
    """Write bands and their item as a catalogue gives them, with the offset kept or removed."""
    folder.mkdir()
    for name, values in bands.items():
        side = 10 if name in FINE else 20
        stored = values + 1000 * (kept and baseline >= "04.00")
        path = folder / (f"T29RKH_20200219T112111_{name}_{side}m.tif" if kept else f"{name}.tif")
        transform = GRID * Affine.scale(side // 10)
        write_raster(path, stored.astype(np.uint16), nodata=0, transform=transform, crs=PRODUCT.crs)
    properties = {"s2:processing_baseline": baseline} | ({} if kept else {"earthsearch:boa_offset_applied": True})
    assets = {name if kept else COMMON[name]: {"href": f"https://example.org/{name}.tif"} for name in bands}
    item = {"stac_version": "1.0.0", "properties": properties, "assets": assets, "links": [ROOT] if kept else []}
    (folder / "item.json").write_text(json.dumps({"type": "Feature"} | item))
    return folder


def test_levels_baselines_and_catalogues_give_equal_dn(tmp_path, bands):
    paths = [
        write_safe(tmp_path / f"{level}-{baseline}", SafeProduct(bands, level=level, baseline=baseline))
        for level in ("L1C", "L2A")
        for baseline in ("02.14", "05.11")
    ]
    paths.append(zip_safe(paths[-1], tmp_path / "product.zip"))
    for baseline in ("02.14", "05.11"):
        for kept in (True, False):
            paths.append(_catalogue(tmp_path / f"{baseline}-{kept}", bands, kept=kept, baseline=baseline))
    scenes = [open_scene(path) for path in paths]
    fine, valid = scenes[0].read(FINE)
    assert valid.all()
    np.testing.assert_array_equal(fine, np.stack([bands[name] for name in FINE]))
    coarse = scenes[0].read(COARSE)[0]
    for path, scene in zip(paths, scenes, strict=True):
        assert set(scene.channels) == set(bands), path.name
        assert not [one for one in scene.warnings if "offset" in one], path.name
        assert scene.geobox == scenes[0].geobox
        np.testing.assert_allclose(scene.read(FINE)[0], fine, atol=1, err_msg=path.name)
        np.testing.assert_allclose(scene.read(COARSE)[0], coarse, atol=1, err_msg=path.name)
