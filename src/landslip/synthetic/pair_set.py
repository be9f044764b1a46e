"""A set of made pairs of dates on disk: from labelled patches, an image before each (``synthetic/patch_pairs.py``).

Old scars stay on both dates; fields and built-up land are pasted over either or both; places of the shape of landslides
are painted over before without having been one, so that traces of painting mark no landslide. Season, light, haze,
snow and misregistration make the dates differ. Random numbers depend on the seed and the patch only.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from landslip.channels import TRUE_COLOUR
from landslip.datasets.class_chips import ChipEntry, chip_to_dn, keep_apart, open_chips, read_chip
from landslip.datasets.manifest import MANIFEST
from landslip.datasets.pairs import BEFORE_FOLDER
from landslip.datasets.patch_set import PatchSet
from landslip.datasets.rgb import PatchEntry, dn_to_png
from landslip.errors import OutputError, PatchesError
from landslip.files.atomic import write_bytes, write_text
from landslip.files.model import Frozen
from landslip.files.progress import Progress, no_progress, track
from landslip.grid.neighbourhoods import grow
from landslip.synthetic.patch_pairs import (
    MadePair,
    add_snow,
    change_season,
    change_sun,
    make_pair,
    move_image,
    paste_field,
    remove_landslides,
)

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]

FIELD_CLASSES: Final = ("AnnualCrop", "PermanentCrop", "Pasture", "HerbaceousVegetation")
"""Classes of chips that may look different on either date."""
STEADY_CLASSES: Final = ("Highway", "Industrial", "Residential", "River")
"""Classes of chips that are on both dates, or were built between them."""
RECORD: Final = "pairs.json"
_CLEAR_PX: Final = 3


class PairSetSettings(Frozen):
    """What the dates of made pairs have in common and in what they differ.

    Example:
        >>> PairSetSettings(misregistration_px=0).old_fraction
        0.3
    """

    old_fraction: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Of the landslides, those that are on both dates."""
    fields: Annotated[int, Field(ge=0, le=8)] = 2
    """Largest number of pasted fields of a patch."""
    season: Annotated[float, Field(ge=0, le=1)] = 0.35
    """Largest standard deviation of the logarithm of a factor per channel, for plants before."""
    sun: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Standard deviation of the exponent by which relief is shaded more or less before."""
    light: Annotated[float, Field(ge=0, le=1)] = 0.15
    """Standard deviation of the logarithm of a factor per channel and date."""
    haze: Annotated[float, Field(ge=0, le=2)] = 0.3
    """Largest haze of a date, of the mean of blue; that of red is a third of it."""
    snow: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Probability of snow before, on up to a quarter of the ground; not where a new landslide will be."""
    misregistration_px: Annotated[float, Field(ge=0, le=4)] = 0.5
    """Standard deviation of the shift of the image before along rows and columns, cut off at three times this."""
    shift_px: tuple[float, float] | None = None
    """Fixed shift down and right in place of a random one."""
    seed: Annotated[int, Field(ge=0)] = 1
    keep_apart: Annotated[int, Field(ge=0)] = 150
    """Chips of each class, those with the highest numbers, that are not used."""


@dataclass(frozen=True, slots=True, eq=False)
class Chips:
    """Chips to be pasted, in DN under one stretch."""

    entries: tuple[ChipEntry, ...]
    by_class: Mapping[str, tuple[ChipEntry, ...]]

    @classmethod
    def open(cls, folder: Path, apart: int) -> "Chips":
        """Open a folder of chips without those that are kept apart.

        Raises:
            PatchesError: it lacks the classes that are pasted.
        """
        found = open_chips(folder)
        hidden = keep_apart(found.entries, apart)
        entries = tuple(one for one in found.entries if one.image not in hidden)
        names = (*FIELD_CLASSES, *STEADY_CLASSES)
        by_class = {name: tuple(one for one in entries if one.scene == name) for name in names}
        lacking = [name for name, some in by_class.items() if not some]
        if lacking:
            raise PatchesError(
                f"{folder} lacks chips of {', '.join(lacking)}, which are pasted: give a folder with the classes "
                f"{', '.join(names)}"
            )
        return cls(entries, by_class)

    def draw(self, names: Sequence[str], random: np.random.Generator) -> Values:
        """Draw a chip of some classes, (3, h, w) in DN."""
        some = self.by_class[names[int(random.integers(len(names)))]]
        return chip_to_dn(read_chip(some[int(random.integers(len(some)))].image), "absolute")


