"""Engines: the runtimes of a detector, behind one call from (n, C, h, w) in physical units to (n, h, w) probability.

Every engine runs its network at one fixed shape, so that a result does not depend on what else is in the batch.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final, Literal, Protocol, get_args

import numpy as np
import onnx
from numpy.typing import NDArray

from landslip.detector.detector import Detector
from landslip.errors import EngineError, MissingExtraError
from landslip.inference.cpu import has_int8_instructions

Precision = Literal["auto", "float32", "bfloat16", "float16", "int8"]
"""``auto``: int8, else bfloat16, where engine and CPU support it and it agreed with float32; else float32."""

DEVICES: Final = MappingProxyType({"openvino": "CPU", "openvino-gpu": "GPU", "openvino-npu": "NPU"})
"""Device of OpenVINO behind each of its engines."""

PROVIDERS: Final = MappingProxyType(
    {
        "onnxruntime": "CPUExecutionProvider",
        "onnxruntime-cuda": "CUDAExecutionProvider",
        "onnxruntime-tensorrt": "TensorrtExecutionProvider",
    }
)
"""Execution provider of ONNX Runtime behind each of its engines."""
ENGINES: Final = (*DEVICES, *PROVIDERS)
"""Every engine: those of OpenVINO, then those of ONNX Runtime."""
CPU_ENGINES: Final = ("openvino", "onnxruntime")
"""Engines for a CPU, the faster before the slower (docs/engines.md); the others have to be asked for."""
INT8_ENGINES: Final = CPU_ENGINES
"""Engines on which quantised detectors are compared with float32 (``post_training/quantisation.py``)."""
_ABLE: Final = MappingProxyType[Precision, tuple[str, ...]](
    {
        # An Intel NPU computes in float16 only.
        "float32": tuple(name for name in ENGINES if name != "openvino-npu"),
        "bfloat16": ("openvino",),
        "float16": ("openvino-gpu", "openvino-npu"),
        "int8": INT8_ENGINES,
    }
)
"""Engines that compute in each precision."""


class Engine(Protocol):
    """A detector loaded for images of one height and width."""

    name: str
    version: str
    precision: str
    """Precision of the computation: ``float32``, ``bfloat16``, ``float16`` or ``int8``."""
    batch: int
    """Number of images per call that runs fastest; the result does not depend on it."""

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict probability (n, h, w) float32 for images (n, C, h, w) float32 in physical units."""
        ...


@dataclass(frozen=True, slots=True)
class InferenceOptions:
    """How a detector is run.

    Args:
        engine: ``auto`` for the fastest installed engine, or a name from ``ENGINES``.
        precision: ``auto`` for the fastest that agreed with float32 on held-out patches, by the record beside the
            detector, and that this CPU supports; ``float32``, in which the scores on the card were measured;
            ``bfloat16`` where engine and CPU support it; ``float16`` on an Intel GPU or NPU, where it is the only one
            of an NPU; ``int8`` for a detector with an int8 variant. A detector that is itself quantised is computed in
            int8 at ``float32`` too, because its graph holds integers.
        threads: number of CPU threads; all cores where None.
        streams: images that OpenVINO computes at the same time on a CPU, each with its part of the threads; one a
            thread where None.
        batch: images in one call of the network on a CPU; 1 where None. The last call is filled up with zeros.

    Raises:
        EngineError: a value is not allowed.

    Example:
        >>> InferenceOptions("onnxruntime", threads=2)
        InferenceOptions(engine='onnxruntime', precision='auto', threads=2, streams=None, batch=None)
    """

    engine: str = "auto"
    precision: Precision = "auto"
    threads: int | None = None
    streams: int | None = None
    batch: int | None = None

    def __post_init__(self) -> None:
        if self.engine != "auto" and self.engine not in ENGINES:
            raise EngineError(
                f"unknown engine '{self.engine}': expected auto, {', '.join(ENGINES)}", parameter="engine"
            )
        if self.precision not in get_args(Precision):
            raise EngineError(
                f"unknown precision '{self.precision}': expected {' or '.join(get_args(Precision))}",
                parameter="precision",
            )
        if self.engine != "auto":
            _check_precision(self.engine, self.precision)
        for name, value in (("threads", self.threads), ("streams", self.streams), ("batch", self.batch)):
            if value is not None and value < 1:
                raise EngineError(f"{name} must be at least 1, got {value}", parameter=name)


