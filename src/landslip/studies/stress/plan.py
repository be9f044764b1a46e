"""Plans the curves of a stress test: which variants of the ground each of them is made of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from landslip.channels import CHANNELS
from landslip.datasets.patch_set import PatchSet
from landslip.detector.detector import Detector
from landslip.inference.patch_prediction import select_channels
from landslip.metrics.intervals import Units, best_units
from landslip.studies.perturbed_runs import Piece, Variant
from landslip.studies.stress import geometry, light
from landslip.studies.stress.ground import Ground, Joiner
from landslip.studies.stress.stresses import LOST, SAMPLING, SAMPLINGS_M, SIZE, SIZES_PX, Stress


@dataclass(frozen=True, slots=True)
class Planned:
    """A curve before it is measured: its levels with the variant of each."""

    stress: str
    line: str
    title: str
    axis: str
    text: str
    untouched: float | None
    units: Units
    levels: tuple[tuple[float, str, Variant], ...]


@dataclass(frozen=True, slots=True)
class Test:
    """Which detector is tried on which patches."""

    detector: Detector
    patches: PatchSet[Any]
    seed: int


def _key(name: str, level: object) -> str:
    return f"{name}_{level}"


def plain_plan(test: Test, stress: Stress) -> Planned:
    """The curve of a stress that changes images as they are."""
    levels = tuple(
        (
            level,
            "",
            _untouched(test)
            if level == stress.untouched
            else Variant(
                _key(stress.name, f"{level:g}"),
                partial(_pieces, test, stress.change, level),
                len(test.patches),
            ),
        )
        for level in stress.levels
    )
    return Planned(
        stress.name,
        "",
        stress.title,
        stress.axis,
        stress.text,
        stress.untouched,
        best_units(test.patches.entries),
        levels,
    )


def _untouched(test: Test) -> Variant:
    """The ground as it is, which all curves share."""
    return Variant("untouched", partial(_pieces, test, lambda values, mask, *_: (values, mask), 0.0), len(test.patches))


def _pieces(test: Test, change: Callable[..., Any], level: float) -> Iterator[Piece]:
    for row, patch in enumerate(test.patches):
        # The same noise and clouds on a patch at every level, whatever else is tried.
        chance = np.random.default_rng((test.seed, row))
        values, mask = change(
            select_channels(test.detector, patch), patch.mask, test.detector.card.channels, level, chance
        )
        yield Piece(row, values, mask)


def lost_plans(test: Test) -> list[Planned]:
    """The curves of one channel lost at a time."""
    channels = test.detector.card.channels
    made = []
    for line, reads in (("reads 0", 0.0), ("reads its mean", None)):
        levels: list[tuple[float, str, Variant]] = [(-1.0, "none lost", _untouched(test))]
        for index, name in enumerate(channels):
            change = partial(_lose, index=index, reads=reads)
            key = _key(LOST, f"{name}_{'mean' if reads is None else 'zero'}")
            levels.append(
                (
                    float(index),
                    f"{name} {CHANNELS[name].title}",
                    Variant(key, partial(_pieces, test, change, 0.0), len(test.patches)),
                )
            )
        made.append(
            Planned(
                LOST,
                line,
                "Lost channels",
                "F1 when this channel is lost",
                "One channel at a time reads 0 everywhere, as a dead detector line does, or its mean in each patch.",
                -1.0,
                best_units(test.patches.entries),
                tuple(levels),
            )
        )
    return made


def _lose(values: Any, mask: Any, *_: object, index: int, reads: float | None) -> tuple[Any, Any]:
    observed = np.isfinite(values).all(axis=0)
    mean = float(values[index][observed].mean()) if observed.any() else 0.0
    made = light.without_channel(values, index, reads=mean if reads is None else reads)
    return np.where(observed, made, np.float32(np.nan)).astype(np.float32), mask


def size_plan(test: Test, ground: Ground, joiner: Joiner) -> Planned:
    """The curve of how much ground the network sees at once."""
    multiple = test.detector.card.size_multiple
    sizes = [
        size for size in SIZES_PX if size <= ground.side_px and ground.side_px % size == 0 and size % multiple == 0
    ]
    levels = tuple(
        (
            float(size),
            "",
            Variant(
                _key(SIZE, size),
                partial(_windows, joiner, ground, size),
                len(ground.blocks) * (ground.side_px // size) ** 2,
                tile_px=size,
            ),
        )
        for size in sizes
    )
    own = float(test.detector.card.tile_px)
    text = (
        f"How much ground the network sees at once, on the same {ground} at every size. "
        "Larger patches are joined from neighbours, smaller ones cut; nothing is blended."
    )
    axis = "side of what the network sees (pixels)"
    return Planned(SIZE, "", "Patch size", axis, text, own, ground.units, levels)


def _windows(joiner: Joiner, ground: Ground, size: int) -> Iterator[Piece]:
    for number, values, mask in joiner:
        for row in range(0, ground.side_px, size):
            for col in range(0, ground.side_px, size):
                here = slice(row, row + size), slice(col, col + size)
                yield Piece(number, np.ascontiguousarray(values[:, *here]), np.ascontiguousarray(mask[here]))


def sampling_plans(test: Test, ground: Ground, joiner: Joiner) -> list[Planned]:
    """The curves of coarser and finer pixels, as they are and brought back to the detector's own."""
    own = test.detector.card.pixel_size_m
    axis = "ground sampling (m)"
    made = []
    for line, back in (("as it is", False), (f"brought back to {own:g} m", True)):
        levels = []
        for sampling in SAMPLINGS_M:
            if back and sampling <= own:
                continue
            name = "native" if sampling == own else f"{sampling:g}m{'_back' if back else ''}"
            variant = Variant(_key(SAMPLING, name), partial(_sampled, joiner, sampling / own, back), len(ground.blocks))
            levels.append((sampling, "", variant))
        text = (
            f"The image made coarser by means over the area of a pixel (finer: interpolated), on {ground}. "
            "As it is: mapped and scored in these pixels. "
            f"Brought back: interpolated to {own:g} m before mapping, scored against the truth at {own:g} m."
        )
        made.append(Planned(SAMPLING, line, "Ground sampling", axis, text, own, ground.units, tuple(levels)))
    return made


def _sampled(joiner: Joiner, factor: float, back: bool) -> Iterator[Piece]:
    for number, values, mask in joiner:
        height, width = mask.shape
        if factor == 1:
            yield Piece(number, values, mask)
        elif factor < 1:
            larger = round(height / factor), round(width / factor)
            yield Piece(number, geometry.finer(values, *larger), geometry.nearest(mask, *larger))
        else:
            coarse, truth = geometry.coarser(values, mask, factor)
            if back:
                rows, cols = (
                    min(size, round(part * factor)) for size, part in zip(mask.shape, truth.shape, strict=True)
                )
                coarse, truth = geometry.finer(coarse, rows, cols), mask[:rows, :cols]
            yield Piece(number, coarse, truth)
