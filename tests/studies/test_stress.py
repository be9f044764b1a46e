"""The stress test as a whole: it agrees with the evaluation, resumes, and refuses the folder of another run."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from command_line import run
from landslip.datasets.patch_set import EntrySet, Patch
from landslip.errors import ChannelError, OutputError
from landslip.evaluation.evaluate import evaluate
from landslip.evaluation.predictions import PatchPosition
from landslip.studies import perturbed_runs as variants
from landslip.studies.stress.report import write_stress
from landslip.studies.stress.run import stress_test
from tiny_detectors import identity


class Field(EntrySet[PatchPosition]):
    """A scene of 3 x 3 patches of one channel, bright landslides on darker ground, cut from one image."""

    channels = ("B04",)

    def __init__(self, side: int = 32) -> None:
        random = np.random.default_rng(8)
        self.side = side
        truth = np.zeros((3 * side, 3 * side), np.uint8)
        for _ in range(12):
            row, col = random.integers(0, 3 * side - 14, 2)
            truth[row : row + 12, col : col + 14] = 1
        self.truth = truth
        self.image = (random.uniform(2000, 5200, truth.shape) + 4000.0 * truth).clip(0, 10_000).astype(np.float32)
        self.entries = tuple(PatchPosition("train", 1 + n, "S", n // 3, n % 3) for n in range(9))

    def read(self, entry: PatchPosition) -> Patch:
        row, col = (entry.row or 0) * self.side, (entry.col or 0) * self.side
        here = slice(row, row + self.side), slice(col, col + self.side)
        return Patch(entry.id, "S", entry.row, entry.col, ("B04",), self.image[None, *here], self.truth[here])


def test_unchanged_images_score_as_in_the_evaluation(tmp_path: Path) -> None:
    field = Field()
    found = stress_test(identity(), field, tmp_path, data="made", names=["blur", "noise", "lost-channel"])
    plain = evaluate(identity(), field).pixel
    for curve in found.curves:
        unchanged = next(one for one in curve.points if one.level == curve.unchanged)
        assert (unchanged.f1, unchanged.precision) == pytest.approx((plain.f1, plain.precision))
        # The nine patches are one block, too few for an interval.
        assert (curve.units, unchanged.low, unchanged.high) == (1, None, None)
        assert all(one.best_f1 >= one.f1 - 1e-12 for one in curve.points)
    noise = next(curve for curve in found.curves if curve.stress == "noise")
    assert noise.points[-1].f1 < noise.points[0].f1
    lost = next(curve for curve in found.curves if curve.line == "set to 0")
    assert lost.points[1].f1 == 0


def test_input_size_does_not_matter_to_a_network_without_context(tmp_path: Path) -> None:
    found = stress_test(identity(), Field(), tmp_path, names=["patch-size"])
    points = found.curves[0].points
    assert [one.level for one in points] == [32, 64]
    assert points[0].f1 == points[1].f1
    assert any("128 px" in one for one in found.left_out)


def test_pixels_of_half_the_side_are_four_times_as_many(tmp_path: Path) -> None:
    field = Field()
    found = stress_test(identity(), field, tmp_path, names=["ground-sampling"])
    native, back = found.curves
    landslide = {one.level: one.landslide_px for one in native.points}
    assert landslide[5] == 4 * landslide[10]
    assert landslide[20] == pytest.approx(landslide[10] / 4, rel=0.2)
    # Brought back, it is scored against the truth as it was.
    assert {one.level: one.landslide_px for one in back.points}[20] == landslide[10]
    assert all(one.level > 10 for one in back.points)


def test_an_interrupted_run_resumes_and_another_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    field, seen = Field(), []
    whole = stress_test(identity(), field, tmp_path / "whole", names=["blur", "haze"])

    def stopping(_: str, done: int, __: int) -> None:
        if done == 25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stress_test(identity(), field, tmp_path / "cut", names=["blur", "haze"], progress=stopping)
    again = stress_test(
        identity(), field, tmp_path / "cut", names=["blur", "haze"], progress=lambda *told: seen.append(told[1])
    )
    assert again == whole
    assert seen[0] == 19  # two finished variants of nine patches are not mapped again
    monkeypatch.setattr(variants, "ArrayPredictor", None)
    assert stress_test(identity(), field, tmp_path / "cut", names=["haze"]).curves == whole.curves[1:]
    for other in ({"threshold": 0.7}, {"seed": 9}):
        with pytest.raises(OutputError, match="belongs to another run"):
            stress_test(identity(), field, tmp_path / "cut", names=["haze"], **other)  # type: ignore[arg-type]  # as given
    (next((tmp_path / "cut" / "patches" / "variants").iterdir())).write_text("{")
    with pytest.raises(OutputError, match="is damaged"):
        stress_test(identity(), field, tmp_path / "cut", names=["blur", "haze"])


def test_the_report_holds_the_scores(tmp_path: Path) -> None:
    found = stress_test(identity(), Field(), tmp_path, data="made (synthetic)", names=["blur", "lost-channel"])
    files = write_stress(found, identity().card, tmp_path)
    assert [path.name for path in files] == ["stress.html", "stress.json", "blur.svg", "lost-channel.svg"]
    answer = json.loads(files[1].read_text())
    assert answer["curves"][0]["points"][0]["f1"] == found.curves[0].points[0].f1
    assert "synthetic" in files[0].read_text()
    for path in files[2:]:
        assert "synthetic" in "".join(ElementTree.parse(path).getroot().itertext())


def test_patches_without_a_needed_channel_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ChannelError, match="lacks channel B08"):
        stress_test(identity("B08"), Field(), tmp_path, names=["blur"])


@pytest.mark.slow
def test_the_command_leaves_a_page(shared_data: Path, tmp_path: Path) -> None:
    arguments = ("s2-rgb", shared_data / "l4s-rgb", "--scene", "C", "--rows", "0-2", "--quiet", "-o", tmp_path / "out")
    told = run("stress", *arguments, "--only", "noise,patch-size")
    assert told.code == 0, told.err
    assert f"report: {tmp_path / 'out' / 'stress.html'}" in told.out
    assert run("stress", *arguments, "--only", "fog").code == 2
