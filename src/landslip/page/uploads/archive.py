"""Zip archives: checked from their directory, then unpacked entry by entry under names of our own."""

import json
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from landslip.files.path_names import is_system_file
from landslip.page import messages
from landslip.page.errors import UploadError
from landslip.page.jobs.tasks import Upload, UploadLimits
from landslip.page.uploads.receive import MAGIC_BYTES, display_name, kind_of, own_stem, own_suffix

_CHUNK_BYTES: Final = 1 << 20
_MAX_RATIO: Final = 200.0
"""Unpacked bytes over bytes of the archive; deflate reaches 1,032 at most."""
_SMALL_BYTES: Final = 50_000_000
"""The ratio is not checked below this unpacked size: a small archive of zeros does no harm."""
_ITEM_BYTES: Final = 1_000_000
_SHAPEFILE: Final = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_KML: Final = ".kml"
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    # Encrypted, or (NotImplementedError, a subclass) compressed by a method that Python does not support.
    RuntimeError,
    ValueError,
    OSError,
)
"""Exceptions from reading a bad archive."""


def unpack(upload: Upload, folder: Path, limits: UploadLimits) -> tuple[list[Upload], list[str]]:
    """Unpack the accepted files of a zip.

    Args:
        upload: the archive.
        folder: to unpack to; must not exist.
        limits: on the contents.

    Returns:
        The unpacked files, and notes on skipped entries.

    Raises:
        UploadError: the archive is damaged or malicious, or holds no accepted file.
    """
    folder.mkdir(mode=0o700)
    unpacked: list[Upload] = []
    skipped: list[str] = []
    try:
        with zipfile.ZipFile(upload.path) as archive:
            for number, member in enumerate(_checked_members(archive, upload, limits), start=1):
                file = _unpack_member(archive, member, folder, number)
                if file is not None:
                    unpacked.append(file)
                elif not _keep_item_date(archive, member, folder):
                    skipped.append(display_name(member.filename))
    except _DAMAGED as error:
        raise UploadError(messages.ZIP_DAMAGED.format(name=upload.name)) from error
    if not unpacked:
        raise UploadError(messages.ZIP_EMPTY.format(name=upload.name))
    if not skipped:
        return unpacked, []
    listed = ", ".join(skipped[:3]) + (f" and {len(skipped) - 3} more" if len(skipped) > 3 else "")
    return unpacked, [messages.ZIP_SKIPPED.format(name=upload.name, skipped=listed)]


def unpack_polygons(upload: Upload, folder: Path, limits: UploadLimits) -> Path:
    """Unpack the only shapefile of a zip, with its companion files, or the KML of a KMZ, under a name of our own.

    Args:
        upload: the archive.
        folder: to unpack to; must not exist.
        limits: on the contents.

    Raises:
        UploadError: the archive is damaged or malicious, or does not hold exactly one shapefile or KML file.
    """
    folder.mkdir(mode=0o700)
    stem = own_stem(1, upload.name)
    try:
        with zipfile.ZipFile(upload.path) as archive:
            members = {info.filename.lower(): info for info in _checked_members(archive, upload, limits)}
            found = [
                name
                for name in members
                if name.endswith((".shp", _KML)) and not is_system_file(Path(name)) and not name.startswith("__macosx/")
            ]
            if len(found) != 1:
                raise UploadError(messages.ZIP_SHAPEFILES.format(name=upload.name, count=len(found)))
            main = Path(found[0]).suffix
            for suffix in (_KML,) if main == _KML else _SHAPEFILE:
                member = members.get(found[0].removesuffix(main) + suffix)
                if member is not None:
                    with archive.open(member) as source, (folder / f"{stem}{suffix}").open("xb") as target:
                        shutil.copyfileobj(source, target, _CHUNK_BYTES)
    except _DAMAGED as error:
        raise UploadError(messages.ZIP_DAMAGED.format(name=upload.name)) from error
    return folder / f"{stem}{main}"


def _checked_members(archive: zipfile.ZipFile, upload: Upload, limits: UploadLimits) -> Iterator[zipfile.ZipInfo]:
    """Return the files of an archive after checking its directory: number, size, ratio, paths, links, encryption."""
    infos = archive.infolist()
    if len(infos) > limits.members:
        raise UploadError(messages.ZIP_MEMBERS.format(name=upload.name, count=len(infos), most=limits.members))
    size, packed = sum(info.file_size for info in infos), upload.path.stat().st_size
    if size > limits.unpacked_mb * 10**6 or size > max(_MAX_RATIO * packed, _SMALL_BYTES):
        raise UploadError(
            messages.ZIP_BOMB.format(name=upload.name, packed=packed / 1e6, size=size / 1e6, most=limits.unpacked_mb)
        )
    for info in infos:
        parts = info.filename.replace("\\", "/").split("/")
        if info.filename.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
            raise UploadError(messages.ZIP_ESCAPE.format(name=upload.name, member=display_name(info.filename)))
        if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise UploadError(messages.ZIP_LINK.format(name=upload.name, member=display_name(info.filename)))
        if info.flag_bits & 1:
            raise UploadError(messages.ZIP_ENCRYPTED.format(name=upload.name))
    if len({info.header_offset for info in infos}) < len(infos):
        # Entries that share their bytes make a bomb that the ratio does not reveal.
        raise UploadError(messages.ZIP_DAMAGED.format(name=upload.name))
    return (info for info in infos if not info.is_dir())


def _unpack_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, number: int) -> Upload | None:
    """Unpack one entry; None if its format is not accepted."""
    with archive.open(member) as source:
        first = source.read(MAGIC_BYTES)
        kind = kind_of(first)
        if kind is None or kind == "zip":
            return None
        path = folder / f"{own_stem(number, member.filename)}{own_suffix(first, kind)}"
        remaining = member.file_size - len(first)
        with path.open("xb") as target:
            target.write(first)
            # Read to the end of the entry, where zipfile compares the CRC.
            while remaining >= 0 and (chunk := source.read(_CHUNK_BYTES)):
                remaining -= len(chunk)
                target.write(chunk)
    if remaining:
        raise zipfile.BadZipFile(f"{path.name} has another length than its entry declares")
    return Upload(path=path, name=display_name(member.filename), kind=kind)


def _keep_item_date(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> bool:
    """Keep the acquisition date of a STAC item, the only part of it that is used; whether the entry is such an item."""
    if not member.filename.lower().endswith(".json") or member.file_size > _ITEM_BYTES:
        return False
    try:
        item = json.loads(archive.read(member))
        version, date = str(item["stac_version"]), item["properties"]["datetime"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    if not isinstance(date, str) or (folder / "item.json").exists():
        return False
    kept = {"stac_version": version, "properties": {"datetime": date}}
    (folder / "item.json").write_text(json.dumps(kept), encoding="utf-8")
    return True
