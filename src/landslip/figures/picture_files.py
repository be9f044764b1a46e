"""Write a picture: whole, or not at all, and never over another by accident."""

from pathlib import Path

from PIL import Image

from landslip.errors import OutputError


def check_picture(path: Path, *, overwrite: bool) -> None:
    """Refuse early what could not be written later.

    Raises:
        OutputError: it is no PNG, or is there already.
    """
    if path.suffix.lower() != ".png":
        raise OutputError(f"{path} is no name for a picture: let it end in .png")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} is there already: give another name, or --overwrite to replace it")


def write_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG.

    Raises:
        OutputError: it cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(unfinished, "PNG", optimize=True)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written ({error}): give a file in a folder you may write to") from error
