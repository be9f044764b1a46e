"""What ``import`` and ``fetch`` share: what they need, and what they say at the end."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.progress import progress_bar

if TYPE_CHECKING:
    from landslip.training.pretrained.importing import Imported


def need_training() -> None:
    """Say which extra is missing, where one is.

    Raises:
        MissingExtraError: it is.
    """
    from landslip.errors import require_extra

    require_extra("torch", "train")

    for module in ("segmentation_models_pytorch", "onnxscript", "safetensors"):
        require_extra(module, "train")


def say(imported: "Imported", path: Path) -> None:
    """Tell what was made of the foreign file, and what to do with it."""
    card, found = imported.detector.card, imported.fitted.match
    click.echo(
        f"{path}  {card.network}, {len(card.channels)} channels, {len(imported.detector.onnx_bytes) / 1e6:.1f} MB"
    )
    behind = f" behind '{found.prefix}'" if found.prefix else ""
    click.echo(
        f"{len(found.tensors)} tensors{behind}; its answers differ from its network's by {imported.difference:.1g}"
    )
    for name in found.harmless:
        click.echo(f"left out: {name}")
    click.echo(f"threshold {card.threshold:g}: {card.threshold_chosen}")
    click.echo(f"\nNext: {shlex.join(['landslip', 'detector', 'show', str(path)])}")
    click.echo(f"      {shlex.join(['landslip', 'map', 'SCENE', '--detector', str(path), '-o', 'DIR'])}")


@click.command("fetch")
@click.argument("name", metavar="NAME", required=False)
@click.option("--list", "as_list", is_flag=True, help="List what can be fetched, and leave.")
@click.option("--out", type=click.Path(path_type=Path), help="The detector's file.  [default: by its name, here]")
@click.option("--half-precision", is_flag=True, help="Store tensors in half precision: half the file, if parity holds.")
@click.option("--base-url", metavar="URL", help="Another server that answers as the hub does.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(
    name: str | None, as_list: bool, out: Path | None, half_precision: bool, base_url: str | None, quiet: bool
) -> None:
    """Download published weights, such as deepslide/resnet34, and make a detector of them. Needs the extra train.

    The download is verified by the hub's own checksum, and compared with what was seen the first time.
    """
    from landslip.cli.detector.fetch import need_training, say
    from landslip.cli.detector.output import free_file, write_detector

    if as_list:
        _list()
        return
    if name is None:
        raise click.UsageError("give the NAME of what to fetch; --list shows what there is")
    need_training()
    from landslip.training.pretrained.published import recipe_of

    recipe = recipe_of(name).model_copy(update={"half_precision_storage": half_precision})
    path = free_file(out or Path(f"{recipe.name}.onnx"), "--out")
    from landslip.errors import RunError
    from landslip.files.download import HUB
    from landslip.training.pretrained.importing import import_detector
    from landslip.training.pretrained.published import fetch_published, manual_download

    with progress_bar(quiet=quiet) as progress:
        try:
            file = fetch_published(name, base_url=base_url or HUB, progress=progress)
        except RunError as error:
            raise RunError(f"{error}; or {manual_download(name)}") from error
        imported = import_detector(file, recipe, progress=progress)
        write_detector(imported.detector, path)
    say(imported, path)


def _list() -> None:
    from landslip.training.pretrained.published import DEEPSLIDE, REPOSITORY, SOURCE

    click.echo(f"{'name':<30} {'file':<26} network")
    for name, published in DEEPSLIDE.items():
        click.echo(f"{f'{SOURCE}/{name}':<30} {published.file:<26} {published.network}")
    click.echo(
        f"\nFrom huggingface.co/{REPOSITORY}, by the author of arXiv 2507.01123: fourteen channels, Landslide4Sense."
    )
    click.echo("Next: landslip detector fetch NAME")
