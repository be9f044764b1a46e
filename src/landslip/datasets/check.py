"""Check of a whole Landslide4Sense folder, in one pass and in bounded memory."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landslip.channels import DETECTOR_INPUTS
from landslip.datasets.inspection import MEANINGS, Finding, Inspection, Kind, inspect_patch, printable_path
from landslip.datasets.l4s import L4sFiles, Listing, list_l4s
from landslip.datasets.l4s_values import L4S_CHANNELS, SIDE_PX
from landslip.datasets.patch_set import SPLITS, Split
from landslip.datasets.statistics import Moments
from landslip.errors import require_extra
from landslip.files.model import Frozen
from landslip.files.progress import Progress, no_progress, track

_SHOWN = 5
"""Findings of one kind in the text; the JSON has all of them."""
_MOST = 0.6
"""Fraction of landslide pixels above which masks are doubted."""


class ChannelRange(Frozen):
    """The range of a channel, in its unit."""

    minimum: float
    maximum: float
    mean: float
    std: float


class SplitReport(Frozen):
    """Counts and ranges of one split."""

    images: int
    usable: int
    """Patches without a finding that excludes them."""
    labelled: int
    """Patches with a readable mask."""
    with_landslide: int
    landslide_px: int
    landslide_fraction: float | None
    """Fraction of the pixels of all masks; None without masks."""
    channels: dict[str, ChannelRange]
    """Of the images that could be read without rounding."""


class CheckReport(Frozen):
    """The contents of a folder and its faults."""

    layout: str
    splits: dict[Split, SplitReport]
    findings: tuple[Finding, ...]

    def __repr__(self) -> str:
        images = sum(split.images for split in self.splits.values())
        return f"CheckReport({images} images, {self.usable} usable, {len(self.findings)} findings)"

    @property
    def usable(self) -> int:
        """Number of patches that can be used."""
        return sum(split.usable for split in self.splits.values())

    @property
    def exit_code(self) -> int:
        """0 without findings, 1 with findings, 2 if no patch can be used."""
        return 2 if not self.usable else 1 if self.findings else 0

    @property
    def refused(self) -> tuple[Finding, ...]:
        """The findings that exclude patches."""
        return tuple(finding for finding in self.findings if finding.refused)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the report as text."""
        yield f"layout  {self.layout}"
        yield ""
        yield "split       images  usable  labelled  with landslide  landslide pixels"
        for name, split in self.splits.items():
            fraction = "-" if split.landslide_fraction is None else f"{split.landslide_fraction:.3%}"
            yield (
                f"{name:10} {split.images:7,} {split.usable:7,} {split.labelled:9,} "
                f"{split.with_landslide:15,} {fraction:>17}"
            )
        for name, split in self.splits.items():
            yield ""
            yield f"{name:10} unit     minimum     maximum        mean         std"
            for channel, one in split.channels.items():
                numbers = f"{one.minimum:12,.0f}{one.maximum:12,.0f}{one.mean:12,.1f}{one.std:12,.1f}"
                yield f"{channel:10} {DETECTOR_INPUTS[channel].unit:4}{numbers}"
        yield ""
        yield from self._finding_lines()

    def _finding_lines(self) -> Iterator[str]:
        if not self.findings:
            yield "no findings"
        counts: Counter[Kind] = Counter(finding.kind for finding in self.findings)
        for kind, count in counts.items():
            yield f"{kind} ({count:,}): {MEANINGS[kind]}"
            same = [finding for finding in self.findings if finding.kind == kind]
            yield from (f"  {finding.file} {finding.text}" for finding in same[:_SHOWN])
            if count > _SHOWN:
                yield f"  and {count - _SHOWN:,} more"


def check_l4s(folder: str | Path, progress: Progress = no_progress) -> CheckReport:
    """Check every file of a Landslide4Sense folder: format, shape, values, masks, duplicates and missing files.

    Args:
        folder: the folder with ``TrainData/`` ..., or with ``images/`` and ``annotations/``.
        progress: told how many patches are checked.

    Raises:
        PatchesError: the folder has another layout, or has no images.
        MissingExtraError: h5py is not installed.

    Example:
        >>> report = check_l4s("data/l4s")  # doctest: +SKIP
        >>> for finding in report.refused:  # doctest: +SKIP
        ...     print(finding.file, finding.text)
    """
    folder = Path(folder)
    require_extra("h5py", "train")
    listing = list_l4s(folder)
    findings = list(_check_names(listing))
    doubled = {(finding.split, finding.id) for finding in findings if finding.refused}
    sums = {split: _Sum() for split in SPLITS}
    earlier: dict[bytes, L4sFiles] = {}
    masks = MaskDigests()
    for files in track(listing.patches, progress, "checking"):
        inspection = inspect_patch(files, folder)
        findings += inspection.findings
        findings += _find_duplicate(inspection, earlier, folder)
        if inspection.mask is not None and files.mask is not None:
            findings += masks.add(inspection.mask, files.split, files.id, files.mask, folder)
        sums[files.split].add(inspection, usable=not inspection.refused and (files.split, files.id) not in doubled)
    present = [split for split in SPLITS if sums[split].images]
    for split in present:
        mask = next((files.mask for files in listing.patches if files.split == split and files.mask), None)
        findings += find_mostly_landslide(sums[split].report(), split, mask, folder)
    return CheckReport(
        layout=listing.layout,
        splits={split: sums[split].report() for split in present},
        findings=tuple(findings),
    )


