"""Products whose stored values are known from the name of the file, because nothing in the file tells them.

- Raw bands of the Copernicus Browser and the EO Browser, ``..._Sentinel-2_L2A_B04_(Raw).tiff``: reflectance 0..1 as
  float, or times 65,535 in 16 bits or 255 in 8 bits (open source of the Copernicus Browser, ``ImageDownload.utils``);
  Sentinel Hub has removed the offset (``harmonizeValues`` is its default).
- Theia, made by MAJA, ``SENTINEL2A_..._L2A_T31TCJ_..._FRE_B4.tif``: reflectance x 10,000, -10,000 where not observed
  (Theia, "Sentinel-2 L2A format").
"""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from landslip.scenes.product_metadata import Statement

_BROWSER: Final = re.compile(r"Sentinel-2_L(?:1C|2A)_B(?:\d\d|8A)_\(Raw\)(?:[ _]?\(\d+\))?$")
_THEIA: Final = re.compile(r"^SENTINEL2[A-D]_\d{8}-\d{6}-\d+_L2A_T\d\d[A-Z]{3}_\w_V[\d-]+_(FRE|SRE)_B(?:\d{1,2}|8A)$")
_BROWSER_QUANTIFICATION: Final[Mapping[str, float]] = MappingProxyType(
    {"float32": 1.0, "float64": 1.0, "uint16": 65_535.0, "uint8": 255.0}
)
_THEIA_NODATA: Final = -10_000.0


def export_statement(path: Path, dtype: str) -> Statement | None:
    """Return what the name of a file tells about its stored values; None if nothing.

    Args:
        path: of the file.
        dtype: of the stored values.

    Example:
        >>> name = "2018-09-20-00_00_2018-09-20-23_59_Sentinel-2_L2A_B04_(Raw).tiff"
        >>> export_statement(Path(name), "uint16").quantification
        65535.0
    """
    if _BROWSER.search(path.stem) and dtype in _BROWSER_QUANTIFICATION:
        return Statement(
            f"the name of a raw {dtype} band of the Copernicus Browser",
            offset=0.0,
            quantification=_BROWSER_QUANTIFICATION[dtype],
        )
    if _THEIA.match(path.stem) and dtype == "int16":
        return Statement("the name of a Theia product", offset=0.0, nodata=_THEIA_NODATA)
    return None


def theia_kind(path: Path) -> str:
    """Return ``SRE`` or ``FRE`` for a band of a Theia product, without or with correction for slopes; empty for others.

    Example:
        >>> theia_kind(Path("SENTINEL2A_20190725-105725-224_L2A_T31UFQ_C_V2-2_FRE_B4.tif"))
        'FRE'
    """
    found = _THEIA.match(path.stem)
    return found[1] if found else ""
