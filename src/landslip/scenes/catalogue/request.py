"""What to fetch, and the plan that a search turns it into; the plan is kept so that an interrupted run resumes."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from pydantic import Field, ValidationError

from landslip.channels import CHANNELS
from landslip.errors import SettingsError
from landslip.files.model import Frozen
from landslip.scenes.catalogue.presets import Level
from landslip.scenes.scene_record import PassRecord

NO_ELEVATION: Final = "none"
CATALOGUE_ELEVATION: Final = "catalogue"


class FetchSettings(Frozen):
    """How images are searched for and combined."""

    catalogue: str = "earth-search"
    """Preset, URL of a STAC API, or path of a static catalogue."""
    collection: str | None = None
    """Collection of the images, where it has another name than sentinel-2-l2a or sentinel-2-l1c."""
    level: Level = "L2A"
    """Product level."""
    days_before: int = Field(default=0, ge=0, le=3660)
    """Days before the date that are searched."""
    days_after: int = Field(default=30, ge=0, le=3660)
    """Days after the date that are searched."""
    channels: tuple[str, ...] | None = None
    """Reflectance channels; all of the level where None."""
    elevation: str = CATALOGUE_ELEVATION
    """``catalogue`` for Copernicus DEM GLO-30 of the catalogue, ``none``, or the path of a raster."""
    offset: float | None = None
    """Offset in DN of the stored values, where the catalogue tells a wrong one or none."""
    max_passes: int = Field(default=4, ge=1, le=50)
    """Number of satellite passes that are combined at most; 1 for an image of one day."""

    def bands(self) -> tuple[str, ...]:
        """Return the reflectance channels to fetch.

        Raises:
            SettingsError: a channel is unknown, is no reflectance, or does not exist in the level.
        """
        all_bands = tuple(name for name, channel in CHANNELS.items() if self.level in channel.levels)
        if self.channels is None:
            return all_bands
        wrong = [name for name in self.channels if name not in all_bands]
        if wrong or not self.channels:
            raise SettingsError(
                f"channels {', '.join(wrong) or 'are empty'}: {self.level} has {', '.join(all_bands)}; elevation is "
                "set with elevation",
                parameter="channels",
            )
        return tuple(name for name in all_bands if name in self.channels)

    def days(self, day: date) -> tuple[date, date]:
        """Return the first and the last day to search."""
        return day - timedelta(days=self.days_before), day + timedelta(days=self.days_after)


class Plan(Frozen):
    """What a search found, as it is kept for a run that resumes."""

    request: dict[str, Any]
    items: tuple[dict[str, Any], ...]
    """STAC items of the chosen images, in the order of choice."""
    offsets: dict[str, tuple[float, str]]
    """Offset and its source by name of the image, where its item does not tell."""
    elevation: dict[str, str]
    """Files of elevation by item or file name."""
    passes: tuple[PassRecord, ...]
    clear_fraction: float
    channels: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def parse_day(text: str | date) -> date:
    """Read a day such as ``2018-09-06``.

    Raises:
        SettingsError: it is none, or lies in the future.

    Example:
        >>> parse_day("2018-09-06")
        datetime.date(2018, 9, 6)
    """
    try:
        day = date.fromisoformat(text) if isinstance(text, str) else date(text.year, text.month, text.day)
    except ValueError as error:
        raise SettingsError(f"date must be a day such as 2018-09-06, got '{text}'", parameter="date") from error
    # The day of the event may have begun in another time zone.
    if day > datetime.now(UTC).date() + timedelta(days=1):
        raise SettingsError(f"date must be the day of an event that has happened, got {day}", parameter="date")
    return day


def parse_plan(content: bytes) -> Plan | None:
    """Read a plan; None if it is damaged or of another version."""
    try:
        return Plan.model_validate_json(content)
    except ValidationError:
        return None
