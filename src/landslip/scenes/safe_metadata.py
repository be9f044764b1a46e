"""Metadata of a Sentinel-2 product, from the XML of the product and of its tile.

Source: ESA, Sentinel-2 Products Specification Document (S2-PDGS-TAS-DI-PSD), user product and tile metadata of Level-1C
and Level-2A. Elements are found by their local names, because the namespace changes with every issue of the document,
and the first Level-2A products prefix names with ``L2A_``.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from xml.etree import ElementTree

from affine import Affine

from landslip.channels import CHANNELS
from landslip.errors import SceneError

MAX_XML_BYTES = 32 * 2**20
"""The largest metadata of real products, with many tiles, have a few megabytes."""

_BAND_IDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
QUANTIFICATIONS = ("BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE", "QUANTIFICATION_VALUE")
_OFFSETS = ("BOA_ADD_OFFSET", "RADIO_ADD_OFFSET")
_TILE = re.compile(r"_T(\d{2}[A-Z]{3})(?:_|$)")


@dataclass(frozen=True, slots=True)
class TileGrid:
    """Georeference of a tile."""

    crs: str
    left: float
    top: float
    width_m: float
    height_m: float

    def transform(self, shape: tuple[int, int]) -> Affine:
        """Return the geotransform of an image (H, W) of the whole tile."""
        return Affine(self.width_m / shape[1], 0, self.left, 0, -self.height_m / shape[0], self.top)


@dataclass(frozen=True, slots=True)
class SafeMetadata:
    """What the metadata of a Sentinel-2 product state. Angles are in degrees; None where the XML does not state it."""

    name: str
    """Name of the product without ``.SAFE``."""
    level: str
    """``L1C`` or ``L2A``."""
    baseline: str
    """Processing baseline, ``05.11``."""
    spacecraft: str | None
    relative_orbit: int | None
    orbit_direction: str | None
    sensed: datetime | None
    """Start of the datatake, UTC."""
    quantification: float
    """Stored values per unit of reflectance."""
    offsets: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Offset by channel: reflectance = (stored value + offset) / quantification. Empty before baseline 04.00."""
    nodata: float = 0.0
    saturated: float = 65_535.0
    tile: str | None = None
    sun_zenith_deg: float | None = None
    sun_azimuth_deg: float | None = None
    cloudy_percent: float | None = None
    """Cloud cover of the whole tile, as the product states it."""
    grid: TileGrid | None = None

    def to_dict(self) -> dict[str, object]:
        """Return what identifies the product, for JSON."""
        return {
            "name": self.name,
            "level": self.level,
            "baseline": self.baseline,
            "spacecraft": self.spacecraft,
            "tile": self.tile,
            "relative_orbit": self.relative_orbit,
            "orbit_direction": self.orbit_direction,
            "sun_zenith_deg": self.sun_zenith_deg,
            "sun_azimuth_deg": self.sun_azimuth_deg,
            "quantification": self.quantification,
            "offsets": dict(self.offsets),
            "cloudy_percent_stated": self.cloudy_percent,
        }

    def describe(self) -> str:
        """Return the origin of the product in one line."""
        parts = [f"{self.spacecraft or 'Sentinel-2'} {self.level}, processing baseline {self.baseline}"]
        parts += [f"tile {self.tile}"] if self.tile else []
        parts += [f"relative orbit {self.relative_orbit}"] if self.relative_orbit is not None else []
        if self.sun_zenith_deg is not None and self.sun_azimuth_deg is not None:
            parts.append(f"sun zenith {self.sun_zenith_deg:.1f} and azimuth {self.sun_azimuth_deg:.1f} degrees")
        return ", ".join(parts)


def parse_xml(data: bytes, name: str) -> ElementTree.Element:
    """Parse XML that comes from outside.

    Args:
        data: the file.
        name: its name, for the error message.

    Raises:
        SceneError: the XML is damaged, larger than ``MAX_XML_BYTES``, or declares a document type or entities, which no
            Sentinel-2 metadata do.
    """
    if len(data) > MAX_XML_BYTES:
        raise SceneError(f"{name} is larger than {MAX_XML_BYTES // 2**20} MB, which no Sentinel-2 metadata are")
    if re.search(rb"<!\s*(DOCTYPE|ENTITY)", data):
        raise SceneError(
            f"{name} declares a document type or entities, which no Sentinel-2 metadata do: download it again"
        )
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise SceneError(f"{name} is damaged XML ({error}): download the product again") from error


