"""The unit that a file states for elevation or slope, by the unit of its band or its vertical CRS."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from landslip.channels import CHANNELS
from landslip.errors import SceneError
from landslip.scenes.bands import ChannelBand

_METRES: Final[Mapping[str, float]] = MappingProxyType(
    dict.fromkeys(("m", "metre", "metres", "meter", "meters"), 1.0)
    | dict.fromkeys(("ft", "foot", "feet", "ift"), 0.3048)
    | dict.fromkeys(("dm", "decimetre", "decimetres", "decimeter", "decimeters"), 0.1)
    | dict.fromkeys(("cm", "centimetre", "centimetres", "centimeter", "centimeters"), 0.01)
    | dict.fromkeys(("mm", "millimetre", "millimetres", "millimeter", "millimeters"), 0.001)
    | dict.fromkeys(("km", "kilometre", "kilometres", "kilometer", "kilometers"), 1000.0)
)
_US_SURVEY: Final = frozenset({"us", "survey", "ussft", "ftus", "usft"})
_US_SURVEY_FOOT_M: Final = 1200 / 3937
_OTHER_SLOPE: Final = re.compile(r"(?i)%|percent|\brad(ian)?s?\b|rise|ratio|m/m")


def metres_per_unit(one: ChannelBand) -> float:
    """Return the metres of a unit of elevation, as the file states it; 1 for slope, and where it states none.

    Raises:
        SceneError: the file states a unit that is no length for elevation, or not degrees for slope.
    """
    stated = one.file.units[one.band - 1] or ""
    words = set(re.findall(r"[a-z]+", stated.lower()))
    if one.channel == "slope":
        if _OTHER_SLOPE.search(stated):
            raise SceneError(f"the slope of {one.label} is in '{stated}' by its unit: give slope in degrees")
        return 1.0
    if not words:
        return 1.0
    if words & _US_SURVEY:
        return _US_SURVEY_FOOT_M
    found = {_METRES[word] for word in words & _METRES.keys()}
    if len(found) != 1:
        title = CHANNELS[one.channel].title
        raise SceneError(
            f"the {title} of {one.label} is in '{stated}' by the unit of its band: convert it to metres, or correct "
            f"the unit with gdal_edit -units m"
        )
    return found.pop()
