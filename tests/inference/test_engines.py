"""Laws of engines: they agree with each other and with plain arithmetic, and an answer depends on its image alone."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import NodeProto, helper

from landslip.detector.detector import DEFAULT, Detector, seal
from landslip.errors import EngineError, MissingExtraError
from landslip.inference.engine import EXTRAS, Engine, InferenceOptions, available, open_engine
from tiny_detectors import brightness, card, identity, model

ENGINES = [
    pytest.param(name, marks=pytest.mark.skipif(name not in available(), reason=f"{name} is not installed"))
    for name in ("openvino", "onnxruntime")
]


def images(count: int, bands: int, height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(100, 6000, (count, bands, height, width)).astype(np.float32)


def opened(detector: Detector, name: str, size: int = 64, threads: int = 2) -> Engine:
    return open_engine(detector, InferenceOptions(name, threads=threads), height=size, width=size)


@pytest.mark.parametrize("name", ENGINES)
def test_an_identity_is_one(name: str) -> None:
    stack = images(3, 1, 64, 64)
    np.testing.assert_allclose(opened(identity(), name)(stack), stack[:, 0] / 10_000, atol=1e-6)


@pytest.mark.parametrize("name", ENGINES)
def test_it_computes_what_the_graph_says(name: str) -> None:
    stack = images(2, 3, 64, 64)
    padded = np.pad(stack.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    box = sum(padded[:, :, i : i + 64, j : j + 64] for i in range(3) for j in range(3)).sum(axis=1) / 27
    expected = 1 / (1 + np.exp(-(box - box.mean(axis=(1, 2), keepdims=True)) / 800))
    np.testing.assert_allclose(opened(brightness(), name)(stack), expected, atol=1e-4)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("detector_name", ["brightness", DEFAULT])
def test_an_answer_does_not_depend_on_the_others_in_its_batch(name: str, detector_name: str) -> None:
    detector = brightness() if detector_name == "brightness" else Detector.open(DEFAULT)
    engine = opened(detector, name)
    stack = images(7, 3, 64, 64)
    together = engine(stack)
    np.testing.assert_array_equal(together, np.concatenate([engine(stack[i : i + 1]) for i in range(7)]))
    np.testing.assert_array_equal(together[::-1], engine(stack[::-1]))


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("threads", [1, 3])
def test_an_answer_does_not_depend_on_the_number_of_threads(name: str, threads: int) -> None:
    detector, stack = Detector.open(DEFAULT), images(2, 3, 64, 64)
    one, other = (opened(detector, name, threads=count)(stack) for count in (threads, 2))
    # OpenVINO runs each image on one thread whatever their number; ONNX Runtime may add up in another order.
    np.testing.assert_allclose(one, other, atol=0 if name == "openvino" else 1e-5)


@pytest.mark.skipif({"openvino", "onnxruntime"} - set(available()) != set(), reason="needs two engines to compare")
def test_engines_agree_in_float32_on_the_packaged_detector() -> None:
    detector, stack = Detector.open(DEFAULT), images(2, 3, 128, 128)
    one, other = (opened(detector, name, size=128)(stack) for name in ("openvino", "onnxruntime"))
    assert one.dtype == other.dtype == np.float32
    assert one.shape == other.shape == (2, 128, 128)
    np.testing.assert_allclose(one, other, atol=1e-3)


@pytest.mark.parametrize("name", ENGINES)
def test_sides_need_not_be_equal(name: str) -> None:
    engine = open_engine(identity(), InferenceOptions(name), height=8, width=36)
    assert engine(images(2, 1, 8, 36)).shape == (2, 8, 36)


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_says_what_it_is(name: str) -> None:
    engine = opened(identity(), name)
    assert engine.name == name
    assert engine.version[0].isdigit()
    assert engine.precision == "float32"
    assert engine.batch >= 1


def test_auto_is_the_first_that_is_installed() -> None:
    assert opened(identity(), "auto").name == available()[0]
    assert set(available()) <= set(EXTRAS)


def test_an_unknown_engine_is_named_with_those_there_are() -> None:
    with pytest.raises(EngineError, match=r"'steam'.*openvino, onnxruntime, torch"):
        opened(identity(), "steam")


def test_a_missing_engine_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landslip.inference.engine.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'landslip\[edge\]'"):
        opened(identity(), "onnxruntime")
    with pytest.raises(MissingExtraError, match="pip install openvino"):
        opened(identity(), "auto")


@pytest.mark.parametrize(("height", "width"), [(65, 64), (64, 2), (0, 64), (-4, 64)])
def test_a_size_that_the_network_cannot_take_is_refused(height: int, width: int) -> None:
    with pytest.raises(EngineError, match=r"multiples of 4 px .* got"):
        open_engine(identity(), height=height, width=width)


@pytest.mark.parametrize("name", ENGINES)
def test_a_graph_that_cannot_run_at_this_size_is_an_error_in_words(name: str) -> None:
    """Valid ONNX all the same: the sizes are found out only when the shape is settled."""
    split = helper.make_node("Concat", ["input", "other"], ["both"], axis=1)
    mean = helper.make_node("ReduceMean", ["both"], ["probability"], axes=[1], keepdims=1)
    network = model([split, mean], {"other": np.zeros((1, 1, 8, 8), np.float32)}, 1)
    detector = seal(network, card("stubborn", ["B04"]))
    with pytest.raises(EngineError, match="stubborn"):
        opened(detector, name)(images(1, 1, 64, 64))


@pytest.mark.parametrize(
    ("node", "more"),
    [
        (helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=1), {}),
        (helper.make_node("ReduceMean", ["x"], ["y"], axes=[-1], keepdims=1), {}),
        (helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=1), {}),
        (helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[3, 3], pads=[1] * 4), {}),
        (helper.make_node("Softmax", ["x"], ["y"], axis=1), {}),
        (helper.make_node("Erf", ["x"], ["y"]), {}),
        (helper.make_node("Gather", ["x", "at"], ["y"], axis=1), {"at": np.array([2, 0, -2])}),
        (helper.make_node("Gather", ["x", "at"], ["y"], axis=2), {"at": np.array([[3, 1], [-1, 0]])}),
        (helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=0), {"axes": np.array([0, -1])}),
        (helper.make_node("ReduceSum", ["x"], ["y"]), {}),
        (helper.make_node("ReduceSum", ["x"], ["y"], noop_with_empty_axes=1), {}),
        (helper.make_node("InstanceNormalization", ["x", "a", "b"], ["y"], epsilon=0.1), {"a": 3, "b": 3}),
        (helper.make_node("LayerNormalization", ["x", "a", "b"], ["y"], axis=-1, epsilon=0.1), {"a": 8, "b": 8}),
        (helper.make_node("Conv", ["x", "a"], ["y"], pads=[0, 1, 2, 3], strides=[2, 1]), {"a": (5, 3, 3, 3)}),
        (helper.make_node("Conv", ["x", "a", "b"], ["y"], pads=[1, 2, 1, 2]), {"a": (5, 3, 3, 3), "b": 5}),
        (helper.make_node("ConvTranspose", ["x", "a", "b"], ["y"], strides=[2, 2]), {"a": (3, 5, 2, 2), "b": 5}),
        (
            helper.make_node(
                "ConvTranspose", ["x", "a"], ["y"], strides=[2, 3], pads=[1, 0, 1, 0], output_padding=[1, 0]
            ),
            {"a": (3, 5, 3, 3)},
        ),
        (helper.make_node("Div", ["x", "a"], ["y"]), {"a": (8, 8)}),
        (helper.make_node("Div", ["a", "b"], ["y"]), {"a": np.array([63, 64, -63, 7]), "b": np.array([4, 4, 4, -2])}),
        (helper.make_node("MatMul", ["x", "a"], ["y"]), {"a": (8, 8)}),
        (helper.make_node("Transpose", ["x"], ["y"], perm=[0, 1, 3, 2]), {}),
        (
            helper.make_node(
                "Resize", ["x", "", "a"], ["y"], mode="linear", coordinate_transformation_mode="align_corners"
            ),
            {"a": np.array([1, 1, 2, 2], np.float32)},
        ),
    ],
    ids=lambda one: one.op_type if isinstance(one, NodeProto) else "",
)
def test_an_operator_in_torch_gives_what_onnx_runtime_gives(node: NodeProto, more: dict[str, object]) -> None:
    torch, runtime = pytest.importorskip("torch"), pytest.importorskip("onnxruntime")
    from landslip.inference.torch_operators import OPERATORS

    chance = np.random.default_rng(3)
    given = {"x": chance.normal(size=(2, 3, 8, 8)).astype(np.float32)} | {
        name: one if isinstance(one, np.ndarray) else chance.normal(size=one).astype(np.float32)
        for name, one in more.items()
    }
    types = {name: helper.np_dtype_to_tensor_dtype(one.dtype) for name, one in given.items()}
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info(name, types[name], one.shape) for name, one in given.items()],
        [helper.make_tensor_value_info("y", types[next(name for name in node.input if name)], None)],
    )
    one_operator = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    wanted = runtime.InferenceSession(one_operator.SerializeToString()).run(["y"], given)[0]
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    inputs = [torch.from_numpy(given[name]) if name else None for name in node.input]
    found = OPERATORS[node.op_type](inputs, attributes).numpy()
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_openvino_reports_to_nobody(tmp_path: Path):
    """Its package forks and asks a public server on import; the engine forbids that, and leaves no trace at home."""
    script = (
        "import sys\n"
        "import landslip.inference.openvino\n"
        "held = [name for name in sys.modules if name.startswith('openvino_telemetry.')]\n"
        "sys.exit(', '.join(held) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | {"HOME": str(tmp_path)}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [one for one in ("openvino", "onnxruntime") if one in available()])
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_an_engine_tells_nobody_that_it_runs(name: str, tmp_path: Path):
    """A process of its own, whose every way out leads to a proxy that listens, runs a detector and ends."""
    identity().save(tmp_path / "tiny.onnx")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    script = (
        "import sys, time\n"
        "from landslip.detector.detector import Detector\n"
        "from landslip.inference.engine import InferenceOptions, open_engine\n"
        f"open_engine(Detector.open(sys.argv[1]), InferenceOptions({name!r}), height=32, width=32)\n"
        "time.sleep(3)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(0.1)
        outside = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        ways = dict.fromkeys(("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"), outside)
        settings = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "tiny.onnx")],
            env=settings | ways | {"TMPDIR": str(scratch)},
            check=True,
        )
        with pytest.raises(TimeoutError):
            proxy.accept()
    assert not list(scratch.iterdir())
