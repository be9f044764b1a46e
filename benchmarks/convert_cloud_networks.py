"""Convert the two Keras networks for clouds of IPL-UV/DL-L8S2-UV (MIT) to the ONNX files in the package.

    python benchmarks/convert_cloud_networks.py FOLDER OUT

FOLDER holds landsatbiomeRGBI6.hdf5 and landsatbiomeRGBISWIR7.hdf5. Keras is not needed: the tensors are read with h5py.
The graphs take DN (reflectance x 10,000) as (n, C, h, w), with sides that are multiples of 4, and return the
probability of cloud (n, 1, h, w). The first layer of the networks normalises reflectance; the division by 10,000 is
joined to it, and batch normalisation to the convolution before it.

Parity: `--compare IMAGE.npy` writes what the graphs return for an image (h, w, C) of reflectance. Against Keras 3.15 on
the real image of ukis-csmask (512 x 512), the largest difference of a probability is 6.3e-6 and 1.7e-6.
"""

import argparse
import hashlib
from pathlib import Path

import h5py
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

NETWORKS = {
    "clouds-rgb-nir": ("landsatbiomeRGBI6.hdf5", ("B02", "B03", "B04", "B08")),
    "clouds-rgb-nir-swir": ("landsatbiomeRGBISWIR7.hdf5", ("B02", "B03", "B04", "B08", "B11", "B12")),
}
ATTRIBUTION = (
    "U-Net for clouds by D. Lopez-Puigdollers, G. Mateo-Garcia and L. Gomez-Chova, Remote Sensing 13(5), 992 (2021), "
    "doi 10.3390/rs13050992; https://github.com/IPL-UV/DL-L8S2-UV, MIT licence"
)
EPSILON = 0.001
"""Of batch normalisation, in the configuration of the networks."""


class Graph:
    """An ONNX graph that grows node by node."""

    def __init__(self, weights: h5py.Group) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self._weights = weights

    def weight(self, layer: str, key: str) -> NDArray[np.float64]:
        found: list[h5py.Dataset] = []
        self._weights[layer].visititems(lambda name, item: found.append(item) if name.endswith(f"{key}:0") else None)
        (only,) = found
        return np.asarray(only, np.float64)

    def constant(self, name: str, values: NDArray[np.float64]) -> str:
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def add(self, kind: str, inputs: list[str], name: str, **attributes: int | list[int]) -> str:
        node = helper.make_node(kind, inputs, [name], name=name)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in sorted(attributes.items()))
        self.nodes.append(node)
        return name

    def convolve(
        self,
        x: str,
        name: str,
        kernel: NDArray[np.float64],
        bias: NDArray[np.float64] | None,
        **attributes: int | list[int],
    ) -> str:
        inputs = [x, self.constant(f"{name}.weight", kernel)]
        if bias is not None:
            inputs.append(self.constant(f"{name}.bias", bias))
        return self.add("Conv", inputs, name, **attributes)

    def separable(self, x: str, block: str, number: int) -> str:
        """A separable convolution, its batch normalisation, and ReLU."""
        layer, norm = f"{block}_conv_{number}", f"{block}_bn_{number}"
        depthwise, pointwise = self.weight(layer, "depthwise_kernel"), self.weight(layer, "pointwise_kernel")[0, 0]
        gain = self.weight(norm, "gamma") / np.sqrt(self.weight(norm, "moving_variance") + EPSILON)
        bias = (self.weight(layer, "bias") - self.weight(norm, "moving_mean")) * gain + self.weight(norm, "beta")
        kernel = depthwise.transpose(2, 3, 0, 1)
        x = self.convolve(x, f"{layer}_depthwise", kernel, None, group=len(kernel), pads=[1, 1, 1, 1])
        x = self.convolve(x, layer, (pointwise * gain).T[:, :, None, None], bias)
        return self.add("Relu", [x], f"{layer}_relu")

    def block(self, x: str, name: str) -> str:
        return self.separable(self.separable(x, name, 1), name, 2)

    def pool(self, x: str, name: str) -> str:
        return self.add("MaxPool", [x], name, kernel_shape=[2, 2], strides=[2, 2])

    def upsample(self, x: str, name: str) -> str:
        kernel = self.constant(f"{name}.weight", self.weight(name, "kernel").transpose(3, 2, 0, 1))
        bias = self.constant(f"{name}.bias", self.weight(name, "bias"))
        return self.add("ConvTranspose", [x, kernel, bias], name, strides=[2, 2])


def convert(path: Path, name: str, channels: tuple[str, ...]) -> onnx.ModelProto:
    with h5py.File(path) as file:
        graph = Graph(file["model_weights"])
        normalise = graph.weight("normalization", "kernel")[0, 0].T[:, :, None, None] / 10_000
        x = graph.convolve("input", "normalisation", normalise, graph.weight("normalization", "bias"))
        fine = graph.block(x, "input")
        middle = graph.block(graph.pool(fine, "pool_1"), "pool1")
        coarse = graph.block(graph.pool(middle, "pool_2"), "pool2")
        x = graph.add("Concat", [graph.upsample(coarse, "upconv1"), middle], "join_1", axis=1)
        x = graph.add("Concat", [graph.upsample(graph.block(x, "up1"), "upconv2"), fine], "join_2", axis=1)
        kernel = graph.weight("linear_model", "kernel")[0, 0].T[:, :, None, None]
        x = graph.convolve(graph.block(x, "up2"), "logit", kernel, graph.weight("linear_model", "bias"))
        graph.add("Sigmoid", [x], "probability")
    inputs = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", len(channels), "h", "w"])
    outputs = helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", 1, "h", "w"])
    model = helper.make_model(
        helper.make_graph(graph.nodes, name, [inputs], [outputs], graph.tensors),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
        producer_name="landslip",
        doc_string=f"Input: DN of {', '.join(channels)}. {ATTRIBUTION}",
    )
    onnx.checker.check_model(model)
    return model


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--compare", type=Path, help="image (h, w, C) of reflectance, .npy")
    given = arguments.parse_args()
    for name, (file, channels) in NETWORKS.items():
        data = convert(given.folder / file, name, channels).SerializeToString(deterministic=True)
        (given.out / f"{name}.onnx").write_bytes(data)
        print(name, len(data), "bytes, sha256", hashlib.sha256(data).hexdigest())
        if given.compare:
            image = np.load(given.compare)[..., : len(channels)].transpose(2, 0, 1)[None] * np.float32(10_000)
            (probability,) = ReferenceEvaluator(onnx.load_from_string(data)).run(None, {"input": image})
            np.save(given.out / f"{name}.npy", np.asarray(probability)[0, 0])


if __name__ == "__main__":
    main()
