"""Rasters of an upload as scenes: declared sizes first, then what ``landslip scene inspect`` would say."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from landslip.errors import LandslipError
from landslip.mapping.grid import MapGrid
from landslip.page import words
from landslip.page.errors import UploadError
from landslip.page.intake.names import title_of
from landslip.page.work.sources import SceneSource
from landslip.page.work.tasks import ReadTask, Upload
from landslip.scenes.georeference import file_grids
from landslip.scenes.grids import same_grid
from landslip.scenes.inspection import inspect_scene
from landslip.scenes.raster_file import RasterFile
from landslip.scenes.rasters import open_scene
from landslip.scenes.scene import Scene
from landslip.scenes.window import Window

_MOST_BANDS: Final = 200
_WHOLE: Final = 3
"""A file of so many channels may be a scene by itself."""
_TRUTH_VALUES: Final = frozenset({0.0, 1.0, 255.0})


def scenes_of(rasters: Sequence[Upload], folder: Path | None, task: ReadTask) -> list[SceneSource]:
    """The scenes that rasters make: all of them one scene, or each a scene of its own.

    Args:
        rasters: what was given.
        folder: that they were unpacked to, where they came in a zip.
        task: how to read them.

    Raises:
        UploadError: a raster declares more than is allowed.
        LandslipError: they make no scene.
    """
    for one in rasters:
        _check_declared(one, task)
    together = (folder,) if folder else tuple(one.path for one in rasters)
    title = title_of(rasters[0].shown) if len(rasters) == 1 else words.SEVERAL_RASTERS.format(count=len(rasters))
    try:
        return [_scene(together, title, task)]
    except LandslipError as error:
        if folder or len(rasters) == 1 or task.channels:
            raise
        # Several whole scenes rather than the bands of one?
        try:
            alone = [_scene((one.path,), title_of(one.shown), task) for one in rasters]
        except LandslipError:
            raise error from None
        if any(len(one.channels) < _WHOLE for one in alone):
            raise
        return alone


def _check_declared(upload: Upload, task: ReadTask) -> None:
    file = RasterFile(upload.path)
    height, width = file.shape
    if height * width > task.bounds.megapixels * 10**6:
        raise UploadError(
            words.TOO_MANY_PIXELS.format(
                name=upload.shown, width=width, height=height, size=height * width / 1e6, most=task.bounds.megapixels
            )
        )
    if file.count > _MOST_BANDS:
        raise UploadError(words.TOO_MANY_BANDS.format(name=upload.shown, count=file.count, most=_MOST_BANDS))


def open_source(source: SceneSource) -> Scene:
    """Open a scene that was looked at before, as ``landslip map`` would, under the visitor's name for it."""
    scene = open_scene(
        list(source.paths),
        channels=source.channels_given,
        scale=source.scale,
        pixel_size_m=source.pixel_size_given_m,
    )
    return replace(scene, name=source.title)


def _scene(paths: tuple[Path, ...], title: str, task: ReadTask) -> SceneSource:
    channels = tuple(task.channels.split(",")) if task.channels else None
    scene = open_scene(list(paths), channels=channels, scale=task.scale, pixel_size_m=task.pixel_size_m)
    # A place that is nowhere on Earth is known now rather than when the map is made.
    MapGrid.of(scene.geobox, scene.window)
    seen = inspect_scene(scene)
    truth = None
    if task.truth is not None:
        _check_declared(task.truth, task)
        _check_truth(task.truth, scene)
        truth = task.truth.path
    return SceneSource(
        title=title,
        paths=paths,
        channels_given=channels,
        scale=task.scale,
        pixel_size_given_m=task.pixel_size_m,
        truth=truth,
        channels=scene.channels,
        height=scene.height,
        width=scene.width,
        pixel_size_m=seen.pixel_size_m,
        georeferenced=scene.georeferenced,
        date=scene.date,
        observed_share=seen.observed_share,
        notes=scene.describe(),
        warnings=scene.warnings,
    )


def _check_truth(truth: Upload, scene: Scene) -> None:
    """A truth is one band of 0, 1 and perhaps 255 on the scene's grid.

    Raises:
        UploadError: it is not.
    """
    file = RasterFile(truth.path)
    if file.count != 1 or file.shape != (scene.height, scene.width):
        raise UploadError(
            words.TRUTH_SIZE.format(
                name=truth.shown,
                bands=file.count,
                width=file.shape[1],
                height=file.shape[0],
                scene_width=scene.width,
                scene_height=scene.height,
            )
        )
    if scene.georeferenced and file.crs:
        (grid,), _ = file_grids([file], None)
        if not same_grid(grid, scene.geobox):
            raise UploadError(words.TRUTH_ELSEWHERE.format(name=truth.shown))
    values, observed = file.read([1], Window(0, 0, min(scene.height, 1024), scene.width))
    others = set(values[observed].ravel()[:2_000_000].tolist()) - _TRUTH_VALUES
    if others:
        raise UploadError(words.TRUTH_VALUES.format(name=truth.shown, value=sorted(others)[0]))
