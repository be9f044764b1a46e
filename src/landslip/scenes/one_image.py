"""Whether the bands of a scene are of one image: of one tile of the Sentinel-2 grid, and of one day."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from landslip.channels import CHANNELS
from landslip.errors import SceneError
from landslip.scenes.bands import ChannelBand
from landslip.scenes.dates import date_in_name, date_in_tags
from landslip.scenes.raster_file import RasterFile
from landslip.scenes.tiles import TileMosaic, tile_paths

_TILE = re.compile(
    r"(?:(?<![A-Za-z0-9])T?(?=\d\d)|(?<=S2[A-D]_))((?:0?[1-9]|[1-5]\d|60)[C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V])(?![A-Za-z0-9])"
)


def check_one_image(bands: Sequence[ChannelBand], classification: RasterFile | None = None) -> None:
    """Check that all reflectance bands, and the scene classification, are of one tile and one day.

    Only what the acquisition tags, the file names, and the folders in which the files differ tell is compared. Tiles
    side by side may be of several tiles and days, of which a band may lack some.

    Args:
        bands: of the scene; terrain has no date.
        classification: the scene classification beside them.

    Raises:
        SceneError: two bands are of different tiles or days.
    """
    files = [(one.channel, one.file) for one in bands if CHANNELS[one.channel].kind == "reflectance"]
    files += [("the scene classification", classification)] if classification else []
    parents = [str(path.absolute().parent) for _, file in files for path in tile_paths(file)]
    common = Path(os.path.commonpath(parents)) if parents else Path()
    for what, told in (("tiles", _tiles), ("dates", _days)):
        first: tuple[str, RasterFile, frozenset[str]] | None = None
        for name, file in files:
            found = told(file, common)
            if not found:
                continue
            if first is None:
                first = (name, file, found)
            elif not (found <= first[2] or found >= first[2]):
                raise SceneError(
                    f"the bands are of different {what}: {first[0]} of {_listed(first[2])} ({first[1].path.name}), "
                    f"{name} of {_listed(found)} ({file.path.name}); give the bands of one image",
                    parameter="paths",
                )


def tile_in_name(name: str) -> str | None:
    """Find the tile of the Sentinel-2 grid (MGRS) in a name.

    Example:
        >>> tile_in_name("T33TWM_20230818T100031_B04_10m"), tile_in_name("S2A_5QKB_20230818_0_L2A"), tile_in_name("B04")
        ('33TWM', '05QKB', None)
    """
    found = {tile.zfill(5) for tile in _TILE.findall(name)}
    return found.pop() if len(found) == 1 else None


def _tiles(file: RasterFile, common: Path) -> frozenset[str]:
    """Return the tiles that the names of a file's parts tell; empty if one tells none."""
    told = [next(filter(None, map(tile_in_name, _names(path, common))), "") for path in tile_paths(file)]
    return frozenset(told) if all(told) else frozenset()


def _days(file: RasterFile, common: Path) -> frozenset[str]:
    """Return the days that the tags or names of a file's parts tell; empty if one tells none."""
    parts = [tile.file for tile in file.tiles] if isinstance(file, TileMosaic) else [file]
    told = [_day(part.path, part.tags() | part.tags(namespace="IMAGERY"), common) for part in parts]
    return frozenset(told) if all(told) else frozenset()


def _day(path: Path, tags: Mapping[str, str], common: Path) -> str:
    """Return the day that tags or names tell, empty if they tell none."""
    moment = date_in_tags(tags) or next(filter(None, map(date_in_name, _names(path, common))), None)
    return moment.date().isoformat() if moment else ""


def _names(path: Path, common: Path) -> list[str]:
    """Return the name of a file without its ending, and those of its folders below the common one, innermost first."""
    below = path.absolute().parent.relative_to(common)
    return [path.stem, *reversed(below.parts)]


def _listed(found: frozenset[str]) -> str:
    """List tiles or days."""
    return ", ".join(sorted(found))
