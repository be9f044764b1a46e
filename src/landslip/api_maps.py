"""The public functions that fetch a scene and map its landslides."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landslip.api import DetectorLike, PathLike, as_areas, as_map_settings, choose_detectors, open_quietly
from landslip.errors import SettingsError
from landslip.files.progress import Progress, no_progress

if TYPE_CHECKING:
    import datetime

    from landslip.mapping.run import MapResult
    from landslip.scenes.catalogue.fetch import FetchedScene
    from landslip.scenes.scene import Scene


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
    to_toa: bool | None = None,
    aoi: str | None = None,
    layer: str | None = None,
    exclude: str | None = None,
    exclude_layer: str | None = None,
    before: "Scene | PathLike | Sequence[Scene | PathLike] | None" = None,
    after: "Scene | PathLike | Sequence[Scene | PathLike] | None" = None,
    change_detector: DetectorLike = None,
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
        after: further image after the event, or several, which become a composite with ``scene``, so that its clouds
            are filled; ``scene`` gives the grid. Read as ``before``.
        change_detector: finds what is new since: a detector of two dates, or ``rgb-change-baseline``. A ``detector`` of
            two dates is taken for it, and the default detector for the image after.
        name: title of the map; the name of the scene's file or folder where None.
        progress: told of progress.
        **settings: fields of ``landslip.mapping.job.MapSettings``: ``threshold``, ``min_area_m2``, ``overlap_px``,
            ``block_px``, ``engine``, ``precision``, ``threads``, ``uncertainty``, ``resume``, ``overwrite``, and for
            masks ``masks``, ``cloud_source``, ``cloud_buffer_m``, ``min_slope_deg``, ``field_slope_deg``.

    Returns:
        The result: ``.summary``, ``.landslides`` (GeoDataFrame) and ``.probability`` (path); ``.not_new`` with
        ``before``.

    Raises:
        LandslipError: an input is wrong, or the map cannot be written; no file has its final name then.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     result = map_scene("examples/wayanad/wayanad.tif", folder, aoi="76.148,11.486,76.168,11.503")
        ...     len(result.landslides) == result.summary.landslides
        True
    """
    from landslip.mapping.run import map_scene as run  # noqa: PLC0415
    from landslip.scenes.scene import Scene  # noqa: PLC0415

    reading: dict[str, Any] = {
        "channels": channels,
        "scale": scale,
        "offset": offset,
        "nodata": nodata,
        "pixel_size_m": pixel_size_m,
        "to_toa": to_toa,
    }
    if isinstance(scene, Scene):
        if any(given is not None for given in reading.values()):
            raise SettingsError(
                "channels, scale, offset, nodata, pixel_size_m and to_toa belong to open_scene: give them there, or "
                "give paths instead of an open scene"
            )
        opened = scene
    else:
        # The warnings of the scene are among those of the map.
        opened = open_quietly(scene, **reading)
    earlier, further = (_open_images(some, reading) for some in (before, after))
    area, excluded = as_areas(aoi, layer, exclude, exclude_layer)
    chosen, change = choose_detectors(detector, change_detector, pair=bool(earlier))
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
        after=further,
        change=change,
        progress=progress,
    )
    result.issue_warnings(opened, chosen)
    return result


def _open_images(
    images: "Scene | PathLike | Sequence[Scene | PathLike] | None", reading: Mapping[str, Any]
) -> "list[Scene]":
    """Return further images of the ground of a scene, each open already or opened as the scene is."""
    from landslip.scenes.scene import Scene  # noqa: PLC0415

    if images is None:
        return []
    given = [images] if isinstance(images, Scene | str | Path) else list(images)
    return [one if isinstance(one, Scene) else open_quietly(one, **reading) for one in given]


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
