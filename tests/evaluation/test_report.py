"""The report: it is self-contained, agrees with its JSON, and names its limitations."""

import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from command_line import run
from landslip.datasets.patch_set import EntrySet, Patch
from landslip.detector.detector import DEFAULT, Detector
from landslip.errors import OutputError
from landslip.evaluation.evaluate import score
from landslip.evaluation.predict import predict
from landslip.evaluation.predictions import PatchPosition, Predictions, load_predictions
from landslip.evaluation.report.layout import ReportInput
from landslip.evaluation.report.page import Report, make_report
from tiny_detectors import TRUE_COLOUR, brightness

NASTY = "<script>alert(1)</script>"


class Held(EntrySet[PatchPosition]):
    """Bright squares on dark ground, in two scenes."""

    channels = TRUE_COLOUR

    def __init__(self, landslides: bool = True, placed: bool = True) -> None:
        self.landslides = landslides
        self.entries = tuple(
            PatchPosition(
                "train", number, "A" if number < 6 else NASTY, *((number // 3, number % 3) if placed else (None, None))
            )
            for number in range(12)
        )

    def read(self, entry: PatchPosition) -> Patch:
        chance = np.random.default_rng(entry.id)
        mask = np.zeros((32, 32), np.uint8)
        if self.landslides:
            row, col = chance.integers(0, 20, 2)
            mask[row : row + 9, col : col + 11] = 1
        values = chance.uniform(800, 1200, (3, 32, 32)) + 2500.0 * mask
        return Patch(entry.id, entry.scene, entry.row, entry.col, TRUE_COLOUR, values.astype(np.float32), mask)


def report_of(patches: Held, data: str = "made", other: Predictions | None = None) -> Report:
    detector = brightness()
    predictions = predict(detector, patches, protocol="none", data=data)
    return make_report(ReportInput(predictions, score(predictions, other=other), patches, detector.card))


@cache
def plain_report() -> Report:
    return report_of(Held())


class Page(HTMLParser):
    """Checks that every element is closed, and keeps what a page could load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "data")]
        assert tag != "script"
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_is_self_contained_and_agrees_with_its_json() -> None:
    report = plain_report()
    page = Page()
    page.feed(report.html)
    assert not page.open
    assert all(one.startswith(("#", "data:")) for one in page.loads)
    text = " ".join(page.words)
    pixel = report.data["pixels"]["pixel"]
    for name in ("f1", "precision", "recall", "iou"):
        assert f"{pixel[name]:.3f}" in text
    objects = report.data["landslides"]["all"]
    assert objects["reference"] == sum(one["reference"] for one in report.data["landslides"]["by_scene"].values())
    assert report.data["definitions"]["pooled"]["f1"] == pytest.approx(pixel["f1"])
    assert set(report.data["pixels"]["by_scene"]) == {"A", NASTY}
    assert report.data["provenance"]["card"]["name"] == "brightness"
    assert NASTY in text
    assert json.loads(json.dumps(report.data, allow_nan=False)) == json.loads(json.dumps(report.data))


def test_every_entry_of_the_contents_has_a_section() -> None:
    html = plain_report().html
    assert set(re.findall(r'href="#(\w+)"', html)) == set(re.findall(r'<section id="(\w+)"', html))


def test_limitations_are_listed() -> None:
    assert any("synthetic" in one for one in report_of(Held(), "made (synthetic)").data["limitations"])
    assert any("not given: only 2 blocks" in one for one in plain_report().data["limitations"])
    assert any("fewer than 20" in one for one in report_of(Held(placed=False)).data["limitations"])
    nothing = report_of(Held(landslides=False))
    assert any("holds no landslide" in one for one in nothing.data["limitations"])
    assert not any("synthetic" in one for one in nothing.data["limitations"])


def test_a_second_detector_is_compared() -> None:
    other = predict(brightness(threshold=0.9), Held())
    report = report_of(Held(), other=other)
    assert report.data["comparison"]["all"]["second_threshold"] == 0.9
    assert "comparison" not in plain_report().data


def test_the_command_reports_the_uncertainty_of_tta(examples: Path, tmp_path: Path) -> None:
    told = run(
        *("evaluate", examples / "l4s-rgb-kept-apart", "--scene", "C", "--uncertainty", "tta", "--detector", "s2-rgb"),
        *("--save", tmp_path / "p.npz", "--report", tmp_path / "out", "--quiet"),
    )
    assert told.code == 0, told.err
    answer = json.loads((tmp_path / "out" / "report.json").read_text())
    assert set(answer["uncertainty"]) == {"probability", "tta"}
    assert answer["uncertainty"]["tta"]["auroc"] > 0.8
    assert load_predictions(tmp_path / "p.npz").tta_std is not None


def test_a_report_is_written_atomically(tmp_path: Path) -> None:
    paths = Report("<p>page</p>", {"a": 1}).write(tmp_path / "out")
    assert [path.name for path in paths] == ["report.html", "report.json"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.html", "report.json"]
    with pytest.raises(OutputError, match="give a folder"):
        Report("", {}).write(paths[0])


@pytest.mark.slow
def test_the_default_detector_has_a_report(shared_data: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.npz"
    data = shared_data / "l4s-rgb"
    told = run(
        "evaluate", data, "--scene", "B", "--scene", "C", "--save", kept, "--report", tmp_path / "out", "--quiet"
    )
    assert told.code == 0, told.err
    answer = json.loads((tmp_path / "out" / "report.json").read_text())
    assert answer["provenance"]["sha256"] == Detector.open(DEFAULT).sha256
    assert answer["frequency_area"]["reference"]["landslides"] == answer["landslides"]["all"]["reference"]
    assert len(load_predictions(kept)) == answer["provenance"]["patches"] == 162
