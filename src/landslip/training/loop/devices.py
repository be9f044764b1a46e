"""Precision and processes of a run, as Lightning names them."""

import sys
from types import MethodType
from typing import Any, Final, Literal

import torch
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor, nn
from torch.nn import functional

from landslip.training.recipe.sections import MachineRecipe

Plugin = Literal["32-true", "bf16-mixed"]
_PLUGINS: Final[dict[str, Plugin]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}


def precision_for(machine: MachineRecipe) -> Plugin:
    """Return Lightning's name of the recipe's precision; ``auto`` is bfloat16 where the device supports it natively."""
    if machine.precision != "auto":
        return _PLUGINS[machine.precision]
    return _PLUGINS["bfloat16" if _supports_bfloat16(machine.accelerator) else "float32"]


def _supports_bfloat16(accelerator: str) -> bool:
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if accelerator in ("auto", "cpu"):
        # Other CPUs emulate it by way of float32, which is slower: only these have instructions for it.
        cpu: Any = torch.cpu
        return bool(cpu._is_avx512_bf16_supported() or cpu._is_amx_tile_supported())
    return False


def is_rank_zero() -> bool:
    """Whether this process writes files; always true with a single process."""
    return getattr(rank_zero_only, "rank", 0) == 0


def exit_other_ranks() -> None:
    """End every process but the first after distributed training: what follows is done once."""
    if not is_rank_zero():
        sys.exit(0)


def keep_depthwise_exact(network: nn.Module) -> None:
    """Compute depthwise convolutions with zero padding in float32 on a CPU; names and weights are unchanged."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and is_depthwise(module) and type(module).forward is nn.Conv2d.forward:
            module.forward = MethodType(_exact, module)  # type: ignore[method-assign]  # the class is torch's own


def is_depthwise(module: nn.Conv2d) -> bool:
    """Whether each channel has a filter of its own."""
    return module.groups == module.in_channels > 1 and module.padding_mode == "zeros"


def _exact(module: nn.Conv2d, values: Tensor) -> Tensor:
    def convolve(image: Tensor) -> Tensor:
        return functional.conv2d(
            image, module.weight, module.bias, module.stride, module.padding, module.dilation, module.groups
        )

    if values.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return convolve(values)
    with torch.autocast("cpu", enabled=False):
        return convolve(values.float())
