"""Several images after an event as one scene, so that a cloud in one of them is filled from the others.

The first gives the grid and the terrain. The others are co-registered with it and brought to its light channel by
channel (``normalisation.py``), so that the choice at a pixel is one between clouds, shadow and ground, not between the
light of two days.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.change.normalisation import MIN_PIXELS, fit_light
from landslip.change.placement import place_on_grid, sample_both
from landslip.change.registration import ShiftField
from landslip.change.scene_on_grid import Composite, SceneOnGrid
from landslip.channels import CHANNELS, TRUE_COLOUR
from landslip.files.progress import Progress, no_progress
from landslip.grid.window import Window
from landslip.scenes.scene import Layer, Scene

Hidden = Callable[[Window], NDArray[np.bool_]]
"""Where masks hide the ground in a window of an image itself, (h, w)."""

VERSION: Final = 1
"""Of the method; part of the identity of a composite."""


@dataclass(frozen=True, slots=True, eq=False)
class CompositeSource:
    """Channels of a composite in DN; where the ground is hidden in every image, what hides it."""

    composite: Composite
    channels: tuple[str, ...]

    def read(
        self, bands: Sequence[int], window: Window, out: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read bands, counted from 1, as values (n, h, w), and their validity (n, h, w)."""
        names = [self.channels[band - 1] for band in bands]
        values, valid = self.composite.read(names, window)
        if any(member.hidden for member in self.composite.members):
            sees = self.composite.sees(window)
            if not sees.all():
                covered, known = self.composite.without_masks().read(names, window)
                values, valid = np.where(sees, values, covered), np.where(sees, valid, known)
        return values, np.broadcast_to(valid, values.shape)


def order_images(scenes: Sequence[Scene]) -> list[Scene]:
    """Return images in the order of their dates, then names, whatever the order in which they were given.

    Images without a date come last.
    """

    def key(scene: Scene) -> tuple[bool, str, str, str]:
        if scene.date is None:
            return True, "", scene.name, scene.identity
        return False, scene.date.isoformat(), scene.name, scene.identity

    return sorted(scenes, key=key)


def compose(
    reference: Scene, further: Sequence[Scene], hidden: Sequence[Hidden | None], *, progress: Progress = no_progress
) -> tuple[Scene, Composite]:
    """Make one scene of several images.

    Args:
        reference: the image whose grid, light, terrain and name are kept.
        further: images of the same ground, on any grid; channels that one of them lacks are left out.
        hidden: of the reference, then of each further image.
        progress: told of progress.

    Returns:
        The scene, valid where any image is, and the composite that it is read from, valid where one shows the ground.

    Raises:
        SceneError: the images do not belong together.
        ChannelError: an image lacks red, green or blue.
    """
    reference.require(TRUE_COLOUR, "a composite of images after the event")
    placed, warnings = place_on_grid(reference, further, "after", progress)
    first, *others = (
        replace(member, hidden=one)
        for member, one in zip((SceneOnGrid(reference, reference.geobox, ShiftField()), *placed), hidden, strict=True)
    )
    optical = [name for name in reference.channels if CHANNELS[name].kind == "reflectance"]
    channels = tuple(name for name in optical if all(scene.has([name]) for scene in further))
    members = [first]
    for member in others:
        lit, warning = _match_light(first, member, channels)
        members.append(lit)
        warnings += warning
    composite = Composite(tuple(members))
    source = CompositeSource(composite, channels)
    layers = {
        name: layer
        if name not in optical
        else Layer(source, channels.index(name) + 1, f"composite of {len(members)} images; {layer.describe()}")
        for name, layer in reference.layers.items()
        if name in channels or name not in optical
    }
    left_out = [
        f"left out {', '.join(lacking)}, which image '{scene.name}' after the event lacks"
        for scene in further
        if (lacking := [name for name in optical if not scene.has([name])])
    ]
    scene = replace(
        reference,
        layers=layers,
        date=composite.date,
        warnings=(
            *reference.warnings,
            *warnings,
            *(f"image after, '{scene.name}': {text}" for scene in further for text in scene.warnings),
        ),
        notes=(*reference.notes, *left_out),
        identity=_identify((reference, *further)),
        classification=None,
        members=(reference, *further),
    )
    return scene, composite


def _match_light(first: SceneOnGrid, member: SceneOnGrid, channels: Sequence[str]) -> tuple[SceneOnGrid, list[str]]:
    """Return an image in the light of the first, or as it is, with a warning, where they share too few pixels."""
    own, wanted = sample_both(member, first, (*TRUE_COLOUR, *channels), first.scene.window)
    if len(own) < MIN_PIXELS or (own[:, :3].std(axis=0) == 0).any() or (wanted[:, :3].std(axis=0) == 0).any():
        return member, [
            f"image after, '{member.scene.name}', shows too little of the ground that scene '{first.scene.name}' shows "
            f"({len(own)} sampled pixels, at least {MIN_PIXELS} are needed), so that its light is left as it is: "
            "expect seams"
        ]
    gains, offsets, _ = fit_light(own, wanted)
    named = zip(channels, gains[3:], offsets[3:], strict=True)
    return replace(member, light={name: (gain, offset) for name, gain, offset in named}), []


def _identify(scenes: Sequence[Scene]) -> str:
    """Return a sha256 that changes with the images; empty where one is in memory only."""
    identities = [scene.identity for scene in scenes]
    if not all(identities):
        return ""
    return hashlib.sha256(json.dumps({"composite": identities, "version": VERSION}).encode()).hexdigest()
