"""How the page is served: Streamlit's own settings, the port, and the end of the server."""

import os
import socket
from pathlib import Path
from typing import Any, Final

from landslip.errors import OutputError, require_extra
from landslip.figures.colour_ramps import ACCENT
from landslip.page.server.settings import PageSettings

_SCRIPT: Final = Path(__file__).parents[1] / "app.py"


def streamlit_options(settings: PageSettings) -> dict[str, Any]:
    """Return Streamlit's own settings, by name."""
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
        OutputError: the port cannot be used.
    """
    require_extra("streamlit", "page")
    _check_port(settings)
    # No map service is used: no key of this machine's user may end up in the page.
    for name in ("MAPBOX_API_KEY", "CARTO_API_KEY", "GOOGLE_MAPS_API_KEY"):
        os.environ.pop(name, None)
    from streamlit.web import bootstrap  # noqa: PLC0415 - an extra

    options = streamlit_options(settings)
    bootstrap.load_config_options(flag_options=options)
    from landslip.page.server.session import get_server_state  # noqa: PLC0415 - after Streamlit is configured

    text = settings.model_dump_json()
    # Start the workers before the first user arrives.
    server = get_server_state(text)
    try:
        bootstrap.run(str(_SCRIPT), False, [text], options)
    finally:
        server.close()


def _check_port(settings: PageSettings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.address, settings.port))
        except OSError as error:
            raise OutputError(
                f"port {settings.port} of {settings.address} cannot be used ({error.strerror}): choose another port",
                parameter="port",
            ) from error
