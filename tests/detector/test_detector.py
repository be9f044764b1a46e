"""Detector files: they are read back unchanged, and any damage is an error that names it."""

import hashlib
import pickle
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from pydantic import ValidationError

from landslip.channels import CHANNELS
from landslip.detector.card import Card
from landslip.detector.detector import DEFAULT, Detector, find, packaged, seal
from landslip.detector.sealed_file import CARD_KEY, SEAL_KEY, graph_sha256
from landslip.errors import DetectorError
from tiny_detectors import brightness, brightness_model, card, identity, identity_model, model, resealed


def test_a_sealed_detector_is_read_back(tmp_path: Path) -> None:
    made = brightness()
    made.save(tmp_path / "b.onnx")
    opened = Detector.open(tmp_path / "b.onnx")
    assert opened == made
    assert opened.sha256 == hashlib.sha256((tmp_path / "b.onnx").read_bytes()).hexdigest()
    assert [path.name for path in tmp_path.iterdir()] == ["b.onnx"]


def test_any_onnx_tool_opens_it() -> None:
    plain = onnx.load_model_from_string(brightness().onnx_bytes)
    onnx.checker.check_model(plain, full_check=True)
    assert {entry.key for entry in plain.metadata_props} == {CARD_KEY, SEAL_KEY}


def test_sealing_is_the_same_every_time_and_leaves_the_model_alone() -> None:
    network = brightness_model()
    before = network.SerializeToString(deterministic=True)
    one, other = (seal(network, card("b", ["B04", "B03", "B02"])) for _ in range(2))
    assert one == other
    assert network.SerializeToString(deterministic=True) == before


def test_the_card_holds_the_hash_of_its_graph() -> None:
    made = brightness()
    assert made.card.graph_sha256 == graph_sha256(brightness_model())
    assert made.card.graph_sha256 != identity().card.graph_sha256


def test_a_detector_can_be_sealed_anew_with_another_card() -> None:
    made = brightness()
    again = seal(onnx.load_model_from_string(made.onnx_bytes), made.card.model_copy(update={"threshold": 0.3}))
    assert again.card.threshold == 0.3
    assert again.card.graph_sha256 == made.card.graph_sha256
    assert again.sha256 != made.sha256


TINY = identity().onnx_bytes


def test_any_flipped_byte_is_found() -> None:
    for place in range(len(TINY)):
        for bits in (0x01, 0x80, 0xFF):
            damaged = bytearray(TINY)
            damaged[place] ^= bits
            with pytest.raises(DetectorError):
                Detector.from_bytes(bytes(damaged), "tiny.onnx")


def test_truncation_is_detected_anywhere_in_a_file() -> None:
    for length in range(len(TINY)):
        with pytest.raises(DetectorError):
            Detector.from_bytes(TINY[:length], "tiny.onnx")


def test_anything_added_is_found() -> None:
    for tail in (b"\x00", b"x" * 100, TINY):
        with pytest.raises(DetectorError):
            Detector.from_bytes(TINY + tail, "tiny.onnx")


@given(st.binary(max_size=400))
def test_no_bytes_are_a_detector_by_chance(raw: bytes) -> None:
    with pytest.raises(DetectorError):
        Detector.from_bytes(raw, "any.onnx")


def test_damage_to_an_unsealed_file_is_an_error_too() -> None:
    bare = brightness_model().SerializeToString()
    for place in range(len(bare)):
        damaged = bytearray(bare)
        damaged[place] ^= 0xFF
        with pytest.raises(DetectorError):
            Detector.from_bytes(bytes(damaged), "bare.onnx")


def test_the_seal_alone_is_no_card() -> None:
    network = identity_model()
    helper.set_model_props(network, {"author": "someone"})
    with pytest.raises(DetectorError, match="without a landslip card"):
        Detector.from_bytes(network.SerializeToString(), "plain.onnx")


def test_a_card_of_another_network_is_refused() -> None:
    foreign = identity().card
    network = model([helper.make_node("Sigmoid", ["input"], ["probability"])], {}, 1)
    with pytest.raises(DetectorError, match="card of another network"):
        Detector.from_bytes(resealed(network, foreign), "swapped.onnx")


def test_a_card_with_a_key_that_is_not_known_is_refused() -> None:
    text = identity().card.model_dump_json().replace('"licence"', '"loophole":1,"licence"')
    with pytest.raises(DetectorError, match="loophole"):
        Detector.from_bytes(resealed(identity_model(), text), "new.onnx")


