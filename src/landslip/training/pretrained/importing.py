"""What must be told to make a detector of foreign weights: what the file itself does not say."""

from collections.abc import Callable
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
from landslip.inference.synthetic_inputs import synthetic_images
from landslip.training.assembly.export import check_mean_difference, check_parity, export_graph, store_half
from landslip.training.networks.build import SIZE_MULTIPLE, DetectorNetwork
from landslip.training.networks.normalise import TEXTS, NormalisationKind, Normalise
from landslip.training.pretrained.fitting import FittedBody, fit_checkpoint
from landslip.training.pretrained.reading import CheckpointFile, read_checkpoint
from landslip.training.pretrained.segformer import PretrainedRecipe, Inputs

_KINDS: Final[dict[Inputs, NormalisationKind]] = {"dn": "none", "l4s": "l4s"}
_CHECKED_ON: Final = 2
"""Images on which an export is compared with its network."""
_STEPS: Final = 4
# As Landslide4Sense has its patches, and as detectors trained on it here are run.
_TILE_PX: Final = 128
_OVERLAP_PX: Final = 32
_PIXEL_SIZE_M: Final = 10.0


@dataclass(frozen=True, slots=True)
class ImportedDetector:
    """A detector of foreign weights, and how it was made of them."""

    detector: Detector
    fitted: FittedBody
    difference: float
    """Largest difference in probability between the network and its export."""


def import_detector(
    path: Path,
    recipe: PretrainedRecipe,
    *,
    progress: Callable[[str, int, int], None] = lambda doing, done, total: None,
) -> ImportedDetector:
    """Make a detector of weights that others trained.

    Args:
        path: a state dict, alone or inside a checkpoint (.pth, .pt, .ckpt, .bin), or .safetensors.
        recipe: how to understand it.
        progress: told what is being done, how many steps are done, how many there are.

    Raises:
        WeightsError: the file cannot be read, or is not the network that it is said to be.
        RecipeError: there is no such network.
        RunError: the exported detector differs from its network.
    """
    _check_inputs(recipe)
    progress("importing", 0, _STEPS)
    file = read_checkpoint(path)
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
    difference = check_parity(network, detector, values)
    if recipe.half_precision_storage:
        whole, detector = detector, seal(store_half(model), detector.card)
        check_mean_difference(whole, detector, values, remedy="leave out --half-precision")
    progress("importing", _STEPS, _STEPS)
    return ImportedDetector(detector, fitted, difference)


def _check_inputs(recipe: PretrainedRecipe) -> None:
    unknown = [name for name in recipe.channels if name not in CHANNELS]
    if unknown:
        raise WeightsError(f"'{unknown[0]}' is not a channel: allowed are {', '.join(CHANNELS)}")
    without = [name for name in recipe.channels if CHANNELS[name].l4s_divisor is None]
    if recipe.inputs == "l4s" and without:
        raise WeightsError(
            f"{', '.join(without)} is no channel of Landslide4Sense, so that its values have no divisor: "
            "leave it out, or give  --inputs dn"
        )


def _card(file: CheckpointFile, recipe: PretrainedRecipe, fitted: FittedBody, normalise: Normalise) -> Card:
    kind = _KINDS[recipe.inputs]
    return Card(
        name=recipe.name,
        title=recipe.title or f"Foreign weights: {fitted.words} from {file.name}",
        architecture=str(fitted.words),
        channels=recipe.channels,
        normalisation=Normalisation(kind=kind, parameters=normalise.parameters_for_card(), description=TEXTS[kind]),
        tile_px=_TILE_PX,
        overlap_px=_OVERLAP_PX,
        size_multiple=SIZE_MULTIPLE,
        threshold=recipe.threshold,
        threshold_selection=recipe.threshold_selection,
        temperature=1.0,
        trained_on=f"{recipe.trained_on}; {_said_of(file, fitted)}",
        pixel_size_m=_PIXEL_SIZE_M,
        not_good_for=recipe.not_good_for,
        licence=recipe.licence,
        attribution=(*recipe.attribution, f"weights made by others, out of {file.name}, sha256 {file.sha256}"),
        recipe={"foreign": recipe.model_dump(mode="json") | _facts(file, fitted)},
        landslip_version=landslip.__version__,
        created=datetime.now(UTC).date(),
        graph_sha256="0" * 64,
    )


def _said_of(file: CheckpointFile, fitted: FittedBody) -> str:
    """What became of the file, in words."""
    parts = [f"{len(fitted.match.tensors)} tensors out of {file.name}"]
    if fitted.match.harmless:
        parts.append(f"left out as no part of the network: {', '.join(fitted.match.harmless)}")
    if file.beside:
        parts.append(f"not read: {', '.join(file.beside)}")
    if fitted.mixing:
        parts.append(f"its convolution '{fitted.mixing}' mixes the channels ahead of the network")
    return "; ".join(parts)


def _facts(file: CheckpointFile, fitted: FittedBody) -> dict[str, Any]:
    """What became of the file, for a program."""
    found = fitted.match
    return {
        "file": file.name,
        "file_sha256": file.sha256,
        "prefix": found.prefix,
        "tensors": len(found.tensors),
        "left_out": list(found.harmless),
        "not_read": list(file.beside),
        "step_counters_missing": found.counters,
        "mixing": fitted.mixing,
    }
