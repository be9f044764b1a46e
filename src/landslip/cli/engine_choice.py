"""Choice of engine, settings and tile size for a large scene, by a trial on this machine (``inference/trial.py``)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import click

from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.detector.detector import Detector
    from landslip.inference.tile_trial import Sample
    from landslip.inference.trial import Trial
    from landslip.mapping.job import MapSettings
    from landslip.scenes.scene import Scene

MIN_TILES: Final = 4000
"""From this number of tiles (about 37 million pixels at 128 px with 32 px overlap) a trial of two seconds pays."""
_WINDOWS_PER_SIDE: Final = 3
_SAMPLES: Final = 4
_MIN_VALID: Final = 0.5


def choose_engine(settings: "MapSettings", detector: "Detector", scene: "Scene", *, quiet: bool) -> "MapSettings":
    """Return the settings of a map with the fastest engine, where they say ``auto`` and the scene is large.

    Smaller scenes always run on the first engine of the list, whatever was measured before. A tile size, an overlap,
    streams or a batch that are given are kept.

    Raises:
        DetectorError: the int8 variant cannot be read.
        EngineError: no engine can run the detector.
        SceneError: the scene cannot be read.
    """
    step = detector.card.tile_px - detector.card.overlap_px
    given = (settings.streams, settings.batch) != (None, None)
    if settings.engine != "auto" or given or scene.height * scene.width < MIN_TILES * step * step:
        return settings
    from landslip.inference.trial import find_fastest

    own_tiles = settings.tile_px is None and settings.overlap_px is None and scene.has(detector.card.channels)
    with progress_line(quiet=quiet) as progress:
        trial = find_fastest(
            detector,
            settings.precision,
            settings.threads,
            samples=lambda: _sample(scene, detector) if own_tiles else [],
            progress=progress,
        )
    if not quiet:
        for line in _lines(trial):
            click.echo(line, err=True)
    best = trial.choice.best
    changes = {"engine": best.engine, "streams": best.streams, "batch": best.batch}
    changes |= {"threads": best.threads or settings.threads}
    return settings.model_copy(update=changes | ({"tile_px": trial.choice.tile_px} if own_tiles else {}))


def _lines(trial: "Trial") -> Iterable[str]:
    """Yield the ranking and what was found about tiles, in lines."""
    from landslip.inference.remembered_choice import FILE, cache_folder

    how = "remembered" if trial.remembered else "trial of two seconds"
    yield f"engine: {trial.choice.text} ({how}, {cache_folder() / FILE})"
    for one in trial.choice.tiles or ():
        yield f"  {one.text}"


def _sample(scene: "Scene", detector: "Detector") -> "list[Sample]":
    """Read the parts of a scene on which tile sizes are compared: those with the most valid pixels of nine."""
    from landslip.grid.window import spread_windows
    from landslip.inference.tile_trial import SAMPLE_PX, Sample

    windows = spread_windows(scene.window, SAMPLE_PX, _WINDOWS_PER_SIDE)
    samples = [
        Sample(*scene.read(detector.card.channels, window)) for window in windows if window.shape == (SAMPLE_PX,) * 2
    ]
    ranked = sorted(samples, key=lambda one: -float(one.valid.mean()))
    return [one for one in ranked[:_SAMPLES] if one.valid.mean() >= _MIN_VALID]
