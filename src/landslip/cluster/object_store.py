"""Maps in an object store, such as S3: made on this machine, uploaded when finished, the summary last.

An object appears only once all of it was received, and ``summary.json`` after every other file of its map: a folder of
the store with a summary holds a complete map, and nothing else counts as one.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from landslip.errors import OutputError, require_extra
from landslip.inference.remembered_choice import cache_folder
from landslip.mapping.job import Job
from landslip.mapping.many_scenes import check_finished
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.products import SUMMARY
from landslip.mapping.workspace import sha256_of

_URL: Final = re.compile(r"(s3|gs|az):/{1,2}([^/].*)")
_ENDPOINT: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


def store_url(out: Path) -> str | None:
    """Return the URL of an object store that an output path names; None for a folder.

    Example:
        >>> store_url(Path("s3://bucket/maps")), store_url(Path("maps"))
        ('s3://bucket/maps', None)
    """
    found = _URL.fullmatch(str(out))
    return f"{found[1]}://{found[2]}" if found else None


def staging_folder(url: str) -> Path:
    """Return the folder on this machine in which the maps of a URL are made: the same in each run, so that it resumes.

    It is in the cache folder of the user, or in ``LANDSLIP_CACHE``.
    """
    return cache_folder() / "staging" / hashlib.sha256(url.encode()).hexdigest()[:16]


class ObjectStore:
    """Files below a URL, through fsspec and obstore; credentials and endpoint from the environment.

    Args:
        url: ``s3://bucket/prefix``.

    Raises:
        MissingExtraError: the extra ``cluster`` is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        protocol, _, self._root = self.url.partition("://")
        stores = require_extra("obstore.fsspec", "cluster")
        known = require_extra("obstore.exceptions", "cluster")
        self._errors: tuple[type[Exception], ...] = (known.BaseError, OSError)
        self._absent: tuple[type[Exception], ...] = (known.NotFoundError, FileNotFoundError)
        options: dict[str, Any] = {}
        if protocol == "s3":
            endpoint = next((os.environ[name] for name in _ENDPOINT if os.environ.get(name)), None)
            if endpoint:
                options = {"config": {"endpoint": endpoint}}
            if endpoint and endpoint.startswith("http://"):
                options["client_options"] = {"allow_http": True}
        self._files: Any = stores.FsspecStore(protocol, **options)

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None where there is none.

        Raises:
            OutputError: the store does not answer, or refuses.
        """
        try:
            return bytes(self._files.cat_file(f"{self._root}/{name}"))
        except self._absent:
            return None
        except self._errors as error:
            raise self._failed(error) from error

    def put(self, path: Path, name: str) -> None:
        """Upload a file.

        Raises:
            OutputError: the store does not answer, or refuses.
        """
        try:
            self._files.put_file(str(path), f"{self._root}/{name}")
        except self._errors as error:
            raise self._failed(error) from error

    def get(self, name: str, path: Path) -> None:
        """Download a file.

        Raises:
            OutputError: it is not there, or the store does not answer.
        """
        try:
            self._files.get_file(f"{self._root}/{name}", str(path))
        except self._errors as error:
            raise self._failed(error) from error

    def remove(self, name: str) -> None:
        """Remove a file, if it is there.

        Raises:
            OutputError: the store does not answer, or refuses.
        """
        if self.read(name) is None:
            return
        try:
            self._files.rm_file(f"{self._root}/{name}")
        except self._errors as error:
            raise self._failed(error) from error

    def names(self, folder: str) -> set[str]:
        """Return the names of the files of a folder.

        Raises:
            OutputError: the store does not answer, or refuses.
        """
        try:
            found = self._files.ls(f"{self._root}/{folder}".rstrip("/"), detail=False)
        except self._absent:
            return set()
        except self._errors as error:
            raise self._failed(error) from error
        return {str(one).rsplit("/", 1)[-1] for one in found}

    def _failed(self, error: Exception) -> OutputError:
        reason = " ".join(str(error).split())[:300]
        return OutputError(
            f"{self.url} cannot be read or written ({reason}): check the address and the credentials in the "
            "environment; finished files are kept on this machine, and the same command goes on",
            parameter="out",
        )


def join(folder: str, name: str) -> str:
    """Return the name of a file in a folder of a store; the folder may be empty."""
    return f"{folder}/{name}" if folder else name


def upload_folder(store: ObjectStore, source: Path, folder: str, last: str, first: Sequence[str] = ()) -> None:
    """Upload the files of a folder, the one that tells that it is complete last.

    Args:
        store: where to.
        source: folder on this machine.
        folder: in the store.
        last: name of the file that is uploaded last; an older one is removed first.
        first: names to upload; all files of the folder where empty.

    Raises:
        OutputError: the store does not answer, or refuses.
    """
    names = first or sorted(one.name for one in source.iterdir() if one.is_file() and not one.name.startswith("."))
    store.remove(join(folder, last))
    for name in (*(one for one in names if one != last), last):
        store.put(source / name, join(folder, name))


def finished_in_store(store: ObjectStore, folder: str, job: Job) -> Summary | None:
    """Return the summary of a map in a store if it is that of a job and complete; None where there is none.

    Raises:
        OutputError: the folder holds another map, or the store does not answer.
    """
    content = store.read(join(folder, SUMMARY))
    if content is None:
        return None
    summary = check_finished(content, join(store.url, folder), job)
    return summary if set(summary.files) <= store.names(folder) else None


def fetch_map(store: ObjectStore, folder: str, target: Path, names: Sequence[str]) -> None:
    """Download files of a finished map that are not on this machine.

    Raises:
        OutputError: the store does not answer, or a file is not the one that the summary lists.
    """
    target.mkdir(parents=True, exist_ok=True)
    content = store.read(join(folder, SUMMARY))
    if content is None:
        raise OutputError(f"{join(store.url, folder)} holds no finished map: map the scene again")
    (target / SUMMARY).write_bytes(content)
    listed = Summary.model_validate_json(content).files
    for name in names:
        path = target / name
        if path.exists() and listed.get(name) == sha256_of(path):
            continue
        store.get(join(folder, name), path)
        if name in listed and sha256_of(path) != listed[name]:
            raise OutputError(f"{join(folder, name)} in {store.url} is not the file of its map: map the scene again")


def remove_staging(folder: Path) -> None:
    """Remove the folder in which maps were made, once all of them are in the store."""
    shutil.rmtree(folder, ignore_errors=True)
