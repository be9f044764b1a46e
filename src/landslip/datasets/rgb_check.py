"""Check of a whole set of RGB patches, in one pass and in bounded memory: every file is read, faults are listed."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.channels import TRUE_COLOUR
from landslip.datasets.check import ChannelRange, CheckReport, MaskDigests, SplitReport, find_mostly_landslide
from landslip.datasets.inspection import Finding, Kind, printable_path
from landslip.datasets.rgb import open_rgb_set, png_to_dn, read_image, read_mask
from landslip.datasets.statistics import Moments
from landslip.errors import PatchesError
from landslip.files.path_names import is_system_file
from landslip.files.progress import Progress, no_progress, track

LAYOUT: Final = "RGB patches, values in relative DN"
_UNTIL: Final = "the set is not opened until this is mended"


def check_rgb(folder: str | Path, progress: Progress = no_progress) -> CheckReport:
    """Check every file of a set of RGB patches: names, pairs, format, sizes, mask values and duplicates.

    Args:
        folder: with ``img/image_N.png`` and ``mask/mask_N.png``.
        progress: told how many patches are checked.

    Raises:
        PatchesError: a folder is missing, there are no images, or the manifest does not fit.

    Example:
        >>> check_rgb("examples/l4s-rgb-scene-b")
        CheckReport(56 images, 56 usable, 0 findings)
    """
    folder = Path(folder)
    pairs = _Pairs(folder)
    findings = list(pairs.findings())
    if not findings:
        # The manifest is checked too.
        open_rgb_set(folder)
    tally = _Tally(folder)
    for number in track(sorted(pairs.images), progress, "checking", len(pairs.images)):
        tally.add(number, pairs.images[number], pairs.masks.get(number))
    report = tally.report()
    mostly = find_mostly_landslide(report, "train", next(iter(pairs.masks.values()), None), folder)
    return CheckReport(layout=LAYOUT, splits={"train": report}, findings=(*findings, *tally.findings, *mostly))


class _Pairs:
    """Images and masks by their number, and the files that have no place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._faults: list[Finding] = []
        self.images = self._numbered("img", "image")
        self.masks = self._numbered("mask", "mask")
        if not self.images:
            raise PatchesError(f"{folder} has no patches: expected img/image_N.png and mask/mask_N.png")

    def findings(self) -> Iterator[Finding]:
        """Yield the findings that follow from the names of the files."""
        yield from self._faults
        for number, path in self.images.items():
            if number not in self.masks:
                yield self._finding("no mask", path, f"has no mask: {_UNTIL}", number)
        for number, path in self.masks.items():
            if number not in self.images:
                yield self._finding("mask without image", path, f"has no image with its number: {_UNTIL}", number)

    def _numbered(self, part: str, stem: str) -> dict[int, Path]:
        inside = self._folder / part
        if not inside.is_dir():
            raise PatchesError(
                f"{self._folder} is not a set of RGB patches, the folder {part}/ is missing: "
                "expected img/image_N.png and mask/mask_N.png"
            )
        found: dict[int, Path] = {}
        for path in sorted(inside.iterdir()):
            if is_system_file(path):
                continue
            match = re.fullmatch(rf"{stem}_(\d+)\.png", path.name, re.ASCII)
            if match is None:
                self._faults.append(self._finding("stray file", path, f"does not belong here: {_UNTIL}"))
            elif int(match[1]) in found:
                first = found[int(match[1])].name
                text = f"has the same number as {first}: {_UNTIL}"
                self._faults.append(self._finding("same number", path, text, int(match[1])))
            else:
                found[int(match[1])] = path
        return found

    def _finding(self, kind: Kind, path: Path, text: str, number: int | None = None) -> Finding:
        return Finding(kind=kind, split="train", id=number, file=printable_path(path, self._folder), text=text)


@dataclass(slots=True)
class _Tally:
    """Running counts, and the findings about contents."""

    folder: Path
    findings: list[Finding] = field(default_factory=list)
    images: int = 0
    usable: int = 0
    labelled: int = 0
    labelled_px: int = 0
    with_landslide: int = 0
    landslide_px: int = 0
    moments: Moments = field(default_factory=lambda: Moments.empty(len(TRUE_COLOUR)))
    earlier: dict[bytes, str] = field(default_factory=dict)
    masks: MaskDigests = field(default_factory=MaskDigests)
    size: tuple[int, ...] | None = None

    def add(self, number: int, image_path: Path, mask_path: Path | None) -> None:
        """Read a patch and note its faults."""
        self.images += 1
        image = self._read_image(number, image_path)
        mask = None if mask_path is None else self._read_mask(number, mask_path)
        if image is not None and mask is not None and image.shape[:2] != mask.shape:
            text = f"is {_size(mask)}, its image {_size(image)}"
            self._note("mask size", number, mask_path or image_path, text)
            mask = None
        self.usable += image is not None and mask is not None
        if mask is not None:
            landslide_px = int(mask.sum())
            self.labelled += 1
            self.labelled_px += mask.size
            self.landslide_px += landslide_px
            self.with_landslide += landslide_px > 0
            if mask_path is not None:
                self.findings += self.masks.add(mask, "train", number, mask_path, self.folder)

    def _read_image(self, number: int, path: Path) -> NDArray[np.uint8] | None:
        try:
            image = read_image(path)
        except PatchesError as error:
            kind: Kind = "not RGB" if "mode" in str(error) else "unreadable"
            self._note(kind, number, path, str(error).removeprefix(f"{path} "))
            return None
        self.moments += Moments.of(png_to_dn(image))
        self.size = self.size or image.shape
        if image.shape != self.size:
            self._note("patch size", number, path, f"is {_size(image)}, the first image has another size")
        name = printable_path(path, self.folder)
        digest = hashlib.blake2b(f"{image.shape}".encode() + image.tobytes(), digest_size=16).digest()
        first = self.earlier.setdefault(digest, name)
        if first != name:
            self._note("duplicate", number, path, f"is the same image as {first}")
        return image

    def _read_mask(self, number: int, path: Path) -> NDArray[np.uint8] | None:
        try:
            return read_mask(path)
        except PatchesError as error:
            kind: Kind = "unreadable" if "cannot be read" in str(error) else "mask values"
            self._note(kind, number, path, str(error).removeprefix(f"{path} "))
            return None

    def _note(self, kind: Kind, number: int, path: Path, text: str) -> None:
        file = printable_path(path, self.folder)
        self.findings.append(Finding(kind=kind, split="train", id=number, file=file, text=text))

    def report(self) -> SplitReport:
        """Return the counts."""
        moments = self.moments
        ranges = zip(TRUE_COLOUR, moments.minimum, moments.maximum, moments.mean, moments.std, strict=True)
        return SplitReport(
            images=self.images,
            usable=self.usable,
            labelled=self.labelled,
            with_landslide=self.with_landslide,
            landslide_px=self.landslide_px,
            landslide_fraction=self.landslide_px / self.labelled_px if self.labelled_px else None,
            channels={
                name: ChannelRange(minimum=minimum, maximum=maximum, mean=mean, std=std)
                for name, minimum, maximum, mean, std in ranges
            }
            if moments.pixels
            else {},
        )


def _size(picture: NDArray[np.uint8]) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]} px"
