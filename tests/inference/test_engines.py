"""Engines agree with each other and with plain arithmetic, and a result depends on its image alone."""

import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper

from landslip.detector.detector import DEFAULT, Detector, seal
from landslip.errors import EngineError, MissingExtraError
from landslip.inference.engine import ENGINES, PROVIDERS, Engine, InferenceOptions, available_engines, open_engine
from tiny_detectors import brightness, card, identity, model

ON_CPU = [
    pytest.param(name, marks=pytest.mark.skipif(name not in available_engines(), reason=f"{name} is not installed"))
    for name in ("openvino", "onnxruntime")
]


def images(count: int, bands: int, height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(100, 6000, (count, bands, height, width)).astype(np.float32)


def opened(detector: Detector, name: str, size: int = 64, threads: int = 2) -> Engine:
    return open_engine(detector, InferenceOptions(name, "float32", threads), height=size, width=size)


@pytest.mark.parametrize("name", ON_CPU)
def test_an_identity_network_returns_the_input(name: str) -> None:
    stack = images(3, 1, 64, 64)
    np.testing.assert_allclose(opened(identity(), name)(stack), stack[:, 0] / 10_000, atol=1e-6)


@pytest.mark.parametrize("name", ON_CPU)
def test_an_engine_computes_the_graph(name: str) -> None:
    stack = images(2, 3, 64, 64)
    padded = np.pad(stack.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    box = sum(padded[:, :, i : i + 64, j : j + 64] for i in range(3) for j in range(3)).sum(axis=1) / 27
    expected = 1 / (1 + np.exp(-(box - box.mean(axis=(1, 2), keepdims=True)) / 800))
    np.testing.assert_allclose(opened(brightness(), name)(stack), expected, atol=1e-4)


@pytest.mark.parametrize("name", ON_CPU)
@pytest.mark.parametrize("detector_name", ["brightness", DEFAULT])
def test_a_result_does_not_depend_on_the_rest_of_the_batch(name: str, detector_name: str) -> None:
    detector = brightness() if detector_name == "brightness" else Detector.open(DEFAULT)
    engine = opened(detector, name)
    stack = images(7, 3, 64, 64)
    together = engine(stack)
    np.testing.assert_array_equal(together, np.concatenate([engine(stack[i : i + 1]) for i in range(7)]))
    np.testing.assert_array_equal(together[::-1], engine(stack[::-1]))


@pytest.mark.parametrize("name", ON_CPU)
@pytest.mark.parametrize("threads", [1, 3])
def test_a_result_does_not_depend_on_the_number_of_threads(name: str, threads: int) -> None:
    detector, stack = Detector.open(DEFAULT), images(2, 3, 64, 64)
    one, other = (opened(detector, name, threads=count)(stack) for count in (threads, 2))
    # OpenVINO runs each image on one thread whatever their number; ONNX Runtime may add up in another order.
    np.testing.assert_allclose(one, other, atol=0 if name == "openvino" else 1e-5)


@pytest.mark.skipif(
    {"openvino", "onnxruntime"} - set(available_engines()) != set(), reason="needs two engines to compare"
)
def test_engines_agree_in_float32_on_the_packaged_detector() -> None:
    detector, stack = Detector.open(DEFAULT), images(2, 3, 128, 128)
    one, other = (opened(detector, name, size=128)(stack) for name in ("openvino", "onnxruntime"))
    assert one.dtype == other.dtype == np.float32
    assert one.shape == other.shape == (2, 128, 128)
    np.testing.assert_allclose(one, other, atol=1e-3)


@pytest.mark.parametrize("name", ON_CPU)
def test_sides_need_not_be_equal(name: str) -> None:
    engine = open_engine(identity(), InferenceOptions(name), height=8, width=36)
    assert engine(images(2, 1, 8, 36)).shape == (2, 8, 36)


@pytest.mark.parametrize("name", ON_CPU)
def test_an_engine_has_name_version_and_precision(name: str) -> None:
    engine = opened(identity(), name)
    assert engine.name == name
    assert engine.version[0].isdigit()
    assert engine.precision == "float32"
    assert engine.batch >= 1


def test_auto_is_the_first_that_is_installed() -> None:
    assert opened(identity(), "auto").name == available_engines()[0]
    assert set(available_engines()) <= set(ENGINES)


@pytest.mark.parametrize(
    ("options", "message", "parameter"),
    [
        ({"engine": "steam"}, r"'steam': expected auto, openvino, openvino-gpu, openvino-npu, onnxruntime,", "engine"),
        ({"precision": "int4"}, "'int4': expected auto or float32 or bfloat16 or float16 or int8", "precision"),
        ({"engine": "openvino-npu", "precision": "float32"}, "does not compute in float32: use openvino", "precision"),
        ({"precision": "float16", "engine": "openvino"}, "use openvino-gpu or openvino-npu", "precision"),
        ({"streams": 0}, "streams must be at least 1, got 0", "streams"),
        ({"engine": "onnxruntime-cuda", "precision": "int8"}, "use openvino or onnxruntime", "precision"),
        ({"engine": "onnxruntime", "precision": "bfloat16"}, "does not compute in bfloat16: use openvino", "precision"),
        ({"threads": 0}, "threads must be at least 1, got 0", "threads"),
    ],
)
def test_options_are_checked_when_they_are_made(options: dict[str, Any], message: str, parameter: str) -> None:
    with pytest.raises(EngineError, match=message) as caught:
        InferenceOptions(**options)
    assert caught.value.parameter == parameter


def test_a_missing_engine_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landslip.inference.engine.find_spec", lambda _: None)
    for name in PROVIDERS:
        with pytest.raises(MissingExtraError, match=r"pip install 'landslip\[edge\]'"):
            opened(identity(), name)
    with pytest.raises(MissingExtraError, match="pip install openvino"):
        opened(identity(), "auto")


class TestDevices:
    """Selection of OpenVINO's devices, on a stand-in for its core that computes everything on the CPU."""

    @pytest.fixture
    def compiled(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
        module = pytest.importorskip("landslip.inference.openvino")
        real, told = module.openvino.Core(), []

        class Core:
            available_devices: ClassVar = ["CPU", "GPU.0", "NPU"]

            def __getattr__(self, name: str) -> Any:
                return getattr(real, name)

            def compile_model(self, model: Any, device: str, settings: dict[Any, Any]) -> Any:
                told.append((device, {str(name): value for name, value in settings.items()}))
                return real.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

        monkeypatch.setattr(module.openvino, "Core", Core)
        return told

    @pytest.mark.parametrize(
        ("name", "precision", "given"),
        [("openvino-gpu", "auto", "f32"), ("openvino-gpu", "float16", "f16"), ("openvino-npu", "auto", "f16")],
    )
    def test_the_network_runs_on_the_device_and_the_normalisation_on_the_cpu(
        self, compiled: list[tuple[str, dict[str, Any]]], name: str, precision: Any, given: str
    ) -> None:
        stack = images(3, 3, 64, 64)
        engine = open_engine(Detector.open(DEFAULT), InferenceOptions(name, precision), height=64, width=64)
        device = {"openvino-gpu": "GPU", "openvino-npu": "NPU"}[name]
        assert [one for one, _ in compiled] == ["CPU", device]
        assert [settings["INFERENCE_PRECISION_HINT"] for _, settings in compiled] == ["f32", given]
        assert "NUM_STREAMS" not in compiled[1][1]
        assert (engine.name, engine.precision) == (name, "float16" if given == "f16" else "float32")
        np.testing.assert_allclose(engine(stack), opened(Detector.open(DEFAULT), "openvino")(stack), atol=1e-5)

    def test_devices_of_this_machine_are_listed(self, compiled: list[tuple[str, dict[str, Any]]]) -> None:
        assert available_engines()[:3] == ("openvino", "openvino-gpu", "openvino-npu")

    def test_an_absent_device_is_refused_with_the_engines_there_are(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("landslip.inference.openvino.available_devices", lambda: frozenset({"CPU"}))
        assert "openvino-gpu" not in available_engines()
        with pytest.raises(EngineError, match="needs the device GPU, which OpenVINO does not find here") as caught:
            open_engine(identity(), InferenceOptions("openvino-gpu"), height=32, width=32)
        assert caught.value.parameter == "engine"

    def test_a_quantised_detector_is_refused(self, compiled: list[tuple[str, dict[str, Any]]]) -> None:
        with pytest.raises(EngineError, match="were not compared with float32 on engine 'openvino-gpu'"):
            open_engine(Detector.open(DEFAULT).open_int8(), InferenceOptions("openvino-gpu"), height=32, width=32)


@pytest.mark.parametrize("name", ON_CPU)
@pytest.mark.parametrize("count", [1, 4, 7])
def test_streams_and_batch_do_not_change_the_answer(name: str, count: int) -> None:
    stack = images(count, 3, 64, 64)
    expected = opened(brightness(), name)(stack)
    streams = 1 if name == "openvino" else None
    options = InferenceOptions(name, "float32", threads=2, streams=streams, batch=4)
    np.testing.assert_allclose(open_engine(brightness(), options, height=64, width=64)(stack), expected, atol=1e-6)


class TestProviders:
    """Selection of ONNX Runtime's execution providers, on a stand-in for its session: no GPU is needed."""

    @pytest.fixture
    def sessions(self, monkeypatch: pytest.MonkeyPatch) -> list["FakeSession"]:
        runtime = pytest.importorskip("landslip.inference.onnxruntime")
        FakeSession.opened.clear()
        FakeSession.fails_over = False
        monkeypatch.setattr(runtime.onnxruntime, "InferenceSession", FakeSession)
        monkeypatch.setattr(runtime.onnxruntime, "get_available_providers", lambda: list(FakeSession.offered))
        FakeSession.offered = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
        return FakeSession.opened

    def test_every_engine_opens_its_provider_first(self, sessions: list["FakeSession"]) -> None:
        for name in PROVIDERS:
            assert opened(identity(), name).name == name
        tensorrt, cuda, cpu = "TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"
        assert [one.get_providers() for one in sessions] == [[cpu], [cuda, cpu], [tensorrt, cuda, cpu]]
        assert all(dict(one.given).get(cuda, {"use_tf32": "0"}) == {"use_tf32": "0"} for one in sessions)

    def test_providers_of_this_machine_are_listed(self, sessions: list["FakeSession"]) -> None:
        assert available_engines()[-3:] == tuple(PROVIDERS)
        FakeSession.offered = ["AzureExecutionProvider", "CPUExecutionProvider"]
        assert available_engines()[-1] == "onnxruntime"

    @pytest.mark.parametrize("name", ["onnxruntime-cuda", "onnxruntime-tensorrt"])
    def test_an_absent_provider_is_refused_with_those_there_are(self, sessions: list["FakeSession"], name: str) -> None:
        FakeSession.offered = ["CPUExecutionProvider"]
        with pytest.raises(EngineError, match=rf"'{name}' needs the .*use one of .*onnxruntime, or install") as caught:
            opened(identity(), name)
        assert caught.value.parameter == "engine"
        assert not sessions

    def test_a_provider_that_falls_back_to_the_cpu_is_an_error(self, sessions: list["FakeSession"]) -> None:
        FakeSession.fails_over = True
        with pytest.raises(EngineError, match=r"'onnxruntime-cuda' cannot be initialised: .* fell back to CPU"):
            opened(identity(), "onnxruntime-cuda")

    def test_auto_never_takes_a_gpu(self, sessions: list["FakeSession"], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            "landslip.inference.engine.find_spec", lambda name: None if name == "openvino" else find_spec(name)
        )
        assert opened(identity(), "auto").name == "onnxruntime"

    @pytest.mark.parametrize("count", [1, 16, 21])
    def test_a_gpu_always_runs_batches_of_one_size(self, sessions: list["FakeSession"], count: int) -> None:
        engine, stack = opened(identity(), "onnxruntime-cuda", size=8), images(count, 1, 8, 8)
        np.testing.assert_array_equal(engine(stack), stack[:, 0] / 2)
        assert set(sessions[0].batches) == {engine.batch}


class FakeSession:
    """A session of ONNX Runtime that offers any providers and halves its images."""

    opened: ClassVar[list["FakeSession"]] = []
    offered: ClassVar[list[str]] = []
    fails_over: ClassVar[bool] = False

    def __init__(self, model: bytes, options: object, providers: list[tuple[str, dict[str, str]]]) -> None:
        self.given = providers
        self.batches: list[int] = []
        self.opened.append(self)

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"] if self.fails_over else [name for name, _ in self.given]

    def run(self, outputs: list[str], inputs: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        (stack,) = inputs.values()
        self.batches.append(len(stack))
        return [stack / 2]


@pytest.mark.parametrize(("height", "width"), [(65, 64), (64, 2), (0, 64), (-4, 64)])
def test_a_size_that_the_network_cannot_take_is_refused(height: int, width: int) -> None:
    with pytest.raises(EngineError, match=r"multiples of 4 px .* got"):
        open_engine(identity(), height=height, width=width)


@pytest.mark.parametrize("name", ON_CPU)
def test_a_graph_that_cannot_run_at_this_size_is_an_engine_error(name: str) -> None:
    """Valid ONNX all the same: the sizes are found out only when the shape is settled."""
    split = helper.make_node("Concat", ["input", "other"], ["both"], axis=1)
    mean = helper.make_node("ReduceMean", ["both"], ["probability"], axes=[1], keepdims=1)
    network = model([split, mean], {"other": np.zeros((1, 1, 8, 8), np.float32)}, 1)
    detector = seal(network, card("stubborn", ["B04"]))
    with pytest.raises(EngineError, match="stubborn"):
        opened(detector, name)(images(1, 1, 64, 64))


def test_openvino_sends_no_telemetry_on_import(tmp_path: Path):
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


@pytest.mark.parametrize("name", [one for one in ("openvino", "onnxruntime") if one in available_engines()])
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_an_engine_sends_no_telemetry(name: str, tmp_path: Path):
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
