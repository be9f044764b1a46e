"""The public functions: user input (paths, names, arrays, DataArrays) is normalised here, then passed to the packages.

Wherever a function takes a detector it accepts a ``Detector``, the name of a packaged one, the path of an ``.onnx``
file, or None for the default. Paths are ``str`` or ``Path``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landslip.channels import CHANNELS
from landslip.detector.detector import Detector
from landslip.errors import ChannelError, SceneError, SettingsError
from landslip.files.progress import Progress, no_progress
from landslip.scenes.dataarrays import as_dataarray, read_image

if TYPE_CHECKING:
    import datetime

    import geopandas as gpd
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from landslip.datasets.patch_set import PatchSet
    from landslip.evaluation.evaluate import Evaluation
    from landslip.inference.engine import Precision
    from landslip.mapping.job import MapSettings
    from landslip.mapping.run import MapResult
    from landslip.scenes.catalogue.fetch import FetchedScene
    from landslip.scenes.scene import Scene
    from landslip.training.recipe.recipe import Recipe
    from landslip.training.train import TrainingRun

PathLike: TypeAlias = str | Path
DetectorLike: TypeAlias = "Detector | str | Path | None"


def open_scene(
    paths: "PathLike | Sequence[PathLike]",
    *,
    channels: str | Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    nodata: float | None = None,
    pixel_size_m: float | None = None,
    to_toa: bool = False,
) -> "Scene":
    """Open rasters of one area as a scene.

    Args:
        paths: a raster with many bands, several rasters with one band each, or a folder of them.
        channels: names of the bands in their order, as ``"B04,B03,B02"`` or a sequence; recognised from band
            descriptions, tags and file names where None.
        scale: factor from stored values to DN: 10000 for reflectance in 0..1.
        offset: added to reflectance, in DN: -1000 for Sentinel-2 products since processing baseline 04.00 whose
            metadata are not beside the bands.
        nodata: stored value that is nodata, in addition to what the files declare.
        pixel_size_m: pixel size in metres of an image without georeference.
        to_toa: whether surface reflectance (L2A) is converted to approximate top-of-atmosphere reflectance (L1C), for
            detectors trained on L1C whose input is not normalised per channel.

    Raises:
        SceneError: the files cannot be read, do not fit together, or hold values that cannot be DN.
        ChannelError: a channel is unknown or given twice.

    Warns:
        SceneWarning: position, units, nodata or date of the scene are in doubt; also in ``Scene.warnings``.

    Example:
        >>> open_scene("examples/chittagong/chittagong.tif").channels
        ('B02', 'B03', 'B04', 'B08')
    """
    scene = _open_scene(
        paths,
        channels=channels,
        scale=scale,
        offset=offset,
        nodata=nodata,
        pixel_size_m=pixel_size_m,
        to_toa=to_toa,
    )
    scene.issue_warnings()
    return scene


def _open_scene(
    paths: "PathLike | Sequence[PathLike]",
    *,
    channels: str | Sequence[str] | None,
    scale: float | None,
    offset: float | None,
    nodata: float | None,
    pixel_size_m: float | None,
    to_toa: bool = False,
) -> "Scene":
    from landslip.scenes.rasters import open_scene as open_rasters  # noqa: PLC0415 - imports GDAL

    given = [paths] if isinstance(paths, str | Path) else list(paths)
    return open_rasters(
        [Path(path) for path in given],
        channels=as_names(channels),
        scale=scale,
        offset=offset,
        nodata=nodata,
        pixel_size_m=pixel_size_m,
        to_toa=to_toa,
    )


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
    optical = [i for i, name in enumerate(chosen.card.channels) if CHANNELS[name].kind == "reflectance"]
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


def map_scene(
    scene: "Scene | PathLike | Sequence[PathLike]",
    out: PathLike,
    detector: DetectorLike = None,
    *,
    channels: str | Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    nodata: float | None = None,
    pixel_size_m: float | None = None,
    to_toa: bool = False,
    aoi: str | None = None,
    layer: str | None = None,
    exclude: str | None = None,
    exclude_layer: str | None = None,
    before: "Scene | PathLike | Sequence[Scene | PathLike] | None" = None,
    name: str | None = None,
    progress: Progress = no_progress,
    **settings: Any,
) -> "MapResult":
    """Map the landslides of a scene and write the files of a map; ``landslip map`` does the same.

    An interrupted run resumes when it is called again with the same arguments.

    Args:
        scene: a ``Scene``, or what ``open_scene`` takes.
        out: folder for the files; created if missing.
        detector: what to run.
        channels: see ``open_scene``; not for an open scene.
        scale: see ``open_scene``; not for an open scene.
        offset: see ``open_scene``; not for an open scene.
        nodata: see ``open_scene``; not for an open scene.
        pixel_size_m: see ``open_scene``; not for an open scene.
        to_toa: see ``open_scene``; not for an open scene.
        aoi: area of interest: ``"west,south,east,north"`` in degrees, or the path of a file of polygons.
        layer: of a file with several layers of polygons: the one to read.
        exclude: area in which landslides are ruled out: the path of a file of polygons, or bounds as in ``aoi``.
        exclude_layer: of that file, where it has several layers.
        before: image before the event, or several, which become a composite: only landslides that are new since are
            mapped then. Each an open scene or a path, read with the same ``channels``, ``scale``, ``offset``,
            ``nodata``, ``pixel_size_m`` and ``to_toa``.
        name: title of the map; the name of the scene's file or folder where None.
        progress: told of progress.
        **settings: fields of ``landslip.mapping.job.MapSettings``: ``threshold``, ``min_area_m2``, ``overlap_px``,
            ``block_px``, ``engine``, ``precision``, ``threads``, ``uncertainty``, ``resume``, ``overwrite``, and for
            masks ``masks``, ``cloud_source``, ``cloud_buffer_m``, ``min_slope_deg``.

    Returns:
        The result: ``.summary``, ``.landslides`` (GeoDataFrame) and ``.probability`` (path); ``.not_new`` with
        ``before``.

    Raises:
        LandslipError: an input is wrong, or the map cannot be written; no file has its final name then.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     result = map_scene("examples/chittagong/chittagong.tif", folder, aoi="91.776,22.463,91.798,22.480")
        ...     len(result.landslides) == result.summary.landslides
        True
    """
    from landslip.mapping.area import area_of_interest  # noqa: PLC0415 - imports GDAL
    from landslip.mapping.masks.excluded_area import read_excluded_area  # noqa: PLC0415
    from landslip.mapping.run import map_scene as run  # noqa: PLC0415
    from landslip.scenes.scene import Scene  # noqa: PLC0415

    if isinstance(scene, Scene):
        if to_toa or any(given is not None for given in (channels, scale, offset, nodata, pixel_size_m)):
            raise SettingsError(
                "channels, scale, offset, nodata, pixel_size_m and to_toa belong to open_scene: give them there, or "
                "give paths instead of an open scene"
            )
        opened = scene
    else:
        # The warnings of the scene are among those of the map.
        opened = _open_scene(
            scene,
            channels=channels,
            scale=scale,
            offset=offset,
            nodata=nodata,
            pixel_size_m=pixel_size_m,
            to_toa=to_toa,
        )
    given = [] if before is None else [before] if isinstance(before, Scene | str | Path) else list(before)
    earlier = [
        one
        if isinstance(one, Scene)
        else _open_scene(
            one,
            channels=channels,
            scale=scale,
            offset=offset,
            nodata=nodata,
            pixel_size_m=pixel_size_m,
            to_toa=to_toa,
        )
        for one in given
    ]
    area = None if aoi is None else area_of_interest(aoi, layer)
    excluded = None if exclude is None else read_excluded_area(exclude, exclude_layer)
    chosen = as_detector(detector)
    if name is not None:
        opened = opened.rename(name)
    result = run(
        opened,
        chosen,
        Path(out),
        as_map_settings(settings),
        aoi=area,
        exclude=excluded,
        before=earlier,
        progress=progress,
    )
    result.issue_warnings(opened, chosen)
    return result


def fetch_scene(
    area: str,
    date: "str | datetime.date",
    out: PathLike,
    *,
    layer: str | None = None,
    overwrite: bool = False,
    workers: int = 8,
    progress: Progress = no_progress,
    **settings: Any,
) -> "FetchedScene":
    """Fetch Sentinel-2 images and elevation of an area and a date; ``landslip scene fetch`` does the same.

    An interrupted run resumes when it is called again with the same arguments.

    Args:
        area: ``"west,south,east,north"`` in degrees, or the path of a file of polygons.
        date: day of the event, as ``"2018-09-06"``.
        out: folder for the scene: new or empty.
        layer: of a file with several layers of polygons: the one to read.
        overwrite: whether an earlier scene in the folder may be replaced.
        workers: number of threads that read at once.
        progress: told of progress.
        **settings: fields of ``landslip.scenes.catalogue.request.FetchSettings``: ``catalogue``, ``collection``,
            ``level``, ``days_before``, ``days_after``, ``channels``, ``elevation``, ``offset``, ``max_passes``.

    Returns:
        The result: ``.folder``, which ``open_scene`` and ``map_scene`` take, and ``.record``, the content of
        ``scene.json``.

    Raises:
        LandslipError: an input is wrong, or the catalogue cannot be read; the folder does not appear then.

    Example:
        >>> fetch_scene("91.7,22.2,92.0,22.5", "6 September", "scene/")
        Traceback (most recent call last):
        landslip.errors.SettingsError: date must be a day such as 2018-09-06, got '6 September'
    """
    from pydantic import ValidationError  # noqa: PLC0415

    from landslip.mapping.area import area_of_interest  # noqa: PLC0415 - imports GDAL
    from landslip.scenes.catalogue.area_grid import area_in_degrees  # noqa: PLC0415
    from landslip.scenes.catalogue.fetch import fetch_scene as fetch  # noqa: PLC0415
    from landslip.scenes.catalogue.request import FetchSettings, parse_day  # noqa: PLC0415

    if isinstance(settings.get("channels"), str):
        settings["channels"] = tuple(settings["channels"].split(","))
    try:
        chosen = FetchSettings(**settings)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        raise SettingsError(
            f"{name} {first['input']!r} is not allowed ({first['msg']}): allowed settings are "
            f"{', '.join(FetchSettings.model_fields)}",
            parameter=name,
        ) from error
    day = parse_day(date)
    given = area_of_interest(area, layer)
    region = area_in_degrees(given.geometry, given.crs)
    return fetch(region, day, Path(out), chosen, overwrite=overwrite, workers=workers, progress=progress)


def open_patches(folder: PathLike) -> "PatchSet[Any]":
    """Open a set of labelled patches: Landslide4Sense files, RGB patches, or a packed store.

    Args:
        folder: of the set.

    Returns:
        The patches, read when touched; ``.as_torch()`` gives a ``torch.utils.data.Dataset``.

    Raises:
        PatchesError: the folder holds no set of patches, or a damaged one.

    Example:
        >>> patches = open_patches("examples/l4s-rgb-scene-b")
        >>> len(patches), next(iter(patches)).values.shape
        (56, (3, 128, 128))
    """
    from landslip.datasets.formats import open_patches as open_folder  # noqa: PLC0415

    return open_folder(Path(folder))


def train(
    recipe: "Recipe | PathLike | dict[str, Any]",
    data: PathLike,
    out: PathLike,
    *,
    resume: bool = False,
    progress: Progress = no_progress,
) -> "TrainingRun":
    """Train a detector; ``landslip train`` does the same.

    Args:
        recipe: a recipe, the name of a packaged one (``default``, ``paper``), the path of a YAML file, or a dict.
        data: folder of labelled patches.
        out: folder for the detector, its weights, the log and the pictures; created if missing.
        resume: continue the run in the folder.
        progress: told of progress.

    Returns:
        The run: ``.detector``, ``.detector_path``, ``.weights_path`` and ``.network()``, the trained ``nn.Module``.

    Raises:
        MissingExtraError: the extra ``train`` is not installed.
        RecipeError: the recipe is wrong.
        PatchesError: the data are damaged, or too few for the recipe.
        RunError: training or export failed.
    """
    from landslip.training.train import train as run  # noqa: PLC0415 - imports torch

    return run(recipe, data, out, resume=resume, progress=progress)


def evaluate(
    data: "PatchSet[Any] | PathLike",
    detector: DetectorLike = None,
    *,
    scene: str | Sequence[str] | None = None,
    rows: tuple[int, int] | str | None = None,
    split: str | None = None,
    threshold: float | None = None,
    engine: str = "auto",
    precision: "Precision" = "auto",
    threads: int | None = None,
    progress: Progress = no_progress,
) -> "Evaluation":
    """Score a detector on labelled patches; ``landslip evaluate`` gives the same figures.

    F1 is that of the landslide class, with counts pooled over all pixels of all patches.

    Args:
        data: labelled patches, or their folder.
        detector: to be scored.
        scene: only patches of this scene, or of these.
        rows: only these rows of patches, first and last, as ``(50, 57)`` or ``"50-57"``.
        split: ``train``, ``validation`` or ``test`` of a published data set; needed where several splits have masks
            and neither ``scene`` nor ``rows`` is given.
        threshold: decision threshold; the detector's where None.
        engine: see ``predict``.
        precision: see ``predict``.
        threads: see ``predict``.
        progress: told of progress.

    Raises:
        ChannelError: the patches lack a channel of the detector.
        PatchesError: no patch is left, no pixel has a label, or ``split`` must be given.
        SettingsError: the threshold is not in 0..1.

    Example:
        >>> evaluate("examples/l4s-rgb-scene-b", "s2-rgb").f1 > 0.1
        True
    """
    from landslip.datasets.splits import Part, rows_from_text  # noqa: PLC0415
    from landslip.evaluation.evaluate import evaluate as score  # noqa: PLC0415
    from landslip.evaluation.predict import select_patches  # noqa: PLC0415
    from landslip.inference.engine import InferenceOptions  # noqa: PLC0415

    patches = open_patches(data) if isinstance(data, str | Path) else data
    scenes = () if scene is None else (scene,) if isinstance(scene, str) else tuple(scene)
    part = Part(scenes=scenes, rows=rows_from_text(rows) if isinstance(rows, str) else rows)
    return score(
        as_detector(detector),
        select_patches(patches, part, split),
        threshold=threshold,
        options=InferenceOptions(engine=engine, precision=precision, threads=threads),
        progress=progress,
    )


def as_map_settings(settings: Mapping[str, Any]) -> "MapSettings":
    """Return the settings of a map from keywords.

    Raises:
        SettingsError: a keyword is unknown.
    """
    from landslip.mapping.job import MapSettings  # noqa: PLC0415 - imports GDAL

    unknown = sorted(set(settings) - set(MapSettings.model_fields))
    if unknown:
        raise SettingsError(
            f"unknown settings {', '.join(unknown)}: allowed are {', '.join(MapSettings.model_fields)}",
            parameter=unknown[0],
        )
    return MapSettings(**settings)


def as_detector(detector: DetectorLike) -> Detector:
    """Return the detector itself, or open it by name or path."""
    return detector if isinstance(detector, Detector) else Detector.open(detector)


def as_names(channels: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """Return channel names given as a sequence or joined by commas."""
    if channels is None:
        return None
    return tuple(name.strip() for name in (channels.split(",") if isinstance(channels, str) else channels))
