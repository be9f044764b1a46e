"""Unpacking an archive that may be hostile: nothing leaves the folder, nothing is a link, nothing swells without bound.

Names, kinds, number and sizes are judged from the archive's directory before anything is written. While writing, no
member may become longer than it said, and its CRC must be right. Each file bears its name only once it is whole.
"""

import stat
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from landslip.errors import PatchesError
from landslip.files.download import PART
from landslip.files.remote import plain_path

_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may hold at most. Landslide4Sense has 8,000 files in 8 GB."""

    files: int = 40_000
    bytes_in_all: int = 60 * 10**9
    ratio: float = 200.0
    """Bytes in all over bytes of the archive."""


LIMITS: Final = Limits()


def unpack(
    archive: Path,
    folder: Path,
    *,
    limits: Limits = LIMITS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Unpack a zip archive; files that are there already with the same content are left.

    Args:
        archive: the archive.
        folder: where to.
        limits: what is too much.
        progress: told how many files are done, of how many.

    Returns:
        The number of files.

    Raises:
        PatchesError: the archive is damaged or hostile, or a file is there with other content.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _judged(opened, archive, limits)
            for number, member in enumerate(members, start=1):
                _write(opened, member, folder / _inside(member.filename))
                progress(number, len(members))
    # RuntimeError: encrypted, or, as the NotImplementedError that it takes in, of a compression that is not known.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise PatchesError(f"{archive.name} is a damaged archive ({error}): download it again") from error
    return len(members)


def _judged(opened: zipfile.ZipFile, archive: Path, limits: Limits) -> list[zipfile.ZipInfo]:
    """The files of an archive, once all of it is known to be harmless."""
    infos = opened.infolist()
    if len(infos) > limits.files:
        raise PatchesError(f"{archive.name} holds {len(infos):,} entries, more than the {limits.files:,} allowed")
    members = [one for one in infos if not one.is_dir()]
    size = sum(one.file_size for one in members)
    if size > limits.bytes_in_all or size > limits.ratio * archive.stat().st_size:
        raise PatchesError(
            f"{archive.name} would swell from {archive.stat().st_size:,} to {size:,} bytes, which no patches do"
        )
    for one in infos:
        _inside(one.filename.rstrip("/") if one.is_dir() else one.filename)
        kind = stat.S_IFMT(one.external_attr >> 16)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise PatchesError(f"{archive.name} holds '{one.filename[:120]}', which is a link or no file at all")
        if one.flag_bits & 1 or one.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise PatchesError(f"{archive.name} holds '{one.filename[:120]}' encrypted or packed in an unusual way")
    _refuse_clashes(infos, archive)
    return members


def _inside(name: str) -> PurePosixPath:
    """A member's path, where it stays inside the folder."""
    path = plain_path(name)
    if path is None:
        raise PatchesError(f"{name[:120]!r} is no plain path inside a folder")
    return path


def _refuse_clashes(infos: list[zipfile.ZipInfo], archive: Path) -> None:
    """Refuse two files of one name, as a system that knows no case sees it, or a file where a folder is needed."""
    names: set[str] = set()
    for one in infos:
        name = one.filename.lower()
        if name in names and not one.is_dir():
            raise PatchesError(f"{archive.name} holds '{one.filename[:120]}' twice")
        names.add(name)
    files = {name for name in names if not name.endswith("/")}
    for name in names:
        parts = name.split("/")
        if any("/".join(parts[:end]) in files for end in range(1, len(parts))):
            raise PatchesError(f"{archive.name} holds '{name[:120]}' inside what is a file")


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    """Write one file."""
    if path.is_symlink() or path.exists():
        if path.is_symlink() or not path.is_file() or not _same(member, path):
            raise PatchesError(f"{path} is there with other content: move it away, or give another folder")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART)
    part.unlink(missing_ok=True)
    try:
        left = member.file_size
        with opened.open(member) as source, part.open("xb") as target:
            # The end of the file is asked for too: there zipfile compares the CRC.
            while left >= 0 and (chunk := source.read(_CHUNK_BYTES)):
                left -= len(chunk)
                target.write(chunk)
        if left:
            raise zipfile.BadZipFile(f"'{member.filename[:120]}' is not as long as it says")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _same(member: zipfile.ZipInfo, path: Path) -> bool:
    """Whether a file on disk is the archive's."""
    if path.stat().st_size != member.file_size:
        return False
    crc = 0
    with path.open("rb") as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            crc = zlib.crc32(chunk, crc)
    return crc == member.CRC
