"""landslip: finds and maps landslides from satellite images with deep learning.

The names below are the public face. They are imported when first used, so that ``import landslip`` is cheap.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from landslip.detector.detector import Detector
    from landslip.evaluation.evaluate import evaluate
    from landslip.mapping.run import map_scene
    from landslip.scenes.rasters import open_scene
    from landslip.scenes.scene import Scene
    from landslip.training.train import train

__version__ = "0.1.0"

__all__ = ["Detector", "Scene", "__version__", "evaluate", "map_scene", "open_scene", "train"]

_HOMES = {
    "Detector": "landslip.detector.detector",
    "Scene": "landslip.scenes.scene",
    "evaluate": "landslip.evaluation.evaluate",
    "map_scene": "landslip.mapping.run",
    "open_scene": "landslip.scenes.rasters",
    "train": "landslip.training.train",
}


def __getattr__(name: str) -> object:
    """Import a public name from the room it lives in (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'landslip' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
