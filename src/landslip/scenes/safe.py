"""Sentinel-2 products as downloaded: SAFE folders and zips of Level-1C and Level-2A, read in place.

A zip is read through GDAL's ``/vsizip/``; only its XML and GML files are unpacked, into memory and up to a fixed size.
Both namings are read: the long one until December 2016, and the compact one since.
"""

import lzma
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from landslip.channels import CHANNELS
from landslip.errors import SceneError
from landslip.scenes.product_metadata import FIRST_BASELINE_WITH_OFFSET, Statement
from landslip.scenes.raster_file import RasterFile
from landslip.scenes.safe_masks import PixelMask, PolygonMask, ProductBand, RasterMask
from landslip.scenes.safe_metadata import MAX_XML_BYTES, SafeMetadata, read_product_metadata, read_tile_metadata

_METADATA = re.compile(r"MTD_MSIL(1C|2A)\.xml|S2[A-D]_(OPER|USER|OPOD)_MTD_SAFL(1C|2A)_.*\.xml")
_TILE_METADATA = re.compile(r"MTD_TL\.xml|S2[A-D]_(OPER|USER)_MTD_L(1C|2A)_TL_.*\.xml")
_BAND = re.compile(r"_(B\d\d|B8A)(?:_([126]0)m)?\.(?:jp2|tif)$")
_CLASSIFICATION = re.compile(r"_SCL(?:_|\.).*")
_MASK = re.compile(r"MSK_(QUALIT|DETFOO|NODATA|DEFECT)_(?:.*_)?(B\d\d|B8A)(?:_.*)?\.(jp2|tif|gml)$")
_MAX_ENTRIES = 100_000
_MAX_DEPTH = 8
_QUALITY_LAYERS = (3, 5, 6)
"""Lost packets, defective pixels and nodata, of the eight layers of ``MSK_QUALIT``."""
_NOT_OBSERVED_CLASSES = frozenset({0, 1})
"""Nodata, and saturated or defective, in the scene classification."""


@dataclass(frozen=True, slots=True)
class Product:
    """An open Sentinel-2 product."""

    given: Path
    metadata: SafeMetadata
    bands: tuple[ProductBand, ...]
    """The finest file of each band."""
    classification: RasterFile | None
    """The scene classification of a Level-2A product."""
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def find_product(paths: Sequence[Path]) -> tuple[Product | None, list[Path]]:
    """Open the Sentinel-2 product among paths.

    Returns:
        The product, None if no path is one; and the other paths.

    Raises:
        SceneError: a product cannot be read, or there are several.
    """
    products: list[Product] = []
    others: list[Path] = []
    for path in paths:
        product = open_product(path)
        if product is None:
            others.append(path)
        else:
            products.append(product)
    if len(products) > 1:
        raise SceneError(
            f"{products[0].given.name} and {products[1].given.name} are two products: give one, as each is a scene",
            parameter="paths",
        )
    return (products[0] if products else None), others


def is_product(path: Path) -> bool:
    """Return whether a path is read as a Sentinel-2 product, by its name and the folders in it; no file is opened."""
    if path.is_file():
        return path.suffix.lower() == ".zip" or bool(_METADATA.fullmatch(path.name))
    return path.is_dir() and (_is_granule(path) or _holds_product(path))


def open_product(path: Path) -> Product | None:
    """Open a Sentinel-2 product.

    Args:
        path: a SAFE folder, its metadata file, one of its granules, a folder that holds one product, or a zip of it.

    Returns:
        The product; None if the path is something else than a zip and no product is in it.

    Raises:
        SceneError: a zip cannot be read or holds no product, the product is damaged, or there are several products or
            tiles.
    """
    files, granule = _files(path)
    if files is None:
        return None
    root, xml = _find_metadata(files)
    metadata = read_product_metadata(files.read(xml), PurePosixPath(xml).name, PurePosixPath(root).name or path.name)
    inside = [name for name in files.names if name.startswith(f"{root}/GRANULE/" if root else "GRANULE/")]
    granule, inside = _one_tile(inside, root, granule, path)
    tile_xml = next((name for name in inside if _TILE_METADATA.fullmatch(PurePosixPath(name).name)), None)
    warnings, notes = [], []
    if tile_xml is None:
        warnings.append(f"product {metadata.name} has no tile metadata (MTD_TL.xml): sun angles are unknown")
    else:
        stated: dict[str, Any] = read_tile_metadata(files.read(tile_xml), PurePosixPath(tile_xml).name)
        metadata = replace(metadata, **stated)
    chosen = _finest_bands(inside)
    expected = [one.name for one in CHANNELS.values() if metadata.level in one.levels]
    missing = [name for name in expected if name not in chosen]
    if not chosen:
        raise SceneError(
            f"product {metadata.name} holds no band ({', '.join(expected)}): download the whole product",
            parameter="paths",
        )
    if missing:
        warnings.append(f"partial product: it lacks {', '.join(missing)}")
    classification = next((name for name in inside if _is_classification(name)), None)
    opened = None if classification is None else _open(files, classification)
    bands = tuple(
        _band(files, name, channel, inside, metadata, xml, opened) for channel, name in sorted(chosen.items())
    )
    notes.append(f"Sentinel-2 product {metadata.name}: {metadata.describe()}")
    masks = sorted({mask.description for band in bands for mask in band.masks})
    if masks:
        notes.append(f"nodata from the product: {', '.join(masks)}")
    return Product(path, metadata, bands, opened, tuple(warnings), tuple(notes))


