"""What a repository of the Hugging Face hub holds: ``GET /api/<kind>/<name>/tree/main``, page by page.

It gives the sha256 of large files (Git LFS) and Git's sha1 of others.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal
from urllib.parse import quote

from landslip.errors import RunError
from landslip.files.connection import Connection
from landslip.files.remote import RemoteFile, ask_json, list_entries, remote_file

HUB: Final = "https://huggingface.co"
RepositoryKind = Literal["datasets", "models"]
_MOST_PAGES: Final = 200


def list_hub(connection: Connection, base: str, kind: RepositoryKind, name: str) -> Iterator[RemoteFile]:
    """Every file of a repository but those whose name starts with a dot.

    Args:
        connection: how to ask.
        base: address of the hub, without a slash at its end.
        kind: data sets or models.
        name: owner and repository, with a slash between.

    Raises:
        RunError: the hub cannot be reached, or answers what is no such list.
    """
    url: str | None = f"{base}/api/{kind}/{name}/tree/main?recursive=true"
    # On the hub's pages, models stand at the root.
    pages = f"{base}/{name}" if kind == "models" else f"{base}/{kind}/{name}"
    for _ in range(_MOST_PAGES):
        if url is None:
            return
        page, link = ask_json(connection, url)
        for entry in list_entries(page, base):
            path = entry.get("path")
            if entry.get("type") != "file" or str(path).startswith("."):
                continue
            large = entry.get("lfs")
            how, digest = ("sha256", large.get("oid")) if isinstance(large, dict) else ("git-sha1", entry.get("oid"))
            at = f"{pages}/resolve/main/{quote(str(path))}"
            yield remote_file(path, at, entry.get("size"), how, digest, base)
        following = re.search(r'<([^>]+)>;\s*rel="next"', link)
        url = following[1] if following else None
    raise RunError(f"{base} lists files of {name} on more than {_MOST_PAGES} pages, which is no such list")
