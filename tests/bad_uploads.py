"""Uploads that must be refused, made by code: each a name and how to make its files."""

import io
import pickle
import stat
import struct
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

import l4s_faults
from l4s_made import make_l4s
from page_made import Arriving
from rasters import NORTH_UP, UTM, write_raster
from scenes_made import TRUE_COLOUR, blobs

Make = Callable[[], Sequence[Arriving]]

_TIFF = b"II*\0"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_GROUND = blobs(40, 50)


def one(name: str, content: bytes) -> Make:
    return lambda: [Arriving(name, content)]


def raster(values: np.ndarray = _GROUND, **options: object) -> bytes:  # type: ignore[type-arg] # any numbers
    with tempfile.TemporaryDirectory() as folder:
        chosen = {"descriptions": TRUE_COLOUR, "nodata": 0} | options
        return write_raster(Path(folder) / "made.tif", values, **chosen).read_bytes()


def sparse(height: int, width: int, count: int = 3, dtype: str = "uint8") -> bytes:
    """A small file that declares many pixels."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.tif"
        shape = {"height": height, "width": width, "count": count, "dtype": dtype}
        tiles = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "sparse_ok": True, "bigtiff": "yes"}
        with rasterio.open(path, "w", driver="GTiff", crs=UTM, transform=NORTH_UP, **shape, **tiles) as file:
            for band, name in enumerate(TRUE_COLOUR[:count], start=1):
                file.set_band_description(band, name)
        return path.read_bytes()


def tifs(*contents: bytes) -> Make:
    return lambda: [Arriving(f"file{number}.tif", content) for number, content in enumerate(contents)]


def made(build: Callable[[], bytes], name: str = "scene.tif") -> Make:
    return lambda: [Arriving(name, build())]


def damaged() -> bytes:
    """Bits flipped in what is packed."""
    whole = bytearray(raster(blobs(200, 200), compress="deflate", tiled=True, blockxsize=64, blockysize=64))
    for place in range(len(whole) // 4, len(whole) * 3 // 4, 97):
        whole[place] ^= 0xFF
    return bytes(whole)


def directory_that_leads_to_itself() -> bytes:
    return _TIFF + struct.pack("<I", 8) + struct.pack("<H", 0) + struct.pack("<I", 8)


def h5(fault: Callable[[Path], None], member: str = l4s_faults.IMAGE) -> Make:
    def make() -> Sequence[Arriving]:
        with tempfile.TemporaryDirectory() as text:
            folder = make_l4s(Path(text), {"train": [1, 2]})
            fault(folder)
            files = [Arriving(Path(member).name, (folder / member).read_bytes())]
            if member == l4s_faults.MASK:
                files.append(Arriving("image_2.h5", (folder / l4s_faults.IMAGE).read_bytes()))
            return files

    return make


def zipped(members: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] = lambda info: None) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            change(info)
            archive.writestr(info, content)
    return held.getvalue()


def a_link(info: zipfile.ZipInfo) -> None:
    info.external_attr = (stat.S_IFLNK | 0o777) << 16


def patched(content: bytes, old: bytes, new: bytes) -> bytes:
    assert old in content
    return content.replace(old, new)


def zip_with(change: Callable[[bytearray, int], None]) -> bytes:
    """A zip whose first directory entry was changed."""
    content = bytearray(zipped({"B04.tif": raster(_GROUND[:1], descriptions=("B04",))}))
    change(content, content.index(b"PK\x01\x02"))
    return bytes(content)


def says_encrypted(content: bytearray, entry: int) -> None:
    content[entry + 8] |= 1


def unknown_packing(content: bytearray, entry: int) -> None:
    content[entry + 10 : entry + 12] = struct.pack("<H", 99)


def lies_of_its_size(content: bytearray, entry: int) -> None:
    size = struct.unpack("<I", content[entry + 24 : entry + 28])[0]
    content[entry + 24 : entry + 28] = struct.pack("<I", size * 2)


def wrong_crc(content: bytearray, entry: int) -> None:
    content[entry + 16 : entry + 20] = b"\0\0\0\0"


def terabytes(content: bytearray, entry: int) -> None:
    content[entry + 24 : entry + 28] = struct.pack("<I", 0xFFFFFFF0)


def two_entries_of_one_member() -> bytes:
    """The directory names the same bytes many times."""
    content = zipped({"B04.tif": raster(_GROUND[:1], descriptions=("B04",))})
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    entry = content[start:end]
    tail = bytearray(content[end:])
    tail[8:12] = struct.pack("<HH", 3, 3)
    tail[12:16] = struct.pack("<I", 3 * len(entry))
    return content[:start] + entry * 3 + bytes(tail)


_GOOD = raster()
FOREIGN: dict[str, Make] = {
    name: one("image.tif", content)
    for name, content in {
        "empty": b"",
        "text": b"these are words",
        "PNG": b"\x89PNG\r\n\x1a\n" + bytes(200),
        "JPEG": b"\xff\xd8\xff\xe0" + bytes(200),
        "GIF": b"GIF89a" + bytes(200),
        "PDF": b"%PDF-1.7 ...",
        "gzip": b"\x1f\x8b" + bytes(200),
        "7-Zip": b"7z\xbc\xaf'\x1c" + bytes(200),
        "RAR": b"Rar!\x1a\x07" + bytes(200),
        "bzip2": b"BZh9" + bytes(200),
        "database": b"SQLite format 3\0" + bytes(200),
        "NumPy": b"\x93NUMPY\x01\0" + bytes(200),
        "pickle": pickle.dumps({"a": 1}),
        "virtual raster": b'<VRTDataset rasterXSize="9" rasterYSize="9"></VRTDataset>',
        "virtual raster with a mark": b"\xef\xbb\xbf  <VRTDataset></VRTDataset>",
        "web page": b"<!DOCTYPE html><html></html>",
        "program": b"\x7fELF" + bytes(200),
        "other program": b"MZ" + bytes(200),
        "pointer": b"version https://git-lfs.github.com/spec/v1\n",
        "noise": np.random.default_rng(1).bytes(500),
        "nothing but zeros": bytes(5000),
    }.items()
}
RASTERS: dict[str, Make] = {
    "four bytes of a TIFF": one("a.tif", _TIFF),
    "a TIFF of noise": one("a.tif", _TIFF + np.random.default_rng(2).bytes(5000)),
    "a BigTIFF of noise": one("a.tif", b"II+\0" + np.random.default_rng(3).bytes(5000)),
    "a directory beyond the end": one("a.tif", _TIFF + struct.pack("<I", 1 << 30)),
    "a directory that leads to itself": made(directory_that_leads_to_itself),
    "cut short": one("a.tif", _GOOD[: len(_GOOD) * 2 // 3]),
    "packed and damaged": made(damaged),
    "10,000 million pixels": made(lambda: sparse(100_000, 100_000)),
    "a line of 2,000 million pixels": made(lambda: sparse(4096, 500_000)),
    "300 bands": made(lambda: raster(np.ones((300, 4, 4), np.uint8), descriptions=("B04",))),
    "complex numbers": made(lambda: raster(_GROUND.astype(np.complex64), nodata=None)),
    "no CRS": made(lambda: raster(crs=None)),
    "no place": made(lambda: raster(transform=None)),
    "pixels without area": made(lambda: raster(transform=Affine(10, 10, 500_000, 10, 10, 2_500_000))),
    "a place that is not on Earth": made(lambda: raster(transform=Affine(10, 0, 5e12, 0, -10, 2e12))),
    "bands without names": made(lambda: raster(np.ones((5, 9, 9), np.uint16), descriptions=())),
    "one channel twice": made(lambda: raster(descriptions=("B04", "B04", "B02"))),
    "reflectance from 0 to 1": made(lambda: raster((_GROUND / 1e4).astype(np.float32), nodata=None)),
    "a JPEG 2000 of noise": one("a.jp2", b"\0\0\0\x0cjP  \r\n\x87\n" + np.random.default_rng(4).bytes(900)),
    "two files of one channel": tifs(
        raster(_GROUND[:1], descriptions=("B04",)), raster(_GROUND[:1], descriptions=("B04",))
    ),
    "two files of two places": tifs(
        raster(_GROUND[:1], descriptions=("B04",)),
        raster(_GROUND[:1], descriptions=("B03",), transform=Affine(10, 0, 900_000, 0, -10, 9_000_000)),
    ),
    "a good one and a bad one": tifs(_GOOD, _TIFF + bytes(50)),
}
PATCHES: dict[str, Make] = {
    "an HDF5 of noise": one("image_1.h5", _HDF5 + np.random.default_rng(5).bytes(3000)),
    "a mask alone": h5(lambda _: None, "TrainData/mask/mask_1.h5"),
    **{
        f"HDF5: {fault.__name__.replace('_', ' ')}": h5(fault)
        for fault in (
            l4s_faults.cut_short,
            l4s_faults.other_name,
            l4s_faults.a_group,
            l4s_faults.external_link,
            l4s_faults.soft_link,
            l4s_faults.huge_shape,
            l4s_faults.huge_chunks,
            l4s_faults.many_chunks,
            l4s_faults.bands_first,
            l4s_faults.float32,
            l4s_faults.compound,
            l4s_faults.values_elsewhere,
            l4s_faults.virtual,
            l4s_faults.never_written,
            l4s_faults.bomb,
            l4s_faults.short_chunk,
            l4s_faults.chunk_without_its_checksum,
            l4s_faults.unknown_filter,
            l4s_faults.lzf,
        )
    },
    "HDF5: not a number": h5(l4s_faults.put((3, 4, 5), np.nan)),
    "HDF5: infinite": h5(l4s_faults.put((3, 4, 5), -np.inf)),
    "HDF5: not a whole number": h5(l4s_faults.put((3, 4, 5), 1234.5)),
    "HDF5: beyond 16 bits": h5(l4s_faults.put((3, 4, 5), 1e300)),
    "HDF5: mask of 255": h5(l4s_faults.mask_of_255, l4s_faults.MASK),
    "HDF5: mask of floats": h5(l4s_faults.mask_of_floats, l4s_faults.MASK),
    "HDF5: damaged mask": h5(l4s_faults.damaged_mask, l4s_faults.MASK),
}
ARCHIVES: dict[str, Make] = {
    name: made(build, "scene.zip")
    for name, build in {
        "an empty zip": lambda: zipped({}),
        "a zip of words": lambda: zipped({"readme.txt": b"words"}),
        "a zip in a zip": lambda: zipped({"inner.zip": zipped({"B04.tif": _GOOD})}),
        "a bomb": lambda: zipped({"B04.tif": _TIFF + bytes(80_000_000)}),
        "a bomb of many": lambda: zipped({f"{number}.tif": _TIFF + bytes(3_000_000) for number in range(30)}),
        "many members": lambda: zipped({f"{number}.txt": b"" for number in range(200)}),
        "a path that leads out": lambda: zipped({"../../B04.tif": _GOOD}),
        "a path from the root": lambda: zipped({"/etc/B04.tif": _GOOD}),
        "a path with a drive": lambda: zipped({"C:/B04.tif": _GOOD}),
        "a path with backslashes": lambda: zipped({"..\\..\\B04.tif": _GOOD}),
        "a link": lambda: zipped({"B04.tif": b"/etc/passwd"}, a_link),
        "encrypted": lambda: zip_with(says_encrypted),
        "unknown packing": lambda: zip_with(unknown_packing),
        "a size that is a lie": lambda: zip_with(lies_of_its_size),
        "a wrong checksum": lambda: zip_with(wrong_crc),
        "four gigabytes": lambda: zip_with(terabytes),
        "one member named three times": two_entries_of_one_member,
        "a zip cut short": lambda: zipped({"B04.tif": _GOOD})[:-30],
        "a zip of noise": lambda: b"PK\x03\x04" + np.random.default_rng(6).bytes(3000),
        "a zip of bad rasters": lambda: zipped({"B04.tif": _TIFF + bytes(50)}),
        "a zip of bad patches": lambda: zipped({"image_1.h5": _HDF5 + bytes(50)}),
    }.items()
}
BAD_UPLOADS: dict[str, Make] = FOREIGN | RASTERS | PATCHES | ARCHIVES