def _files(path: Path) -> "tuple[_Files | None, str | None]":
    """Return the files of the product at or below a path, and the granule that the path names."""
    if path.is_file():
        if path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
            return _Zip(path), None
        return (_Folder(path.parent), None) if _METADATA.fullmatch(path.name) else (None, None)
    if not path.is_dir():
        return None, None
    if _is_granule(path):
        resolved = path.resolve()
        return _Folder(resolved.parents[1]), resolved.name
    return (_Folder(path), None) if _holds_product(path) else (None, None)


def _is_granule(path: Path) -> bool:
    """Return whether a folder is a granule of a product."""
    resolved = path.resolve()
    return resolved.parent.name == "GRANULE" and (resolved / "IMG_DATA").is_dir()


def _holds_product(path: Path) -> bool:
    """Return whether a folder is a product, or holds products and no raster beside them."""
    if path.suffix.upper() == ".SAFE" or (path / "GRANULE").is_dir():
        return True
    nested = [*path.glob("*.SAFE"), *path.glob("*/*.SAFE")]
    rasters = any(one.suffix.lower() in {".tif", ".tiff", ".jp2", ".vrt", ".img"} for one in path.iterdir())
    return bool(nested) and not rasters


def _find_metadata(files: "_Files") -> tuple[str, str]:
    """Return the folder of the product inside the files, and its metadata file.

    Raises:
        SceneError: there is no product, or there are several.
    """
    found = [name for name in files.names if _METADATA.fullmatch(PurePosixPath(name).name) and "GRANULE" not in name]
    roots = sorted({_parent(name) for name in found})
    if not roots:
        products = sorted({name.partition("GRANULE/")[0].strip("/") for name in files.names if "GRANULE/" in name})
        if products:
            raise SceneError(
                f"the product in {files.path} has no metadata file (MTD_MSIL1C.xml or MTD_MSIL2A.xml), which states "
                f"scale and offset of its values: download the whole product",
                parameter="paths",
            )
        raise SceneError(
            f"{files.path} holds no Sentinel-2 product: give a SAFE folder or its zip, or unpack other rasters",
            parameter="paths",
        )
    if len(roots) > 1:
        named = ", ".join(PurePosixPath(root).name or "." for root in roots[:4])
        raise SceneError(
            f"{files.path} holds {len(roots)} products ({named}): give one of them, each is a scene of its own",
            parameter="paths",
        )
    return roots[0], found[0]


def _one_tile(names: Sequence[str], root: str, granule: str | None, path: Path) -> tuple[str, list[str]]:
    """Return the granule to read, and its files.

    Raises:
        SceneError: there are several, and the path names none.
    """
    by_granule: dict[str, list[str]] = {}
    for name in names:
        parts = PurePosixPath(name).relative_to(root or ".").parts
        if len(parts) > 2:
            by_granule.setdefault(parts[1], []).append(name)
    if granule is None and len(by_granule) > 1:
        raise SceneError(
            f"{path} holds {len(by_granule)} tiles: unpack it and give one folder of its GRANULE folder, for example "
            f"GRANULE/{min(by_granule)}",
            parameter="paths",
        )
    chosen = granule or next(iter(by_granule), "")
    return chosen, by_granule.get(chosen, [])


def _finest_bands(names: Sequence[str]) -> dict[str, str]:
    """Return the finest file of each channel."""
    chosen: dict[str, tuple[int, str]] = {}
    for name in names:
        found = _BAND.search(name)
        if "/IMG_DATA/" in name and found and "MSK_" not in name:
            size = int(found[2] or 0)
            chosen[found[1]] = min(chosen.get(found[1], (size, name)), (size, name))
    return {channel: name for channel, (_, name) in chosen.items() if channel in CHANNELS}


def _is_classification(name: str) -> bool:
    file = PurePosixPath(name)
    return (
        "/IMG_DATA/" in name
        and file.suffix == ".jp2"
        and bool(_CLASSIFICATION.search(file.name))
        and "60m" not in file.name
    )


