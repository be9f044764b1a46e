"""Options that several commands share, each with one name and one help text.

A decorator that adds a group of options passes their values on as one object: ``inference``, ``part`` or ``reading``.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypedDict, TypeVar

import click

Command = Callable[..., Any]
Settings = TypeVar("Settings")

PATH: Final = click.Path(path_type=Path)
ENGINES: Final = (
    "auto",
    "openvino",
    "openvino-gpu",
    "openvino-npu",
    "onnxruntime",
    "onnxruntime-cuda",
    "onnxruntime-tensorrt",
)
PRECISIONS: Final = ("auto", "float32", "bfloat16", "float16", "int8")
PROTOCOLS: Final = ("scene-out", "blocks", "k-fold", "paper", "official")


class SceneReading(TypedDict):
    """How the bands of rasters are read, as keywords of ``open_scene``."""

    channels: tuple[str, ...] | None
    scale: float | None
    offset: float | None
    nodata: float | None
    pixel_size_m: float | None
    to_toa: bool | None


def split_names(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """Split ``B04,B03`` into names: a callback of options."""
    return None if text is None else tuple(name.strip() for name in text.split(","))


def numbers(text: str, parameter: str = "seeds") -> tuple[int, ...]:
    """Read comma-separated integers.

    Raises:
        SettingsError: the text is something else.

    Example:
        >>> numbers("1,2,3")
        (1, 2, 3)
    """
    from landslip.errors import SettingsError

    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words):
        raise SettingsError(
            f"invalid {parameter} '{text}': expected comma-separated integers, e.g. 1,2,3", parameter=parameter
        )
    return tuple(map(int, words))


def build_settings(model: type[Settings], **values: Any) -> Settings:
    """Build a pydantic model from the values of options.

    Raises:
        SettingsError: a value is not allowed.
    """
    from pydantic import ValidationError

    from landslip.errors import SettingsError

    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else None
        reason = first["msg"][:1].lower() + first["msg"][1:]
        raise SettingsError(f"invalid {name or 'settings'} {first['input']!r}: {reason}", parameter=name) from error


def _group(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Apply several option decorators; help lists them in the order given."""

    def decorate(function: Command) -> Command:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


quiet_option: Final = click.option("-q", "--quiet", is_flag=True, help="Print no progress and no notes.")
json_option: Final = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
overwrite_option: Final = click.option("--overwrite", is_flag=True, help="Replace an earlier result in the same place.")
detector_option: Final = click.option(
    "--detector",
    metavar="NAME|FILE",
    help="Packaged detector or .onnx file; default: the one that `landslip detector list` marks.",
)
threshold_option: Final = click.option(
    "--threshold",
    type=float,
    metavar="P",
    help="Decision threshold: probability from which a pixel is landslide; default: that of the detector.",
)
uncertainty_option: Final = click.option(
    "--uncertainty",
    type=click.Choice(["none", "tta"]),
    default="none",
    help="tta: also compute the per-pixel standard deviation over 4 flips (4x slower).",
)
set_option: Final = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting of the recipe, such as fit.epochs=10; may be repeated.",
)
folds_option: Final = click.option(
    "--folds", type=click.IntRange(3), default=5, metavar="N", help="Number of folds for --protocol k-fold."
)
jobs_option: Final = click.option(
    "--jobs", type=click.IntRange(1), default=1, metavar="N", help="Number of parallel training runs."
)


def output_option(text: str, *, metavar: str = "DIR", default: str | None = None) -> Callable[[Command], Command]:
    """Add ``-o/--output``, as the keyword ``out``; required where there is no default."""
    needed: dict[str, Any] = {"required": True} if default is None else {"default": default}
    return click.option("-o", "--output", "out", type=PATH, metavar=metavar, help=text, **needed)


def recipe_option(text: str, *, default: str | None = None) -> Callable[[Command], Command]:
    """Add ``--recipe``."""
    return click.option("--recipe", metavar="NAME|FILE", default=default, help=text)


def protocol_option(default: str) -> Callable[[Command], Command]:
    """Add ``--protocol``: how the data are split."""
    return click.option("--protocol", type=click.Choice(PROTOCOLS), default=default, help="How the data are split.")


def seeds_option(default: str) -> Callable[[Command], Command]:
    """Add ``--seeds``, comma-separated, as a tuple of integers."""
    return click.option(
        "--seeds",
        default=default,
        metavar="LIST",
        callback=lambda _context, _parameter, text: numbers(text),
        help="Random seeds, comma-separated; the whole run is repeated for each.",
    )