def test_a_card_that_is_not_json_is_refused() -> None:
    with pytest.raises(DetectorError, match="card"):
        Detector.from_bytes(resealed(identity_model(), "{"), "odd.onnx")


def test_a_custom_operator_is_named() -> None:
    network = model([helper.make_node("Guess", ["input"], ["probability"], domain="com.example")], {}, 1)
    network.opset_import.append(helper.make_opsetid("com.example", 1))
    with pytest.raises(DetectorError, match=r"custom operator com\.example:Guess"):
        seal(network, card("custom", ["B04"]))


def test_a_custom_operator_inside_a_branch_is_named() -> None:
    inner = [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N", 1, "H", "W"])]
    branches = {
        name: helper.make_graph([helper.make_node(op, ["input"], ["probability"], domain=domain)], name, [], inner)
        for name, op, domain in (("then_branch", "Sigmoid", ""), ("else_branch", "Guess", "com.example"))
    }
    network = model(
        [helper.make_node("If", ["yes"], ["probability"], **branches)], {"yes": np.asarray(np.bool_(True))}, 1
    )
    network.opset_import.append(helper.make_opsetid("com.example", 1))
    with pytest.raises(DetectorError, match=r"custom operator com\.example:Guess"):
        seal(network, card("custom", ["B04"]))


def test_an_unknown_operator_is_refused() -> None:
    with pytest.raises(DetectorError, match="invalid ONNX graph"):
        seal(model([helper.make_node("Landslide", ["input"], ["probability"])], {}, 1), card("odd", ["B04"]))


def test_operators_defined_in_the_file_are_refused() -> None:
    network = identity_model()
    network.functions.append(
        helper.make_function(
            "com.example", "F", ["x"], ["y"], [helper.make_node("Relu", ["x"], ["y"])], [helper.make_opsetid("", 17)]
        )
    )
    with pytest.raises(DetectorError, match="its own operators"):
        seal(network, card("functions", ["B04"]))


def outside(tensor: TensorProto) -> TensorProto:
    """The same tensor, said to lie in another file."""
    moved = TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    moved.data_location = TensorProto.EXTERNAL
    entry = moved.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    return moved


def test_tensors_in_another_file_are_refused() -> None:
    network = identity_model()
    network.graph.initializer[0].CopyFrom(outside(network.graph.initializer[0]))
    with pytest.raises(DetectorError, match="in another file"):
        seal(network, card("outside", ["B04"]))


def test_constants_in_another_file_are_refused() -> None:
    value = outside(numpy_helper.from_array(np.ones((1,), np.float32), "value"))
    network = model(
        [
            helper.make_node("Constant", [], ["one"], value=value),
            helper.make_node("Mul", ["input", "one"], ["probability"]),
        ],
        {},
        1,
    )
    with pytest.raises(DetectorError, match="in another file"):
        seal(network, card("outside", ["B04"]))


def test_sparse_tensors_in_another_file_are_refused() -> None:
    network = identity_model()
    values = outside(numpy_helper.from_array(np.ones((1,), np.float32), "sparse"))
    indices = numpy_helper.from_array(np.zeros((1,), np.int64), "where")
    network.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))
    with pytest.raises(DetectorError):
        seal(network, card("outside", ["B04"]))


@pytest.mark.parametrize(
    ("channels", "named"), [(["B04", "B03"], "B04, B03"), (["B04", "B03", "B02", "B08"], "B04, B03, B02, B08")]
)
def test_a_card_with_other_channels_than_the_graph_is_refused(channels: list[str], named: str) -> None:
    with pytest.raises(DetectorError, match=named):
        seal(brightness_model(), card("b", channels))


@pytest.mark.parametrize("change", ["name", "type", "rank", "classes", "second output"])
def test_another_interface_is_refused(change: str) -> None:
    network = identity_model()
    (value,), (output,) = network.graph.input, network.graph.output
    if change == "name":
        for node in network.graph.node:
            node.input[:] = ["image" if name == "input" else name for name in node.input]
        value.name = "image"
    elif change == "type":
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    elif change == "rank":
        del value.type.tensor_type.shape.dim[3]
    elif change == "classes":
        output.type.tensor_type.shape.dim[1].dim_value = 2
    else:
        network.graph.output.append(helper.make_tensor_value_info("share", TensorProto.FLOAT, ["N", 1, "H", "W"]))
    with pytest.raises(DetectorError):
        seal(network, card("b", ["B04"]))