def _check_precision(engine: str, precision: Precision) -> None:
    """Raise an error where no detector runs in a precision on an engine."""
    able = _ABLE.get(precision, ENGINES)
    if engine not in able:
        raise EngineError(
            f"engine '{engine}' does not compute in {precision}: use {' or '.join(able)}", parameter="precision"
        )


DEFAULT_OPTIONS: Final = InferenceOptions()
FLOAT32: Final = InferenceOptions(precision="float32")
"""For comparisons of graphs, and to make or score what later runs in other precisions."""


def available_engines() -> tuple[str, ...]:
    """Return the engines that this installation has, in the order of ``ENGINES``."""
    devices, providers = _devices(), _providers()
    return (
        *(name for name, device in DEVICES.items() if device in devices),
        *(name for name, provider in PROVIDERS.items() if provider in providers),
    )


def _devices() -> frozenset[str]:
    """Return the kinds of device that the installed OpenVINO finds here; none where it is not installed."""
    if find_spec("openvino") is None:
        return frozenset()
    from landslip.inference.openvino import available_devices  # noqa: PLC0415 - each engine is optional

    return available_devices()


def _providers() -> tuple[str, ...]:
    """Return the execution providers of the installed ONNX Runtime; none where it is not installed."""
    if find_spec("onnxruntime") is None:
        return ()
    from landslip.inference.onnxruntime import available_providers  # noqa: PLC0415 - each engine is optional

    return available_providers()


def open_engine(detector: Detector, options: InferenceOptions = DEFAULT_OPTIONS, *, height: int, width: int) -> Engine:
    """Load a detector into an engine for images of one size.

    Args:
        detector: the detector to run.
        options: engine, precision and threads.
        height: of every image in pixels, a multiple of the card's ``size_multiple``.
        width: of every image in pixels, a multiple of the card's ``size_multiple``.

    Raises:
        EngineError: the engine is not available here, or cannot run this detector.
        MissingExtraError: the package of the engine is not installed.

    Example:
        >>> from landslip.detector.detector import Detector
        >>> engine = open_engine(Detector.open("s2-rgb"), height=64, width=64)
        >>> engine(np.full((2, 3, 64, 64), 800, np.float32)).shape
        (2, 64, 64)
    """
    detector, options = resolve_options(detector, options)
    name = options.engine
    multiple = detector.card.size_multiple
    if height % multiple or width % multiple or min(height, width) < 1:
        raise EngineError(
            f"height and width must be multiples of {multiple} px for {detector.card.name}, got {height} x {width}"
        )
    if name in DEVICES:
        from landslip.inference.openvino import OpenVinoEngine  # noqa: PLC0415 - each engine is optional

        return OpenVinoEngine(detector, options, name, DEVICES[name], height=height, width=width)
    from landslip.inference.onnxruntime import OnnxRuntimeEngine  # noqa: PLC0415

    return OnnxRuntimeEngine(detector, options, name, PROVIDERS[name], height=height, width=width)


def resolve_options(detector: Detector, options: InferenceOptions) -> tuple[Detector, InferenceOptions]:
    """Return what runs: the detector or its int8 variant, and options without ``auto``.

    Raises:
        DetectorError: the int8 variant cannot be read.
        EngineError: the engine is not available here, or does not support the precision.
        MissingExtraError: the package of the engine is not installed.

    Example:
        >>> resolve_options(Detector.open("s2-rgb"), InferenceOptions("openvino", "float32"))[1].engine
        'openvino'
    """
    name = options.engine
    if name == "auto":
        # The engines for a GPU have to be asked for: none was measured against the scores on the cards.
        name = "onnxruntime" if find_spec("openvino") is None and find_spec("onnxruntime") else "openvino"
    _require(name)
    detector, precision = choose_precision(detector, name, options.precision)
    return detector, replace(options, engine=name, precision=precision)


