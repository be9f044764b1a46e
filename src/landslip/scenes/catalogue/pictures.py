"""Pictures of fetched scenes: the quicklook of a folder, and the contact sheet of candidates."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image as Picture
from rasterio.enums import Resampling

from landslip.channels import TRUE_COLOUR
from landslip.figures.picture import render_picture, write_picture
from landslip.figures.typography import FAINT, INK, PAPER, draw_text, wrap_text
from landslip.files.progress import Progress, track
from landslip.scenes.catalogue.ranking import Pass, Ranked, Ranking
from landslip.scenes.catalogue.reading import RemoteReader, reading_threads

_QUICKLOOK_PX: Final = 1024
_CELL_PX: Final = 300
_GAP_PX: Final = 20
_CAPTION_PX: Final = 76
_COLUMNS: Final = 4
MAX_PICTURES: Final = 24


def draw_quicklook(folder: Path, channels: Sequence[str], path: Path) -> None:
    """Draw a fetched scene in true colour, or in its first channels where it has no colours.

    Raises:
        OutputError: the picture cannot be written.
    """
    shown = TRUE_COLOUR if set(TRUE_COLOUR) <= set(channels) else tuple((*channels, *[channels[-1]] * 2)[:3])
    bands, masks = [], []
    for channel in shown:
        with rasterio.Env(), rasterio.open(folder / f"{channel}.tif") as opened:
            factor = max(1.0, max(opened.shape) / _QUICKLOOK_PX)
            shape = tuple(max(1, round(side / factor)) for side in opened.shape)
            read = opened.read(1, out_shape=shape, masked=True, resampling=Resampling.average)
        bands.append(np.asarray(read.filled(0), np.float32))
        masks.append(~np.ma.getmaskarray(read))
    write_picture(render_picture(np.stack(bands), np.logical_and.reduce(masks)), path)


def draw_candidates(ranking: Ranking, reader: RemoteReader, workers: int, progress: Progress) -> Picture.Image:
    """Draw a contact sheet: the area in each pass in true colour, nodata hatched, with what it shows.

    Args:
        ranking: of the passes; the first 24 are drawn.
        reader: of the catalogue's files.
        workers: number of threads.
        progress: told of progress.

    Raises:
        RunError: a file cannot be read.
    """
    shown = ranking.passes[:MAX_PICTURES]
    with reading_threads(workers) as pool:
        drawn = pool.map(lambda one: _thumbnail(one.one, ranking, reader), shown)
        pictures = list(track(drawn, progress, "drawing", len(shown)))
    columns = min(_COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    height = max((picture.height for picture in pictures), default=0)
    width = _GAP_PX + columns * (_CELL_PX + _GAP_PX)
    sheet = Picture.new("RGB", (width, _GAP_PX + rows * (height + _CAPTION_PX + _GAP_PX)), PAPER)
    for index, (one, picture) in enumerate(zip(shown, pictures, strict=True)):
        row, column = divmod(index, columns)
        left, top = _GAP_PX + column * (_CELL_PX + _GAP_PX), _GAP_PX + row * (height + _CAPTION_PX + _GAP_PX)
        sheet.paste(picture, (left + (_CELL_PX - picture.width) // 2, top))
        _caption(sheet, left, top + height + 6, one, index)
    return sheet


def _caption(sheet: Picture.Image, left: int, top: int, one: Ranked, index: int) -> None:
    stated = one.one.stated_cloud_percent
    first = f"{one.one.day.isoformat()}  {'chosen' if one.chosen else 'not chosen'} ({index + 1})"
    second = f"{one.clear:.0%} of the area clear, {one.observed:.0%} with values"
    third = f"{one.one.images[0].platform}, tile cloud " + ("unknown" if stated is None else f"{stated:.0f}%")
    for line, (text, ink) in enumerate(((first, INK), (second, INK), (third, FAINT))):
        fitted = wrap_text(text, 15, _CELL_PX, 1)[0]
        draw_text(sheet, (left, top + line * 20), fitted, 15, ink)


def _thumbnail(one: Pass, ranking: Ranking, reader: RemoteReader) -> Picture.Image:
    """Draw the area in a pass at coarse resolution."""
    grid = ranking.grid
    values = np.zeros((3, *grid.shape), np.float32)
    valid = np.zeros(tuple(grid.shape), np.bool_)
    for image in one.images:
        channels = TRUE_COLOUR if set(TRUE_COLOUR) <= set(image.bands) else tuple(image.bands)[:1] * 3
        own: NDArray[np.float32] = np.stack(
            [
                reader.read(image.bands[name].href, grid, dtype="float32", fill=0, nodata=0, resampling="bilinear")
                for name in channels
            ]
        )
        here = (own > 0).all(axis=0) & ~valid
        values[:, here] = own[:, here]
        valid |= here
    picture = render_picture(values, valid)
    scale = _CELL_PX / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Picture.Resampling.NEAREST if scale > 1 else Picture.Resampling.BOX)
