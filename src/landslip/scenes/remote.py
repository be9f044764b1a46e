"""Rasters on a server, by HTTP or S3: read in parts through GDAL's virtual file systems, and known by their headers.

A path such as ``https://server/B04.tif`` or ``s3://bucket/B04.tif`` becomes ``/vsicurl/...`` or ``/vsis3/...``. A
``Path`` has single slashes: ``gdal_name`` restores the double one of a URL.
"""

import os
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from landslip.errors import SceneError, require_extra

EXTRA: Final = "cluster"
_URL: Final = re.compile(r"(https?|s3):/+(.+)")
_CURL: Final = re.compile(r"/vsicurl/(https?):/+(.+)")
_ENDINGS: Final = (".tif", ".tiff", ".jp2", ".vrt", ".img")
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_TIMEOUT_S: Final = 60.0
_OPTIONS: Final = MappingProxyType(
    {
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_HTTP_CONNECTTIMEOUT": "20",
        "GDAL_HTTP_TIMEOUT": "120",
        "GDAL_HTTP_MAX_RETRY": "5",
        "GDAL_HTTP_RETRY_DELAY": "1",
        "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    }
)


def is_remote(path: Path) -> bool:
    """Return whether a path names a file on a server.

    Example:
        >>> is_remote(Path("/vsis3/bucket/B04.tif")), is_remote(Path("B04.tif"))
        (True, False)
    """
    return path.parts[:2] in (("/", "vsicurl"), ("/", "vsis3"))


def local_or_remote(path: Path) -> Path:
    """Return a path as it is, or that of GDAL's virtual file system where it is a URL.

    Raises:
        SceneError: the URL does not end as a raster does, or has a query.

    Example:
        >>> str(local_or_remote(Path("s3://bucket/scene/B04.tif")))
        '/vsis3/bucket/scene/B04.tif'
    """
    found = _URL.fullmatch(str(path))
    if not found:
        return path
    scheme, rest = found.groups()
    shown = f"{scheme}://{rest.partition('?')[0]}"
    if "?" in rest or "#" in rest:
        raise SceneError(
            f"{shown} is given with a query, which would be written into the files of the map and may hold a token: "
            "give the plain URL, and credentials in the environment",
            parameter="paths",
        )
    if not rest.lower().endswith(_ENDINGS):
        raise SceneError(
            f"{shown} is no raster file: give the URL of each raster ({', '.join(_ENDINGS)}), as folders and products "
            "on a server are not listed",
            parameter="paths",
        )
    return Path("/vsis3", rest) if scheme == "s3" else Path("/vsicurl", f"{scheme}:", rest)


def gdal_name(path: Path) -> str:
    """Return the name by which GDAL opens a path.

    Example:
        >>> gdal_name(Path("/vsicurl/https:/server/B04.tif"))
        '/vsicurl/https://server/B04.tif'
    """
    return _CURL.sub(r"/vsicurl/\1://\2", str(path))


def gdal_options(path: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return GDAL's options for a file on a server; none for a file on this machine.

    Args:
        path: as ``local_or_remote`` returns it.
        environment: where the address of an S3 server is looked for.
    """
    if not is_remote(path):
        return {}
    options = dict(_OPTIONS)
    endpoint = next((environment[name] for name in _ENDPOINTS if environment.get(name)), None)
    if endpoint and "AWS_S3_ENDPOINT" not in environment:
        # GDAL has its own variables for what other clients read from AWS_ENDPOINT_URL.
        scheme, _, host = endpoint.rpartition("://")
        options |= {
            "AWS_S3_ENDPOINT": host.rstrip("/"),
            "AWS_HTTPS": "NO" if scheme == "http" else "YES",
            "AWS_VIRTUAL_HOSTING": "FALSE",
        }
    return options


def remote_state(path: Path) -> list[object]:
    """Return size, ETag and time of a file on a server, which change when the file does.

    Raises:
        SceneError: the server does not tell.
        MissingExtraError: the extra ``cluster`` is not installed, for a file on S3.
    """
    if path.parts[1] == "vsis3":
        return _s3_state(path)
    url = gdal_name(path).removeprefix("/vsicurl/")
    request = urllib.request.Request(url, method="HEAD", headers={"Accept-Encoding": "identity"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            headers = answer.headers
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise _not_known(url, error) from error
    return [headers.get("Content-Length"), headers.get("ETag"), headers.get("Last-Modified")]


def _s3_state(path: Path) -> list[object]:
    stores, known = (require_extra(f"obstore.{name}", EXTRA) for name in ("store", "exceptions"))
    obstore = require_extra("obstore", EXTRA)
    bucket, key = path.parts[2], "/".join(path.parts[3:])
    endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), None)
    options = {"endpoint": endpoint} if endpoint else {}
    client = {"allow_http": True} if endpoint and endpoint.startswith("http://") else {}
    if os.environ.get("AWS_NO_SIGN_REQUEST", "").upper() in ("YES", "TRUE", "1"):
        options["skip_signature"] = "true"
    try:
        store = stores.S3Store(bucket, config=options, client_options=client)
        meta = obstore.head(store, key)
    except (known.BaseError, OSError) as error:
        raise _not_known(f"s3://{bucket}/{key}", error) from error
    return [meta["size"], meta["e_tag"], meta["last_modified"].isoformat()]


def _not_known(url: str, error: Exception) -> SceneError:
    reason = " ".join(str(error).split())[:200]
    return SceneError(
        f"{url} cannot be read ({reason}): check the address, and the credentials in the environment", parameter="paths"
    )
