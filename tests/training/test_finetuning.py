"""Laws of fine-tuning: the rebuilt network is the detector, masks are what was drawn, only what is trained changes."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import shapely
import torch
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS

from landslip.cli import main
from landslip.detector.card import Normalisation
from landslip.detector.detector import Detector, seal
from landslip.errors import DetectorError, PatchesError
from landslip.mapping.polygon_files import PolygonFile
from landslip.post_training.batch_norm import Statistics, statistics_in, with_statistics
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA
from landslip.scenes.arrays import array_scene
from landslip.training.assembly.export import check_parity, export_graph, store_half
from landslip.training.finetuning.finetune import MIN_LANDSLIDES, FinetuneSettings, finetune
from landslip.training.finetuning.labels import MARGIN_M, Labels, labels_of_scene
from landslip.training.finetuning.optimise import TrainedPart, optimise
from landslip.training.finetuning.rebuild import check_rebuilt, graph_with_weights, rebuild_network
from landslip.training.networks.build import DetectorNetwork, build_network
from landslip.training.networks.normalise import Normalise
from learning_made import part_of, small_recipe, squares
from tiny_detectors import TRUE_COLOUR, brightness, card

SIDE_PX = 64


def small_detector(**changes: object) -> Detector:
    """A plain U-Net from random weights, exported with the recipe on its card."""
    recipe = small_recipe()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        mean, deviation = torch.tensor([1000.0, 900.0, 800.0]), torch.full((3,), 100.0)
        network = build_network(recipe.network, TRUE_COLOUR, Normalise("tile-channel", mean, deviation, TRUE_COLOUR))
        # As in a trained network no two tensors are equal: the exporter would join them.
        for name, tensor in network.network.state_dict().items():
            if tensor.is_floating_point() and not name.startswith("normalise"):
                tensor.add_(0.1 * torch.rand_like(tensor))
    about = card(
        "small",
        TRUE_COLOUR,
        recipe=recipe.model_dump(mode="json"),
        normalisation=Normalisation(kind="tile-channel", description="by tile"),
        size_multiple=32,
        tile_px=SIDE_PX,
        **changes,
    )
    return seal(export_graph(network.network.eval(), 1.0, 3), about)


@pytest.fixture(scope="module")
def small() -> Detector:
    return small_detector()


def made_labels(count: int = 8) -> Labels:
    return Labels(part_of(squares(count)), count, "squares that were made")


def weights(network: DetectorNetwork) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def test_the_rebuilt_network_gives_the_probability_of_the_detector(small: Detector) -> None:
    assert check_rebuilt(rebuild_network(small), small, squares(4).values) <= 1e-4


def test_statistics_that_adaptation_renamed_are_found(small: Detector) -> None:
    model = onnx.load_model_from_string(small.onnx_bytes)
    other = {layer: Statistics(found.mean + 0.3, found.variance * 2) for layer, found in statistics_in(model).items()}
    adapted = seal(with_statistics(model, other), small.card)
    assert check_rebuilt(rebuild_network(adapted), adapted, squares(4).values) <= 1e-4


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("adapted", [False, True])
def test_weights_in_the_graph_are_those_of_the_network(small: Detector, half: bool, adapted: bool) -> None:
    model = onnx.load_model_from_string(small.onnx_bytes)
    if adapted:
        statistics = statistics_in(model)
        model = with_statistics(model, {n: Statistics(2 * s.mean, 3 * s.variance) for n, s in statistics.items()})
    detector = seal(store_half(model) if half else model, small.card)
    network = rebuild_network(detector)
    with torch.no_grad():
        for value in network.parameters():
            value.mul_(1.1)
    changed = seal(graph_with_weights(detector, network), small.card)
    assert check_parity(network, changed, squares(4).values).difference <= 1e-4
    again = weights(rebuild_network(changed))
    assert all(torch.equal(value, again[name]) for name, value in weights(network).items())


def test_another_network_than_that_of_the_detector_is_refused(small: Detector) -> None:
    network = rebuild_network(small)
    with torch.no_grad():
        network.body.head.bias += 1
    with pytest.raises(DetectorError, match="differs from it by"):
        check_rebuilt(network, small, squares(4).values)


def test_what_cannot_be_rebuilt_is_refused_in_one_sentence() -> None:
    with pytest.raises(DetectorError, match="was not trained by a recipe of landslip"):
        rebuild_network(brightness())
    with pytest.raises(DetectorError, match="joins several networks"):
        rebuild_network(Detector.open("s2-rgb-ensemble"))
    with pytest.raises(DetectorError, match="was quantised"):
        rebuild_network(Detector.open("s2-rgb").open_int8())


@pytest.mark.parametrize("trained", ["head", "norms", "all"])
def test_only_the_chosen_weights_change_and_never_the_statistics(small: Detector, trained: TrainedPart) -> None:
    network = rebuild_network(small)
    before = weights(network)
    optimise(network, part_of(squares(8)), temperature=1.0, trained=trained, epochs=2, batch_size=4)
    changed = {name for name, value in weights(network).items() if not torch.equal(value, before[name])}
    assert not any("running" in name or "tracked" in name or name.startswith("normalise") for name in changed)
    assert any(name.startswith("body.head") for name in changed)
    inside = {name for name in changed if not name.startswith("body.head")}
    # In a block a convolution is followed by its normalisation: the weights of the latter are vectors.
    vectors = {name for name in inside if before[name].ndim == 1}
    assert bool(inside) == (trained != "head")
    assert (inside == vectors) == (trained != "all")


def test_the_same_seed_gives_the_same_weights_and_another_does_not(small: Detector) -> None:
    found = []
    for seed in (1, 1, 2):
        network = rebuild_network(small)
        optimise(network, part_of(squares(8)), temperature=1.0, trained="all", epochs=1, batch_size=4, seed=seed)
        found.append(weights(network)["body.head.weight"])
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_the_loss_falls_on_the_labels_that_are_trained_on(small: Detector) -> None:
    network, stack = rebuild_network(small), squares(8)
    losses = []
    for epochs in (0, 20):
        optimise(network, part_of(stack), temperature=1.0, trained="all", epochs=epochs, batch_size=4)
        with torch.inference_mode():
            logits = network(torch.from_numpy(stack.values)).squeeze(1)
        labels = torch.from_numpy(stack.masks).float()
        losses.append(float(torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)))
    assert losses[1] < 0.9 * losses[0]


def test_the_card_tells_parent_labels_and_the_score_on_patches_held_out(small: Detector) -> None:
    settings = FinetuneSettings(trained="all", epochs=2)
    made = finetune(small, made_labels(24), settings, name="mine")
    assert made.before is not None
    assert made.after is not None
    # Both on the same pixels.
    assert made.after.tp + made.after.fn == made.before.tp + made.before.fn
    assert made.after.pixels == made.before.pixels == 5 * 32 * 32
    record = made.detector.card.finetuning
    assert record is not None
    assert (record.parent, record.parent_sha256) == (small.card.name, small.sha256)
    assert (record.landslides, record.patches, record.trained, record.epochs) == (24, 19, "all", 2)
    assert made.detector.card.threshold == small.card.threshold
    assert made.detector.card.scores[0].f1 == pytest.approx(made.after.f1, abs=1e-4)
    # It can be trained further in its turn.
    assert check_rebuilt(rebuild_network(made.detector), made.detector, squares(4).values) <= 1e-4


def test_too_few_labels_and_labels_without_background_are_refused(small: Detector) -> None:
    with pytest.raises(PatchesError, match=f"needs {MIN_LANDSLIDES} labelled landslides or more, got 2"):
        finetune(small, made_labels(2))
    stack = squares(8)
    stack.masks[stack.masks == BACKGROUND] = NODATA
    with pytest.raises(PatchesError, match="the labels hold no background"):
        finetune(small, Labels(part_of(stack), 8, "landslides alone"))


def drawn(*boxes: tuple[float, float, float, float], crs: CRS | None) -> PolygonFile:
    return PolygonFile("drawn.gpkg", np.array([shapely.box(*box) for box in boxes], object), crs)


def test_patches_of_a_scene_are_labelled_where_they_were_drawn_and_nowhere_else() -> None:
    values = np.random.default_rng(1).uniform(500, 2000, (3, 150, 200)).astype(np.float32)
    scene = array_scene(values, TRUE_COLOUR, GeoBox((150, 200), Affine.scale(10), None))
    # Columns and rows, in pixels: a scene without a CRS.
    labels = labels_of_scene(
        card("any", TRUE_COLOUR, tile_px=SIDE_PX), scene, drawn((30, 40, 40, 44), (150, 100, 158, 120), crs=None)
    )
    margin = int(MARGIN_M / 10)
    expected = np.full((192, 256), NODATA, np.uint8)
    for left, top, right, bottom in ((30, 40, 40, 44), (150, 100, 158, 120)):
        expected[max(0, top - margin) : min(150, bottom + margin), max(0, left - margin) : right + margin] = BACKGROUND
    expected[40:44, 30:40] = expected[100:120, 150:158] = LANDSLIDE
    expected[150:], expected[:, 200:] = NODATA, NODATA
    tiles = expected.reshape(3, SIDE_PX, 4, SIDE_PX).transpose(0, 2, 1, 3).reshape(12, SIDE_PX, SIDE_PX)
    labelled = [tile for tile in tiles if (tile != NODATA).any()]
    stack = labels.part.stack()
    np.testing.assert_array_equal(stack.masks, labelled)
    np.testing.assert_array_equal(stack.values[0], values[:, :SIDE_PX, :SIDE_PX])
    assert np.isfinite(stack.values).all()
    assert labels.landslides == 2


def test_the_command_asks_for_a_scene_with_labels_or_for_patches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "mine.onnx")
    for words in ([], ["scene.tif"], ["--data", "patches", "--labels", "drawn.gpkg"]):
        with pytest.raises(SystemExit):
            main(["detector", "finetune", "s2-rgb", *words, "-o", out])
        assert "label" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
