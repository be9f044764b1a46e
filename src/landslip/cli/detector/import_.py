"""``landslip detector import``: a detector of weights that others trained."""

import re
from pathlib import Path
from typing import Any

import click

from landslip.cli.progress import progress_bar


@click.command("import")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--network", required=True, metavar="NAME", help="Such as unet-resnet34, or architecture/encoder.")
@click.option(
    "--channels", required=True, metavar="NAMES",
    help="In the order of its training, with commas: B04,B03,B02; or l4s for the fourteen of Landslide4Sense.",
)  # fmt: skip
@click.option(
    "--inputs", required=True, type=click.Choice(["dn", "l4s"]),
    help="What it was fed: dn, degrees and metres; or the values of Landslide4Sense's files.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="The detector's file.  [default: NAME.onnx]")
@click.option("--name", help="The detector's name.  [default: that of FILE]")
@click.option("--threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="As its author gives it.")
@click.option("--classes", type=click.IntRange(1), default=1, show_default=True, help="More than 1 for a softmax.")
@click.option(
    "--landslide-class", type=click.IntRange(0), default=1, show_default=True, help="Which of several is landslide."
)
@click.option(
    "--raise", "raised", type=click.Choice(["logits", "probabilities"]), default="logits", show_default=True,
    help="What a SegFormer of transformers brings from a quarter of the resolution to the whole.",
)  # fmt: skip
@click.option("--leave-out", multiple=True, metavar="BEGINNING", help="Names in FILE that are no part of the network.")
@click.option("--trained-on", metavar="TEXT", help="For the card: what it was trained on.")
@click.option("--licence", metavar="TEXT", help="For the card: under what licence the weights are.")
@click.option("--attribution", multiple=True, metavar="TEXT", help="For the card: whose work it is.")
@click.option("--half-precision", is_flag=True, help="Store tensors in half precision: half the file, if parity holds.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_context
def command(
    context: click.Context,
    *,
    file: Path,
    network: str,
    channels: str,
    inputs: str,
    out: Path | None,
    name: str | None,
    threshold: float | None,
    classes: int,
    landslide_class: int,
    raised: str,
    leave_out: tuple[str, ...],
    trained_on: str | None,
    licence: str | None,
    attribution: tuple[str, ...],
    half_precision: bool,
    quiet: bool,
) -> None:
    """Make a detector of FILE: a state dict (.pth, .pt, .ckpt) or .safetensors. Needs the extra train.

    Tensors alone are read, no code is run. Every tensor is accounted for: what is missing, left over or of another
    shape is an error that names it.
    """
    from landslip.cli.detector.fetch import need_training, say
    from landslip.cli.detector.output import free_file, write_detector
    from landslip.errors import WeightsError

    if classes == 1 and context.get_parameter_source("landslide_class") is not click.core.ParameterSource.DEFAULT:
        raise click.UsageError("--landslide-class is for several classes: add --classes, or leave it out")
    need_training()
    from pydantic import ValidationError

    from landslip.training.pretrained.importing import import_detector
    from landslip.training.pretrained.segformer import ForeignRecipe

    known: dict[str, Any] = {
        "threshold": threshold,
        "threshold_chosen": "given by whoever imported it" if threshold is not None else None,
        "trained_on": trained_on,
        "licence": licence,
    }
    try:
        recipe = ForeignRecipe(
            name=name or re.sub(r"[^a-z0-9._-]+", "-", file.stem.lower()).strip("-._") or "foreign",
            network=network,
            channels=_channels(channels),
            inputs="l4s" if inputs == "l4s" else "dn",
            classes=classes,
            landslide_class=landslide_class,
            raised="probabilities" if raised == "probabilities" else "logits",
            leave_out=leave_out,
            attribution=attribution,
            half_precision_storage=half_precision,
            **{key: value for key, value in known.items() if value is not None},
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise WeightsError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}; correct what was given") from error
    path = free_file(out or Path(f"{recipe.name}.onnx"), "--out")
    with progress_bar(quiet=quiet) as progress:
        imported = import_detector(file, recipe, progress=progress)
        write_detector(imported.detector, path)
    say(imported, path)


def _channels(text: str) -> tuple[str, ...]:
    from landslip.channels import channels_named
    from landslip.datasets.l4s_values import L4S_CHANNELS

    return L4S_CHANNELS if text.strip().lower() == "l4s" else channels_named(text.split(","))
