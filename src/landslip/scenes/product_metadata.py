"""Offset and quantification of Sentinel-2 values, from the metadata of the product beside or above the bands.

Since processing baseline 04.00 (January 2022) products store reflectance x 10,000 + 1,000. Which values a file holds is
read from ``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml``, from a STAC item, and from the baseline in names and tags; never
from the date, because archives were processed again and some providers remove the offset.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from landslip.channels import DN_PER_REFLECTANCE
from landslip.errors import SceneError
from landslip.scenes.naming import from_text
from landslip.scenes.safe_metadata import QUANTIFICATIONS, number_of, parse_xml, read_offsets, text_of

FIRST_BASELINE_WITH_OFFSET = "04.00"
_PRODUCT_FOLDER = re.compile(r"(?i)R?[126]0m|IMG_DATA|GRANULE|L[12][AC]_.*|.*\.SAFE")
_BASELINE_IN_NAME = re.compile(r"(?<![A-Za-z0-9])N(0[2-9])\.?(\d\d)(?!\d)")
_BASELINE = re.compile(r"^(\d\d?)\.(\d\d)$")
_IDENTIFIERS = (re.compile(r"T\d\d[A-Z]{3}(?![A-Z])"), re.compile(r"(?<!\d)\d{8}T\d{6}(?!\d)"))
_PLANETARY_COMPUTER = re.compile(
    r"(?m)^https://(planetarycomputer\.microsoft\.com/api/|sentinel2l2a01\.blob\.core\.windows\.net/)"
)
"""Its files are those of ESA, with the offset of their baseline; its items do not tell it."""
_MAX_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Statement:
    """What metadata tell about the values of a band: DN = 10,000 / quantification x (stored value + offset)."""

    source: str
    baseline: str = ""
    """Processing baseline such as ``05.09``; empty if unknown."""
    offset: float | None = None
    """In stored values; None if the metadata do not tell."""
    quantification: float = DN_PER_REFLECTANCE
    nodata: float | None = None
    """Stored value of nodata that the file itself does not declare."""

    @property
    def in_doubt(self) -> bool:
        """Whether the baseline adds an offset and nothing tells whether it was removed."""
        return self.offset is None and self.baseline >= FIRST_BASELINE_WITH_OFFSET


@dataclass(slots=True)
class ProductMetadata:
    """Metadata of the products that files belong to; each document is read once."""

    _documents: dict[Path, Any] = field(default_factory=dict)

    def statement(self, path: Path, channel: str, tags: Mapping[str, str]) -> Statement | None:
        """Return what the metadata beside or above a file tell about one of its bands; None if nothing.

        A document that states the offset goes before one that only states the baseline.

        Args:
            path: of the file.
            channel: of the band.
            tags: of the file.
        """
        found = [*self._from_product(path, channel), *self._from_items(path, channel), *_from_names(path, tags)]
        return next((one for one in found if one.offset is not None), found[0] if found else None)

    def _from_product(self, path: Path, channel: str) -> Iterator[Statement]:
        absolute = path.absolute()
        for folder in list(absolute.parents)[:6]:
            for document in sorted(folder.glob("*.xml")):
                root = self._read(document)
                if isinstance(root, ElementTree.Element) and _belongs(root, absolute):
                    yield from _from_xml(root, document.name, channel)
            # Only the folders of a product lead to the folder of its metadata.
            if folder.suffix.upper() == ".SAFE" or not _PRODUCT_FOLDER.fullmatch(folder.name):
                return

    def _from_items(self, path: Path, channel: str) -> Iterator[Statement]:
        for document in sorted(path.absolute().parent.glob("*.json")):
            item = self._read(document)
            if isinstance(item, dict) and "stac_version" in item and isinstance(item.get("assets"), dict):
                if not item_belongs(item, path):
                    continue
                statement = _from_item(item, document.name, path, channel)
                if statement:
                    yield statement

    def _read(self, path: Path) -> Any:
        """Return a parsed document; None if it cannot be read."""
        if path not in self._documents:
            parsed: Any = None
            try:
                if path.stat().st_size <= _MAX_BYTES and not path.name.startswith("."):
                    raw = path.read_bytes()
                    parsed = parse_xml(raw, path.name) if path.suffix.lower() == ".xml" else json.loads(raw)
            except (OSError, ValueError, SceneError, RecursionError):
                parsed = None
            self._documents[path] = parsed
        return self._documents[path]


def item_statement(item: Mapping[str, Any], name: str, asset: str, channel: str) -> Statement | None:
    """Return what a STAC item tells about the values of one of its assets; None if nothing.

    Args:
        item: as JSON.
        name: of the item, for messages.
        asset: key of the asset.
        channel: that it holds.
    """
    assets = item.get("assets")
    chosen = assets.get(asset) if isinstance(assets, dict) else None
    href = str(chosen.get("href", "")) if isinstance(chosen, dict) else ""
    return _from_item({**item, "assets": {asset: chosen}}, name, Path(href), channel)


def item_belongs(item: Mapping[str, Any], path: Path) -> bool:
    """Return whether tile and time in a file's name, if there are any, are also in a STAC item, if it has any.

    Example:
        >>> item = {"id": "S2B_T43PGN_20210101T051225", "assets": {}}
        >>> item_belongs(item, Path("T43PFN_20241201T051225_B04_10m.tif")), item_belongs(item, Path("B04.tif"))
        (False, True)
    """
    return _names_it(json.dumps(item), path)


def _belongs(root: ElementTree.Element, path: Path) -> bool:
    """Return whether tile and time in a file's name, if there are any, are also in the document."""
    return _names_it(" ".join(element.text or "" for element in root.iter()), path)


