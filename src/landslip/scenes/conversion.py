"""Conversion of stored values to DN, degrees and metres, by the user, the file or the product's metadata."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from landslip.channels import CHANNELS, DN_PER_REFLECTANCE, patch_image_gain
from landslip.errors import SceneError
from landslip.scenes.bands import ChannelBand
from landslip.scenes.exports import export_statement
from landslip.scenes.product_metadata import ProductMetadata, Statement
from landslip.scenes.terrain_unit import metres_per_unit


@dataclass(frozen=True, slots=True)
class Conversion:
    """Value in the channel's unit = stored value x gain + offset."""

    gain: float = 1.0
    offset: float = 0.0
    description: str = ""
    """Empty for values used as stored."""
    blank_zero: bool = False
    """Whether a stored 0 may be nodata."""
    statement: Statement | None = None
    """What the metadata of the product tell about the offset, unless the user gave it."""
    offset_known: bool = False
    """Whether the user, the file or the metadata state the offset."""


@dataclass(frozen=True, slots=True)
class GivenUnits:
    """What the user gives about the stored values."""

    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None

    def check(self) -> None:
        """Check the values.

        Raises:
            SceneError: the scale is not positive, or the offset not finite.
        """
        if self.scale is not None and not (math.isfinite(self.scale) and self.scale > 0):
            raise SceneError(
                f"scale must be positive (10000 for reflectance in 0..1), got {self.scale:g}", parameter="scale"
            )
        if self.offset is not None and not math.isfinite(self.offset):
            raise SceneError(f"offset must be a finite number of DN, got {self.offset:g}", parameter="offset")

    def doubts(self) -> list[str]:
        """Return warnings about numbers that are allowed but hardly ever meant."""
        if self.offset is None or self.offset == 0:
            return []
        if abs(self.offset) < 1:
            return [
                f"an offset of {self.offset:g} was given, and offsets are in DN (reflectance x 10,000): set offset to "
                f"{self.offset * DN_PER_REFLECTANCE:g} if it is reflectance"
            ]
        if self.offset > 0:
            return [
                f"an offset of {self.offset:g} was given, which makes the scene brighter: set offset to "
                f"{-self.offset:g} to remove what a product added"
            ]
        return []


def conversion_of(one: ChannelBand, given: GivenUnits, metadata: ProductMetadata) -> Conversion:
    """Return the conversion of one band.

    Raises:
        SceneError: scale or offset of the file are not usable.
    """
    tag_scale, tag_offset = one.file.scales[one.band - 1], one.file.offsets[one.band - 1]
    channel = CHANNELS[one.channel]
    tagged = tag_scale != 1 or tag_offset != 0
    if channel.kind == "terrain":
        _check_tags(one, tag_scale, tag_offset)
        metres = metres_per_unit(one)
        description = f"{channel.unit} = {_line(tag_scale, tag_offset)}, as tagged in the file" if tagged else ""
        if metres != 1:
            line = _line(tag_scale * metres, tag_offset * metres)
            description = f"{channel.unit} = {line}, by the unit of its band, {one.file.units[one.band - 1]}"
        return Conversion(tag_scale * metres, tag_offset * metres, description)
    blank_zero = not one.file.declares_nodata(one.band)
    if given.scale is None and given.offset is None and is_patch_image(one.file.path) and channel.l4s_divisor:
        gain = patch_image_gain(one.channel)
        description = f"relative DN = {_line(gain, 0)}, as all images of a patch set (img/image_N.png)"
        return Conversion(gain, 0.0, description, offset_known=True)
    if given.scale is not None:
        description = f"DN = {_line(given.scale, given.offset or 0)}, with the given scale" + (
            ", not as tagged in the file" if tagged else ""
        )
        return Conversion(given.scale, given.offset or 0.0, description, blank_zero, None, given.offset is not None)
    _check_tags(one, tag_scale, tag_offset)
    gain = tag_scale * DN_PER_REFLECTANCE if tag_scale != 1 else 1.0
    if given.offset is not None:
        description = f"DN = {_line(gain, given.offset)}, with the given offset"
        return Conversion(gain, given.offset, description, blank_zero, None, offset_known=True)
    if tag_offset != 0:
        factor = DN_PER_REFLECTANCE if tag_scale != 1 else 1.0
        line = f"{factor:g} x ({_line(tag_scale, tag_offset)})" if tag_scale != 1 else _line(1, tag_offset)
        description = f"DN = {line}, as tagged in the file"
        return Conversion(gain, tag_offset * factor, description, blank_zero, None, offset_known=True)
    return _by_metadata(one, gain, blank_zero, metadata)


def _by_metadata(one: ChannelBand, gain: float, blank_zero: bool, metadata: ProductMetadata) -> Conversion:
    """Return the conversion of a band whose file states no offset."""
    tag_scale = one.file.scales[one.band - 1]
    description = ""
    if tag_scale != 1:
        description = f"DN = {DN_PER_REFLECTANCE:g} x ({_line(tag_scale, 0)}), as tagged in the file"
    dtype = one.file.dtypes[one.band - 1]
    exported = export_statement(one.file.path, dtype)
    statement = one.file.statement or exported or metadata.statement(one.file.path, one.channel, one.file.tags())
    if statement is None or statement.offset is None or (dtype == "uint8" and not exported):
        return Conversion(gain, 0.0, description, blank_zero, statement)
    factor = DN_PER_REFLECTANCE / statement.quantification if tag_scale == 1 else 1.0
    if statement.offset != 0 or factor != 1:
        gain, offset = gain * factor, statement.offset * factor
        description = f"DN = {_line(gain, offset)}, as stated in {statement.source}"
        return Conversion(gain, offset, description, blank_zero, statement, offset_known=True)
    return Conversion(gain, 0.0, description, blank_zero, statement, offset_known=True)


def is_patch_image(path: Path) -> bool:
    """Return whether a file is an image of an RGB patch set: ``img/image_N.png`` beside ``mask/``."""
    folder = path.absolute().parent
    named = re.fullmatch(r"image_\d+\.png", path.name) is not None
    return named and folder.name == "img" and (folder.parent / "mask").is_dir()


def _check_tags(one: ChannelBand, scale: float, offset: float) -> None:
    """Check the tags of a band.

    Raises:
        SceneError: the scale is not positive, or one of them is not finite.
    """
    if math.isfinite(scale) and scale > 0 and math.isfinite(offset):
        return
    remedy = (
        "give the scale of the stored values, 1 for DN"
        if CHANNELS[one.channel].kind == "reflectance"
        else ("correct the tags with gdal_edit -scale 1 -offset 0")
    )
    raise SceneError(
        f"{one.label} is tagged with scale {scale:g} and offset {offset:g}, which cannot convert its values: {remedy}",
        parameter="scale",
    )


def _line(scale: float, offset: float) -> str:
    """Format ``value x scale + offset``."""
    description = "value" if scale == 1 else f"value x {scale:g}"
    return description if offset == 0 else f"{description} {'-' if offset < 0 else '+'} {abs(offset):g}"
