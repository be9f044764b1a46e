"""Runs a stress test: curves of F1 against the level of each degradation."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from landslip.datasets.patch_set import PatchSet
from landslip.detector.detector import Detector
from landslip.errors import PatchesError
from landslip.evaluation.predictions import resampling_units
from landslip.files.progress import Progress, no_progress
from landslip.inference.engine import DEFAULT_OPTIONS, InferenceOptions
from landslip.metrics.counts import DEFINITION
from landslip.metrics.intervals import CONFIDENCE, DRAWS, ResamplingUnits, intervals
from landslip.studies.perturbed_runs import VariantScore, hash_entries, score_variants
from landslip.studies.stress.blocks import BlockReader, find_largest_blocks
from landslip.studies.stress.plan import (
    PlannedCurve,
    Subject,
    plan_lost_channels,
    plan_patch_sizes,
    plan_samplings,
    plan_stress,
)
from landslip.studies.stress.stresses import LOST, SAMPLING, SIZE, SIZES_PX, STRESSES, select_stresses


@dataclass(frozen=True, slots=True)
class Point:
    """Scores at one level of a stress."""

    level: float
    label: str
    """Name of the level if it is not a number, such as a channel; else empty."""
    f1: float
    low: float | None
    """Lower end of the bootstrap interval of F1; None for too few resampling units."""
    high: float | None
    precision: float
    recall: float
    best_f1: float
    """F1 at the best threshold for this level: what recalibration could recover."""
    best_threshold: float
    landslide_px: int
    """Landslide pixels of the reference at this level."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A stress at all its levels."""

    stress: str
    line: str
    """Which of several curves of one stress; else empty."""
    title: str
    axis: str
    text: str
    unchanged: float | None
    """The level that changes nothing."""
    unit: str
    units: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class StressTest:
    """The result of a stress test."""

    detector: str
    sha256: str
    threshold: float
    data: str
    patches: int
    seed: int
    curves: tuple[Curve, ...]
    left_out: tuple[str, ...]
    """What could not be tested, and why."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return asdict(self) | {"definition": DEFINITION, "confidence": CONFIDENCE, "draws": DRAWS}


def stress_test(
    detector: Detector,
    patches: PatchSet[Any],
    folder: str | Path,
    *,
    data: str = "",
    names: Sequence[str] = (),
    threshold: float | None = None,
    seed: int = 1,
    options: InferenceOptions = DEFAULT_OPTIONS,
    progress: Progress = no_progress,
) -> StressTest:
    """Score a detector on degraded images: resolution, blur, noise, haze, clouds, lost channels and others.

    Args:
        detector: the detector to test.
        patches: labelled patches.
        folder: for intermediate results, so that an interrupted run resumes.
        data: name of the data, for the report.
        names: of stresses (``stresses.NAMES``); all of them if empty.
        threshold: between 0 and 1; the card's where None.
        seed: of noise and clouds.
        options: engine, precision and threads.
        progress: called with the number of images.

    Raises:
        SettingsError: a stress is unknown, or the threshold is not between 0 and 1.
        PatchesError: there are no patches, or one is damaged.
        ChannelError: the patches lack a channel that the detector needs.
        OutputError: the folder belongs to another run, or cannot be written.

    Example:
        >>> import landslip
        >>> result = stress_test(
        ...     landslip.Detector.open(), landslip.open_patches("DATA"), "stress/", names=["blur", "haze"]
        ... )  # doctest: +SKIP
        >>> {point.level: round(point.f1, 2) for point in result.curves[0].points}  # doctest: +SKIP
        {0.0: 0.71, 0.5: 0.7, 1.0: 0.66, 1.5: 0.58, 2.0: 0.49, 3.0: 0.31, 4.0: 0.2}
    """
    chosen, folder = select_stresses(names), Path(folder)
    if not len(patches):
        raise PatchesError("there are no patches to test: choose scenes and rows that the data set has")
    subject = Subject(detector, patches, resampling_units(patches.entries), seed)
    single, blocks, left_out = _plan(subject, chosen)
    settings = {"patches": hash_entries(patches.entries), "data": data, "seed": seed, "study": "stress"}
    scores: dict[str, VariantScore] = {}
    for curves, subfolder in ((blocks, folder / "blocks"), (single, folder / "patches")):
        variants = {variant.key: variant for one in curves for _, _, variant in one.levels}
        if variants:
            scores |= score_variants(
                detector,
                tuple(variants.values()),
                len(curves[0].units.labels),
                subfolder,
                settings=settings,
                threshold=threshold,
                options=options,
                progress=progress,
            )
    return StressTest(
        detector=detector.card.name,
        sha256=detector.sha256,
        threshold=detector.card.threshold if threshold is None else threshold,
        data=data,
        patches=len(patches),
        seed=seed,
        curves=tuple(_make_curve(one, scores, seed) for one in (*blocks, *single)),
        left_out=left_out,
    )


def _plan(subject: Subject, chosen: Sequence[str]) -> tuple[list[PlannedCurve], list[PlannedCurve], tuple[str, ...]]:
    """Plan curves over single patches and over blocks of patches; return also what cannot be tested."""
    blocks: list[PlannedCurve] = []
    left_out: tuple[str, ...] = ()
    patches = subject.patches
    if SIZE in chosen or SAMPLING in chosen:
        first = patches.read(patches.entries[0])
        block_set = find_largest_blocks(patches.entries, first.mask.shape[0])
        reader = BlockReader(subject.detector, patches, block_set)
        if SIZE in chosen:
            blocks.append(plan_patch_sizes(subject, block_set, reader))
            too_large = [f"{size} px" for size in SIZES_PX if size > block_set.side_px]
            if too_large:
                left_out = (f"patch size {', '.join(too_large)}: the data have no complete block of that size",)
        if SAMPLING in chosen:
            blocks += plan_samplings(subject, block_set, reader)
    single = [plan_stress(subject, STRESSES[name]) for name in chosen if name in STRESSES]
    if LOST in chosen:
        single += plan_lost_channels(subject)
    return single, blocks, left_out


def _make_curve(planned: PlannedCurve, scores: dict[str, VariantScore], seed: int) -> Curve:
    return Curve(
        planned.stress,
        planned.line,
        planned.title,
        planned.axis,
        planned.text,
        planned.unchanged,
        planned.units.text,
        planned.units.count,
        tuple(
            _make_point(level, label, scores[variant.key], planned.units, seed)
            for level, label, variant in planned.levels
        ),
    )


def _make_point(level: float, label: str, score: VariantScore, units: ResamplingUnits, seed: int) -> Point:
    found = intervals(score.counts, units, metrics=("f1", "precision", "recall"), seed=seed)
    f1, total = found["f1"], score.counts.sum(axis=0)
    low, high = f1.ends
    landslide_px = int(total[0] + total[2])
    return Point(
        level=level,
        label=label,
        f1=f1.value,
        low=low,
        high=high,
        precision=found["precision"].value,
        recall=found["recall"].value,
        best_f1=score.best_f1,
        best_threshold=score.best_threshold,
        landslide_px=landslide_px,
    )
