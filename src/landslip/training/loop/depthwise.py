"""Keeps depthwise convolutions in float32 where the rest computes in bfloat16 on a CPU.

oneDNN's backward pass of a depthwise convolution is up to eight times slower in bfloat16 than in float32, and these
layers do a few percent of the arithmetic: in float32 a whole training step of an EfficientNet-Lite takes two thirds of
the time (benchmarks/training.py).
"""

from types import MethodType

import torch
from torch import Tensor, nn
from torch.nn import functional


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
