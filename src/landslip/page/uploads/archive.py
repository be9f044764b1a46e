"""A zip of a scene folder: judged from its directory, then unpacked member by member under names of our own."""

import json
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from landslip.page import messages as words
from landslip.page.errors import UploadError
from landslip.page.jobs.tasks import Bounds, Upload
from landslip.page.uploads.names import LONGEST, ending_for, kind_of, own_stem, shown

_CHUNK_BYTES: Final = 1 << 20
_RATIO: Final = 200.0
"""Bytes in all over bytes of the archive: what deflate gives at most is 1,032."""
_SMALL_BYTES: Final = 50_000_000
"""So much may come out of any archive, whatever its ratio: a small one full of zeros does no harm."""
_ITEM_BYTES: Final = 1_000_000
_SHAPEFILE: Final = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    # Encrypted, or, as the NotImplementedError that it takes in, of a compression that this Python does not know.
    RuntimeError,
    ValueError,
    OSError,
)
"""What reading a bad archive raises."""


def unpack(upload: Upload, folder: Path, bounds: Bounds) -> tuple[list[Upload], list[str]]:
    """Unpack what the page takes from a zip; the rest is left in it.

    Args:
        upload: the archive.
        folder: where to; made here, must not exist.
        bounds: how much is allowed.

    Returns:
        What was unpacked, and notes on what was left.

    Raises:
        UploadError: the archive is damaged, or made to do harm.
    """
    folder.mkdir(mode=0o700)
    unpacked: list[Upload] = []
    left: list[str] = []
    try:
        with zipfile.ZipFile(upload.path) as archive:
            for number, member in enumerate(_judged(archive, upload, bounds), start=1):
                found = _unpacked(archive, member, folder, number)
                if found is not None:
                    unpacked.append(found)
                elif not _item(archive, member, folder):
                    left.append(shown(member.filename))
    except _DAMAGED as error:
        raise UploadError(words.ZIP_DAMAGED.format(name=upload.shown)) from error
    if not unpacked:
        raise UploadError(words.ZIP_WITHOUT.format(name=upload.shown))
    return unpacked, [words.ZIP_LEFT.format(name=upload.shown, left=_few(left))] if left else []


def unpack_shapefile(upload: Upload, folder: Path, bounds: Bounds) -> Path:
    """Unpack the one shapefile of a zip, with the files that belong to it, under a name of our own.

    Args:
        upload: the archive.
        folder: where to; made here, must not exist.
        bounds: how much is allowed.

    Raises:
        UploadError: the archive is damaged, made to do harm, or holds no shapefile or several.
    """
    folder.mkdir(mode=0o700)
    stem = own_stem(1, upload.shown)
    try:
        with zipfile.ZipFile(upload.path) as archive:
            members = {one.filename.lower(): one for one in _judged(archive, upload, bounds)}
            found = [name for name in members if name.endswith(".shp") and not name.startswith("__macosx/")]
            if len(found) != 1:
                raise UploadError(words.ZIP_SHAPEFILES.format(name=upload.shown, count=len(found)))
            for ending in _SHAPEFILE:
                member = members.get(found[0].removesuffix(".shp") + ending)
                if member is not None:
                    with archive.open(member) as source, (folder / f"{stem}{ending}").open("xb") as target:
                        shutil.copyfileobj(source, target, _CHUNK_BYTES)
    except _DAMAGED as error:
        raise UploadError(words.ZIP_DAMAGED.format(name=upload.shown)) from error
    return folder / f"{stem}.shp"


def _judged(archive: zipfile.ZipFile, upload: Upload, bounds: Bounds) -> Iterator[zipfile.ZipInfo]:
    """The files of an archive, once its directory is known to be harmless."""
    infos = archive.infolist()
    if len(infos) > bounds.members:
        raise UploadError(words.ZIP_MEMBERS.format(name=upload.shown, count=len(infos), most=bounds.members))
    size, packed = sum(one.file_size for one in infos), upload.path.stat().st_size
    if size > bounds.unpacked_mb * 10**6 or size > max(_RATIO * packed, _SMALL_BYTES):
        raise UploadError(
            words.ZIP_BOMB.format(name=upload.shown, packed=packed / 1e6, size=size / 1e6, most=bounds.unpacked_mb)
        )
    for one in infos:
        parts = one.filename.replace("\\", "/").split("/")
        if one.filename.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
            raise UploadError(words.ZIP_ESCAPE.format(name=upload.shown, member=shown(one.filename)))
        if stat.S_IFMT(one.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise UploadError(words.ZIP_LINK.format(name=upload.shown, member=shown(one.filename)))
        if one.flag_bits & 1:
            raise UploadError(words.ZIP_ENCRYPTED.format(name=upload.shown))
    starts = sorted(one.header_offset for one in infos)
    if len(set(starts)) < len(starts):
        # Members that share their bytes make a bomb that no ratio shows.
        raise UploadError(words.ZIP_DAMAGED.format(name=upload.shown))
    return (one for one in infos if not one.is_dir())


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, number: int) -> Upload | None:
    """One member on disk; None where it is nothing that the page takes."""
    with archive.open(member) as source:
        first = source.read(LONGEST)
        kind = kind_of(first)
        if kind is None or kind == "zip":
            return None
        path = folder / f"{own_stem(number, member.filename)}{ending_for(first, kind)}"
        left = member.file_size - len(first)
        with path.open("xb") as target:
            target.write(first)
            # The end is asked for too: there zipfile compares the CRC.
            while left >= 0 and (chunk := source.read(_CHUNK_BYTES)):
                left -= len(chunk)
                target.write(chunk)
    if left:
        raise zipfile.BadZipFile(f"{path.name} is not as long as it says")
    return Upload(path=path, shown=shown(member.filename), kind=kind)


def _item(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> bool:
    """Keep of a STAC item the one thing that is used, the date of the image; whether the member is such an item."""
    if not member.filename.lower().endswith(".json") or member.file_size > _ITEM_BYTES:
        return False
    try:
        item = json.loads(archive.read(member))
        version, moment = str(item["stac_version"]), item["properties"]["datetime"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    if not isinstance(moment, str) or (folder / "item.json").exists():
        return False
    kept = {"stac_version": version, "properties": {"datetime": moment}}
    (folder / "item.json").write_text(json.dumps(kept), encoding="utf-8")
    return True


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
