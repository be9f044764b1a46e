"""The settings of the page: what its operator allows. Given on the command line, they cannot be changed after."""

import os
import socket
import sys
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from landslip.errors import OutputError, require_extra
from landslip.figures.colour_ramps import ACCENT
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


_SCRIPT: Final = Path(__file__).with_name("app.py")


def streamlit_options(settings: PageSettings) -> dict[str, Any]:
    """What Streamlit is told, by the names of its own settings."""
    return {
        "server_address": settings.address,
        "server_port": settings.port,
        "server_baseUrlPath": settings.base_path.strip("/"),
        "server_maxUploadSize": settings.max_upload_mb,
        "server_headless": True,
        "server_fileWatcherType": "none",
        "server_runOnSave": False,
        "server_enableXsrfProtection": True,
        "server_enableCORS": True,
        "server_enableStaticServing": False,
        "browser_gatherUsageStats": False,
        "client_toolbarMode": "minimal",
        "client_showErrorDetails": "none",
        "global_developmentMode": False,
        "runner_magicEnabled": False,
        "logger_level": "warning",
        "theme_base": "light",
        "theme_primaryColor": ACCENT,
        "theme_backgroundColor": "#fcfbf8",
        "theme_secondaryBackgroundColor": "#f1efe9",
        "theme_textColor": "#1f2326",
    }


def serve(settings: PageSettings) -> None:
    """Serve the page until it is stopped.

    Raises:
        MissingExtraError: Streamlit is not installed.
        OutputError: the port is taken.
    """
    require_extra("streamlit", "page")
    _check_port(settings)
    # Tiles and styles are asked for nowhere: no key of this machine's user goes into the page.
    for name in ("MAPBOX_API_KEY", "CARTO_API_KEY", "GOOGLE_MAPS_API_KEY"):
        os.environ.pop(name, None)
    from streamlit.web import bootstrap  # noqa: PLC0415 - an extra

    options = streamlit_options(settings)
    bootstrap.load_config_options(flag_options=options)
    from landslip.page.server.session import workshop_for  # noqa: PLC0415 - after Streamlit is set up

    text = settings.model_dump_json()
    # Now rather than for the first visitor.
    workshop = workshop_for(text)
    try:
        bootstrap.run(str(_SCRIPT), False, [text], options)
    finally:
        workshop.close()


def _check_port(settings: PageSettings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.address, settings.port))
        except OSError as error:
            raise OutputError(
                f"port {settings.port} of {settings.address} cannot be used ({error.strerror}): give another --port"
            ) from error
