"""Recognition of the channel of a band from descriptions, tags and file names."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from landslip.channels import find_channel
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

_LANDSAT = re.compile(r"(?i)L[CEMOT]0?[1-9]|SR|landsat\d?")
_BAND = re.compile(r"[Bb](\d?\d|8[Aa])")
_BAND_TAGS = ("eo:common_name", "common_name", "COMMON_NAME", "BANDNAME", "BAND_NAME", "band_name", "name", "Name")


@dataclass(frozen=True, slots=True)
class Naming:
    """A channel, and how it was recognised."""

    channel: str
    because: str


def from_text(text: str) -> str | None:
    """Find the single channel that a text names, by band (``B04``) or else by common name (``red``).

    Returns:
        The channel; None if the text names none or several.

    Example:
        >>> from_text("B04_red"), from_text("blue mountains"), from_text("B02 or B03")
        ('B04', 'B02', None)
    """
    words = _words(text)
    found = _bands(words) or _common(words)
    return found.pop() if len(found) == 1 else None


def from_file_name(stem: str) -> Naming | None:
    """Find the channel in a file name without suffix, such as ``T33TWM_20230818T100031_B04_10m`` or ``red``.

    A common name counts only as the last word: ``blue_mountains`` names no band.
    """
    words = _words(stem)
    found = _bands(words) or _common(words[-1:])
    return Naming(found.pop(), "its file name") if len(found) == 1 else None


def companion_of(stem: str) -> str | None:
    """Return what a file holds that is not a channel, such as a scene classification; None if unknown."""
    return next((COMPANIONS[word.upper()] for word in _words(stem) if word.upper() in COMPANIONS), None)


def from_band(description: str | None, tags: Mapping[str, str]) -> Naming | None:
    """Find the channel in a band's description, or else in its tags."""
    if description and (channel := from_text(description)):
        return Naming(channel, f"its description '{description}'")
    for key in _BAND_TAGS:
        if key in tags and (channel := from_text(tags[key])):
            return Naming(channel, f"its tag {key}={tags[key]}")
    return None


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


def _words(text: str) -> list[str]:
    """Split a text into runs of letters and digits."""
    return [word for word in re.split(r"[^A-Za-z0-9]+", text) if word]


def _bands(words: list[str]) -> set[str]:
    """Return the channels named as Sentinel-2 bands; none in a Landsat name, whose numbers mean other bands."""
    if any(_LANDSAT.fullmatch(word) for word in words):
        return set()
    return {name for word in words if _BAND.fullmatch(word) and (name := _channel(word))}


def _common(words: list[str]) -> set[str]:
    """Return the channels named by anything but a band number."""
    return {name for word in words if not _BAND.fullmatch(word) and (name := _channel(word))}


def _channel(word: str) -> str | None:
    """Return the channel that a word names, or None."""
    try:
        return find_channel(word).name
    except ChannelError:
        return None


def _from_stac_entry(entry: object) -> Naming | None:
    """Return the channel of one entry of ``eo:bands``."""
    if not isinstance(entry, dict):
        return None
    for key in ("common_name", "name", "description"):
        text = entry.get(key)
        if isinstance(text, str) and (channel := from_text(text)):
            return Naming(channel, f"eo:bands {key} '{text}'")
    return None
