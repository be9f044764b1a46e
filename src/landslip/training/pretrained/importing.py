"""Imports pretrained weights of other projects as a detector."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import torch

import landslip
from landslip.channels import CHANNELS
from landslip.detector.card import Card, Normalisation
from landslip.detector.detector import Detector, seal
from landslip.errors import WeightsError
from landslip.files.progress import Progress, no_progress
from landslip.inference.synthetic_inputs import synthetic_images
from landslip.training.assembly.export import check_mean_difference, check_parity, export_graph, store_half
from landslip.training.networks.build import SIZE_MULTIPLE, DetectorNetwork
from landslip.training.networks.normalise import TEXTS, NormalisationKind, Normalise
from landslip.training.pretrained.fitting import FittedBody, fit_checkpoint
from landslip.training.pretrained.reading import CheckpointFile, read_checkpoint
from landslip.training.pretrained.segformer import Inputs, PretrainedRecipe

_KINDS: Final[dict[Inputs, NormalisationKind]] = {"dn": "none", "l4s": "l4s"}
_CHECKED_ON: Final = 2
"""Number of images on which the export is compared with the network."""
_STEPS: Final = 4
# As patches of Landslide4Sense.
_TILE_PX: Final = 128
_OVERLAP_PX: Final = 32
_PIXEL_SIZE_M: Final = 10.0


@dataclass(frozen=True, slots=True)
class ImportedDetector:
    """A detector from pretrained weights, and how they were loaded."""

    detector: Detector
    fitted: FittedBody
    difference: float
    """Largest difference in probability between network and export; see ``check_parity``."""


def import_detector(
    path: str | Path,
    recipe: PretrainedRecipe,
    *,
    progress: Progress = no_progress,
) -> ImportedDetector:
    """Make a detector from pretrained weights of another project.

    Args:
        path: a state dict, alone or inside a checkpoint (.pth, .pt, .ckpt, .bin), or .safetensors.
        recipe: network, channels and inputs of the weights.
        progress: called with the number of steps.

    Raises:
        WeightsError: the file cannot be read, or does not match the network.
        RecipeError: the network is unknown.
        RunError: the exported detector differs from its network.

    Example:
        >>> recipe = PretrainedRecipe(
        ...     name="mine", network="unet-resnet34", channels=("B04", "B03", "B02"), inputs="dn"
        ... )
        >>> imported = import_detector("best.pth", recipe)  # doctest: +SKIP
        >>> imported.detector.save("mine.onnx")  # doctest: +SKIP
    """
    _check_channels(recipe)
    progress("importing", 0, _STEPS)
    file = read_checkpoint(Path(path))
    progress("importing", 1, _STEPS)
    fitted = fit_checkpoint(file, recipe)
    progress("importing", 2, _STEPS)
    ones = torch.ones(len(recipe.channels))
    normalise = Normalise(_KINDS[recipe.inputs], ones, ones, recipe.channels)
    network = DetectorNetwork(normalise, fitted.body).eval()
    model = export_graph(network, 1.0, len(recipe.channels))
    progress("importing", 3, _STEPS)
    detector = seal(model, _card(file, recipe, fitted, normalise))
    values = synthetic_images(recipe.channels, _CHECKED_ON, _TILE_PX, _TILE_PX)
    parity = check_parity(network, detector, values)
    if recipe.half_precision_storage:
        whole, detector = detector, seal(store_half(model), detector.card)
        remedy = "set half_precision_storage to false"
        check_mean_difference(whole, detector, values, remedy=remedy, rounding=parity.rounding)
    progress("importing", _STEPS, _STEPS)
    return ImportedDetector(detector, fitted, parity.difference)


def _check_channels(recipe: PretrainedRecipe) -> None:
    unknown = [name for name in recipe.channels if name not in CHANNELS]
    if unknown:
        raise WeightsError(f"unknown channel '{unknown[0]}': allowed are {', '.join(CHANNELS)}", parameter="channels")
    without = [name for name in recipe.channels if CHANNELS[name].l4s_divisor is None]
    if recipe.inputs == "l4s" and without:
        raise WeightsError(
            f"inputs l4s needs channels of Landslide4Sense, got {', '.join(without)}: leave it out, or use inputs dn",
            parameter="inputs",
        )


def _card(file: CheckpointFile, recipe: PretrainedRecipe, fitted: FittedBody, normalise: Normalise) -> Card:
    kind = _KINDS[recipe.inputs]
    return Card(
        name=recipe.name,
        title=recipe.title or f"Pretrained weights: {fitted.name} from {file.name}",
        architecture=str(fitted.name),
        channels=recipe.channels,
        normalisation=Normalisation(kind=kind, parameters=normalise.parameters_for_card(), description=TEXTS[kind]),
        tile_px=_TILE_PX,
        overlap_px=_OVERLAP_PX,
        size_multiple=SIZE_MULTIPLE,
        threshold=recipe.threshold,
        threshold_selection=recipe.threshold_selection,
        temperature=1.0,
        trained_on=f"{recipe.trained_on}; {_describe_source(file, fitted)}",
        pixel_size_m=_PIXEL_SIZE_M,
        not_good_for=recipe.not_good_for,
        licence=recipe.licence,
        attribution=(*recipe.attribution, f"pretrained weights from {file.name}, sha256 {file.sha256}"),
        recipe={"pretrained": recipe.model_dump(mode="json") | _source_facts(file, fitted)},
        landslip_version=landslip.__version__,
        created=datetime.now(UTC).date(),
        graph_sha256="0" * 64,
    )


def _describe_source(file: CheckpointFile, fitted: FittedBody) -> str:
    """Describe for the card what was read from the file."""
    parts = [f"{len(fitted.match.tensors)} tensors of {file.name}"]
    if fitted.match.ignored:
        parts.append(f"ignored as not part of the network: {', '.join(fitted.match.ignored)}")
    if file.not_read:
        parts.append(f"not read: {', '.join(file.not_read)}")
    if fitted.channel_mixing:
        parts.append(f"its convolution '{fitted.channel_mixing}' mixes the channels before the network")
    return "; ".join(parts)


def _source_facts(file: CheckpointFile, fitted: FittedBody) -> dict[str, Any]:
    """Return what was read from the file, for the recipe of the card."""
    found = fitted.match
    return {
        "file": file.name,
        "file_sha256": file.sha256,
        "prefix": found.prefix,
        "tensors": len(found.tensors),
        "ignored": list(found.ignored),
        "not_read": list(file.not_read),
        "step_counters_missing": found.counters,
        "channel_mixing": fitted.channel_mixing,
    }
