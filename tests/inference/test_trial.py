"""The trial of the engines: what it chooses, when it is remembered, and when there is none."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from landslip.cli.engine_choice import MIN_TILES, choose_engine
from landslip.errors import EngineError
from landslip.inference import tile_trial, trial
from landslip.inference.engine import InferenceOptions, available_engines
from landslip.inference.remembered_choice import FILE, FOLDER_VARIABLE
from landslip.inference.tile_trial import SAMPLE_PX, Sample, compare_tile_sizes
from landslip.inference.trial import find_fastest
from landslip.mapping.job import MapSettings
from tiny_detectors import brightness, identity

pytestmark = pytest.mark.skipif(
    {"openvino", "onnxruntime"} - set(available_engines()) != set(), reason="needs two engines to compare"
)


class Clock:
    """Time that passes only in engines: seconds an image by engine and settings, and answers that may differ."""

    def __init__(self) -> None:
        self.now = 0.0
        self.opened: list[str] = []
        self.cost_s: Callable[[Any], float] = lambda options: {"openvino": 1.0, "onnxruntime": 0.5}[options.engine]
        self.answer: Callable[[Any], float] = lambda _options: 0.5

    def __call__(self) -> float:
        return self.now

    def open_engine(self, _detector: object, options: Any, **_size: int) -> Any:
        self.opened.append(options.engine)
        cost_s, answer = self.cost_s(options), self.answer(options)

        class Engine:
            batch = 8

            def __call__(_, images: NDArray[np.float32]) -> NDArray[np.float32]:  # noqa: N805 - the clock is self
                self.now += cost_s * len(images)
                return np.full((len(images), *images.shape[2:]), answer, np.float32)

        return Engine()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Clock:
    made = Clock()
    monkeypatch.setattr(trial, "perf_counter", made)
    monkeypatch.setattr(trial, "open_engine", made.open_engine)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return made


def test_the_fastest_engine_is_chosen_and_remembered(clock: Clock, tmp_path: Path) -> None:
    first = find_fastest(brightness())
    assert not first.remembered
    assert (first.choice.best.engine, first.choice.best.batch, first.choice.best.patches_per_s) == (
        "onnxruntime",
        None,
        2.0,
    )
    assert first.choice.text.startswith("onnxruntime float32 2 patches/s; onnxruntime float32, batch 4 2 patches/s; ")
    count = len(clock.opened)
    again = find_fastest(brightness())
    assert again.remembered
    assert again.choice == first.choice
    assert len(clock.opened) == count
    assert [one.name for one in tmp_path.iterdir()] == [FILE]


def test_streams_and_batch_are_tuned_where_the_gain_is_clear(clock: Clock) -> None:
    clock.cost_s = lambda options: 2.0 if options.engine == "onnxruntime" else 0.5 if options.streams == 1 else 1.0
    best = find_fastest(brightness()).choice.best
    assert (best.engine, best.streams, best.batch) == ("openvino", 1, None)
    clock.cost_s = lambda options: 2.0 if options.engine == "onnxruntime" else 0.97 if options.batch else 1.0
    best = find_fastest(brightness(title="another")).choice.best
    assert (best.engine, best.streams, best.batch) == ("openvino", None, None)


def test_settings_that_change_the_answer_are_not_taken(clock: Clock) -> None:
    clock.cost_s = lambda options: 0.1 if options.batch else 1.0
    clock.answer = lambda options: 0.51 if options.batch else 0.5
    choice = find_fastest(brightness()).choice
    assert choice.ranking[0].batch == 4
    assert choice.best.batch is None
    assert "not taken: it differs by up to 0.01" in choice.text


@pytest.mark.parametrize("answer", [0.502, 0.6])
def test_an_accelerator_is_taken_only_where_it_agrees(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, answer: float
) -> None:
    monkeypatch.setattr("landslip.inference.openvino.available_devices", lambda: frozenset({"CPU", "NPU"}))
    clock.cost_s = lambda options: 0.1 if options.engine == "openvino-npu" else 1.0
    clock.answer = lambda options: answer if options.engine == "openvino-npu" else 0.5
    choice = find_fastest(brightness()).choice
    assert (choice.ranking[0].engine, choice.ranking[0].precision) == ("openvino-npu", "float16")
    assert choice.best.engine == ("openvino-npu" if answer == 0.502 else "openvino")


@pytest.mark.parametrize("change", ["threads", "cpu", "detector"])
def test_another_machine_or_detector_is_tried_anew(clock: Clock, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find_fastest(brightness(), threads=1)
    if change == "cpu":
        monkeypatch.setattr(trial, "cpu_name", lambda: "another")
    detector = brightness(title="another") if change == "detector" else brightness()
    assert not find_fastest(detector, threads=2 if change == "threads" else 1).remembered


def test_a_damaged_or_unwritable_memory_is_no_error(clock: Clock, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{")
    assert not find_fastest(brightness()).remembered
    (tmp_path / "file").write_text("")
    assert not find_fastest(brightness(), folder=tmp_path / "file" / "below").remembered


def test_without_an_engine_that_runs_the_reasons_are_told(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise EngineError("it is broken")

    monkeypatch.setattr(trial, "open_engine", fails)
    with pytest.raises(EngineError, match="no engine can run brightness: it is broken"):
        find_fastest(brightness())


def test_only_large_scenes_are_worth_a_trial(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    detector = brightness()
    step = detector.card.tile_px - detector.card.overlap_px
    sizes = {"small": (MIN_TILES - 1) * step, "large": MIN_TILES * step}
    chosen = {}
    for name, width in sizes.items():
        scene: Any = SimpleNamespace(height=step, width=width, has=lambda _: False)
        chosen[name] = choose_engine(MapSettings(), detector, scene, quiet=False).engine
    assert chosen == {"small": "auto", "large": "onnxruntime"}
    assert "onnxruntime float32 2 patches/s" in capsys.readouterr().err
    asked: Any = SimpleNamespace(height=step, width=sizes["large"])
    assert choose_engine(MapSettings(engine="openvino"), detector, asked, quiet=True).engine == "openvino"
    assert choose_engine(MapSettings(streams=1), detector, asked, quiet=True).engine == "auto"


def test_the_trial_runs_real_engines(tmp_path: Path) -> None:
    ranking = find_fastest(brightness(), threads=1, folder=tmp_path).choice.ranking
    assert {one.engine for one in ranking} == {"openvino", "onnxruntime"}
    assert min(one.patches_per_s for one in ranking) > 0


def sample(seed: int = 0) -> Sample:
    values = np.random.default_rng(seed).uniform(100, 4000, (3, SAMPLE_PX, SAMPLE_PX)).astype(np.float32)
    values[:, 100:200] += 4000
    return Sample(values, np.ones(values.shape[1:], np.bool_))


def test_larger_tiles_are_refused_where_each_tile_is_normalised_by_its_own_mean() -> None:
    # The network subtracts the mean of the tile.
    (found, *_) = compare_tile_sizes(brightness(tile_px=128), InferenceOptions(threads=1), [sample()])
    assert found.tile_px == 256
    assert found.is_judged
    assert "a mean difference above" in str(found.refusal)


def test_larger_tiles_are_taken_where_the_answer_does_not_depend_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {128: 4.0, 256: 3.0, 512: 2.0}
    real = tile_trial._predict
    monkeypatch.setattr(tile_trial, "_predict", lambda *given: (seconds[given[3]], real(*given)[1]))
    one = Sample(sample().values[:1], sample().valid)
    detector = identity(tile_px=128, threshold=0.5)
    found = compare_tile_sizes(detector, InferenceOptions(threads=1), [one])
    assert [(size.tile_px, size.refusal, size.speed_ratio) for size in found] == [
        (256, None, pytest.approx(4 / 3)),
        (512, None, 2.0),
    ]
    none = compare_tile_sizes(identity(tile_px=128, threshold=0.99), InferenceOptions(threads=1), [one])
    assert all("too few to compare" in str(size.refusal) and not size.is_judged for size in none)
    assert compare_tile_sizes(detector, InferenceOptions(), []) == ()


def test_a_large_scene_takes_the_tiles_that_agree(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tile_trial, "_predict", lambda *given: (1 / given[3], np.full(1000, 0.9, np.float32)))
    detector = identity(tile_px=128)
    step = detector.card.tile_px - detector.card.overlap_px

    from landslip.grid.window import Window

    scene: Any = SimpleNamespace(
        height=MIN_TILES,
        width=step * step,
        window=Window(0, 0, MIN_TILES, step * step),
        has=lambda _: True,
        read=lambda _, window: (np.ones((1, *window.shape), np.float32), np.ones(window.shape, np.bool_)),
    )
    assert choose_engine(MapSettings(), detector, scene, quiet=True).tile_px == 512
    assert choose_engine(MapSettings(overlap_px=16), detector, scene, quiet=True).tile_px is None
