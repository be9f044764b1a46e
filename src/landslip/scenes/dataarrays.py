"""Images in memory, as arrays or xarray DataArrays; results as DataArrays on the same coordinates.

Georeferencing follows the conventions of rioxarray and CF: a scalar grid-mapping coordinate (``spatial_ref``) with the
CRS as WKT and, optionally, ``GeoTransform``; pixel centres in the coordinates ``x`` and ``y``.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import CRS
from pyproj.exceptions import CRSError

from landslip.channels import find_channels
from landslip.errors import ChannelError, SceneError
from landslip.scenes.naming import from_text

if TYPE_CHECKING:
    import xarray as xr

_X: Final = ("x", "lon", "longitude", "easting")
_Y: Final = ("y", "lat", "latitude", "northing")
_NODATA_KEYS: Final = ("_FillValue", "missing_value", "nodata")


def as_dataarray(image: object) -> "xr.DataArray | None":
    """Return an image if it is a DataArray, else None; xarray is not imported for that."""
    is_dataarray = type(image).__module__.startswith("xarray.") and hasattr(image, "coords")
    return image if is_dataarray else None  # type: ignore[return-value]  # just checked, by name


def read_image(image: object, channels: Sequence[str] | None) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return the values (C, H, W) of an array or a DataArray and the names of its channels.

    Args:
        image: array (C, H, W), or a DataArray.
        channels: names of the channels; those of the DataArray where None.

    Raises:
        ChannelError: the channels are not named, unknown or given twice.
        SceneError: the shape is not (channels, height, width).
    """
    frame = as_dataarray(image)
    if frame is not None:
        values = values_of(frame)
        names = channels_of(frame) if channels is None else find_channels(channels)
    else:
        if channels is None:
            raise ChannelError(
                "an array does not say which channels it holds: name them in their order, such as "
                "channels='B04,B03,B02'",
                parameter="channels",
            )
        with np.errstate(over="ignore"):
            values = np.asarray(image, np.float32)
        names = find_channels(channels)
    if values.ndim != 3 or not values.size or len(values) != len(names):
        raise SceneError(
            f"an image of shape {values.shape} does not fit {len(names)} channels: give (channels, height, width)",
            parameter="image",
        )
    return values, names


def geobox_of(image: "xr.DataArray") -> GeoBox:
    """Return the grid of a DataArray.

    Args:
        image: has two spatial dimensions named x/y, lon/lat, longitude/latitude or easting/northing.

    Raises:
        SceneError: a spatial dimension or the pixel size is missing, the coordinates are not evenly spaced, or the
            CRS cannot be read.
    """
    y, x = _spatial_dims(image)
    shape = (image.sizes[y], image.sizes[x])
    mapping = _grid_mapping(image)
    text = str(mapping.get("GeoTransform", ""))
    try:
        transform = Affine.from_gdal(*map(float, text.split())) if text else _transform(image, y, x)
    except (TypeError, ValueError) as error:
        raise SceneError(
            f"GeoTransform must hold six numbers, got {text!r}: remove the attribute or correct it", parameter="image"
        ) from error
    return GeoBox(shape, transform, _crs(image, mapping))


def channels_of(image: "xr.DataArray") -> tuple[str, ...]:
    """Return the channel names of a DataArray, from its band coordinate or its attribute ``long_name``.

    Raises:
        ChannelError: a band has no name, or its name is not that of a Sentinel-2 or terrain channel.
    """
    dim = _band_dim(image)
    count = 1 if dim is None else image.sizes[dim]
    names: list[Any] = image[dim].values.tolist() if dim is not None and dim in image.coords else []
    if not all(isinstance(name, str) for name in names) or not names:
        described = image.attrs.get("long_name", image.name if count == 1 else ())
        names = [described] if isinstance(described, str) else list(described or ())
    found = [from_text(str(name)) for name in names]
    if len(found) != count or None in found:
        raise ChannelError(
            f"bands {', '.join(map(str, names)) or 'without names'} of the DataArray name no channels: name the band "
            "coordinate B04, B03 ... or red, green ..., or give channels",
            parameter="channels",
        )
    return tuple(str(name) for name in found)


