"""The pair in examples/hokkaido: it is co-registered, and its snow and clouds are found on the right dates."""

from pathlib import Path

import numpy as np

from landslip.change.pair import ScenePair
from landslip.scenes.rasters import open_scene

FOLDER = Path(__file__).parents[2] / "examples" / "hokkaido"


def test_snow_is_on_the_image_before_and_hardly_on_that_after() -> None:
    after, before = (open_scene(FOLDER / f"{name}.tif") for name in ("after", "before"))
    pair = ScenePair.open(after, [before])
    (member,) = pair.before.members
    assert member.shift.trusted
    assert member.shift.residual_px() < 0.5
    reading = pair.read(after.window)
    snow, clouds = (white[reading.valid].mean() for white in (reading.white_before, reading.white_after))
    assert 0.05 < snow < 0.25
    assert clouds < 0.03
    values, _ = after.read(["B02"], after.window)
    # The brightest pixels of blue after are clouds.
    assert reading.white_after[values[0] > np.quantile(values, 0.9995)].all()
