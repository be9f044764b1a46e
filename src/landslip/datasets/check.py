"""Check of a whole Landslide4Sense folder in one pass."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from landslip.channels import CHANNELS
from landslip.datasets.inspection import MEANINGS, Finding, Inspection, Kind, inspect_patch, shown
from landslip.datasets.l4s import L4sFiles, Listing, list_l4s
from landslip.datasets.l4s_values import L4S_CHANNELS, SIDE_PX
from landslip.datasets.patch_set import SPLITS, Split
from landslip.datasets.statistics import Moments, Watch
from landslip.errors import require_extra
from landslip.files.model import Frozen

_SHOWN = 5
"""Findings of one kind that people are shown; all of them are in the JSON."""


class ChannelRange(Frozen):
    """The values of one channel, in its unit."""

    low: float
    high: float
    mean: float
    deviation: float


class SplitReport(Frozen):
    """What one split holds."""

    images: int
    usable: int
    """Patches with nothing that keeps them from being used."""
    labelled: int
    """Patches with a mask that can be read."""
    with_landslide: int
    landslide_px: int
    landslide_share: float | None
    """Of the pixels of all masks; None where there is no mask."""
    channels: dict[str, ChannelRange]
    """Over the images whose values are whole DN, degrees and metres."""


class CheckReport(Frozen):
    """What a folder holds and what is wrong with it."""

    layout: str
    splits: dict[Split, SplitReport]
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> int:
        """How many patches can be used."""
        return sum(split.usable for split in self.splits.values())

    @property
    def exit_code(self) -> int:
        """0 where nothing is wrong, 1 where something is, 2 where no patch can be used."""
        return 2 if not self.usable else 1 if self.findings else 0

    @property
    def refused(self) -> tuple[Finding, ...]:
        """The findings that keep patches from being used."""
        return tuple(finding for finding in self.findings if finding.refused)

    def lines(self) -> Iterator[str]:
        """The report for people."""
        yield f"layout  {self.layout}"
        yield ""
        yield "split       images  usable  labelled  with landslide  landslide pixels"
        for name, split in self.splits.items():
            share = "-" if split.landslide_share is None else f"{split.landslide_share:.3%}"
            yield (
                f"{name:10} {split.images:7,} {split.usable:7,} {split.labelled:9,} "
                f"{split.with_landslide:15,} {share:>17}"
            )
        for name, split in self.splits.items():
            yield ""
            yield f"{name:10} unit      lowest     highest        mean   deviation"
            for channel, one in split.channels.items():
                numbers = f"{one.low:12,.0f}{one.high:12,.0f}{one.mean:12,.1f}{one.deviation:12,.1f}"
                yield f"{channel:10} {CHANNELS[channel].unit:4}{numbers}"
        yield ""
        yield from self._finding_lines()

    def _finding_lines(self) -> Iterator[str]:
        if not self.findings:
            yield "nothing is wrong"
        counts: Counter[Kind] = Counter(finding.kind for finding in self.findings)
        for kind, count in counts.items():
            yield f"{kind} ({count:,}): {MEANINGS[kind]}"
            same = [finding for finding in self.findings if finding.kind == kind]
            yield from (f"  {finding.file} {finding.text}" for finding in same[:_SHOWN])
            if count > _SHOWN:
                yield f"  and {count - _SHOWN:,} more"


def check_l4s(folder: Path, watch: Watch | None = None) -> CheckReport:
    """Look at every file of a folder.

    Args:
        folder: the folder that holds ``TrainData/`` ..., or ``images/`` and ``annotations/``.
        watch: told how many patches are done.

    Raises:
        PatchesError: the folder is in no layout, or holds no image.
        MissingExtraError: h5py is not installed.
    """
    require_extra("h5py", "train")
    listing = list_l4s(folder)
    findings = list(_of_listing(listing))
    doubled = {(finding.split, finding.id) for finding in findings if finding.refused}
    sums = {split: _Sum() for split in SPLITS}
    seen: dict[bytes, L4sFiles] = {}
    for done, files in enumerate(listing.patches, 1):
        inspection = inspect_patch(files, folder)
        findings += inspection.findings
        findings += _repeated(inspection, seen, folder)
        sums[files.split].add(inspection, usable=not inspection.refused and (files.split, files.id) not in doubled)
        if watch is not None:
            watch("checking", done, len(listing.patches))
    present = [split for split in SPLITS if sums[split].images]
    return CheckReport(
        layout=listing.layout,
        splits={split: sums[split].report() for split in present},
        findings=tuple(findings),
    )


class _Sum:
    """What is counted of one split."""

    def __init__(self) -> None:
        self.images = self.labelled = self.usable = self.with_landslide = self.landslide_px = 0
        self.moments = Moments.none(len(L4S_CHANNELS))

    def add(self, inspection: Inspection, *, usable: bool) -> None:
        self.images += 1
        self.usable += usable
        if inspection.whole is not None:
            self.moments += Moments.of(inspection.whole)
        if inspection.mask is not None:
            landslide_px = int(inspection.mask.sum())
            self.labelled += 1
            self.landslide_px += landslide_px
            self.with_landslide += landslide_px > 0

    def report(self) -> SplitReport:
        moments = self.moments
        ranges = zip(L4S_CHANNELS, moments.low, moments.high, moments.mean, moments.deviation, strict=True)
        return SplitReport(
            images=self.images,
            usable=self.usable,
            labelled=self.labelled,
            with_landslide=self.with_landslide,
            landslide_px=self.landslide_px,
            landslide_share=self.landslide_px / (self.labelled * SIDE_PX**2) if self.labelled else None,
            channels={
                name: ChannelRange(low=low, high=high, mean=mean, deviation=deviation)
                for name, low, high, mean, deviation in ranges
            }
            if moments.pixels
            else {},
        )


def _of_listing(listing: Listing) -> Iterator[Finding]:
    """What the names of the files tell."""

    def finding(kind: str, path: Path, text: str, split: Split | None = None, number: int | None = None) -> Finding:
        file = shown(path, listing.folder)
        return Finding.model_validate({"kind": kind, "split": split, "id": number, "file": file, "text": text})

    for path in listing.strays:
        yield finding("stray file", path, "does not belong here, it is not read")
    for path in listing.lonely_masks:
        yield finding("mask without image", path, "has no image of its number")
    by_path = {path: files for files in listing.patches for path in (files.image, files.mask)}
    for kept, other in listing.doubles:
        owner = by_path.get(kept)
        number = (owner.split, owner.id) if owner else (None, None)
        yield finding("one number twice", other, f"has the number of {kept.name}", *number)
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
            yield finding("numbers missing", folder, f"lacks {lacking:,} images: {first_few}{more}", split)


def _gaps(numbers: list[int]) -> list[tuple[int, int]]:
    """First and last number of each gap between 1 and the last of some numbers in order."""
    return [(before + 1, after - 1) for before, after in pairwise([0, *numbers]) if after > before + 1]


def _repeated(inspection: Inspection, seen: dict[bytes, L4sFiles], folder: Path) -> Iterator[Finding]:
    """A finding where an image was seen before."""
    files = inspection.files
    if not inspection.digest:
        return
    first = seen.setdefault(inspection.digest, files)
    if first is not files:
        yield Finding(
            kind="duplicate" if first.split == files.split else "leak",
            split=files.split,
            id=files.id,
            file=shown(files.image, folder),
            text=f"holds the same image as {shown(first.image, folder)}",
        )
