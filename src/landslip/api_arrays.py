"""The public functions on arrays: prediction, and the outlines of landslides, without files."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landslip.api import DetectorLike, as_detector, as_names
from landslip.channels import DETECTOR_INPUTS
from landslip.errors import ChannelError, SceneError, SettingsError
from landslip.scenes.dataarrays import as_dataarray, read_image

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from landslip.inference.engine import Precision


@overload
def predict(
    image: "xr.DataArray",
    detector: DetectorLike = ...,
    *,
    channels: str | Sequence[str] | None = ...,
    scale: float | None = ...,
    valid: ArrayLike | None = ...,
    masks: str | Sequence[str] = ...,
    pixel_size_m: float | None = ...,
    engine: str = ...,
    precision: "Precision" = ...,
    threads: int | None = ...,
) -> "xr.DataArray": ...
@overload
def predict(
    image: NDArray[Any],
    detector: DetectorLike = ...,
    *,
    channels: str | Sequence[str] | None = ...,
    scale: float | None = ...,
    valid: ArrayLike | None = ...,
    masks: str | Sequence[str] = ...,
    pixel_size_m: float | None = ...,
    engine: str = ...,
    precision: "Precision" = ...,
    threads: int | None = ...,
) -> NDArray[np.float32]: ...
def predict(
    image: "NDArray[Any] | xr.DataArray",
    detector: DetectorLike = None,
    *,
    channels: str | Sequence[str] | None = None,
    scale: float | None = None,
    valid: ArrayLike | None = None,
    masks: str | Sequence[str] = "none",
    pixel_size_m: float | None = None,
    engine: str = "auto",
    precision: "Precision" = "auto",
    threads: int | None = None,
) -> "NDArray[np.float32] | xr.DataArray":
    """Predict the landslide probability of every pixel of an image in memory.

    Runs what ``map_scene`` runs: the same tiles, engine and blending.

    Args:
        image: array (C, H, W), or a DataArray with dimensions y and x and one for the channels; in DN (reflectance x
            10,000), degrees and metres. NaN and infinite values are nodata, as is a DataArray's ``_FillValue``.
        detector: what to run.
        channels: names of the C channels, as ``"B04,B03,B02"`` or a sequence. May be left out for a DataArray whose
            bands are named.
        scale: factor from the given reflectance values to DN: 10000 for reflectance in 0..1.
        valid: bool (H, W), False where nothing was observed.
        masks: of what hides the ground, nodata in the result: ``none``, ``auto``, or names from ``clouds``,
            ``shadow`` and ``snow``, as in ``map_scene``. The channels that they need may be among those of the image.
        pixel_size_m: ground size of a pixel, for masks; that of the DataArray's grid, or else that which the detector
            was trained at, where None.
        engine: ``auto``, ``openvino``, ``onnxruntime``, ``onnxruntime-cuda`` or ``onnxruntime-tensorrt``.
        precision: ``auto`` for the fastest that agreed with float32 on held-out patches and that this CPU supports;
            ``float32``; ``bfloat16`` where engine and CPU support it; ``int8`` for a detector with an int8 variant.
        threads: number of threads; all cores where None.

    Returns:
        Probability (H, W) float32, NaN where nodata; a DataArray on the same coordinates for a DataArray.

    Raises:
        ChannelError: a channel of the detector is missing, unknown or given twice.
        SceneError: the shape is wrong, or the values cannot be DN.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> image = rng.uniform(300, 3000, (3, 40, 50)).astype("float32")
        >>> image[:, :5] = np.nan
        >>> p = predict(image, channels="B04,B03,B02")
        >>> p.shape, bool(np.isnan(p[:5]).all()), bool((p[5:] >= 0).all())
        ((40, 50), True, True)
    """
    from landslip.inference.engine import InferenceOptions  # noqa: PLC0415 - the engines are slow to import
    from landslip.inference.predict import ArrayPredictor  # noqa: PLC0415
    from landslip.scenes.plausibility import check_array, scale_array  # noqa: PLC0415 - imports GDAL

    chosen = as_detector(detector)
    frame = as_dataarray(image)
    values, names = read_image(image, as_names(channels))
    missing = [name for name in chosen.card.channels if name not in names]
    if missing:
        raise ChannelError(
            f"detector '{chosen.card.name}' needs {', '.join(missing)}, and the image has {', '.join(names)}: add the "
            "missing channels, or name them right",
            parameter="channels",
        )
    stack = np.array(values[[names.index(name) for name in chosen.card.channels]], np.float32)
    finite = np.asarray(np.isfinite(stack).all(axis=0), np.bool_)
    if valid is not None:
        given = np.asarray(valid, np.bool_)
        if given.shape != finite.shape:
            raise SceneError(
                f"valid must have the shape of the image, {finite.shape}, got {given.shape}", parameter="valid"
            )
        finite &= given
    optical = [i for i, name in enumerate(chosen.card.channels) if DETECTOR_INPUTS[name].kind == "reflectance"]
    stack[optical] = scale_array(stack[optical], scale)
    check_array(stack[optical][:, finite])
    hiding = _names_of_masks(masks)
    if hiding:
        finite &= _visible(values, names, scale, finite, hiding, frame, pixel_size_m or chosen.card.pixel_size_m)
    stack[:, ~finite] = 0
    options = InferenceOptions(engine=engine, precision=precision, threads=threads)
    probability = ArrayPredictor(chosen, options)(stack, finite)
    if frame is None:
        return probability
    from landslip.scenes.dataarrays import like  # noqa: PLC0415 - needs xarray

    return like(frame, probability, "landslide_probability", {"long_name": "landslide probability", "units": "1"})


def _names_of_masks(masks: str | Sequence[str]) -> Any:
    """Return masks of what hides the ground as ``SceneMasks`` takes them.

    Raises:
        SettingsError: a name is unknown, or that of a mask that rules landslides out.
    """
    from landslip.scenes.masks.kinds import OF_ONE_DATE  # noqa: PLC0415

    if isinstance(masks, str):
        if masks == "auto":
            return masks
        masks = [] if masks.strip() in ("", "none") else [name.strip() for name in masks.split(",")]
    allowed = [kind.name for kind in OF_ONE_DATE]
    unknown = sorted(set(masks) - set(allowed))
    if unknown:
        raise SettingsError(
            f"masks must be none, auto, or names from {', '.join(allowed)}, got {', '.join(unknown)}: other masks rule "
            "landslides out and leave the probability as it is",
            parameter="masks",
        )
    return tuple(masks)


def _visible(
    values: NDArray[np.float32],
    names: Sequence[str],
    scale: float | None,
    finite: NDArray[np.bool_],
    masks: Any,
    frame: "xr.DataArray | None",
    pixel_size_m: float,
) -> NDArray[np.bool_]:
    """Return where no mask hides the ground in an image (C, H, W), (H, W)."""
    from affine import Affine  # noqa: PLC0415
    from odc.geo.geobox import GeoBox as Grid  # noqa: PLC0415

    from landslip.mapping.masks.scene_masks import SceneMasks  # noqa: PLC0415
    from landslip.scenes.arrays import array_scene  # noqa: PLC0415
    from landslip.scenes.masks.kinds import hides_ground  # noqa: PLC0415

    grid = Grid(finite.shape, Affine.scale(pixel_size_m, pixel_size_m), None)
    if frame is not None:
        from landslip.scenes.dataarrays import geobox_of  # noqa: PLC0415 - needs xarray

        own = geobox_of(frame)
        grid = own if own.crs is not None else grid
    scene = array_scene(values, names, grid, finite, scale=scale)
    return ~hides_ground(SceneMasks.of(scene, masks).codes(scene.window))


def polygons(
    probability: "NDArray[Any] | xr.DataArray",
    detector: DetectorLike = None,
    *,
    geobox: "GeoBox | None" = None,
    threshold: float | None = None,
    min_area_m2: float = 400.0,
) -> "gpd.GeoDataFrame":
    """Outline the landslides of a probability array, with the attributes of a map, without writing files.

    Args:
        probability: (H, W) in 0..1, NaN where nodata, as ``predict`` returns it; or such a DataArray.
        detector: that predicted it: gives the default threshold, the confidence model and the pixel size of an image
            without georeference.
        geobox: grid of an array (``odc.geo.geobox.GeoBox``); a DataArray brings its own. Without one, geometry is in
            pixel coordinates and pixels have the size that the detector was trained at.
        threshold: probability from which a pixel is landslide; the detector's where None.
        min_area_m2: smaller polygons are left out.

    Returns:
        One row per landslide, in the CRS of the grid: ``area_m2``, ``perimeter_m``, ``probability_mean``,
        ``confidence`` and the other columns of ``landslides.gpkg``.

    Raises:
        SceneError: the array is not (H, W), or holds values outside 0..1.
        SettingsError: the threshold is not in 0..1.

    Example:
        >>> p = np.zeros((40, 40), "float32"); p[10:20, 10:15] = 0.9
        >>> polygons(p)[["area_m2", "probability_mean"]].round(2).values.tolist()
        [[5000.0, 0.9]]
    """
    from affine import Affine  # noqa: PLC0415
    from odc.geo.geobox import GeoBox as Grid  # noqa: PLC0415

    from landslip.mapping.inventory.find import outline_landslides  # noqa: PLC0415

    chosen = as_detector(detector)
    frame = as_dataarray(probability)
    if frame is not None:
        from landslip.scenes.dataarrays import geobox_of, values_of  # noqa: PLC0415

        values = values_of(frame)
        values, grid = (values[0] if len(values) == 1 else values), geobox_of(frame)
    else:
        values = np.asarray(probability, np.float32)
        size = chosen.card.pixel_size_m
        grid = Grid(values.shape, Affine.scale(size, size), None) if geobox is None else geobox
    if values.ndim != 2 or not values.size or tuple(grid.shape) != values.shape:
        raise SceneError(
            f"probability of shape {values.shape} does not fit a grid of {tuple(grid.shape)}: give (height, width)",
            parameter="probability",
        )
    finite = values[np.isfinite(values)]
    if finite.size and not (finite.min() >= 0 and finite.max() <= 1):
        raise SceneError(
            f"probability must be in 0..1, got {finite.min():g} to {finite.max():g}: decode stored values with their "
            "scale first (0.004 for probability.tif)",
            parameter="probability",
        )
    limit = chosen.card.threshold if threshold is None else threshold
    if not 0 < limit <= 1:
        raise SettingsError(f"threshold must be above 0 and at most 1, got {limit:g}", parameter="threshold")
    return outline_landslides(values, grid, chosen.card, threshold=limit, min_area_m2=min_area_m2)
