"""Rasters of an upload as scenes: declared sizes first, then what ``landslip scene inspect`` would say."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from landslip.errors import LandslipError
from landslip.grid.map_grid import MapGrid
from landslip.page import messages as words
from landslip.page.errors import UploadError
from landslip.page.jobs.tasks import Bounds, PatchSource, ReadAnswer, ReadTask, SceneSource, Upload
from landslip.page.uploads.archive import unpack
from landslip.page.uploads.names import in_their_words, title_of
from landslip.scenes.inspection import inspect_scene
from landslip.scenes.raster_file import RasterFile
from landslip.scenes.rasters import open_scene
from landslip.scenes.scene import Scene

_MOST_BANDS: Final = 200
_WHOLE: Final = 3
"""A file of so many channels may be a scene by itself."""


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
        check_declared(one, task.bounds)
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


def check_declared(upload: Upload, bounds: Bounds) -> None:
    """Look at what a raster declares before anything of it is read.

    Raises:
        UploadError: it is more than is allowed.
        SceneError: it cannot be read.
    """
    file = RasterFile(upload.path)
    height, width = file.shape
    if height * width > bounds.megapixels * 10**6:
        raise UploadError(
            words.TOO_MANY_PIXELS.format(
                name=upload.shown, width=width, height=height, size=height * width / 1e6, most=bounds.megapixels
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
    return SceneSource(
        title=title,
        paths=paths,
        channels_given=channels,
        scale=task.scale,
        pixel_size_given_m=task.pixel_size_m,
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


def read_uploads(task: ReadTask) -> ReadAnswer:
    """Look at an upload: unpack zips, and find the scenes and patches that it holds.

    Raises:
        UploadError: it is refused, in a sentence with the visitor's own names.
    """
    names = {one.path.name: one.shown for one in task.uploads}
    try:
        return _answer(task, names)
    except LandslipError as error:
        raise UploadError(words.for_the_page(in_their_words(str(error), task.folder, names))) from error


def _answer(task: ReadTask, names: dict[str, str]) -> ReadAnswer:
    notes: list[str] = []
    sources: list[SceneSource | PatchSource] = []
    loose = [one for one in task.uploads if one.kind != "zip"]
    groups: list[tuple[list[Upload], Path | None]] = [(loose, None)] if loose else []
    for number, archive in enumerate((one for one in task.uploads if one.kind == "zip"), start=1):
        folder = task.folder / f"unpacked-{number}"
        members, left = unpack(archive, folder, task.bounds)
        archive.path.unlink()
        names |= {one.path.name: one.shown for one in members}
        notes += left
        groups.append((members, folder))
    for number, (members, unpacked_to) in enumerate(groups, start=1):
        rasters = [one for one in members if one.kind == "raster"]
        patches = [one for one in members if one.kind == "hdf5"]
        if rasters:
            # open_scene takes a folder's rasters itself; files of patches among them are no rasters to it.
            found = _scenes(rasters, unpacked_to, task, names)
            sources += found
        if patches:
            sources.append(_patches(patches, task.folder / f"patches-{number}", task))
    return ReadAnswer(sources=tuple(sources), notes=tuple(notes))


def _scenes(
    rasters: list[Upload], unpacked_to: Path | None, task: ReadTask, names: dict[str, str]
) -> list[SceneSource]:
    from landslip.page.uploads.rasters import scenes_of  # noqa: PLC0415 - heavy

    found = scenes_of(rasters, unpacked_to, task)
    return [
        one.model_copy(
            update={
                field: tuple(in_their_words(text, task.folder, names) for text in getattr(one, field))
                for field in ("notes", "warnings")
            }
        )
        for one in found
    ]


def _patches(files: list[Upload], folder: Path, task: ReadTask) -> PatchSource:
    from landslip.page.uploads.patches import patches_of  # noqa: PLC0415 - heavy

    return patches_of(files, folder, task)
