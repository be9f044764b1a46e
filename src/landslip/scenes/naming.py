"""Recognition of the channel of a band from descriptions, tags and file names.

A band is recognised only where every word agrees. Band numbers are those of Sentinel-2: names of other sensors, whose
numbers mean other wavelengths, of indices and of statistics name no channel.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from landslip.channels import CHANNELS, find_channel
from landslip.errors import ChannelError

# Other layers of Sentinel-2 products, by the last word of the file name.
COMPANIONS: Mapping[str, str] = {
    "TCI": "true-colour picture",
    "VISUAL": "true-colour picture",
    "SCL": "scene classification",
    "AOT": "aerosol thickness",
    "WVP": "water vapour",
    "PVI": "preview",
    "PREVIEW": "preview",
    "THUMBNAIL": "preview",
    "CLD": "cloud probability",
    "SNW": "snow probability",
    "CLDPRB": "cloud probability",
    "SNWPRB": "snow probability",
    "CLOUD": "cloud probability",
    "SNOW": "snow probability",
}

_BAND = re.compile(r"[Bb](\d?\d|8[Aa])")
_BAND_TAGS = ("eo:common_name", "common_name", "COMMON_NAME", "BANDNAME", "BAND_NAME", "band_name", "name", "Name")
_SENSOR_TAGS = ("SATELLITE", "SPACECRAFT_ID", "SENSOR", "SENSOR_ID", "platform", "constellation", "PLATFORM")

_SENTINEL_2 = re.compile(r"(?i)S2[A-D]?|MSI|MSIL[12][AC]|sentinel2?|COPERNICUS")
_SENSOR = re.compile(
    r"(?i)L[CEMOT]0?[1-9]|landsat\d*|E?TM|ETMplus|OLI\d?|TIRS\d?|MSS|HLS\w*|[LS]30|MODIS|M[OYC]D\d\w*|VIIRS|VNP\w*|"
    r"ASTER|AVHRR|SPOT\d?|PSScene|PlanetScope|SkySat|RapidEye|WorldView\d?|WV0?\d|QuickBird|IKONOS|Pleiades|GF\d|"
    r"Gaofen\d?|CBERS\d?\w?|Sentinel3|S3[AB]|OLCI|PROBAV?|PRISMA|EnMAP|Hyperion"
)
_SENSOR_IN_TEXT = re.compile(r"(?i)sur[\W_]*refl|landsat|planetscope|HLS[._-][LS]30")
_SURFACE_REFLECTANCE = re.compile(r"(?i)SR|ST|QA")
_SENSOR_IN_FOLDER = re.compile(r"(?i)^(L[CEMOT]0[1-9]_|HLS[._-]|M[OYC]D\d\d|landsat|VNP\d\d)")
_INDEX = re.compile(
    r"(?i)d?(ND[A-Z]{1,2}\d?|G?NDVI\d*|M?NDWI\d*|NBR\d?|d?NBRT?|R[Bd]NBR|EVI\d?|[MO]?SAVI\d?|MSAVI\d?|ARVI|BSI|NDRE\d?|"
    r"BAIS?\d?|CMRI|GCI|SIPI|MSI_?index|LAI|FAPAR|FCOVER|NDTI|AWEI\w*|UI|IBI)|ind(ex|ices)"
)
_DERIVED = re.compile(
    r"(?i)ratio|diff|difference|delta|change|anomaly|std|stdev|stddev|var|variance|count|error|uncertainty|mask|pc\d?|"
    r"pca\d?|prob|probability|minus|texture|glcm|percent|pct|radians?|quality|classes|classification"
)
_NOT_GROUND = re.compile(r"(?i)canopy|tree|trees|vegetation|building|buildings|ndsm|chm|wave|water|depth|snow|forest")
_MODIFIER = re.compile(r"(?i)infra|near|far|thermal|narrow")
_COLOURS: Mapping[str, frozenset[str]] = {
    "coastal": frozenset({"B01"}),
    "aerosol": frozenset({"B01"}),
    "deep": frozenset({"B01"}),
    "ultra": frozenset({"B01"}),
    "blue": frozenset({"B02"}),
    "green": frozenset({"B03"}),
    "red": frozenset({"B04"}),
    "nir": frozenset({"B08", "B8A"}),
    "nir08": frozenset({"B8A", "B08"}),
    "nir09": frozenset({"B09"}),
    "cirrus": frozenset({"B10"}),
    "swir": frozenset({"B11", "B12", "B10"}),
    "swir1": frozenset({"B11"}),
    "swir2": frozenset({"B12"}),
    "swir16": frozenset({"B11"}),
    "swir22": frozenset({"B12"}),
    "rededge": frozenset({"B05", "B06", "B07", "B8A"}),
    "thermal": frozenset(),
    "tir": frozenset(),
    "lwir": frozenset(),
    "pan": frozenset(),
    "panchromatic": frozenset(),
}
_WAVELENGTH = re.compile(
    r"(?i)(\d{3,4}(?:\.\d+)?)\s*nm|(\d\.\d+)\s*(?:-\s*(\d\.\d+)\s*)?(?:um|µm|μm|micrometers?|microns?)"
)
_WAVELENGTH_TOLERANCE_NM = 45.0


@dataclass(frozen=True, slots=True)
class Naming:
    """A channel, and how it was recognised."""

    channel: str
    because: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text names: a channel, or none and the reason if the text resembles a name."""

    channel: str | None = None
    rejected: str = ""


