"""The picture of a mosaic: true colour, and landslides, with gaps hatched."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landslip.channels import CHANNELS, TRUE_COLOUR
from landslip.datasets.patch_set import Patch
from landslip.figures.formatting import format_count
from landslip.figures.picture import draw_hatching
from landslip.figures.true_colour import stretch_true_colour
from landslip.figures.typography import FAINT, INK, PAPER, Column
from landslip.probability import LANDSLIDE, NODATA

_LONGEST_PX: Final = 1280
_LARGEST_PATCH_PX: Final = 128
_EDGE_PX: Final = 28
_LANDSLIDE: Final = (255, 214, 10)


class MosaicPicture:
    """A picture of a mosaic, from patches that are added one by one and downsampled."""

    def __init__(self, name: str, channels: tuple[str, ...], rows: int, cols: int, side: int) -> None:
        self._name, self._rows, self._cols = name, rows, cols
        self._side = max(2, min(_LARGEST_PATCH_PX, side, _LONGEST_PX // max(rows, cols)))
        reflectance = [name for name in channels if CHANNELS[name].kind == "reflectance"]
        self.channels = TRUE_COLOUR if set(TRUE_COLOUR) <= set(channels) else tuple((reflectance or channels) * 3)[:3]
        size = (rows * self._side, cols * self._side)
        self._values = np.zeros((3, *size), np.float32)
        self._valid = np.zeros(size, np.bool_)
        self._landslide = np.zeros(size, np.float32)
        self._patches = 0
        self._labelled = 0

    def add(self, row: int, col: int, patch: Patch) -> None:
        """Add a patch at its position."""
        here = (
            slice(row * self._side, (row + 1) * self._side),
            slice(col * self._side, (col + 1) * self._side),
        )
        for band, channel in zip(self._values, self.channels, strict=True):
            band[here] = self._small(patch.values[patch.channels.index(channel)])
        self._valid[here] = True
        self._landslide[here] = self._small((patch.mask == LANDSLIDE).astype(np.float32))
        self._patches += 1
        self._labelled += bool((patch.mask != NODATA).any())

    def panels(self) -> list[tuple[str, NDArray[np.uint8]]]:
        """Return titles and RGB (h, w, 3) of the scene, and of its landslides if there are labels."""
        rgb = np.where(
            self._valid[..., np.newaxis],
            stretch_true_colour(self._values, self._valid),
            draw_hatching(*self._valid.shape),
        ).astype(np.uint8)
        panels = [("True colour" if self.channels == TRUE_COLOUR else ", ".join(self.channels), rgb)]
        if self._labelled:
            # Landslides smaller than a pixel of the picture stay visible.
            opacity = np.sqrt(self._landslide)[..., np.newaxis]
            grey = rgb.mean(axis=2, keepdims=True) * 0.75
            ground = np.where(self._valid[..., np.newaxis], grey, rgb)
            panels.append(("Landslides", np.rint(ground + (np.array(_LANDSLIDE) - ground) * opacity).astype(np.uint8)))
        return panels

    def draw(self, agreement: float, source: str) -> Image.Image:
        """Draw the sheet.

        Args:
            agreement: fraction of touching sides for which no other patch matches better.
            source: attribution of the patches.
        """
        panels = self.panels()
        rgb = panels[0][1]
        width = max(420, len(panels) * (rgb.shape[1] + _EDGE_PX) - _EDGE_PX)
        sheet = Column(width)
        sheet.text(f"Scene {self._name}, recovered from the edges of its patches", 24, weight=0.4)
        sheet.gap(4)
        holes = self._rows * self._cols - self._patches
        sheet.text(
            f"{format_count(self._patches, 'patch', 'patches')} on {self._rows} rows and {self._cols} columns; "
            f"{format_count(holes, 'position', 'positions')} without a patch (hatched); on {agreement:.1%} of the "
            "touching sides no other patch matches better. The location on Earth is unknown.",
            15,
            ink=FAINT,
        )
        sheet.gap(14)
        sheet.picture(_beside(panels, width))
        sheet.gap(14)
        sheet.text(source, 13, ink=FAINT)
        drawn = sheet.render()
        framed = Image.new("RGB", (drawn.width + 2 * _EDGE_PX, drawn.height + 2 * _EDGE_PX), PAPER)
        framed.paste(drawn, (_EDGE_PX, _EDGE_PX))
        return framed

    def _small(self, layer: NDArray[np.float32]) -> NDArray[np.float32]:
        small: NDArray[np.float32] = np.asarray(
            Image.fromarray(layer.astype(np.float32)).resize((self._side, self._side), Image.Resampling.BOX)
        )
        return small


def _beside(panels: list[tuple[str, NDArray[np.uint8]]], width: int) -> Image.Image:
    """Place pictures side by side, each with its title above."""
    height = panels[0][1].shape[0]
    row = Image.new("RGB", (width, height + 28), PAPER)
    for column, (title, rgb) in enumerate(panels):
        x = column * (rgb.shape[1] + _EDGE_PX)
        heading = Column(max(rgb.shape[1], 120))
        heading.text(title, 17, ink=INK, weight=0.3, lines=1)
        row.paste(heading.render(), (x, 0))
        row.paste(Image.fromarray(rgb), (x, 28))
    return row
