"""Whether the stored values of an image agree with the offset that its item tells; else which offset to take.

Items of several providers tell a wrong offset or none. A sample of the whole tile at coarse resolution decides what can
be decided, and refuses the rest.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.errors import SceneError
from landslip.scenes.catalogue.items import Image
from landslip.scenes.catalogue.reading import RemoteReader
from landslip.scenes.product_metadata import FIRST_BASELINE_WITH_OFFSET

_SAMPLED: Final = ("B02", "B03", "B04", "B11", "B12")
"""Bands in which nearly every tile has pixels below 1,000 DN."""
_FLOOR_DN: Final = 950.0
"""With the offset the darkest 0.1 % of pixels are not below this."""
_MAX_NEGATIVE: Final = 0.2
_SAMPLE_PX: Final = 256
_LEAST_PIXELS: Final = 1000


def settle_offset(
    image: Image, reader: RemoteReader, given: float | None, channels: Sequence[str]
) -> tuple[Image, str]:
    """Return an image whose files all have an offset, and a warning; empty if there is none.

    Args:
        image: as its item tells.
        reader: of the catalogue's files.
        given: offset in DN that the user gave: it is taken without a check.
        channels: that are to be read.

    Raises:
        SceneError: the values contradict the offset, or nothing tells it and the values look as if it were there.
        RunError: a file cannot be read.
    """
    if given is not None:
        return image.with_offset(given, "as given"), ""
    samples = dict(_samples(image, reader, channels))
    told = {one.offset_dn for name, one in image.bands.items() if name in channels}
    floor = min((float(np.percentile(values, 0.1)) for values in samples.values()), default=None)
    with_offset = floor is not None and floor >= _FLOOR_DN
    new = not image.baseline or image.baseline >= FIRST_BASELINE_WITH_OFFSET
    if None in told:
        if with_offset:
            raise SceneError(
                f"nothing tells whether the values of {image.name} hold the offset of 1,000 of processing baseline "
                f"04.00, and no pixel of the tile is below about {floor:,.0f} DN, as if they did: give offset -1000, "
                "or 0 if there is none",
                parameter="offset",
            )
        why = f"values down to {floor:,.0f} DN suggest that there is none" if floor is not None else "it is taken for 0"
        return image.with_offset(
            0.0, "nothing; taken for 0"
        ), f"nothing tells the offset of {image.name}; {why}: set offset to -1000 otherwise"
    if told == {0.0} and new and with_offset:
        raise SceneError(
            f"{_source(image)} tells that the values of {image.name} hold no offset, but no pixel of the tile is below "
            f"about {floor:,.0f} DN, as if they held that of processing baseline 04.00: give offset -1000, or 0 if "
            "there is none",
            parameter="offset",
        )
    for channel, values in samples.items():
        offset = image.bands[channel].offset_dn or 0.0
        negative = float((values + offset < 0).mean())
        if negative > _MAX_NEGATIVE:
            raise SceneError(
                f"{_source(image)} tells the offset {offset:g} for {image.name}, which makes {negative:.0%} of "
                f"{channel} negative, as if it were removed twice: give offset 0 if it was removed already",
                parameter="offset",
            )
    return image, ""


def _source(image: Image) -> str:
    return next((one.offset_from for one in image.bands.values() if one.offset_from), "the item")


def _samples(image: Image, reader: RemoteReader, channels: Sequence[str]) -> list[tuple[str, NDArray[np.float64]]]:
    """Return valid stored values, in DN without the offset, of the bands that tell an offset."""
    found = []
    for channel in _SAMPLED:
        if channel not in image.bands or channel not in channels:
            continue
        file = image.bands[channel]
        grid = reader.header(file.href).grid
        factor = -(-max(grid.shape) // _SAMPLE_PX)
        coarse = grid.zoom_out(factor) if factor > 1 else grid
        stored = reader.read(file.href, coarse, dtype="float32", fill=0, nodata=0, resampling="nearest")
        values = stored[stored > 0].astype(np.float64) * file.gain
        if values.size >= _LEAST_PIXELS:
            found.append((channel, values))
    return found
