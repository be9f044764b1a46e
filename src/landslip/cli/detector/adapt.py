"""``landslip detector adapt``: set a detector to the light and ground of a place, without any truth."""

import shlex
from pathlib import Path

import click

from landslip.cli.detector.output import checked_name, write_detector
from landslip.cli.scene import scene_options


@click.command("adapt")
@click.argument("detector_name", metavar="NAME|FILE")
@click.argument("paths", nargs=-1, metavar="[SCENE]...", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="Patches in place of a scene; masks are not looked at.")
@click.option("--scene", "scenes", multiple=True, metavar="NAME", help="Of --data only this scene; may be given again.")
@click.option("--rows", metavar="FIRST-LAST", help="Of --data only these rows of patches, such as 50-57.")
@scene_options
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help="How far to go from what the layers knew to what the place is like.",
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The .onnx file to write.")
@click.option("--name", help="Name of the new detector.  [default: that of the file]")
@click.option("--quiet", is_flag=True, help="No progress bars.")
def command(
    detector_name: str,
    paths: tuple[Path, ...],
    data: Path | None,
    scenes: tuple[str, ...],
    rows: str | None,
    channels: tuple[str, ...] | None,
    scale: float | None,
    pixel_size_m: float | None,
    share: float,
    output: Path,
    name: str | None,
    quiet: bool,
) -> None:
    """Set a detector to the light and ground of SCENE, of which no landslide is known.

    In a new place probabilities are often too low, or too high, all over. This sets the layers of batch normalisation
    by images of the place (AdaBN); weights and threshold stay. It helps detectors that see values as they are, and
    hardly those that take every tile as its own measure: docs/detectors.md tells what was measured.
    """
    from landslip.datasets.formats import open_patches
    from landslip.datasets.splits import Part, rows_from_text
    from landslip.detector.detector import Detector
    from landslip.errors import SettingsError
    from landslip.post_training.adaptation import adapt, images_of_patches, images_of_scene
    from landslip.scenes.rasters import open_scene

    if bool(paths) == (data is not None):
        raise SettingsError("nothing to adapt to, or two things: give either rasters of one SCENE or --data PATCHES")
    detector = Detector.open(detector_name)
    name = checked_name(output, name)
    if data is None:
        scene = open_scene(paths, channels=channels, scale=scale, pixel_size_m=pixel_size_m)
        where, images = f"scene {scene.name}", images_of_scene(detector, scene)
    else:
        part = Part(scenes=scenes, rows=rows_from_text(rows) if rows else None)
        where = f"{data.resolve().name}, {part}"
        images = images_of_patches(detector, open_patches(data).where(part.holds))
    made = adapt(detector, images, where, share=share, name=name, progress=not quiet)
    write_detector(made, output)
    click.echo(f"{output}  adapted to {len(images)} images of {where}; threshold {made.card.threshold:g} as before")
    given = shlex.join(map(str, paths)) or "SCENE"
    click.echo(f"Next: landslip map {given} --detector {shlex.quote(str(output))} -o DIR")