def read_name(  # noqa: PLR0911 - one reason for each return
    text: str, *, last_word_only: bool = False, foreign: str = ""
) -> Reading:
    """Find the single channel that a text names, by band (``B04``) or else by common name (``red``).

    Args:
        text: a description, a tag or the name of a file without suffix.
        last_word_only: whether a common name counts only as the last word: ``blue_mountains`` names no band.
        foreign: the sensor that the file is from, if it is not Sentinel-2.

    Returns:
        The channel, or why there is none; neither if the text names nothing.
    """
    words = _words(text)
    joined = _join_red_edge(words)
    numbers = {name for word in words if _BAND.fullmatch(word) and (name := _channel(word))}
    common = {name for word in (joined[-1:] if last_word_only else joined) if (name := _common(word))}
    colours = [word.lower() for word in joined if word.lower() in _COLOURS]
    if not numbers and not common and not colours and not foreign:
        return Reading()
    if sensor := foreign or foreign_sensor(text):
        return Reading(rejected=f"{sensor}: not a Sentinel-2 band")
    if word := next((word for word in words if _INDEX.fullmatch(word)), ""):
        return Reading(rejected=f"'{word}': an index, not a band")
    if word := next((word for word in words if _DERIVED.fullmatch(word)), ""):
        return Reading(rejected=f"'{word}': derived from bands, not a band")
    if len(numbers) == 1:
        if last_word_only:
            colours = [colour for colour in colours if _beside_number(joined, colour)]
        return _agreeing(text, next(iter(numbers)), colours)
    if numbers:
        return Reading(rejected="several band numbers")
    if "rededge" in colours:
        return Reading(rejected="red edge, not red: give the band, B05, B06 or B07")
    if any(_MODIFIER.fullmatch(word) for word in words) and common:
        return Reading(rejected="another part of the spectrum than the colour word alone")
    if len(common) != 1:
        return Reading(rejected="several colour words" if common else "")
    channel = next(iter(common))
    if CHANNELS[channel].kind == "terrain" and any(_NOT_GROUND.fullmatch(word) for word in words):
        return Reading(rejected="not the elevation or slope of the ground")
    return Reading(channel) if _wavelength_agrees(text, channel) else Reading(rejected="another wavelength")


def _agreeing(text: str, channel: str, colours: Sequence[str]) -> Reading:
    """Return the channel of a band number, unless a colour word or a wavelength says otherwise."""
    if colours and not any(channel in _COLOURS[colour] for colour in colours):
        return Reading(
            rejected=f"band number and colour disagree, Sentinel-2's {channel} is {CHANNELS[channel].title}, not "
            f"{colours[0]}"
        )
    if not _wavelength_agrees(text, channel):
        return Reading(
            rejected=f"band number and wavelength disagree, {channel} is {CHANNELS[channel].wavelength_nm} nm"
        )
    return Reading(channel)


def from_text(text: str) -> str | None:
    """Find the single channel that a text names, by band (``B04``) or else by common name (``red``).

    Returns:
        The channel; None if the text names none or several, or its words disagree.

    Example:
        >>> from_text("B04_red"), from_text("blue mountains"), from_text("B04_nir"), from_text("Red Edge")
        ('B04', 'B02', None, None)
    """
    return read_name(text).channel


def from_file_name(stem: str) -> Naming | None:
    """Find the channel in a file name without suffix, such as ``T33TWM_20230818T100031_B04_10m`` or ``red``."""
    channel = read_name(stem, last_word_only=True).channel
    return Naming(channel, "its file name") if channel else None


def foreign_sensor(text: str) -> str:
    """Return the word that names another sensor than Sentinel-2, empty if there is none.

    Example:
        >>> foreign_sensor("LC08_L2SP_136044_SR_B4"), foreign_sensor("S2_SR_B4")
        ('LC08', '')
    """
    if found := _SENSOR_IN_TEXT.search(text):
        return found[0]
    words = _words(text)
    named = next((word for word in words if _SENSOR.fullmatch(word)), "")
    if named or any(_SENTINEL_2.fullmatch(word) for word in words):
        return named
    return next((word for word in words if _SURFACE_REFLECTANCE.fullmatch(word)), "")


