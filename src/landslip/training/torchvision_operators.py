"""Lets torchvision be imported beside a PyTorch that its compiled half does not fit.

torchvision's Python half registers shape rules for its compiled operators as soon as it is imported. Where the
compiled half cannot be loaded (a CUDA build of torchvision beside a CPU build of torch) those operators do not
exist, and the import stops with ``operator torchvision::nms does not exist``. timm and
segmentation-models-pytorch import torchvision, although landslip's networks call none of these operators. So they
are declared here, without a body: calling one still fails, importing does not. Where the compiled half loads,
nothing is declared.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import torch

SIGNATURES: Final = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

# A torch library forgets its declarations when it is collected: it has to live as long as the process.
_kept: list[torch.library.Library] = []


def declare_missing_operators() -> tuple[str, ...]:
    """Declare the torchvision operators that its import needs and that do not exist; returns their names.

    Call it before the first import of torchvision, timm, segmentation_models_pytorch, torchmetrics or lightning.
    Harmless to call again.
    """
    if _kept or _compiled_half_loads():
        return ()
    missing = tuple(signature for signature in SIGNATURES if not _exists(signature.split("(", 1)[0]))
    if missing:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for signature in missing:
            library.define(signature)
        _kept.append(library)
    return tuple(signature.split("(", 1)[0] for signature in missing)


def _compiled_half_loads() -> bool:
    """Whether torchvision is absent (nothing to do) or its own compiled operators load."""
    package = find_spec("torchvision")
    if package is None or package.origin is None:
        return True
    for library in sorted(Path(package.origin).parent.glob("_C.*")):
        try:
            torch.ops.load_library(library)
        except OSError:
            continue
        return True
    return False


def _exists(operator: str) -> bool:
    return hasattr(torch.ops.torchvision, operator)
