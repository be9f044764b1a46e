"""From a recipe to a detector: calibration, export parity, and a whole tiny training run."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from landslip.channels import TRUE_COLOUR
from landslip.cli import main
from landslip.datasets.patch_set import stack_patches
from landslip.datasets.rgb import open_rgb_set
from landslip.detector.detector import DEFAULT, Detector, seal
from landslip.errors import RecipeError, RunError
from landslip.inference.engine import InferenceOptions, available_engines, open_engine
from landslip.post_training.adaptation import adapt
from landslip.post_training.batch_norm import statistics_in
from landslip.training.assembly.export import ProbabilityNetwork, check_parity, check_storage, export_graph, store_half
from landslip.training.networks.build import DetectorNetwork, build_network
from landslip.training.networks.normalise import Normalise
from landslip.training.recipe.recipe import read_recipe
from landslip.training.recipe.sections import NetworkRecipe
from landslip.training.train import train

RECIPE = Path(__file__).parents[2] / "src/landslip/training/recipe/packaged/default.yaml"


def slim_network(seed: int = 0) -> DetectorNetwork:
    torch.manual_seed(seed)
    ones = torch.ones(3)
    choice = NetworkRecipe(weights="none", decoder_channels=(32, 16, 16, 8, 8))
    return build_network(choice, TRUE_COLOUR, Normalise("tile-channel", ones, ones)).network.eval()


def images(height: int, width: int, n: int = 2) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    return (200 + 900 * np.random.default_rng(height).random((n, 3, height, width))).astype(np.float32)


@pytest.fixture(scope="module")
def exported() -> onnx.ModelProto:
    """The slim network with its logits divided by 1.3; one export takes half a minute."""
    return export_graph(slim_network(), 1.3, 3)


@pytest.mark.slow
def test_every_engine_gives_what_the_network_gives(exported: onnx.ModelProto) -> None:
    network = slim_network()
    card = Detector.open(DEFAULT).card.model_copy(update={"temperature": 1.3})
    exact = seal(exported, card)
    whole = ProbabilityNetwork(network, 1.3).eval()
    for height, width in ((32, 96), (128, 64)):
        values = images(height, width)
        with torch.inference_mode():
            expected = whole(torch.from_numpy(values)).squeeze(1).numpy()
        for name in available_engines():
            engine = open_engine(exact, InferenceOptions(name), height=height, width=width)
            np.testing.assert_allclose(engine(values), expected, atol=1e-3, err_msg=name)
    assert check_parity(network, exact, images(64, 64)).difference < 1e-3
    with pytest.raises(RunError, match="differs from its network in float64 by"):
        check_parity(slim_network(seed=1), exact, images(64, 64))


@pytest.mark.slow
def test_an_export_is_adapted_as_torch_adapts_the_network(exported: onnx.ModelProto) -> None:
    network = slim_network()
    layers = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    detector = seal(exported, Detector.open(DEFAULT).card)
    assert len(statistics_in(onnx.load_model_from_string(detector.onnx_bytes))) == len(layers)
    place = images(64, 64, n=16)
    made = adapt(detector, list(place), "there")
    # All of them are one batch: what each layer normalises by while the network learns from it.
    for layer in layers:
        layer.train()
    with torch.no_grad():
        expected = ProbabilityNetwork(network, 1.3)(torch.from_numpy(place)).squeeze(1).numpy()
    engine = open_engine(made, height=64, width=64)
    np.testing.assert_allclose(engine(place), expected, atol=1e-3)
    assert np.abs(open_engine(detector, height=64, width=64)(place) - expected).max() > 0.05


@pytest.mark.slow
def test_half_precision_storage_halves_the_file_and_keeps_the_answer(exported: onnx.ModelProto) -> None:
    whole = exported
    half = store_half(whole)
    assert half.ByteSize() < 0.55 * whole.ByteSize()
    assert {node.domain for node in half.graph.node} == {""}
    # Variances may be beyond what half precision holds: the layers of batch normalisation stay as they are.
    exact = {name for node in half.graph.node if node.op_type == "BatchNormalization" for name in node.input}
    large = [tensor for tensor in half.graph.initializer if np.prod(tensor.dims) >= 256 and tensor.name not in exact]
    assert {tensor.data_type for tensor in large} == {onnx.TensorProto.FLOAT16}
    assert {name: layer.variance.dtype for name, layer in statistics_in(half).items()} == dict.fromkeys(
        statistics_in(whole), np.dtype(np.float32)
    )
    card = Detector.open(DEFAULT).card
    truth = np.zeros((2, 96, 64), np.uint8)
    mean, f1 = check_storage(seal(whole, card), seal(half, card), images(96, 64), truth)
    assert 0 < mean < 1e-3
    assert f1 == 0
    other = onnx.ModelProto()
    other.CopyFrom(half)
    last = [node for node in other.graph.node if node.op_type == "Conv"][-1]
    (weights,) = (one for one in other.graph.initializer if one.name == last.input[1])
    weights.CopyFrom(onnx.numpy_helper.from_array(2 * onnx.numpy_helper.to_array(weights), weights.name))
    with pytest.raises(RunError, match="half-precision storage"):
        check_storage(seal(whole, card), seal(other, card), images(96, 64), truth)
    # Nothing of the machine it was made on is left in the file.
    assert str(Path(__file__).parents[2]).encode() not in half.SerializeToString()


def test_the_packaged_detector_is_small_and_engines_agree_on_it() -> None:
    detector = Detector.open(DEFAULT)
    assert len(detector.onnx_bytes) <= 25_000_000
    values = images(128, 128, n=1)
    answers = {
        name: open_engine(detector, InferenceOptions(name, "float32"), height=128, width=128)(values)
        for name in available_engines()
    }
    for name, answer in answers.items():
        np.testing.assert_allclose(answer, answers["openvino"], atol=1e-3, err_msg=name)


@pytest.mark.slow
def test_a_tiny_training_run_leaves_a_detector_with_measured_scores(shared_data: Path, tmp_path: Path) -> None:
    recipe = read_recipe(RECIPE)
    tiny = recipe.model_copy(
        update={
            "name": "tiny",
            "train": recipe.train.model_copy(update={"rows": (0, 0)}),
            "validation": recipe.validation.model_copy(update={"rows": (50, 50)}),
            "test": (recipe.test[1].model_copy(update={"rows": (1, 1)}),),
            # Two levels of the encoder: exporting all of them takes half a minute a run.
            "network": recipe.network.model_copy(update={"decoder_channels": (8, 4)}),
            "fit": recipe.fit.model_copy(update={"epochs": 2, "validate_every": 1, "batch_size": 8}),
        }
    )
    made = train(tiny, shared_data / "l4s-rgb", tmp_path)
    again = Detector.open(made.detector_path)
    assert again.card == made.detector.card
    assert len(again.card.scores) == 2
    assert {path.name for path in tmp_path.iterdir()} == {
        "checkpoints", "curves.png", "log.csv", "recipe.yaml", "run.json", "samples.png", "tensorboard", "tiny.onnx",
        "weights.safetensors",
    }  # fmt: skip
    assert read_recipe(tmp_path / "recipe.yaml") == tiny
    # The same recipe and data give the same detector, but for the date.
    (tmp_path / "again").mkdir()
    twice = train(tiny, shared_data / "l4s-rgb", tmp_path / "again")
    assert twice.detector.card.graph_sha256 == again.card.graph_sha256


def test_parts_that_share_patches_are_refused(shared_data: Path, tmp_path: Path) -> None:
    recipe = read_recipe(RECIPE)
    leaky = recipe.model_copy(update={"validation": recipe.validation.model_copy(update={"rows": (40, 57)})})
    with pytest.raises(RecipeError, match="they share 208 patches"):
        train(leaky, shared_data / "l4s-rgb", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_stacked_patches_are_what_the_reader_gives(shared_data: Path) -> None:
    some = open_rgb_set(shared_data / "l4s-rgb").where(lambda entry: entry.scene == "C" and entry.row == 1)
    stack = stack_patches(some)
    assert len(stack) == len(some)
    assert stack.values.dtype == np.float32


@pytest.mark.parametrize("wrong", ["recipe", "output"])
def test_wrong_use_of_the_command_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    recipe = RECIPE if wrong == "output" else tmp_path / "none.yaml"
    if wrong == "output":
        (tmp_path / "default.onnx").touch()
    with pytest.raises(SystemExit) as left:
        main(["train", str(recipe), "--data", str(tmp_path), "-o", str(tmp_path)])
    assert left.value.code == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("landslip: ")
    assert len(said.splitlines()) == 1


class LargeLogits(torch.nn.Module):
    """A sum of large terms that cancel, as in a network without normalisation: float32 keeps few digits of it."""

    def __init__(self, offset: float = 0.0) -> None:
        super().__init__()
        self.mix = torch.nn.Conv2d(3, 64, 3, padding=1)
        self.head = torch.nn.Conv2d(64, 1, 1)
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for layer in (self.mix, self.head):
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * 60)
                layer.bias.zero_()
            self.head.bias.fill_(offset)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return logits (N, 1, H, W), bounded so that many pixels lie near the threshold."""
        logits: torch.Tensor = self.head(self.mix(values))
        return torch.sin(logits * 1e-3) * 8


def test_an_export_is_judged_by_the_rounding_error_of_its_network() -> None:
    ones = torch.ones(3)
    network = DetectorNetwork(Normalise("none", ones, ones, TRUE_COLOUR), LargeLogits()).eval()
    card = Detector.open(DEFAULT).card.model_copy(update={"temperature": 1.0})
    values = images(64, 64)
    exported = seal(export_graph(network, 1.0, 3), card)
    parity = check_parity(network, exported, values)
    assert parity.rounding is not None
    assert 1e-3 < parity.difference <= parity.allowed
    wrong = DetectorNetwork(Normalise("none", ones, ones, TRUE_COLOUR), LargeLogits(offset=3000.0)).eval()
    with pytest.raises(RunError, match=r"in float64 .* inputs are not normalised, train with network\.normalisation"):
        check_parity(wrong, exported, values)
