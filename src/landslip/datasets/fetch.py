"""What a public source holds: names, sizes and checksums, as the source itself lists them at the time of asking.

Zenodo: ``GET /api/records/<id>``, which gives an MD5 for each file. The mirror: ``landslip.files.hub``.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from landslip.errors import OutputError, PatchesError, RunError
from landslip.files.connection import Connection
from landslip.files.download import download, is_right
from landslip.files.hub import HUB, list_hub
from landslip.files.remote import RemoteFile, ask_json, list_entries, remote_file
from landslip.files.unpacking import unpack

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


RECORD: Final = "fetched.json"
ATTRIBUTION: Final = (
    "Landslide4Sense, CC BY 4.0 (Zenodo 10.5281/zenodo.10463239): cite Ghorbanzadeh et al. 2022, IEEE TGRS, "
    "doi 10.1109/TGRS.2022.3215209. Contains modified Copernicus Sentinel data."
)
_ARCHIVES: Final = ".archives"
_UNPACKED_PER_PACKED: Final = 4
"""Room that unpacking takes, over that of the archives; Landslide4Sense takes about three times as much."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch left."""

    files: int
    """Files that the source lists."""
    bytes: int
    already_there: bool
    """Whether nothing was left to do."""


def fetch(
    folder: Path,
    source: SourceName = "zenodo",
    *,
    base_url: str | None = None,
    connection: Connection | None = None,
    progress: Progress = lambda doing, done, total: None,
) -> Fetched:
    """Download, verify and unpack the files of a source; a call that was broken off is gone on with.

    ``fetched.json`` comes last: where it is, all is there. Archives are removed once they are unpacked.

    Args:
        folder: where to.
        source: where from.
        base_url: another server that answers as the source does.
        connection: how to ask it.
        progress: told what is being done, how much of it is done, how much there is; in bytes while downloading.

    Raises:
        RunError: the source cannot be reached or sends what it does not list.
        PatchesError: an archive is damaged or hostile.
        OutputError: the folder cannot be written, or has no room.
    """
    try:
        files = list_files(source, base_url)
    except RunError as error:
        raise RunError(f"{error}. By hand: {BY_HAND[source]}") from error
    facts = _facts(source, files)
    total = sum(file.size_bytes for file in files)
    try:
        if _holds(folder, facts):
            return Fetched(len(files), total, already_there=True)
        _check_room(folder, files)
        _fetch_all(folder, files, connection or Connection(base_url or BASE_URLS[source]), progress)
        record = folder / f"{RECORD}.part"
        record.write_text(facts)
        record.replace(folder / RECORD)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror or error}): give a folder with room that you may write to"
        ) from error
    return Fetched(len(files), total, already_there=False)


def _fetch_all(folder: Path, files: Sequence[RemoteFile], connection: Connection, progress: Progress) -> None:
    """Download every file; unpack those that are archives."""
    total = sum(file.size_bytes for file in files)
    archives = []
    before = 0
    for file in files:
        is_archive = file.name.lower().endswith(".zip")
        path = (folder / _ARCHIVES if is_archive else folder) / file.name
        if not is_archive and path.exists() and not is_right(file, path):
            raise PatchesError(f"{path} is there with other content: move it away, or give another folder")

        def watch(have: int, before: int = before) -> None:
            progress("downloading", before + have, total)

        download(file, path, connection, watch)
        archives += [path] if is_archive else []
        before += file.size_bytes
    for archive in archives:
        name = f"unpacking {archive.name}"
        unpack(archive, folder, progress=lambda done, of, name=name: progress(name, done, of))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    shutil.rmtree(folder / _ARCHIVES, ignore_errors=True)


def _facts(source: SourceName, files: Sequence[RemoteFile]) -> str:
    """What was fetched, as text that is the same for the same files."""
    listed = [{"name": one.name, "bytes": one.size_bytes, one.hash_kind: one.hash_hex} for one in files]
    return json.dumps({"source": source, "attribution": ATTRIBUTION, "files": listed}, indent=1) + "\n"


def _holds(folder: Path, facts: str) -> bool:
    return (folder / RECORD).is_file() and (folder / RECORD).read_text() == facts


def _check_room(folder: Path, files: Sequence[RemoteFile]) -> None:
    """Refuse to begin where the disk has no room."""
    packed = sum(file.size_bytes for file in files if file.name.lower().endswith(".zip"))
    need = sum(file.size_bytes for file in files) + _UNPACKED_PER_PACKED * packed
    existing = next(one for one in [folder, *folder.absolute().parents] if one.exists())
    free = shutil.disk_usage(existing).free
    if free < need:
        raise OutputError(
            f"{folder} has {free / 1e9:,.1f} GB free, but the files need about {need / 1e9:,.1f} GB while they are "
            "unpacked: make room, or give a folder on another disk"
        )