def _names_it(text: str, path: Path) -> bool:
    for pattern in _IDENTIFIERS:
        own, listed = set(pattern.findall(path.stem)), set(pattern.findall(text))
        if own and listed and not own & listed:
            return False
    return True


def _from_xml(root: ElementTree.Element, name: str, channel: str) -> Iterator[Statement]:
    """Read offset, quantification and baseline of a product's or a tile's metadata."""
    try:
        offsets = read_offsets(root, name)
    except SceneError:
        # Beside loose bands, offsets that cannot be read leave the baseline; a product that is opened is refused.
        offsets = {}
    baseline = _baseline(text_of(root, "PROCESSING_BASELINE") or "") or _baseline_in(text_of(root, "TILE_ID") or "")
    quantification = number_of(root, *QUANTIFICATIONS)
    if not offsets and not baseline and quantification is None:
        return
    offset = offsets.get(channel)
    if offset is None and not offsets and baseline and baseline < FIRST_BASELINE_WITH_OFFSET:
        offset = 0.0
    usable = quantification is not None and quantification > 0
    yield Statement(name, baseline, offset, quantification if usable and quantification else DN_PER_REFLECTANCE)


def _from_item(item: dict[str, Any], name: str, path: Path, channel: str) -> Statement | None:
    """Read offset and baseline of a STAC item; None if it is about other files."""
    raw = item.get("properties")
    properties: dict[str, Any] = raw if isinstance(raw, dict) else {}
    version = properties.get("s2:processing_baseline", properties.get("processing:version", ""))
    baseline = _baseline(str(version)) or _baseline_in(str(properties.get("s2:product_uri", "")))
    applied = properties.get("earthsearch:boa_offset_applied")
    if applied is True:
        return Statement(f"{name}, earthsearch:boa_offset_applied", baseline, 0.0)
    offset = _asset_offset(item["assets"], path, channel)
    if offset == 0 and baseline >= FIRST_BASELINE_WITH_OFFSET:
        # The offset of an item is often 0 by default and then contradicts its own baseline.
        offset = None
    if offset is None and baseline >= FIRST_BASELINE_WITH_OFFSET and _PLANETARY_COMPUTER.search(_addresses(item)):
        return Statement(f"{name}: the Planetary Computer keeps the offset of baseline {baseline}", baseline, -1000.0)
    if offset is None and applied is False and baseline:
        offset = -1000.0 if baseline >= FIRST_BASELINE_WITH_OFFSET else 0.0
    if offset is None and baseline and baseline < FIRST_BASELINE_WITH_OFFSET:
        offset = 0.0
    return Statement(name, baseline, offset) if baseline or offset is not None else None


def _addresses(item: Mapping[str, Any]) -> str:
    """Return the addresses of the files and links of an item, one a line."""
    links = item.get("links")
    entries = [*item["assets"].values(), *(links if isinstance(links, list) else ())]
    return "\n".join(str(one.get("href", "")) for one in entries if isinstance(one, dict))


def _asset_offset(assets: dict[str, Any], path: Path, channel: str) -> float | None:
    """Return the offset of a file's asset in DN, by the name of the file or else by the channel."""
    named: list[dict[str, Any]] = []
    for key, asset in assets.items():
        if not isinstance(asset, dict):
            continue
        if Path(str(asset.get("href", ""))).stem == path.stem:
            named.insert(0, asset)
        elif from_text(str(key)) == channel:
            named.append(asset)
    for asset in named:
        bands = asset.get("raster:bands") or asset.get("bands") or []
        band = bands[0] if isinstance(bands, list) and len(bands) == 1 and isinstance(bands[0], dict) else {}
        scale = _number(band.get("scale", band.get("raster:scale", asset.get("raster:scale"))))
        offset = _number(band.get("offset", band.get("raster:offset", asset.get("raster:offset"))))
        if offset is not None and scale:
            return round(offset / scale, 6)
        if offset is not None:
            return offset if abs(offset) > 1 or offset == 0 else offset * DN_PER_REFLECTANCE
    return None


def _from_names(path: Path, tags: Mapping[str, str]) -> Iterator[Statement]:
    """Read the baseline in tags and in the names of the file and its folders."""
    for key in ("PROCESSING_BASELINE", "s2:processing_baseline", "PRODUCT_URI", "PRODUCT_URI_2A", "PRODUCT_URI_1C"):
        text = tags.get(key, "")
        if baseline := _baseline(text) or _baseline_in(text):
            offset = None if baseline >= FIRST_BASELINE_WITH_OFFSET else 0.0
            yield Statement(f"tag {key}={text}", baseline, offset)
    for part in reversed(path.absolute().parts):
        if baseline := _baseline_in(part):
            offset = None if baseline >= FIRST_BASELINE_WITH_OFFSET else 0.0
            yield Statement(f"the name {part}", baseline, offset)


def _baseline(text: str) -> str:
    """Return a baseline as ``05.09``; empty if the text is none."""
    found = _BASELINE.match(text.strip())
    return f"{int(found[1]):02d}.{found[2]}" if found else ""


def _baseline_in(text: str) -> str:
    """Return the baseline in the name of a product, ``..._N0509_...``; empty if there is none."""
    found = _BASELINE_IN_NAME.search(text.replace("_", " "))
    return f"{found[1]}.{found[2]}" if found else ""


def _number(value: object) -> float | None:
    """Return a finite number, or None."""
    try:
        number = float(value)  # type: ignore[arg-type]  # anything that JSON holds
    except (TypeError, ValueError):
        return None
    return number if abs(number) < float("inf") else None
