"""Which bands of the files given become channels of the scene, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from rasterio.enums import ColorInterp

from landslip.channels import channels_named
from landslip.errors import SceneError
from landslip.scenes.naming import Naming, companion_of, from_band, from_file_name, from_stac_tag
from landslip.scenes.raster_file import RasterFile

_SKIP = frozenset({"", "-", "_"})
_COLOURS = {ColorInterp.red: "B04", ColorInterp.green: "B03", ColorInterp.blue: "B02"}


@dataclass(frozen=True, slots=True)
class TakenBand:
    """A band that becomes a channel."""

    file: RasterFile
    band: int
    channel: str
    because: str

    @property
    def place(self) -> str:
        """File and band, for people."""
        return f"{self.file.path.name}, band {self.band}"


def bands_by_list(files: Sequence[RasterFile], names: Sequence[str]) -> tuple[list[TakenBand], list[str]]:
    """Take bands by a list of channel names, one for each band of the files in order; ``-`` or ``_`` skips a band.

    Alpha bands are not counted, unless the list is as long as if they were.

    Returns:
        The bands taken, and notes on those left out.

    Raises:
        SceneError: the list is of another length than the bands, or skips them all.
        ChannelError: a channel is unknown or given twice.
    """
    bands = [(file, band) for file in files for band in range(1, file.count + 1)]
    if len(names) != len(bands):
        bands = [(file, band) for file, band in bands if band not in file.alphas]
    if len(names) != len(bands):
        held = ", ".join(f"{file.path.name} has {len(_image_bands(file))}" for file in files)
        raise SceneError(
            f"--channels names {len(names)} and there are {len(bands)} bands ({held}): name every band in that order, "
            f"'-' for one to skip"
        )
    chosen = [(place, name) for place, name in zip(bands, names, strict=True) if name.strip() not in _SKIP]
    if not chosen:
        raise SceneError("--channels skips every band: name at least one")
    channels = channels_named(name for _, name in chosen)
    taken = [
        TakenBand(file, band, channel, "named by --channels")
        for ((file, band), _), channel in zip(chosen, channels, strict=True)
    ]
    skipped = [place for place, name in zip(bands, names, strict=True) if name.strip() in _SKIP]
    return taken, [f"left out: {file.path.name}, band {band} (skipped by --channels)" for file, band in skipped]


def bands_by_name(files: Sequence[RasterFile], *, given_one_by_one: bool) -> tuple[list[TakenBand], list[str]]:
    """Take the bands whose description, tags or file name name a channel.

    Where none does and there is but one file, the colours red, green and blue are taken if it marks its bands so.

    Args:
        files: the files.
        given_one_by_one: the user named each file, so that one of no use is an error.

    Returns:
        The bands taken, and notes on those left out.

    Raises:
        SceneError: no band has a known name, or two have the same.
    """
    taken: list[TakenBand] = []
    notes: list[str] = []
    for file in files:
        companion = companion_of(file.path.stem) if len(files) > 1 else None
        found = [] if companion else _named_bands(file)
        taken += found
        if companion:
            notes.append(f"left out: {file.path.name} ({companion})")
        elif not found and given_one_by_one and len(files) > 1:
            raise SceneError(
                f"{file.path.name} names no channel, neither in its band descriptions nor in its file name: leave it "
                f"out, or name all bands with --channels"
            )
        else:
            unknown = [str(band) for band in _image_bands(file) if band not in {one.band for one in found}]
            if unknown:
                notes.append(f"left out: {file.path.name}, band {', '.join(unknown)} (names no channel)")
    if not taken and len(files) == 1:
        taken, notes = _coloured_bands(files[0]), []
    if not taken:
        raise SceneError(_no_names(files))
    _refuse_twice(taken)
    return taken, notes


def _image_bands(file: RasterFile) -> list[int]:
    """The bands that are not alpha."""
    return [band for band in range(1, file.count + 1) if band not in file.alphas]


def _named_bands(file: RasterFile) -> list[TakenBand]:
    """The bands that the file names, or the one that its file name names."""
    listed = from_stac_tag(file.tags(), file.count)
    namings: dict[int, Naming | None] = {
        band: from_band(file.descriptions[band - 1], file.tags(band)) or listed[band - 1]
        for band in range(1, file.count + 1)
    }
    image_bands = _image_bands(file)
    if not any(namings.values()) and len(image_bands) == 1:
        namings[image_bands[0]] = from_file_name(file.path.stem)
    return [
        TakenBand(file, band, naming.channel, f"known by {naming.because}")
        for band, naming in namings.items()
        if naming is not None
    ]


def _coloured_bands(file: RasterFile) -> list[TakenBand]:
    """Red, green and blue as the file marks them; none where it does not mark one band with each."""
    if any(file.colours.count(colour) != 1 for colour in _COLOURS):
        return []
    return [
        TakenBand(file, file.colours.index(colour) + 1, channel, f"marked as the colour {colour.name}")
        for colour, channel in _COLOURS.items()
    ]


def _refuse_twice(taken: Sequence[TakenBand]) -> None:
    """Check that no two bands name one channel.

    Raises:
        SceneError: two do.
    """
    first: dict[str, TakenBand] = {}
    for one in taken:
        other = first.setdefault(one.channel, one)
        if other is not one:
            raise SceneError(
                f"{one.channel} is named twice, by {other.place} and by {one.place}: give only one of them, or name "
                f"all bands with --channels, '-' for one to skip"
            )


def _no_names(files: Sequence[RasterFile]) -> str:
    """The error for bands of unknown names."""
    count = sum(len(_image_bands(file)) for file in files)
    said = [text for file in files for text in file.descriptions if text]
    names = f"are described as {', '.join(map(repr, said[:6]))}" if said else "bear no descriptions"
    example = ",".join((["B04", "B03", "B02", "B08"] + ["-"] * count)[:count]) if count <= 8 else "B02,B03,..."
    where = files[0].path.name if len(files) == 1 else f"{len(files)} files"
    return (
        f"no band of {where} has a known name ({count} {'band' if count == 1 else 'bands'}, which {names}): name each "
        f"in order, as in --channels {example}"
    )
