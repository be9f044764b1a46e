"""What ``import`` and ``fetch`` share: what they need, and what they say at the end."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from landslip.training.pretrained.importing import Imported


def need_training() -> None:
    """Say which extra is missing, where one is.

    Raises:
        MissingExtraError: it is.
    """
    from landslip.errors import require_extra

    require_extra("torch", "train")
    from landslip.training.torchvision_operators import declare_missing_operators

    declare_missing_operators()
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
