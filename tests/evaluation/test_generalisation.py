"""Judging detectors on ground they were not trained on: regions, quiet ground, pairs of scenes and tracks."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import shapely
from affine import Affine
from click.testing import CliRunner
from PIL import Image
from pyproj import CRS

from landslip.cli import landslip as command_line
from landslip.datasets.formats import open_patches
from landslip.datasets.splits import Part
from landslip.detector.card import Card
from landslip.detector.detector import Detector
from landslip.errors import PatchesError, SettingsError
from landslip.evaluation.evaluate import evaluate
from landslip.evaluation.generalisation.judge import Ground, judge
from landslip.evaluation.generalisation.real_scenes import Mapped, cut_into_sections, score_pair, score_track
from landslip.evaluation.generalisation.regions import region_of_text, score_region, was_trained_in
from landslip.grid.map_grid import MapGrid

PIXEL_M = 10.0
GRID = MapGrid(CRS.from_epsg(32643), Affine(PIXEL_M, 0, 600_000, 0, -PIXEL_M, 1_200_000), 200, 300)


def mapped(found: np.ndarray) -> Mapped:  # bool (H, W)
    return Mapped(found, np.ones_like(found), GRID, PIXEL_M**2)


def write_polygon(path: Path, *rings: list[tuple[float, float]]) -> Path:
    """Write polygons that are given in pixels (column, row)."""
    geometries = [
        shapely.geometry.mapping(shapely.Polygon([GRID.transform * corner for corner in ring])) for ring in rings
    ]
    features = [{"type": "Feature", "properties": {}, "geometry": one} for one in geometries]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32643"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}))
    return path


def box(left: int, top: int, right: int, bottom: int) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]


def test_the_scores_of_a_region_are_those_of_an_evaluation(examples: Path) -> None:
    detector, patches = Detector.open("s2-rgb"), open_patches(examples / "l4s-rgb-kept-apart")
    score = score_region(detector, patches, Part(scenes=("C",)))
    expected = evaluate(detector, patches.where(lambda entry: entry.scene == "C"))
    assert score.at_threshold.f1 == pytest.approx(expected.f1)
    assert score.best_f1 >= max(score.at_threshold.f1, score.at_half.f1)
    with pytest.raises(PatchesError, match="no patch in"):
        score_region(detector, patches, Part(scenes=("Z",)))


def test_a_region_is_a_scene_or_rows_of_one() -> None:
    assert region_of_text("B") == Part(scenes=("B",))
    assert region_of_text("A:50-57") == Part(scenes=("A",), rows=(50, 57))
    for wrong in ("", ":1-2", "A:"):
        with pytest.raises(SettingsError, match="region must be"):
            region_of_text(wrong)


@pytest.mark.parametrize(
    ("recipe", "region", "expected"),
    [
        ({}, "A", None),
        ({"train": {"scenes": ["A"], "rows": [0, 47]}}, "A:50-57", False),
        ({"train": {"scenes": ["A"], "rows": [0, 47]}}, "A:47-57", True),
        ({"train": {"scenes": ["A"], "rows": [0, 47]}}, "B", False),
        ({"train": {"scenes": [], "rows": None}}, "B", True),
        ({"train": {"parts": ["train"]}, "split": {"protocol": "blocks"}}, "B", None),
        ({"train": {"parts": ["train"]}, "split": {"protocol": "scene-out", "scene": "B"}}, "B", False),
        ({"train": {"parts": ["train"]}, "split": {"protocol": "scene-out", "scene": "B"}}, "C", None),
    ],
)
def test_a_card_tells_whether_a_region_was_trained_in(
    recipe: dict[str, Any], region: str, expected: bool | None
) -> None:
    card = cast(Card, SimpleNamespace(recipe=recipe))
    assert was_trained_in(card, region_of_text(region)) is expected


def test_a_straight_track_has_its_length_and_sections_of_100_m() -> None:
    on = np.zeros((200, 300), bool)
    on[90:95, 20:221] = True
    sections, length_m = cut_into_sections(on, PIXEL_M)
    assert length_m == pytest.approx(2000, rel=0.02)
    assert len(np.unique(sections[on])) in (20, 21)


def test_the_length_of_a_track_does_not_depend_on_its_direction() -> None:
    lengths = []
    for transform in (np.array, np.transpose, np.flipud):
        on = np.zeros((300, 300), bool)
        on[10:14, 10:200] = True
        on[10:250, 196:200] = True
        lengths.append(cut_into_sections(transform(on), PIXEL_M)[1])
    assert max(lengths) - min(lengths) <= 3 * PIXEL_M
    diagonal = np.eye(201, dtype=bool) | np.eye(201, k=1, dtype=bool)
    assert cut_into_sections(diagonal, PIXEL_M)[1] == pytest.approx(2000 * np.sqrt(2), rel=0.1)


def test_half_of_a_track_is_found_and_a_patch_elsewhere_is_counted(tmp_path: Path) -> None:
    track = write_polygon(tmp_path / "track.geojson", box(20, 90, 220, 95))
    found = np.zeros((200, 300), bool)
    found[90:95, 20:120] = True
    found[95:97, 20:120] = True  # within 30 m: neither on the track nor elsewhere
    found[10:20, 10:20] = True
    score = score_track(mapped(found), track)
    assert score.found_fraction == pytest.approx(0.5, abs=0.06)
    assert score.recall == pytest.approx(0.5)
    assert score.elsewhere_ha == pytest.approx(1.0)
    assert score_track(mapped(~found & False), track).found_fraction == 0
    assert score_track(mapped(found | True), track).found_fraction == 1


def test_a_pair_counts_area_and_pixels_inside_the_windows_only(tmp_path: Path) -> None:
    windows = write_polygon(tmp_path / "windows.geojson", box(0, 0, 50, 50), box(100, 100, 150, 150))
    reference = write_polygon(tmp_path / "scars.geojson", box(10, 10, 20, 20), box(110, 110, 120, 120))
    after = np.zeros((200, 300), bool)
    after[10:20, 10:20] = True
    after[60:70, 60:70] = True  # outside the windows
    score = score_pair(mapped(np.zeros((200, 300), bool)), mapped(after), windows, reference)
    assert score.before_ha == 0
    assert score.after_ha == pytest.approx(2.0)
    assert score.after_inside_before_ha == pytest.approx(2.0)
    assert [one.f1 for one in score.windows] == [1.0, 0.0]
    assert (score.pooled.tp, score.pooled.fp, score.pooled.fn) == (100, 0, 100)


def test_what_belongs_together_is_given_together() -> None:
    with pytest.raises(SettingsError, match="nothing to judge on"):
        Ground()
    with pytest.raises(SettingsError, match="give reference too"):
        Ground(patches=Path("x"), windows=Path("y"))


def test_the_command_writes_tables_and_chart(tmp_path: Path, examples: Path) -> None:
    for number in range(3):
        (tmp_path / "chips" / "River").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), (60, 70, 80 + number)).save(tmp_path / "chips" / "River" / f"River_{number}.jpg")
    arguments = ["evaluate-generalisation", "s2-rgb", "--patches", str(examples / "l4s-rgb-kept-apart"), "--region"]
    arguments += ["C", "--quiet-ground", str(tmp_path / "chips"), "--chips", "2", "-o", str(tmp_path / "out"), "-q"]
    result = CliRunner().invoke(command_line, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "River" in result.output
    written = json.loads((tmp_path / "out" / "generalisation.json").read_text())["detectors"][0]
    assert [quiet["chips"] for quiet in written["quiet_ground"]] == [2, 2]
    assert (tmp_path / "out" / "generalisation.png").read_bytes()[1:4] == b"PNG"
    ground = Ground(patches=examples / "l4s-rgb-kept-apart", regions=(Part(scenes=("C",)),))
    assert judge(Detector.open("s2-rgb"), ground).as_dict()["regions"] == written["regions"]
