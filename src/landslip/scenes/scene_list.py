"""Which scenes a list of paths names: rasters of one scene, or many scenes, each with paths of its own.

The rule, in this order:

- A text file (one scene a line), a STAC item or item collection, and a folder without rasters whose subfolders or zips
  are scenes name many scenes.
- Several products, or several folders of rasters, are a scene each.
- Anything else is one scene: a raster, several rasters, a folder of rasters, a product, or one of the last two with
  more rasters of the same area.
- Several products or folders with loose rasters are refused, since it is not clear which scene the rasters belong to.

With ``each`` every path is a scene of its own.
"""

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from landslip.errors import SceneError
from landslip.files.path_names import check_path_name, is_system_file
from landslip.scenes.rasters import RASTER_ENDINGS
from landslip.scenes.remote import is_remote, local_or_remote
from landslip.scenes.safe import is_product
from landslip.scenes.stac_items import item_scenes

_LIST_ENDINGS: Final = frozenset({".txt", ".lst"})
_ITEM_ENDINGS: Final = frozenset({".json", ".geojson"})
_MAX_LIST_BYTES: Final = 16_000_000
_MAX_SCENES: Final = 100_000

Named: TypeAlias = tuple[str, tuple[Path, ...]]
"""Name and paths of a scene."""


@dataclass(frozen=True, slots=True)
class SceneFiles:
    """The paths of one scene, as ``open_scene`` takes them."""

    name: str
    """Of the folder of its map; no two scenes of a list have the same."""
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class SceneList:
    """The scenes that paths name."""

    scenes: tuple[SceneFiles, ...]
    many: bool
    """Whether they are a list, each with a map in a folder of its own, even if it holds one scene."""
    decision: str
    """How the paths were understood, in a sentence."""


def list_scenes(paths: Sequence[Path], *, each: bool = False) -> SceneList:
    """Find out which scenes paths name, without opening a raster.

    Args:
        paths: as given by the user.
        each: every path is a scene of its own; lists and folders of scenes are still read as such.

    Raises:
        SceneError: it is not clear which, a list is damaged or empty, or a scene is named twice.

    Example:
        >>> list_scenes([Path("examples/wayanad/wayanad.tif")]).many
        False
    """
    paths = [local_or_remote(path) for path in paths]
    for path in paths:
        check_path_name(path, SceneError, "paths")
    if not paths:
        raise SceneError("paths is empty: give rasters, a folder of them, or a list of scenes", parameter="paths")
    kinds = [_kind(path) for path in paths]
    count = Counter(kinds)
    lists, own, loose = (
        count["list"] + count["items"] + count["scenes"],
        count["product"] + count["folder"],
        count["file"],
    )
    if not each and not lists and own <= 1:
        return SceneList((SceneFiles(_name([paths[0]]), tuple(paths)),), False, _one(paths, kinds))
    if not each and loose:
        raise SceneError(
            f"it is not clear which scene {_first(paths, kinds, 'file')} belongs to, as {own + lists} products, "
            "folders or lists are given with it: give each scene alone, write the paths of each scene into a line of a "
            "text file, or make every path a scene of its own",
            parameter="each",
        )
    found = [scene for path, kind in zip(paths, kinds, strict=True) for scene in _expand(path, kind)]
    left_out = [one for path, kind in zip(paths, kinds, strict=True) if kind == "scenes" for one in _left_out(path)]
    if len(found) > _MAX_SCENES:
        raise SceneError(f"{len(found):,} scenes are more than {_MAX_SCENES:,}: split the list", parameter="paths")
    _check_unique([files for _, files in found])
    decision = _many(len(found), paths, kinds, each=each)
    if left_out:
        named = ", ".join(left_out[:5]) + (" ..." if len(left_out) > 5 else "")
        decision += f"; left out, as they are neither a folder of rasters nor a product: {named}"
    return SceneList(tuple(_named(found)), True, decision)


def name_scenes(scenes: Sequence[Sequence[Path]]) -> tuple[SceneFiles, ...]:
    """Name scenes whose paths are known.

    Raises:
        SceneError: a scene has no path, or is given twice.
    """
    found = [tuple(map(local_or_remote, paths)) for paths in scenes]
    for paths in found:
        if not paths:
            raise SceneError("a scene without paths: give a raster, several, or a folder of them", parameter="paths")
        for path in paths:
            check_path_name(path, SceneError, "paths")
    _check_unique(found)
    return tuple(_named([(_name(paths), paths) for paths in found]))


def _kind(path: Path) -> str:
    """Return what a path is: ``list``, ``items``, ``product``, ``folder``, ``scenes`` or ``file``."""
    if path.suffix.lower() in _LIST_ENDINGS:
        return "list"
    if path.suffix.lower() in _ITEM_ENDINGS:
        return "items"
    if not path.is_dir():
        return "product" if is_product(path) else "file"
    if _holds_rasters(path):
        return "folder"
    # One product in a folder is that product; beside other scenes it is one of them.
    if is_product(path) and (_is_safe(path) or len(_scenes_in(path)) == 1):
        return "product"
    return "scenes" if _scenes_in(path) else "folder"


def _holds_rasters(folder: Path) -> bool:
    return any(_is_raster(path) for path in folder.iterdir())


def _is_raster(path: Path) -> bool:
    return path.suffix.lower() in RASTER_ENDINGS and not path.name.startswith(".") and path.is_file()


def _is_safe(folder: Path) -> bool:
    """Return whether a folder is a product itself or one of its granules, not a folder around it."""
    return folder.suffix.upper() == ".SAFE" or (folder / "GRANULE").is_dir() or folder.parent.name == "GRANULE"


