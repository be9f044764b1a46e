"""Laws of ensembles and turns in one graph: out comes what is averaged by hand, and nothing that no member says."""

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper

from landslip.detector.detector import DEFAULT, Detector, seal
from landslip.errors import DetectorError, EngineError, RunError
from landslip.inference.engine import InferenceOptions, available_engines, open_engine
from landslip.inference.synthetic_inputs import synthetic_images
from landslip.inference.tta import TRANSFORMS, TTA
from landslip.post_training.ensemble import average_members, check_ensemble, ensemble, run_detector
from tiny_detectors import TRUE_COLOUR, brightness, card, identity, model

TURNS = pytest.mark.parametrize("turns", TRANSFORMS)


def leaning_model(channels: int = 3, opset: int = 18) -> "object":
    """A network that knows up from down and left from right: a kernel without any symmetry, and weights to be cast."""
    kernel = np.arange(channels * 9, dtype=np.float16).reshape(1, channels, 3, 3) ** 2 / 300
    nodes = [
        helper.make_node("Cast", ["kernel.half"], ["kernel"], to=1),
        helper.make_node("Div", ["input", "thousand"], ["thousands"]),
        helper.make_node("Conv", ["thousands", "kernel"], ["seen"], pads=[1, 1, 1, 1]),
        helper.make_node("Sub", ["seen", "level"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
    ]
    weights = {
        "kernel.half": kernel,
        "thousand": np.asarray(np.float32(1000)),
        "level": np.asarray(np.float32(channels * 4)),
    }
    return model(nodes, weights, channels, opset)


def leaning(channels: "tuple[str, ...]" = TRUE_COLOUR, name: str = "leaning", **changes: object) -> Detector:
    return seal(leaning_model(len(channels)), card(name, channels, **changes))  # type: ignore[arg-type]  # a model


def images(height: int, width: int, channels: "tuple[str, ...]" = TRUE_COLOUR) -> NDArray[np.float32]:
    return synthetic_images(channels, 2, height, width)


@TURNS
@pytest.mark.parametrize("engine", [name for name in ("openvino", "onnxruntime") if name in available_engines()])
def test_the_graph_says_what_its_members_say_averaged_by_hand(turns: TTA, engine: str) -> None:
    members = [leaning(), brightness(("B02", "B04", "B03")), leaning(("B08", "B04"), "other")]
    joined = ensemble(members, "joined", tta=turns)
    assert joined.card.channels == ("B04", "B03", "B02", "B08")
    for height, width in ((32, 32), (20, 48), (64, 12)):
        values = images(height, width, joined.card.channels)
        expected = average_members(members, turns, joined.card.channels, values)
        np.testing.assert_allclose(run_detector(joined, values, InferenceOptions(engine)), expected, atol=2e-6)
    assert check_ensemble(joined, members, turns, InferenceOptions(engine)) < 1e-5


def test_a_network_without_symmetry_is_seen_in_every_turn() -> None:
    """With TTA the result of a network without symmetry rotates with the image, without TTA it does not."""
    values = images(32, 48)
    turned = np.ascontiguousarray(np.rot90(values, axes=(2, 3)))
    flipped = np.ascontiguousarray(values[..., ::-1])
    plain, flips, d4 = (ensemble([leaning()], "one", tta=turns) for turns in TRANSFORMS)
    assert np.abs(run_detector(plain, flipped)[..., ::-1] - run_detector(plain, values)).max() > 0.05
    np.testing.assert_allclose(run_detector(flips, flipped)[..., ::-1], run_detector(flips, values), atol=1e-6)
    assert np.abs(np.rot90(run_detector(flips, values), axes=(1, 2)) - run_detector(flips, turned)).max() > 0.01
    np.testing.assert_allclose(run_detector(d4, turned), np.rot90(run_detector(d4, values), axes=(1, 2)), atol=1e-6)


@TURNS
def test_turns_change_nothing_for_a_network_that_turns_with_its_image(turns: TTA) -> None:
    values = images(24, 40)
    np.testing.assert_allclose(
        run_detector(ensemble([brightness()], "same", tta=turns), values), run_detector(brightness(), values), atol=1e-6
    )


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_copies_of_a_detector_are_that_detector(count: int) -> None:
    values = images(32, 24)
    alone = run_detector(leaning(), values)
    together = run_detector(ensemble([leaning()] * count, "copies"), values)
    np.testing.assert_allclose(together, alone, atol=0 if count in (1, 2, 4) else 1e-7)


def test_the_order_of_members_is_no_matter() -> None:
    members = [leaning(), brightness(), identity("B04")]
    values = images(32, 32)
    one, other = (ensemble(order, "any", tta="flips") for order in (members, members[::-1]))
    assert other.card.channels[0] == "B04"
    places = [one.card.channels.index(name) for name in other.card.channels]
    np.testing.assert_allclose(
        run_detector(one, values), run_detector(other, np.ascontiguousarray(values[:, places])), atol=1e-6
    )


def test_an_ensemble_stays_between_its_members() -> None:
    members = [leaning(), brightness(), brightness(("B02", "B03", "B04"))]
    values = images(32, 32)
    said = np.stack(
        [
            run_detector(members[0], values),
            run_detector(members[1], values),
            run_detector(members[2], values[:, ::-1].copy()),
        ]
    )
    together = run_detector(ensemble(members, "between"), values)
    assert (together >= said.min(axis=0) - 1e-6).all()
    assert (together <= said.max(axis=0) + 1e-6).all()


def test_ensembles_can_be_members() -> None:
    pair = ensemble([leaning(), brightness()], "pair", tta="flips")
    outer = ensemble([pair, identity("B04")], "outer", tta="d4")
    assert outer.card.forward_passes == 8 * (4 * 2 + 1)
    assert check_ensemble(outer, [pair, identity("B04")], "d4") < 1e-5


def test_weights_are_kept_once_however_often_they_are_used() -> None:
    plain, turned = (ensemble([Detector.open(DEFAULT)], "s", tta=turns) for turns in ("none", "d4"))
    assert len(turned.onnx_bytes) < len(plain.onnx_bytes) + 400_000
    assert len(plain.onnx_bytes) < len(Detector.open(DEFAULT).onnx_bytes) + 100_000


def twice() -> list[Detector]:
    """The packaged detectors: of one network, and of that network and another."""
    return [Detector.open("s2-rgb"), Detector.open("s2-rgb-ensemble")]


@pytest.mark.slow
def test_a_packaged_detector_goes_together_with_another() -> None:
    members = twice()
    joined = ensemble(members, "both", tta="d4")
    assert check_ensemble(joined, members, "d4") < 1e-3
    assert joined.card.forward_passes == 24
    assert [member.name for member in joined.card.members] == ["s2-rgb", "s2-rgb-ensemble"]
    assert joined.card.scores == ()
    assert joined.card.confidence is None
    assert "calibrate" in joined.card.threshold_selection
    values = images(64, 96)
    one = open_engine(joined, InferenceOptions("openvino", threads=1), height=64, width=96)
    np.testing.assert_array_equal(one(values)[1], one(values[1:])[0])


def test_the_check_sees_a_turn_that_is_missing() -> None:
    members = [leaning()]
    for turns, other in (("d4", "flips"), ("flips", "none"), ("none", "d4")):
        with pytest.raises(RunError, match="differs from the average of its members"):
            check_ensemble(ensemble(members, "wrong", tta=turns), members, other)


@pytest.mark.skipif("openvino" not in available_engines(), reason="openvino is not installed")
def test_every_member_is_normalised_in_float32_whatever_the_network_computes_in() -> None:
    """DN have more digits than bfloat16 keeps, in the second member as in the first."""
    members = twice()
    joined = ensemble(members, "both", tta="flips")
    values = images(64, 96)
    # As bright as snow and as flat: all that is left of it in bfloat16 would be steps of 64.
    flat = (9000 + values / 40).astype(np.float32)
    try:
        quick = [
            open_engine(one, InferenceOptions("openvino", "bfloat16"), height=64, width=96)(flat)
            for one in (joined, *members)
        ]
    except EngineError:
        pytest.skip("this CPU does not compute in bfloat16")
    exact = run_detector(joined, flat)
    alone = max(np.abs(said - run_detector(one, flat)).mean() for one, said in zip(members, quick[1:], strict=True))
    assert np.abs(quick[0] - exact).mean() < 2 * alone + 1e-4


@pytest.mark.skipif("openvino" not in available_engines(), reason="openvino is not installed")
def test_the_graph_is_cut_behind_the_normalisation_of_every_member() -> None:
    import openvino

    from landslip.inference.openvino import _cut

    joined = ensemble(twice(), "both", tta="d4")
    network = openvino.Core().read_model(joined.onnx_bytes, b"")
    network.reshape({"input": [1, 3, 32, 64]})
    first, second = _cut(network)
    # Two members, each once upright and once transposed.
    assert len(first.outputs) == 4
    assert {name for value in second.inputs for name in value.get_names()} >= {f"normalised.{n}" for n in range(4)}


def test_an_older_operator_set_is_brought_to_the_newest() -> None:
    members = [leaning(), brightness()]  # 18 and 17
    joined = ensemble(members, "mixed")
    assert check_ensemble(joined, members, "none") < 1e-5


def test_members_must_see_the_same_pixels() -> None:
    with pytest.raises(DetectorError, match=r"same tile_px, but leaning has 32 px.*64 px"):
        ensemble([leaning(), brightness(tile_px=64)], "uneven")
    with pytest.raises(DetectorError, match="pixel_size_m"):
        ensemble([leaning(), brightness(pixel_size_m=30)], "uneven")
    with pytest.raises(DetectorError, match="at least one detector"):
        ensemble([], "none")


def test_ranges_are_those_that_every_member_knew() -> None:
    ranges = [{"B04": (100.0, 3000.0), "B03": (0.0, 50.0)}, {"B04": (200.0, 5000.0)}, None]
    members = [leaning(input_ranges=known) for known in ranges]
    assert ensemble(members, "known").card.input_ranges == {"B04": (200.0, 3000.0), "B03": (0.0, 50.0)}
    assert ensemble(members[2:], "unknown").card.input_ranges is None


def test_an_ensemble_that_says_something_else_is_not_written() -> None:
    with pytest.raises(RunError, match="differs from the average of its members"):
        check_ensemble(ensemble([leaning()], "wrong"), [brightness()], "none")
