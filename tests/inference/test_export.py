"""Export of detectors, and the benchmark of engines."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import openvino
import pystac
import pytest
from pystac.extensions.mlm import MLMExtension

from command_line import run
from landslip.detector.card import Card
from landslip.detector.detector import DEFAULT, Detector
from landslip.errors import OutputError, RunError, SettingsError
from landslip.inference import export as other_forms
from landslip.inference.benchmark import time_engines
from landslip.inference.engine import FLOAT32, available_engines, open_engine
from landslip.inference.export import export_detector
from tiny_detectors import brightness

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_an_export_gives_the_same_results_and_has_the_card(form: other_forms.Format, tmp_path: Path) -> None:
    detector = brightness()
    paths, difference = export_detector(detector, form, tmp_path / "out")
    assert {path.name for path in paths} == {path.name for path in (tmp_path / "out").iterdir()}
    assert difference <= 1e-6
    assert Card.model_validate_json(paths[-1].read_text()) == detector.card
    model = openvino.Core().read_model(paths[0])
    assert model.input(0).get_any_name() == "input"


def test_plain_onnx_is_the_same_graph_without_seal_and_card(tmp_path: Path) -> None:
    detector = brightness()
    plain = onnx.load(export_detector(detector, "onnx", tmp_path)[0][0])
    assert not plain.metadata_props
    assert plain.graph == onnx.load_model_from_string(detector.onnx_bytes).graph


def test_an_export_with_other_results_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = other_forms._run
    monkeypatch.setattr(
        other_forms, "_run", lambda source, values: run(source, values) + np.float32(0.1 * isinstance(source, Path))
    )
    for form in ("onnx", "openvino"):
        with pytest.raises(RunError, match="differs from brightness by"):
            export_detector(brightness(), form, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(1, 32, 64), (3, 96, 160), (2, 128, 128)])
def test_any_batch_and_any_size_that_is_a_multiple_of_32(
    shape: tuple[int, int, int], exported: "tuple[InferenceSession, openvino.CompiledModel]"
) -> None:
    count, height, width = shape
    images = np.random.default_rng(0).uniform(300, 3000, (count, 3, height, width)).astype(np.float32)
    expected = open_engine(Detector.open(DEFAULT), FLOAT32, height=height, width=width)(images)
    session, compiled = exported
    np.testing.assert_allclose(session.run(["probability"], {"input": images})[0][:, 0], expected, atol=1e-3)
    np.testing.assert_allclose(compiled(images)[0][:, 0], expected, atol=1e-3)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> "tuple[InferenceSession, openvino.CompiledModel]":
    """The default detector as ONNX and as OpenVINO files, each opened by an engine."""
    onnxruntime = pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("exported")
    for form in ("onnx", "openvino"):
        (folder / f"{DEFAULT}.card.json").unlink(missing_ok=True)
        export_detector(Detector.open(DEFAULT), form, folder)  # type: ignore[arg-type]
    return (
        onnxruntime.InferenceSession(folder / f"{DEFAULT}.onnx", providers=["CPUExecutionProvider"]),
        openvino.Core().compile_model(folder / f"{DEFAULT}.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"}),
    )


@pytest.mark.parametrize("batch", [None, 4])
def test_an_export_for_tensorrt_has_the_size_of_a_tile(batch: int | None, tmp_path: Path) -> None:
    detector = brightness()
    path = export_detector(detector, "tensorrt", tmp_path, batch=batch)[0][0]
    graph = onnx.load(path).graph
    sizes = [[size.dim_value for size in value.type.tensor_type.shape.dim] for value in (*graph.input, *graph.output)]
    tile = detector.card.tile_px
    assert sizes == [[batch or 0, 3, tile, tile], [batch or 0, 1, tile, tile]]
    command = other_forms.trtexec_command(detector, path, batch)
    assert f"--onnx={path}" in command
    assert ("--optShapes=input:16x3x" in command) == (batch is None)
    with pytest.raises(SettingsError, match="OpenVINO sets it on loading"):
        export_detector(detector, "openvino", tmp_path / "other", batch=2)


def test_metadata_for_deepness_give_the_graph_the_values_of_the_raster(tmp_path: Path) -> None:
    detector = Detector.open("s2-rgb")
    card = detector.card
    path = export_detector(detector, "deepness", tmp_path)[0][0]
    model = onnx.load(path)
    found = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert found["model_type"] == "Segmentor"
    assert found["class_names"] == {"0": "background", "1": "landslide"}
    assert (found["resolution"], found["tile_size"], found["tiles_overlap"]) == (1000, 128, 25)
    assert found["seg_thresh"] == card.threshold
    # As the plugin computes: divided by 255, minus the mean, divided by the standard deviation.
    dn = np.array([0, 1, 255, 1204, 65535], np.float32)
    mean, deviation = np.float32(found["standardization_mean"][0]), np.float32(found["standardization_std"][0])
    np.testing.assert_allclose((np.float32(dn * 1.0 / 255.0) - mean) / deviation, dn, rtol=1e-6)
    assert [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim] == [0, 3, 128, 128]


def test_the_item_of_a_model_has_the_fields_of_the_mlm_extension(tmp_path: Path) -> None:
    schema = pytest.importorskip("stac_model.schema", reason="needs stac-model")
    detector = Detector.open("s2-rgb")
    paths, _ = export_detector(detector, "stac", tmp_path)
    item = pystac.Item.from_dict(json.loads(paths[1].read_text()))
    schema.MLModelProperties.model_validate(item.properties)
    model = MLMExtension.ext(item)
    assert model.mlm_name == "landslip s2-rgb"
    assert model.input[0].input.shape == [-1, 3, 128, 128]
    asset = item.assets["model"]
    assert asset.extra_fields["file:size"] == paths[0].stat().st_size
    assert asset.extra_fields["file:checksum"][4:] == hashlib.sha256(paths[0].read_bytes()).hexdigest()
    assert (tmp_path / asset.href).exists()


def test_the_int8_variant_is_exported(tmp_path: Path) -> None:
    told = run("detector", "export", "s2-rgb", "--to", "onnx", "--precision", "int8", "-o", tmp_path)
    assert told.code == 0, told.err
    assert "opset: " in told.out
    kinds = {node.op_type for node in onnx.load(tmp_path / "s2-rgb.onnx").graph.node}
    assert "QuantizeLinear" in kinds


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "brightness.card.json").write_text("mine")
    with pytest.raises(OutputError, match="exists: move it"):
        export_detector(brightness(), "openvino", tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_every_engine_is_timed_and_agrees() -> None:
    timed, left = time_engines(brightness(), 2, threads=1)
    float32 = [one for one in timed if one.precision == "float32"]
    assert [one.engine for one in float32] == list(available_engines())
    assert all(one.patches_per_s > 0 and one.latency_ms > 0 and one.operations_per_cpu_s > 0 for one in timed)
    # 32 px of overlap count once, and a pixel is 10 m.
    assert all(one.mpx_per_s == pytest.approx(one.km2_per_s / 100) for one in timed)
    assert all(one.largest_difference < 1e-4 for one in float32)
    assert len(timed) + len(left) == len(available_engines()) + 1  # openvino runs in bfloat16 too, or says why not


def test_the_benchmark_scores_each_row_and_draws_a_chart(tmp_path: Path, examples: Path) -> None:
    some = ("--data", examples / "l4s-rgb-kept-apart", "--scene", "C", "--patches", 2, "--no-limits", "--quiet")
    told = run("detector", "bench", "s2-rgb", *some, "--json", "--chart", tmp_path / "a.png")
    assert told.code == 0, told.err
    rows = json.loads(told.out)["engines"]
    assert {"float32", "int8"} <= {row["precision"] for row in rows}
    for row in rows:
        assert abs(row["f1"] - rows[0]["f1"]) < 0.05
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    refused = run("detector", "bench", *some, "--chart", tmp_path / "a.svg")
    assert refused.code == 2
    assert "must end in .png" in refused.err
    missing = ("--data", examples / "l4s-rgb-kept-apart", "--scene", "Z", "--patches", 2, "--no-limits", "--quiet")
    assert "is in scene Z" in run("detector", "bench", *missing).err


def test_operations_are_those_of_the_formula() -> None:
    from landslip.inference.convolution_peak import operations_of

    # A 3 x 3 convolution from 3 channels to 1: 27 multiplications and additions per pixel.
    assert operations_of(brightness().onnx_bytes, 3, 32, 64) == 2 * 27 * 32 * 64


def test_the_commands_print_their_result_and_the_next_command(tmp_path: Path) -> None:
    brightness().save(tmp_path / "b.onnx")
    told = run("detector", "export", tmp_path / "b.onnx", "--to", "openvino", "-o", tmp_path / "out")
    assert told.code == 0, told.err
    assert "brightness.xml" in told.out
    assert "licence: Apache-2.0" in told.out
    told = run("detector", "bench", tmp_path / "b.onnx", "--patches", 2, "--threads", 1, "--no-limits", "--quiet")
    assert told.code == 0, told.err
    assert "patches/s" in told.out
    told = run("detector", "bench", tmp_path / "b.onnx", "--patches", 2, "--threads", 1, "--quiet", "--json")
    rows = json.loads(told.out)["engines"]
    assert {row["engine"] for row in rows} == set(available_engines())
    assert all(row["share_of_peak"] > 0 and row["peak_memory_mb"] > 50 for row in rows)
    assert Detector.open(tmp_path / "b.onnx").card.name == "brightness"
