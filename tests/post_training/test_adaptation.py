"""Laws of adapting a detector to a place: the layers take what the place is like, and nothing else changes."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from onnx import numpy_helper
from PIL import Image

from landslip.cli import main
from landslip.datasets.rgb import open_rgb_set
from landslip.detector.card import Adaptation
from landslip.detector.detector import Detector, seal
from landslip.errors import DetectorError, MissingExtraError, PatchesError, SettingsError
from landslip.grid.window import Window, spread_windows
from landslip.post_training.adaptation import MAX_IMAGES_PER_SIDE, adapt, images_of_patches, images_of_scene
from landslip.post_training.batch_norm import Statistics, measuring_graph, statistics_in, with_statistics
from landslip.post_training.ensemble import ensemble, run_detector
from landslip.scenes.arrays import array_scene
from patches_made import make_rgb_set, scar
from tiny_detectors import TRUE_COLOUR, brightness, card, layered, layered_model

EPSILON = 1e-5


def images(count: int = 9, side: int = 8, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(500, 4000, (count, 3, side, side)).astype(np.float32)


def inside(detector: Detector) -> dict[str, Statistics]:
    return statistics_in(onnx.load_model_from_string(detector.onnx_bytes))


def average_members(values: NDArray[np.float32]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Mean and variance of each layer of ``layered`` when every layer normalises by these very images."""
    weights = {one.name: numpy_helper.to_array(one).astype(float) for one in layered_model().graph.initializer}
    pixels = values.astype(float).transpose(1, 0, 2, 3).reshape(3, -1)
    found = []
    for name in ("first", "second"):
        seen = weights[name][:, :, 0, 0] @ pixels
        mean, variance = seen.mean(1), seen.var(1)
        found.append((mean, variance))
        even = (seen - mean[:, None]) / np.sqrt(variance[:, None] + EPSILON)
        pixels = np.maximum(even * weights[f"{name}.scale"][:, None] + weights[f"{name}.shift"][:, None], 0)
    return found


