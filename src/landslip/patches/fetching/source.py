"""What a public source holds: names, sizes and checksums, as the source itself lists them at the time of asking.

Zenodo: ``GET /api/records/<id>``, which gives an MD5 for each file. Hugging Face hub: ``GET
/api/datasets/<name>/tree/main``, page by page, which gives the sha256 of large files (Git LFS), Git's sha1 of others.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

from landslip.errors import PatchesError, RunError
from landslip.patches.fetching.connection import Connection

ZENODO_RECORD: Final = "10463239"
HUGGING_FACE_DATASET: Final = "ibm-nasa-geospatial/Landslide4sense"
SourceName = Literal["zenodo", "hugging-face"]
BASE_URLS: Final[dict[SourceName, str]] = {"zenodo": "https://zenodo.org", "hugging-face": "https://huggingface.co"}
BY_HAND: Final[dict[SourceName, str]] = {
    "zenodo": f"https://zenodo.org/records/{ZENODO_RECORD}",
    "hugging-face": f"https://huggingface.co/datasets/{HUGGING_FACE_DATASET}",
}
"""Pages where a person can download the files."""

_LARGEST_LIST_BYTES: Final = 32 * 2**20
_MOST_PAGES: Final = 200
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


def list_files(source: SourceName, base_url: str | None = None) -> tuple[RemoteFile, ...]:
    """Ask a source what it holds.

    Args:
        source: where to ask.
        base_url: another server that answers as the source does.

    Raises:
        RunError: the source cannot be reached, or answers what is no such list.
    """
    base = (base_url or BASE_URLS[source]).rstrip("/")
    connection = Connection(base)
    found = tuple(_zenodo(connection, base) if source == "zenodo" else _hugging_face(connection, base))
    names = [file.name.lower() for file in found]
    if not found or len(set(names)) < len(names):
        raise RunError(f"{base} lists {'no file' if not found else 'a file twice'}: try again later, or another source")
    return found


def _zenodo(connection: Connection, base: str) -> Iterator[RemoteFile]:
    record = _json(connection, f"{base}/api/records/{ZENODO_RECORD}")[0]
    for entry in _entries(record.get("files") if isinstance(record, dict) else None, base):
        kind, _, digest = str(entry.get("checksum")).partition(":")
        links = entry.get("links")
        url = links.get("self") if isinstance(links, dict) else None
        yield _file(entry.get("key"), url, entry.get("size"), kind, digest, base)


def _hugging_face(connection: Connection, base: str) -> Iterator[RemoteFile]:
    url: str | None = f"{base}/api/datasets/{HUGGING_FACE_DATASET}/tree/main?recursive=true"
    for _ in range(_MOST_PAGES):
        if url is None:
            return
        page, link = _json(connection, url)
        for entry in _entries(page, base):
            name = entry.get("path")
            if entry.get("type") != "file" or str(name).startswith("."):
                continue
            large = entry.get("lfs")
            kind, digest = ("sha256", large.get("oid")) if isinstance(large, dict) else ("git-sha1", entry.get("oid"))
            at = f"{base}/datasets/{HUGGING_FACE_DATASET}/resolve/main/{quote(str(name))}"
            yield _file(name, at, entry.get("size"), kind, digest, base)
        following = re.search(r'<([^>]+)>;\s*rel="next"', link)
        url = following[1] if following else None
    raise RunError(f"{base} lists files on more than {_MOST_PAGES} pages, which is no list of Landslide4Sense")


def _json(connection: Connection, url: str) -> tuple[Any, str]:
    """What a server answers, and its header Link."""
    body, headers = connection.read(url, _LARGEST_LIST_BYTES)
    try:
        return json.loads(body), headers.get("Link", "")
    except (ValueError, RecursionError) as error:
        raise RunError(f"{url} answers what is no JSON ({error}): try again later, or another source") from error


def _entries(found: Any, base: str) -> list[dict[str, Any]]:
    if not isinstance(found, list) or len(found) > _MOST_FILES or not all(isinstance(one, dict) for one in found):
        raise RunError(f"{base} answers what is no list of files: try again later, or another source")
    return found


def _file(name: Any, url: Any, size: Any, kind: str, digest: Any, base: str) -> RemoteFile:
    """Check one entry of a list."""
    if not (isinstance(name, str) and isinstance(url, str) and isinstance(size, int) and isinstance(digest, str)):
        raise RunError(f"{base} lists a file without name, address, size or checksum: try again later")
    if not 0 <= size <= _LARGEST_FILE_BYTES:
        raise RunError(f"{base} lists '{name[:80]}' with {size} bytes, which cannot be: try again later")
    if kind not in _HEX or not re.fullmatch(rf"[0-9a-f]{{{_HEX[kind]}}}", digest):
        raise RunError(f"{base} lists '{name[:80]}' with no checksum that can be verified: try another source")
    if urlsplit(url).scheme not in ({"https"} if base.startswith("https:") else {"http", "https"}):
        raise RunError(f"{base} lists '{name[:80]}' at {url[:80]}, which is not where it may be: try another source")
    try:
        safe_path(name)
    except PatchesError as error:
        raise RunError(f"{base} lists a file that cannot be taken: {error}") from error
    return RemoteFile(name, url, size, kind, digest)  # type: ignore[arg-type]  # kind is a key of _HEX


def safe_path(name: str) -> PurePosixPath:
    """A relative path that stays in the folder it is put into, on any system.

    Raises:
        PatchesError: it may not.
    """
    parts = name.split("/")
    plain = all(
        part not in {"", ".", ".."} and not part.endswith((" ", ".")) and len(part.encode()) <= 240 for part in parts
    )
    if not plain or len(parts) > 12 or re.search(r'[\x00-\x1f\x7f\\:*?"<>|]', name):
        raise PatchesError(f"{name[:120]!r} is no plain path inside a folder")
    return PurePosixPath(*parts)
