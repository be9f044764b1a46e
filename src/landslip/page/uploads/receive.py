"""Uploads as they arrive: counted, weighed, known by their first bytes, and written under names of our own.

This runs in the server, so nothing here opens a file by its format.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from landslip.page import messages as words
from landslip.page.errors import UploadError
from landslip.page.jobs.tasks import Upload
from landslip.page.server.serving import PageSettings
from landslip.page.uploads.names import IMAGE_KINDS, LONGEST, Kind, described, ending_for, kind_of, own_stem, shown

_CHUNK_BYTES: Final = 1 << 20
_ROOM_LEFT_BYTES: Final = 500_000_000
"""What an upload must leave free on the disk."""
_LOOKED_AT_BYTES: Final = 64


class Arrived(Protocol):
    """An upload as Streamlit hands it over."""

    name: str
    size: int

    def read(self, length: int, /) -> bytes:
        """The next bytes."""

    def seek(self, offset: int, /) -> int:
        """Go to a place."""


def receive(
    files: Sequence[Arrived], folder: Path, settings: PageSettings, taken: frozenset[Kind] = IMAGE_KINDS
) -> tuple[Upload, ...]:
    """Write uploads to a folder; none is left there where one is refused.

    Args:
        files: as they arrived.
        folder: of the visitor; made if need be.
        settings: how much is allowed.
        taken: the kinds of file that are.

    Raises:
        UploadError: too many, too large, empty, of a kind that the page does not take, or there is no room.
    """
    if not files:
        raise UploadError(words.NOTHING_GIVEN)
    if len(files) > settings.max_files:
        raise UploadError(words.TOO_MANY_FILES.format(count=len(files), most=settings.max_files))
    kinds = [_judged(one, settings, taken) for one in files]
    total = sum(one.size for one in files)
    check_room(folder.parent, total, settings)
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < total + _ROOM_LEFT_BYTES:
        raise UploadError(words.DISK_FULL)
    received: list[Upload] = []
    try:
        for number, (one, (first, kind)) in enumerate(zip(files, kinds, strict=True), start=1):
            path = folder / f"{own_stem(number, one.name)}{ending_for(first, kind)}"
            _write(one, path)
            received.append(Upload(path=path, shown=shown(one.name), kind=kind))
    except OSError as error:
        for upload in received:
            upload.path.unlink(missing_ok=True)
        raise UploadError(words.DISK_FULL) from error
    return tuple(received)


def check_room(folder: Path, total: int, settings: PageSettings) -> None:
    """Check that a visitor may keep so many bytes more.

    Raises:
        UploadError: it would be more than one visitor may keep.
    """
    held = held_bytes(folder)
    if held + total > settings.max_visit_mb * 10**6:
        raise UploadError(words.VISIT_FULL.format(held=held / 1e6, total=total / 1e6, most=settings.max_visit_mb))


def held_bytes(folder: Path) -> int:
    """What a folder holds on disk."""
    return sum((Path(where) / name).stat().st_size for where, _, names in os.walk(folder) for name in names)


def _judged(one: Arrived, settings: PageSettings, taken: frozenset[Kind]) -> tuple[bytes, Kind]:
    name = shown(one.name)
    if one.size > settings.max_upload_mb * 10**6:
        raise UploadError(words.TOO_LARGE.format(name=name, size=one.size / 1e6, most=settings.max_upload_mb))
    one.seek(0)
    first = one.read(max(LONGEST, _LOOKED_AT_BYTES))
    one.seek(0)
    kind = kind_of(first, taken)
    if kind is None:
        refusal = words.NOT_TAKEN if taken == IMAGE_KINDS else words.TRUTH_NOT_TAKEN
        raise UploadError(refusal.format(name=name, what=described(first)))
    return first, kind


def _write(one: Arrived, path: Path) -> None:
    """Write a file that must not be there yet, readable by nobody else."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        one.seek(0)
        while chunk := one.read(_CHUNK_BYTES):
            target.write(chunk)
