"""The trial of the engines: what it chooses, when it is remembered, and when there is none."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from landslip.cli.engine_choice import MIN_TILES, choose_engine
from landslip.errors import EngineError
from landslip.inference import trial
from landslip.inference.engine import available_engines
from landslip.inference.trial import FILE, find_fastest
from landslip.mapping.job import MapSettings
from tiny_detectors import brightness

pytestmark = pytest.mark.skipif(
    {"openvino", "onnxruntime"} - set(available_engines()) != set(), reason="needs two engines to compare"
)


class Clock:
    """Time that passes only in engines: a second an image in OpenVINO, half of one in ONNX Runtime."""

    def __init__(self) -> None:
        self.now = 0.0
        self.opened: list[str] = []

    def __call__(self) -> float:
        return self.now

    def open_engine(self, _detector: object, options: Any, **_size: int) -> Any:
        self.opened.append(options.engine)
        cost_s = {"openvino": 1.0, "onnxruntime": 0.5}[options.engine]

        class Engine:
            batch = 8

            def __call__(_, images: NDArray[np.float32]) -> None:  # noqa: N805 - the clock is self
                self.now += cost_s * len(images)

        return Engine()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Clock:
    made = Clock()
    monkeypatch.setattr(trial, "perf_counter", made)
    monkeypatch.setattr(trial, "open_engine", made.open_engine)
    monkeypatch.setenv(trial.FOLDER_VARIABLE, str(tmp_path))
    return made


def test_the_fastest_engine_is_chosen_and_remembered(clock: Clock, tmp_path: Path) -> None:
    first = find_fastest(brightness())
    assert first is not None
    assert not first.remembered
    assert first.choice.engine == "onnxruntime"
    assert first.choice.patches_per_s == {"openvino": 1.0, "onnxruntime": 2.0}
    assert first.choice.text == "onnxruntime 2 patches/s, openvino 1 patches/s"
    assert clock.opened == ["openvino", "onnxruntime"]
    again = find_fastest(brightness())
    assert again is not None
    assert again.remembered
    assert again.choice == first.choice
    assert clock.opened == ["openvino", "onnxruntime"]
    assert [one.name for one in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("change", ["threads", "cpu", "detector"])
def test_another_machine_or_detector_is_tried_anew(clock: Clock, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find_fastest(brightness(), threads=1)
    if change == "cpu":
        monkeypatch.setattr(trial, "cpu_name", lambda: "another")
    detector = brightness()
    if change == "detector":
        from dataclasses import replace

        detector = replace(detector, sha256="0" * 64)
    found = find_fastest(detector, threads=2 if change == "threads" else 1)
    assert found is not None
    assert not found.remembered


def test_a_damaged_or_unwritable_memory_is_no_error(clock: Clock, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    assert find_fastest(brightness()) is not None
    (tmp_path / "file").write_text("")
    found = find_fastest(brightness(), folder=tmp_path / "file" / "below")
    assert found is not None
    assert not found.remembered


def test_with_one_engine_there_is_no_trial(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "available_engines", lambda: ("openvino", "onnxruntime-cuda"))
    assert find_fastest(brightness()) is None
    monkeypatch.setattr(trial, "available_engines", available_engines)

    def fails(*_: object, **__: object) -> None:
        raise EngineError("no")

    monkeypatch.setattr(trial, "open_engine", fails)
    assert find_fastest(brightness()) is None


def test_only_large_scenes_are_worth_a_trial(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    detector = brightness()
    step = detector.card.tile_px - detector.card.overlap_px
    sizes = {"small": (MIN_TILES - 1) * step, "large": MIN_TILES * step}
    chosen = {}
    for name, width in sizes.items():
        scene: Any = SimpleNamespace(height=step, width=width)
        chosen[name] = choose_engine(MapSettings(), detector, scene, quiet=False).engine
    assert chosen == {"small": "auto", "large": "onnxruntime"}
    assert "onnxruntime 2 patches/s" in capsys.readouterr().err
    asked: Any = SimpleNamespace(height=step, width=sizes["large"])
    assert choose_engine(MapSettings(engine="openvino"), detector, asked, quiet=True).engine == "openvino"


def test_the_trial_runs_real_engines(tmp_path: Path) -> None:
    found = find_fastest(brightness(), threads=1, folder=tmp_path)
    assert found is not None
    assert set(found.choice.patches_per_s) == {"openvino", "onnxruntime"}
    assert min(found.choice.patches_per_s.values()) > 0
