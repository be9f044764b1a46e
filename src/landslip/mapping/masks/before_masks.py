"""Cloud, its shadow and snow in the images before an event, where their bands allow; they are nodata there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from landslip.change.pair import ScenePair
from landslip.grid.window import Window
from landslip.mapping.masks.scene_masks import CloudChoice, SceneMasks
from landslip.scenes.masks.kinds import CLOUDS, OF_ONE_DATE, SNOW, MaskName, hides_ground


@dataclass(frozen=True, slots=True, eq=False)
class BeforeMasks:
    """The masks of each image before an event."""

    masks: tuple[SceneMasks, ...] = ()

    @classmethod
    def of(
        cls,
        pair: ScenePair,
        names: Literal["auto"] | Sequence[MaskName],
        *,
        cloud_source: CloudChoice,
        buffer_m: float,
    ) -> "BeforeMasks":
        """Choose the masks of the images before: those of ``names`` that hide the ground, as far as bands allow.

        Args:
            pair: of the map.
            names: masks of the map.
            cloud_source: where clouds are known from.
            buffer_m: width of the buffer around clouds.

        Raises:
            SettingsError: an image lacks what the source of clouds needs.
            MissingExtraError: the package of the source of clouds is not installed.
        """
        wanted = {kind.name for kind in OF_ONE_DATE if names == "auto" or kind.name in names}
        if not wanted:
            return cls()
        found = []
        for member in pair.before.members:
            masks = SceneMasks.of(member.scene, "auto", cloud_source=cloud_source, buffer_m=buffer_m)
            found.append(replace(masks, rules={name: rule for name, rule in masks.rules.items() if name in wanted}))
        return cls(tuple(found))

    def hide(self, pair: ScenePair) -> ScenePair:
        """Return the pair in which the masked ground of the images before is nodata."""
        if not any(self.masks):
            return pair
        members = tuple(
            replace(member, hidden=_hidden(masks)) if masks else member
            for member, masks in zip(pair.before.members, self.masks, strict=True)
        )
        return replace(pair, before=replace(pair.before, members=members))

    @property
    def complete(self) -> bool:
        """Whether clouds and snow are masked in every image before, so that their colour need not tell them."""
        return bool(self.masks) and all({CLOUDS.name, SNOW.name} <= one.rules.keys() for one in self.masks)

    @property
    def rules(self) -> Mapping[str, Mapping[str, str]]:
        """Source and rule of each mask, by the name of the image."""
        return {one.scene.name: dict(one.rules) for one in self.masks if one}

    @property
    def identity(self) -> list[dict[str, object]]:
        """Everything that the masks depend on besides the images."""
        return [one.identity for one in self.masks]


def _hidden(masks: SceneMasks) -> Callable[[Window], NDArray[np.bool_]]:
    return lambda window: hides_ground(masks.codes(window))
