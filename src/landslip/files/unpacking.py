"""Unpacking of untrusted zip archives: no file outside the folder, no links, bounded number and size of files.

Names, kinds, number and sizes are checked in the archive's directory before anything is written. While writing, no
member may exceed its listed size, and its CRC must be right. Files are written atomically.
"""

import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from landslip.errors import PatchesError
from landslip.files.atomic import atomic_path
from landslip.files.download import plain_path
from landslip.files.progress import Progress, no_progress, track

_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds of an archive. Landslide4Sense has 8,000 files in 8 GB."""

    files: int = 40_000
    total_bytes: int = 60 * 10**9
    ratio: float = 200.0
    """Unpacked size over size of the archive."""


LIMITS: Final = Limits()


def unpack(archive: Path, folder: Path, *, limits: Limits = LIMITS, progress: Progress = no_progress) -> int:
    """Unpack a zip archive; existing files with the same content are kept.

    Args:
        archive: a zip file.
        folder: where to unpack it.
        limits: upper bounds of number and size of the files.
        progress: told how many files are done, of how many.

    Returns:
        The number of files.

    Raises:
        PatchesError: the archive is damaged or hostile, or a file exists with other content.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _checked_members(opened, archive, limits)
            for member in track(members, progress, f"unpacking {archive.name}"):
                _write(opened, member, folder / _inside(member.filename))
    # RuntimeError: encrypted; its subclass NotImplementedError: an unknown compression.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise PatchesError(f"{archive.name} is a damaged archive ({error}): download it again") from error
    return len(members)


def _checked_members(opened: zipfile.ZipFile, archive: Path, limits: Limits) -> list[zipfile.ZipInfo]:
    """Return the files of an archive, or raise where any of its entries is not allowed."""
    infos = opened.infolist()
    if len(infos) > limits.files:
        raise PatchesError(f"{archive.name} has {len(infos):,} entries, more than the {limits.files:,} allowed")
    members = [one for one in infos if not one.is_dir()]
    size = sum(one.file_size for one in members)
    if size > limits.total_bytes or size > limits.ratio * archive.stat().st_size:
        raise PatchesError(
            f"{archive.name} would expand from {archive.stat().st_size:,} to {size:,} bytes, more than is allowed"
        )
    for one in infos:
        _inside(one.filename.rstrip("/") if one.is_dir() else one.filename)
        kind = stat.S_IFMT(one.external_attr >> 16)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise PatchesError(f"{archive.name} contains '{one.filename[:120]}', which is a link or a special file")
        if one.flag_bits & 1 or one.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise PatchesError(f"'{one.filename[:120]}' in {archive.name} is encrypted or has an unknown compression")
    _refuse_clashes(infos, archive)
    return members


def _inside(name: str) -> PurePosixPath:
    path = plain_path(name)
    if path is None:
        raise PatchesError(f"{name[:120]!r} is not a plain path inside a folder")
    return path


def _refuse_clashes(infos: list[zipfile.ZipInfo], archive: Path) -> None:
    """Refuse two files whose names differ only in case, and a file where a folder is needed."""
    names: set[str] = set()
    for one in infos:
        name = one.filename.lower()
        if name in names and not one.is_dir():
            raise PatchesError(f"{archive.name} contains '{one.filename[:120]}' twice")
        names.add(name)
    files = {name for name in names if not name.endswith("/")}
    for name in names:
        parts = name.split("/")
        if any("/".join(parts[:end]) in files for end in range(1, len(parts))):
            raise PatchesError(f"{archive.name} contains '{name[:120]}' inside another file")


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    if path.is_symlink() or path.exists():
        if path.is_symlink() or not path.is_file() or not _same(member, path):
            raise PatchesError(f"{path} exists with other content: move it away, or give another folder")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, opened.open(member) as source, temporary.open("xb") as target:
        left = member.file_size
        # The read at the end of the file makes zipfile compare the CRC.
        while left >= 0 and (chunk := source.read(_CHUNK_BYTES)):
            left -= len(chunk)
            target.write(chunk)
        if left:
            raise zipfile.BadZipFile(f"'{member.filename[:120]}' does not have its listed size")


def _same(member: zipfile.ZipInfo, path: Path) -> bool:
    """Return whether a file on disk equals a member of the archive."""
    if path.stat().st_size != member.file_size:
        return False
    crc = 0
    with path.open("rb") as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            crc = zlib.crc32(chunk, crc)
    return crc == member.CRC
