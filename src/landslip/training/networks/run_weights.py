"""Weights of a training run (``weights.safetensors``): written, and loaded strictly into another network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from landslip.errors import RecipeError
from landslip.files.atomic import atomic_path
from landslip.training.networks.weights import describe_channels, find_stem, fit_stem

_CHANNELS: Final = "channels"
_NETWORK: Final = "network"


def save_weights(path: Path, tensors: dict[str, Tensor], *, network: str, channels: Sequence[str]) -> None:
    """Write a network's tensors atomically, with the names of the network and its channels."""
    about = {_NETWORK: network, _CHANNELS: ",".join(channels)}
    with atomic_path(path) as temporary:
        save_file({name: value.detach().contiguous() for name, value in tensors.items()}, temporary, metadata=about)


def load_run_weights(body: nn.Module, path: Path, network: str, channels: Sequence[str]) -> str:
    """Load the body of a network from a run's weights; return a description for the card.

    The run's normalisation is not loaded: its parameters belong to its own data.

    Raises:
        RecipeError: the file cannot be read, or belongs to another network.
    """
    tensors, about = read_weights(path)
    if about[_NETWORK] != network:
        raise RecipeError(
            f"{path} holds weights of {about[_NETWORK]}, the network of the recipe is {network}: use the same network",
            parameter="network.weights",
        )
    known = tuple(about[_CHANNELS].split(","))
    inside = {name.removeprefix("body."): value for name, value in tensors.items() if name.startswith("body.")}
    stem = find_stem(body, len(channels))
    if stem not in inside:
        raise RecipeError(
            f"{path} lacks the tensor body.{stem}: give the weights.safetensors of a run of {network}",
            parameter="network.weights",
        )
    if known != tuple(channels):
        inside[stem] = fit_stem(inside[stem], known, channels)
    wanted = {name: value.shape for name, value in body.state_dict().items()}
    wrong = [name for name in {**wanted, **inside} if name not in inside or inside[name].shape != wanted.get(name)]
    if wrong:
        raise RecipeError(
            f"{len(wrong)} tensors of {path} do not match the recipe's network, such as body.{wrong[0]}: "
            "use the same architecture, encoder and decoder_channels",
            parameter="network.weights",
        )
    body.load_state_dict(inside, strict=True)
    return describe_channels(f"weights of another run ({path.parent.name or path.name})", known, channels)


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors, and the names of their network and channels.

    Raises:
        RecipeError: the file cannot be read, or was not written by landslip.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 # no dict
    except (OSError, SafetensorError) as error:
        raise RecipeError(
            f"{path} cannot be read as weights ({error}): give a run's weights.safetensors", parameter="network.weights"
        ) from error
    if not {_CHANNELS, _NETWORK} <= set(about):
        raise RecipeError(
            f"{path} does not name its network and channels: give a run's weights.safetensors",
            parameter="network.weights",
        )
    return {
        name: value.to(torch.float32) if value.is_floating_point() else value for name, value in tensors.items()
    }, about
