"""A file that a server offers, as the server's own list describes it; a list is judged before it is believed."""

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from landslip.errors import RunError
from landslip.files.connection import Connection

_LARGEST_LIST_BYTES: Final = 32 * 2**20
_MOST_FILES: Final = 50_000
_LARGEST_FILE_BYTES: Final = 200 * 10**9
_HEX: Final = {"md5": 32, "sha256": 64, "git-sha1": 40}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file that a source offers."""

    name: str
    """Relative path with slashes."""
    url: str
    size_bytes: int
    hash_kind: Literal["md5", "sha256", "git-sha1"]
    hash_hex: str


def ask_json(connection: Connection, url: str) -> tuple[Any, str]:
    """What a server answers, and its header Link.

    Raises:
        RunError: it cannot be reached, or answers what is no JSON.
    """
    body, headers = connection.read(url, _LARGEST_LIST_BYTES)
    try:
        return json.loads(body), headers.get("Link", "")
    except (ValueError, RecursionError) as error:
        raise RunError(f"{url} answers what is no JSON ({error}): try again later, or another source") from error


def list_entries(found: Any, base: str) -> list[dict[str, Any]]:
    """The entries of a list of files.

    Raises:
        RunError: it is no such list.
    """
    if not isinstance(found, list) or len(found) > _MOST_FILES or not all(isinstance(one, dict) for one in found):
        raise RunError(f"{base} answers what is no list of files: try again later, or another source")
    return found


def remote_file(name: Any, url: Any, size: Any, kind: str, digest: Any, base: str) -> RemoteFile:
    """Check one entry of a list.

    Raises:
        RunError: something of it is missing, or cannot be.
    """
    if not (isinstance(name, str) and isinstance(url, str) and isinstance(size, int) and isinstance(digest, str)):
        raise RunError(f"{base} lists a file without name, address, size or checksum: try again later")
    if not 0 <= size <= _LARGEST_FILE_BYTES:
        raise RunError(f"{base} lists '{name[:80]}' with {size} bytes, which cannot be: try again later")
    if kind not in _HEX or not re.fullmatch(rf"[0-9a-f]{{{_HEX[kind]}}}", digest):
        raise RunError(f"{base} lists '{name[:80]}' with no checksum that can be verified: try another source")
    if urlsplit(url).scheme not in ({"https"} if base.startswith("https:") else {"http", "https"}):
        raise RunError(f"{base} lists '{name[:80]}' at {url[:80]}, which is not where it may be: try another source")
    if plain_path(name) is None:
        raise RunError(f"{base} lists a file that cannot be taken: {name[:120]!r} is no plain path inside a folder")
    return RemoteFile(name, url, size, kind, digest)  # type: ignore[arg-type]  # kind is a key of _HEX


def plain_path(name: str) -> PurePosixPath | None:
    """A relative path that stays in the folder it is put into, on any system; None where it may not."""
    parts = name.split("/")
    plain = all(
        part not in {"", ".", ".."} and not part.endswith((" ", ".")) and len(part.encode()) <= 240 for part in parts
    )
    if not plain or len(parts) > 12 or re.search(r'[\x00-\x1f\x7f\\:*?"<>|]', name):
        return None
    return PurePosixPath(*parts)
