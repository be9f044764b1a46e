"""Which channel a band holds, from what a file says of itself."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from landslip.channels import channel_named
from landslip.errors import ChannelError

# Companions of the channels in Sentinel-2 products, by the name a file ends in.
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
    """A channel and the words that named it."""

    channel: str
    because: str


def from_text(text: str) -> str | None:
    """Find the one channel that a text names, by band (``B04``) before common name (``red``).

    None where it names none, or several.
    """
    words = _words(text)
    found = _bands(words) or _common(words)
    return found.pop() if len(found) == 1 else None


def from_file_name(stem: str) -> Naming | None:
    """Find the channel in a file's name without its ending, as in ``T33TWM_20230818T100031_B04_10m`` or ``red``.

    A common name counts only as the last word: ``blue_mountains`` is no band.
    """
    words = _words(stem)
    found = _bands(words) or _common(words[-1:])
    return Naming(found.pop(), "its file name") if len(found) == 1 else None


def companion_of(stem: str) -> str | None:
    """Say what a file beside the channels is, as a scene classification, or None."""
    return next((COMPANIONS[word.upper()] for word in _words(stem) if word.upper() in COMPANIONS), None)


def from_band(description: str | None, tags: Mapping[str, str]) -> Naming | None:
    """Find the channel in a band's description, else in its tags."""
    if description and (channel := from_text(description)):
        return Naming(channel, f"its description '{description}'")
    for key in _BAND_TAGS:
        if key in tags and (channel := from_text(tags[key])):
            return Naming(channel, f"its tag {key}={tags[key]}")
    return None


def from_stac_tag(tags: Mapping[str, str], count: int) -> tuple[Naming | None, ...]:
    """Find the channels in a file's ``eo:bands`` tag (STAC electro-optical extension), one entry a band.

    Nothing is found where the tag is missing, no JSON list, or of another length than the file has bands.
    """
    try:
        entries = json.loads(tags.get("eo:bands", "null"))
    except ValueError:
        entries = None
    if not isinstance(entries, list) or len(entries) != count:
        return (None,) * count
    return tuple(_from_stac_entry(entry) for entry in entries)


def _words(text: str) -> list[str]:
    """The runs of letters and digits in a text."""
    return [word for word in re.split(r"[^A-Za-z0-9]+", text) if word]


def _bands(words: list[str]) -> set[str]:
    """The channels named as Sentinel-2 bands among words; none in a Landsat name, whose numbers mean other bands."""
    if any(_LANDSAT.fullmatch(word) for word in words):
        return set()
    return {name for word in words if _BAND.fullmatch(word) and (name := _channel(word))}


def _common(words: list[str]) -> set[str]:
    """The channels named otherwise than as bands among words."""
    return {name for word in words if not _BAND.fullmatch(word) and (name := _channel(word))}


def _channel(word: str) -> str | None:
    """The channel that a word names, or None."""
    try:
        return channel_named(word).name
    except ChannelError:
        return None


def _from_stac_entry(entry: object) -> Naming | None:
    """The channel of one entry of ``eo:bands``."""
    if not isinstance(entry, dict):
        return None
    for key in ("common_name", "name", "description"):
        text = entry.get(key)
        if isinstance(text, str) and (channel := from_text(text)):
            return Naming(channel, f"eo:bands {key} '{text}'")
    return None
