"""Download of Landslide4Sense from Zenodo or from its mirror on the Hugging Face hub."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, Field, ValidationError

from landslip.errors import OutputError, PatchesError, RunError
from landslip.files.atomic import check_disk_space, write_text
from landslip.files.download import HUB, RemoteFile, download, list_hub, not_a_list, read_json
from landslip.files.progress import Progress, no_progress
from landslip.files.unpacking import unpack

ZENODO_RECORD: Final = "10463239"
HUGGING_FACE_DATASET: Final = "ibm-nasa-geospatial/Landslide4sense"
SourceName = Literal["zenodo", "hugging-face"]
BASE_URLS: Final[dict[SourceName, str]] = {"zenodo": "https://zenodo.org", "hugging-face": HUB}
WEB_PAGES: Final[dict[SourceName, str]] = {
    "zenodo": f"https://zenodo.org/records/{ZENODO_RECORD}",
    "hugging-face": f"{HUB}/datasets/{HUGGING_FACE_DATASET}",
}
"""For a download by hand."""
RECORD: Final = "fetched.json"
ATTRIBUTION: Final = (
    "Landslide4Sense, CC BY 4.0 (Zenodo 10.5281/zenodo.10463239): cite Ghorbanzadeh et al. 2022, IEEE TGRS, "
    "doi 10.1109/TGRS.2022.3215209. Contains modified Copernicus Sentinel data."
)
_ARCHIVES: Final = ".archives"
_UNPACKED_PER_PACKED: Final = 4
"""Disk space for unpacking, as a multiple of the archives' size; Landslide4Sense needs about three."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The result of ``fetch``."""

    files: int
    """Number of files that the source lists."""
    bytes: int
    already_there: bool
    """Whether the folder was complete before the call."""


class _ZenodoFile(BaseModel):
    key: str
    size: int
    checksum: str
    links: dict[str, str]


class _ZenodoRecord(BaseModel):
    files: list[_ZenodoFile] = Field(min_length=1)


def list_files(source: SourceName, base_url: str | None = None) -> tuple[RemoteFile, ...]:
    """List the files of a source with their sizes and checksums.

    Args:
        source: the Zenodo record, or its mirror on the Hugging Face hub.
        base_url: another server with the same API.

    Raises:
        RunError: the source cannot be reached, or its answer is not a list of files.
    """
    base = (base_url or BASE_URLS[source]).rstrip("/")
    if source == "hugging-face":
        found = tuple(list_hub(HUGGING_FACE_DATASET, "dataset", base))
    else:
        try:
            record = _ZenodoRecord.model_validate_json(read_json(f"{base}/api/records/{ZENODO_RECORD}"))
            found = tuple(
                RemoteFile(name=one.key, url=one.links.get("self", ""), size_bytes=one.size, checksum=one.checksum)
                for one in record.files
            )
        except ValidationError as error:
            raise not_a_list(base, error) from error
    if not found or len({file.name.lower() for file in found}) < len(found):
        problem = "a file twice" if found else "no files"
        raise RunError(f"{base} lists {problem}: try again later, or another source")
    return found


def fetch(
    folder: str | Path,
    source: SourceName = "zenodo",
    *,
    base_url: str | None = None,
    progress: Progress = no_progress,
) -> Fetched:
    """Download, verify and unpack Landslide4Sense; an interrupted call resumes when repeated.

    ``fetched.json`` is written last: a folder that has it is complete. Archives are removed once they are unpacked.

    Args:
        folder: where to write the files.
        source: ``zenodo``: three archives, with masks for train only; ``hugging-face``: a file per patch, with masks
            for all.
        base_url: another server with the same API, such as a mirror.
        progress: told the bytes while downloading, and the files while unpacking.

    Raises:
        RunError: the source cannot be reached, or its files do not have the listed checksums.
        PatchesError: an archive is damaged or hostile, or a file exists with other content.
        OutputError: the folder cannot be written, or the disk is too small.
        MissingExtraError: pooch or huggingface_hub is not installed.

    Example:
        >>> fetched = fetch("data/l4s", "hugging-face")  # doctest: +SKIP
        >>> print(f"{fetched.files} files, {fetched.bytes / 1e9:.1f} GB")  # doctest: +SKIP
    """
    folder = Path(folder)
    try:
        files = list_files(source, base_url)
    except RunError as error:
        raise RunError(f"{error}; or download the files from {WEB_PAGES[source]}") from error
    record = _record(source, files)
    total = sum(file.size_bytes for file in files)
    try:
        if (folder / RECORD).is_file() and (folder / RECORD).read_text() == record:
            return Fetched(len(files), total, already_there=True)
        packed = sum(file.size_bytes for file in files if file.name.lower().endswith(".zip"))
        check_disk_space(folder, total + _UNPACKED_PER_PACKED * packed)
        _fetch_all(folder, files, progress)
        write_text(folder / RECORD, record)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror or error}): give a folder on a disk with space that you may "
            "write to",
            parameter="folder",
        ) from error
    return Fetched(len(files), total, already_there=False)


def _fetch_all(folder: Path, files: Sequence[RemoteFile], progress: Progress) -> None:
    """Download all files and unpack the archives."""
    total = sum(file.size_bytes for file in files)
    archives = []
    before = 0
    for file in files:
        is_archive = file.name.lower().endswith(".zip")
        path = folder / file.name
        if not is_archive and path.exists() and not file.matches(path):
            raise PatchesError(f"{path} exists with other content: move it away, or give another folder")

        def report(done: int, before: int = before) -> None:
            progress("downloading", before + done, total)

        downloaded = download(file, folder / _ARCHIVES if is_archive else folder, report)
        archives += [downloaded] if is_archive else []
        before += file.size_bytes
    for archive in archives:
        unpack(archive, folder, progress=progress)
    shutil.rmtree(folder / _ARCHIVES, ignore_errors=True)


def _record(source: SourceName, files: Sequence[RemoteFile]) -> str:
    """Return the content of ``fetched.json``, the same for the same files."""
    listed = []
    for file in files:
        kind, _, digest = file.checksum.partition(":")
        listed.append({"name": file.name, "bytes": file.size_bytes, kind: digest})
    return json.dumps({"source": source, "attribution": ATTRIBUTION, "files": listed}, indent=1) + "\n"
