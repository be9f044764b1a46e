"""What a picture or raster made of patches has to say of where they come from."""

from pathlib import Path
from typing import Final

SENTINEL: Final = "Contains modified Copernicus Sentinel data."
SYNTHETIC: Final = "Synthetic: no place on Earth, no measurement."
MARK: Final = "synthetic.json"
"""Lies in what ``landslip data make`` makes, and in a store of it."""


def attribution(patches: Path) -> str:
    """The sentence that belongs under anything made of a set of patches."""
    return SYNTHETIC if (patches / MARK).is_file() else SENTINEL
