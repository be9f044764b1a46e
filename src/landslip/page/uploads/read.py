"""Uploaded images: rasters as scenes, Landslide4Sense files as patches. Declared sizes are checked before pixels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.hdf5 import DatasetSpec, Hdf5Error, read_dataset
from landslip.datasets.l4s import LAYOUTS, open_l4s
from landslip.datasets.l4s_values import IMAGE, L4S_CHANNELS, SIDE_PX, read_image, read_mask
from landslip.errors import LandslipError, require_extra
from landslip.files.progress import Progress
from landslip.grid.map_grid import MapGrid
from landslip.page import messages
from landslip.page.errors import UploadError, explain, use_user_names
from landslip.page.jobs.results import ReadResult
from landslip.page.jobs.tasks import PatchSource, ReadTask, SceneSource, Upload, UploadLimits, handles
from landslip.page.uploads.archive import unpack
from landslip.page.uploads.png_patches import patch_numbers, read_png_patches
from landslip.page.uploads.receive import common_title, number_in, title_of
from landslip.scenes.inspection import inspect_scene
from landslip.scenes.raster_file import RasterFile
from landslip.scenes.rasters import open_scene

_MAX_BANDS: Final = 200
_SCENE_CHANNELS: Final = 3
"""A raster with so many channels may be a scene on its own."""
_IMAGES, _MASKS = (Path(part) for part in LAYOUTS["official"]["train"])


@handles(ReadTask)
def read_upload(task: ReadTask, _: Progress) -> ReadResult:
    """Unpack zips, and open the scenes and patches of an upload.

    Raises:
        UploadError: the upload is refused; the message has the user's own file names.
    """
    names = {upload.path.name: upload.name for upload in task.uploads}
    try:
        return _read(task, names)
    except LandslipError as error:
        raise UploadError(explain(error, task.folder, names)) from error


def _read(task: ReadTask, names: dict[str, str]) -> ReadResult:
    notes: list[str] = []
    sources: list[SceneSource | PatchSource] = []
    single = [upload for upload in task.uploads if upload.kind != "zip"]
    groups: list[tuple[list[Upload], Path | None, str]] = [(single, None, "")] if single else []
    for number, archive in enumerate((upload for upload in task.uploads if upload.kind == "zip"), start=1):
        folder = task.folder / f"unpacked-{number}"
        members, skipped = unpack(archive, folder, task.limits)
        archive.path.unlink()
        names |= {member.path.name: member.name for member in members}
        notes += skipped
        groups.append((members, folder, title_of(archive.name)))
    for number, (members, unpacked, title) in enumerate(groups, start=1):
        rasters = [member for member in members if member.kind == "raster"]
        patches = [member for member in members if member.kind == "hdf5"]
        if rasters:
            # open_scene selects the rasters of a folder itself.
            sources += [
                _rename_files(scene, task.folder, names) for scene in _read_scenes(rasters, unpacked, title, task)
            ]
        if patches:
            sources.append(_read_patches(patches, task.folder / f"patches-{number}", task.limits))
        pngs = [member for member in members if member.kind == "png"]
        if pngs and (rasters or patches):
            notes.append(messages.PNG_SKIPPED.format(count=len(pngs)))
        elif pngs:
            sources.append(read_png_patches(pngs, task.folder / f"patches-{number}", task.limits))
    return ReadResult(sources=tuple(sources), notes=tuple(notes))


def _rename_files(scene: SceneSource, folder: Path, names: dict[str, str]) -> SceneSource:
    texts = {
        field: tuple(use_user_names(text, folder, names) for text in getattr(scene, field))
        for field in ("notes", "warnings")
    }
    return scene.model_copy(update=texts)


def _read_scenes(rasters: Sequence[Upload], folder: Path | None, title: str, task: ReadTask) -> list[SceneSource]:
    """Open rasters as the channels of one scene, or, where that fails, each as a scene of its own.

    Args:
        rasters: the uploaded or unpacked files.
        folder: that they were unpacked to, if they came in a zip.
        title: of the zip.
        task: with the settings for reading.
    """
    for raster in rasters:
        check_declared_size(raster, task.limits)
    together = (folder,) if folder else tuple(raster.path for raster in rasters)
    count = len(rasters)
    if not title:
        names = [raster.name for raster in rasters]
        title = title_of(names[0]) if count == 1 else common_title(names) or messages.RASTERS_TITLE.format(count=count)
    try:
        return [_read_scene(together, title, task)]
    except LandslipError as error:
        if folder or count == 1 or task.channels:
            raise
        try:
            scenes = [_read_scene((raster.path,), title_of(raster.name), task) for raster in rasters]
        except LandslipError:
            raise error from None
        if any(len(scene.channels) < _SCENE_CHANNELS for scene in scenes):
            raise
        return scenes


def check_declared_size(upload: Upload, limits: UploadLimits) -> None:
    """Check the size that a raster declares, before its pixels are read.

    Raises:
        UploadError: it exceeds a limit.
        SceneError: the raster cannot be opened.
    """
    file = RasterFile(upload.path)
    height, width = file.shape
    if height * width > limits.megapixels * 10**6:
        raise UploadError(
            messages.TOO_MANY_PIXELS.format(
                name=upload.name, width=width, height=height, size=height * width / 1e6, most=limits.megapixels
            )
        )
    if file.count > _MAX_BANDS:
        raise UploadError(messages.TOO_MANY_BANDS.format(name=upload.name, count=file.count, most=_MAX_BANDS))


def _read_scene(paths: tuple[Path, ...], title: str, task: ReadTask) -> SceneSource:
    channels = tuple(task.channels.split(",")) if task.channels else None
    scene = open_scene(
        list(paths),
        channels=channels,
        scale=task.scale,
        offset=task.offset,
        nodata=task.nodata,
        pixel_size_m=task.pixel_size_m,
        to_toa=task.to_toa or None,
    )
    # Coordinates outside the domain of the CRS are refused now instead of when the map is made.
    MapGrid.of(scene.geobox, scene.window)
    inspected = inspect_scene(scene)
    return SceneSource(
        title=title,
        paths=paths,
        channels_given=channels,
        scale=task.scale,
        offset=task.offset,
        nodata=task.nodata,
        pixel_size_given_m=task.pixel_size_m,
        to_toa=task.to_toa,
        channels=scene.channels,
        height=scene.height,
        width=scene.width,
        pixel_size_m=inspected.pixel_size_m,
        georeferenced=scene.georeferenced,
        date=scene.date,
        valid_fraction=inspected.valid_fraction,
        notes=scene.describe(),
        warnings=scene.warnings,
    )


def _read_patches(files: Sequence[Upload], folder: Path, limits: UploadLimits) -> PatchSource:
    """Arrange HDF5 files in the official layout, after reading every value of every file.

    Args:
        files: images with the dataset ``img`` and masks with the dataset ``mask``, in any order.
        folder: to arrange them in; must not exist.
        limits: on the contents.

    Raises:
        UploadError: there are too many files, or no images.
        PatchesError: a file is damaged, malicious, or not of Landslide4Sense.
    """
    if len(files) > 2 * limits.patches:
        raise UploadError(messages.TOO_MANY_PATCHES.format(count=len(files), most=limits.patches))
    images: list[Upload] = []
    masks: list[Upload] = []
    values = np.empty((len(L4S_CHANNELS), SIDE_PX, SIDE_PX), np.float32)
    mask = np.empty((SIDE_PX, SIDE_PX), np.uint8)
    for file in files:
        (images if _is_image(file, values, mask) else masks).append(file)
    if not images:
        raise UploadError(messages.MASKS_ALONE)
    (folder / _IMAGES).mkdir(parents=True)
    (folder / _MASKS).mkdir(parents=True)
    mask_by_number = {number_in(file.name): file for file in masks}
    labelled = 0
    for image, number in zip(images, patch_numbers(images), strict=True):
        image.path.rename(folder / _IMAGES / f"image_{number}.h5")
        partner = mask_by_number.get(number)
        if partner is None and len(images) == len(masks) == 1:
            partner = masks[0]
        if partner is not None:
            partner.path.rename(folder / _MASKS / f"mask_{number}.h5")
            labelled += 1
    patches = open_l4s(folder)
    unmatched = len(masks) - labelled
    return PatchSource(
        title=messages.PATCHES_TITLE.format(count=len(images)),
        folder=folder,
        channels=patches.channels,
        patches=len(patches),
        labelled=labelled,
        notes=(messages.MASKS_UNMATCHED.format(count=unmatched),) if unmatched else (),
    )


def _is_image(file: Upload, values: NDArray[np.float32], mask: NDArray[np.uint8]) -> bool:
    """Read a whole file; whether it is an image instead of a mask."""
    try:
        read_image(file.path, values)
    except Hdf5Error as error:
        if error.kind == "shape" and _move_channels_last(file.path):
            read_image(file.path, values)
            return True
        if error.kind != "key":
            raise
        try:
            read_mask(file.path, mask)
        except Hdf5Error as second:
            raise (error if second.kind == "key" else second) from None
        return False
    return True


def _move_channels_last(path: Path) -> bool:
    """Write an image whose channels are first (14, 128, 128) again as in Landslide4Sense; whether it was one."""
    try:
        values = read_dataset(path, DatasetSpec(IMAGE.name, (IMAGE.shape[-1], *IMAGE.shape[:-1]), IMAGE.dtype))
    except Hdf5Error:
        return False
    h5py = require_extra("h5py", "train")
    with h5py.File(path, "w") as file:
        file[IMAGE.name] = np.moveaxis(values, 0, -1)
    return True
