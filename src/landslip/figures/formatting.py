"""Numbers as text for people: areas, lengths, percentages, dates and coordinates, each with its unit."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final

# Written out, so that the text does not depend on the machine's locale.
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def to_sentence(text: str) -> str:
    """Capitalise the first letter of a message, unless it starts with a name, and end it with a full stop.

    Example:
        >>> to_sentence("the image is too dark")
        'The image is too dark.'
    """
    text = text.strip()
    first = text.partition(" ")[0]
    if first.isalpha() and first.islower():
        text = text[0].upper() + text[1:]
    return text if not text or text[-1] in ".!?" else f"{text}."


def format_number(value: float, digits: int = 3) -> str:
    """Format a number with significant digits and thousands separators: 0.0123, 4.57, 1,230."""
    if value == 0:
        return "0"
    # Whole numbers with more digits than that are not rounded: 1,656 m² stays 1,656 m².
    rounded = value if abs(value) >= 10**digits else float(f"{value:.{digits}g}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_count(count: int, one: str, many: str) -> str:
    """Format a count with its noun: ``1 landslide``, ``1,204 landslides``."""
    return f"{count:,} {one if count == 1 else many}"


def format_area(area_m2: float) -> str:
    """Format an area in m², hectares or km², whichever is shortest.

    Example:
        >>> format_area(84_659_426)
        '84.7 km²'
    """
    if area_m2 < 10_000:
        return f"{format_number(area_m2)} m²"
    if area_m2 < 10_000_000:
        return f"{format_number(area_m2 / 10_000)} ha"
    return f"{format_number(area_m2 / 1_000_000)} km²"


def format_length(length_m: float) -> str:
    """Format a length in metres or kilometres."""
    if length_m < 1000:
        return f"{format_number(length_m)} m"
    return f"{format_number(length_m / 1000)} km"


def format_percent(fraction: float) -> str:
    """Format a fraction between 0 and 1 in percent; only exact values are shown as 0 % or 100 %."""
    percent = fraction * 100
    if 0 < percent < 0.01:
        return "under 0.01 %"
    if 99.9 < percent < 100:
        return "over 99.9 %"
    return f"{format_number(percent)} %"


def format_date(date: datetime | None) -> str:
    """Format a day, such as 19 February 2020."""
    if date is None:
        return "unknown"
    return f"{date.day} {_MONTHS[date.month - 1]} {date.year}"


def format_dates(dates: Sequence[datetime | None]) -> str:
    """Format the date of one image, or the first and the last of several; unknown where one is.

    Example:
        >>> format_dates([datetime(2018, 9, 26), datetime(2018, 9, 16)])
        '16 September 2018 to 26 September 2018'
    """
    known = [date for date in dates if date is not None]
    if len(known) < len(dates) or not known:
        return format_date(None)
    first, last = format_date(min(known)), format_date(max(known))
    return first if first == last else f"{first} to {last}"


def format_lonlat(lon: float, lat: float) -> str:
    """Format a longitude and latitude in degrees: 22.4011° N, 91.8092° E."""
    return f"{abs(lat):.4f}° {'N' if lat >= 0 else 'S'}, {abs(lon):.4f}° {'E' if lon >= 0 else 'W'}"


def format_duration(seconds: float) -> str:
    """Format a duration: 4.2 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 60:
        return f"{format_number(seconds, 2)} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
