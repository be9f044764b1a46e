"""Scenes from raster files: one file with many bands, several files, or a folder of them."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

from odc.geo.geobox import GeoBox

from landslip.channels import CHANNELS
from landslip.errors import SceneError
from landslip.files.path_names import check_path_name, is_system_file
from landslip.grid.alignment import covered_fraction, grids_overlap, ground_resolution_m, same_grid
from landslip.scenes.atmosphere import convert_to_toa
from landslip.scenes.bands import ChannelBand, bands_by_list, bands_by_name, contradicted_names
from landslip.scenes.conversion import Conversion, GivenUnits
from landslip.scenes.dates import AcquisitionDate, acquisition_date, drop_future_date
from landslip.scenes.georeference import file_grids
from landslip.scenes.naming import companion_of
from landslip.scenes.one_image import check_one_image
from landslip.scenes.raster_file import RasterFile
from landslip.scenes.remote import gdal_name, is_remote, local_or_remote, remote_state
from landslip.scenes.resampled_file import ResampledFile
from landslip.scenes.safe import find_product
from landslip.scenes.scene import Layer, Scene, Source
from landslip.scenes.scene_record import acquisition_of, changed_files, find_scene_record, state_values
from landslip.scenes.slope_unit import check_slope_unit
from landslip.scenes.tiles import join_tiles, tile_paths
from landslip.scenes.units import find_conversions

RASTER_ENDINGS = frozenset({".tif", ".tiff", ".jp2", ".vrt", ".img"})
_LEAST_COVER = 0.98
"""Fraction of the grid that a file must cover: coarse pixels may end before its edge."""


def open_scene(
    paths: str | PathLike[str] | Iterable[str | PathLike[str]],
    *,
    channels: str | Sequence[str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    nodata: float | None = None,
    pixel_size_m: float | None = None,
    to_toa: bool | None = None,
) -> Scene:
    """Open rasters as one scene. Headers and a sample are read now, pixels by ``Scene.read``.

    The grid is that of the finest reflectance channel, or of the finest channel if there is only terrain; other files
    are resampled to it by bilinear interpolation. ``Scene.describe`` lists the source of each channel. Warnings are in
    ``Scene.warnings``; ``landslip.open_scene`` also issues them.

    Args:
        paths: one raster, several, or a folder of rasters; also URLs of rasters (``https://``, ``s3://``).
        channels: channel names, one per band of the files in order, ``-`` to skip a band, as a sequence or as
            ``"B04,B03,B02"``; recognised from descriptions, tags or file names where None.
        scale: DN = stored value x scale + offset for reflectance; overrides the scale and offset in the files.
        offset: added to reflectance, in DN: -1000 for Sentinel-2 products since processing baseline 04.00 whose
            metadata are not beside the bands; overrides the offset in the files and in the metadata.
        nodata: stored value that is nodata, in addition to what the files declare. In elevation and slope it counts
            only where it is impossible, so that 0 does not remove the sea. NaN: the files declare all nodata, and no
            value is refused as undeclared fill.
        pixel_size_m: side of a pixel, for images without a CRS.
        to_toa: whether surface reflectance (L2A) is converted to approximate top-of-atmosphere reflectance (L1C), see
            ``landslip.scenes.atmosphere``. None: not here, but a map converts products known to be Level-2A; False:
            nowhere.

    Raises:
        SceneError: a file is missing, damaged or not a raster, has no usable georeference, or its bands are not
            recognised.
        ChannelError: ``channels`` names an unknown channel, or one twice.

    Example:
        >>> open_scene("examples/wayanad/wayanad.tif")
        Scene('wayanad', B02 B03 B04 B08, 640 x 640 px, EPSG:32643)
    """
    listed = [Path(path) for path in ([paths] if isinstance(paths, str | PathLike) else paths)]
    given = [local_or_remote(path) for path in listed]
    for path in given:
        check_path_name(path, SceneError, "paths")
    product, others = find_product(given)
    files, tile_notes = join_tiles(
        [RasterFile(path) for path in (_raster_paths(others) if others or not product else ())]
    )
    fetched = find_scene_record(others)
    if fetched:
        state_values(files, *fetched)
    if product:
        files = [*product.bands, *files]
    names = channels.split(",") if isinstance(channels, str) else channels
    if names is not None:
        assigned, notes = bands_by_list(files, names)
    else:
        one_by_one = not any(path.is_dir() for path in others)
        assigned, notes = bands_by_name(files, given_one_by_one=one_by_one)
    used = [file for file in files if any(one.file is file for one in assigned)]
    classification = product.classification if product else _find_classification(files, used)
    check_one_image(assigned, classification)
    name_warnings = contradicted_names(assigned) if names is not None else []
    for file in used:
        file.use_as_channels(one.band for one in assigned if one.file is file)
    grids, grid_warnings = file_grids(used, pixel_size_m)
    grid = _finest(assigned, dict(zip(map(id, used), grids, strict=True)))
    how, unit_warnings = find_conversions(assigned, GivenUnits(scale, offset, nodata))
    sources = {id(file): _on_grid(file, own, grid, assigned, how) for file, own in zip(used, grids, strict=True)}
    layers = {one.channel: _layer(one, conversion, sources) for one, conversion in zip(assigned, how, strict=True)}
    cover_warnings = tuple(_uncovered(used, grids, grid, assigned))
    paths_used = [path for file in used for path in tile_paths(file)]
    if product and product.metadata.sensed:
        date = AcquisitionDate(product.metadata.sensed)
    elif fetched:
        date = acquisition_of(fetched[1])
    else:
        date = acquisition_date(paths_used, [_tags(file) for file in used], given)
    date = drop_future_date(date)
    options = {
        "channels": names and list(names),
        "scale": scale,
        "offset": offset,
        "nodata": None if nodata is None else repr(float(nodata)),
        "pixel_size_m": pixel_size_m,
        "conversions": [[one.gain, one.offset] for one in how],
    }
    scene = Scene(
        geobox=grid,
        layers={name: layers[name] for name in CHANNELS if name in layers},
        name=product.metadata.name if product else _name(given),
        date=date.moment,
        warnings=(
            *(product.warnings if product else ()),
            *(changed_files(*fetched) if fetched else ()),
            *name_warnings,
            *grid_warnings,
            *cover_warnings,
            *unit_warnings,
            *date.warnings,
        ),
        notes=(*(product.notes if product else ()), *tile_notes, *notes, *_folder_notes(others), *date.notes),
        identity=_identity([*used, *([classification] if classification else [])], options),
        product=product.metadata if product else fetched[1].metadata() if fetched else None,
        classification=classification,
        to_toa=False if to_toa is False else None,
    )
    scene = replace(scene, warnings=(*scene.warnings, *check_slope_unit(scene)))
    if not to_toa:
        return scene
    _check_reflectance(assigned)
    return convert_to_toa(scene)


def _check_reflectance(assigned: Sequence[ChannelBand]) -> None:
    """Check that the bands can hold reflectance.

    Raises:
        SceneError: a band is an 8-bit picture.
    """
    for one in assigned:
        if CHANNELS[one.channel].kind == "reflectance" and one.file.dtypes[one.band - 1] == "uint8":
            raise SceneError(
                f"{one.label} holds the brightness of an 8-bit picture, not surface reflectance: leave out to_toa",
                parameter="to_toa",
            )


def _find_classification(files: Sequence[RasterFile], used: Sequence[RasterFile]) -> RasterFile | None:
    """Return the scene classification (SCL) beside the bands, if there is exactly one."""
    found = [
        file
        for file in files
        if companion_of(file.path.stem) == "scene classification"
        and file.dtypes == ("uint8",)
        and not any(file is one for one in used)
    ]
    return found[0] if len(found) == 1 else None


def _raster_paths(given: Sequence[Path]) -> list[Path]:
    """Return the given files, and the rasters in given folders by name.

    Raises:
        SceneError: there is no path, or a folder holds no raster.
    """
    if not given:
        raise SceneError("paths is empty: give a raster file, several, or a folder of them", parameter="paths")
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            found += _rasters_in(path)
        elif len(given) == 1 or not is_system_file(path):
            found.append(path)
    if not found:
        raise SceneError(
            f"{given[0]} is no raster: give a raster file, several, or a folder of them", parameter="paths"
        )
    return found


def _rasters_in(folder: Path) -> list[Path]:
    """Return the rasters of a folder by name, without the hidden files of operating systems.

    Raises:
        SceneError: it holds no raster.
    """
    inside = sorted(
        one
        for one in folder.iterdir()
        if one.suffix.lower() in RASTER_ENDINGS and not one.name.startswith(".") and one.is_file()
    )
    if inside:
        return inside
    endings = ", ".join(sorted(RASTER_ENDINGS))
    raise SceneError(f"folder {folder} contains no raster: give a folder with {endings} files")


def _folder_notes(given: Sequence[Path]) -> Iterator[str]:
    """Name the subfolders of given folders, which are not read."""
    for folder in (path for path in given if path.is_dir()):
        inside = sorted(one.name for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))
        if inside:
            yield f"subfolders are not read: {', '.join(inside[:5])}{' ...' if len(inside) > 5 else ''}"


def _finest(assigned: Sequence[ChannelBand], grids: dict[int, GeoBox]) -> GeoBox:
    """Return the grid of the finest reflectance channel, or of the finest channel if there is only terrain."""
    reflectance = [one for one in assigned if CHANNELS[one.channel].kind == "reflectance"]
    candidates = [grids[id(one.file)] for one in reflectance or assigned]
    # Resolutions that differ by rounding are equal.
    return min(candidates, key=lambda grid: float(f"{ground_resolution_m(grid):.4g}"))


def _on_grid(
    file: RasterFile, own: GeoBox, grid: GeoBox, assigned: Sequence[ChannelBand], how: Sequence[Conversion]
) -> Source:
    """Return the file itself if it is on the scene's grid, else resampled to it.

    Raises:
        SceneError: the file does not overlap the grid.
    """
    if same_grid(own, grid):
        return file
    if not grids_overlap(own, grid):
        raise SceneError(f"{file.path.name} does not overlap the other files: give files of one area")
    blank = frozenset(
        one.band for one, conversion in zip(assigned, how, strict=True) if one.file is file and conversion.blank_zero
    )
    finer = int(ground_resolution_m(grid) / ground_resolution_m(own) + 1e-3)
    return ResampledFile(file, own, grid, max(1, min(finer, *file.shape)), blank)


def _uncovered(
    files: Sequence[RasterFile], grids: Sequence[GeoBox], grid: GeoBox, assigned: Sequence[ChannelBand]
) -> Iterator[str]:
    """Name the files that leave a part of the scene without values, and bands that reach beyond the scene."""
    spectral = {id(one.file) for one in assigned if CHANNELS[one.channel].kind == "reflectance"}
    for file, own in zip(files, grids, strict=True):
        if same_grid(own, grid):
            continue
        # A band of larger pixels may reach up to one of them beyond the finest band.
        inner = own[1:-1, 1:-1] if min(own.shape) > 2 else own
        inside, used = covered_fraction(grid, own), covered_fraction(inner, grid)
        if inside < _LEAST_COVER:
            yield f"{file.path.name} covers {inside:.0%} of the scene: its channels are nodata elsewhere"
        elif id(file) in spectral and used < _LEAST_COVER:
            yield f"the scene covers {used:.0%} of {file.path.name}: it ends where the finest band does"


def _layer(one: ChannelBand, conversion: Conversion, sources: dict[int, Source]) -> Layer:
    """Make the layer of a band."""
    source = sources[id(one.file)]
    resampled = ""
    if isinstance(source, ResampledFile):
        resampled = f", resampled from {ground_resolution_m(source.file_grid):.4g} m"
    return Layer(
        source=source,
        band=one.band,
        origin=f"{one.label} ({one.because}){resampled}",
        gain=conversion.gain,
        offset=conversion.offset,
        conversion=conversion.description,
        blank_zero=conversion.blank_zero,
    )


def _tags(file: RasterFile) -> dict[str, str]:
    """Return the tags of a whole file."""
    return file.tags() | file.tags(namespace="IMAGERY")


def _name(given: Sequence[Path]) -> str:
    """Return the name of the scene: of the given file or folder, or of the folder with all given files."""
    parents = {path.resolve().parent for path in given}
    if len(given) == 1:
        path = given[0].resolve()
        return path.name if path.is_dir() else path.stem
    return parents.pop().name if len(parents) == 1 else given[0].stem


def _identity(files: Sequence[RasterFile], options: Mapping[str, object]) -> str:
    """Return a sha256 over the files and the options."""
    parts = [part for file in files for part in file.parts]
    stats = [(str(part), part.stat()) for part in (part.resolve() for part in parts if part.is_file())]
    known: list[list[object]] = [[path, stat.st_size, stat.st_mtime_ns] for path, stat in stats]
    known += [[gdal_name(part), *remote_state(part)] for part in parts if is_remote(part)]
    facts = {"files": known, "options": options}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
