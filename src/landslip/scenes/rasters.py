"""A scene from raster files: one with many bands, several with one band each, or a folder of them."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path

from odc.geo.geobox import GeoBox

from landslip.channels import CHANNELS
from landslip.errors import SceneError
from landslip.grid.alignment import ground_resolution_m, grids_overlap, same_grid
from landslip.scenes.bands import TakenBand, bands_by_list, bands_by_name
from landslip.scenes.dates import acquisition_date
from landslip.scenes.georeference import file_grids
from landslip.scenes.raster_file import RasterFile
from landslip.scenes.regridded import Regridded
from landslip.scenes.scene import Layer, Scene, Source
from landslip.scenes.units import Conversion, conversions

_ENDINGS = frozenset({".tif", ".tiff", ".jp2", ".vrt", ".img"})


def open_scene(
    paths: str | PathLike[str] | Iterable[str | PathLike[str]],
    *,
    channels: str | Sequence[str] | None = None,
    scale: float | None = None,
    pixel_size_m: float | None = None,
) -> Scene:
    """Open rasters as one scene; headers and a sample are read now, pixels when asked for.

    The grid is that of the finest reflectance channel (of the finest channel, where there is only terrain); others
    are resampled to it, bilinear. What was taken and why is in ``scene.describe()``.

    Args:
        paths: one raster, several, or a folder of rasters.
        channels: channel names, one for each band of the files in order, ``-`` to skip one, as a list or as in
            ``"B04,B03,B02"``; left out, bands are known by their descriptions, tags or file names.
        scale: DN = stored value x scale for reflectance; goes before what the files say.
        pixel_size_m: the side of a pixel, for images without a CRS.

    Raises:
        SceneError: a file is missing, damaged, no raster, without a place on the ground or without known names.
        ChannelError: ``channels`` names an unknown channel, or one twice.
    """
    given = [Path(path) for path in ([paths] if isinstance(paths, str | PathLike) else paths)]
    files = [RasterFile(path) for path in _raster_paths(given)]
    names = channels.split(",") if isinstance(channels, str) else channels
    if names is not None:
        taken, notes = bands_by_list(files, names)
    else:
        one_by_one = not any(path.is_dir() for path in given)
        taken, notes = bands_by_name(files, given_one_by_one=one_by_one)
    used = [file for file in files if any(one.file is file for one in taken)]
    for file in used:
        file.take_as_channels(one.band for one in taken if one.file is file)
    grids, place_warnings = file_grids(used, pixel_size_m)
    grid = _finest(taken, dict(zip(map(id, used), grids, strict=True)))
    how, unit_warnings = conversions(taken, scale)
    sources = {id(file): _on_grid(file, own, grid, taken, how) for file, own in zip(used, grids, strict=True)}
    layers = {one.channel: _layer(one, conversion, sources) for one, conversion in zip(taken, how, strict=True)}
    date = acquisition_date([file.path for file in used], [_tags(file) for file in used], given)
    options = {"channels": names and list(names), "scale": scale, "pixel_size_m": pixel_size_m}
    return Scene(
        geobox=grid,
        layers={name: layers[name] for name in CHANNELS if name in layers},
        name=_name(given),
        date=date.moment,
        warnings=(*place_warnings, *unit_warnings, *date.warnings),
        notes=(*notes, *date.notes),
        identity=_identity(used, options),
    )


def _raster_paths(given: Sequence[Path]) -> list[Path]:
    """The files given, and those in the folders given by name.

    Raises:
        SceneError: nothing was given, something does not exist, or a folder holds no raster.
    """
    if not given:
        raise SceneError("no raster was given: give a file, several, or a folder of them")
    found: list[Path] = []
    for path in given:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(one for one in path.iterdir() if one.suffix.lower() in _ENDINGS and one.is_file())
        if not inside:
            raise SceneError(
                f"folder {path} holds no raster: give one with {', '.join(sorted(_ENDINGS))} files right inside it"
            )
        found += inside
    return found


def _finest(taken: Sequence[TakenBand], grids: dict[int, GeoBox]) -> GeoBox:
    """The grid of the finest reflectance channel, the first of equals; of any channel where there is only terrain."""
    reflectance = [one for one in taken if CHANNELS[one.channel].kind == "reflectance"]
    candidates = [grids[id(one.file)] for one in reflectance or taken]
    # Resolutions that differ by rounding are equal.
    return min(candidates, key=lambda grid: float(f"{ground_resolution_m(grid):.4g}"))


def _on_grid(
    file: RasterFile, own: GeoBox, grid: GeoBox, taken: Sequence[TakenBand], how: Sequence[Conversion]
) -> Source:
    """The file itself where it lies on the scene's grid, else resampled to it.

    Raises:
        SceneError: the file lies elsewhere.
    """
    if same_grid(own, grid):
        return file
    if not grids_overlap(own, grid):
        raise SceneError(f"{file.path.name} lies elsewhere than the other files: give files of one place")
    blank = frozenset(
        one.band for one, conversion in zip(taken, how, strict=True) if one.file is file and conversion.blank_zero
    )
    finer = int(ground_resolution_m(grid) / ground_resolution_m(own) + 1e-3)
    return Regridded(file, own, grid, max(1, min(finer, *file.shape)), blank)


def _layer(one: TakenBand, conversion: Conversion, sources: dict[int, Source]) -> Layer:
    """The layer of a band."""
    source = sources[id(one.file)]
    resampled = ""
    if isinstance(source, Regridded):
        resampled = f", resampled from {ground_resolution_m(source.file_grid):.4g} m"
    return Layer(
        source=source,
        band=one.band,
        origin=f"{one.place} ({one.because}){resampled}",
        gain=conversion.gain,
        offset=conversion.offset,
        conversion=conversion.words,
        blank_zero=conversion.blank_zero,
    )


def _tags(file: RasterFile) -> dict[str, str]:
    """What a file says of itself as a whole."""
    return file.tags() | file.tags(namespace="IMAGERY")


def _name(given: Sequence[Path]) -> str:
    """What to call the scene: the file or folder given, or the folder that all files lie in."""
    parents = {path.resolve().parent for path in given}
    if len(given) == 1:
        path = given[0].resolve()
        return path.name if path.is_dir() else path.stem
    return parents.pop().name if len(parents) == 1 else given[0].stem


def _identity(files: Sequence[RasterFile], options: Mapping[str, object]) -> str:
    """A sha256 over what was read and how."""
    parts = [part.resolve() for file in files for part in file.parts if part.is_file()]
    stats = [(str(part), part.stat()) for part in parts]
    facts = {"files": [[path, stat.st_size, stat.st_mtime_ns] for path, stat in stats], "options": options}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
