"""Constant padding is the padding ``SAME`` of images whose sides are multiples of the stride."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from timm.layers.conv2d_same import Conv2dSame

from landslip.training.networks.build import build_network
from landslip.training.networks.normalise import Normalise
from landslip.training.networks.same_padding import ConstantSameConv2d, with_constant_padding
from landslip.training.recipe.sections import NetworkRecipe
from tiny_detectors import TRUE_COLOUR


@given(
    st.tuples(st.integers(1, 7), st.integers(1, 7)),
    st.sampled_from([(1, 1), (2, 1), (3, 1), (1, 2), (1, 3)]),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
)
def test_any_kernel_gives_the_same(kernel: tuple[int, int], step: tuple[int, int], halvings: tuple[int, int]) -> None:
    stride, dilation = step
    same = Conv2dSame(2, 3, kernel_size=kernel, stride=stride, dilation=dilation)
    values = torch.rand(1, 2, *(24 * stride * number for number in halvings))
    assert torch.equal(ConstantSameConv2d(same)(values), same(values))


def test_a_network_gives_the_same_and_keeps_the_names_of_its_tensors() -> None:
    recipe = NetworkRecipe(encoder="efficientnet_lite2", weights="none")
    mean, deviation = torch.full((3,), 1000.0), torch.full((3,), 100.0)
    network = build_network(recipe, TRUE_COLOUR, Normalise("tile-channel", mean, deviation, TRUE_COLOUR)).network.eval()
    changed = with_constant_padding(network)
    assert any(isinstance(layer, Conv2dSame) for layer in network.modules())
    assert not any(isinstance(layer, Conv2dSame) for layer in changed.modules())
    assert list(changed.state_dict()) == list(network.state_dict())
    values = 2000 * torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        assert torch.equal(changed.compute_logits(values), network.compute_logits(values))