def test_files_of_other_formats_are_named(tmp_path: Path) -> None:
    (tmp_path / "pickle.onnx").write_bytes(pickle.dumps({"weights": [1, 2]}))
    (tmp_path / "old-pickle.onnx").write_bytes(pickle.dumps({"weights": [1, 2]}, protocol=0))
    with zipfile.ZipFile(tmp_path / "torch.onnx", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    (tmp_path / "image.onnx").write_bytes(b"II*\x00" + b"\x00" * 100)
    (tmp_path / "empty.onnx").write_bytes(b"")
    (tmp_path / "text.onnx").write_text("hello")
    (tmp_path / "pointer.onnx").write_text("version https://git-lfs.github.com/spec/v1\n")
    for name, words in (
        ("pickle", "Python pickle"),
        ("old-pickle", "not an ONNX file"),
        ("torch", "zip archive"),
        ("image", "TIFF"),
        ("empty", "no ONNX graph"),
        ("text", "not an ONNX file"),
        ("pointer", "Git LFS pointer"),
    ):
        with pytest.raises(DetectorError, match=words):
            Detector.open(tmp_path / f"{name}.onnx")


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)

    (tmp_path / "trap.onnx").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DetectorError):
        Detector.open(tmp_path / "trap.onnx")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["nowhere.onnx", "no-such-name", "", ".", "x" * 5000, "a\0b"])
def test_an_unknown_detector_is_refused_with_those_available(name: str) -> None:
    with pytest.raises(DetectorError, match=DEFAULT):
        find(name)


def test_without_a_name_the_default_is_opened_and_a_path_may_be_text(tmp_path: Path) -> None:
    assert Detector.open().card.name == DEFAULT
    identity().save(str(tmp_path / "a.onnx"))
    assert Detector.open(str(tmp_path / "a.onnx")) == identity()


def test_a_detector_and_its_card_show_in_one_line() -> None:
    node = helper.make_node("ReduceMean", ["input"], ["probability"], axes=[1], keepdims=1)
    many = seal(model([node], {}, len(CHANNELS)), card("many", tuple(CHANNELS)))
    for made in (Detector.open(), identity(), many):
        for one in (made, made.card):
            assert str(one) == repr(one)
            assert len(repr(one)) < 120
            assert "\n" not in repr(one)
            assert made.card.name in repr(one)
            assert made.card.architecture in repr(one)


def test_a_file_of_the_user_does_not_hide_behind_a_packaged_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity().save(tmp_path / DEFAULT)
    monkeypatch.chdir(tmp_path)
    assert Detector.open(DEFAULT).card.name == DEFAULT
    assert Detector.open(f"./{DEFAULT}").card.name == "identity"


@pytest.mark.parametrize("name", packaged())
def test_the_packaged_detectors(name: str) -> None:
    detector = Detector.open(name)
    assert detector.card.name == name
    assert len(detector.onnx_bytes) <= 25e6
    assert detector.card.scores, "a detector says how good it is"
    for score in detector.card.scores:
        for ratio in (score.precision, score.recall, score.f1, score.iou):
            assert 0 <= ratio <= 1
        assert score.f1 == pytest.approx(
            2 * score.precision * score.recall / (score.precision + score.recall), abs=2e-3
        )
        assert score.iou == pytest.approx(score.f1 / (2 - score.f1), abs=2e-3)
    assert any("CC BY 4.0" in line or "Landslide4Sense" in line for line in detector.card.attribution)


def test_a_card_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        identity().card.threshold = 0.1


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": ["B99"]},
        {"channels": ["B04", "B04"]},
        {"channels": []},
        {"overlap_px": 32},
        {"overlap_px": -1},
        {"tile_px": 30},
        {"tile_px": 48, "size_multiple": 32},
        {"threshold": 0},
        {"threshold": 1},
        {"threshold": float("nan")},
        {"temperature": 0},
        {"name": "No Spaces"},
        {"name": "../up"},
        {"not_good_for": []},
        {"pixel_size_m": 0},
        {"graph_sha256": "abc"},
        {"colour": "red"},
    ],
    ids=str,
)
def test_an_invalid_card_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Card.model_validate(card("any", ["B04"]).model_dump() | changes)


def test_a_card_comes_back_from_json() -> None:
    for made in (identity().card, *(Detector.open(name).card for name in packaged())):
        assert Card.model_validate_json(made.model_dump_json()) == made
