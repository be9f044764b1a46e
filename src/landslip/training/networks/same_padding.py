"""Convolutions with TensorFlow's padding ``SAME``, with padding that does not depend on the size of the image.

timm computes the padding of ``Conv2dSame`` from height and width. In an export with free height and width every layer
then adds to a formula of the size, so that tracing EfficientNet-Lite2 takes minutes. Where the input is a multiple of
the stride, which a network that takes multiples of 32 has in each of its layers, the padding is a constant.
"""

import copy
from typing import TypeVar

from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn
from torch.nn import functional

N = TypeVar("N", bound=nn.Module)


class ConstantSameConv2d(nn.Module):
    """A convolution padded as ``SAME`` pads an input whose height and width are multiples of the stride.

    Example:
        >>> import torch
        >>> same = Conv2dSame(3, 8, kernel_size=3, stride=2)
        >>> values = torch.rand(1, 3, 64, 96)
        >>> torch.equal(ConstantSameConv2d(same)(values), same(values))
        True
    """

    def __init__(self, convolution: Conv2dSame) -> None:
        super().__init__()
        # The names of the tensors stay those of the convolution.
        self.weight, self.bias = convolution.weight, convolution.bias
        self.stride, self.dilation, self.groups = convolution.stride, convolution.dilation, convolution.groups
        sizes = zip(convolution.kernel_size, convolution.stride, convolution.dilation, strict=True)
        (above, below), (left, right) = (_split(dilation * (size - 1) + 1 - stride) for size, stride, dilation in sizes)
        self.padding = [left, right, above, below]

    def forward(self, values: Tensor) -> Tensor:
        """Return (N, C', H / stride, W / stride) for values (N, C, H, W)."""
        padded = functional.pad(values, self.padding)
        return functional.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


def _split(total: int) -> tuple[int, int]:
    """Divide padding between the two sides; an odd pixel goes to the end, as in TensorFlow."""
    total = max(total, 0)
    return total // 2, total - total // 2


def with_constant_padding(network: N) -> N:
    """Return a copy of a network in which the padding of every ``Conv2dSame`` is constant.

    Example:
        >>> with_constant_padding(nn.Sequential(Conv2dSame(3, 8, kernel_size=5)))[0].padding
        [2, 2, 2, 2]
    """
    copied = copy.deepcopy(network)
    for parent in copied.modules():
        for name, child in parent.named_children():
            if isinstance(child, Conv2dSame):
                setattr(parent, name, ConstantSameConv2d(child))
    return copied
