"""``landslip detector import``: convert trained weights of others to a detector."""

import re
from pathlib import Path

import click

from landslip.cli.options import PATH, build_settings, quiet_option
from landslip.cli.output import check_new_file, write_detector
from landslip.cli.progress import progress_line


@click.command("import")
@click.argument("file", metavar="FILE", type=PATH)
@click.option("--network", required=True, metavar="NAME", help="Such as unet-resnet34, or architecture/encoder.")
@click.option(
    "--channels",
    required=True,
    metavar="LIST",
    help="Channels in the order of training, e.g. B04,B03,B02; l4s for the 14 of Landslide4Sense.",
)
@click.option(
    "--inputs",
    required=True,
    type=click.Choice(["dn", "l4s"]),
    help="Units the network was trained on: dn (DN, degrees, metres), or l4s (values of Landslide4Sense files).",
)
@click.option("-o", "--output", "out", type=PATH, metavar="FILE", help="The .onnx file to write; default: NAME.onnx.")
@click.option("--name", metavar="NAME", help="Name of the detector; default: that of FILE.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="P",
    help="Decision threshold published with the weights; default: 0.5.",
)
@click.option(
    "--classes", type=click.IntRange(1), default=1, metavar="N", help="Number of classes; more than 1 for a softmax."
)
@click.option(
    "--landslide-class",
    type=click.IntRange(0),
    default=1,
    metavar="N",
    help="Index of landslide among several classes.",
)
@click.option(
    "--upsample",
    "upsampling",
    type=click.Choice(["logits", "probabilities"]),
    default="logits",
    help="What a SegFormer of transformers upsamples to the full resolution.",
)
@click.option("--leave-out", multiple=True, metavar="PREFIX", help="Ignore tensors of this prefix; may be repeated.")
@click.option("--trained-on", metavar="TEXT", help="For the card: training data.")
@click.option("--licence", metavar="TEXT", help="For the card: licence of the weights.")
@click.option("--attribution", multiple=True, metavar="TEXT", help="For the card: authors; may be repeated.")
@click.option("--half-precision", is_flag=True, help="Store tensors as float16: half the size; output is compared.")
@quiet_option
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
    upsampling: str,
    leave_out: tuple[str, ...],
    trained_on: str | None,
    licence: str | None,
    attribution: tuple[str, ...],
    half_precision: bool,
    quiet: bool,
) -> None:
    """Convert FILE, a state dict (.pth, .pt, .ckpt) or .safetensors, to a detector.

    Only tensors are read; no code in the file is run. Missing, unexpected or misshapen tensors are errors. Needs the
    extra train: pip install 'landslip[train]'.

    \b
    Example:
      landslip detector import best.pth --network unet-resnet34 --channels B04,B03,B02 --inputs dn
    """
    from landslip.cli.detector.fetch import print_imported, require_training

    if classes == 1 and context.get_parameter_source("landslide_class") is not click.core.ParameterSource.DEFAULT:
        raise click.UsageError("--landslide-class applies to several classes: add --classes, or leave it out")
    require_training()
    from landslip.training.pretrained.importing import import_detector
    from landslip.training.pretrained.segformer import PretrainedRecipe

    known = {
        "threshold": threshold,
        "threshold_selection": "given at import" if threshold is not None else None,
        "trained_on": trained_on,
        "licence": licence,
    }
    recipe = build_settings(
        PretrainedRecipe,
        name=name or re.sub(r"[^a-z0-9._-]+", "-", file.stem.lower()).strip("-._") or "imported",
        network=network,
        channels=_channels(channels),
        inputs=inputs,
        classes=classes,
        landslide_class=landslide_class,
        upsampling=upsampling,
        leave_out=leave_out,
        attribution=attribution,
        half_precision_storage=half_precision,
        **{key: value for key, value in known.items() if value is not None},
    )
    path = check_new_file(out or Path(f"{recipe.name}.onnx"))
    with progress_line(quiet=quiet) as progress:
        imported = import_detector(file, recipe, progress=progress)
        write_detector(imported.detector, path)
    print_imported(imported, path)


def _channels(text: str) -> tuple[str, ...]:
    from landslip.channels import find_channels
    from landslip.datasets.l4s_values import L4S_CHANNELS

    return L4S_CHANNELS if text.strip().lower() == "l4s" else find_channels(text.split(","))
