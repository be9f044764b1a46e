"""Reads the tensors out of a file that others made; nothing in it is run.

``.pth``, ``.pt``, ``.ckpt`` and ``.bin`` are torch archives: a pickle, of which ``weights_only=True`` admits tensors
and plain values alone. ``.safetensors`` holds nothing but tensors.
"""

import hashlib
import pickle
import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from landslip.errors import WeightsError

STATE_DICTS: Final = ("state_dict", "model_state_dict", "model", "network", "net", "weights")
"""Where a checkpoint keeps its tensors, the likeliest first."""
_NAMED: Final = 3
# What torch's own reader lets out where bytes are damaged or no archive at all.
_DAMAGED: Final = (
    RuntimeError, ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, struct.error, AssertionError
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """The tensors of a file, floats in float32, under the names that they have there."""

    name: str
    sha256: str
    tensors: Mapping[str, Tensor]
    beside: tuple[str, ...] = ()
    """What else the file holds, such as the state of an optimiser."""


def read_checkpoint(path: Path) -> CheckpointFile:
    """Read a state dict, alone or inside a checkpoint.

    Raises:
        WeightsError: the file cannot be read, holds more than tensors, or tensors that no network can use.
    """
    try:
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        loaded: Any = _safetensors(path) if path.suffix == ".safetensors" else _archive(path)
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read ({error.strerror or error}): give a .pth, .pt, .ckpt or .safetensors file"
        ) from error
    found, beside = _state_dict(loaded, path)
    return CheckpointFile(path.name, digest, {name: _usable(name, value, path) for name, value in found.items()}, beside)


def some(names: list[str] | tuple[str, ...]) -> str:
    """The first few of many names, and how many there are in all."""
    shown = ", ".join(names[:_NAMED])
    return f"{shown} (in all {len(names)})" if len(names) > _NAMED else shown


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 # no dict
    except SafetensorError as error:
        raise WeightsError(f"{path} is no safetensors file, or a damaged one ({error}): get it again") from error


def _archive(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            # TorchScript archives are warned of before they are refused.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} is no torch file, or holds more than tensors, which landslip does not run: ask its author for the "
            "state dict alone, torch.save(network.state_dict(), ...)"
        ) from error
    except _DAMAGED as error:
        raise WeightsError(
            f"{path} cannot be read as weights ({type(error).__name__}): it is damaged, or a whole program such as "
            "TorchScript; get it again, or ask its author for the state dict"
        ) from error


def _state_dict(loaded: Any, path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors of what was loaded, and the names of what is left beside them."""
    if not isinstance(loaded, Mapping):
        raise WeightsError(f"{path} holds a {type(loaded).__name__}, not a state dict: ask its author for one")
    here = {str(name): value for name, value in loaded.items() if isinstance(value, Tensor)}
    if here:
        return here, tuple(str(name) for name in loaded if str(name) not in here)
    inside = {
        str(name): value
        for name, value in loaded.items()
        if isinstance(value, Mapping) and any(isinstance(one, Tensor) for one in value.values())
    }
    chosen = next((name for name in (*STATE_DICTS, *inside) if name in inside), None)
    if chosen is None:
        raise WeightsError(
            f"{path} holds no tensors by name, only {some([str(name) for name in loaded]) or 'nothing'}: "
            "ask its author for a state dict"
        )
    tensors, others = _state_dict(inside[chosen], path)
    beside = (*(str(name) for name in loaded if str(name) != chosen), *(f"{chosen}.{name}" for name in others))
    return tensors, beside


def _usable(name: str, value: Tensor, path: Path) -> Tensor:
    """A dense tensor of real, finite numbers."""
    tensor = value.detach()
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
        raise WeightsError(
            f"{path}: the tensor '{name}' is sparse, quantised or complex: ask its author for plain float32 weights"
        )
    if not tensor.is_floating_point():
        return tensor
    if not bool(torch.isfinite(tensor).all()):
        raise WeightsError(f"{path}: the tensor '{name}' is not finite everywhere: the training broke, take another")
    return tensor.to(torch.float32)