def find_mostly_landslide(report: SplitReport, split: Split, mask: Path | None, folder: Path) -> list[Finding]:
    """Return a finding if most of the labelled pixels of a split are landslide."""
    fraction = report.landslide_fraction
    if mask is None or fraction is None or fraction <= _MOST:
        return []
    text = f"labels {fraction:.0%} of the pixels as landslide: are landslide and background exchanged?"
    file = printable_path(mask.parent, folder)
    return [Finding(kind="mostly landslide", split=split, id=None, file=file, text=text)]


class MaskDigests:
    """The masks seen so far, to find the same mask at two images."""

    def __init__(self) -> None:
        self._earlier: dict[bytes, str] = {}

    def add(self, mask: NDArray[np.uint8], split: Split, number: int, path: Path, folder: Path) -> list[Finding]:
        """Note a mask; return a finding if it holds landslide and background and an earlier one is equal."""
        if mask.all() or not mask.any():
            return []
        name = printable_path(path, folder)
        digest = hashlib.blake2b(f"{mask.shape}".encode() + mask.tobytes(), digest_size=16).digest()
        first = self._earlier.setdefault(digest, name)
        if first == name:
            return []
        return [Finding(kind="same mask", split=split, id=number, file=name, text=f"is the same mask as {first}")]


class _Sum:
    """Running counts of one split."""

    def __init__(self) -> None:
        self.images = self.labelled = self.usable = self.with_landslide = self.landslide_px = 0
        self.moments = Moments.empty(len(L4S_CHANNELS))

    def add(self, inspection: Inspection, *, usable: bool) -> None:
        self.images += 1
        self.usable += usable
        if inspection.values is not None:
            self.moments += Moments.of(inspection.values)
        if inspection.mask is not None:
            landslide_px = int(inspection.mask.sum())
            self.labelled += 1
            self.landslide_px += landslide_px
            self.with_landslide += landslide_px > 0

    def report(self) -> SplitReport:
        moments = self.moments
        ranges = zip(L4S_CHANNELS, moments.minimum, moments.maximum, moments.mean, moments.std, strict=True)
        return SplitReport(
            images=self.images,
            usable=self.usable,
            labelled=self.labelled,
            with_landslide=self.with_landslide,
            landslide_px=self.landslide_px,
            landslide_fraction=self.landslide_px / (self.labelled * SIDE_PX**2) if self.labelled else None,
            channels={
                name: ChannelRange(minimum=minimum, maximum=maximum, mean=mean, std=std)
                for name, minimum, maximum, mean, std in ranges
            }
            if moments.pixels
            else {},
        )


def _check_names(listing: Listing) -> Iterator[Finding]:
    """Yield the findings that follow from the names of the files."""

    def finding(kind: str, path: Path, text: str, split: Split | None = None, number: int | None = None) -> Finding:
        file = printable_path(path, listing.folder)
        return Finding.model_validate({"kind": kind, "split": split, "id": number, "file": file, "text": text})

    for path in listing.strays:
        yield finding("stray file", path, "does not belong here and is not read")
    for path in listing.masks_without_image:
        yield finding("mask without image", path, "has no image with its number")
    by_path = {path: files for files in listing.patches for path in (files.image, files.mask)}
    for kept, other in listing.doubles:
        owner = by_path.get(kept)
        number = (owner.split, owner.id) if owner else (None, None)
        yield finding("same number", other, f"has the same number as {kept.name}", *number)
    masked = Counter(files.split for files in listing.patches if files.mask is not None)
    for files in listing.patches:
        if files.mask is None and masked[files.split]:
            yield finding("no mask", files.image, "has no mask", files.split, files.id)
    for split in SPLITS:
        images = {files.id: files.image for files in listing.patches if files.split == split}
        gaps = _gaps(sorted(images))
        if gaps:
            folder = next(iter(images.values())).parent
            first_few = ", ".join(f"{first}-{last}" if first < last else f"{first}" for first, last in gaps[:5])
            more = f" and {len(gaps) - 5} more gaps" if len(gaps) > 5 else ""
            lacking = sum(last - first + 1 for first, last in gaps)
            yield finding("missing numbers", folder, f"lacks {lacking:,} images: {first_few}{more}", split)


def _gaps(numbers: list[int]) -> list[tuple[int, int]]:
    """Return the first and last number of each gap in sorted numbers that start at 1."""
    return [(before + 1, after - 1) for before, after in pairwise([0, *numbers]) if after > before + 1]


def _find_duplicate(inspection: Inspection, earlier: dict[bytes, L4sFiles], folder: Path) -> Iterator[Finding]:
    """Yield a finding if an earlier image is the same."""
    files = inspection.files
    if not inspection.digest:
        return
    first = earlier.setdefault(inspection.digest, files)
    if first is not files:
        yield Finding(
            kind="duplicate" if first.split == files.split else "leak",
            split=files.split,
            id=files.id,
            file=printable_path(files.image, folder),
            text=f"is the same image as {printable_path(first.image, folder)}",
        )