def scene_options(function: Command) -> Command:
    """Add options on how rasters are read, as the keyword ``reading``."""

    @_group(
        click.option(
            "--channels",
            callback=split_names,
            metavar="LIST",
            help="Channel of each band in order, e.g. B04,B03,B02,B08; '-' skips a band; default: by name.",
        ),
        click.option(
            "--scale",
            type=float,
            metavar="FACTOR",
            help="DN (reflectance x 10,000) = stored value x FACTOR; 10000 for reflectance in 0..1.",
        ),
        click.option(
            "--offset",
            type=float,
            metavar="DN",
            help="Added to reflectance; -1000 for Sentinel-2 since baseline 04.00 without metadata beside the bands.",
        ),
        click.option(
            "--nodata", type=float, metavar="VALUE", help="Stored value that is nodata, besides what the files declare."
        ),
        click.option(
            "--pixel-size",
            "pixel_size_m",
            type=float,
            metavar="METRES",
            help="Pixel size for images without a CRS; results are then in pixel coordinates.",
        ),
        click.option(
            "--to-toa/--no-to-toa",
            default=None,
            help="Convert surface reflectance (L2A) to approximate top-of-atmosphere reflectance, for detectors "
            "trained on L1C; default: in maps of products known to be L2A (docs/scenes.md).",
        ),
    )
    @functools.wraps(function)
    def command(
        *arguments: Any,
        channels: tuple[str, ...] | None,
        scale: float | None,
        offset: float | None,
        nodata: float | None,
        pixel_size_m: float | None,
        to_toa: bool | None,
        **rest: Any,
    ) -> Any:
        reading = SceneReading(
            channels=channels, scale=scale, offset=offset, nodata=nodata, pixel_size_m=pixel_size_m, to_toa=to_toa
        )
        return function(*arguments, reading=reading, **rest)

    return command


def mask_options(function: Command) -> Command:
    """Add options on what hides the ground and what rules landslides out; ``exclude`` comes as an area of interest."""

    @_group(
        click.option(
            "--mask",
            "masks",
            default="auto",
            metavar="LIST",
            help="Masks: clouds, shadow, snow, white (nodata), water, river, vegetation (ruled out), comma-separated, "
            "or none; auto: clouds, shadow and snow as far as the bands allow, and white with --before.",
        ),
        click.option(
            "--cloud-source",
            type=click.Choice(["auto", "scl", "network", "s2cloudless"]),
            default="auto",
            help="Where clouds are known from; auto: the scene classification (SCL), else a network.",
        ),
        click.option(
            "--cloud-buffer",
            "cloud_buffer_m",
            type=float,
            default=240,
            metavar="M",
            help="Width of the buffer around clouds, in metres.",
        ),
        click.option(
            "--min-slope",
            "min_slope_deg",
            type=float,
            default=0,
            metavar="DEG",
            help="Rule out candidates with a smaller mean slope; needs elevation or slope.",
        ),
        click.option(
            "--field-slope",
            "field_slope_deg",
            type=float,
            default=0,
            metavar="DEG",
            help="Rule out candidates of the shape of a field or a road with a smaller mean slope.",
        ),
        click.option(
            "--exclude", metavar="FILE|W,S,E,N", help="Polygons, or bounds in degrees, in which to rule out landslides."
        ),
        click.option("--exclude-layer", metavar="NAME", help="Layer of the file of --exclude, if it has several."),
    )
    @functools.wraps(function)
    def command(*arguments: Any, exclude: str | None, exclude_layer: str | None, **rest: Any) -> Any:
        from landslip.mapping.masks.excluded_area import read_excluded_area

        area = None if exclude is None else read_excluded_area(exclude, exclude_layer)
        return function(*arguments, exclude=area, **rest)

    return command


def inference_options(function: Command) -> Command:
    """Add ``--engine``, ``--precision`` and ``--threads``, as the keyword ``inference``."""

    @_group(
        click.option("--engine", type=click.Choice(ENGINES), default="auto", help="Runtime of the detector."),
        click.option(
            "--precision",
            type=click.Choice(PRECISIONS),
            default="auto",
            help="auto: the fastest that agreed with float32 on held-out patches (docs/engines.md). The scores on a "
            "card were measured in float32.",
        ),
        click.option("--threads", type=click.IntRange(1), metavar="N", help="CPU threads; default: all cores."),
    )
    @functools.wraps(function)
    def command(*arguments: Any, engine: str, precision: Any, threads: int | None, **rest: Any) -> Any:
        from landslip.inference.engine import InferenceOptions

        return function(*arguments, inference=InferenceOptions(engine, precision, threads), **rest)

    return command


def part_options(function: Command) -> Command:
    """Add ``--scene`` and ``--rows``, which select patches of a data set, as the keyword ``part``."""

    @_group(
        click.option(
            "--scene", "scenes", multiple=True, metavar="NAME", help="Use patches of this scene only; may be repeated."
        ),
        click.option("--rows", metavar="FIRST-LAST", help="Use patches in these rows of their scene only, e.g. 50-57."),
    )
    @functools.wraps(function)
    def command(*arguments: Any, scenes: tuple[str, ...], rows: str | None, **rest: Any) -> Any:
        from landslip.datasets.splits import Part, rows_from_text

        part = Part(scenes=scenes, rows=rows_from_text(rows) if rows else None)
        return function(*arguments, part=part, **rest)

    return command
