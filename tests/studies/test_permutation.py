"""Ablation of a detector as it is: a channel that it never looks at is worth nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from command_line import run
from landslip.datasets.l4s_values import L4S_CHANNELS
from landslip.datasets.patch_set import EntrySet, Patch
from landslip.detector.detector import INPUT, OUTPUT, Detector, seal
from landslip.errors import PatchesError, SettingsError
from landslip.evaluation.evaluate import evaluate
from landslip.evaluation.predictions import Place
from landslip.studies.ablation.permutation import ablate_detector
from landslip.studies.ablation.report import write_ablation
from landslip.studies.ablation.result import taken_from
from tiny_detectors import card, model

CHANNELS = ("B04", "B08", "slope")


def first_channel_only(**changes: object) -> Detector:
    """Probability = B04 / 10,000; the other two channels have no part in it."""
    nodes = [
        helper.make_node("Gather", [INPUT, "first"], ["picked"], axis=1),
        helper.make_node("Div", ["picked", "full"], ["share"]),
        helper.make_node("Clip", ["share", "low", "high"], [OUTPUT]),
    ]
    weights = {name: np.asarray(np.float32(value)) for name, value in (("full", 10_000), ("low", 0), ("high", 1))}
    made = model(nodes, weights | {"first": np.array([0], np.int64)}, len(CHANNELS))
    return seal(made, card("first", CHANNELS, **changes))


class Ground(EntrySet[Place]):
    """Patches whose landslides are bright in B04."""

    channels = CHANNELS

    def __init__(self, count: int = 8) -> None:
        self.entries = tuple(Place("train", number, "S", number // 4, number % 4) for number in range(count))

    def read(self, entry: Place) -> Patch:
        chance = np.random.default_rng(entry.id)
        mask = np.zeros((32, 32), np.uint8)
        row, col = chance.integers(0, 20, 2)
        mask[row : row + 10, col : col + 10] = 1
        values = chance.uniform(500, 4000, (3, 32, 32))
        values[0] += 5500.0 * mask
        return Patch(entry.id, "S", entry.row, entry.col, CHANNELS, values.astype(np.float32), mask)


def test_what_is_never_looked_at_is_worth_nothing(tmp_path: Path) -> None:
    ground = Ground()
    found = ablate_detector(first_channel_only(), ground, tmp_path, data="made", seeds=(1, 2))
    assert found.f1.mean == pytest.approx(evaluate(first_channel_only(), ground).pixel.f1)
    falls = {(one.how, one.name): one for one in found.falls}
    assert {name for _, name in falls} == set(CHANNELS)
    for how in ("permuted", "dropped"):
        for name in ("B08", "slope"):
            one = falls[how, name]
            assert (one.fall, one.low, one.high) == (0, 0, 0)
        assert falls[how, "B04"].fall > 0.3
        assert falls[how, "B04"].low <= falls[how, "B04"].fall <= falls[how, "B04"].high
    assert len(falls["permuted", "B04"].f1.values) == 2
    assert falls["dropped", "B04"].f1.deviation is None


def test_groups_hold_what_belongs_together_and_leave_something() -> None:
    taken = {one.name: one.channels for one in taken_from(L4S_CHANNELS)}
    assert len(taken) == 14 + 5
    assert taken["all terrain"] == ("slope", "elevation")
    assert taken["atmosphere"] == ("B01", "B09", "B10")
    assert "near infrared" not in taken  # B08 alone is a channel
    assert [one.name for one in taken_from(("B04", "B03", "B02"))] == ["B04", "B03", "B02"]
    assert [one.name for one in taken_from(L4S_CHANNELS, ["B12", "colour"])] == ["B12", "colour"]
    with pytest.raises(SettingsError, match="'B13' cannot be taken away: allowed are B01"):
        taken_from(L4S_CHANNELS, ["B13"])
    with pytest.raises(SettingsError, match="one channel"):
        taken_from(["B04"])


def test_what_cannot_be_ablated_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PatchesError, match="two or more"):
        ablate_detector(first_channel_only(), Ground(1), tmp_path)
    with pytest.raises(SettingsError, match="all different"):
        ablate_detector(first_channel_only(), Ground(), tmp_path, seeds=(1, 1))


def test_the_files_say_what_was_found(tmp_path: Path) -> None:
    found = ablate_detector(
        first_channel_only(), Ground(), tmp_path, data="made (synthetic)", names=["B08"], seeds=(1,)
    )
    files = write_ablation(found, tmp_path, ("whoever made it",))
    assert [path.name for path in files] == ["ablation.html", "ablation.json", "ablation.svg"]
    assert json.loads(files[1].read_text())["falls"][0]["name"] == "B08"
    page = files[0].read_text()
    assert "synthetic" in page
    assert "Fewer than three seeds" in page
    assert "synthetic" in files[2].read_text()


def test_one_of_detector_and_recipe_is_asked_for(tmp_path: Path) -> None:
    for arguments in ((), ("--detector", "a", "--recipe", "b"), ("--detector", "a", "--physics")):
        told = run("ablate", tmp_path, "-o", tmp_path / "out", *arguments)
        assert told.code == 2
        assert "--recipe" in told.err
