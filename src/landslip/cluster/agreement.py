"""What client and workers must have in common, so that a map does not depend on where its blocks were made."""

import hashlib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import rasterio

from landslip.detector.detector import Detector
from landslip.inference.engine import InferenceOptions
from landslip.inference.engine_pool import EnginePool
from landslip.inference.synthetic_inputs import synthetic_images

PACKAGES: Final = ("landslip", "numpy", "rasterio", "pyproj", "odc-geo", "openvino", "onnxruntime")
"""Packages whose version may change a value."""
_IMAGES: Final = 2


def installed_versions() -> dict[str, str]:
    """Return the versions of the packages that may change a value, and of GDAL; "not installed" where one is absent.

    Example:
        >>> "GDAL" in installed_versions()
        True
    """
    found = {"GDAL": str(rasterio.__gdal_version__)}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def describe_differences(here: Mapping[str, object], there: Mapping[str, object]) -> str:
    """Return what differs between the client and a worker, in words; empty where nothing does.

    Example:
        >>> describe_differences({"numpy": "2.4", "GDAL": "3.9"}, {"numpy": "2.3", "GDAL": "3.9"})
        'numpy 2.4 here and 2.3 there'
    """
    names = [*here, *(name for name in there if name not in here)]
    return ", ".join(
        f"{name} {here.get(name, 'not known')} here and {there.get(name, 'not known')} there"
        for name in names
        if here.get(name) != there.get(name)
    )


def engine_fingerprint(detector: Detector, options: InferenceOptions, engines: EnginePool) -> str:
    """Return a sha256 over what an engine computes from two fixed images, to the bit.

    Engines choose other instructions on other kinds of CPU, whose results may differ in the last digits.

    Args:
        detector: to run.
        options: engine and precision, not ``auto``.
        engines: that are already open.

    Raises:
        EngineError: the engine is not available here, or cannot run this detector.

    Example:
        >>> from landslip.detector.detector import Detector
        >>> options = InferenceOptions("openvino", "float32", 1)
        >>> len(engine_fingerprint(Detector.open("s2-rgb"), options, EnginePool()))
        64
    """
    side = detector.card.tile_px
    engine = engines.open(detector, options, height=side, width=side)
    probability = engine(synthetic_images(detector.card.channels, _IMAGES, side, side))
    return hashlib.sha256(probability.tobytes()).hexdigest()
