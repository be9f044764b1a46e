"""Quantisation: values within the quantisation steps, layers in float, parity or no file, and precisions."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from command_line import run
from landslip.detector.detector import Detector, seal
from landslip.errors import DetectorError, EngineError, PatchesError, RunError
from landslip.inference.engine import InferenceOptions, open_engine
from landslip.inference.export import MAX_DIFFERENCE, Format, export_detector
from landslip.post_training import quantisation
from landslip.post_training.calibration import CalibrationData, calibrate
from landslip.post_training.ensemble import ensemble, run_detector
from landslip.post_training.precision_parity import MAX_ENGINE_DIFFERENCE, keep_narrow
from landslip.post_training.quantisation import quantise, rank_layers, split_patches
from landslip.post_training.quantised_graph import QuantisableGraph
from quantisable_made import MAX_DN, chain, patches
from tiny_detectors import card, model

pytest.importorskip("onnxruntime")
STEP = 1 / 255
"""Of an activation in 0..1 in 8 bits."""


def operators(detector: Detector) -> dict[str, onnx.NodeProto]:
    return {node.output[0]: node for node in onnx.load_model_from_string(detector.onnx_bytes).graph.node}


@settings(deadline=None, max_examples=8)
@given(inner=st.floats(0.3, 3), seed=st.integers(0, 9))
def test_a_linear_graph_stays_within_the_quantisation_steps(inner: float, seed: int) -> None:
    plain = chain((1, inner, 1 / inner, 1))
    graph = QuantisableGraph(onnx.load_model_from_string(plain.onnx_bytes), "chain")
    image = np.random.default_rng(seed).uniform(0, MAX_DN, (1, 32, 32)).astype(np.float32)
    graph.calibrate([image])
    made = seal(graph.quantise(graph.layers), plain.card)
    # Three activations in 8 bits: half a step each.
    np.testing.assert_allclose(run_detector(made, image[None])[0], image[0] / MAX_DN, atol=2 * STEP)


@pytest.mark.parametrize("opset", [12, 17])
def test_a_quantised_detector_is_sealed_with_standard_operators_and_its_record(opset: int, tmp_path: Path) -> None:
    made = quantise(chain(opset=opset), patches(), "made", name="small")
    made.save(tmp_path / "small.onnx")
    opened = Detector.open(tmp_path / "small.onnx")
    assert opened.card == made.card
    record = opened.card.quantisation
    assert record is not None
    assert record.layers == 2
    assert record.float_layers == ("layer0", "layer3")
    assert [one.engine for one in record.parity] == ["openvino", "onnxruntime"]
    assert all(abs(one.f1_int8 - one.f1_float32) <= quantisation.MAX_F1_DIFFERENCE for one in record.parity)
    kinds = {node.op_type for node in operators(opened).values()}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    assert {entry.domain for entry in onnx.load_model_from_string(opened.onnx_bytes).opset_import} == {""}


def test_float_layers_take_values_that_were_not_quantised() -> None:
    plain = chain()
    graph = QuantisableGraph(onnx.load_model_from_string(plain.onnx_bytes), "chain")
    graph.calibrate([patch.values for patch in patches(4)])
    assert graph.layers == {"n1": "layer1", "n2": "layer2"}
    assert graph.outer == {"n0": "layer0", "n3": "layer3"}
    weights = {
        name: {node.input[1] for node in graph.quantise(layers).graph.node if node.op_type == "Conv"}
        for name, layers in (("both", ["n1", "n2"]), ("one", ["n2"]))
    }
    assert weights["both"] & {f"layer{n}.weight" for n in range(4)} == {"layer0.weight", "layer3.weight"}
    assert weights["one"] & {f"layer{n}.weight" for n in range(4)} == {
        "layer0.weight",
        "layer1.weight",
        "layer3.weight",
    }


def test_normalisation_and_sigmoid_stay_in_float() -> None:
    made = operators(quantise(chain(sharpness=20), patches(), "made"))
    sigmoid = made["probability"]
    assert sigmoid.op_type == "Sigmoid"
    value = sigmoid.input[0]
    while value in made and made[value].op_type != "Conv":
        assert made[value].op_type in ("Mul", "Sub", "Relu")
        value = made[value].input[0]
    assert made[value].input[1] == "layer3.weight"


def test_both_engines_agree_on_a_quantised_detector() -> None:
    made = quantise(chain(sharpness=8), patches(), "made")
    stack = np.stack([patch.values for patch in patches(3, seed=1)])
    results = []
    for name in ("openvino", "onnxruntime"):
        engine = open_engine(made, InferenceOptions(name, "auto"), height=32, width=32)
        results.append(engine(stack))
    assert np.abs(results[0] - results[1]).mean() <= MAX_ENGINE_DIFFERENCE


def uneven() -> Detector:
    """Make a detector with two channels of very different size between its second and third layer.

    The smaller one is the result; in 8 bits with one scale for both it is lost.
    """
    pairs = {"first": [1e-4, 1e-4], "widen": [1000.0, 1.0], "narrow": [0.001, 1.0]}
    pairs |= {f"even{number}": [1.0, 1 + number / 100] for number in range(4)}
    tensors = {name: np.diag(pair).astype(np.float32)[..., None, None] for name, pair in pairs.items()}
    tensors["first"] = tensors["first"].sum(axis=1, keepdims=True)
    tensors["last"] = np.array([0.0, 0.9], np.float32)[None, :, None, None]
    nodes, value = [], "input"
    for name in tensors:
        output = "probability" if name == "last" else f"{name}.out"
        nodes.append(helper.make_node("Conv", [value, name], [output], name=name))
        value = output
    return seal(model(nodes, tensors, 1), card("uneven", ["B04"]))


def test_layers_that_hurt_stay_in_float_and_are_named() -> None:
    graph = QuantisableGraph(onnx.load_model_from_string(uneven().onnx_bytes), "uneven")
    images = [patch.values for patch in patches(4)]
    graph.calibrate(images)
    assert set(rank_layers(graph, images)[:2]) == {"widen", "narrow"}
    record = quantise(uneven(), patches(), "made").card.quantisation
    assert record is not None
    assert set(record.float_layers) == {"first", "last", "widen", "narrow"}
    assert record.layers == 4


def test_nothing_is_written_where_parity_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, out = chain(), tmp_path / "small.onnx"
    plain.save(tmp_path / "plain.onnx")
    # Only rounding to the last bit would pass: the mean difference of the engines is above it.
    monkeypatch.setattr(quantisation, "MAX_F1_DIFFERENCE", -1.0)
    with pytest.raises(
        RunError, match=r"F1 with openvino is \S+ in int8 .*; F1 of landslides under 10 px wide .*allowed"
    ):
        quantise(plain, patches(), "made")
    monkeypatch.setattr("landslip.datasets.formats.open_patches", lambda _: patches())
    outcome = run("detector", "quantise", tmp_path / "plain.onnx", "--data", tmp_path, "-o", out, "-q")
    assert outcome.code == 1
    assert "is not quantised: on the held-out patches F1" in outcome.err
    assert list(tmp_path.iterdir()) == [tmp_path / "plain.onnx"]


def test_the_command_writes_a_detector_and_prints_parity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "small.onnx"
    chain().save(tmp_path / "plain.onnx")
    monkeypatch.setattr("landslip.datasets.formats.open_patches", lambda _: patches())
    outcome = run("detector", "quantise", tmp_path / "plain.onnx", "--data", tmp_path, "-o", out, "-q")
    assert outcome.code == 0
    printed = outcome.out
    assert "2 layers in int8" in printed
    assert "in float: layer0, layer3" in printed
    assert "onnxruntime" in printed
    assert Detector.open(out).card.name == "small"
    assert "quantised" in run("detector", "show", out).out


def test_a_detector_without_inner_layers_and_a_quantised_one_are_refused() -> None:
    with pytest.raises(DetectorError, match="no layer between its first and its last"):
        quantise(chain((1, 1)), patches(), "made")
    made = quantise(chain(), patches(), "made")
    with pytest.raises(DetectorError, match="is quantised already"):
        quantise(made, patches(), "made")
    with pytest.raises(DetectorError, match="is quantised: make the ensemble of detectors in float32"):
        ensemble([made], "flipped", tta="flips")


def test_parity_needs_narrow_landslides_and_enough_patches() -> None:
    with pytest.raises(PatchesError, match="no landslide under 10 px wide"):
        quantise(chain(), patches(wide=True), "made")
    with pytest.raises(PatchesError, match="at least 4 calibration patches"):
        quantise(chain(), patches(3), "made")


@pytest.mark.parametrize("rows", [True, False])
def test_the_last_third_of_a_scene_is_held_out(rows: bool) -> None:
    fitting, held_out = split_patches(patches(12, rows))
    numbers = [[entry.id for entry in part.entries] for part in (fitting, held_out)]
    assert sorted(numbers[0] + numbers[1]) == list(range(12))
    assert min(numbers[1]) > max(numbers[0])
    if rows:
        assert {entry.row for entry in fitting.entries} & {entry.row for entry in held_out.entries} == set()


@given(side=st.integers(1, 30), length=st.integers(1, 30))
def test_a_landslide_is_narrow_if_no_square_of_10_px_fits(side: int, length: int) -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[5 : 5 + side, 5 : 5 + length] = 1
    kept = keep_narrow(mask)
    if min(side, length) < 10:
        np.testing.assert_array_equal(kept, mask)
    else:
        assert not (kept == 1).any()
        assert (kept == 255).sum() == min(40, side + 10) * min(40, length + 10)


def test_each_precision_runs_on_the_detectors_it_is_for() -> None:
    plain = chain()
    made = quantise(plain, patches(), "made")

    def precision(detector: Detector, engine: str, wanted: str) -> str:
        options = InferenceOptions(engine, wanted)  # type: ignore[arg-type]
        return open_engine(detector, options, height=32, width=32).precision

    assert precision(plain, "auto", "float32") == "float32"
    assert precision(plain, "auto", "auto") in ("float32", "bfloat16")
    assert precision(plain, "onnxruntime", "auto") == "float32"
    assert {precision(made, "openvino", wanted) for wanted in ("float32", "int8", "auto")} == {"int8"}
    with pytest.raises(EngineError, match="is not quantised"):
        precision(plain, "auto", "int8")
    with pytest.raises(EngineError, match="does not run in bfloat16: use int8 or auto"):
        precision(made, "auto", "bfloat16")


@pytest.mark.parametrize(("instructions", "expected"), [(True, "int8"), (None, "int8"), (False, "float32")])
def test_onnxruntime_computes_in_float32_where_int8_would_saturate(
    instructions: bool | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = quantise(chain(), patches(), "made")
    monkeypatch.setattr("landslip.inference.engine.has_int8_instructions", lambda: instructions)
    engine = open_engine(made, InferenceOptions("onnxruntime", "auto"), height=32, width=32)
    assert engine.precision == expected
    stack = np.random.default_rng(0).uniform(0, MAX_DN, (1, 1, 32, 32)).astype(np.float32)
    np.testing.assert_allclose(engine(stack)[0], stack[0, 0] / MAX_DN, atol=2 * STEP)


def values_of(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, bool | None]:
    from landslip.inference import cpu

    path = tmp_path / "cpuinfo"
    if text:
        path.write_text(text)
    monkeypatch.setattr(cpu, "_CPUINFO", path)
    cpu._fields.cache_clear()
    try:
        return cpu.cpu_name(), cpu.has_int8_instructions()
    finally:
        cpu._fields.cache_clear()


def test_instructions_are_read_from_the_list_of_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = "processor\t: 0\nmodel name\t: Old CPU\nflags\t\t: fpu avx2\n\nprocessor\t: 1\nflags\t: avx512_vnni\n"
    assert values_of(old, tmp_path, monkeypatch) == ("Old CPU", False)
    assert values_of("flags : avx2 avx512_vnni\n", tmp_path, monkeypatch)[1] is True
    assert values_of("Features : fp asimd asimddp\n", tmp_path, monkeypatch)[1] is True


def test_unreadable_instructions_are_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert values_of("", tmp_path, monkeypatch)[1] is None


@pytest.mark.parametrize("file_format", ["onnx", "openvino"])
def test_a_quantised_detector_is_exported(file_format: Format, tmp_path: Path) -> None:
    _, difference = export_detector(quantise(chain(sharpness=20), patches(), "made"), file_format, tmp_path)
    assert difference <= MAX_DIFFERENCE


def test_a_quantised_detector_can_be_calibrated() -> None:
    made = quantise(chain(sharpness=20), patches(), "made")
    calibrated = calibrate(made, CalibrationData({"made": patches()}))
    assert calibrated.card.quantisation == made.card.quantisation
    assert calibrated.card.temperature != made.card.temperature
