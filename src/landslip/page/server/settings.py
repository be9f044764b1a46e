"""The settings of the page: what its operator allows. Given on the command line, they cannot be changed after."""

import sys
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from landslip.files.model import Frozen

_EXAMPLES: Final = Path(__file__).parents[3] / "examples"

Some = Annotated[int, Field(ge=1)]


class PageSettings(Frozen):
    """What the page may do, on one machine, for all visitors together unless said otherwise."""

    address: str = "127.0.0.1"
    """Where to listen: this machine alone."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8501
    base_path: Annotated[str, Field(pattern=r"^[A-Za-z0-9/_-]*$")] = ""
    """Where the page lies behind a reverse proxy, such as ``landslip``."""
    max_upload_mb: Some = 200
    """Largest file."""
    max_visit_mb: Some = 2000
    """What one visitor may keep on disk: uploads, what zips unpack to, and results."""
    max_files: Some = 64
    """Files in one upload, and in a zip ten times as many."""
    max_megapixels: Some = 150
    """Largest scene: a whole Sentinel-2 tile has 121."""
    max_patches: Some = 500
    """Most Landslide4Sense patches in one upload."""
    reader_memory_mb: Some = 4000
    """Address space of the process that reads an upload first."""
    reader_time_s: Some = 90
    workers: Some = 1
    """How many maps are made at a time."""
    worker_memory_mb: Some = 12_000
    """Address space of a process that makes a map, of which it uses a small part."""
    run_time_s: Some = 1800
    """Longest run."""
    threads: Some | None = None
    """Cores for a map; all where None."""
    queue: Some = 60
    """Most tasks that wait."""
    queue_visitor: Some = 8
    """Most tasks that wait for one visitor."""
    data: Path | None = None
    """A data set that visitors may explore."""
    detectors: tuple[Path, ...] = ()
    """Detectors beside those of the package."""
    base_map: str | None = None
    """Style of a base map (a MapLibre style URL); none where None, so that nothing is asked for elsewhere."""
    examples: Path | None = _EXAMPLES if _EXAMPLES.is_dir() else None
    """Folder of the examples."""

    @classmethod
    def from_arguments(cls, arguments: list[str] | None = None) -> "PageSettings":
        """Read the settings that the command line handed to the script; the defaults without any."""
        given = sys.argv[1:] if arguments is None else arguments
        return cls.model_validate_json(given[0]) if given and given[0].startswith("{") else cls()