def foreign_file(path: Path, tags: Mapping[str, str]) -> str:
    """Return the sensor of a file by its name, its folder or its tags, if that is not Sentinel-2's."""
    if named := foreign_sensor(path.stem):
        return f"'{named}' in the file name"
    for key in _SENSOR_TAGS:
        if key in tags and (named := foreign_sensor(tags[key])):
            return f"tag {key}={tags[key]}"
    found = _SENSOR_IN_FOLDER.search(path.absolute().parent.name)
    return f"'{found[1].rstrip('._-')}' in the name of the folder" if found else ""


def companion_of(stem: str) -> str | None:
    """Return what a file holds that is not a channel, such as a scene classification; None if unknown."""
    return next((COMPANIONS[word.upper()] for word in _words(stem) if word.upper() in COMPANIONS), None)


def read_band(description: str | None, tags: Mapping[str, str], foreign: str = "") -> tuple[Naming | None, str]:
    """Find the channel in a band's description, or else in its tags; or why it names none."""
    texts = [(f"its description '{description}'", description)] if description else []
    texts += [(f"its tag {key}={tags[key]}", tags[key]) for key in _BAND_TAGS if key in tags]
    for because, text in texts:
        reading = read_name(text, foreign=foreign)
        if reading.channel:
            return Naming(reading.channel, because), ""
        if reading.rejected:
            return None, f"{because.removeprefix('its ')} ({reading.rejected})"
    return None, ""


def from_band(description: str | None, tags: Mapping[str, str]) -> Naming | None:
    """Find the channel in a band's description, or else in its tags."""
    return read_band(description, tags)[0]


def from_stac_tag(tags: Mapping[str, str], count: int) -> tuple[Naming | None, ...]:
    """Find the channels in a file's ``eo:bands`` tag (STAC electro-optical extension), one entry per band.

    All entries are None if the tag is missing, is not a JSON list, or has another length than the file has bands.
    """
    try:
        entries = json.loads(tags.get("eo:bands", "null"))
    except ValueError:
        entries = None
    if not isinstance(entries, list) or len(entries) != count:
        return (None,) * count
    return tuple(_from_stac_entry(entry) for entry in entries)


def _from_stac_entry(entry: object) -> Naming | None:
    """Return the channel of one entry of ``eo:bands``; None where its name and its common name disagree."""
    if not isinstance(entry, dict):
        return None
    texts = [(key, entry[key]) for key in ("common_name", "name", "description") if isinstance(entry.get(key), str)]
    readings = [(key, text, read_name(text)) for key, text in texts]
    if any(reading.rejected for key, _, reading in readings if key != "description"):
        return None
    both = " ".join(text for key, text in texts if key != "description")
    if both and (reading := read_name(both)).rejected and "disagree" in reading.rejected:
        return None
    return next((Naming(one.channel, f"eo:bands {key} '{text}'") for key, text, one in readings if one.channel), None)


def _words(text: str) -> list[str]:
    """Split a text into runs of letters and digits."""
    return [word for word in re.split(r"[^A-Za-z0-9]+", text) if word]


def _join_red_edge(words: Sequence[str]) -> list[str]:
    """Join ``red edge`` and ``red_edge_1`` to one word."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1].lower() == "red" and re.fullmatch(r"(?i)edge\d*", word):
            joined[-1] = "rededge"
        else:
            joined.append("rededge" if re.fullmatch(r"(?i)(veg)?red?edge\d?|re\d", word) else word)
    return joined


def _beside_number(words: Sequence[str], colour: str) -> bool:
    """Return whether a colour word stands beside a band number: ``blue_mountains_B04`` is about no colour."""
    return any(
        word.lower() == colour and any(_BAND.fullmatch(other) for other in words[max(0, at - 1) : at + 2])
        for at, word in enumerate(words)
    )


def _common(word: str) -> str | None:
    """Return the channel named by a word that is no band number."""
    return None if _BAND.fullmatch(word) else _channel(word)


def _channel(word: str) -> str | None:
    """Return the channel that a word names, or None."""
    try:
        return find_channel(word).name
    except ChannelError:
        return None


def _wavelength_agrees(text: str, channel: str) -> bool:
    """Return whether the wavelength in a text, if there is one, is that of the channel."""
    expected = CHANNELS[channel].wavelength_nm
    found = _WAVELENGTH.search(text)
    if expected is None or found is None:
        return True
    if found[1]:
        middle = float(found[1])
    else:
        first = float(found[2])
        middle = 1000 * (first + float(found[3] or first)) / 2
    return abs(middle - expected) <= _WAVELENGTH_TOLERANCE_NM
