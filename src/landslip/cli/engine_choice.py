"""Choice of the engine for a large scene, by a trial on this machine (``inference/trial.py``)."""

from typing import TYPE_CHECKING, Final

import click

from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.detector.detector import Detector
    from landslip.mapping.job import MapSettings
    from landslip.scenes.scene import Scene

MIN_TILES: Final = 4000
"""From this number of tiles (about 37 million pixels at 128 px with 32 px overlap) a trial of two seconds pays."""


def choose_engine(settings: "MapSettings", detector: "Detector", scene: "Scene", *, quiet: bool) -> "MapSettings":
    """Return the settings of a map with the fastest engine, where they say ``auto`` and the scene is large.

    Smaller scenes always run on the first engine of the list, whatever was measured before.

    Raises:
        DetectorError: the int8 variant cannot be read.
    """
    from landslip.inference.trial import FILE, cache_folder, find_fastest

    step = detector.card.tile_px - detector.card.overlap_px
    if settings.engine != "auto" or scene.height * scene.width < MIN_TILES * step * step:
        return settings
    with progress_line(quiet=quiet) as progress:
        trial = find_fastest(detector, settings.precision, settings.threads, progress=progress)
    if trial is None:
        return settings
    if not quiet:
        how = "remembered" if trial.remembered else "trial of two seconds"
        click.echo(f"engine: {trial.choice.text} ({how}, {cache_folder() / FILE})", err=True)
    return settings.model_copy(update={"engine": trial.choice.engine})
