"""Errors of the page, and errors of the package in the user's terms."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from landslip.errors import LandslipError


class PageError(LandslipError):
    """The page refuses an upload or a task; the message is for the user."""


class UploadError(PageError):
    """An upload is too large, has another format than it claims, or is malicious."""


class QueueError(PageError):
    """A queue is full or closed."""


_CONTROLS: Final = {
    "channels": "'Channels' under 'How to read the files'",
    "scale": "'Scale' under 'How to read the files'",
    "offset": "'Offset' under 'How to read the files'",
    "nodata": "'Nodata value' under 'How to read the files'",
    "pixel_size_m": "'Pixel size' under 'How to read the files'",
    "landslide_values": "'Landslide value' under 'Reference'",
    "layer": "'Layer' under 'Reference'",
    "threshold": "'Threshold'",
    "min_area_m2": "'Minimum area'",
    "masks": "'Masks'",
    "exclude": "'Excluded area' under 'Masks'",
    "exclude_layer": "'Layer of the file' under 'Masks'",
    "to_toa": "'Convert to top of atmosphere' under 'How to read the files'",
}
"""Control of the page that sets a parameter, by the name of the parameter."""


def explain(error: LandslipError, folder: Path, names: Mapping[str, str]) -> str:
    """Return the message of an error with the user's file names, and the control that sets its parameter.

    Args:
        error: of the package.
        folder: the user's own.
        names: the user's name of each file, by our own.
    """
    message = use_user_names(str(error), folder, names)
    control = _CONTROLS.get(error.parameter or "")
    return f"{message} (on this page: {control})" if control else message


def name_control(warning: str) -> str:
    """Return a warning with the control that sets the parameter which it tells to set.

    Examples:
        >>> name_control("the scene is too bright; set offset to -1000")
        "the scene is too bright; set offset to -1000 (on this page: 'Offset' under 'How to read the files')"
    """
    named = re.search(r"\b(?:set|give) (\w+)", warning)
    control = _CONTROLS.get(named[1]) if named else None
    return f"{warning} (on this page: {control})" if control else warning


def use_user_names(text: str, folder: Path, names: Mapping[str, str]) -> str:
    """Replace our own file names by the user's, and remove every path of this machine.

    Args:
        text: a message of the package.
        folder: the user's own.
        names: the user's name of each file, by our own.
    """
    for path in {str(folder.resolve()), str(folder)}:
        text = re.sub(re.escape(path) + r"(/[\w.-]+)*/", "", text)
        text = text.replace(path, "the upload")
    # A shortened message may end within a path.
    for parent in list(folder.resolve().parents)[:-1]:
        text = re.sub(re.escape(str(parent)) + r"(/[\w.-]*)*", "the upload", text)
    for own, theirs in sorted(names.items(), key=lambda item: -len(item[0])):
        text = text.replace(own, theirs)
        # The companions of a file have its stem: those of a shapefile, for example.
        text = re.sub(rf"{re.escape(Path(own).stem)}\.\w+", theirs, text)
    return text
