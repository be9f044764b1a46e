"""Names of files: those that operating systems leave in folders, and those that cannot be used."""

import os
from pathlib import Path

from landslip.errors import LandslipError

_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db"})
_MAX_NAME_BYTES = 255
_MAX_PATH_BYTES = 4095


def is_system_file(path: Path) -> bool:
    """Return whether an operating system made a file for itself: ``._*``, ``.DS_Store``, ``Thumbs.db``.

    Example:
        >>> is_system_file(Path("img/._B04.tif")), is_system_file(Path("img/B04.tif"))
        (True, False)
    """
    return path.name.startswith("._") or path.name == ".DS_Store" or path.name.lower() in _SYSTEM_FILES


def check_path_name(path: Path, error: type[LandslipError], parameter: str, *, forbidden: str = "") -> None:
    """Check that a file of this name can be opened or written, before any work is done.

    Args:
        path: of a file or folder.
        error: class of the error.
        parameter: that gave the path.
        forbidden: characters that may not be in the path, besides line breaks and other control characters.

    Raises:
        LandslipError: of the class ``error``: the name is too long, or holds a forbidden character.
    """
    text = str(path)
    shown = repr(text if len(text) <= 80 else f"{text[:40]}...{text[-30:]}")
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise error(f"the path {shown} holds a line break or another control character: rename it", parameter=parameter)
    if found := [character for character in forbidden if character in text]:
        raise error(
            f"the path {shown} holds '{found[0]}', which vector files do not allow: rename it", parameter=parameter
        )
    if len(os.fsencode(text)) > _MAX_PATH_BYTES or any(len(os.fsencode(part)) > _MAX_NAME_BYTES for part in path.parts):
        raise error(
            f"the path {shown} is too long, a name has at most {_MAX_NAME_BYTES} bytes: rename it", parameter=parameter
        )
