"""Cloud, its shadow and snow in each image of a composite, as far as its bands allow; they are nodata there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from landslip.change.scene_on_grid import Composite
from landslip.grid.window import Window
from landslip.mapping.masks.scene_masks import CloudChoice, SceneMasks
from landslip.scenes.masks.kinds import OF_ONE_DATE, MaskKind, MaskName, hides_ground
from landslip.scenes.scene import Scene


@dataclass(frozen=True, slots=True, eq=False)
class ImageMasks:
    """The masks of each image before an event, or after it."""

    masks: tuple[SceneMasks, ...] = ()

    @classmethod
    def of(
        cls,
        scenes: Sequence[Scene],
        names: Literal["auto"] | Sequence[MaskName],
        *,
        cloud_source: CloudChoice,
        buffer_m: float,
        strict: bool = False,
    ) -> "ImageMasks":
        """Choose the masks of images: those of ``names`` that hide the ground, as far as bands allow.

        Args:
            scenes: the images.
            names: masks of the map.
            cloud_source: where clouds are known from.
            buffer_m: width of the buffer around clouds.
            strict: whether masks that are named must be possible in every image.

        Raises:
            SettingsError: an image lacks what the source of clouds, or a mask, needs.
            MissingExtraError: the package of the source of clouds is not installed.
        """
        wanted = {kind.name for kind in OF_ONE_DATE if names == "auto" or kind.name in names}
        if not wanted:
            return cls()
        asked: Literal["auto"] | Sequence[MaskName] = "auto"
        if strict and names != "auto":
            asked = [name for name in names if name in wanted]
        found = []
        for scene in scenes:
            masks = SceneMasks.of(scene, asked, cloud_source=cloud_source, buffer_m=buffer_m)
            found.append(replace(masks, rules={name: rule for name, rule in masks.rules.items() if name in wanted}))
        return cls(tuple(found))

    @property
    def hidden(self) -> list[Callable[[Window], NDArray[np.bool_]] | None]:
        """Where the ground is hidden in a window of each image, (h, w); None for an image without masks."""
        return [_hidden(masks) if masks else None for masks in self.masks]

    def hide(self, composite: Composite) -> Composite:
        """Return the composite in which the masked ground of its images is nodata."""
        if not any(self.masks):
            return composite
        members = tuple(
            replace(member, hidden=hidden) for member, hidden in zip(composite.members, self.hidden, strict=True)
        )
        return Composite(members)

    @property
    def complete(self) -> bool:
        """Whether clouds and snow are masked in every image, so that their colour need not tell them."""
        return bool(self.masks) and all(one.complete for one in self.masks)

    @property
    def rules(self) -> Mapping[str, Mapping[str, str]]:
        """Source and rule of each mask, by the name of the image."""
        return {one.scene.name: dict(one.rules) for one in self.masks if one}

    @property
    def identity(self) -> list[dict[str, object]]:
        """Everything that the masks depend on besides the images."""
        return [one.identity for one in self.masks]


@dataclass(frozen=True, slots=True, eq=False)
class CompositeMasks:
    """What hides the ground in every image of a composite (``hidden_ground.py``)."""

    images: ImageMasks
    composite: Composite

    @property
    def rules(self) -> dict[str, str]:
        """Source and rule of each mask, by its name; with the names of the images where they differ."""
        return self._merge([one.rules for one in self.images.masks])

    @property
    def left_out(self) -> dict[str, str]:
        """Why a mask cannot be made of an image, by the name of the mask."""
        return self._merge([one.left_out for one in self.images.masks])

    @property
    def complete(self) -> bool:
        """Whether clouds and snow are masked in every image."""
        return self.images.complete

    @property
    def identity(self) -> list[dict[str, object]]:
        """Everything that the codes depend on besides the images."""
        return self.images.identity

    def codes(self, window: Window) -> NDArray[np.uint8]:
        """Return the code of what hides each pixel (h, w), 0 where an image shows the ground or none is valid.

        Raises:
            SceneError: a file cannot be read.
        """
        codes = np.zeros(window.shape, np.uint8)
        if not any(self.images.masks):
            return codes
        nowhere = ~self.composite.sees(window)
        if not nowhere.any():
            return codes
        for kind in reversed(OF_ONE_DATE):
            for masks, member in zip(self.images.masks, self.composite.members, strict=True):
                if kind.name in masks.rules:
                    codes[nowhere & member.sample(_of_kind(masks, kind), window)] = kind.code
        return codes

    def _merge(self, texts: Sequence[Mapping[str, str]]) -> dict[str, str]:
        """Merge what is told of each image, by the name of the mask."""
        merged = {}
        for name in (kind.name for kind in OF_ONE_DATE):
            pairs = zip(self.images.masks, texts, strict=True)
            told = [(masks.scene.name, one[name]) for masks, one in pairs if name in one]
            if len({text for _, text in told}) == 1 and len(told) == len(texts):
                merged[name] = told[0][1]
            elif told:
                merged[name] = "; ".join(f"{scene}: {text}" for scene, text in dict(told).items())
        return merged


def _hidden(masks: SceneMasks) -> Callable[[Window], NDArray[np.bool_]]:
    return lambda window: hides_ground(masks.codes(window))


def _of_kind(masks: SceneMasks, kind: MaskKind) -> Callable[[Window], NDArray[np.bool_]]:
    return lambda window: masks.codes(window) == kind.code
