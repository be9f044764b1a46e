"""What runs a detector: openvino, onnxruntime or torch behind one call, (n, C, h, w) float32 to (n, h, w) probability.

Every engine runs its network at one fixed shape, so that an answer never depends on what else was in the batch.
"""

from collections.abc import Callable
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final, Literal, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray

from landslip.detector.detector import Detector
from landslip.errors import EngineError, MissingExtraError

Precision = Literal["float32", "bfloat16"]

EXTRAS: Final = MappingProxyType({"openvino": None, "onnxruntime": "edge", "torch": "train"})
"""Every engine, fastest on a CPU first (measured: docs/engines.md), with the extra that installs it."""


class Engine(Protocol):
    """A detector made ready to run at one height and width."""

    name: str
    version: str
    precision: str
    """What it computes in, e.g. ``float32`` or ``bfloat16``."""
    batch: int
    """How many images to hand over at once for best speed; the answer is the same for any number."""

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run (n, C, h, w) float32 in physical units and give (n, h, w) float32 probability."""
        ...


def available() -> tuple[str, ...]:
    """The engines whose packages are installed, fastest on a CPU first."""
    return tuple(name for name in EXTRAS if find_spec(name) is not None)


def open_engine(
    detector: Detector,
    name: str = "auto",
    *,
    height: int,
    width: int,
    precision: Precision = "float32",
    threads: int | None = None,
) -> Engine:
    """Make a detector ready to run.

    Args:
        detector: what to run.
        name: ``openvino``, ``onnxruntime``, ``torch``, or ``auto`` for the fastest that is installed.
        height: of every image, in pixels; a multiple of the card's ``size_multiple``.
        width: likewise.
        precision: ``float32``, or ``bfloat16`` where engine and CPU have it: faster, but no longer the card's scores.
        threads: how many to use; all cores where None.

    Raises:
        EngineError: the engine is unknown or cannot run this detector.
        MissingExtraError: its package is not installed.
    """
    if name == "auto":
        name = next(iter(available()), "openvino")
    if name not in EXTRAS:
        raise EngineError(f"there is no engine '{name}': allowed are auto, {', '.join(EXTRAS)}")
    if find_spec(name) is None:
        extra = EXTRAS[name]
        remedy = f"pip install 'landslip[{extra}]'" if extra else f"pip install {name}"
        raise MissingExtraError(f"the engine '{name}' is not installed: install it with  {remedy}")
    if precision != "float32" and name != "openvino":
        raise EngineError(f"the engine '{name}' computes in float32 only: leave out --precision or take openvino")
    multiple = detector.card.size_multiple
    if height % multiple or width % multiple or min(height, width) < 1:
        raise EngineError(f"{detector.card.name} runs on multiples of {multiple} px, not on {height} x {width}")
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
    return make(detector, height=height, width=width, precision=precision, threads=threads)


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