def values_of(image: "xr.DataArray") -> NDArray[np.float32]:
    """Return values (C, H, W) float32 with rows from the array's first y to its last; nodata is NaN.

    Values equal to ``_FillValue``, ``missing_value`` or ``nodata`` (attributes or encoding) are nodata; unapplied
    ``scale_factor`` and ``add_offset`` attributes are applied, as the CF conventions define them.

    Raises:
        SceneError: the DataArray has more than one dimension besides the spatial ones.
    """
    y, x = _spatial_dims(image)
    dim = _band_dim(image)
    ordered = image.transpose(*([dim] if dim is not None else []), y, x)
    stored = np.asarray(ordered.values)
    values = np.array(stored, np.float32).reshape((-1, *stored.shape[-2:]))
    for key in _NODATA_KEYS:
        for fill in (image.attrs.get(key), image.encoding.get(key)):
            if fill is not None and np.isfinite(fill):
                values[stored.reshape(values.shape) == fill] = np.nan
    scale, offset = float(image.attrs.get("scale_factor", 1.0)), float(image.attrs.get("add_offset", 0.0))
    return values if (scale, offset) == (1.0, 0.0) else values * np.float32(scale) + np.float32(offset)


def like(image: "xr.DataArray", values: NDArray[np.float32], name: str, attributes: dict[str, Any]) -> "xr.DataArray":
    """Return values (H, W) as a DataArray on the spatial coordinates and CRS of another one."""
    import xarray  # noqa: PLC0415 - slow to import, and needed here alone

    y, x = _spatial_dims(image)
    kept = {key: value for key, value in image.coords.items() if set(value.dims) <= {y, x}}
    result = xarray.DataArray(values, coords=kept, dims=(y, x), name=name, attrs=attributes)
    if "grid_mapping" in image.encoding or "grid_mapping" in image.attrs:
        result.encoding["grid_mapping"] = image.encoding.get("grid_mapping", image.attrs.get("grid_mapping"))
    return result


def _spatial_dims(image: "xr.DataArray") -> tuple[str, str]:
    y = [str(dim) for dim in image.dims if str(dim).lower() in _Y]
    x = [str(dim) for dim in image.dims if str(dim).lower() in _X]
    if len(y) != 1 or len(x) != 1 or image.ndim > 3:
        raise SceneError(
            f"the DataArray has dimensions {', '.join(map(str, image.dims))}: it must have y and x (or lat and lon) "
            "and at most one more, for the channels; select one time step first",
            parameter="image",
        )
    return y[0], x[0]


def _band_dim(image: "xr.DataArray") -> str | None:
    spatial = _spatial_dims(image)
    return next((str(dim) for dim in image.dims if str(dim) not in spatial), None)


def _grid_mapping(image: "xr.DataArray") -> dict[str, Any]:
    name = image.encoding.get("grid_mapping", image.attrs.get("grid_mapping", "spatial_ref"))
    return dict(image.coords[name].attrs) if name in image.coords else {}


def _transform(image: "xr.DataArray", y: str, x: str) -> Affine:
    if x not in image.coords or y not in image.coords:
        return Affine.identity()
    steps = []
    for dim in (x, y):
        centres = np.asarray(image.coords[dim].values, np.float64)
        gaps = np.diff(centres)
        if not gaps.size or not np.allclose(gaps, gaps[0], rtol=1e-3, atol=0) or gaps[0] == 0:
            raise SceneError(
                f"the coordinate {dim} must hold two or more evenly spaced pixel centres: give such coordinates or a "
                "GeoTransform in spatial_ref",
                parameter="image",
            )
        steps.append(((centres[-1] - centres[0]) / gaps.size, centres[0]))
    (step_x, first_x), (step_y, first_y) = steps
    return Affine(step_x, 0, first_x - step_x / 2, 0, step_y, first_y - step_y / 2)


def _crs(image: "xr.DataArray", mapping: dict[str, Any]) -> CRS | None:
    given = mapping.get("crs_wkt") or mapping.get("spatial_ref") or image.attrs.get("crs")
    if given is None:
        return None
    try:
        return CRS.from_user_input(given)
    except CRSError as error:
        raise SceneError(
            f"the CRS of the DataArray cannot be read ({str(error)[:80]}): set it again, for instance with "
            "rio.write_crs",
            parameter="image",
        ) from error