def read_product_metadata(data: bytes, name: str, product_name: str) -> SafeMetadata:
    """Read ``MTD_MSIL1C.xml`` or ``MTD_MSIL2A.xml``, or their predecessors with long names.

    Args:
        data: the file.
        name: its name, for error messages.
        product_name: name of the product's folder, used where the XML does not give the name of the product.

    Raises:
        SceneError: the XML is damaged, is not that of a Level-1C or Level-2A product, or does not state the
            quantification.
    """
    root = parse_xml(data, name)
    found = re.fullmatch(r"Level-(1C|2A)_User_Product", _local(root))
    if not found:
        raise SceneError(
            f"{name} is not the metadata of a Sentinel-2 L1C or L2A product: its root is {_local(root)[:60]}"
        )
    quantification = number_of(root, *QUANTIFICATIONS)
    if quantification is None or quantification <= 0:
        raise SceneError(f"{name} states no positive quantification value: download the product again")
    special = {
        (text_of(one, "SPECIAL_VALUE_TEXT") or "").upper(): number_of(one, "SPECIAL_VALUE_INDEX")
        for one in elements(root, "Special_Values")
    }
    uri = text_of(root, "PRODUCT_URI", "PRODUCT_URI_2A", "PRODUCT_URI_1C") or ""
    named = uri if re.match(r"S2[A-D]_", uri) else product_name
    orbit = number_of(root, "SENSING_ORBIT_NUMBER")
    return SafeMetadata(
        name=named.removesuffix(".SAFE"),
        level=f"L{found[1]}",
        baseline=text_of(root, "PROCESSING_BASELINE") or "unknown",
        spacecraft=text_of(root, "SPACECRAFT_NAME"),
        relative_orbit=None if orbit is None else int(orbit),
        orbit_direction=text_of(root, "SENSING_ORBIT_DIRECTION"),
        sensed=_time(text_of(root, "DATATAKE_SENSING_START") or text_of(root, "PRODUCT_START_TIME")),
        quantification=quantification,
        offsets=MappingProxyType(read_offsets(root, name)),
        nodata=_or(special.get("NODATA"), 0.0),
        saturated=_or(special.get("SATURATED"), 65_535.0),
    )


def read_tile_metadata(data: bytes, name: str) -> dict[str, object]:
    """Read ``MTD_TL.xml``, or its predecessor with a long name, as keywords of ``SafeMetadata``.

    Raises:
        SceneError: the XML is damaged.
    """
    root = parse_xml(data, name)
    tile_id = text_of(root, "TILE_ID", "TILE_ID_2A") or ""
    tile = _TILE.search(tile_id)
    mean_sun = next(elements(root, "Mean_Sun_Angle"), None)
    sensed = _time(text_of(root, "SENSING_TIME"))
    stated: dict[str, object] = {
        "tile": tile[1] if tile else None,
        "sun_zenith_deg": None if mean_sun is None else number_of(mean_sun, "ZENITH_ANGLE"),
        "sun_azimuth_deg": None if mean_sun is None else number_of(mean_sun, "AZIMUTH_ANGLE"),
        "cloudy_percent": number_of(root, "CLOUDY_PIXEL_PERCENTAGE"),
        "grid": _grid(root),
    }
    return stated | ({"sensed": sensed} if sensed else {})


def read_offsets(root: ElementTree.Element, name: str) -> dict[str, float]:
    """Return the offset of each channel.

    Raises:
        SceneError: an offset has no number or belongs to no band.
    """
    bands = dict(enumerate(_BAND_IDS))
    for one in elements(root, "Spectral_Information"):
        band = re.fullmatch(r"B(\d{1,2}|8A)", one.get("physicalBand", ""))
        if band and one.get("bandId", "").isdecimal():
            bands[int(one.get("bandId", ""))] = "B8A" if band[1] == "8A" else f"B{int(band[1]):02}"
    offsets = {}
    for one in elements(root, *_OFFSETS):
        band_id, value = one.get("band_id", ""), _finite(one.text)
        if not band_id.isdecimal() or int(band_id) not in bands or value is None:
            raise SceneError(f"{name} has an offset that cannot be read ({band_id}: {one.text}): download it again")
        offsets[bands[int(band_id)]] = value
    return {channel: value for channel, value in offsets.items() if channel in CHANNELS}


def _grid(root: ElementTree.Element) -> TileGrid | None:
    """Return the georeference of the tile, from its finest grid."""
    crs = text_of(root, "HORIZONTAL_CS_CODE")
    sizes = {one.get("resolution"): one for one in elements(root, "Size")}
    for one in elements(root, "Geoposition"):
        size = sizes.get(one.get("resolution"))
        if crs is None or size is None:
            continue
        numbers = [number_of(one, key) for key in ("ULX", "ULY", "XDIM", "YDIM")]
        numbers += [number_of(size, key) for key in ("NCOLS", "NROWS")]
        known = [number for number in numbers if number is not None]
        if len(known) == 6:
            left, top, step_x, step_y, cols, rows = known
            return TileGrid(crs, left, top, step_x * cols, -step_y * rows)
    return None


def _local(element: ElementTree.Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def elements(root: ElementTree.Element, *names: str) -> Iterator[ElementTree.Element]:
    """Yield the elements with any of the local names."""
    return (one for one in root.iter() if _local(one) in names)


def text_of(root: ElementTree.Element, *names: str) -> str | None:
    """Return the text of the first element with any of the local names."""
    return next((text for one in elements(root, *names) if (text := (one.text or "").strip())), None)


def number_of(root: ElementTree.Element, *names: str) -> float | None:
    """Return the number in the first element with any of the local names."""
    return _finite(text_of(root, *names))


def _finite(text: str | None) -> float | None:
    """Read a finite number."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _time(text: str | None) -> datetime | None:
    """Read a time such as ``2020-02-19T11:34:25.405Z``, in UTC."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