def make_pair_set(
    folder: str | Path,
    patches: PatchSet[PatchEntry],
    settings: PairSetSettings,
    chips: Path | None = None,
    *,
    progress: Progress = no_progress,
) -> int:
    """Write a set of made pairs, which ``landslip.open_patches`` opens; return their number.

    Args:
        folder: new or empty.
        patches: labelled images after events, with red, green and blue.
        settings: of the pairs.
        chips: folder of classes of chips that are pasted as fields; none are where None.
        progress: told of patches.

    Raises:
        OutputError: the folder holds files.
        PatchesError: patches or chips are damaged, or lack a class.
    """
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise OutputError(f"{target} exists and is not empty: give a new folder", parameter="folder")
    pasted = Chips.open(chips, settings.keep_apart) if chips else None
    for name in ("img", BEFORE_FOLDER, "mask"):
        (target / name).mkdir(parents=True, exist_ok=True)
    entries = patches.entries
    for number, entry in enumerate(track(entries, progress, "making pairs", len(entries))):
        patch = patches.read(entry)
        # The shape of landslides elsewhere: those of the next patch.
        other = patches.read(entries[(number + 1) % len(entries)])
        random = np.random.default_rng((settings.seed, entry.id))
        pair = make_one(patch.select(TRUE_COLOUR), patch.mask == 1, other.mask == 1, settings, pasted, random)
        write_bytes(target / "img" / f"image_{entry.id}.png", _png(dn_to_png(pair.after)))
        write_bytes(target / BEFORE_FOLDER / f"before_{entry.id}.png", _png(dn_to_png(pair.before)))
        write_bytes(target / "mask" / f"mask_{entry.id}.png", _png(np.where(pair.new, 255, 0).astype(np.uint8)))
    _write_manifest(target / MANIFEST, entries)
    write_text(target / RECORD, json.dumps(settings.model_dump(mode="json"), indent=1) + "\n")
    return len(entries)


def make_one(
    values: Values,
    landslide: Mask,
    shape: Mask,
    settings: PairSetSettings,
    chips: Chips | None,
    random: np.random.Generator,
) -> MadePair:
    """Make a pair from one patch.

    Args:
        values: (3, H, W) red, green, blue after, in DN.
        landslide: (H, W).
        shape: (H, W) landslides of another patch, at whose place the image before is painted over as well.
        settings: of the set.
        chips: that are pasted.
        random: source of random numbers.
    """
    pair = make_pair(values, landslide, settings.old_fraction, random)
    decoy = np.flip(shape, int(random.integers(2))) & ~grow(landslide, _CLEAR_PX)
    before = remove_landslides(pair.before, decoy, random, keep=pair.old) if decoy.any() else pair.before
    pair = MadePair(before, pair.after, pair.new, pair.old)
    if chips is not None:
        for _ in range(int(random.integers(settings.fields + 1))):
            pair = _paste(pair, chips, random)
    return _make_dates_differ(pair, settings, random)


def _paste(pair: MadePair, chips: Chips, random: np.random.Generator) -> MadePair:
    """Paste a field, a road, houses or a river, in the brightness of the patch."""
    names = FIELD_CLASSES if random.random() < 0.7 else STEADY_CLASSES
    first = chips.draw(names, random)
    # Fields are harvested on either date; houses and roads seldom change.
    changed = random.random() < (0.6 if names is FIELD_CLASSES else 0.15)
    second = chips.draw(FIELD_CLASSES, random) if changed else first
    if random.random() < 0.5:
        first, second = second, first
    limits = [min(side, size) for side, size in zip(first.shape[1:], pair.new.shape, strict=True)]
    height, width = (int(random.integers(min(10, limit), limit + 1)) for limit in limits)
    row, col = (int(random.integers(0, s - z + 1)) for s, z in zip(pair.new.shape, (height, width), strict=True))
    scale = np.float32(np.median(pair.after) / max(float(np.median(second)), 1.0) * random.uniform(0.7, 1.6))
    return paste_field(pair, scale * first[:, :height, :width], scale * second[:, :height, :width], row, col)


def _make_dates_differ(pair: MadePair, settings: PairSetSettings, random: np.random.Generator) -> MadePair:
    before, after = pair.before, pair.after
    if settings.season:
        before = change_season(before, pair.old, random.uniform(0, settings.season), random)
    if settings.sun:
        before = change_sun(before, settings.sun * random.normal())
    if random.random() < settings.snow:
        snowy = add_snow(before, random.uniform(0.02, 0.25), random)
        before = np.where(grow(pair.new, _CLEAR_PX), before, snowy)
    down, right = (random.normal(size=2).clip(-3, 3) * settings.misregistration_px).tolist()
    if settings.shift_px is not None:
        down, right = settings.shift_px
    if down or right:
        before = move_image(before, down, right)
    return MadePair(_change_light(before, settings, random), _change_light(after, settings, random), pair.new, pair.old)


def _change_light(values: Values, settings: PairSetSettings, random: np.random.Generator) -> Values:
    """Change the light and haze of a date."""
    gains = np.exp(settings.light * random.normal(size=(3, 1, 1))).astype(np.float32)
    haze = settings.haze * random.random() * float(values[2].mean()) * np.array([1 / 3, 0.6, 1]).reshape(3, 1, 1)
    return np.asarray(values * gains + haze, np.float32)


def _png(picture: NDArray[np.uint8]) -> bytes:
    target = BytesIO()
    Image.fromarray(picture).save(target, "PNG")
    return target.getvalue()


def _write_manifest(path: Path, entries: Sequence[PatchEntry]) -> None:
    text = StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("id", "scene", "row", "col"))
    table.writerows(
        (one.id, one.scene, "" if one.row is None else one.row, "" if one.col is None else one.col) for one in entries
    )
    write_text(path, text.getvalue())
