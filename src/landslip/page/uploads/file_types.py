"""What a file is, by its first bytes; its name and what the browser says of it count for nothing."""

from typing import Final, Literal

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
