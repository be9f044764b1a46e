"""ONNX operators as PyTorch functions: those that landslip's own graphs use (ONNX operator specification, opset 18).

Axes, which that opset gives as an input, are an attribute in earlier ones: both are read.

Each takes the node's inputs (None where one is left out) and its attributes, and gives its one output.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import onnx
import torch
from torch import Tensor
from torch.nn import functional

from landslip.errors import EngineError

Inputs = Sequence[Tensor | None]
Attributes = Mapping[str, Any]
_TYPES: Final = MappingProxyType(
    {
        onnx.TensorProto.FLOAT: torch.float32,
        onnx.TensorProto.FLOAT16: torch.float16,
        onnx.TensorProto.INT64: torch.int64,
        onnx.TensorProto.BOOL: torch.bool,
    }
)


def _given(inputs: Inputs, index: int) -> Tensor:
    tensor = inputs[index]
    if tensor is None:
        raise EngineError("a graph leaves out an input that its operator needs: use --engine openvino")
    return tensor


def _numbers(inputs: Inputs, index: int) -> list[int] | None:
    tensor = inputs[index] if index < len(inputs) else None
    return None if tensor is None else [int(number) for number in tensor.flatten().tolist()]


def _axes(inputs: Inputs, attributes: Attributes) -> list[int] | None:
    axes = _numbers(inputs, 1)
    return list(attributes["axes"]) if axes is None and "axes" in attributes else axes


def _symmetric(attributes: Attributes) -> list[int]:
    pads = list(attributes.get("pads", [0, 0, 0, 0]))
    if pads[:2] != pads[2:] or attributes.get("auto_pad", b"NOTSET") != b"NOTSET":
        raise EngineError("the torch engine pads both sides alike: use --engine openvino for this detector")
    return pads[:2]


def _conv(inputs: Inputs, attributes: Attributes) -> Tensor:
    if attributes.get("auto_pad", b"NOTSET") != b"NOTSET":
        raise EngineError("the torch engine wants to be told how wide to pad: use --engine openvino for this detector")
    above, before, below, after = attributes.get("pads", [0, 0, 0, 0])
    image, even = _given(inputs, 0), (above, before) == (below, after)
    return functional.conv2d(
        image if even else functional.pad(image, (before, after, above, below)),
        _given(inputs, 1),
        inputs[2] if len(inputs) > 2 else None,
        stride=attributes.get("strides", [1, 1]),
        padding=(above, before) if even else 0,
        dilation=attributes.get("dilations", [1, 1]),
        groups=attributes.get("group", 1),
    )


def _conv_transpose(inputs: Inputs, attributes: Attributes) -> Tensor:
    if "output_shape" in attributes:
        raise EngineError("the torch engine wants to be told how wide to pad: use --engine openvino for this detector")
    return functional.conv_transpose2d(
        _given(inputs, 0),
        _given(inputs, 1),
        inputs[2] if len(inputs) > 2 else None,
        stride=attributes.get("strides", [1, 1]),
        padding=_symmetric(attributes),
        output_padding=attributes.get("output_padding", [0, 0]),
        groups=attributes.get("group", 1),
        dilation=attributes.get("dilations", [1, 1]),
    )


def _max_pool(inputs: Inputs, attributes: Attributes) -> Tensor:
    return functional.max_pool2d(
        _given(inputs, 0),
        attributes["kernel_shape"],
        stride=attributes.get("strides", [1, 1]),
        padding=_symmetric(attributes),
        ceil_mode=bool(attributes.get("ceil_mode", 0)),
    )


def _average_pool(inputs: Inputs, attributes: Attributes) -> Tensor:
    if attributes.get("dilations", [1, 1]) != [1, 1]:
        raise EngineError("the torch engine does not average with gaps: use --engine openvino for this detector")
    return functional.avg_pool2d(
        _given(inputs, 0),
        attributes["kernel_shape"],
        stride=attributes.get("strides", [1, 1]),
        padding=_symmetric(attributes),
        ceil_mode=bool(attributes.get("ceil_mode", 0)),
        count_include_pad=bool(attributes.get("count_include_pad", 0)),
    )


def _batch_norm(inputs: Inputs, attributes: Attributes) -> Tensor:
    image, scale, shift, mean, variance = (_given(inputs, index) for index in range(5))
    return functional.batch_norm(image, mean, variance, scale, shift, eps=attributes.get("epsilon", 1e-5))


def _clip(inputs: Inputs, attributes: Attributes) -> Tensor:
    low = inputs[1] if len(inputs) > 1 else None
    high = inputs[2] if len(inputs) > 2 else None
    return torch.clamp(_given(inputs, 0), low, high)


def _div(inputs: Inputs, attributes: Attributes) -> Tensor:
    above, below = _given(inputs, 0), _given(inputs, 1)
    # Whole numbers, such as the sides of images, stay whole: ONNX cuts off what is left over, towards zero.
    whole = not above.is_floating_point() and not below.is_floating_point()
    return torch.div(above, below, rounding_mode="trunc" if whole else None)


def _gather(inputs: Inputs, attributes: Attributes) -> Tensor:
    values, places = _given(inputs, 0), _given(inputs, 1).to(torch.int64)
    axis = attributes.get("axis", 0) % values.ndim
    # Places may count from the end.
    size = values.shape[axis]
    taken = values.index_select(axis, (places.flatten() % size).to(values.device))
    return taken.reshape([*values.shape[:axis], *places.shape, *values.shape[axis + 1 :]])


def _instance_norm(inputs: Inputs, attributes: Attributes) -> Tensor:
    image = _given(inputs, 0)
    # Each channel is a group of its own.
    return functional.group_norm(
        image, image.shape[1], _given(inputs, 1), _given(inputs, 2), eps=attributes.get("epsilon", 1e-5)
    )


def _layer_norm(inputs: Inputs, attributes: Attributes) -> Tensor:
    values, scale = _given(inputs, 0), _given(inputs, 1)
    shift = inputs[2] if len(inputs) > 2 else None
    shape = values.shape[attributes.get("axis", -1) :]
    return functional.layer_norm(values, shape, scale, shift, eps=attributes.get("epsilon", 1e-5))


def _reduce_mean(inputs: Inputs, attributes: Attributes) -> Tensor:
    image = _given(inputs, 0)
    axes = _axes(inputs, attributes) or list(range(image.ndim))
    return image.mean(dim=axes, keepdim=bool(attributes.get("keepdims", 1)))


def _reduce_sum(inputs: Inputs, attributes: Attributes) -> Tensor:
    image, axes = _given(inputs, 0), _axes(inputs, attributes)
    if not axes and attributes.get("noop_with_empty_axes", 0):
        return image
    return image.sum(dim=axes or list(range(image.ndim)), keepdim=bool(attributes.get("keepdims", 1)))


def _resize(inputs: Inputs, attributes: Attributes) -> Tensor:
    image, sizes = _given(inputs, 0), _numbers(inputs, 3)
    if sizes is None:
        scales = _given(inputs, 2).tolist()
        sizes = [int(size * scale) for size, scale in zip(image.shape, scales, strict=True)]
    how = (attributes.get("mode"), attributes.get("coordinate_transformation_mode"), attributes.get("nearest_mode"))
    if how == (b"nearest", b"asymmetric", b"floor"):
        return functional.interpolate(image, size=sizes[2:], mode="nearest")
    if how[:2] in ((b"linear", b"half_pixel"), (b"linear", b"pytorch_half_pixel")):
        return functional.interpolate(image, size=sizes[2:], mode="bilinear", align_corners=False)
    if how[:2] == (b"linear", b"align_corners"):
        return functional.interpolate(image, size=sizes[2:], mode="bilinear", align_corners=True)
    raise EngineError(f"the torch engine does not resize by {how[0]!r}, {how[1]!r}: use --engine openvino")


def _reshape(inputs: Inputs, attributes: Attributes) -> Tensor:
    image, shape = _given(inputs, 0), _numbers(inputs, 1) or []
    keep = not attributes.get("allowzero", 0)
    return image.reshape([image.shape[i] if size == 0 and keep else size for i, size in enumerate(shape)])


def _shape(inputs: Inputs, attributes: Attributes) -> Tensor:
    shape = list(_given(inputs, 0).shape)
    return torch.tensor(shape[attributes.get("start", 0) : attributes.get("end", len(shape))])


def _slice(inputs: Inputs, attributes: Attributes) -> Tensor:
    image = _given(inputs, 0)
    starts, ends = _numbers(inputs, 1) or [], _numbers(inputs, 2) or []
    axes, steps = _numbers(inputs, 3) or range(len(starts)), _numbers(inputs, 4) or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        # Whatever lies beyond the last pixel is cut by Python's slice as by ONNX; -1 backwards means past the first.
        low = None if step < 0 and end < -image.shape[axis] else end
        places = range(image.shape[axis])[slice(start, low, step)]
        image = image.index_select(axis, torch.tensor(list(places), device=image.device))
    return image


def _squeeze(inputs: Inputs, attributes: Attributes) -> Tensor:
    axes = _axes(inputs, attributes)
    return _given(inputs, 0).squeeze() if axes is None else _given(inputs, 0).squeeze(tuple(axes))


def _unsqueeze(inputs: Inputs, attributes: Attributes) -> Tensor:
    image = _given(inputs, 0)
    for axis in sorted(_axes(inputs, attributes) or []):
        image = image.unsqueeze(axis)
    return image


def _two(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Inputs, Attributes], Tensor]:
    return lambda inputs, _: function(_given(inputs, 0), _given(inputs, 1))


def _one(function: Callable[[Tensor], Tensor]) -> Callable[[Inputs, Attributes], Tensor]:
    return lambda inputs, _: function(_given(inputs, 0))


OPERATORS: Final[Mapping[str, Callable[[Inputs, Attributes], Tensor]]] = MappingProxyType(
    {
        "Add": _two(torch.add),
        "AveragePool": _average_pool,
        "BatchNormalization": _batch_norm,
        "Cast": lambda inputs, attributes: _given(inputs, 0).to(_TYPES[attributes["to"]]),
        "Clip": _clip,
        "Concat": lambda inputs, attributes: torch.cat(
            [_given(inputs, index) for index in range(len(inputs))], dim=attributes["axis"]
        ),
        "Conv": _conv,
        "ConvTranspose": _conv_transpose,
        "Div": _div,
        "Erf": _one(torch.erf),
        "Exp": _one(torch.exp),
        "Gather": _gather,
        "GlobalAveragePool": _one(lambda image: image.mean(dim=(2, 3), keepdim=True)),
        "Identity": _one(lambda image: image),
        "InstanceNormalization": _instance_norm,
        "LayerNormalization": _layer_norm,
        "Log": _one(torch.log),
        "MatMul": _two(torch.matmul),
        "MaxPool": _max_pool,
        "Mul": _two(torch.mul),
        "ReduceMean": _reduce_mean,
        "ReduceSum": _reduce_sum,
        "Relu": _one(torch.relu),
        "Reshape": _reshape,
        "Resize": _resize,
        "Shape": _shape,
        "Sigmoid": _one(torch.sigmoid),
        "Slice": _slice,
        "Softmax": lambda inputs, attributes: torch.softmax(_given(inputs, 0), dim=attributes.get("axis", -1)),
        "Sqrt": _one(torch.sqrt),
        "Squeeze": _squeeze,
        "Sub": _two(torch.sub),
        "Transpose": lambda inputs, attributes: _given(inputs, 0).permute(
            attributes.get("perm") or list(range(_given(inputs, 0).ndim))[::-1]
        ),
        "Unsqueeze": _unsqueeze,
    }
)
"""Every operator the torch engine knows."""
