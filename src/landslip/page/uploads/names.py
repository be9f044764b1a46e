"""What a file is, by its first bytes; its name and what the browser says of it count for nothing."""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from landslip.channels import channel_named
from landslip.errors import ChannelError
from landslip.scenes.naming import COMPANIONS

Kind = Literal["raster", "hdf5", "zip", "geopackage", "geojson"]
IMAGE_KINDS: Final[frozenset[Kind]] = frozenset({"raster", "hdf5", "zip"})
"""What can be mapped."""
TRUTH_KINDS: Final[frozenset[Kind]] = frozenset({"raster", "zip", "geopackage", "geojson"})
"""What can say where landslides are."""

_MAGIC: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"II*\0", "raster"),
    (b"MM\0*", "raster"),
    (b"II+\0", "raster"),
    (b"MM\0+", "raster"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "raster"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"SQLite format 3\0", "geopackage"),
)
_BEFORE_TEXT: Final = b"\xef\xbb\xbf \t\r\n"
LONGEST: Final = max(len(magic) for magic, _ in _MAGIC)
ENDINGS: Final = {"raster": ".tif", "hdf5": ".h5", "zip": ".zip", "geopackage": ".gpkg", "geojson": ".geojson"}
JPEG_2000: Final = b"\0\0\0\x0cjP"

_KNOWN: Final = (
    (b"\x89PNG", "a PNG picture, which has no channels or place"),
    (b"\xff\xd8\xff", "a JPEG picture, which has no channels or place"),
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
    (b"<VRT", "a virtual raster, which points at other files"),
    (b"<!DOCTYPE", "a web page (was a login asked for on download?)"),
    (b"<html", "a web page (was a login asked for on download?)"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
)


def kind_of(first: bytes, taken: frozenset[Kind] = IMAGE_KINDS) -> Kind | None:
    """The kind of a file that begins so; None for one that is not taken."""
    found: Kind | None = next((kind for magic, kind in _MAGIC if first.startswith(magic)), None)
    if found is None and first.lstrip(_BEFORE_TEXT).startswith(b"{"):
        found = "geojson"
    return found if found in taken else None


def ending_for(first: bytes, kind: Kind) -> str:
    """The ending of our own name for a file."""
    return ".jp2" if first.startswith(JPEG_2000) else ENDINGS[kind]


def described(first: bytes) -> str:
    """What a file seems to be, where it is not taken."""
    if not first:
        return "empty"
    return next((text for magic, text in _KNOWN if first.lstrip(_BEFORE_TEXT).startswith(magic)), "something else")


_WORD: Final = re.compile(r"[A-Za-z0-9]+")
_DATE: Final = re.compile(r"(19[89]\d|20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(T([01]\d|2[0-3])[0-5]\d[0-5]\d)?")
_DASHED_DATE: Final = re.compile(r"(?<!\d)((?:19[89]|20\d)\d)[-_]([01]\d)[-_]([0-3]\d)(?!\d)")
_PLATFORM: Final = re.compile(r"(?i)L[CEMOT]0?[1-9]|SR|landsat\d?|S2[A-D]|MSIL[12][AC]|T\d\d[A-Z]{3}")
_BAND: Final = re.compile(r"[Bb](\d?\d|8[Aa])")
_MOST_WORDS: Final = 12
_SHOWN_CHARACTERS: Final = 80
_NUMBER: Final = re.compile(r"\d{1,7}")


def own_stem(number: int, given: str) -> str:
    """A stem of our own for a file, such as ``003-x_20230818_B04_x``."""
    stem = _stem(given)
    stem = _DASHED_DATE.sub(lambda found: "".join(found.groups()), stem)
    words = _WORD.findall(stem)[:_MOST_WORDS]
    return f"{number:03d}-" + ("_".join(map(_understood, words)) or "x")


def shown(given: str) -> str:
    """A visitor's name for a file as it may be shown: its last part, one line of plain text, not too long."""
    last = re.split(r"[/\\]", given)[-1]
    plain = "".join(c for c in unicodedata.normalize("NFC", last) if c.isprintable())
    plain = plain.strip() or "file without a name"
    return plain if len(plain) <= _SHOWN_CHARACTERS else plain[: _SHOWN_CHARACTERS - 1] + "…"


def title_of(given: str) -> str:
    """What to call a scene after the file that it came in."""
    return _stem(shown(given)) or "scene"


def number_in(given: str) -> int | None:
    """The number of a patch in the name of its file: the last one."""
    found = _NUMBER.findall(_stem(given))
    return int(found[-1]) if found else None


def in_their_words(sentence: str, folder: Path, names: Mapping[str, str]) -> str:
    """An error of the package with the visitor's names for files, and nothing of where they lie here.

    Args:
        sentence: of the error.
        folder: the visitor's own.
        names: of the visitor's files by our own name.
    """
    for where in {str(folder.resolve()), str(folder)}:
        sentence = re.sub(re.escape(where) + r"(/[\w.-]+)*/", "", sentence)
        sentence = sentence.replace(where, "the upload")
    for own, theirs in sorted(names.items(), key=lambda item: -len(item[0])):
        sentence = sentence.replace(own, theirs)
    return sentence


def _stem(given: str) -> str:
    last = re.split(r"[/\\]", given)[-1]
    return last.rpartition(".")[0] or last


def _understood(word: str) -> str:
    """A word that landslip understands, spelled our way; ``x`` for any other."""
    if _DATE.fullmatch(word) or _PLATFORM.fullmatch(word):
        return word
    if word.upper() in COMPANIONS:
        return word.upper()
    try:
        channel = channel_named(word)
    except ChannelError:
        return "x"
    return channel.name if _BAND.fullmatch(word) else word.lower()
