"""All three tables for one detector: every part is optional, and each reports what it measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landslip.datasets.formats import open_patches
from landslip.datasets.splits import Part
from landslip.detector.detector import Detector
from landslip.errors import SettingsError
from landslip.evaluation.generalisation.quiet_ground import CONVERSIONS, QuietScore, count_false_alarms
from landslip.evaluation.generalisation.real_scenes import PairScore, TrackScore, map_whole, score_pair, score_track
from landslip.evaluation.generalisation.regions import RegionScore, score_region
from landslip.files.progress import Progress, no_progress
from landslip.inference.engine import DEFAULT_OPTIONS, InferenceOptions
from landslip.scenes.scene import Scene


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What detectors are judged on; what is not given is left out of the result."""

    patches: Path | None = None
    """Folder of labelled patches."""
    regions: tuple[Part, ...] = ()
    """Regions of the patches, scored one by one; each scene of the set where empty."""
    quiet: Path | None = None
    """Folder of chips without landslides."""
    chips_per_class: int = 150
    before: Scene | None = None
    after: Scene | None = None
    windows: Path | None = None
    """Polygons inside which ``reference`` is complete, in the image after."""
    reference: Path | None = None
    track_scene: Scene | None = None
    track: Path | None = None
    """Outline of a long landslide in ``track_scene``."""

    def __post_init__(self) -> None:
        pairs = {
            ("before", "after"): (self.before, self.after),
            ("windows", "reference"): (self.windows, self.reference),
            ("track_scene", "track"): (self.track_scene, self.track),
        }
        for names, values in pairs.items():
            missing = [name for name, value in zip(names, values, strict=True) if value is None]
            if len(missing) == 1:
                raise SettingsError(
                    f"{' and '.join(names)} belong together: give {missing[0]} too", parameter=missing[0]
                )
        if self.windows is not None and self.after is None:
            raise SettingsError("windows lie in the image after: give before and after too", parameter="after")
        if self.patches is None and self.quiet is None and self.before is None and self.track is None:
            raise SettingsError(
                "there is nothing to judge on: give patches, quiet ground, a pair of scenes or a track",
                parameter="patches",
            )


@dataclass(frozen=True, slots=True)
class Judgement:
    """The tables of one detector."""

    detector: str
    trained_on: str
    threshold: float
    regions: tuple[RegionScore, ...]
    quiet: tuple[QuietScore, ...]
    """With each conversion to DN."""
    pair: PairScore | None
    track: TrackScore | None

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return {
            "detector": self.detector,
            "trained_on": self.trained_on,
            "threshold": self.threshold,
            "regions": [one.as_dict() for one in self.regions],
            "quiet_ground": [one.as_dict() for one in self.quiet],
            "pair": None if self.pair is None else self.pair.as_dict(),
            "track": None if self.track is None else self.track.as_dict(),
        }


def judge(
    detector: Detector,
    ground: Ground,
    *,
    options: InferenceOptions = DEFAULT_OPTIONS,
    progress: Progress = no_progress,
) -> Judgement:
    """Judge a detector on regions, quiet ground and real scenes.

    Args:
        detector: to judge.
        ground: what it is judged on.
        options: engine, precision and threads.
        progress: told of patches, chips and scenes.

    Raises:
        LandslipError: data cannot be read, or the detector needs other channels.

    Example:
        >>> ground = Ground(patches=Path("examples/l4s-rgb-kept-apart"), regions=(Part(scenes=("C",)),))
        >>> judge(Detector.open("s2-rgb"), ground).regions[0].patches
        7
    """
    regions: tuple[RegionScore, ...] = ()
    if ground.patches is not None:
        patches = open_patches(ground.patches)
        wanted: Sequence[Part] = ground.regions or [
            Part(scenes=(scene,)) for scene in sorted({entry.scene for entry in patches.entries})
        ]
        regions = tuple(score_region(detector, patches, one, options=options, progress=progress) for one in wanted)
    quiet: tuple[QuietScore, ...] = ()
    if ground.quiet is not None:
        quiet = tuple(
            count_false_alarms(
                detector, ground.quiet, one, per_class=ground.chips_per_class, options=options, progress=progress
            )
            for one in CONVERSIONS
        )
    pair = track = None
    total = 2 * (ground.before is not None) + (ground.track is not None)
    if ground.before is not None and ground.after is not None:
        progress("mapping scenes", 0, total)
        before = map_whole(detector, ground.before, options)
        progress("mapping scenes", 1, total)
        pair = score_pair(before, map_whole(detector, ground.after, options), ground.windows, ground.reference)
    if ground.track_scene is not None and ground.track is not None:
        progress("mapping scenes", total - 1, total)
        track = score_track(map_whole(detector, ground.track_scene, options), ground.track)
    card = detector.card
    return Judgement(card.name, card.trained_on, card.threshold, regions, quiet, pair, track)
