"""``landslip detector ensemble`` and ``calibrate``: results and errors."""

from pathlib import Path

import pytest

from landslip.cli import main
from landslip.detector.detector import Detector
from patches_made import make_rgb_set
from tiny_detectors import brightness, identity


@pytest.fixture
def member(tmp_path: Path) -> Path:
    brightness().save(tmp_path / "member.onnx")
    return tmp_path / "member.onnx"


def call(*words: object) -> None:
    main([str(word) for word in words], standalone_mode=False)


def test_ensemble_with_tta_and_calibration(tmp_path: Path, member: Path, capsys: pytest.CaptureFixture[str]) -> None:
    joined, done = tmp_path / "joined.onnx", tmp_path / "done.onnx"
    call("detector", "ensemble", member, member, "--tta", "flips", "-o", joined)
    printed = capsys.readouterr().out
    assert "8 forward passes per image" in printed
    assert "Next: landslip detector calibrate" in printed
    card = Detector.open(joined).card
    assert (card.name, card.forward_passes, card.tta) == ("joined", 8, "flips")
    call("detector", "show", joined)
    assert "8 forward passes per image" in " ".join(capsys.readouterr().out.split())
    data = make_rgb_set(tmp_path / "set", {"A": range(4), "B": range(4, 6), "C": range(6, 8)})
    call("detector", "calibrate", joined, "--data", data, "--scene", "A", "--scene", "B", "--each-scene", "-o", done)
    calibrated = Detector.open(done).card
    assert "mean over the 2 parts" in calibrated.threshold_selection
    assert [score.data for score in calibrated.scores] == ["set, scene A", "set, scene B"]
    assert all("selected on it" in score.protocol for score in calibrated.scores)
    assert calibrated.forward_passes == 8
    assert calibrated.graph_sha256 != card.graph_sha256


@pytest.mark.parametrize("case", ["there", "suffix", "folder", "name", "apart", "scene"])
def test_errors_are_one_sentence_and_leave_no_file(
    tmp_path: Path, member: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    out = tmp_path / "out.onnx"
    words: list[object] = ["detector", "ensemble", member]
    if case == "there":
        out = member
    elif case == "suffix":
        out = tmp_path / "out.tif"
    elif case == "folder":
        out = tmp_path / "nowhere" / "out.onnx"
    elif case == "name":
        words += ["--name", "No Name"]
    elif case == "apart":
        identity(pixel_size_m=30).save(tmp_path / "other.onnx")
        words += [tmp_path / "other.onnx"]
    else:
        data = make_rgb_set(tmp_path / "set", {"A": range(2)})
        words = ["detector", "calibrate", member, "--data", data, "--scene", "Z"]
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as exit_:
        main([str(word) for word in (*words, "-o", out)])
    assert exit_.value.code == 2
    printed = capsys.readouterr().err.strip()
    assert printed.startswith("landslip: ")
    assert len(printed.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before
