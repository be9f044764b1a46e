"""Published weights from the hub to this machine: listed, compared with what was first seen, downloaded, kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from landslip.errors import OutputError, RunError
from landslip.files.connection import Connection
from landslip.files.download import download, is_right
from landslip.files.hub import HUB, list_hub
from landslip.files.pins import check_pin, kept_folder, pin, read_pins
from landslip.files.remote import RemoteFile
from landslip.training.pretrained.deepslide import REPOSITORY, SOURCE, find_published

Progress = Callable[[str, int, int], None]
_DOWNLOADS: Final = "downloads"


def fetch_published(
    name: str,
    *,
    folder: Path | None = None,
    base_url: str = HUB,
    connection: Connection | None = None,
    progress: Progress = lambda doing, done, total: None,
) -> Path:
    """Download published weights, unless they are here; a call that was broken off is gone on with.

    The hub's own sha256 is verified. The first that is seen for a name is kept; another, later, is refused.

    Args:
        name: such as deepslide/resnet34.
        folder: where files and first sights are kept; this user's own by default.
        base_url: another server that answers as the hub does.
        connection: how to ask it.
        progress: told what is being done, how many bytes are here, how many there are.

    Returns:
        The path of the file.

    Raises:
        WeightsError: nothing of that name is published.
        RunError: the hub cannot be reached, sends what it does not list, or lists another file than at first sight.
        OutputError: the folder cannot be written.
    """
    short, published = find_published(name)
    kept = folder or kept_folder()
    path = kept / _DOWNLOADS / SOURCE / published.file
    key = f"{SOURCE}/{short}"
    if _is_here(kept, key, path):
        return path
    base = base_url.rstrip("/")
    asked = connection or Connection(base)
    try:
        offered = _offered(published.file, asked, base)
        check_pin(kept, key, offered)
        download(offered, path, asked, lambda have: progress("downloading", have, offered.size_bytes))
        pin(kept, key, offered)
    except OSError as error:
        raise OutputError(
            f"{kept} cannot be written ({error.strerror or error}): set LANDSLIP_HOME to a folder with room"
        ) from error
    return path


def by_hand(name: str) -> str:
    """What to do where the hub cannot be reached from here."""
    _, published = find_published(name)
    raised = "" if published.network != "segformer-b2" else " --raise probabilities"
    return (
        f"By hand: download {published.file} from {HUB}/{REPOSITORY} and call  landslip detector import "
        f"{published.file} --network {published.network} --channels l4s --inputs l4s{raised}"
    )


def _is_here(kept: Path, key: str, path: Path) -> bool:
    """Whether the very file that was first seen is on disk: then nobody needs to be asked."""
    first = read_pins(kept).get(key)
    if first is None or not path.is_file():
        return False
    return is_right(RemoteFile(path.name, first.url, first.size_bytes, "sha256", first.sha256), path)


def _offered(file: str, connection: Connection, base: str) -> RemoteFile:
    """What the hub lists under a file's name."""
    found = next((one for one in list_hub(connection, base, "models", REPOSITORY) if one.name == file), None)
    if found is None:
        raise RunError(f"{base}/{REPOSITORY} no longer lists {file}: see its page for what became of it")
    if found.hash_kind != "sha256":
        raise RunError(f"{base}/{REPOSITORY} lists {file} without a sha256, as no weights are: it is not taken")
    return found
