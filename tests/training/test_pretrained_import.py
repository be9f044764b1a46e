"""Laws of importing: the detector answers as its author's module does; what does not fit is named, with a remedy."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from command_line import run
from fetch_server import serving
from foreign_made import Inner, Trained, shake, trained
from landslip.channels import CHANNELS, TRUE_COLOUR
from landslip.datasets.l4s_values import DIVISORS, L4S_CHANNELS
from landslip.detector.detector import Detector
from landslip.errors import LandslipError, RecipeError, WeightsError
from landslip.inference.engine import open_engine
from landslip.inference.synthetic_inputs import synthetic_images
from landslip.training.pretrained.fitting import FittedBody, OneVersusRest, fit_checkpoint
from landslip.training.pretrained.importing import import_detector
from landslip.training.pretrained.published import DEEPSLIDE, published_recipe
from landslip.training.pretrained.reading import CheckpointFile, read_checkpoint
from landslip.training.pretrained.segformer import PretrainedRecipe

SMALL = "unet/tu-test_resnet"
"""Half a million numbers: the smallest that segmentation-models-pytorch builds."""


def recipe(**changes: object) -> PretrainedRecipe:
    values = {"name": "foreign", "network": SMALL, "channels": TRUE_COLOUR, "inputs": "dn"} | changes
    return PretrainedRecipe.model_validate(values)


def fitted(tensors: "dict[str, torch.Tensor]", told: PretrainedRecipe | None = None) -> FittedBody:
    return fit_checkpoint(CheckpointFile("weights.pth", "0" * 64, tensors), told or recipe())


def assert_same_answers(original: "torch.nn.Module", found: FittedBody, channels: int) -> None:
    values = torch.randn(2, channels, 64, 96)
    with torch.inference_mode():
        wanted = original(values)
        assert wanted.std() > 1e-4
        assert torch.equal(found.body(values), wanted)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("mobilenetv2", "mitb1") else pytest.mark.slow)
        for name in DEEPSLIDE
        if name != "segformer"  # test_foreign_segformer.py
    ],
)
def test_a_published_file_gives_the_network_of_its_authors_code(name: str, tmp_path: Path) -> None:
    original = trained(DEEPSLIDE[name].network)
    torch.save(original.state_dict(), tmp_path / DEEPSLIDE[name].file)
    found = fit_checkpoint(read_checkpoint(tmp_path / DEEPSLIDE[name].file), published_recipe(name))
    assert found.match.ignored == ("wce.weight",)
    assert found.match.prefix == "model.model."
    assert found.channel_mixing == ("model.conv" if name == "mitb1" else None)
    assert_same_answers(original, found, 14)


@pytest.mark.parametrize("mixed", [False, True])
def test_a_mixing_convolution_is_found_in_any_network(mixed: bool) -> None:
    torch.manual_seed(0)
    original = Trained(Inner("unet", "tu-test_resnet", 5, mixed=mixed)).eval()
    shake(original)
    channels = (*TRUE_COLOUR, "B08", "slope")
    found = fitted(original.state_dict(), recipe(channels=channels))
    assert found.channel_mixing == ("model.conv" if mixed else None)
    assert_same_answers(original, found, 5)


def test_two_classes_give_the_softmax_probability() -> None:
    original = trained(SMALL, 3, classes=2)
    values = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        wanted = torch.softmax(original(values), dim=1)
        for chosen in (0, 1):
            body = fitted(original.state_dict(), recipe(classes=2, landslide_class=chosen)).body
            assert torch.allclose(torch.sigmoid(body(values)), wanted[:, chosen : chosen + 1], atol=1e-6)


def test_one_class_against_others_sums_to_one() -> None:
    logits = torch.randn(2, 5, 4, 4) * 30
    total = sum(torch.sigmoid(OneVersusRest(torch.nn.Identity(), chosen)(logits)) for chosen in range(5))
    assert torch.allclose(total, torch.ones(2, 1, 4, 4), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"network": "unet/tu-test_efficientnet"},
            r"is not unet/tu-test_efficientnet .*missing.*no network of the paper matches",
        ),
        ({"channels": ("B02", "B03")}, r"its input has 3 channels, got 2\): give 3 channels"),
        ({"classes": 2}, r"its output has 1 class, got 2\): give classes 1"),
        ({"classes": 3, "landslide_class": 3}, "landslide_class must lie between 0 and 2, got 3"),
    ],
)
def test_wrong_descriptions_are_refused_with_a_remedy(change: dict[str, object], words: str) -> None:
    with pytest.raises(WeightsError, match=words):
        fitted(trained(SMALL, 3).state_dict(), recipe(**change))


def test_several_classes_need_the_class_of_landslide() -> None:
    with pytest.raises(WeightsError, match=r"its output has 2 classes, got 1\): give classes 2, and the index"):
        fitted(trained(SMALL, 3, classes=2).state_dict())


def test_a_wrong_network_names_the_matching_one() -> None:
    with pytest.raises(WeightsError, match="it matches unet-mobilenet-v2"):
        fitted(trained("unet-mobilenet-v2", 3).state_dict())


def test_an_unexpected_tensor_is_named_and_can_be_left_out() -> None:
    more = trained(SMALL, 3).state_dict() | {"extra.weight": torch.ones(2)}
    with pytest.raises(WeightsError, match=r"unexpected: extra\.weight.*leave_out"):
        fitted(more)
    assert fitted(more, recipe(leave_out=("extra.",))).match.ignored == ("wce.weight", "extra.weight")


@pytest.mark.parametrize("network", ["unet-resnet33", "unet/resnet33", "vnet/resnet34"])
def test_an_unknown_network_is_an_error(network: str) -> None:
    with pytest.raises(RecipeError, match="unknown"):
        fitted({"a": torch.ones(1)}, recipe(network=network))


def test_a_channel_without_divisor_is_no_landslide4sense_input(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"B8A.*inputs dn"):
        import_detector(tmp_path / "any.pth", recipe(channels=("B8A",), inputs="l4s"))


def test_synthetic_images_are_reproducible_and_in_units() -> None:
    values = synthetic_images(tuple(CHANNELS), 2, 37, 53)
    assert values.shape == (2, len(CHANNELS), 37, 53)
    assert np.array_equal(values, synthetic_images(tuple(CHANNELS), 2, 37, 53))
    assert not np.array_equal(values, synthetic_images(tuple(CHANNELS), 2, 37, 53, seed=1))
    slope = values[:, list(CHANNELS).index("slope")]
    assert (values > 0).all()
    assert slope.max() < 90


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--network", SMALL, "--channels", "B04,B99,B02", "--inputs", "dn"), "B99"),
        (("--network", SMALL, "--channels", "B04,B03,B02", "--inputs", "dn", "--threshold", "1"), "threshold"),
        (("--network", SMALL, "--channels", "B04,B03,B02", "--inputs", "dn", "--name", "Ü"), "name"),
        (("--network", SMALL, "--channels", "B04,B03,B02", "--inputs", "dn", "--landslide-class", "1"), "--classes"),
        (("--network", SMALL, "--channels", "B04,B03,B02"), "--inputs"),
        (
            ("--network", SMALL, "--channels", "B04,B03,B02", "--inputs", "dn", "--output", "none/d.onnx"),
            "does not exist",
        ),
        (
            ("--network", SMALL, "--channels", "B04,B03,B02", "--inputs", "dn", "--output", "there.onnx"),
            "exists already",
        ),
    ],
)
def test_wrong_use_prints_one_sentence_and_writes_nothing(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(trained(SMALL, 3).state_dict(), tmp_path / "w.pth")
    (tmp_path / "there.onnx").write_bytes(b"mine")
    told = run("detector", "import", "w.pth", "--quiet", *arguments)
    assert told.code == 2
    assert words in told.err
    assert "Traceback" not in told.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there.onnx", "w.pth"]
    assert (tmp_path / "there.onnx").read_bytes() == b"mine"


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_an_imported_detector_equals_the_authors_module_and_names_its_source(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    original = trained(SMALL, 14)
    if suffix == ".pth":
        torch.save({"state_dict": original.state_dict(), "epoch": 3}, "Their Weights.pth")
    else:
        save_file(original.state_dict(), "Their Weights.safetensors")
    told = run(
        "detector", "import", f"Their Weights{suffix}", "--network", SMALL, "--channels", "l4s", "--inputs", "l4s",
        "--threshold", "0.4", "--licence", "CC0", "--half-precision", "--quiet",
    )  # fmt: skip
    assert told.code == 0, told.err
    assert "ignored: wce.weight" in told.out
    assert "Next: landslip detector show their-weights.onnx" in told.out
    detector = Detector.open(tmp_path / "their-weights.onnx")
    card = detector.card
    assert card.title.startswith("Pretrained weights")
    assert "wce.weight" in card.trained_on
    assert (card.threshold, card.licence, card.channels, card.temperature) == (0.4, "CC0", L4S_CHANNELS, 1.0)
    facts = card.recipe["pretrained"]
    assert facts["ignored"] == ["wce.weight"]
    assert facts["file_sha256"] == read_checkpoint(Path(f"Their Weights{suffix}")).sha256
    assert any(facts["file_sha256"] in line for line in card.attribution)
    values = synthetic_images(L4S_CHANNELS, 2, 64, 96, seed=5)
    fed = torch.from_numpy((values / DIVISORS[:, None, None]).astype(np.float32))
    with torch.inference_mode():
        wanted = torch.sigmoid(original(fed))[:, 0].numpy()
    answers = open_engine(detector, height=64, width=96)(values)
    assert np.abs(answers - wanted).mean() < 1e-3
    assert wanted.std() > 0.02


@pytest.mark.slow
@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize("name", ["mobilenetv2", "mitb1"])
def test_from_the_hub_to_a_detector_in_one_command(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDSLIP_HOME", str(tmp_path / "kept"))
    original = trained(DEEPSLIDE[name].network)
    torch.save(original.state_dict(), tmp_path / "made.pth")
    with serving({DEEPSLIDE[name].file: (tmp_path / "made.pth").read_bytes()}) as served:
        told = run(
            "detector",
            "fetch",
            f"deepslide/{name}",
            "--base-url",
            served.url,
            "--output",
            tmp_path / "d.onnx",
            "--quiet",
        )
    assert told.code == 0, told.err
    detector = Detector.open(tmp_path / "d.onnx")
    assert "B10" in " ".join(detector.card.not_good_for)
    values = synthetic_images(L4S_CHANNELS, 1, 64, 64, seed=5)
    with torch.inference_mode():
        wanted = torch.sigmoid(original(torch.from_numpy((values / DIVISORS[:, None, None]).astype(np.float32))))
    assert np.abs(open_engine(detector, height=64, width=64)(values) - wanted[:, 0].numpy()).max() < 1e-3
    assert wanted.std() > 0.02


def test_every_error_of_importing_is_shown_by_the_command_line() -> None:
    assert issubclass(WeightsError, LandslipError)
