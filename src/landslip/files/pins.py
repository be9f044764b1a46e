"""The checksum of every published file at its first download: a file that changes later is refused."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from landslip.errors import OutputError, RunError, require_extra
from landslip.files.atomic import write_text
from landslip.files.download import EXTRA, RemoteFile
from landslip.files.model import Frozen

FOLDER_VARIABLE: Final = "LANDSLIP_HOME"
PINS: Final = "first-seen.json"


class Pin(Frozen):
    """A file at its first download."""

    sha256: str
    size_bytes: int
    url: str
    first_seen: str


_PINS: Final = TypeAdapter(dict[str, Pin])


def downloads_folder() -> Path:
    """Return the folder of downloaded weights: ``LANDSLIP_HOME``, or the user's data folder of the operating system."""
    if given := os.environ.get(FOLDER_VARIABLE):
        return Path(given)
    return Path(require_extra("platformdirs", EXTRA).user_data_path("landslip", appauthor=False))


def read_pins(folder: Path) -> dict[str, Pin]:
    """Read the pins of a folder, by name.

    Raises:
        OutputError: ``first-seen.json`` cannot be read.
    """
    path = folder / PINS
    try:
        return _PINS.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        raise OutputError(
            f"{path}, the record of earlier downloads, cannot be read: repair it, or remove it to start a new one"
        ) from error


def check_pin(folder: Path, name: str, offered: RemoteFile) -> None:
    """Refuse a file whose checksum is not that of its first download.

    Raises:
        RunError: the checksums differ.
        OutputError: ``first-seen.json`` cannot be read.
    """
    pin = read_pins(folder).get(name)
    sha256 = offered.checksum.removeprefix("sha256:")
    if pin is not None and pin.sha256 != sha256:
        raise RunError(
            f"{name} is not the file that was first downloaded on {pin.first_seen} (sha256 {pin.sha256[:12]}... then, "
            f"{sha256[:12]}... now at {offered.url}) and is refused: if you know why it changed and trust it, remove "
            f"its entry from {folder / PINS}"
        )


def pin(folder: Path, name: str, file: RemoteFile) -> None:
    """Record the checksum of a file, unless the name has a pin."""
    pins = read_pins(folder)
    if name in pins:
        return
    today = datetime.now(UTC).date().isoformat()
    sha256 = file.checksum.removeprefix("sha256:")
    new = Pin(sha256=sha256, size_bytes=file.size_bytes, url=file.url, first_seen=today)
    folder.mkdir(parents=True, exist_ok=True)
    everything = {one: value.model_dump() for one, value in sorted({**pins, name: new}.items())}
    write_text(folder / PINS, json.dumps(everything, indent=1) + "\n")
