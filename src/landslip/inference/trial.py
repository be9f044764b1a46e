"""Trial of the engines for a CPU: which of them runs a detector fastest on this machine, remembered for next time.

Each engine runs the precision that ``auto`` gives it. The choice is kept in the user's cache folder under everything
that it depends on: CPU, threads, versions, the file that runs and the size of its tiles.
"""

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from landslip.detector.detector import Detector
from landslip.errors import EngineError, OutputError
from landslip.files.atomic import write_text
from landslip.files.model import Frozen
from landslip.files.progress import Progress, no_progress, track
from landslip.inference.cpu import cpu_name
from landslip.inference.engine import (
    PROVIDERS,
    Engine,
    InferenceOptions,
    Precision,
    available_engines,
    open_engine,
    resolve_options,
)
from landslip.inference.synthetic_inputs import synthetic_images

FOLDER_VARIABLE: Final = "LANDSLIP_CACHE"
FILE: Final = "engines.json"
SECONDS: Final = 2.0
"""Of the whole trial, without loading the engines."""
_ROUNDS: Final = 3
_IMAGES: Final = 64


class Choice(Frozen):
    """The fastest engine of a trial."""

    engine: str
    precision: Precision
    patches_per_s: dict[str, float]
    """Of every engine that ran."""

    @property
    def text(self) -> str:
        """The ranking in a sentence."""
        ranked = sorted(self.patches_per_s.items(), key=lambda pair: -pair[1])
        return ", ".join(f"{name} {speed:.0f} patches/s" for name, speed in ranked)


_CHOICES: Final = TypeAdapter(dict[str, Choice])


@dataclass(frozen=True, slots=True)
class Trial:
    """A choice, and whether it was remembered from an earlier trial."""

    choice: Choice
    remembered: bool


def cache_folder() -> Path:
    """Return the folder of remembered choices: ``LANDSLIP_CACHE``, or the user's cache folder.

    Example:
        >>> cache_folder().name != ""
        True
    """
    if given := os.environ.get(FOLDER_VARIABLE):
        return Path(given)
    base = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "landslip"


def find_fastest(
    detector: Detector,
    precision: Precision = "auto",
    threads: int | None = None,
    *,
    folder: Path | None = None,
    progress: Progress = no_progress,
) -> Trial | None:
    """Find the fastest engine for a CPU; None where there is only one.

    Alternating rounds on synthetic images of the size of the card's tiles; the best round of each counts. A choice that
    cannot be stored is made again next time.

    Args:
        detector: to run.
        precision: as of ``InferenceOptions``.
        threads: number of CPU threads; all cores where None.
        folder: of remembered choices; ``cache_folder`` where None.
        progress: called with ``("timing engines", rounds done, rounds)``.

    Raises:
        DetectorError: the int8 variant cannot be read.
    """
    candidates: dict[str, tuple[Detector, InferenceOptions]] = {}
    for name in available_engines():
        # Engines for a GPU have to be asked for.
        if PROVIDERS.get(name, "CPUExecutionProvider") == "CPUExecutionProvider":
            try:
                candidates[name] = resolve_options(detector, InferenceOptions(name, precision, threads))
            except EngineError:
                continue
    if len(candidates) < 2:
        return None
    path = (folder or cache_folder()) / FILE
    kept = _read(path)
    key = _key(detector, candidates, threads)
    if key in kept:
        return Trial(kept[key], remembered=True)
    choice = _time(detector, candidates, progress)
    if choice is None:
        return None
    # A folder that cannot be written costs two seconds each time.
    with contextlib.suppress(OSError, OutputError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, _CHOICES.dump_json(_read(path) | {key: choice}, indent=1).decode())
    return Trial(choice, remembered=False)


def _key(detector: Detector, candidates: dict[str, tuple[Detector, InferenceOptions]], threads: int | None) -> str:
    """Return a sha256 of everything that the choice depends on."""
    from importlib.metadata import version  # noqa: PLC0415 - slow to import

    facts = {
        "cpu": cpu_name(),
        "threads": threads or os.cpu_count(),
        "tile_px": detector.card.tile_px,
        "engines": {
            name: [file.sha256, options.precision, version("openvino" if name == "openvino" else "onnxruntime")]
            for name, (file, options) in candidates.items()
        },
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _time(
    detector: Detector, candidates: dict[str, tuple[Detector, InferenceOptions]], progress: Progress
) -> Choice | None:
    size = detector.card.tile_px
    images = synthetic_images(detector.card.channels, _IMAGES, size, size)
    engines: dict[str, Engine] = {}
    for name, (file, options) in candidates.items():
        try:
            engines[name] = open_engine(file, options, height=size, width=size)
            engines[name](images[:2])
        except EngineError:
            engines.pop(name, None)
    if len(engines) < 2:
        return None
    best = dict.fromkeys(engines, 0.0)
    share_s = SECONDS / _ROUNDS / len(engines)
    for _ in track(range(_ROUNDS), progress, "timing engines", _ROUNDS):
        for name, engine in engines.items():
            best[name] = max(best[name], _speed(engine, images, share_s))
    fastest = max(best, key=lambda name: best[name])
    speeds = {name: round(value, 1) for name, value in best.items()}
    return Choice(engine=fastest, precision=candidates[fastest][1].precision, patches_per_s=speeds)


def _speed(engine: Engine, images: NDArray[np.float32], seconds: float) -> float:
    """Run images for about some seconds and return images per second."""
    start, done = perf_counter(), 0
    while not done or perf_counter() - start < seconds:
        step = min(len(images), max(2, engine.batch // 2))
        engine(images[:step])
        done += step
    return done / (perf_counter() - start)


def _read(path: Path) -> dict[str, Choice]:
    """Read the remembered choices; none where the file is missing or damaged, for it is only a cache."""
    try:
        return _CHOICES.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return {}
