"""What every network keeps: one logit a pixel at any size and for any channels, gradients, its weights, its export.

A few networks in the default run; all fourteen of the paper, and others by their two words, where slow tests run.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from landslip.datasets.l4s_values import L4S_CHANNELS
from landslip.detector.detector import seal
from landslip.inference.engine import InferenceOptions, available_engines, open_engine
from landslip.inference.synthetic_inputs import synthetic_images
from landslip.training.assembly.export import check_parity, export_graph
from landslip.training.networks.build import SIZE_MULTIPLE, DetectorNetwork, build_network
from landslip.training.networks.catalogue import PAPER
from landslip.training.networks.normalise import Normalise
from landslip.training.networks.run_weights import save_weights
from landslip.training.pretrained.fitting import parse_network
from landslip.training.recipe.sections import NetworkRecipe
from tiny_detectors import card

QUICK = ("unet-mobilenet-v2", "segformer/mit_b0", "fpn/tu-test_resnet")
OTHERS = (
    "unetplusplus/efficientnet_lite0", "manet/resnet18", "linknet/vgg11", "deeplabv3/resnet18", "pan/resnet18",
    "upernet/tu-test_resnet", "unet/efficientnet_b4", "unet/tu-test_efficientnet",
)  # fmt: skip
NETWORKS = [
    *QUICK,
    *(pytest.param(name, marks=pytest.mark.slow) for name in (*PAPER, *OTHERS) if name not in QUICK),
]
NEVER_RUN = ("_conv_head.weight", "_bn1.weight", "_bn1.bias")
"""EfficientNet's head after the last block, which a segmentation network has but does not run."""

LIKE_ANOTHER = {
    "unet-resnext50": "unet-resnet34",
    "unet-se-resnext50": "unet-se-resnet50",
    "unet-inception-resnet-v2": "unet-inception-v4",
    "unet-mit-b1": "segformer/mit_b0",
    "segformer-b2": "segformer/mit_b0",
}
"""Networks that are exported as another of their family is, only that there is more of them."""
EXPORTED = [
    pytest.param(name, marks=pytest.mark.thorough) if name in LIKE_ANOTHER else name for name in (*PAPER, *QUICK[1:])
]


def chosen(name: str, **changes: object) -> NetworkRecipe:
    architecture, slash, encoder = name.partition("/")
    words = {"architecture": architecture, "encoder": encoder} if slash else {"name": name}
    return NetworkRecipe.model_validate({"weights": "none", "normalisation": "l4s"} | words | changes)


def built(name: str, channels: tuple[str, ...] = L4S_CHANNELS, seed: int = 0, **changes: object) -> DetectorNetwork:
    torch.manual_seed(seed)
    ones = torch.ones(len(channels))
    return build_network(chosen(name, **changes), channels, Normalise("l4s", ones, ones, channels)).network


def values(channels: int, height: int, width: int, count: int = 1) -> "torch.Tensor":
    return torch.from_numpy(synthetic_images(L4S_CHANNELS[:channels], count, height, width))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("channels", [1, 3, 14])
def test_any_channels_and_size_give_one_finite_logit_per_pixel(name: str, channels: int) -> None:
    network = built(name, L4S_CHANNELS[:channels]).eval()
    for height, width in ((1, 1), (37, 53), (64, 96)):
        with torch.inference_mode():
            logits = network(values(channels, height, width))
        assert logits.shape == (1, 1, height, width)
        assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_an_odd_size_is_padded_by_reflection(name: str) -> None:
    network = built(name, L4S_CHANNELS[:3]).eval()
    odd = values(3, 37, 53, count=2)
    side = max(64, network.min_px)
    whole = torch.from_numpy(np.pad(odd.numpy(), ((0, 0), (0, 0), (0, side - 37), (0, side - 53)), mode="reflect"))
    with torch.inference_mode():
        assert torch.equal(network(odd), network(whole)[..., :37, :53])


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_in_use_has_a_finite_gradient(name: str) -> None:
    network = built(name).train()
    logits = network(values(14, 64, 64, count=2))
    (logits * torch.linspace(-1, 1, logits.numel()).reshape(logits.shape)).sum().backward()
    without = [one for one, parameter in network.named_parameters() if parameter.grad is None]
    assert all(one.endswith(NEVER_RUN) for one in without), without
    gradients = {one: parameter.grad for one, parameter in network.named_parameters() if one not in without}
    assert all(torch.isfinite(gradient).all() for gradient in gradients.values())
    # From the first convolution to the last, not a dead branch.
    names = list(gradients)
    for end in (names[0], names[-1]):
        assert gradients[end].abs().sum() > 0, end


@pytest.mark.parametrize("name", NETWORKS)
def test_saved_weights_are_loaded_bit_for_bit(name: str, tmp_path: Path) -> None:
    network = built(name).eval()
    path = tmp_path / "run" / "weights.safetensors"
    path.parent.mkdir()
    save_weights(path, network.state_dict(), network=str(parse_network(name)), channels=L4S_CHANNELS)
    again = built(name, seed=1, weights=str(path)).eval()
    before, after = network.body.state_dict(), again.body.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[one], after[one]) for one in before)
    with torch.inference_mode():
        assert torch.equal(network(values(14, 64, 64)), again(values(14, 64, 64)))


def outspoken(network: DetectorNetwork) -> DetectorNetwork:
    """The network with its last convolution scaled and shifted to logits of mean 0 and deviation 2.

    An untrained network says hardly anything, or the same everywhere: its probability is flat and parity is cheap.
    """
    head = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)][-1]
    assert head.out_channels == 1
    with torch.inference_mode():
        logits = network(values(len(L4S_CHANNELS), 64, 64, count=2))
    with torch.no_grad():
        louder = 2 / logits.std()
        head.weight.mul_(louder)
        head.bias.sub_(logits.mean()).mul_(louder)
    return network


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTED)
def test_the_export_equals_the_network_at_every_size(name: str) -> None:
    network = outspoken(built(name).eval())
    model = export_graph(network, 1.3, len(L4S_CHANNELS))
    made = seal(model, card("contract", L4S_CHANNELS, temperature=1.3, size_multiple=SIZE_MULTIPLE))
    for height, width in ((64, 64), (32, 96), (128, 64)):
        some = synthetic_images(L4S_CHANNELS, 2, height, width, seed=height)
        check_parity(network, made, some)
        with torch.inference_mode():
            wanted = torch.sigmoid(network(torch.from_numpy(some)) / 1.3)[:, 0].numpy()
        assert wanted.std() > 0.05
        for engine in available_engines():
            ready = open_engine(made, InferenceOptions(engine), height=height, width=width)
            assert np.abs(ready(some) - wanted).max() < 1e-3, engine
