"""Plans the curves of a stress test: the variants of the images at each level."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from landslip.channels import CHANNELS
from landslip.datasets.patch_set import PatchSet
from landslip.detector.detector import Detector
from landslip.grid.resampling import resize_bilinear
from landslip.inference.patch_prediction import select_channels
from landslip.metrics.intervals import ResamplingUnits
from landslip.studies.perturbed_runs import Sample, Variant
from landslip.studies.stress.blocks import BlockReader, BlockSet
from landslip.studies.stress.geometry import Mask, Values, coarsen, refine_mask
from landslip.studies.stress.stresses import LOST, SAMPLING, SAMPLINGS_M, SIZE, SIZES_PX, Stress

NONE_LOST: Final = -1.0
"""Level of the curves of lost channels at which no channel is lost."""


@dataclass(frozen=True, slots=True)
class PlannedCurve:
    """A curve before it is measured."""

    stress: str
    line: str
    title: str
    axis: str
    text: str
    unchanged: float | None
    units: ResamplingUnits
    levels: tuple[tuple[float, str, Variant], ...]
    """Level, label and variant of each point."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The detector, the patches and the seed of a stress test."""

    detector: Detector
    patches: PatchSet[Any]
    units: ResamplingUnits
    seed: int

    def samples(self, change: Callable[..., tuple[Values, Mask]], level: float) -> Iterator[Sample]:
        """Read every patch and change it."""
        channels = self.detector.card.channels
        for row, patch in enumerate(self.patches):
            # Noise and clouds of a patch are the same at every level, whatever else is tested.
            random = np.random.default_rng((self.seed, row))
            values = select_channels(self.detector, patch)
            yield Sample(row, *change(values, patch.mask, channels, level, random))

    def variant(self, key: str, change: Callable[..., tuple[Values, Mask]], level: float = 0.0) -> Variant:
        """Make a variant in which every patch is changed."""
        return Variant(key, partial(self.samples, change, level), len(self.patches))

    def unchanged(self) -> Variant:
        """Make the variant of unchanged patches, which all curves share."""
        return self.variant("unchanged", lambda values, mask, *_: (values, mask))


def plan_stress(subject: Subject, stress: Stress) -> PlannedCurve:
    """Plan the curve of a stress that changes each patch on its own."""
    levels = tuple(
        (
            level,
            "",
            subject.unchanged()
            if level == stress.unchanged
            else subject.variant(f"{stress.name}_{level:g}", stress.change, level),
        )
        for level in stress.levels
    )
    return PlannedCurve(
        stress.name, "", stress.title, stress.axis, stress.text, stress.unchanged, subject.units, levels
    )


def plan_lost_channels(subject: Subject) -> list[PlannedCurve]:
    """Plan the curves of lost channels, one channel at a time."""
    plans = []
    for line, value in (("set to 0", 0.0), ("set to its mean", None)):
        levels: list[tuple[float, str, Variant]] = [(NONE_LOST, "none", subject.unchanged())]
        for index, name in enumerate(subject.detector.card.channels):
            key = f"{LOST}_{name}_{'mean' if value is None else 'zero'}"
            change = partial(_lose_channel, index=index, value=value)
            levels.append((float(index), f"{name} {CHANNELS[name].title}", subject.variant(key, change)))
        text = "One channel at a time is set to 0, as by a failed sensor line, or to its mean in each patch."
        axis = "F1 without the channel"
        plans.append(PlannedCurve(LOST, line, "Lost channels", axis, text, NONE_LOST, subject.units, tuple(levels)))
    return plans


def _lose_channel(values: Values, mask: Mask, *_: object, index: int, value: float | None) -> tuple[Values, Mask]:
    valid = np.isfinite(values).all(axis=0)
    changed = values.copy()
    if valid.any():
        changed[index] = values[index][valid].mean() if value is None else value
    return np.where(valid, changed, np.float32(np.nan)).astype(np.float32), mask


def plan_patch_sizes(subject: Subject, blocks: BlockSet, reader: BlockReader) -> PlannedCurve:
    """Plan the curve of the network's input size."""
    card = subject.detector.card
    sizes = [
        size
        for size in SIZES_PX
        if size <= blocks.side_px and blocks.side_px % size == 0 and size % card.size_multiple == 0
    ]
    levels = tuple(
        (
            float(size),
            "",
            Variant(
                f"{SIZE}_{size}",
                partial(_cut_windows, reader, blocks, size),
                len(blocks.blocks) * (blocks.side_px // size) ** 2,
                tile_px=size,
            ),
        )
        for size in sizes
    )
    text = (
        f"Size of the network's input, on the same {blocks} at every size. Larger inputs are joined from neighbouring "
        "patches, smaller ones are cut out; tiles are not blended."
    )
    axis = "side of the network's input (pixels)"
    return PlannedCurve(SIZE, "", "Patch size", axis, text, float(card.tile_px), blocks.units, levels)


def _cut_windows(reader: BlockReader, blocks: BlockSet, size: int) -> Iterator[Sample]:
    for number, values, mask in reader:
        for row in range(0, blocks.side_px, size):
            for col in range(0, blocks.side_px, size):
                here = slice(row, row + size), slice(col, col + size)
                yield Sample(number, np.ascontiguousarray(values[:, *here]), np.ascontiguousarray(mask[here]))


def plan_samplings(subject: Subject, blocks: BlockSet, reader: BlockReader) -> list[PlannedCurve]:
    """Plan the curves of coarser and finer pixels, as they are and resampled to the detector's pixel size."""
    own = subject.detector.card.pixel_size_m
    plans = []
    for line, back in (("as it is", False), (f"resampled to {own:g} m", True)):
        levels = []
        for sampling in SAMPLINGS_M:
            if back and sampling <= own:
                continue
            name = "native" if sampling == own else f"{sampling:g}m{'_back' if back else ''}"
            samples = partial(_resample, reader, sampling / own, back)
            levels.append((sampling, "", Variant(f"{SAMPLING}_{name}", samples, len(blocks.blocks))))
        text = (
            f"Coarser pixels by area means (finer pixels by interpolation), on {blocks}. As it is: mapped and scored "
            f"in these pixels. Resampled: interpolated to {own:g} m before mapping, scored against the "
            f"reference at {own:g} m."
        )
        plans.append(
            PlannedCurve(
                SAMPLING, line, "Ground sampling", "ground sampling (m)", text, own, blocks.units, tuple(levels)
            )
        )
    return plans


def _resample(reader: BlockReader, factor: float, back: bool) -> Iterator[Sample]:
    for number, values, mask in reader:
        height, width = mask.shape
        if factor == 1:
            yield Sample(number, values, mask)
        elif factor < 1:
            larger = round(height / factor), round(width / factor)
            yield Sample(number, resize_bilinear(values, *larger), refine_mask(mask, *larger))
        else:
            coarse, coarse_mask = coarsen(values, mask, factor)
            if back:
                rows, cols = (
                    min(size, round(part * factor)) for size, part in zip(mask.shape, coarse_mask.shape, strict=True)
                )
                coarse, coarse_mask = resize_bilinear(coarse, rows, cols), mask[:rows, :cols]
            yield Sample(number, coarse, coarse_mask)
