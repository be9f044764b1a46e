"""Where what was fetched is kept between calls, and the checksum that each file had when it was first seen.

The first sight is trusted; from then on a file of that name with another checksum is refused, whoever sends it.
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from landslip.errors import OutputError, RunError
from landslip.files.remote import RemoteFile

FOLDER_VARIABLE: Final = "LANDSLIP_HOME"
PINS: Final = "first-seen.json"


class Pin(BaseModel):
    """What a file was when it was first seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    size_bytes: int
    url: str
    first_seen: str


_PINS: Final = TypeAdapter(dict[str, Pin])


def kept_folder() -> Path:
    """The folder of this user's fetched files: ``LANDSLIP_HOME``, or where the system keeps such."""
    if given := os.environ.get(FOLDER_VARIABLE):
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "landslip"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "landslip"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "landslip"


def read_pins(folder: Path) -> dict[str, Pin]:
    """What was seen of every file so far, by name.

    Raises:
        OutputError: the record cannot be read.
    """
    path = folder / PINS
    try:
        return _PINS.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        raise OutputError(
            f"{path}, which says what was fetched before, cannot be read: put it right, or remove it to begin anew"
        ) from error


def check_pin(folder: Path, name: str, offered: RemoteFile) -> None:
    """Refuse a file that is not what it was when it was first seen.

    Raises:
        RunError: it is another one.
        OutputError: the record cannot be read.
    """
    pin = read_pins(folder).get(name)
    if pin is not None and pin.sha256 != offered.hash_hex:
        raise RunError(
            f"{name} is not the file that it was when it was first seen on {pin.first_seen} (sha256 "
            f"{pin.sha256[:12]}... then, {offered.hash_hex[:12]}... now at {offered.url}): it is not taken; if you "
            f"know why and trust it, remove its entry from {folder / PINS}"
        )


def pin(folder: Path, name: str, seen: RemoteFile) -> None:
    """Keep what a file was, unless it was seen before; the record is whole or as it was."""
    pins = read_pins(folder)
    if name in pins:
        return
    today = datetime.now(UTC).date().isoformat()
    new = Pin(sha256=seen.hash_hex, size_bytes=seen.size_bytes, url=seen.url, first_seen=today)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{PINS}.part"
    everything = {one: value.model_dump() for one, value in sorted({**pins, name: new}.items())}
    part.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    part.replace(folder / PINS)
