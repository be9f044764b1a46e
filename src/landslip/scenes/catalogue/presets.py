"""Catalogues: what is known of three public ones, an API at a URL, and a static catalogue on disk.

Sources: the documentation of Earth Search (Element 84), of the Planetary Computer (Microsoft) and of the Copernicus
Data Space Ecosystem (ESA), as of their STAC collections for Sentinel-2 and the Copernicus DEM.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from landslip.errors import SettingsError

Level: TypeAlias = Literal["L1C", "L2A"]
EXTRA: Final = "scenes"
LEVELS: Final[tuple[Level, ...]] = ("L2A", "L1C")

_NO_OPTIONS: Mapping[str, str] = MappingProxyType({})
_COLLECTIONS: Mapping[str, str] = MappingProxyType(
    {"L2A": "sentinel-2-l2a", "L1C": "sentinel-2-l1c", "elevation": "cop-dem-glo-30"}
)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A STAC catalogue, and how its files are reached."""

    name: str
    location: str
    """URL of an API, or path of a static catalogue."""
    collections: Mapping[str, str] = field(default_factory=lambda: _COLLECTIONS)
    """Collection by ``L2A``, ``L1C`` and ``elevation``."""
    keeps_offset: bool | None = None
    """Whether the values hold the offset of processing baseline 04.00 where the items do not tell; None if unknown."""
    token_url: str | None = None
    """Endpoint that gives a token for the files of a collection, with ``{collection}`` in it."""
    gdal_options: Mapping[str, str] = field(default_factory=lambda: _NO_OPTIONS)
    """Options that GDAL needs to read the files; never credentials."""
    needs_keys: frozenset[str] = frozenset()
    """Levels, and ``elevation``, whose files need ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``."""

    @property
    def on_disk(self) -> bool:
        """Whether it is a static catalogue on disk."""
        return "://" not in self.location

    def check_keys(self, what: str, environment: Mapping[str, str] = os.environ) -> None:
        """Check that the environment has the keys that the files of a level, or ``elevation``, need.

        Raises:
            SettingsError: it has not.
        """
        missing = [key for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if not environment.get(key)]
        if what in self.needs_keys and missing:
            raise SettingsError(
                f"the {what} files of {self.name} need credentials: set the environment variables "
                f"{' and '.join(missing)}, or choose another catalogue",
                parameter="catalogue",
            )


PRESETS: Mapping[str, Catalogue] = MappingProxyType(
    {
        "earth-search": Catalogue(
            name="Earth Search",
            location="https://earth-search.aws.element84.com/v1",
            # Level-1C is in a bucket whose readers pay.
            gdal_options=MappingProxyType({"AWS_REQUEST_PAYER": "requester", "AWS_REGION": "eu-central-1"}),
            needs_keys=frozenset({"L1C"}),
        ),
        "planetary-computer": Catalogue(
            name="Planetary Computer",
            location="https://planetarycomputer.microsoft.com/api/stac/v1",
            keeps_offset=True,
            token_url="https://planetarycomputer.microsoft.com/api/sas/v1/token/{collection}",
        ),
        "copernicus": Catalogue(
            name="Copernicus Data Space",
            location="https://stac.dataspace.copernicus.eu/v1",
            collections=MappingProxyType({**_COLLECTIONS, "elevation": "cop-dem-glo-30-dged-cog"}),
            keeps_offset=True,
            gdal_options=MappingProxyType(
                {"AWS_S3_ENDPOINT": "eodata.dataspace.copernicus.eu", "AWS_VIRTUAL_HOSTING": "FALSE"}
            ),
            needs_keys=frozenset({"L1C", "L2A", "elevation"}),
        ),
    }
)
"""Catalogues by name. The files of Copernicus Data Space are the products themselves."""


def find_catalogue(text: str, collection: str | None = None, level: Level = "L2A") -> Catalogue:
    """Return a catalogue by the name of a preset, its URL, or the path of a static catalogue.

    Args:
        text: ``earth-search``, ``planetary-computer``, ``copernicus``, a URL, or the path of ``catalog.json``, of a
            collection, or of a GeoJSON file of items.
        collection: of the images of the level, where it is not ``sentinel-2-l2a`` or ``sentinel-2-l1c``.
        level: of the images.

    Raises:
        SettingsError: it is none of these.

    Example:
        >>> find_catalogue("earth-search").collections["L2A"]
        'sentinel-2-l2a'
    """
    if text in PRESETS:
        found = PRESETS[text]
    elif text.startswith(("http://", "https://")):
        found = next((one for one in PRESETS.values() if one.location == text.rstrip("/")), None) or Catalogue(
            name=text.split("?")[0], location=text
        )
    elif Path(text).is_file():
        found = Catalogue(name=text, location=str(Path(text).absolute()))
    else:
        raise SettingsError(
            f"'{text}' is no catalogue: give {', '.join(PRESETS)}, the URL of a STAC API, or the path of a "
            "catalog.json",
            parameter="catalogue",
        )
    if collection is None:
        return found
    return Catalogue(
        found.name,
        found.location,
        MappingProxyType({**found.collections, level: collection}),
        found.keeps_offset,
        found.token_url,
        found.gdal_options,
        found.needs_keys,
    )
