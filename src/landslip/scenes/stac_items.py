"""STAC items as scenes: the files of an item, or of each item of a collection, in one JSON file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlparse

from landslip.errors import SceneError
from landslip.scenes.remote import is_remote, local_or_remote

_MAX_BYTES: Final = 64_000_000
_NOT_CHANNELS: Final = frozenset({"thumbnail", "overview", "visual", "metadata"})
_RASTER_TYPES: Final = ("image/tiff", "image/jp2", "image/vnd.stac.geotiff")
_RASTER_ENDINGS: Final = (".tif", ".tiff", ".jp2")


def item_scenes(path: Path) -> Iterator[tuple[str, tuple[Path, ...]]]:
    """Yield id and rasters of each item of a JSON file: a STAC item, or an item collection (FeatureCollection).

    An asset is found by its ``href``, relative to the JSON file, or by the name of its file beside it, as a download
    leaves it; else by its URL on a server. Thumbnails, overviews, visual composites and metadata are left out.

    Raises:
        SceneError: the file cannot be read or holds no items, or an item has no raster here or at a plain URL.
    """
    for item in _items(path):
        name = str(item.get("id") or "without an id")
        assets = item.get("assets")
        rasters = [one for one in assets.values() if _is_raster(one)] if isinstance(assets, dict) else []
        found = [_local(str(one["href"]), path.parent) or _on_server(str(one["href"])) for one in rasters]
        files = tuple(dict.fromkeys(one for one in found if one))
        if not files:
            where = f", its assets are at {rasters[0]['href']}" if rasters else ""
            raise SceneError(
                f"item {name} of {path} has no raster that can be read{where}: download its files beside {path.name}, "
                "or leave it out",
                parameter="paths",
            )
        yield name, files


def _items(path: Path) -> list[dict[str, Any]]:
    """Read the items of a JSON file.

    Raises:
        SceneError: it cannot be read, or holds none.
    """
    expected = "give a STAC item or an item collection (FeatureCollection) whose assets are on this machine"
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise SceneError(f"{path} is too large for a list of items: {expected}", parameter="paths")
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SceneError(f"{path} cannot be read ({error.strerror}): {expected}", parameter="paths") from error
    except (ValueError, RecursionError) as error:
        raise SceneError(f"{path} is not JSON: {expected}", parameter="paths") from error
    found = content.get("features") if isinstance(content, dict) and "features" in content else [content]
    items = found if isinstance(found, list) else []
    if not items or not all(isinstance(one, dict) and "assets" in one for one in items):
        raise SceneError(f"{path} holds no STAC items: {expected}", parameter="paths")
    return items


def _is_raster(asset: Any) -> bool:
    """Return whether an asset is a raster of channels."""
    if not isinstance(asset, dict) or not isinstance(asset.get("href"), str):
        return False
    roles = asset.get("roles")
    if isinstance(roles, list) and _NOT_CHANNELS & {str(role) for role in roles}:
        return False
    kind = str(asset.get("type") or "")
    return kind.startswith(_RASTER_TYPES) or (not kind and asset["href"].lower().endswith(_RASTER_ENDINGS))


def _local(href: str, folder: Path) -> Path | None:
    """Return the file of an asset on this machine; None where there is none."""
    url = urlparse(href)
    own = Path(unquote(url.path)) if url.scheme in ("", "file") else None
    beside = folder / Path(unquote(url.path)).name
    candidates = [folder / own] if own is not None else []
    return next((one for one in [*candidates, beside] if one.is_file()), None)


def _on_server(href: str) -> Path | None:
    """Return the path by which GDAL reads an asset on a server; None where it has no plain URL of a raster."""
    try:
        path = local_or_remote(Path(href))
    except SceneError:
        return None
    return path if is_remote(path) else None
