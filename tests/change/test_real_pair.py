"""The pair in examples/hokkaido: it is co-registered, and its snow and clouds are found on the right dates."""

from pathlib import Path

import numpy as np

import landslip
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


def test_candidates_ruled_out_in_degrees_are_counted_without_a_warning(tmp_path: Path) -> None:
    """The grid of the pair is in degrees, of which geopandas warns when it is asked for an area."""
    result = landslip.map_scene(
        [FOLDER / "after.tif", FOLDER / "slope.tif"],
        tmp_path / "map",
        min_slope_deg=10,
        aoi="141.90,42.68,141.95,42.74",
    )
    ruled_out = {mask.name: mask for mask in result.summary.masks}["slope"]
    assert ruled_out.candidates > 0
    assert ruled_out.pixels >= ruled_out.candidates
