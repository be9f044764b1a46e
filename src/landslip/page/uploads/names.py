"""Names of our own for what visitors give: no character of theirs reaches the file system that we did not choose.

landslip reads the channel and the date of a raster from its file name. So the words of the name that it understands are
kept, spelled our way, and every other word becomes ``x``.
"""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from landslip.channels import channel_named
from landslip.errors import ChannelError
from landslip.scenes.naming import COMPANIONS

_WORD: Final = re.compile(r"[A-Za-z0-9]+")
_DATE: Final = re.compile(r"(19[89]\d|20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(T([01]\d|2[0-3])[0-5]\d[0-5]\d)?")
_DASHED_DATE: Final = re.compile(r"(?<!\d)((?:19[89]|20\d)\d)[-_]([01]\d)[-_]([0-3]\d)(?!\d)")
_PLATFORM: Final = re.compile(r"(?i)L[CEMOT]0?[1-9]|SR|landsat\d?|S2[A-D]|MSIL[12][AC]|T\d\d[A-Z]{3}")
_BAND: Final = re.compile(r"[Bb](\d?\d|8[Aa])")
_MOST_WORDS: Final = 12
_SHOWN_CHARACTERS: Final = 80
_NUMBER: Final = re.compile(r"\d{1,7}")


def own_stem(number: int, given: str) -> str:
    """A stem of our own for a file, such as ``003-x_20230818_B04_x``."""
    stem = _stem(given)
    stem = _DASHED_DATE.sub(lambda found: "".join(found.groups()), stem)
    words = _WORD.findall(stem)[:_MOST_WORDS]
    return f"{number:03d}-" + ("_".join(map(_understood, words)) or "x")


def shown(given: str) -> str:
    """A visitor's name for a file as it may be shown: its last part, one line of plain text, not too long."""
    last = re.split(r"[/\\]", given)[-1]
    plain = "".join(c for c in unicodedata.normalize("NFC", last) if c.isprintable())
    plain = plain.strip() or "file without a name"
    return plain if len(plain) <= _SHOWN_CHARACTERS else plain[: _SHOWN_CHARACTERS - 1] + "…"


def title_of(given: str) -> str:
    """What to call a scene after the file that it came in."""
    return _stem(shown(given)) or "scene"


def number_in(given: str) -> int | None:
    """The number of a patch in the name of its file: the last one."""
    found = _NUMBER.findall(_stem(given))
    return int(found[-1]) if found else None


def in_their_words(sentence: str, folder: Path, names: Mapping[str, str]) -> str:
    """An error of the package with the visitor's names for files, and nothing of where they lie here.

    Args:
        sentence: of the error.
        folder: the visitor's own.
        names: of the visitor's files by our own name.
    """
    for where in {str(folder.resolve()), str(folder)}:
        sentence = re.sub(re.escape(where) + r"(/[\w.-]+)*/", "", sentence)
        sentence = sentence.replace(where, "the upload")
    for own, theirs in sorted(names.items(), key=lambda item: -len(item[0])):
        sentence = sentence.replace(own, theirs)
    return sentence


def _stem(given: str) -> str:
    last = re.split(r"[/\\]", given)[-1]
    return last.rpartition(".")[0] or last


def _understood(word: str) -> str:
    """A word that landslip understands, spelled our way; ``x`` for any other."""
    if _DATE.fullmatch(word) or _PLATFORM.fullmatch(word):
        return word
    if word.upper() in COMPANIONS:
        return word.upper()
    try:
        channel = channel_named(word)
    except ChannelError:
        return "x"
    return channel.name if _BAND.fullmatch(word) else word.lower()
