"""Patches from two places as one part to learn from."""

from dataclasses import replace

import numpy as np

from landslip.errors import PatchesError
from landslip.training.data.feeding import LoadedPart
from landslip.training.data.sources import Joined


def join(first: LoadedPart, second: LoadedPart) -> LoadedPart:
    """Two parts as one; the channels' numbers, which normalise, are the mean over all patches.

    Raises:
        PatchesError: they differ in channels or in size.
    """
    if first.channels != second.channels or first.source.shape != second.source.shape:
        raise PatchesError(
            f"patches of {', '.join(first.channels)} {first.source.shape[1:]} and of {', '.join(second.channels)} "
            f"{second.source.shape[1:]} cannot be learned from together: give patches of one kind and size"
        )
    weight = len(second) / (len(first) + len(second))
    return replace(
        first,
        source=Joined(first.source, second.source),
        keys=first.keys + second.keys,
        scenes=first.scenes + second.scenes,
        landslide_share=np.concatenate([first.landslide_share, second.landslide_share]),
        mean=(1 - weight) * first.mean + weight * second.mean,
        deviation=(1 - weight) * first.deviation + weight * second.deviation,
        unlabelled=first.unlabelled + second.unlabelled,
        threads=min(first.threads, second.threads),
    )