def _band(
    files: "_Files",
    name: str,
    channel: str,
    inside: Sequence[str],
    metadata: SafeMetadata,
    xml: str,
    classification: RasterFile | None,
) -> ProductBand:
    """Open a band with its conversion, nodata and masks."""
    offset: float | None = metadata.offsets.get(channel)
    if offset is None and (not metadata.offsets or metadata.baseline < FIRST_BASELINE_WITH_OFFSET):
        # Baselines before 04.00 have no offset. Without an offset list the values of later ones have none either.
        offset = 0.0
    masks: list[PixelMask] = []
    used = [name, xml]
    for mask_name in inside:
        found = _MASK.search(PurePosixPath(mask_name).name)
        if found and found[2] == channel and "/QI_DATA/" in mask_name:
            mask = _mask(files, mask_name, found[1], found[3])
            masks += [mask] if mask else []
            used.append(mask_name)
    if classification is not None:
        masks.append(RasterMask("SCL", classification, (1,), _NOT_OBSERVED_CLASSES))
    return ProductBand(
        files.gdal_path(name),
        Statement(PurePosixPath(xml).name, metadata.baseline, offset, metadata.quantification),
        (metadata.nodata, metadata.saturated),
        metadata.grid,
        tuple(masks),
        files.parts(used),
    )


def _mask(files: "_Files", name: str, kind: str, suffix: str) -> PixelMask | None:
    """Open a mask; None if it marks no pixel."""
    if suffix == "gml":
        return (
            PolygonMask.read_gml(f"MSK_{kind}", files.read(name), PurePosixPath(name).name)
            if kind != "DETFOO"
            else None
        )
    file = _open(files, name)
    if kind == "DETFOO":
        footprint = RasterMask("MSK_DETFOO", file, (1,), frozenset({0}))
        return None if footprint.marks_all() else footprint
    layers = tuple(layer for layer in _QUALITY_LAYERS if layer <= file.count)
    return RasterMask("MSK_QUALIT", file, layers, None) if layers else None


def _open(files: "_Files", name: str) -> RasterFile:
    return RasterFile(files.gdal_path(name))


def _parent(name: str) -> str:
    parent = str(PurePosixPath(name).parent)
    return "" if parent == "." else parent


class _Folder:
    """Files of a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names = sorted(
            one.relative_to(path).as_posix()
            for one in path.rglob("*")
            if len(one.relative_to(path).parts) <= _MAX_DEPTH and one.is_file()
        )

    def read(self, name: str) -> bytes:
        """Read a file of limited size.

        Raises:
            SceneError: it cannot be read, or is too large.
        """
        try:
            with (self.path / name).open("rb") as file:
                return _bounded(file.read(MAX_XML_BYTES + 1), name)
        except OSError as error:
            raise SceneError(f"{self.path / name} cannot be read: {error.strerror or error}") from error

    def gdal_path(self, name: str) -> Path:
        """Return the path for GDAL."""
        return self.path / name

    def parts(self, names: Sequence[str]) -> tuple[Path, ...]:
        """Return the files on disk."""
        return tuple(self.path / name for name in names)


class _Zip:
    """Files of a zip.

    Raises:
        SceneError: the zip is damaged, protected by a password, or has names that leave it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                entries = archive.infolist()
        # NotImplementedError: the directory asks for a version of the format that Python does not support.
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise SceneError(
                f"{path} cannot be read as a zip, it is truncated or damaged: download it again"
            ) from error
        if len(entries) > _MAX_ENTRIES:
            raise SceneError(
                f"{path} holds {len(entries):,} files, a Sentinel-2 product a few hundred: give its own zip"
            )
        for entry in entries:
            if entry.filename.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", entry.filename):
                raise SceneError(f"{path} holds the unsafe path {entry.filename!r}: download the product again")
        if any(entry.flag_bits & 1 for entry in entries):
            raise SceneError(f"{path} is protected by a password: unpack it and give the folder")
        self.names: Sequence[str] = sorted(entry.filename for entry in entries if not entry.is_dir())

    def read(self, name: str) -> bytes:
        """Unpack a file of limited size.

        Raises:
            SceneError: it cannot be read, or is too large.
        """
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(name) as file:
                return _bounded(file.read(MAX_XML_BYTES + 1), name)
        # RuntimeError: encrypted; its subclass NotImplementedError: an unknown compression.
        except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, ValueError) as error:
            raise SceneError(f"{name} in {self.path} cannot be read, the zip is damaged: download it again") from error
        except (zlib.error, lzma.LZMAError) as error:
            raise SceneError(f"{name} in {self.path} is damaged: download the product again") from error

    def gdal_path(self, name: str) -> Path:
        """Return the path for GDAL. Braces mark the zip, because its name need not end with ``.zip``."""
        return Path(f"/vsizip/{{{self.path.resolve()}}}/{name}")

    def parts(self, names: Sequence[str]) -> tuple[Path, ...]:
        """Return the files on disk."""
        return (self.path,) if names else ()


_Files: TypeAlias = _Folder | _Zip


def _bounded(data: bytes, name: str) -> bytes:
    """Check the size of a file that was read.

    Raises:
        SceneError: it is too large.
    """
    if len(data) > MAX_XML_BYTES:
        raise SceneError(f"{name} is larger than {MAX_XML_BYTES // 2**20} MB, which no Sentinel-2 metadata are")
    return data
