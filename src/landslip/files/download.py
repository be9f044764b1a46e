"""Downloads with pooch and huggingface_hub: files that a public source lists, verified by the checksums it lists."""

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, ValidationError

from landslip.errors import RunError, require_extra
from landslip.files.model import Frozen

EXTRA: Final = "fetch"
HUB: Final = "https://huggingface.co"
TIMEOUT_S: Final = 30.0
_CHUNK_BYTES: Final = 1 << 16
_LARGEST_LIST_BYTES: Final = 32 * 2**20
_LARGEST_FILE_BYTES: Final = 200 * 10**9
_RETRIES: Final = 4
_RETRIED_STATUS: Final = (408, 425, 429, 500, 502, 503, 504)


def plain_path(name: str) -> PurePosixPath | None:
    """Return a relative path that stays inside its folder on every operating system, or None for any other path.

    Example:
        >>> plain_path("images/train/image_1.h5")
        PurePosixPath('images/train/image_1.h5')
        >>> plain_path("../image_1.h5") is None
        True
    """
    parts = name.split("/")
    plain = all(
        part not in {"", ".", ".."} and not part.endswith((" ", ".")) and len(part.encode()) <= 240 for part in parts
    )
    if not plain or len(parts) > 12 or re.search(r'[\x00-\x1f\x7f\\:*?"<>|]', name):
        return None
    return PurePosixPath(*parts)


def _check_plain(name: str) -> str:
    if plain_path(name) is None:
        raise ValueError(f"{name[:120]!r} is not a plain path inside a folder")
    return name


class RemoteFile(Frozen):
    """A file of a public source, as the source lists it."""

    name: Annotated[str, AfterValidator(_check_plain)]
    """Relative path, with slashes."""
    url: str = Field(pattern=r"^https?://")
    size_bytes: int = Field(ge=0, le=_LARGEST_FILE_BYTES)
    checksum: str = Field(pattern=r"^(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}|git-sha1:[0-9a-f]{40})$")
    """Algorithm and hexadecimal digest. ``git-sha1`` is the id of a Git blob."""

    def matches(self, path: Path) -> bool:
        """Return whether a file on disk has the listed size and checksum."""
        if path.stat().st_size != self.size_bytes:
            return False
        kind, _, listed = self.checksum.partition(":")
        digest = hashlib.new("sha1" if kind == "git-sha1" else kind, usedforsecurity=False)
        if kind == "git-sha1":
            digest.update(b"blob %d\0" % self.size_bytes)
        with path.open("rb") as opened:
            while chunk := opened.read(1 << 20):
                digest.update(chunk)
        return digest.hexdigest() == listed


def download(file: RemoteFile, folder: Path, progress: Callable[[int], None] = lambda done: None) -> Path:
    """Download a file into a folder, unless it is there; an interrupted download resumes.

    The file gets its name only once its size and checksum are right. Until then it is ``<name>.part``.

    Args:
        file: the file, as its source lists it.
        folder: where to write it, under ``file.name``.
        progress: called with the number of bytes that are on disk.

    Returns:
        The path of the file.

    Raises:
        RunError: the server cannot be reached, or the downloaded file does not have the listed checksum.
        MissingExtraError: pooch is not installed.
    """
    path = folder / file.name
    if path.is_file() and file.matches(path):
        progress(file.size_bytes)
        return path
    pooch = require_extra("pooch", EXTRA)
    from requests import RequestException  # noqa: PLC0415 - installed with pooch

    pooch.get_logger().setLevel("WARNING")
    # pooch does not know Git's hash: it is checked below.
    known = None if file.checksum.startswith("git-sha1") else file.checksum
    store = pooch.create(
        folder, base_url="", registry={file.name: known}, urls={file.name: file.url}, retry_if_failed=_RETRIES // 2
    )
    try:
        store.fetch(file.name, downloader=_ResumingDownloader(file, progress))
    except RequestException as error:
        raise _failed(file.url, error) from error
    except ValueError as error:
        raise _wrong_checksum(file) from error
    if known is None and not file.matches(path):
        path.unlink()
        raise _wrong_checksum(file)
    return path


def read_json(url: str) -> bytes:
    """Download a short answer, such as a record of Zenodo.

    Raises:
        RunError: the server cannot be reached, refuses, or sends too much.
        MissingExtraError: pooch is not installed.
    """
    require_extra("pooch", EXTRA)
    from requests import RequestException  # noqa: PLC0415 - installed with pooch

    try:
        with _session() as session, session.get(url, timeout=TIMEOUT_S, stream=True) as response:
            response.raise_for_status()
            body = bytes(next(response.iter_content(_LARGEST_LIST_BYTES + 1), b""))
    except RequestException as error:
        raise _failed(url, error) from error
    if len(body) > _LARGEST_LIST_BYTES:
        raise RunError(f"the answer of {url} is longer than {_LARGEST_LIST_BYTES:,} bytes: try another source")
    return body


