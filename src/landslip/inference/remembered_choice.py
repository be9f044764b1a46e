"""What a trial found out about a machine and a detector, kept in the user's cache folder for next time."""

import contextlib
import os
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, TypeAdapter, ValidationError

from landslip.errors import OutputError
from landslip.files.atomic import write_text
from landslip.files.model import FrozenRecord
from landslip.inference.engine import Precision

FOLDER_VARIABLE: Final = "LANDSLIP_CACHE"
FILE: Final = "engines.json"
Positive = Annotated[int, Field(ge=1)]


class Ranked(FrozenRecord):
    """An engine with its settings in a trial."""

    engine: str
    precision: Precision
    threads: Positive | None = None
    """None for all cores, and for an engine that is not for a CPU."""
    streams: Positive | None = None
    batch: Positive | None = None
    patches_per_s: float
    refusal: str | None = None
    """Why it is not taken, whatever its speed."""

    @property
    def text(self) -> str:
        """Engine, precision, settings that are not the default, and speed."""
        settings = [f"{name} {number}" for name in ("threads", "streams") if (number := getattr(self, name))]
        settings += [f"batch {self.batch}"] if self.batch else []
        refused = f", not taken: {self.refusal}" if self.refusal else ""
        return (
            f"{', '.join([f'{self.engine} {self.precision}', *settings])} {self.patches_per_s:.0f} patches/s{refused}"
        )


class TileSize(FrozenRecord):
    """A tile size larger than the detector's, compared with that on a sample of a scene."""

    tile_px: Positive
    speed_ratio: float
    """Pixels of a scene per second, over those with the tiles of the detector."""
    mean_difference: float
    """Of the probability, from that with the tiles of the detector."""
    overlap: float | None
    """Intersection over union of the landslide pixels; None where there are too few to tell."""
    refusal: str | None
    """Why it is not taken."""

    is_judged: bool = True
    """Whether the sample was enough to compare them."""

    @property
    def text(self) -> str:
        """Size, speed and whether it agrees."""
        overlap = "" if self.overlap is None else f", overlap of the landslides {self.overlap:.2f}"
        end = "taken" if self.refusal is None else f"not taken: {self.refusal}"
        difference = f"mean difference in probability {self.mean_difference:.4f}{overlap}"
        return f"tiles of {self.tile_px} px {self.speed_ratio:.2f} times as fast, {difference}; {end}"


class Choice(FrozenRecord):
    """The result of a trial: engines from the fastest, and tile sizes."""

    ranking: Annotated[tuple[Ranked, ...], Field(min_length=1)]
    tiles: tuple[TileSize, ...] | None = None
    """None where they were not compared."""

    @property
    def best(self) -> Ranked:
        """The fastest engine that is taken."""
        return next(one for one in self.ranking if one.refusal is None)

    @property
    def tile_px(self) -> int | None:
        """The largest tile size that is taken; None for that of the detector."""
        return max((one.tile_px for one in self.tiles or () if one.refusal is None), default=None)

    @property
    def text(self) -> str:
        """The ranking in a sentence."""
        return "; ".join(one.text for one in self.ranking)


_CHOICES: Final = TypeAdapter(dict[str, Choice])


def cache_folder() -> Path:
    """Return the folder of remembered choices: ``LANDSLIP_CACHE``, or the user's cache folder.

    Example:
        >>> cache_folder().name != ""
        True
    """
    if given := os.environ.get(FOLDER_VARIABLE):
        return Path(given)
    base = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "landslip"


def read_choices(path: Path) -> dict[str, Choice]:
    """Read the remembered choices; none where the file is missing or damaged, for it is only a cache."""
    try:
        return _CHOICES.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return {}


def remember(path: Path, key: str, choice: Choice) -> None:
    """Add a choice to the remembered ones; a folder that cannot be written costs a trial each time."""
    with contextlib.suppress(OSError, OutputError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, _CHOICES.dump_json(read_choices(path) | {key: choice}, indent=1).decode())
