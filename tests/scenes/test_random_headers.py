"""Random GeoTIFF headers: an error of landslip, or the values of an independent reading; never anything else."""

import numpy as np
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from landslip.errors import LandslipError
from landslip.scenes.rasters import open_scene
from scene_kinds import NAMES, land, write_land

DN = land(24)
numbers = st.one_of(
    st.sampled_from([0.0, 1.0, 1e-4, 1e-5, 0.01, 100.0, 10_000.0, -1.0, -0.1, -1000.0, float("nan"), float("inf")]),
    st.floats(-1e6, 1e6, allow_nan=False),
)
transforms = st.one_of(
    st.sampled_from(
        [Affine(10, 0, 5e5, 0, -10, 2.5e6), Affine(1e-4, 0, 91, 0, -1e-4, 22), Affine(8, 6, 5e5, 6, -8, 2e6)]
    ),
    st.builds(Affine, *[st.floats(-1e7, 1e7)] * 6),
)
crss = st.sampled_from(
    [None, "EPSG:32646", "EPSG:4326", "EPSG:3857", "EPSG:4978", "EPSG:2263", "+proj=longlat +R=1737400", "EPSG:3413"]
)
headers = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"]),
        "factor": st.sampled_from([1.0, 1.0, 1e-4, 0.05, 1e4]),
        "scale": st.one_of(st.just(1.0), numbers),
        "offset": st.one_of(st.just(0.0), numbers),
        "nodata": st.one_of(st.none(), st.sampled_from([0.0, -9999.0, 65535.0, 255.0, float("nan")])),
        "fill": st.sampled_from([None, 0.0, -9999.0, 65535.0, 1e20]),
        "crs": crss,
        "transform": transforms,
    }
)


def independent(path):
    """Read DN with rasterio alone, by the rules of docs/scenes.md; NaN where nodata."""
    with rasterio.open(path) as file:
        stored = file.read().astype(np.float64)
        # Not by read_masks: GDAL takes the fourth 8-bit band for alpha.
        valid = np.isfinite(stored) & (stored != (np.nan if file.nodata is None else file.nodata))
        scale, offset = file.scales[0], file.offsets[0]
        if file.nodata is None:
            valid &= ~(stored == 0).all(axis=0)
    dn = 1e4 * (stored * scale + offset) if scale != 1 else stored + offset
    return np.where(valid.all(axis=0), dn, np.nan)


@settings(max_examples=150, deadline=None)
@given(header=headers)
def test_a_random_header_gives_an_error_or_the_values_of_an_independent_reading(tmp_path_factory, header):
    values = DN * header["factor"]
    if header["fill"] is not None:
        values[:, :6] = header["fill"]
    dtype = np.dtype(header["dtype"])
    if dtype.kind in "iu":
        values = np.clip(np.round(values), np.iinfo(dtype).min, np.iinfo(dtype).max)
    nodata = header["nodata"]
    if nodata is not None and dtype.kind in "iu" and not np.iinfo(dtype).min <= nodata <= np.iinfo(dtype).max:
        nodata = None
    path = tmp_path_factory.getbasetemp() / "header.tif"
    path.unlink(missing_ok=True)
    with np.errstate(invalid="ignore", over="ignore"):
        write_land(
            path,
            values.astype(dtype),
            nodata=nodata,
            scales=[header["scale"]] * 4,
            offsets=[header["offset"]] * 4,
            crs=header["crs"],
            transform=header["transform"],
        )
    try:
        scene = open_scene(path)
    except LandslipError as error:
        assert str(error).count("\n") == 0
        return
    read, valid = scene.read(NAMES)
    wanted = independent(path)
    np.testing.assert_array_equal(valid, np.isfinite(wanted[0]))
    np.testing.assert_allclose(np.where(valid, read, np.nan), wanted, rtol=1e-5, atol=1e-2)
    if header["fill"] in (-9999.0, 65535.0, 1e20) and header["fill"] in values and valid[:6].any():
        assert any("fills all channels" in message for message in scene.warnings)
    median = np.nanmedian(read[:, valid]) if valid.any() else 0
    assert not median > 20_000, scene.warnings