def list_hub(repository: str, kind: Literal["dataset", "model"], base_url: str = HUB) -> Iterator[RemoteFile]:
    """List the files of a repository of the Hugging Face hub, except those whose name starts with a dot.

    Args:
        repository: owner and name, with a slash between.
        kind: kind of repository.
        base_url: the hub, or another server with the same API.

    Raises:
        RunError: the hub cannot be reached, or its answer is not a list of files.
        MissingExtraError: huggingface_hub is not installed.
    """
    hub = require_extra("huggingface_hub", EXTRA)
    errors = require_extra("huggingface_hub.errors", EXTRA)
    # The token of the user is for the hub, not for any server.
    api = hub.HfApi(endpoint=base_url, token=False)
    try:
        for entry in api.list_repo_tree(repository, recursive=True, repo_type=kind):
            if not isinstance(entry, hub.RepoFile) or entry.path.startswith("."):
                continue
            yield RemoteFile(
                name=entry.path,
                url=hub.hf_hub_url(repository, entry.path, repo_type=kind, endpoint=base_url),
                size_bytes=entry.size,
                checksum=f"sha256:{entry.lfs.sha256}" if entry.lfs else f"git-sha1:{entry.blob_id}",
            )
    except errors.HTTPError as error:
        raise _failed(base_url, error) from error
    except (ValidationError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise not_a_list(base_url, error) from error


def not_a_list(base_url: str, error: Exception) -> RunError:
    """Return the error of a server whose answer is not a list of files with checksums."""
    found: object = error
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        found = f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"
    return RunError(f"the answer of {base_url} is not a list of files ({found}): try again later, or another source")


class _ResumingDownloader:
    """A downloader for pooch that resumes ``<name>.part`` and never writes more than the listed size."""

    def __init__(self, file: RemoteFile, progress: Callable[[int], None]) -> None:
        self._file = file
        self._progress = progress

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        part = Path(pooch.abspath, self._file.name + ".part")
        if part.exists() and part.stat().st_size > self._file.size_bytes:
            part.unlink()
        part.touch()
        with _session() as session:
            while (have := part.stat().st_size) < self._file.size_bytes:
                self._progress(have)
                self._request(session, url, part, have)
        self._progress(self._file.size_bytes)
        part.replace(output_file)

    def _request(self, session: Any, url: str, part: Path, have: int) -> None:
        """Request the missing bytes once.

        Raises:
            requests.RequestException: the server sent nothing that is of use.
        """
        from requests.exceptions import ChunkedEncodingError, RequestException  # noqa: PLC0415

        # Compressed answers would have another length.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with session.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            response.raise_for_status()
            resumed = response.status_code == 206
            if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                raise ChunkedEncodingError(f"byte {have:,} was requested and another sent")
            # urllib3 would discard the bytes before a break; the listed size is checked instead of Content-Length.
            response.raw.enforce_content_length = False
            try:
                self._write(response, part, have if resumed else 0)
            except RequestException:
                # A connection that broke after some bytes is worth another request at once.
                if part.stat().st_size <= have:
                    raise
        if part.stat().st_size <= have:
            raise ChunkedEncodingError(f"it ended after {have:,} of {self._file.size_bytes:,} bytes")

    def _write(self, response: Any, part: Path, start: int) -> None:
        """Write an answer to the part, from byte ``start`` on; a server without ranges sends all bytes again."""
        with part.open("ab" if start else "wb") as opened:
            for chunk in response.iter_content(_CHUNK_BYTES):
                opened.write(chunk[: self._file.size_bytes - start])
                start += len(chunk)
                self._progress(min(start, self._file.size_bytes))
                if start >= self._file.size_bytes:
                    break


def _session() -> Any:
    """Return a requests session that retries what is temporary, and waits as long as the server asks for."""
    from requests import Session  # noqa: PLC0415
    from requests.adapters import HTTPAdapter  # noqa: PLC0415
    from urllib3.util import Retry  # noqa: PLC0415

    session = Session()
    retries = Retry(total=_RETRIES, backoff_factor=0.5, status_forcelist=_RETRIED_STATUS, raise_on_status=False)
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=retries))
    return session


def _failed(url: str, error: Exception) -> RunError:
    """Return the error of a failed request."""
    from requests.exceptions import ChunkedEncodingError, InvalidSchema  # noqa: PLC0415

    status = getattr(getattr(error, "response", None), "status_code", None)
    if status:
        return RunError(f"{url} is refused (HTTP status {status}): try again later, or another source")
    host = "/".join(url.split("/")[:3])
    # The messages of requests repeat the URL in several nested exceptions.
    cause = str(error) if len(str(error)) < 100 else type(error).__name__
    if isinstance(error, InvalidSchema | ChunkedEncodingError):
        return RunError(
            f"{host} sends an invalid answer ({cause}): try again later, which resumes the download, or another source"
        )
    return RunError(
        f"{host} cannot be reached ({cause}): check the internet connection and repeat the call, which resumes the "
        "download"
    )


def _wrong_checksum(file: RemoteFile) -> RunError:
    return RunError(
        f"{file.url} does not have the checksum that its source lists ({file.checksum}), the download was removed: "
        "try again later, or another source"
    )
