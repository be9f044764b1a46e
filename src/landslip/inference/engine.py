"""What runs a detector: openvino, onnxruntime or torch behind one call, (n, C, h, w) float32 to (n, h, w) probability.

Every engine runs its network at one fixed shape, so that an answer never depends on what else was in the batch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final, Literal, Protocol, get_args

import numpy as np
import onnx
from numpy.typing import NDArray

from landslip.detector.detector import Detector
from landslip.errors import EngineError, MissingExtraError

Precision = Literal["float32", "bfloat16"]

EXTRAS: Final = MappingProxyType({"openvino": None, "onnxruntime": "edge", "torch": "train"})
"""Every engine, fastest on a CPU first (measured: docs/engines.md), with the extra that installs it."""


class Engine(Protocol):
    """A detector loaded for images of one height and width."""

    name: str
    version: str
    precision: str
    """Precision of the computation: ``float32`` or ``bfloat16``."""
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
        precision: ``float32``, or ``bfloat16`` where engine and CPU support it: faster, but the scores on the card
            were measured in float32.
        threads: number of CPU threads; all cores where None.

    Raises:
        EngineError: a value is not allowed.

    Example:
        >>> InferenceOptions("onnxruntime", threads=2)
        InferenceOptions(engine='onnxruntime', precision='float32', threads=2)
    """

    engine: str = "auto"
    precision: Precision = "float32"
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.engine != "auto" and self.engine not in EXTRAS:
            raise EngineError(f"unknown engine '{self.engine}': expected auto, {', '.join(EXTRAS)}", parameter="engine")
        if self.precision not in get_args(Precision):
            raise EngineError(
                f"unknown precision '{self.precision}': expected {' or '.join(get_args(Precision))}",
                parameter="precision",
            )
        if self.precision != "float32" and self.engine not in ("auto", "openvino"):
            raise EngineError(
                f"engine '{self.engine}' computes in float32 only: use openvino for {self.precision}",
                parameter="precision",
            )
        if self.threads is not None and self.threads < 1:
            raise EngineError(f"threads must be at least 1, got {self.threads}", parameter="threads")


DEFAULT_OPTIONS: Final = InferenceOptions()


def available() -> tuple[str, ...]:
    """Return the names of the installed engines, fastest on a CPU first."""
    return tuple(name for name in EXTRAS if find_spec(name) is not None)


def open_engine(detector: Detector, options: InferenceOptions = DEFAULT_OPTIONS, *, height: int, width: int) -> Engine:
    """Load a detector into an engine for images of one size.

    Args:
        detector: the detector to run.
        options: engine, precision and threads.
        height: of every image in pixels, a multiple of the card's ``size_multiple``.
        width: of every image in pixels, a multiple of the card's ``size_multiple``.

    Raises:
        EngineError: the engine cannot run this detector.
        MissingExtraError: the engine is not installed.

    Example:
        >>> from landslip.detector.detector import Detector
        >>> engine = open_engine(Detector.open("s2-rgb"), height=64, width=64)
        >>> engine(np.full((2, 3, 64, 64), 800, np.float32)).shape
        (2, 64, 64)
    """
    name = options.engine
    if name == "auto":
        name = next(iter(available()), "openvino")
    if find_spec(name) is None:
        extra = EXTRAS[name]
        remedy = f"pip install 'landslip[{extra}]'" if extra else f"pip install {name}"
        raise MissingExtraError(f"engine '{name}' is not installed: install it with  {remedy}")
    if options.precision != "float32" and name != "openvino":
        raise EngineError(
            f"engine '{name}' computes in float32 only: use openvino for {options.precision}", parameter="precision"
        )
    multiple = detector.card.size_multiple
    if height % multiple or width % multiple or min(height, width) < 1:
        raise EngineError(
            f"height and width must be multiples of {multiple} px for {detector.card.name}, got {height} x {width}"
        )
    make: _Maker
    if name == "openvino":
        from landslip.inference.openvino import OpenVinoEngine  # noqa: PLC0415 - each engine is optional

        make = OpenVinoEngine
    elif name == "onnxruntime":
        from landslip.inference.onnxruntime import OnnxRuntimeEngine  # noqa: PLC0415

        make = OnnxRuntimeEngine
    else:
        from landslip.inference.torch import TorchEngine  # noqa: PLC0415

        make = TorchEngine
    return make(detector, height=height, width=width, precision=options.precision, threads=options.threads)


def outputs_of(
    model: onnx.ModelProto, shape: tuple[int, ...]
) -> Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Make a graph that is no detector ready to run on images (n, C, h, w) of one shape, in float32; gives all outputs.

    Raises:
        EngineError: OpenVINO cannot run it.
        MissingExtraError: OpenVINO, which alone does this, is not installed.
    """
    if find_spec("openvino") is None:
        raise MissingExtraError("measuring a graph needs OpenVINO, which is not installed: pip install openvino")
    from landslip.inference.openvino import outputs_of as run_all  # noqa: PLC0415 - each engine is optional

    return run_all(model, shape)


class _Maker(Protocol):
    def __call__(
        self, detector: Detector, *, height: int, width: int, precision: Precision, threads: int | None
    ) -> Engine: ...
