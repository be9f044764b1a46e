"""Networks as OpenVINO compiled them for this machine, kept in the user's cache folder to start faster next time.

A file is named by everything that it depends on, and starts with the sha256 of what follows: a damaged or foreign file
is not loaded. The files that were used longest ago are removed.
"""

import contextlib
import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any, Final

import openvino

from landslip.errors import OutputError
from landslip.files.atomic import atomic_path
from landslip.inference.cpu import cpu_instructions, cpu_name
from landslip.inference.remembered_choice import cache_folder

FOLDER: Final = "openvino"
LARGEST_KEPT_BYTES: Final = 32_000_000
"""Of a detector: larger networks are compiled each time."""
_SUFFIX: Final = ".blob"
_KEPT_BYTES: Final = 200_000_000
_SHA256_BYTES: Final = 32


def compiled_path(*facts: object) -> Path:
    """Return the path of a compiled network that depends on some facts, this CPU and this version of OpenVINO.

    Example:
        >>> compiled_path("detector", 128) == compiled_path("detector", 256)
        False
    """
    machine = [openvino.__version__, cpu_name(), sorted(cpu_instructions() or ()), os.cpu_count()]
    text = json.dumps([*machine, *map(str, facts)])
    return cache_folder() / FOLDER / (hashlib.sha256(text.encode()).hexdigest() + _SUFFIX)


def read_compiled(core: openvino.Core, path: Path, device: str, settings: dict[Any, Any]) -> Any | None:
    """Load a compiled network; None where there is none that can be loaded."""
    try:
        with path.open("rb") as file:
            sha256, blob = file.read(_SHA256_BYTES), file.read()
    except OSError:
        return None
    if hashlib.sha256(blob).digest() != sha256:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    with contextlib.suppress(RuntimeError):
        return core.import_model(io.BytesIO(blob), device, settings)
    return None


def keep_compiled(path: Path, compiled: Any) -> None:
    """Store a compiled network and remove those used longest ago; a folder that cannot be written is no error."""
    with contextlib.suppress(OSError, OutputError, RuntimeError):
        path.parent.mkdir(parents=True, exist_ok=True)
        # A network can be large: it is not copied.
        blob = compiled.export_model().getbuffer()
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            file.write(hashlib.sha256(blob).digest())
            file.write(blob)
        _remove_oldest(path.parent)


def _remove_oldest(folder: Path) -> None:
    files = sorted(((one.stat(), one) for one in folder.glob(f"*{_SUFFIX}")), key=lambda pair: -pair[0].st_mtime)
    total = 0
    for facts, path in files:
        total += facts.st_size
        if total > _KEPT_BYTES:
            path.unlink(missing_ok=True)
