"""Figures as people read them: areas, lengths, shares, dates and places, each with its unit."""

import math
from datetime import datetime
from typing import Final

# Written out, so that the wording does not hang on the machine's locale.
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def sentence(text: str) -> str:
    """A message as a sentence: a capital letter first, unless it starts with a name, and a full stop last."""
    text = text.strip()
    first = text.partition(" ")[0]
    if first.isalpha() and first.islower():
        text = text[0].upper() + text[1:]
    return text if not text or text[-1] in ".!?" else f"{text}."


def number_text(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, thousands set apart: 0.0123, 4.57, 1,230."""
    if value == 0:
        return "0"
    # Above so many digits whole numbers are not rounded any further: 1,656 m² stays so.
    rounded = value if abs(value) >= 10**digits else float(f"{value:.{digits}g}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def count_text(count: int, one: str, many: str) -> str:
    """A count and its noun: ``1 landslide``, ``1,204 landslides``."""
    return f"{count:,} {one if count == 1 else many}"


def area_text(area_m2: float) -> str:
    """An area in m², hectares or km², whichever reads best."""
    if area_m2 < 10_000:
        return f"{number_text(area_m2)} m²"
    if area_m2 < 10_000_000:
        return f"{number_text(area_m2 / 10_000)} ha"
    return f"{number_text(area_m2 / 1_000_000)} km²"


def length_text(length_m: float) -> str:
    """A length in metres or kilometres."""
    if length_m < 1000:
        return f"{number_text(length_m)} m"
    return f"{number_text(length_m / 1000)} km"


def share_text(share: float) -> str:
    """A share between 0 and 1 in percent; never rounded to 0 % or 100 % unless it is."""
    percent = share * 100
    if 0 < percent < 0.01:
        return "under 0.01 %"
    if 99.9 < percent < 100:
        return "over 99.9 %"
    return f"{number_text(percent)} %"


def date_text(date: datetime | None) -> str:
    """A day such as 19 February 2020."""
    if date is None:
        return "date not known"
    return f"{date.day} {_MONTHS[date.month - 1]} {date.year}"


def place_text(lon: float, lat: float) -> str:
    """A longitude and latitude in degrees: 22.4011° N, 91.8092° E."""
    return f"{abs(lat):.4f}° {'N' if lat >= 0 else 'S'}, {abs(lon):.4f}° {'E' if lon >= 0 else 'W'}"


def duration_text(seconds: float) -> str:
    """A duration: 4.2 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 60:
        return f"{number_text(seconds, 2)} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
