"""What a public source holds: names, sizes and checksums, as the source itself lists them at the time of asking.

Zenodo: ``GET /api/records/<id>``, which gives an MD5 for each file. The mirror: ``landslip.files.hub``.
"""

from collections.abc import Iterator
from typing import Final, Literal

from landslip.errors import RunError
from landslip.files.connection import Connection
from landslip.files.hub import HUB, list_hub
from landslip.files.remote import RemoteFile, ask_json, list_entries, remote_file

ZENODO_RECORD: Final = "10463239"
HUGGING_FACE_DATASET: Final = "ibm-nasa-geospatial/Landslide4sense"
SourceName = Literal["zenodo", "hugging-face"]
BASE_URLS: Final[dict[SourceName, str]] = {"zenodo": "https://zenodo.org", "hugging-face": HUB}
BY_HAND: Final[dict[SourceName, str]] = {
    "zenodo": f"https://zenodo.org/records/{ZENODO_RECORD}",
    "hugging-face": f"{HUB}/datasets/{HUGGING_FACE_DATASET}",
}
"""Pages where a person can download the files."""


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
    listed = (
        _zenodo(connection, base)
        if source == "zenodo"
        else list_hub(connection, base, "datasets", HUGGING_FACE_DATASET)
    )
    found = tuple(listed)
    names = [file.name.lower() for file in found]
    if not found or len(set(names)) < len(names):
        raise RunError(f"{base} lists {'no file' if not found else 'a file twice'}: try again later, or another source")
    return found


def _zenodo(connection: Connection, base: str) -> Iterator[RemoteFile]:
    record = ask_json(connection, f"{base}/api/records/{ZENODO_RECORD}")[0]
    for entry in list_entries(record.get("files") if isinstance(record, dict) else None, base):
        kind, _, digest = str(entry.get("checksum")).partition(":")
        links = entry.get("links")
        url = links.get("self") if isinstance(links, dict) else None
        yield remote_file(entry.get("key"), url, entry.get("size"), kind, digest, base)
