"""``landslip detector fetch``: download published weights and convert them to a detector."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.options import PATH, quiet_option
from landslip.cli.output import check_new_file, print_next, write_detector
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.training.pretrained.importing import ImportedDetector


@click.command("fetch")
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--list", "as_list", is_flag=True, help="List the published weights, and exit.")
@click.option("-o", "--output", "out", type=PATH, metavar="FILE", help="The .onnx file to write; default: NAME.onnx.")
@click.option("--half-precision", is_flag=True, help="Store tensors as float16: half the size; output is compared.")
@click.option("--base-url", metavar="URL", help="Mirror of the Hugging Face hub.")
@quiet_option
def command(
    name: str | None, as_list: bool, out: Path | None, half_precision: bool, base_url: str | None, quiet: bool
) -> None:
    """Download published weights, such as deepslide/resnet34, and convert them to a detector.

    Checksums are verified. Needs the extra train: pip install 'landslip[train]'.

    \b
    Example:
      landslip detector fetch --list
      landslip detector fetch deepslide/resnet34
    """
    if as_list:
        _list()
        return
    if name is None:
        raise click.UsageError("give the NAME of published weights; --list shows them")
    require_training()
    from landslip.errors import RunError
    from landslip.files.download import HUB
    from landslip.training.pretrained.importing import import_detector
    from landslip.training.pretrained.published import fetch_published, manual_download, published_recipe

    recipe = published_recipe(name).model_copy(update={"half_precision_storage": half_precision})
    path = check_new_file(out or Path(f"{recipe.name}.onnx"))
    with progress_line(quiet=quiet) as progress:
        try:
            file = fetch_published(name, base_url=base_url or HUB, progress=progress)
        except RunError as error:
            raise RunError(f"{error}. {manual_download(name)}") from error
        imported = import_detector(file, recipe, progress=progress)
        write_detector(imported.detector, path)
    print_imported(imported, path)


def require_training() -> None:
    """Check that the extra ``train`` is installed.

    Raises:
        MissingExtraError: it is not.
    """
    from landslip.errors import require_extra

    for module in ("torch", "segmentation_models_pytorch", "onnxscript", "safetensors"):
        require_extra(module, "train")


def print_imported(imported: "ImportedDetector", path: Path) -> None:
    """Print what was imported from a file of weights, and the next commands."""
    card, found = imported.detector.card, imported.fitted.match
    click.echo(f"{path}  {card.architecture}, {len(card.channels)} channels, {imported.detector.size_mb:.1f} MB")
    prefix = f" with prefix '{found.prefix}'" if found.prefix else ""
    click.echo(
        f"{len(found.tensors)} tensors{prefix}; output equal to the PyTorch network's within {imported.difference:.1g}"
    )
    for name in found.ignored:
        click.echo(f"ignored: {name}")
    click.echo(f"threshold {card.threshold:g}: {card.threshold_selection}")
    print_next("landslip", "detector", "show", path)


def _list() -> None:
    from landslip.training.pretrained.published import DEEPSLIDE, REPOSITORY, SOURCE

    click.echo(f"{'name':<30} {'file':<26} network")
    for name, published in DEEPSLIDE.items():
        click.echo(f"{f'{SOURCE}/{name}':<30} {published.file:<26} {published.network}")
    click.echo(f"\nSource: huggingface.co/{REPOSITORY} (arXiv 2507.01123); the 14 channels of Landslide4Sense.")
    print_next("landslip", "detector", "fetch", "NAME")
