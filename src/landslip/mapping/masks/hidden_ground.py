"""What the masks of a scene need to know about a composite: where no image of it shows the ground."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from landslip.grid.window import Window


class HiddenGround(Protocol):
    """What hides the ground in every image of a composite: clouds, shadow and snow."""

    @property
    def rules(self) -> Mapping[str, str]:
        """Source and rule of each mask, by its name."""

    @property
    def left_out(self) -> Mapping[str, str]:
        """Why a mask cannot be made, by its name."""

    @property
    def complete(self) -> bool:
        """Whether clouds and snow are masked in every image."""

    @property
    def identity(self) -> object:
        """Everything that the codes depend on besides the images."""

    def codes(self, window: Window) -> NDArray[np.uint8]:
        """Return the code of what hides each pixel (h, w), 0 where an image shows the ground."""
