"""``landslip detector adapt``: adapt batch-norm statistics to an unlabelled target scene."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.options import PATH, SceneReading, output_option, part_options, quiet_option, scene_options
from landslip.cli.output import check_new_detector, print_next, write_detector
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.datasets.splits import Part


@click.command("adapt")
@click.argument("detector_name", metavar="DETECTOR")
@click.argument("paths", nargs=-1, metavar="[SCENE]...", type=PATH)
@click.option(
    "--data", type=PATH, metavar="DATA", help="Patches to adapt to, instead of a scene; their labels are not used."
)
@part_options
@scene_options
@click.option(
    "--weight",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    metavar="W",
    help="Interpolation between source (0) and target (1) statistics.",
)
@output_option("The .onnx file to write.", metavar="FILE")
@click.option("--name", metavar="NAME", help="Name of the new detector; default: that of the file.")
@quiet_option
def command(
    detector_name: str,
    paths: tuple[Path, ...],
    data: Path | None,
    part: "Part",
    reading: SceneReading,
    weight: float,
    out: Path,
    name: str | None,
    quiet: bool,
) -> None:
    """Adapt batch-norm statistics to an unlabelled target scene (AdaBN).

    Corrects probabilities that are biased over a whole scene. Weights and threshold are unchanged. Effective for
    detectors with a fixed normalisation, of little effect for those that normalise each tile (docs/detectors.md).

    \b
    Example:
      landslip detector adapt s2-rgb SCENE.tif -o adapted.onnx
      landslip detector adapt s2-rgb --data PATCHES --scene B -o adapted.onnx
    """
    from landslip.datasets.formats import open_patches
    from landslip.detector.detector import Detector
    from landslip.errors import SettingsError
    from landslip.post_training.adaptation import adapt, images_of_patches, images_of_scene
    from landslip.scenes.rasters import open_scene

    if bool(paths) == (data is not None):
        raise SettingsError("give a target: either rasters of one SCENE or --data PATCHES")
    detector = Detector.open(detector_name)
    name = check_new_detector(out, name)
    if data is None:
        scene = open_scene(paths, **reading)
        target, images = f"scene {scene.name}", images_of_scene(detector, scene)
    else:
        target = f"{data.resolve().name}, {part}"
        images = images_of_patches(detector, open_patches(data).where(part.contains))
    with progress_line(quiet=quiet) as progress:
        adapted = adapt(detector, images, target, weight=weight, name=name, progress=progress)
    write_detector(adapted, out)
    click.echo(f"{out}  adapted to {len(images)} images of {target}; threshold {adapted.card.threshold:g}, unchanged")
    print_next("landslip", "map", *(paths or ("SCENE",)), "--detector", out, "-o", "map/")
