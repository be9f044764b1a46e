"""Reading an upload for the first time; runs in a process of its own with bounds on memory and time."""

from pathlib import Path

from landslip.errors import LandslipError
from landslip.page import messages as words
from landslip.page.errors import UploadError
from landslip.page.jobs.sources import PatchSource, SceneSource
from landslip.page.jobs.tasks import ReadAnswer, ReadTask, Upload
from landslip.page.uploads.archive import unpack
from landslip.page.uploads.names import in_their_words


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
