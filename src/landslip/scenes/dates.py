"""Acquisition date of an image, from tags, STAC items and names."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from landslip.scenes.product_metadata import item_belongs

_TIME_TAGS = (
    "ACQUISITIONDATETIME",
    "ACQUISITION_DATETIME",
    "ACQUISITION_DATE",
    "DATATAKE_1_DATATAKE_SENSING_START",
    "SENSING_TIME",
    "datetime",
)
_DAY = re.compile(
    r"(?<!\d)(?P<year>19[89]\d|20\d\d)(?P<gap>[-_]?)(?P<month>0[1-9]|1[0-2])(?P=gap)(?P<day>0[1-9]|[12]\d|3[01])"
    r"(?:[T ](?P<hour>[01]\d|2[0-3]):?(?P<minute>[0-5]\d):?(?P<second>[0-5]\d)"
    r"(?:\.\d+)?(?P<zone>[+-](?:0\d|1[0-4])(?::[0-5]\d(?!\d)|[0-5]\d$))?)?(?!\d)"
)
_CLOCK_TOLERANCE = timedelta(days=2)
"""Clocks and time zones may differ by this much."""
_TIFF_DAY = re.compile(r"^(\d{4}):(\d{2}):(\d{2})")


@dataclass(frozen=True, slots=True)
class AcquisitionDate:
    """Acquisition time, if known, with notes and warnings for the user."""

    moment: datetime | None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def acquisition_date(
    paths: Sequence[Path], tags: Sequence[Mapping[str, str]], given: Sequence[Path]
) -> AcquisitionDate:
    """Find the acquisition date.

    Sources in order: acquisition tags, a STAC item in the given folder, file names, the name of the given folder, and
    ``TIFFTAG_DATETIME``. The first source with a date decides; a source with several dates gives no date.

    Args:
        paths: the files.
        tags: of each file.
        given: files or folders as the user gave them.
    """
    folders = [path.resolve() for path in given if path.is_dir()]
    sources = (
        ("the files' tags", [moment for one in tags if (moment := date_in_tags(one))]),
        ("the STAC item beside the files", [moment for one in folders for moment in _acquired_by_items(one, paths)]),
        ("the file names", [moment for path in paths if (moment := date_in_name(path.stem))]),
        ("the folder's name", [moment for one in folders if (moment := date_in_name(one.name))]),
        (
            "TIFFTAG_DATETIME, which may be the time of writing",
            [moment for one in tags if (moment := _written_by_tags(one))],
        ),
    )
    for where, moments in sources:
        days = sorted({moment.date().isoformat() for moment in moments})
        if len(days) > 1:
            message = f"{where} contain several dates ({', '.join(days)}): the acquisition date is unknown"
            return AcquisitionDate(None, warnings=(message,))
        if moments:
            return AcquisitionDate(min(moments), notes=(f"date {days[0]}: from {where}",))
    return AcquisitionDate(None)


def drop_future_date(found: AcquisitionDate) -> AcquisitionDate:
    """Return a date as unknown, with a warning, if it lies in the future."""
    moment = found.moment
    if moment is None or moment.replace(tzinfo=moment.tzinfo or UTC) <= datetime.now(UTC) + _CLOCK_TOLERANCE:
        return found
    message = (
        f"the acquisition date {moment.date()} lies in the future, so the date is treated as unknown: correct "
        f"the tags or names it is from, or the clock of this machine"
    )
    return AcquisitionDate(None, warnings=(*found.warnings, message))


def date_in_name(name: str) -> datetime | None:
    """Find the date in a name such as ``T33TWM_20230818T100031_B04_10m`` or ``2023-08-18``, in UTC.

    The name of a Sentinel-2 product has the acquisition date first and the processing date after it. Any other name
    with two different dates gives None.

    Example:
        >>> date_in_name("T33TWM_20230818T100031_B04_10m").isoformat()
        '2023-08-18T10:00:31+00:00'
    """
    moments = [moment for found in _DAY.finditer(name) if (moment := _moment(found))]
    if not moments:
        return None
    product = re.search(r"S2[A-D]_MSIL[12][AC]_", name) is not None
    same_day = len({moment.date() for moment in moments}) == 1
    return moments[0] if product or same_day else None


def date_in_tags(tags: Mapping[str, str]) -> datetime | None:
    """Return the acquisition time from acquisition tags."""
    return next((moment for key in _TIME_TAGS if key in tags and (moment := date_in_name(tags[key]))), None)


def _acquired_by_items(folder: Path, paths: Sequence[Path]) -> list[datetime]:
    """Return the acquisition times from STAC items in a folder that are about the files."""
    moments = []
    for path in sorted(folder.glob("*.json")):
        try:
            item = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(item, dict) and "stac_version" in item and isinstance(item.get("properties"), dict):
            if not all(item_belongs(item, one) for one in paths):
                continue
            moment = date_in_name(str(item["properties"].get("datetime")))
            moments += [moment] if moment else []
    return moments


def _written_by_tags(tags: Mapping[str, str]) -> datetime | None:
    """Return the time in ``TIFFTAG_DATETIME``."""
    return date_in_name(_TIFF_DAY.sub(r"\1-\2-\3", tags.get("TIFFTAG_DATETIME", "")))


def _moment(found: re.Match[str]) -> datetime | None:
    """Convert a match to a time in UTC, midnight if it has no time; None for a date such as 31 February.

    A time without a time zone is UTC.
    """
    parts = {key: int(value) for key, value in found.groupdict().items() if value and key not in ("gap", "zone")}
    try:
        moment = datetime(
            parts["year"],
            parts["month"],
            parts["day"],
            parts.get("hour", 0),
            parts.get("minute", 0),
            parts.get("second", 0),
            tzinfo=UTC,
        )
        return moment - _ahead_of_utc(found["zone"])
    except (ValueError, OverflowError):
        return None


def _ahead_of_utc(zone: str | None) -> timedelta:
    """Return how far a time zone such as ``+05:30`` is ahead of UTC."""
    if not zone:
        return timedelta(0)
    digits = zone[1:].replace(":", "")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return ahead if zone[0] == "+" else -ahead
