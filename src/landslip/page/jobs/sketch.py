"""Outlines over a picture: what a detector found in yellow, the truth in white, the one chosen in cyan."""

from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from PIL import Image

from landslip.datasets.pictures.truth import enlarged
from landslip.figures.cartography import outlined
from landslip.figures.palette import CHOSEN, OUTLINE, TRUTH
from landslip.mapping.inventory.files import read_geopackage
from landslip.page.jobs.results import Drawn
from landslip.page.jobs.tasks import SketchTask

_MOST_TIMES = 8
_QUALITY = 86


def sketch(task: SketchTask) -> dict[str, Any]:
    """Draw; gives the file and the size of the picture."""
    drawn = _record(task.ground)
    with Image.open(drawn.image) as held:
        ground = held.convert("RGB")
    if task.probability is not None:
        with Image.open(_record(task.probability).image) as held:
            ground.paste(held.convert("RGB"), mask=held.convert("RGBA").getchannel("A"))
    scale = min(task.longest_px / max(drawn.width, drawn.height), _MOST_TIMES)
    sheet = enlarged(np.asarray(ground), max(1, round(drawn.width * scale)))
    to_sheet = Affine.scale(sheet.width / drawn.width, sheet.height / drawn.height) * ~Affine(*drawn.transform)
    for path, colour in ((task.truth, TRUTH), (task.outlines, OUTLINE)):
        if path is not None:
            geometries = (geometry for table in read_geopackage(path) for geometry in table.geometry)
            sheet = outlined(sheet, geometries, to_sheet, colour)
    if task.outlines is not None and task.chosen is not None:
        chosen = [
            geometry
            for table in read_geopackage(task.outlines)
            for geometry in table[table["id"] == task.chosen].geometry
        ]
        sheet = outlined(sheet, chosen, to_sheet, CHOSEN)
    task.out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(task.out, "WEBP", quality=_QUALITY)
    return {"image": str(task.out), "width": sheet.width, "height": sheet.height}


def _record(path: Path) -> Drawn:
    return Drawn.model_validate_json(path.read_text(encoding="utf-8"))
