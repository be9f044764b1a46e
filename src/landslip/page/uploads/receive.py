"""Uploads are counted, measured, recognised by their first bytes, and stored under names of our own.

This runs in the server, so nothing here opens a file by its format.
"""

import os
import re
import shutil
import unicodedata
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Final, Protocol

from landslip.channels import find_channel
from landslip.errors import ChannelError
from landslip.page import messages
from landslip.page.errors import UploadError
from landslip.page.jobs.tasks import Kind, Upload, UploadLimits
from landslip.page.server.settings import PageSettings
from landslip.scenes.naming import COMPANIONS, foreign_sensor

IMAGE_KINDS: Final[frozenset[Kind]] = frozenset({"raster", "hdf5", "png", "zip"})
POLYGON_KINDS: Final[frozenset[Kind]] = frozenset({"zip", "geopackage", "geojson", "kml", "flatgeobuf", "parquet"})
REFERENCE_KINDS: Final[frozenset[Kind]] = POLYGON_KINDS | {"raster"}

_MAGIC: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"II*\0", "raster"),
    (b"MM\0*", "raster"),
    (b"II+\0", "raster"),
    (b"MM\0+", "raster"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "raster"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"SQLite format 3\0", "geopackage"),
    (b"fgb\x03fgb", "flatgeobuf"),
    (b"PAR1", "parquet"),
)
MAGIC_BYTES: Final = max(len(magic) for magic, _ in _MAGIC)
_BEFORE_TEXT: Final = b"\xef\xbb\xbf \t\r\n"
_SUFFIXES: Final = {
    "raster": ".tif",
    "hdf5": ".h5",
    "png": ".png",
    "zip": ".zip",
    "geopackage": ".gpkg",
    "geojson": ".geojson",
    "kml": ".kml",
    "flatgeobuf": ".fgb",
    "parquet": ".parquet",
}
_JPEG_2000: Final = b"\0\0\0\x0cjP"
_DESCRIPTIONS: Final = (
    (b"\x89PNG", "a PNG picture, which has neither channel names nor a CRS"),
    (b"\xff\xd8\xff", "a JPEG picture, which has neither channel names nor a CRS"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"SQLite format 3", "a database (a GeoPackage?)"),
    (b"\x89HDF", "an HDF5 file"),
    (b"{", "a GeoJSON file, or other JSON"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x80\x02", "a Python pickle, which is never opened"),
    (b"\x80\x04", "a Python pickle, which is never opened"),
    (b"\x80\x05", "a Python pickle, which is never opened"),
    (b"<?xml", "an XML file of another kind than KML"),
    (b"<kml", "a KML file"),
    (b"fgb\x03fgb", "a FlatGeobuf file"),
    (b"PAR1", "a Parquet file"),
    (b"<VRT", "a virtual raster, which refers to other files"),
    (b"<!DOCTYPE", "a web page (did the download require a login?)"),
    (b"<html", "a web page (did the download require a login?)"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"version https://git-lfs", "a Git LFS pointer instead of the file itself"),
)
"""Formats that are refused, by their first bytes."""
_DESCRIBED_BYTES: Final = 512
"""KML may have a declaration and a comment before its first element."""
_CHUNK_BYTES: Final = 1 << 20
_FREE_BYTES: Final = 500_000_000
"""Disk space that an upload must leave free."""

_WORD: Final = re.compile(r"[A-Za-z0-9]+")
_DATE: Final = re.compile(r"(19[89]\d|20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(T([01]\d|2[0-3])[0-5]\d[0-5]\d)?")
_DASHED_DATE: Final = re.compile(r"(?<!\d)((?:19[89]|20\d)\d)[-_]([01]\d)[-_]([0-3]\d)(?!\d)")
_PLATFORM: Final = re.compile(r"(?i)L[CEMOT]0?[1-9]|SR|landsat\d?|S2[A-D]|MSIL[12][AC]|T?\d\d[A-Z]{3}|sur|refl")
_BAND: Final = re.compile(r"[Bb](\d?\d|8[Aa])")
_NUMBER: Final = re.compile(r"\d{1,7}")
_MAX_WORDS: Final = 12
_MAX_SENSOR: Final = 12
_MAX_NAME: Final = 80


class IncomingFile(Protocol):
    """An uploaded file as Streamlit passes it on."""

    name: str
    size: int

    def read(self, length: int, /) -> bytes:
        """Read the next bytes."""

    def seek(self, offset: int, /) -> int:
        """Move to an offset."""


def receive(
    files: Sequence[IncomingFile], folder: Path, settings: PageSettings, kinds: frozenset[Kind] = IMAGE_KINDS
) -> tuple[Upload, ...]:
    """Store uploaded files in a folder; all of them or none.

    Args:
        files: as Streamlit passes them on.
        folder: of the upload; made if it does not exist.
        settings: with the limits.
        kinds: accepted formats.

    Raises:
        UploadError: a file is too large, empty or of another format, there are too many, or the disk is full.
    """
    if not files:
        raise UploadError(messages.NOTHING_GIVEN)
    if len(files) > settings.max_files:
        raise UploadError(messages.TOO_MANY_FILES.format(count=len(files), most=settings.max_files))
    recognised = [_recognise(file, settings, kinds) for file in files]
    total = sum(file.size for file in files)
    check_space(folder.parent, total, settings)
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < total + _FREE_BYTES:
        raise UploadError(messages.DISK_FULL)
    received: list[Upload] = []
    try:
        for number, (file, (first, kind)) in enumerate(zip(files, recognised, strict=True), start=1):
            path = folder / f"{own_stem(number, file.name)}{own_suffix(first, kind)}"
            _write(file, path)
            received.append(Upload(path=path, name=display_name(file.name), kind=kind))
    except OSError as error:
        for upload in received:
            upload.path.unlink(missing_ok=True)
        raise UploadError(messages.DISK_FULL) from error
    return tuple(received)


def check_space(folder: Path, total: int, settings: PageSettings) -> None:
    """Check that a user may store this number of additional bytes.

    Raises:
        UploadError: the session would exceed its limit.
    """
    held = sum((Path(where) / name).stat().st_size for where, _, names in os.walk(folder) for name in names)
    if held + total > settings.max_session_mb * 10**6:
        most = settings.max_session_mb
        raise UploadError(messages.SESSION_FULL.format(held=held / 1e6, total=total / 1e6, most=most))


def _recognise(file: IncomingFile, settings: PageSettings, kinds: frozenset[Kind]) -> tuple[bytes, Kind]:
    """Check the size and return the first bytes with the format they indicate."""
    name = display_name(file.name)
    if file.size > settings.max_upload_mb * 10**6:
        raise UploadError(messages.TOO_LARGE.format(name=name, size=file.size / 1e6, most=settings.max_upload_mb))
    file.seek(0)
    first = file.read(max(MAGIC_BYTES, _DESCRIBED_BYTES))
    file.seek(0)
    kind = kind_of(first, kinds)
    if kind is None:
        refusal = messages.NOT_ACCEPTED if kinds == IMAGE_KINDS else messages.REFERENCE_NOT_ACCEPTED
        raise UploadError(refusal.format(name=name, what=_describe(first)))
    return first, kind


def _write(file: IncomingFile, path: Path) -> None:
    """Write a new file that only this user can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        file.seek(0)
        while chunk := file.read(_CHUNK_BYTES):
            target.write(chunk)


def kind_of(first: bytes, kinds: frozenset[Kind] = IMAGE_KINDS) -> Kind | None:
    """Return the format that the first bytes of a file indicate; None if it is not accepted."""
    kind: Kind | None = next((kind for magic, kind in _MAGIC if first.startswith(magic)), None)
    start = first.lstrip(_BEFORE_TEXT)
    if kind is None and start.startswith(b"{"):
        kind = "geojson"
    if kind is None and start.startswith((b"<?xml", b"<kml")) and b"<kml" in start:
        kind = "kml"
    return kind if kind in kinds else None


def _describe(first: bytes) -> str:
    """Describe a file that is not accepted."""
    if not first:
        return "empty"
    start = first.lstrip(_BEFORE_TEXT)
    return next((text for magic, text in _DESCRIPTIONS if start.startswith(magic)), "of another format")


def own_suffix(first: bytes, kind: Kind) -> str:
    """Return the suffix of our own name for a file."""
    return ".jp2" if first.startswith(_JPEG_2000) else _SUFFIXES[kind]


def own_stem(number: int, given: str) -> str:
    """Return our own stem for a file, such as ``003-x_20230818_B04_x``: known words are kept, all others replaced."""
    stem = _DASHED_DATE.sub(lambda found: "".join(found.groups()), _stem(given))
    words = _WORD.findall(stem)[:_MAX_WORDS]
    return f"{number:03d}-" + ("_".join(map(_own_word, words)) or "x")


def _own_word(word: str) -> str:
    """Return a word that landslip knows (date, platform, channel) in its own spelling; ``x`` for any other."""
    if _DATE.fullmatch(word) or _PLATFORM.fullmatch(word):
        return word
    # Bands of other sensors are numbered in another way.
    if foreign_sensor(word):
        return word[:_MAX_SENSOR]
    if word.upper() in COMPANIONS:
        return word.upper()
    try:
        channel = find_channel(word)
    except ChannelError:
        return "x"
    return channel.name if _BAND.fullmatch(word) else word.lower()


def display_name(given: str) -> str:
    """Return a user's file name in a form that can be shown: its last part, one line, shortened."""
    last = re.split(r"[/\\]", given)[-1]
    printable = "".join(character for character in unicodedata.normalize("NFC", last) if character.isprintable())
    printable = printable.strip() or "file without a name"
    return printable if len(printable) <= _MAX_NAME else printable[: _MAX_NAME - 1] + "…"


def title_of(given: str) -> str:
    """Return the title of a scene from the name of its file."""
    return _stem(display_name(given)) or "scene"


def common_title(given: Sequence[str]) -> str:
    """Return the title of a scene from the names of its files: what they have in common at the start; may be empty."""
    stems = [_stem(display_name(name)) for name in given]
    # As far as the shortest name goes.
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*stems, strict=False))
    common = "".join(letters[0] for letters in alike)
    # Not in the middle of a word, such as the B0 of B02 and B03.
    whole = common if common in stems else re.sub(r"[A-Za-z0-9]+$", "", common)
    return whole.strip(" _-.,()")


def number_in(given: str) -> int | None:
    """Return the last number in the name of a patch's file."""
    found = _NUMBER.findall(_stem(given))
    return int(found[-1]) if found else None


def _stem(given: str) -> str:
    last = re.split(r"[/\\]", given)[-1]
    return last.rpartition(".")[0] or last


def upload_limits(settings: PageSettings) -> UploadLimits:
    """Return the limits on the contents of an upload."""
    return UploadLimits(
        megapixels=settings.max_megapixels,
        patches=settings.max_patches,
        members=10 * settings.max_files,
        unpacked_mb=settings.max_session_mb,
    )