@pytest.mark.parametrize("opset", [17, 18])
def test_each_layer_takes_what_the_place_is_once_the_layers_before_it_have(opset: int) -> None:
    place = images()
    layers = inside(adapt(layered(opset=opset), list(place), "there")).values()
    for layer, (mean, variance) in zip(layers, average_members(place), strict=True):
        np.testing.assert_allclose(layer.mean, mean, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(layer.variance, variance, rtol=1e-3)


@settings(max_examples=20, deadline=None)
@given(gain=st.floats(0.1, 10), seed=st.integers(0, 3))
def test_a_place_that_is_brighter_all_over_is_mapped_as_if_it_were_not(gain: float, seed: int) -> None:
    place = images(seed=seed)
    brighter = (place * np.float32(gain)).astype(np.float32)
    before = run_detector(adapt(layered(), list(place), "there"), place)
    after = run_detector(adapt(layered(), list(brighter), "there"), brighter)
    np.testing.assert_allclose(after, before, atol=2e-3)


def test_without_adapting_brightness_matters() -> None:
    # Or the law above would say nothing.
    assert np.abs(run_detector(layered(), images() * 3) - run_detector(layered(), images())).max() > 0.1


@given(weight=st.floats(0.01, 1))
@settings(max_examples=10, deadline=None)
def test_the_weight_interpolates_between_source_and_target(weight: float) -> None:
    place = list(images())
    old, whole, part = (
        inside(layered()),
        inside(adapt(layered(), place, "t")),
        adapt(layered(), place, "t", weight=weight),
    )
    for layer, found in inside(part).items():
        for what in ("mean", "variance"):
            wanted = (1 - weight) * getattr(old[layer], what) + weight * getattr(whole[layer], what)
            np.testing.assert_allclose(getattr(found, what), wanted, rtol=1e-3, atol=1e-2)


def test_adapting_twice_to_one_place_is_adapting_once() -> None:
    once = adapt(layered(), list(images()), "there")
    twice = adapt(once, list(images()), "there")
    assert once.card.graph_sha256 == twice.card.graph_sha256
    assert len(twice.onnx_bytes) == len(once.onnx_bytes)


def test_the_order_of_one_batch_does_not_matter() -> None:
    place = list(images())
    forth, back = (inside(adapt(layered(), order, "there")) for order in (place, place[::-1]))
    for layer in forth:
        np.testing.assert_allclose(forth[layer].variance, back[layer].variance, rtol=1e-4)


def test_what_is_over_a_full_batch_counts_for_nothing_of_its_own() -> None:
    # One of 17 is left over: what is measured is what the other 16 are, whichever they be.
    place = list(images(17))
    found = inside(adapt(layered(), place, "there"))["first.normalised"].variance
    without = [average_members(np.stack([*place[:left], *place[left + 1 :]]))[0][1] for left in range(17)]
    assert sum(np.allclose(found, one, rtol=1e-4) for one in without) == 1


def test_without_openvino_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landslip.inference.engine.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install openvino"):
        adapt(layered(), list(images()), "there")


def test_the_card_tells_and_old_scores_go() -> None:
    detector = layered(threshold=0.3)
    made = adapt(detector, list(images()), "a valley", weight=0.5, name="valley")
    assert made.card.adaptation == Adaptation(target="a valley", images=9, weight=0.5)
    assert (made.card.name, made.card.threshold, made.card.scores) == ("valley", 0.3, ())
    assert detector.card.adaptation is None


def test_half_stored_statistics_are_read_and_those_replaced_are_taken_out() -> None:
    model = layered_model()
    cast = [one for one in model.graph.initializer if one.name == "second.variance"]
    values = numpy_helper.to_array(cast[0])
    model.graph.initializer.remove(cast[0])
    model.graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), "short"))
    node = onnx.helper.make_node("Cast", ["short"], ["second.variance"], to=onnx.TensorProto.FLOAT)
    model.graph.node.insert(0, node)
    np.testing.assert_allclose(statistics_in(model)["second.normalised"].variance, values, rtol=1e-3)
    made = adapt(seal(model, card("half", TRUE_COLOUR)), list(images()), "there")
    graph = onnx.load_model_from_string(made.onnx_bytes).graph
    assert "Cast" not in {one.op_type for one in graph.node}
    assert "short" not in {one.name for one in graph.initializer}


def test_an_ensemble_is_adapted_member_by_member() -> None:
    joined = ensemble([layered(), layered(tile_px=32)], "both")
    made = adapt(joined, list(images()), "there")
    alone = adapt(layered(), list(images()), "there")
    np.testing.assert_allclose(run_detector(made, images()), run_detector(alone, images()), atol=1e-5)


def test_statistics_as_they_were_change_nothing() -> None:
    model = layered_model()
    same = seal(with_statistics(model, statistics_in(model)), card("same", TRUE_COLOUR))
    np.testing.assert_array_equal(run_detector(same, images()), run_detector(layered(), images()))


def test_the_measuring_graph_is_a_valid_one() -> None:
    told, layers = measuring_graph(layered_model())
    onnx.checker.check_model(told)
    assert len(told.graph.output) == 2 * len(layers) == 4


def test_what_cannot_be_adapted_is_refused() -> None:
    with pytest.raises(DetectorError, match="no batch normalisation"):
        adapt(brightness(), list(images()), "there")
    with pytest.raises(PatchesError, match="needs at least 8 images"):
        adapt(layered(), list(images(7)), "there")
    with pytest.raises(SettingsError, match="weight must be greater than 0"):
        adapt(layered(), list(images()), "there", weight=0)