def _scenes_in(folder: Path) -> list[Path]:
    """Return the folders of rasters, products and zips directly in a folder, by name."""
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and not is_system_file(path))
    return [path for path in inside if (_holds_rasters(path) if path.is_dir() else False) or is_product(path)]


def _left_out(folder: Path) -> list[str]:
    """Return the names of the folders in a folder of scenes that are no scene."""
    scenes = set(_scenes_in(folder))
    return sorted(
        path.name for path in folder.iterdir() if path.is_dir() and path not in scenes and not path.name.startswith(".")
    )


def _expand(path: Path, kind: str) -> Iterator[Named]:
    """Yield name and paths of each scene that a path names."""
    if kind == "list":
        yield from ((_name(files), files) for files in _lines(path))
    elif kind == "items":
        yield from ((_clean(name), files) for name, files in item_scenes(path))
    elif kind == "scenes":
        yield from ((_name([one]), (one,)) for one in _scenes_in(path))
    else:
        yield _name([path]), (path,)


def _lines(path: Path) -> Iterator[tuple[Path, ...]]:
    """Read a text file with one scene a line: its paths, as on the command line, relative to the file.

    Raises:
        SceneError: it cannot be read, names no scene, or a line is damaged or names no file.
    """
    try:
        if path.stat().st_size > _MAX_LIST_BYTES:
            raise SceneError(f"{path} is too large for a list of scenes: give a text file with one scene a line")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SceneError(f"{path} cannot be read ({error.strerror}): give a text file with one scene a line") from error
    except UnicodeDecodeError as error:
        raise SceneError(f"{path} is not a text file in UTF-8: give one with one scene a line") from error
    scenes = 0
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise SceneError(f"line {number} of {path} has a quote without an end: close it") from error
        # A path with blanks need not be quoted where it is the only one of its line.
        alone = path.parent / line.strip()
        given = (alone,) if len(words) > 1 and alone.exists() else tuple(_beside(path, word) for word in words)
        for one in given:
            check_path_name(one, SceneError, "paths")
            if not is_remote(one) and not one.exists():
                raise SceneError(f"line {number} of {path} names {one}, which does not exist: correct the line")
            if _kind(one) in ("list", "items", "scenes"):
                raise SceneError(
                    f"line {number} of {path} names {one}, which is no single scene: name one scene a line"
                )
        if given:
            scenes += 1
            yield given
    if not scenes:
        raise SceneError(f"{path} names no scene: write the paths of one scene into each line")


def _beside(path: Path, word: str) -> Path:
    """Return the path that a word of a list names: a URL, or a path relative to the list."""
    given = local_or_remote(Path(word))
    return given if is_remote(given) else path.parent / word


def _check_unique(found: Sequence[tuple[Path, ...]]) -> None:
    """Check that no scene is named twice.

    Raises:
        SceneError: one is.
    """
    counts = Counter(tuple(path.resolve() for path in scene) for scene in found)
    twice = next((scene for scene, count in counts.items() if count > 1), None)
    if twice:
        raise SceneError(f"{twice[0]} is given twice: name each scene once", parameter="paths")


def _named(found: Sequence[Named]) -> Iterator[SceneFiles]:
    """Add the name of the folder above where several scenes have the same name.

    Raises:
        SceneError: names are still equal.
    """
    counts = Counter(name.lower() for name, _ in found)
    longer = [
        f"{_clean(paths[0].resolve().parent.name)}-{name}" if counts[name.lower()] > 1 else name
        for name, paths in found
    ]
    again = Counter(name.lower() for name in longer)
    equal = next((name for name in longer if again[name.lower()] > 1), None)
    if equal:
        raise SceneError(
            f"several scenes would have the name '{equal}': rename their folders, or map them apart", parameter="paths"
        )
    return (SceneFiles(name, paths) for name, (_, paths) in zip(longer, found, strict=True))


def _name(paths: Sequence[Path]) -> str:
    """Return the name of a scene for a folder: of its file or folder, or of the folder with all of its files."""
    # Not resolved: a link to itself cannot be.
    resolved = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100 - Path.absolute keeps '..'
    parents = {path.parent for path in resolved}
    if len(paths) > 1 and len(parents) == 1:
        return _clean(resolved[0].parent.name)
    first = resolved[0]
    stem = first.name if first.is_dir() else first.stem
    return _clean(re.sub(r"\.SAFE$", "", stem, flags=re.IGNORECASE))


def _clean(text: str) -> str:
    """Replace what a folder should not have in its name."""
    return re.sub(r"[^\w.()+-]+", "-", text).strip("-.") or "scene"


def _first(paths: Sequence[Path], kinds: Sequence[str], kind: str) -> Path:
    return next(path for path, one in zip(paths, kinds, strict=True) if one == kind)


def _one(paths: Sequence[Path], kinds: Sequence[str]) -> str:
    if len(paths) == 1:
        what = {"file": "raster", "folder": "folder of rasters", "product": "Sentinel-2 product"}[kinds[0]]
        return f"one scene: a {what}"
    return f"one scene of {len(paths)} paths: rasters of one area"


def _many(count: int, paths: Sequence[Path], kinds: Sequence[str], *, each: bool) -> str:
    titles = {
        "list": "text file with a scene a line",
        "items": "list of STAC items",
        "scenes": "folder of scenes",
        "product": "product",
        "folder": "folder of rasters",
        "file": "raster",
    }
    found = Counter(kinds)
    named = ", ".join(f"{found[kind]} x {title}" for kind, title in titles.items() if found[kind])
    scenes = "1 scene" if count == 1 else f"{count:,} scenes"
    why = "each path is a scene" if each else "each product, folder or line is a scene"
    return f"{scenes}, from {named}: {why}" if len(paths) > 1 or each else f"{scenes}, from {named} ({paths[0].name})"
