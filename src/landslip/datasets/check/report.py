"""What a check found, as a value, as JSON, and in lines for people."""

from collections import Counter
from collections.abc import Iterator

from landslip.channels import CHANNELS
from landslip.datasets.check.inspection import MEANINGS, Finding, Kind
from landslip.datasets.patch_set import Split
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
