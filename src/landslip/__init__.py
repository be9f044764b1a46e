"""landslip: map landslides from satellite images with deep learning.

The names below are the public API (docs/api.md). They are imported on first use, so that ``import landslip`` is fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from landslip.api import open_scene
    from landslip.api_arrays import polygons, predict
    from landslip.api_many import map_scenes, merge_inventories
    from landslip.api_maps import fetch_scene, map_scene
    from landslip.api_patches import evaluate, open_patches, train
    from landslip.detector.detector import Detector
    from landslip.errors import LandslipError, LandslipWarning
    from landslip.mapping.run import MapResult
    from landslip.scenes.scene import Scene

__version__ = "0.2.0.dev0"

_MODULES = {
    "Detector": "landslip.detector.detector",
    "LandslipError": "landslip.errors",
    "LandslipWarning": "landslip.errors",
    "MapResult": "landslip.mapping.run",
    "Scene": "landslip.scenes.scene",
    "evaluate": "landslip.api_patches",
    "fetch_scene": "landslip.api_maps",
    "map_scene": "landslip.api_maps",
    "map_scenes": "landslip.api_many",
    "merge_inventories": "landslip.api_many",
    "open_patches": "landslip.api_patches",
    "open_scene": "landslip.api",
    "polygons": "landslip.api_arrays",
    "predict": "landslip.api_arrays",
    "train": "landslip.api_patches",
}

__all__ = [
    "Detector",
    "LandslipError",
    "LandslipWarning",
    "MapResult",
    "Scene",
    "__version__",
    "evaluate",
    "fetch_scene",
    "map_scene",
    "map_scenes",
    "merge_inventories",
    "open_patches",
    "open_scene",
    "polygons",
    "predict",
    "train",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module 'landslip' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
