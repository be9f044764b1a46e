"""One file from a server to disk: gone on with after a break, never longer than it should be, verified, then named."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.error import HTTPError

from landslip.errors import RunError
from landslip.files.connection import TRANSIENT, Connection, WrongAnswerError
from landslip.files.remote import RemoteFile

PART: Final = ".part"
_CHUNK_BYTES: Final = 1 << 18
_MOST_BREAKS: Final = 200
"""A server that breaks off more often, however little it sent, is given up."""


def download(file: RemoteFile, path: Path, connection: Connection, progress: Callable[[int], None]) -> None:
    """Download a file, unless it is there; what an earlier call left in ``<path>.part`` is gone on with.

    Args:
        file: what to download.
        path: where to; it bears this name only once size and checksum are right.
        connection: the server.
        progress: told how many bytes of the file there are.

    Raises:
        RunError: the server cannot be reached, breaks off too often, or what it sends is not what the source lists.
    """
    if path.exists() and is_right(file, path):
        progress(file.size_bytes)
        return
    part = path.with_name(path.name + PART)
    path.parent.mkdir(parents=True, exist_ok=True)
    gone_on = part.exists() and part.stat().st_size > 0
    _fill(file, part, connection, progress)
    if not is_right(file, part) and gone_on:
        # What was left may have been another version's beginning: once more from the start.
        part.unlink()
        _fill(file, part, connection, progress)
    if not is_right(file, part):
        part.unlink()
        raise RunError(
            f"{file.name} as {file.url} sends it does not have the checksum that the source lists "
            f"({file.hash_kind} {file.hash_hex}): it was removed; try again later, or another source"
        )
    part.replace(path)


def is_right(file: RemoteFile, path: Path) -> bool:
    """Whether a file has the size and the checksum that the source lists."""
    if path.stat().st_size != file.size_bytes:
        return False
    digest = hashlib.new("sha1" if file.hash_kind == "git-sha1" else file.hash_kind, usedforsecurity=False)
    if file.hash_kind == "git-sha1":
        # Git hashes a file with its length before it.
        digest.update(b"blob %d\0" % file.size_bytes)
    with path.open("rb") as opened:
        while chunk := opened.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest() == file.hash_hex


def _fill(file: RemoteFile, part: Path, connection: Connection, progress: Callable[[int], None]) -> None:
    """Bring the part to the file's size, with as many requests as it takes."""
    part.touch()
    if part.stat().st_size > file.size_bytes:
        part.write_bytes(b"")
    without_progress = 0
    for _ in range(_MOST_BREAKS):
        have = part.stat().st_size
        progress(have)
        if have == file.size_bytes:
            return
        error: Exception = WrongAnswerError(f"it breaks off after {have:,} of {file.size_bytes:,} bytes")
        try:
            _request_once(file, part, have, connection, progress)
        except TRANSIENT as caught:
            if isinstance(caught, HTTPError) and caught.code == 416:
                # The server has less than is here.
                caught.close()
                part.write_bytes(b"")
            error = caught
        if part.stat().st_size > have:
            without_progress = 0
        elif part.stat().st_size < file.size_bytes:
            without_progress += 1
            refused = isinstance(error, HTTPError) and error.code == 416
            patient = WrongAnswerError("it has less than it lists") if refused else error
            connection.wait_or_give_up(file.url, patient, without_progress)
    if part.stat().st_size != file.size_bytes:
        raise RunError(f"{file.url} broke off {_MOST_BREAKS} times: call again, which goes on where it stopped")


def _request_once(
    file: RemoteFile, part: Path, have: int, connection: Connection, progress: Callable[[int], None]
) -> None:
    """Ask once for what is missing, and take as much of it as comes."""
    with connection.open(file.url, first_byte=have) as answer:
        start = _start_of(answer.status, answer.headers.get("Content-Range", ""))
        if start not in (0, have):
            raise WrongAnswerError(f"it sends bytes from {start:,} where {have:,} was asked for")
        # A server that does not know Range sends all of it again.
        with part.open("ab" if start else "wb") as opened:
            have = start
            # Never more than is listed, whatever the server says of its length.
            while have < file.size_bytes and (chunk := answer.read(min(_CHUNK_BYTES, file.size_bytes - have))):
                opened.write(chunk)
                have += len(chunk)
                progress(have)


def _start_of(status: int, content_range: str) -> int:
    """The first byte of an answer."""
    if status != 206:
        return 0
    match = re.match(r"bytes (\d+)-", content_range)
    if match is None:
        raise WrongAnswerError("it sends a part without saying which")
    return int(match[1])