def choose_precision(detector: Detector, engine: str, precision: Precision) -> tuple[Detector, Precision]:
    """Return what an engine runs: the detector or its int8 variant, and the precision.

    Args:
        detector: that was asked for.
        engine: name of an engine, not ``auto``.
        precision: that was asked for.

    Raises:
        DetectorError: the int8 variant cannot be read.
        EngineError: the detector or the engine does not support the precision asked for.

    Example:
        >>> choose_precision(Detector.open("s2-rgb"), "openvino", "float32")[1]
        'float32'
    """
    _check_precision(engine, precision)
    if detector.card.quantisation is not None:
        return detector, _precision_of_quantised(detector, engine, precision)
    if precision == "int8":
        if detector.int8_file is None:
            raise EngineError(
                f"{detector.card.name} is not quantised: use float32 or bfloat16, or quantise it first "
                "(docs/engines.md)",
                parameter="precision",
            )
        variant = detector.open_int8()
        return variant, _precision_of_quantised(variant, engine, precision)
    if precision == "auto":
        return _fastest_precision(detector, engine)
    return detector, precision


def _fastest_precision(detector: Detector, engine: str) -> tuple[Detector, Precision]:
    """Return what runs for ``auto``: the fastest that agreed with float32."""
    if engine not in _ABLE["float32"]:
        return detector, "float16"
    record = detector.precisions
    # int8 without instructions for it is slower than float32.
    if record and record.allows(engine, "int8") and has_int8_instructions():
        return detector.open_int8(), "int8"
    if record and record.allows(engine, "bfloat16") and _supports_bfloat16(engine):
        return detector, "bfloat16"
    return detector, "float32"


def _precision_of_quantised(detector: Detector, engine: str, precision: Precision) -> Precision:
    """Return the precision in which an engine runs a detector whose graph holds integers."""
    if precision in ("bfloat16", "float16"):
        raise EngineError(
            f"{detector.card.name} is quantised and does not run in {precision}: use int8 or auto",
            parameter="precision",
        )
    if engine in DEVICES and engine not in CPU_ENGINES:
        raise EngineError(
            f"{detector.card.name} is quantised, and quantised detectors were not compared with float32 on engine "
            f"'{engine}': use the detector that it was made of, or the engine openvino",
            parameter="engine",
        )
    # ONNX Runtime's int8 kernels saturate on x86 CPUs without VNNI: there it computes the same graph in float32.
    able = engine == "openvino" or (engine in INT8_ENGINES and has_int8_instructions() is not False)
    if precision == "int8" and not able:
        raise EngineError(
            f"this CPU has no int8 instructions that engine '{engine}' can use: use auto", parameter="precision"
        )
    return "int8" if able else "float32"


def _supports_bfloat16(engine: str) -> bool:
    if engine != "openvino":
        return False
    from landslip.inference.openvino import supports_bfloat16  # noqa: PLC0415 - each engine is optional

    return supports_bfloat16()


def _require(name: str) -> None:
    if name in DEVICES:
        if find_spec("openvino") is None:
            raise MissingExtraError(f"engine '{name}' is not installed: install it with  pip install openvino")
        if name != "openvino" and DEVICES[name] not in _devices():
            raise EngineError(
                f"engine '{name}' needs the device {DEVICES[name]}, which OpenVINO does not find here: install its "
                f"driver, or use one of {', '.join(available_engines())}",
                parameter="engine",
            )
        return
    if find_spec("onnxruntime") is None:
        raise MissingExtraError(f"engine '{name}' is not installed: install it with  pip install 'landslip[edge]'")
    if PROVIDERS[name] not in _providers():
        raise EngineError(
            f"engine '{name}' needs the {PROVIDERS[name]}, which the installed ONNX Runtime lacks: use one of "
            f"{', '.join(available_engines())}, or install onnxruntime-gpu in place of onnxruntime",
            parameter="engine",
        )


def load_graph(
    model: onnx.ModelProto, shape: tuple[int, ...]
) -> Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Load a graph that is not a detector, for images (n, C, h, w) of one shape, and return all its outputs in float32.

    It runs in OpenVINO, or in ONNX Runtime where that is not installed.

    Raises:
        EngineError: the engine cannot run the graph.
        MissingExtraError: no engine is installed.
    """
    if find_spec("openvino") is None and find_spec("onnxruntime"):
        from landslip.inference.onnxruntime import load_graph as run_in_onnxruntime  # noqa: PLC0415

        return run_in_onnxruntime(model)
    _require("openvino")
    from landslip.inference.openvino import load_graph as run_all  # noqa: PLC0415 - each engine is optional

    return run_all(model, shape)
