"""Text on pictures in Pillow's own typeface, measured before it is drawn, so that it stays in its column."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from PIL import Image, ImageDraw, ImageFont

INK: Final = (31, 35, 38)
FAINT: Final = (98, 105, 110)
PAPER: Final = (252, 251, 248)
RULE: Final = (205, 203, 196)

_RAISED: Final = "²"
_SPELLINGS: Final = dict(zip("–—‑×•’“”", '---x·\'""', strict=True)) | {"≥": ">=", "≤": "<="}
"""Replacements for characters that Pillow's typeface lacks."""

_UNIT: Final = re.compile(r"(\d) (?=(?:%|m|m²|km|km²|ha|px|s)(?:\W|$))")
"""A line never breaks between a number and its unit."""

Drawing = Callable[[Image.Image], None]


@lru_cache(maxsize=32)
def _font(size: float) -> ImageFont.FreeTypeFont:
    """Load Pillow's own typeface at a size in pixels."""
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType: install Pillow's own wheel")
    return font


@lru_cache(maxsize=4096)
def _drawable(character: str) -> str:
    """Return the character or the nearest one in the typeface; ``?`` for other scripts."""
    if character == _RAISED:
        return character
    character = _SPELLINGS.get(character, character)
    missing = bytes(_font(20).getmask("\u0b95"))
    for candidate in (character, unicodedata.normalize("NFKD", character)[:1]):
        if candidate.isspace():
            return " "
        if candidate.isprintable() and bytes(_font(20).getmask(candidate)) != missing:
            return candidate
    return "?" if character.isprintable() and not unicodedata.combining(character) else ""


def plain(text: str) -> str:
    """Reduce text to one line of characters in the typeface; any white space becomes a space."""
    return " ".join("".join("".join(map(_drawable, c)) for c in _SPELLINGS.get(text, text)).split())


def _runs(text: str, size: float) -> Iterator[tuple[str, float, float]]:
    """Yield pieces of text with their size and vertical offset; a superscript 2 is smaller."""
    for count, piece in enumerate(text.split(_RAISED)):
        if count:
            yield "2", round(size * 0.64), 0.0
        if piece:
            yield piece, size, 0.0


def text_width(text: str, size: float) -> float:
    """Return the width in pixels of a line of plain text."""
    return sum(_font(piece_size).getlength(piece) for piece, piece_size, _ in _runs(text, size))


def draw_text(
    image: Image.Image,
    at: tuple[float, float],
    text: str,
    size: float,
    ink: tuple[int, int, int] = INK,
    weight: float = 0.0,
) -> None:
    """Draw a line of plain text with its top left corner at a point; ``weight`` thickens the strokes, in pixels."""
    pen = ImageDraw.Draw(image)
    x, y = at
    for piece, piece_size, drop in _runs(text, size):
        pen.text((x, y + drop), piece, ink, _font(piece_size), stroke_width=weight, stroke_fill=ink)
        x += _font(piece_size).getlength(piece)


def wrap_text(text: str, size: float, width: float, lines: int) -> list[str]:
    """Break text into at most ``lines`` lines of a width in pixels; longer text ends in an ellipsis.

    A word wider than a line, such as a long file name, is broken.
    """
    done: list[str] = []
    line = ""
    for bound in _UNIT.sub("\\1\u00a0", plain(text)).split(" "):
        word = bound.replace("\u00a0", " ")
        longer = f"{line} {word}" if line else word
        if text_width(longer, size) <= width:
            line = longer
            continue
        if line:
            done.append(line)
        while text_width(word, size) > width:
            fitting = _fitting(word, size, width)
            done.append(word[:fitting])
            word = word[fitting:]
        line = word
    if line:
        done.append(line)
    if len(done) <= lines:
        return done
    last = done[lines - 1]
    while last and text_width(last + "…", size) > width:
        last = last[:-1]
    return [*done[: lines - 1], last.rstrip() + "…"]


def _fitting(word: str, size: float, width: float) -> int:
    """Return how many of a word's first characters fit a width; at least one."""
    count = 1
    while count < len(word) and text_width(word[: count + 1], size) <= width:
        count += 1
    return count


class Column:
    """A column of text and drawings, rendered once its height is known."""

    def __init__(self, width: int, paper: tuple[int, int, int] = PAPER) -> None:
        self.width = width
        self.height = 0
        self._paper = paper
        self._drawings: list[Drawing] = []

    def gap(self, height: int) -> None:
        """Leave a gap, in pixels."""
        self.height += height

    def text(
        self,
        text: str,
        size: float,
        *,
        ink: tuple[int, int, int] = INK,
        weight: float = 0.0,
        lines: int = 3,
        indent: int = 0,
    ) -> None:
        """Add a paragraph, wrapped to the column, of at most ``lines`` lines."""
        for line in wrap_text(text, size, self.width - indent - 2 * weight, lines):
            at = (indent + weight, self.height)
            self._drawings.append(
                lambda image, at=at, line=line: draw_text(image, at, line, size, ink, weight)  # type: ignore[misc] # defaults bind now
            )
            self.height += round(size * 1.36)

    def rule(self) -> None:
        """Add a thin line across the column."""
        y = self.height
        self._drawings.append(lambda image: ImageDraw.Draw(image).line([(0, y), (self.width, y)], RULE, 1))
        self.height += 1

    def drawing(self, height: int, draw: Callable[[Image.Image, int], None]) -> None:
        """Add a drawing of a known height; ``draw`` is called with the image and the row of its top."""
        y = self.height
        self._drawings.append(lambda image: draw(image, y))
        self.height += height

    def picture(self, picture: Image.Image, x: int = 0) -> None:
        """Add a picture."""
        self.drawing(picture.height, lambda image, y: image.paste(picture, (x, y)))

    def render(self) -> Image.Image:
        """Render the column as an RGB image, at least one pixel high."""
        image = Image.new("RGB", (self.width, max(1, self.height)), self._paper)
        for draw in self._drawings:
            draw(image)
        return image
