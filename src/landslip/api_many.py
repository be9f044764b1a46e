"""The public functions over many scenes and many maps; user input is normalised here, as in ``api.py``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landslip.api import DetectorLike, PathLike, as_areas, as_detector, as_map_settings, as_names
from landslip.files.progress import Progress, no_progress

if TYPE_CHECKING:
    from landslip.mapping.many_scenes import BatchResult
    from landslip.mapping.merging.inventory import Inventory


def map_scenes(
    scenes: "PathLike | Sequence[PathLike | Sequence[PathLike]]",
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
    cluster: str | None = None,
    progress: Progress = no_progress,
    **settings: Any,
) -> "BatchResult":
    """Map many scenes, each into a folder of its own; ``landslip map`` does the same.

    Detector and engine are opened once. Scenes whose folder holds the same map already are skipped. A scene that cannot
    be mapped does not stop the others: look at ``.failed``, or call ``.check()``.

    Args:
        scenes: the path of a list: a text file with one scene a line, STAC items as JSON, or a folder of scenes; or a
            sequence with one entry a scene: its path, or the paths of its rasters.
        out: folder for the folders of the maps, ``batch.csv`` and ``batch.json``; created if missing.
        detector: what to run.
        channels: see ``open_scene``, for every scene.
        scale: see ``open_scene``, for every scene.
        offset: see ``open_scene``, for every scene.
        nodata: see ``open_scene``, for every scene.
        pixel_size_m: see ``open_scene``, for every scene.
        to_toa: see ``open_scene``, for every scene.
        aoi: see ``map_scene``.
        layer: see ``map_scene``.
        exclude: see ``map_scene``.
        exclude_layer: see ``map_scene``.
        cluster: ``local:N``, or the address or file of a Dask scheduler, to map on a cluster (docs/cluster.md); the
            maps are then merged into the folder ``inventory``, and ``out`` may be in an object store
            (``s3://bucket/prefix``), where the folders of the result lie.
        progress: told of the progress of each scene.
        **settings: see ``map_scene``.

    Returns:
        The result: ``.maps``, the folders of the finished maps, ``.failed`` and ``.summary``.

    Raises:
        SceneError: the list is damaged, or names a scene twice.
        LandslipError: the detector or a setting is wrong, or the output folder cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     result = map_scenes(["examples/wayanad/wayanad.tif"], folder, aoi="76.148,11.486,76.168,11.503")
        ...     [path.name for path in result.maps], result.failed
        (['wayanad'], ())
    """
    from landslip.mapping.many_scenes import map_scenes as run  # noqa: PLC0415
    from landslip.scenes.scene_list import list_scenes, name_scenes  # noqa: PLC0415

    if isinstance(scenes, str | Path):
        listed = list_scenes([Path(scenes)], each=True).scenes
    else:
        listed = name_scenes([[Path(one)] if isinstance(one, str | Path) else [*map(Path, one)] for one in scenes])
    reading = {
        "channels": as_names(channels),
        "scale": scale,
        "offset": offset,
        "nodata": nodata,
        "pixel_size_m": pixel_size_m,
        "to_toa": to_toa,
    }
    chosen, options = as_detector(detector), as_map_settings(settings)
    area, excluded = as_areas(aoi, layer, exclude, exclude_layer)
    if cluster is not None:
        from landslip.cluster.mapping import map_scenes_on_cluster  # noqa: PLC0415
        from landslip.cluster.runner import ClusterRequest  # noqa: PLC0415

        request = ClusterRequest(chosen, Path(out), options, reading, area, excluded)
        return map_scenes_on_cluster(cluster, listed, request, progress=progress).batch
    return run(listed, chosen, Path(out), options, reading=reading, aoi=area, exclude=excluded, progress=progress)


def merge_inventories(
    maps: "PathLike | Sequence[PathLike]",
    out: PathLike,
    *,
    min_overlap: float = 0.25,
    min_area_m2: float = 0.0,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> "Inventory":
    """Merge finished maps into one inventory; ``landslip inventory merge`` does the same.

    Polygons of different maps that overlap by at least ``min_overlap`` of the smaller are one landslide; where the maps
    are parts of one scene, polygons that touch are one too. The outline is their union, and the columns ``sources``,
    ``n_maps``, ``date_first`` and ``date_last`` tell which maps show it.

    Args:
        maps: folders of finished maps, or folders that hold such folders.
        out: a folder, or a file ``.gpkg`` or ``.parquet``.
        min_overlap: fraction of the smaller polygon, above 0 and at most 1.
        min_area_m2: smaller landslides are left out, after polygons are joined.
        overwrite: replace an earlier result.
        progress: told of progress.

    Returns:
        The inventory: ``.landslides`` (GeoDataFrame), ``.record`` and ``.path``.

    Raises:
        ReferenceDataError: a folder holds no map, or a map cannot be read or has no CRS.
        SettingsError: a setting lies outside what is allowed.
        OutputError: the result cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> import landslip
        >>> with TemporaryDirectory() as folder:
        ...     scene, aoi = "examples/wayanad/wayanad.tif", "76.148,11.486,76.168,11.503"
        ...     one = landslip.map_scene(scene, f"{folder}/map", aoi=aoi)
        ...     inventory = merge_inventories(f"{folder}/map", f"{folder}/inventory")
        ...     len(inventory.landslides) == len(one.landslides)
        True
    """
    from landslip.mapping.merging.inventory import merge_inventories as run  # noqa: PLC0415

    folders = [Path(maps)] if isinstance(maps, str | Path) else [Path(path) for path in maps]
    return run(
        folders, Path(out), min_overlap=min_overlap, min_area_m2=min_area_m2, overwrite=overwrite, progress=progress
    )
