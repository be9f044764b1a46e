"""The public functions: user input (paths, names, arrays, DataArrays) is normalised here, then passed to the packages.

Wherever a function takes a detector it accepts a ``Detector``, the name of a packaged one, the path of an ``.onnx``
file, or None for the default. Paths are ``str`` or ``Path``. This module opens scenes; ``api_arrays`` predicts arrays,
``api_maps`` fetches and maps scenes, ``api_many`` maps many, and ``api_patches`` trains and scores on labelled patches.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from landslip.detector.detector import Detector
from landslip.errors import SettingsError

if TYPE_CHECKING:
    from landslip.change.detector import ChangeDetector
    from landslip.mapping.area import AreaOfInterest
    from landslip.mapping.job import MapSettings
    from landslip.scenes.scene import Scene

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
    to_toa: bool | None = None,
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
            detectors trained on L1C. None: not here, but a map converts products known to be Level-2A; False: nowhere.

    Raises:
        SceneError: the files cannot be read, do not fit together, or hold values that cannot be DN.
        ChannelError: a channel is unknown or given twice.

    Warns:
        SceneWarning: position, units, nodata or date of the scene are in doubt; also in ``Scene.warnings``.

    Example:
        >>> open_scene("examples/wayanad/wayanad.tif").channels
        ('B02', 'B03', 'B04', 'B08')
    """
    scene = open_quietly(
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


def open_quietly(
    paths: "PathLike | Sequence[PathLike]",
    *,
    channels: str | Sequence[str] | None,
    scale: float | None,
    offset: float | None,
    nodata: float | None,
    pixel_size_m: float | None,
    to_toa: bool | None = None,
) -> "Scene":
    """Open rasters of one area as a scene, whose warnings are not issued."""
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


def as_areas(
    aoi: str | None, layer: str | None, exclude: str | None, exclude_layer: str | None
) -> "tuple[AreaOfInterest | None, AreaOfInterest | None]":
    """Read the area to map and the area in which landslides are ruled out; None for each that is not given.

    Args:
        aoi: bounds in degrees or a file of polygons.
        layer: of that file.
        exclude: likewise.
        exclude_layer: of that file.

    Raises:
        LandslipError: an area cannot be read.
    """
    from landslip.mapping.area import area_of_interest  # noqa: PLC0415 - imports GDAL
    from landslip.mapping.masks.excluded_area import read_excluded_area  # noqa: PLC0415

    area = excluded = None
    if aoi is not None:
        area = area_of_interest(aoi, layer)
    if exclude is not None:
        excluded = read_excluded_area(exclude, exclude_layer)
    return area, excluded


def choose_detectors(
    detector: DetectorLike, change_detector: DetectorLike, *, pair: bool
) -> "tuple[Detector, ChangeDetector | None]":
    """Return the detector of the image after, and that of change where there is a pair.

    The default of a pair is the detector of one image that the regression of change was fitted with.

    Args:
        detector: of one date, or of two, which is taken for the detector of change.
        change_detector: of change.
        pair: whether there is an image before the event.

    Raises:
        SettingsError: a detector of change is given without an image before, or two of them.
    """
    from landslip.change.baseline import packaged_baseline  # noqa: PLC0415 - imports GDAL
    from landslip.change.detector import ChangeDetector  # noqa: PLC0415

    fitted_with = packaged_baseline().detector
    if detector is None and pair:
        detector = fitted_with
    chosen = as_detector(detector)
    if chosen.card.dates == 2:
        if change_detector is not None:
            raise SettingsError(
                f"detector '{chosen.card.name}' takes two dates, and change_detector is given too: give one of them",
                parameter="change_detector",
            )
        chosen, change_detector = as_detector(fitted_with), chosen
    if not pair:
        if change_detector is not None:
            raise SettingsError(
                "a detector of change needs the image before the event: give it, or a detector of one date",
                parameter="before",
            )
        return chosen, None
    if isinstance(change_detector, Detector):
        return chosen, ChangeDetector.of(change_detector)
    return chosen, ChangeDetector.open(change_detector)


def as_names(channels: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """Return channel names given as a sequence or joined by commas."""
    if channels is None:
        return None
    return tuple(name.strip() for name in (channels.split(",") if isinstance(channels, str) else channels))
