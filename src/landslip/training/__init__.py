"""From labelled patches to a detector (extra `train`).

Importing this package checks that the extra is installed and declares the operators that torchvision's import needs
and may lack, so that every module below imports its libraries in the usual place.
"""

from importlib.util import find_spec
from typing import Final

from landslip.errors import MissingExtraError, require_extra

_MODULES: Final = ("segmentation_models_pytorch", "lightning", "onnxscript", "safetensors", "yaml", "matplotlib")

require_extra("torch", "train")
for _module in _MODULES:
    if find_spec(_module) is None:
        raise MissingExtraError.of(_module, "train")

from landslip.training.torchvision_operators import declare_missing_operators  # noqa: E402 - needs torch

declare_missing_operators()
