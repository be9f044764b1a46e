"""Images of a catalogue: what a STAC item tells about a Sentinel-2 product, its files and its offset."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote, urljoin, urlparse

from landslip.channels import CHANNELS, DN_PER_REFLECTANCE
from landslip.scenes.catalogue.presets import Catalogue
from landslip.scenes.product_metadata import FIRST_BASELINE_WITH_OFFSET, item_statement

# Keys of Earth Search where the common name of the band is another, or names several bands.
_KEYS: Mapping[str, str] = MappingProxyType(
    {"rededge1": "B05", "rededge2": "B06", "rededge3": "B07"}
    | {channel.common_name: channel.name for channel in CHANNELS.values() if channel.common_name}
)
_BAND: Final = re.compile(r"(?:^|_)(B\d\d|B8A)(?:_(\d\d)m)?$")
_CLASSIFICATION: Final = re.compile(r"(?i)(?:^|_)scl(?:_(\d\d)m)?$")
_ORBIT: Final = re.compile(r"_R(\d{3})_")
_TILE: Final = re.compile(r"(?:^|_|MGRS-)T?(\d\d[A-Z]{3})(?:_|$)")
_OFFSET_DN: Final = -1000.0
_GUIDES: Final = ("B04", "B02", "B03", "B08")


@dataclass(frozen=True, slots=True)
class BandFile:
    """One file of an image."""

    href: str
    """URL or path, without a token."""
    gain: float = 1.0
    """DN per stored value."""
    offset_dn: float | None = 0.0
    """Added after that; None if nothing tells."""
    offset_from: str = ""
    """What tells the offset."""


@dataclass(frozen=True, slots=True)
class Image:
    """A Sentinel-2 product of one tile, as a catalogue lists it."""

    name: str
    collection: str
    href: str
    """Of the item; empty if unknown."""
    sensed: datetime
    platform: str
    tile: str
    orbit: int | None
    baseline: str
    stated_cloud_percent: float | None
    """Of the whole tile."""
    sun_zenith_deg: float | None
    sun_azimuth_deg: float | None
    bands: Mapping[str, BandFile]
    """By channel."""
    classification: str | None
    """Of the scene classification (SCL)."""
    pass_key: str
    """Equal for the tiles of one pass of a satellite."""
    made: str
    """Baseline and time of processing, which sort versions of one product."""
    licence: str

    @property
    def guide(self) -> str:
        """The channel that tells where an image without scene classification has values."""
        return next((name for name in _GUIDES if name in self.bands), next(iter(self.bands)))

    def with_offset(self, offset_dn: float, source: str) -> "Image":
        """Return the image with an offset that its item does not tell."""
        bands = {name: replace(one, offset_dn=offset_dn, offset_from=source) for name, one in self.bands.items()}
        return replace(self, bands=MappingProxyType(bands))


def read_image(item: Mapping[str, Any], catalogue: Catalogue) -> Image | str:
    """Read a STAC item.

    Args:
        item: as JSON.
        catalogue: where it is from.

    Returns:
        The image, or why it cannot be used, in a clause.
    """
    properties, assets = item.get("properties"), item.get("assets")
    name = str(item.get("id", "an item without id"))
    if not isinstance(properties, dict) or not isinstance(assets, dict):
        return f"{name} has no properties or no assets"
    sensed = _time(properties.get("datetime") or properties.get("start_datetime"))
    if sensed is None:
        return f"{name} has no date"
    own = _own_link(item)
    bands = dict(_bands(item, assets, own, catalogue))
    if not bands:
        return f"{name} has no file of a Sentinel-2 band"
    uri = str(properties.get("s2:product_uri") or properties.get("s2:product_id") or name)
    orbit = _number(properties.get("sat:relative_orbit"))
    named_orbit = _ORBIT.search(uri)
    if orbit is None and named_orbit:
        orbit = float(named_orbit[1])
    platform = str(properties.get("platform", "sentinel-2")).lower()
    statement = item_statement(item, "", "", "")
    baseline = statement.baseline if statement else ""
    datatake = properties.get("s2:datatake_id") or properties.get("eopf:datatake_id")
    elevation, azimuth = (_number(properties.get(f"view:sun_{key}")) for key in ("elevation", "azimuth"))
    return Image(
        name=name,
        collection=str(item.get("collection", "")),
        href=own,
        sensed=sensed,
        platform=platform,
        tile=_tile(properties, uri, name),
        orbit=None if orbit is None else int(orbit),
        baseline=baseline,
        stated_cloud_percent=_number(properties.get("eo:cloud_cover")),
        sun_zenith_deg=None if elevation is None else 90 - elevation,
        sun_azimuth_deg=azimuth,
        bands=MappingProxyType(bands),
        classification=_finest(_classifications(assets), own),
        pass_key=f"{datatake or f'{platform} {sensed.date()} {orbit}'}".split("_N0")[0],
        made=f"{baseline} {properties.get('s2:generation_time') or properties.get('created') or ''} {name}",
        licence=_licence(item),
    )


def newest_versions(images: Sequence[Image]) -> list[Image]:
    """Keep the newest of several versions of one product: a tile that was processed again."""
    newest: dict[tuple[str, str, datetime], Image] = {}
    for one in sorted(images, key=lambda image: image.made):
        newest[one.platform, one.tile or one.name, one.sensed.replace(microsecond=0)] = one
    return sorted(newest.values(), key=lambda image: (image.sensed, image.name))


def absolute(href: str, own: str) -> str:
    """Return a reference of an item as an absolute URL or path; ``file://`` becomes a path.

    Example:
        >>> absolute("./B04.tif", "http://127.0.0.1/items/a.json")
        'http://127.0.0.1/items/B04.tif'
    """
    if href.startswith("file://"):
        return unquote(urlparse(href).path)
    if "://" in href or href.startswith("/vsi"):
        return href
    if "://" in own:
        return urljoin(own, href)
    # A path on disk beside the item.
    return href if PurePosixPath(href).is_absolute() else str(PurePosixPath(own).parent / href)


def _bands(
    item: Mapping[str, Any], assets: Mapping[str, Any], own: str, catalogue: Catalogue
) -> Iterator[tuple[str, BandFile]]:
    """Yield the finest file of each band, with its offset."""
    found: dict[str, list[tuple[float, str, str]]] = {}
    for key, asset in assets.items():
        if not isinstance(asset, dict) or not isinstance(asset.get("href"), str):
            continue
        named = _BAND.search(str(key))
        channel = named[1] if named else _KEYS.get(str(key))
        if channel is not None and channel in CHANNELS:
            found.setdefault(channel, []).append((_metres(named[2] if named else None, asset), str(key), asset["href"]))
    for channel in CHANNELS:
        if channel in found:
            _, key, href = min(found[channel])
            yield channel, _with_offset(item, key, absolute(href, own), channel, catalogue)


def _with_offset(item: Mapping[str, Any], key: str, href: str, channel: str, catalogue: Catalogue) -> BandFile:
    """Return a file with the offset that the item, or what is known of the catalogue, tells."""
    told, gain = item_statement(item, "the item", key, channel), _gain(item["assets"][key])
    if told is None:
        return BandFile(href, gain, None)
    offset, source = told.offset, told.source
    if offset is None and told.baseline >= FIRST_BASELINE_WITH_OFFSET and catalogue.keeps_offset:
        offset, source = _OFFSET_DN, f"processing baseline {told.baseline}, whose offset {catalogue.name} keeps"
    return BandFile(href, gain, None if offset is None else offset * gain, source)


def _classifications(assets: Mapping[str, Any]) -> Iterator[tuple[float, str]]:
    for key, asset in assets.items():
        named = _CLASSIFICATION.search(str(key))
        if named and isinstance(asset, dict) and isinstance(asset.get("href"), str):
            yield _metres(named[1], asset), asset["href"]


def _finest(files: Iterator[tuple[float, str]], own: str) -> str | None:
    chosen = min(files, default=None)
    return None if chosen is None else absolute(chosen[1], own)


def _metres(named: str | None, asset: Mapping[str, Any]) -> float:
    """Return the size of a pixel in metres as the name or the asset tells it; large if unknown."""
    bands = asset.get("raster:bands")
    first = bands[0] if isinstance(bands, list) and bands and isinstance(bands[0], dict) else {}
    for value in (named, asset.get("gsd"), asset.get("raster:spatial_resolution"), first.get("spatial_resolution")):
        if (metres := _number(value)) is not None:
            return metres
    return 1000.0


def _gain(asset: Mapping[str, Any]) -> float:
    """Return DN per stored value as an asset tells it; 1 where it does not."""
    bands = asset.get("raster:bands") or asset.get("bands")
    first = bands[0] if isinstance(bands, list) and bands and isinstance(bands[0], dict) else {}
    scale = _number(first.get("scale", first.get("raster:scale", asset.get("raster:scale"))))
    return 1.0 if scale is None or scale <= 0 else round(scale * DN_PER_REFLECTANCE, 9)


def _own_link(item: Mapping[str, Any]) -> str:
    links = item.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "self" and isinstance(link.get("href"), str):
            return str(link["href"])
    return ""


def _tile(properties: Mapping[str, Any], uri: str, name: str) -> str:
    for text in (properties.get("s2:mgrs_tile"), properties.get("grid:code"), uri, name):
        if isinstance(text, str) and (found := _TILE.search(text)):
            return found[1]
    parts = [properties.get(f"mgrs:{key}") for key in ("utm_zone", "latitude_band", "grid_square")]
    return f"{parts[0]:02}{parts[1]}{parts[2]}" if isinstance(parts[0], int) and all(parts) else ""


def _licence(item: Mapping[str, Any]) -> str:
    properties = item.get("properties")
    stated = properties.get("license") if isinstance(properties, dict) else None
    links = item.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "license" and isinstance(link.get("href"), str):
            return str(link["href"])
    return str(stated or "")


def _time(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]  # anything that JSON holds
    except (TypeError, ValueError):
        return None
    return number if abs(number) < float("inf") else None
