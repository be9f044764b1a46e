"""Channel ablation of a trained detector: a channel that is not used has no effect."""

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from command_line import run
from landslip.datasets.l4s_values import L4S_CHANNELS
from landslip.datasets.patch_set import EntrySet, Patch
from landslip.detector.detector import Detector, seal
from landslip.detector.sealed_file import INPUT, OUTPUT
from landslip.errors import PatchesError, SettingsError
from landslip.evaluation.evaluate import evaluate
from landslip.evaluation.predictions import PatchPosition
from landslip.studies.ablation.permutation import ablate_detector
from landslip.studies.ablation.report import write_ablation
from landslip.studies.ablation.result import select_groups
from tiny_detectors import card, model

CHANNELS = ("B04", "B08", "slope")


def first_channel_only(**changes: object) -> Detector:
    """Probability = B04 / 10,000; the other two channels are not used."""
    nodes = [
        helper.make_node("Gather", [INPUT, "first"], ["picked"], axis=1),
        helper.make_node("Div", ["picked", "full"], ["share"]),
        helper.make_node("Clip", ["share", "low", "high"], [OUTPUT]),
    ]
    weights = {name: np.asarray(np.float32(value)) for name, value in (("full", 10_000), ("low", 0), ("high", 1))}
    made = model(nodes, weights | {"first": np.array([0], np.int64)}, len(CHANNELS))
    return seal(made, card("first", CHANNELS, **changes))


class Ground(EntrySet[PatchPosition]):
    """Patches whose landslides are bright in B04, each in a block of its own."""

    channels = CHANNELS

    def __init__(self, count: int = 8) -> None:
        self.entries = tuple(PatchPosition("train", number, "S", 0, 4 * number) for number in range(count))

    def read(self, entry: PatchPosition) -> Patch:
        chance = np.random.default_rng(entry.id)
        mask = np.zeros((32, 32), np.uint8)
        row, col = chance.integers(0, 20, 2)
        mask[row : row + 10, col : col + 10] = 1
        values = chance.uniform(500, 4000, (3, 32, 32))
        values[0] += 5500.0 * mask
        return Patch(entry.id, "S", entry.row, entry.col, CHANNELS, values.astype(np.float32), mask)


def test_unused_channels_have_no_effect(tmp_path: Path) -> None:
    ground = Ground()
    found = ablate_detector(first_channel_only(), ground, tmp_path, data="made", seeds=(1, 2))
    assert found.f1.mean == pytest.approx(evaluate(first_channel_only(), ground).pixel.f1)
    drops = {(one.method, one.name): one for one in found.drops}
    assert {name for _, name in drops} == set(CHANNELS)
    for how in ("permuted", "dropped"):
        for name in ("B08", "slope"):
            one = drops[how, name]
            assert (one.drop, one.low, one.high) == (0, 0, 0)
        assert drops[how, "B04"].drop > 0.3
        assert drops[how, "B04"].low <= drops[how, "B04"].drop <= drops[how, "B04"].high
    assert len(drops["permuted", "B04"].f1.values) == 2
    assert drops["dropped", "B04"].f1.std is None


def test_groups_hold_related_channels_and_never_all() -> None:
    taken = {one.name: one.channels for one in select_groups(L4S_CHANNELS)}
    assert len(taken) == 14 + 5
    assert taken["all terrain"] == ("slope", "elevation")
    assert taken["atmosphere"] == ("B01", "B09", "B10")
    assert "near infrared" not in taken  # B08 alone is a channel
    assert [one.name for one in select_groups(("B04", "B03", "B02"))] == ["B04", "B03", "B02"]
    assert [one.name for one in select_groups(L4S_CHANNELS, ["B12", "colour"])] == ["B12", "colour"]
    with pytest.raises(SettingsError, match="'B13' is not a channel or group to ablate: allowed are B01"):
        select_groups(L4S_CHANNELS, ["B13"])
    with pytest.raises(SettingsError, match="at least 2 channels, got 1"):
        select_groups(["B04"])


def test_too_few_patches_and_repeated_seeds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PatchesError, match="at least 2 patches, got 1"):
        ablate_detector(first_channel_only(), Ground(1), tmp_path)
    with pytest.raises(SettingsError, match="different numbers, got 1, 1"):
        ablate_detector(first_channel_only(), Ground(), tmp_path, seeds=(1, 1))


def test_the_report_holds_the_drops(tmp_path: Path) -> None:
    found = ablate_detector(
        first_channel_only(), Ground(), tmp_path, data="made (synthetic)", names=["B08"], seeds=(1,)
    )
    files = write_ablation(found, tmp_path, ("whoever made it",))
    assert [path.name for path in files] == ["ablation.html", "ablation.json", "ablation.svg"]
    assert json.loads(files[1].read_text())["drops"][0]["name"] == "B08"
    page = files[0].read_text()
    assert "synthetic" in page
    assert "Fewer than three seeds" in page
    assert "synthetic" in files[2].read_text()


def test_detector_or_recipe_is_required(tmp_path: Path) -> None:
    for arguments in ((), ("--detector", "a", "--recipe", "b"), ("--detector", "a", "--physics")):
        told = run("ablate", tmp_path, "-o", tmp_path / "out", *arguments)
        assert told.code == 2
        assert "--recipe" in told.err
