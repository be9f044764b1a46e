"""What a file is, by its first bytes; its name and what the browser says of it count for nothing."""

from typing import Final, Literal

Kind = Literal["raster", "hdf5", "zip"]

_MAGIC: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"II*\0", "raster"),
    (b"MM\0*", "raster"),
    (b"II+\0", "raster"),
    (b"MM\0+", "raster"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "raster"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)
LONGEST: Final = max(len(magic) for magic, _ in _MAGIC)
ENDINGS: Final = {"raster": ".tif", "hdf5": ".h5", "zip": ".zip"}
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


def kind_of(first: bytes) -> Kind | None:
    """The kind of a file that begins so; None for one that the page does not take."""
    return next((kind for magic, kind in _MAGIC if first.startswith(magic)), None)


def ending_for(first: bytes, kind: Kind) -> str:
    """The ending of our own name for a file."""
    return ".jp2" if first.startswith(JPEG_2000) else ENDINGS[kind]


def described(first: bytes) -> str:
    """What a file seems to be, where it is not taken."""
    if not first:
        return "empty"
    return next(
        (text for magic, text in _KNOWN if first.lstrip(b"\xef\xbb\xbf \n").startswith(magic)), "something else"
    )
