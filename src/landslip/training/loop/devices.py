"""In what numbers a network computes while it learns, in Lightning's words."""

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
    """What Lightning calls the precision of a recipe; ``auto`` takes bfloat16 where the device is quick in it."""
    if machine.precision != "auto":
        return _PLUGINS[machine.precision]
    return _PLUGINS["bfloat16" if _quick_in_bfloat16(machine.accelerator) else "float32"]


def _quick_in_bfloat16(accelerator: str) -> bool:
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if accelerator in ("auto", "cpu"):
        # Other CPUs compute it too, by way of float32, and lose time: only these have instructions for it.
        asked: Any = torch.cpu
        return bool(asked._is_avx512_bf16_supported() or asked._is_amx_tile_supported())
    return False


def is_first() -> bool:
    """Whether this process writes files and speaks; always, where there is only one."""
    return getattr(rank_zero_only, "rank", 0) == 0


def leave_to_first() -> None:
    """End every process but the first, once all have learned together: what follows is done once."""
    if not is_first():
        sys.exit(0)


def keep_depthwise_exact(network: nn.Module) -> None:
    """Let every depthwise convolution with zero padding compute in float32 on a CPU; names and weights stay."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and is_depthwise(module) and type(module).forward is nn.Conv2d.forward:
            module.forward = MethodType(_exact, module)  # type: ignore[method-assign]  # the class is torch's own


def is_depthwise(module: nn.Conv2d) -> bool:
    """Whether each channel has a filter of its own."""
    return module.groups == module.in_channels > 1 and module.padding_mode == "zeros"


def _exact(module: nn.Conv2d, values: Tensor) -> Tensor:
    if values.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return functional.conv2d(
            values, module.weight, module.bias, module.stride, module.padding, module.dilation, module.groups
        )
    with torch.autocast("cpu", enabled=False):
        return functional.conv2d(
            values.float(), module.weight, module.bias, module.stride, module.padding, module.dilation, module.groups
        )