@given(
    region=st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 400), st.integers(1, 400)),
    side=st.integers(1, 64),
    most=st.integers(1, 9),
)
def test_places_lie_inside_apart_and_are_not_too_many(region: tuple[int, int, int, int], side: int, most: int) -> None:
    whole = Window(*region)
    places = list(spread_windows(whole, side, most))
    assert len(places) <= most**2
    assert all(whole.contains(place) for place in places)
    covered = np.zeros((whole.bottom, whole.right), int)
    for place in places:
        covered[place.row : place.bottom, place.col : place.right] += 1
    assert covered.max() <= 1
    assert bool(places) == (min(whole.height, whole.width) >= side / 2)


def test_images_of_a_scene_have_no_gap_and_shrink_with_a_small_scene() -> None:
    values = np.random.default_rng(0).uniform(500, 4000, (3, 96, 96)).astype(np.float32)
    values[:, :3, :5] = np.nan
    values[:, 64:, 64:] = np.nan
    scene = array_scene(values, TRUE_COLOUR, GeoBox((96, 96), Affine.identity(), None))
    # Tiles of 32 px: nine places, of which one was not observed.
    found = images_of_scene(layered(), scene)
    assert len(found) == 8
    assert all(image.shape == (3, 32, 32) and np.isfinite(image).all() for image in found)
    # Tiles of 64 px are too few here: half of a side is taken.
    assert {image.shape for image in images_of_scene(layered(tile_px=64), scene)} == {(3, 32, 32)}


def test_images_of_patches_fit_the_detector_and_are_not_too_many(tmp_path: Path) -> None:
    patches = open_rgb_set(make_rgb_set(tmp_path / "set", {"A": range(12)}))
    assert len(images_of_patches(layered(), patches)) == 12 <= MAX_IMAGES_PER_SIDE**2
    # Patches of 64 px, of which a detector that runs on multiples of 48 px takes a part.
    sizes = {image.shape for image in images_of_patches(layered(size_multiple=48, tile_px=48), patches)}
    assert sizes == {(3, 48, 48)}
    # Patches of two sizes: the smaller is the measure.
    Image.fromarray(scar(0, side=32)[0]).save(tmp_path / "set/img/image_0.png")
    Image.fromarray(scar(0, side=32)[1].astype(bool)).save(tmp_path / "set/mask/mask_0.png")
    assert {image.shape for image in images_of_patches(layered(), open_rgb_set(tmp_path / "set"))} == {(3, 32, 32)}
    with pytest.raises(PatchesError, match="needs patches of at least 256 x 256 px"):
        images_of_patches(layered(size_multiple=256, tile_px=256), patches)


def call(*words: object) -> None:
    main([str(word) for word in words], standalone_mode=False)


def test_a_detector_is_adapted_to_patches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layered().save(tmp_path / "layered.onnx")
    data = make_rgb_set(tmp_path / "set", {"A": range(10), "B": range(10, 12)})
    out = tmp_path / "there.onnx"
    call("detector", "adapt", tmp_path / "layered.onnx", "--data", data, "--scene", "A", "-o", out, "--quiet")
    assert "adapted to 10 images of set, scene A; threshold 0.5, unchanged" in capsys.readouterr().out
    call("detector", "show", out)
    assert "set, scene A, 10 unlabelled images; accuracy there unknown" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("nothing", "give a target"),
        ("both", "give a target"),
        ("few", "needs at least 8 images"),
        ("folded", "no batch normalisation"),
    ],
)
def test_wrong_use_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str, sentence: str
) -> None:
    (brightness() if case == "folded" else layered()).save(tmp_path / "given.onnx")
    data = make_rgb_set(tmp_path / "set", {"A": range(10), "B": range(10, 12)})
    out = tmp_path / "out.onnx"
    words: dict[str, list[object]] = {
        "nothing": [],
        "both": [tmp_path, "--data", data],
        "few": ["--data", data, "--scene", "B"],
        "folded": ["--data", data],
    }
    with pytest.raises(SystemExit):
        call("detector", "adapt", tmp_path / "given.onnx", "-o", out, *words[case])
    assert sentence in capsys.readouterr().err
    assert not out.exists()
