"""Settings of the page: limits and content. They come from the command line and do not change afterwards."""

import sys
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from landslip.files.model import Frozen

_EXAMPLES: Final = Path(__file__).parents[4] / "examples"

Count = Annotated[int, Field(ge=1)]


class PageSettings(Frozen):
    """Limits and content of the page on one machine, for all users together unless stated otherwise."""

    address: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8501
    base_path: Annotated[str, Field(pattern=r"^[A-Za-z0-9/_-]*$")] = ""
    """Path of the page behind a reverse proxy, such as ``landslip``."""
    max_upload_mb: Count = 200
    """Largest file."""
    max_session_mb: Count = 2000
    """Disk space of one user: uploads, unpacked zips and results."""
    max_files: Count = 64
    """Files in one upload; a zip may hold ten times as many."""
    max_megapixels: Count = 150
    """Largest scene; a Sentinel-2 tile has 121."""
    max_patches: Count = 500
    """Landslide4Sense patches in one upload."""
    reader_memory_mb: Count = 4000
    """Address space of the process that reads an upload first."""
    reader_time_s: Count = 90
    workers: Count = 1
    """Number of maps made in parallel."""
    worker_memory_mb: Count = 12_000
    """Address space of a process that makes a map; its resident memory is much smaller."""
    run_time_s: Count = 1800
    """Time limit of a map."""
    threads: Count | None = None
    """CPU threads for a map; all cores where None."""
    max_waiting: Count = 60
    """Waiting tasks in a queue."""
    max_waiting_per_user: Count = 8
    data: Path | None = None
    """Data set for the view Explore."""
    detectors: tuple[Path, ...] = ()
    """Detectors besides the packaged ones."""
    base_map: str | None = None
    """Base map (URL of a MapLibre style); None requests nothing from other servers."""
    examples: Path | None = _EXAMPLES if _EXAMPLES.is_dir() else None
    """Folder of the example images."""

    @classmethod
    def from_arguments(cls, arguments: list[str] | None = None) -> "PageSettings":
        """Read the settings that ``serve`` passed to the script as JSON; the defaults if there are none."""
        arguments = sys.argv[1:] if arguments is None else arguments
        return cls.model_validate_json(arguments[0]) if arguments and arguments[0].startswith("{") else cls()
