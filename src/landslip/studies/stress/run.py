"""What a stress test found: curves of F1 against what was done to the ground."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landslip.datasets.patch_set import PatchSet
from landslip.detector.detector import Detector
from landslip.errors import PatchesError
from landslip.inference.engine import Precision
from landslip.metrics.count_tables import FIGURES, Counts
from landslip.metrics.counts import DEFINITION
from landslip.metrics.intervals import CONFIDENCE, DRAWS, Units, resampled
from landslip.studies.perturbed_runs import Measured, Watch, entries_sha256, measure
from landslip.studies.stress.ground import Joiner, largest_ground
from landslip.studies.stress.plan import Planned, Test, lost_plans, plain_plan, sampling_plans, size_plan
from landslip.studies.stress.stresses import LOST, SAMPLING, SIZE, SIZES_PX, STRESSES, stresses_named


@dataclass(frozen=True, slots=True)
class Point:
    """One level of a stress."""

    level: float
    label: str
    """Name of the level where it is no number, as a channel; else empty."""
    f1: float
    low: float
    high: float
    """Of the bootstrap interval."""
    precision: float
    recall: float
    best_f1: float
    """At the threshold that would have been best there: what better calibration could bring back."""
    best_threshold: float
    landslide_px: int
    """Of the truth there."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A stress at all its levels."""

    stress: str
    line: str
    """Which of several ways, where there are several; else empty."""
    title: str
    axis: str
    text: str
    untouched: float | None
    """The level at which nothing is changed."""
    unit: str
    units: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class StressTest:
    """Everything that was found."""

    detector: str
    sha256: str
    threshold: float
    data: str
    patches: int
    seed: int
    curves: tuple[Curve, ...]
    left_out: tuple[str, ...]
    """What could not be tried, and why."""

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return asdict(self) | {"definition": DEFINITION, "confidence": CONFIDENCE, "draws": DRAWS}


def point(level: float, made: Measured, units: Units, *, label: str = "", seed: int = 0) -> Point:
    """The figures of one level."""
    low, high = _f1_interval(made.counts, units, seed)
    total = made.counts.sum(axis=0)
    f1, precision, recall = (float(FIGURES[name](total)) for name in ("f1", "precision", "recall"))
    landslide_px = int(total[0] + total[2])
    return Point(level, label, f1, low, high, precision, recall, made.best_f1, made.best_threshold, landslide_px)


def _f1_interval(counts: Counts, units: Units, seed: int) -> Sequence[float]:
    drawn = FIGURES["f1"](resampled(units.sums(counts), DRAWS, seed))
    ends: list[float] = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    return ends


def stress_test(
    detector: Detector,
    patches: PatchSet[Any],
    folder: Path,
    *,
    data: str = "",
    names: Sequence[str] = (),
    threshold: float | None = None,
    seed: int = 1,
    engine: str = "auto",
    precision: Precision = "float32",
    watch: Watch = lambda doing, done, total: None,
) -> StressTest:
    """Try a detector on ground that was changed in every way, or in some.

    Args:
        detector: to be tried.
        patches: whose truth is known.
        folder: what is finished is kept here, so that a run that was stopped goes on.
        data: name of the data, for the record.
        names: of the stresses; all where empty.
        threshold: between 0 and 1; the card's where None.
        seed: of noise and clouds.
        engine: as for a map.
        precision: as for a map.
        watch: told what is being done, how much of it is done and how much there is.

    Raises:
        SettingsError: there is no such stress, or the threshold is not between 0 and 1.
        PatchesError: there is no patch, or one is damaged.
        ChannelError: the patches lack a channel that the detector needs.
        OutputError: the folder belongs to another run, or cannot be written.
    """
    chosen = stresses_named(names)
    if not len(patches):
        raise PatchesError("no patch was left to try: choose scenes and rows that the set has")
    test = Test(detector, patches, seed)
    planned: list[Planned] = []
    left_out: list[str] = []
    blocks: list[Planned] = []
    if SIZE in chosen or SAMPLING in chosen:
        first = patches.read(patches.entries[0])
        ground = largest_ground(patches.entries, first.mask.shape[0])
        joiner = Joiner(detector, patches, ground)
        if SIZE in chosen:
            blocks.append(size_plan(test, ground, joiner))
            beyond = [f"{size} px" for size in SIZES_PX if size > ground.side_px]
            if beyond:
                left_out.append(f"patch size {', '.join(beyond)}: no block of so many known patches")
        if SAMPLING in chosen:
            blocks += sampling_plans(test, ground, joiner)
    planned += [plain_plan(test, STRESSES[name]) for name in chosen if name in STRESSES]
    if LOST in chosen:
        planned += lost_plans(test)
    asked = {"patches": entries_sha256(patches.entries), "data": data, "seed": seed, "test": "stress"}
    found: dict[str, Measured] = {}
    for group, kept in ((blocks, folder / "blocks"), (planned, folder / "patches")):
        variants = {variant.key: variant for one in group for _, _, variant in one.levels}
        if not variants:
            continue
        rows = len(group[0].units.labels)
        found |= measure(
            detector,
            tuple(variants.values()),
            rows,
            kept,
            asked=asked,
            threshold=threshold,
            engine=engine,
            precision=precision,
            watch=watch,
        )
    return StressTest(
        detector=detector.card.name,
        sha256=detector.sha256,
        threshold=detector.card.threshold if threshold is None else threshold,
        data=data,
        patches=len(patches),
        seed=seed,
        curves=tuple(_curve(one, found, seed) for one in (*blocks, *planned)),
        left_out=tuple(left_out),
    )


def _curve(planned: Planned, found: dict[str, Measured], seed: int) -> Curve:
    return Curve(
        planned.stress,
        planned.line,
        planned.title,
        planned.axis,
        planned.text,
        planned.untouched,
        planned.units.text,
        planned.units.count,
        tuple(
            point(level, found[variant.key], planned.units, label=label, seed=seed)
            for level, label, variant in planned.levels
        ),
    )
