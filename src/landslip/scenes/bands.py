"""Assignment of the bands of the given files to channels."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rasterio.enums import ColorInterp

from landslip.channels import find_channels
from landslip.errors import SceneError
from landslip.scenes.exports import theia_kind
from landslip.scenes.naming import Naming, companion_of, foreign_file, from_stac_tag, read_band, read_name
from landslip.scenes.raster_file import RasterFile

_SKIP = frozenset({"", "-", "_"})
_COLOURS = {ColorInterp.red: "B04", ColorInterp.green: "B03", ColorInterp.blue: "B02"}


@dataclass(frozen=True, slots=True)
class ChannelBand:
    """A band assigned to a channel."""

    file: RasterFile
    band: int
    channel: str
    because: str
    """How it was recognised."""

    @property
    def label(self) -> str:
        """File and band."""
        return f"{self.file.path.name}, band {self.band}"


def bands_by_list(files: Sequence[RasterFile], names: Sequence[str]) -> tuple[list[ChannelBand], list[str]]:
    """Assign bands by a list of channel names, one per band of the files in order; ``-`` or ``_`` skips a band.

    Alpha bands are not counted, unless the list has a name for each of them too.

    Returns:
        The assigned bands, and notes on those left out.

    Raises:
        SceneError: the list and the bands differ in number, or every band is skipped.
        ChannelError: a channel is unknown or given twice.
    """
    bands = [(file, band) for file in files for band in range(1, file.count + 1)]
    if len(names) != len(bands):
        bands = [(file, band) for file, band in bands if band not in file.alphas]
    if len(names) != len(bands):
        held = ", ".join(f"{file.path.name} has {len(_image_bands(file))}" for file in files)
        raise SceneError(
            f"channels must name all {len(bands)} bands in order ({held}), '-' for a band to skip, got {len(names)}",
            parameter="channels",
        )
    chosen = [(band, name) for band, name in zip(bands, names, strict=True) if name.strip() not in _SKIP]
    if not chosen:
        raise SceneError("channels must name at least one band, all are skipped", parameter="channels")
    channels = find_channels(name for _, name in chosen)
    assigned = [
        ChannelBand(file, band, channel, "named by the user")
        for ((file, band), _), channel in zip(chosen, channels, strict=True)
    ]
    skipped = [band for band, name in zip(bands, names, strict=True) if name.strip() in _SKIP]
    return assigned, [f"left out: {file.path.name}, band {band} (skipped by the user)" for file, band in skipped]


def contradicted_names(assigned: Sequence[ChannelBand]) -> list[str]:
    """Return a warning on bands that the user named otherwise than their description, tags or file name do."""
    odd = []
    for one in assigned:
        naming, _ = read_band(one.file.descriptions[one.band - 1], one.file.tags(one.band))
        channel = naming.channel if naming else None
        if naming is None and one.file.count == 1:
            channel = read_name(one.file.path.stem, last_word_only=True).channel
        if channel and channel != one.channel:
            odd.append(f"{one.label} is named {one.channel}, and {channel} by the file")
    if not odd:
        return []
    more = f" and {len(odd) - 3} more" if len(odd) > 3 else ""
    return [f"the given channels disagree with the files: {'; '.join(odd[:3])}{more}; leave channels out to use theirs"]


def bands_by_name(files: Sequence[RasterFile], *, given_one_by_one: bool) -> tuple[list[ChannelBand], list[str]]:
    """Assign the bands whose description, tags or file name name a channel.

    If none does and there is a single file, its red, green and blue bands are used, where it marks them.

    Args:
        files: the files.
        given_one_by_one: whether the user named each file, so that a file without a channel is an error.

    Returns:
        The assigned bands, and notes on those left out.

    Raises:
        SceneError: no band is recognised, or two have the same name.
    """
    assigned: list[ChannelBand] = []
    notes: list[str] = []
    rejected: list[str] = []
    for file in files:
        companion = companion_of(file.path.stem) if len(files) > 1 else None
        found, reasons = ([], {}) if companion else _named_bands(file)
        assigned += found
        rejected += reasons.values()
        if companion:
            notes.append(f"left out: {file.path.name} ({companion})")
        elif not found and given_one_by_one and len(files) > 1:
            why = f" ({next(iter(reasons.values()))})" if reasons else ""
            raise SceneError(
                f"neither the band descriptions nor the file name of {file.path.name} name a channel{why}: leave it "
                f"out, or name all bands",
                parameter="channels",
            )
        else:
            named = {one.band for one in found}
            unknown = [band for band in _image_bands(file) if band not in named]
            nameless = [str(band) for band in unknown if band not in reasons]
            if nameless:
                notes.append(f"left out: {file.path.name}, band {', '.join(nameless)} (names no channel)")
            notes += [
                f"left out: {file.path.name}, band {band}, {reasons[band]}" for band in unknown if band in reasons
            ]
    if not assigned and len(files) == 1 and not rejected:
        assigned, notes = _coloured_bands(files[0]), []
    if not assigned:
        raise SceneError(_no_names(files, rejected), parameter="channels")
    assigned, corrected = _without_slope_correction(assigned)
    assigned, coarser = _finest_of_product(assigned)
    _check_unique(assigned)
    return assigned, [*notes, *corrected, *coarser]


def _image_bands(file: RasterFile) -> list[int]:
    """Return the bands that are not alpha bands."""
    return [band for band in range(1, file.count + 1) if band not in file.alphas]


def _named_bands(file: RasterFile) -> tuple[list[ChannelBand], dict[int, str]]:
    """Return the bands named in the file, or the single band named by its file name; and why others name none."""
    foreign = foreign_file(file.path, file.tags())
    listed = from_stac_tag(file.tags(), file.count)
    namings: dict[int, Naming] = {}
    reasons: dict[int, str] = {}
    for band in range(1, file.count + 1):
        naming, reason = read_band(file.descriptions[band - 1], file.tags(band), foreign)
        naming = naming or (None if reason or foreign else listed[band - 1])
        if naming:
            namings[band] = naming
        elif reason:
            reasons[band] = reason
    image_bands = _image_bands(file)
    if not namings and not reasons and len(image_bands) == 1:
        reading = read_name(file.path.stem, last_word_only=True, foreign=foreign)
        if reading.channel:
            namings[image_bands[0]] = Naming(reading.channel, "its file name")
        elif reading.rejected:
            reasons[image_bands[0]] = f"file name ({reading.rejected})"
    if any("disagree" in reason for reason in reasons.values()):
        # Where one number is not Sentinel-2's, none of the file is.
        odd = next(reason for reason in reasons.values() if "disagree" in reason)
        reasons |= dict.fromkeys(namings, f"its number is in doubt, because of another band: {odd}")
        namings = {}
    elif foreign and not reasons:
        reasons = dict.fromkeys(image_bands, f"{foreign}: not Sentinel-2 bands")
    found = [ChannelBand(file, band, naming.channel, f"known by {naming.because}") for band, naming in namings.items()]
    return found, reasons


_RESOLUTION = re.compile(r"(?i)[._-](10|20|60)m(?=[._-]|$)")


def _finest_of_product(assigned: Sequence[ChannelBand]) -> tuple[list[ChannelBand], list[str]]:
    """Keep the finest of the bands that one product has at several resolutions: ``..._B04_10m`` and ``..._B04_20m``.

    Returns:
        The bands kept, and notes on those left out.
    """
    groups: dict[tuple[str, str], list[ChannelBand]] = {}
    for one in assigned:
        groups.setdefault((one.channel, _RESOLUTION.sub("", one.file.path.stem)), []).append(one)
    dropped: list[int] = []
    notes: list[str] = []
    for group in groups.values():
        pixels = [abs(one.file.transform.determinant) for one in group]
        finest = group[pixels.index(min(pixels))]
        for one in group:
            if one is not finest and _RESOLUTION.search(one.file.path.stem):
                dropped.append(id(one))
                notes.append(
                    f"left out: {one.file.path.name}, {one.channel} is taken at its finest from {finest.label}"
                )
    return [one for one in assigned if id(one) not in dropped], notes


def _without_slope_correction(assigned: Sequence[ChannelBand]) -> tuple[list[ChannelBand], list[str]]:
    """Keep the bands of a Theia product without correction for slopes, where it has both.

    Level-1C, on which detectors are trained, has no such correction; it brightens slopes in shadow, which then resemble
    bare ground.

    Returns:
        The bands kept, and a note on those left out.
    """
    kinds = [theia_kind(one.file.path) for one in assigned]
    uncorrected = {one.channel for one, kind in zip(assigned, kinds, strict=True) if kind == "SRE"}
    dropped = [one for one, kind in zip(assigned, kinds, strict=True) if kind == "FRE" and one.channel in uncorrected]
    note = f"left out: {len(dropped)} bands with correction for slopes (FRE): the product has them without it (SRE)"
    return [one for one in assigned if one not in dropped], [note] if dropped else []


def _coloured_bands(file: RasterFile) -> list[ChannelBand]:
    """Return red, green and blue, if the file marks exactly one band with each."""
    if any(file.colours.count(colour) != 1 for colour in _COLOURS):
        return []
    return [
        ChannelBand(file, file.colours.index(colour) + 1, channel, f"marked as the colour {colour.name}")
        for colour, channel in _COLOURS.items()
    ]


def _check_unique(assigned: Sequence[ChannelBand]) -> None:
    """Check that every channel is named by one band only.

    Raises:
        SceneError: two bands name the same channel.
    """
    first: dict[str, ChannelBand] = {}
    for one in assigned:
        other = first.setdefault(one.channel, one)
        if other is not one:
            raise SceneError(
                f"channel {one.channel} is named twice, by {other.label} and by {one.label}: give only one of them, or "
                f"name all bands, '-' for a band to skip",
                parameter="channels",
            )


def _no_names(files: Sequence[RasterFile], rejected: Sequence[str]) -> str:
    """Return the error message for bands that are not recognised."""
    count = sum(len(_image_bands(file)) for file in files)
    described = [text for file in files for text in file.descriptions if text]
    names = f"described as {', '.join(map(repr, described[:6]))}" if described else "without descriptions"
    example = ",".join((["B04", "B03", "B02", "B08"] + ["-"] * count)[:count]) if count <= 8 else "B02,B03,..."
    where = files[0].path.name if len(files) == 1 else f"{len(files)} files"
    why = f"; {rejected[0]}" if rejected else ""
    return (
        f"no band of {where} is recognised ({count} {'band' if count == 1 else 'bands'} {names}{why}): if they are "
        f"bands that the detector was trained on, name each in order, for example {example}"
    )
