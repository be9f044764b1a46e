"""Runs what a map runs on labelled patches: same engine, same graph, each patch as a small scene of its own.

What the truth does not know is not hidden from the network: labels may be sparse, and a pixel without a label has
been observed all the same. A pixel of the image is not observed where any channel of it is NaN or infinite.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from landslip.datasets.patch_set import Patch, PatchSet
from landslip.detector.detector import Detector
from landslip.errors import ChannelError
from landslip.grid.lattice import Lattice
from landslip.inference.engine import Precision, open_engine
from landslip.inference.predict import Predictor, lattice_for, predict_array

Mapper = Callable[[NDArray[np.float32], NDArray[np.bool_]], NDArray[np.float32]]
"""Gives the probability (H, W), NaN where not observed, for values (C, H, W) and what was observed (H, W)."""


def map_patches(
    detector: Detector,
    patches: PatchSet[Any],
    *,
    engine: str = "auto",
    precision: Precision = "float32",
    progress: bool = False,
) -> Iterator[tuple[Patch, NDArray[np.float32]]]:
    """Give each patch with its probability (H, W), NaN where the image was not observed.

    Raises:
        ChannelError: a patch lacks a channel that the detector needs.
    """
    mapper = mapper_for(detector, engine=engine, precision=precision)
    for patch in tqdm(patches, total=len(patches), desc="evaluating", unit="patch", disable=not progress, delay=2):
        values = values_for(detector, patch)
        yield patch, mapper(values, image_observed(values))


def values_for(detector: Detector, patch: Patch) -> NDArray[np.float32]:
    """The values (C, H, W) of a patch that a detector takes, in its order.

    Raises:
        ChannelError: the patch lacks a channel that the detector needs.
    """
    missing = [name for name in detector.card.channels if name not in patch.channels]
    if missing:
        raise ChannelError(
            f"{detector.card.name} needs the channel {', '.join(missing)}, which patch {patch.id} lacks: "
            f"it has {', '.join(patch.channels)}"
        )
    return patch.values[[patch.channels.index(name) for name in detector.card.channels]]


def image_observed(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where every channel of values (C, H, W) holds a number, (H, W)."""
    return np.asarray(np.isfinite(values).all(axis=0), np.bool_)


def mapper_for(
    detector: Detector, *, engine: str = "auto", precision: Precision = "float32", tile_px: int | None = None
) -> Mapper:
    """What maps a small array as if it were a scene; arrays of one size share an engine.

    Args:
        detector: what maps.
        engine: as for a map.
        precision: as for a map.
        tile_px: how much the network sees at once, without overlap; tiles of the card where None.
    """
    predictors: dict[tuple[int, int], Predictor] = {}

    def mapper(values: NDArray[np.float32], observed: NDArray[np.bool_]) -> NDArray[np.float32]:
        height, width = observed.shape
        if (height, width) not in predictors:
            lattice = (
                lattice_for(detector.card, height, width)
                if tile_px is None
                else Lattice.over(height, width, tile=tile_px, overlap=0, multiple=detector.card.size_multiple)
            )
            opened = open_engine(
                detector, engine, height=lattice.tile_height, width=lattice.tile_width, precision=precision
            )
            predictors[height, width] = Predictor(opened, lattice)
        return predict_array(predictors[height, width], values, observed)

    return mapper
