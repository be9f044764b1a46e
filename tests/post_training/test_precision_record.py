"""Precisions: the record beside a detector, what auto then runs, and what is refused."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from command_line import run
from landslip.datasets.formats import open_patches
from landslip.detector.detector import Detector, packaged
from landslip.detector.precisions import Precisions, int8_path, record_path
from landslip.errors import DetectorError, EngineError
from landslip.inference import engine as engines
from landslip.inference.engine import FLOAT32, InferenceOptions, open_engine, resolve_options
from landslip.inference.openvino import supports_bfloat16
from landslip.post_training import quantisation
from landslip.post_training.precision_record import measure_precisions, write_precisions
from quantisable_made import Held, chain, patches

pytest.importorskip("onnxruntime")


def halves(count: int = 16) -> tuple[Held, Held]:
    every = patches(count)
    return Held(every.entries[: count // 2]), Held(every.entries[count // 2 :])


def made(folder: Path) -> Path:
    """A detector in a folder with its record and int8 variant."""
    path = folder / "chain.onnx"
    chain().save(path)
    fitting, held_out = halves()
    write_precisions(measure_precisions(Detector.open(path), fitting, "first", held_out, "second"), path)
    return path


@pytest.fixture
def with_int8_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "has_int8_instructions", lambda: True)


def opened(detector: Detector, engine: str = "openvino", precision: str = "auto") -> str:
    options = InferenceOptions(engine, precision)  # type: ignore[arg-type]
    return open_engine(detector, options, height=32, width=32).precision


@pytest.mark.usefixtures("with_int8_instructions")
def test_auto_runs_the_int8_variant_that_agreed_with_float32(tmp_path: Path) -> None:
    path = made(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["chain.int8.onnx", "chain.onnx", "chain.precision.json"]
    detector = Detector.open(path)
    assert InferenceOptions().precision == "auto"
    variant, options = resolve_options(detector, InferenceOptions())
    assert options.precision == "int8"
    assert variant.onnx_bytes == int8_path(path).read_bytes()
    assert detector.sha256_in("int8") == variant.sha256 != detector.sha256_in("float32") == detector.sha256
    assert [opened(detector, name) for name in ("openvino", "onnxruntime")] == ["int8", "int8"]
    assert opened(detector, precision="int8") == "int8"
    assert opened(detector, precision="float32") == "float32"
    image = np.stack([patch.values for patch in patches(2, seed=3)])
    quick, exact = (open_engine(detector, one, height=32, width=32)(image) for one in (InferenceOptions(), FLOAT32))
    assert 0 < np.abs(quick - exact).max() < 0.02


@pytest.mark.parametrize("instructions", [False, None])
def test_without_int8_instructions_auto_is_bfloat16_or_float32(
    tmp_path: Path, instructions: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = Detector.open(made(tmp_path))
    monkeypatch.setattr(engines, "has_int8_instructions", lambda: instructions)
    assert opened(detector) == ("bfloat16" if supports_bfloat16() else "float32")
    assert opened(detector, "onnxruntime") == "float32"


@pytest.mark.usefixtures("with_int8_instructions")
def test_without_a_record_auto_is_float32(tmp_path: Path) -> None:
    path = made(tmp_path)
    record_path(path).unlink()
    assert opened(Detector.open(path)) == "float32"
    with pytest.raises(EngineError, match="chain is not quantised"):
        opened(Detector.open(path), precision="int8")


@pytest.mark.usefixtures("with_int8_instructions")
def test_without_parity_there_is_no_int8_file_and_auto_is_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path)
    monkeypatch.setattr(quantisation, "MAX_F1_DIFFERENCE", -1.0)
    monkeypatch.setattr("landslip.post_training.precision_record.supports_bfloat16", lambda: False)
    fitting, held_out = halves()
    with pytest.raises(Exception, match="max_f1_difference"):  # a limit below 0 cannot be recorded
        measure_precisions(Detector.open(path), fitting, "first", held_out, "second")
    monkeypatch.setattr(quantisation, "MAX_F1_DIFFERENCE", 0.005)

    def fails(*_: object, **__: object) -> Detector:
        raise quantisation.RunError("chain is not quantised: F1 fell")

    monkeypatch.setattr(quantisation, "quantise", fails)
    found = measure_precisions(Detector.open(path), fitting, "first", held_out, "second")
    assert found.int8 is None
    assert found.record.int8_failure == "chain is not quantised: F1 fell"
    write_precisions(found, path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["chain.onnx", "chain.precision.json"]
    assert opened(Detector.open(path)) == "float32"


def test_a_record_of_another_detector_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path)
    chain((1, 1.1, 0.9, 1)).save(path)
    with pytest.raises(DetectorError, match=r"precision\.json belongs to another detector than chain\.onnx"):
        Detector.open(path)
    record_path(path).write_text("{}")
    with pytest.raises(DetectorError, match="cannot be read: make it again"):
        Detector.open(path)


@pytest.mark.usefixtures("with_int8_instructions")
def test_another_int8_file_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    path = made(tmp_path)
    detector = Detector.open(path)
    chain().save(int8_path(path))
    with pytest.raises(DetectorError, match="is not the int8 variant of chain"):
        opened(detector)
    int8_path(path).unlink()
    with pytest.raises(DetectorError, match=r"cannot be read .*or use precision float32"):
        opened(detector)
    assert opened(detector, precision="float32") == "float32"


def test_the_command_writes_beside_the_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "chain.onnx"
    chain().save(path)
    monkeypatch.setattr("landslip.datasets.formats.open_patches", lambda _: patches())
    common = ("detector", "quantise", path, "--data", tmp_path, "-q")
    refused = run(*common, "--beside")
    assert refused.code == 2
    assert "give them with --held-out" in refused.err
    assert run(*common).code == 2
    overlapping = run(*common, "--beside", "--held-out", "S:2-3")
    assert overlapping.code == 2
    assert "both held out and among those that calibrate" in overlapping.err
    assert [one.name for one in tmp_path.iterdir()] == ["chain.onnx"]
    told = run(*common, "--beside", "--rows", "0-1", "--held-out", "S:2-3")
    assert told.code == 0, told.err
    assert "openvino int8" in told.out
    record = Detector.open(path).precisions
    assert record is not None
    assert record.held_out.endswith("scene S rows 2-3")
    assert record.patches == 6
    assert "int8" in run("detector", "show", path).out


@pytest.mark.parametrize("name", packaged())
def test_the_record_of_a_packaged_detector_agrees_with_its_int8_variant(name: str) -> None:
    detector = Detector.open(name)
    record = detector.precisions
    assert record is not None, "made by landslip detector quantise --beside (docs/engines.md)"
    if record.int8_sha256 is None:
        assert record.int8_failure
        return
    assert detector.int8_file is not None
    assert hashlib.sha256(detector.int8_file.read_bytes()).hexdigest() == record.int8_sha256
    card = detector.open_int8().card
    assert (card.threshold, card.channels, card.tile_px) == (
        detector.card.threshold,
        detector.card.channels,
        detector.card.tile_px,
    )
    assert card.quantisation is not None
    assert {one.engine for one in record.parity if one.precision == "int8"} == {"openvino", "onnxruntime"}
    assert record.allows("openvino", "int8") == all(
        one.holds(record.max_f1_difference)
        for one in record.parity
        if (one.engine, one.precision) == ("openvino", "int8")
    )


@pytest.mark.parametrize("name", packaged())
def test_int8_is_near_float32_on_the_examples(name: str, examples: Path) -> None:
    detector = Detector.open(name)
    if detector.int8_file is None:
        pytest.skip("int8 did not agree with float32")
    some = open_patches(examples / "l4s-rgb-kept-apart").where(lambda entry: entry.id % 8 == 0)
    images = np.stack([patch.select(detector.card.channels) for patch in some])
    quick, exact = (
        open_engine(detector, one, height=128, width=128)(images)
        for one in (InferenceOptions(precision="int8"), FLOAT32)
    )
    assert np.abs(quick - exact).mean() < 0.005


def test_a_precision_that_was_not_measured_is_not_allowed() -> None:
    record = Precisions(
        graph_sha256="0" * 64,
        threshold=0.5,
        calibrated_on="a",
        held_out="b",
        patches=1,
        cpu="c",
        narrow_px=10,
        max_f1_difference=0.005,
        int8_sha256="0" * 64,
    )
    assert not any(record.allows("openvino", one) for one in ("int8", "bfloat16", "float32"))
