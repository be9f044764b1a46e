"""Indices inside a network: known values, no change with brightness, and an export that carries them along."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landslip.channels import TRUE_COLOUR, ndvi
from landslip.datasets.l4s_values import L4S_CHANNELS
from landslip.detector.detector import seal
from landslip.errors import RecipeError
from landslip.inference.synthetic_inputs import synthetic_images
from landslip.studies.ablation.retraining import add_index, remove_channels
from landslip.training.assembly.export import check_parity, export_graph
from landslip.training.networks.build import SIZE_MULTIPLE, build_network
from landslip.training.networks.indices import INDEX_STD, INDICES, Indices, available_indices
from landslip.training.networks.normalise import Normalise
from landslip.training.recipe.recipe import read_recipe
from landslip.training.recipe.sections import NetworkRecipe
from tiny_detectors import card


def some(seed: int = 0) -> "torch.Tensor":
    return torch.from_numpy(synthetic_images(L4S_CHANNELS, 2, 32, 64, seed=seed))


def test_ndvi_is_the_ndvi_of_the_channel_table() -> None:
    values = some()
    red, nir = (values[:, L4S_CHANNELS.index(name)].numpy() for name in ("B04", "B08"))
    seen = Indices(["ndvi"], L4S_CHANNELS)(values)[:, 0].numpy()
    np.testing.assert_allclose(seen * INDEX_STD, ndvi(red, nir), atol=1e-6)


@pytest.mark.parametrize(("name", "wanted"), [("ndvi", 0.5), ("bsi", -1 / 3), ("nbr", 1.0)])
def test_known_reflectance_gives_the_published_index(name: str, wanted: float) -> None:
    light = {"B02": 500.0, "B04": 1000.0, "B08": 3000.0, "B11": 750.0, "B12": 0.0}
    values = torch.tensor([light.get(one, 700.0) for one in L4S_CHANNELS]).reshape(1, -1, 1, 1)
    assert float(Indices([name], L4S_CHANNELS)(values)) * INDEX_STD == pytest.approx(wanted, abs=1e-6)


@given(gain=st.floats(0.25, 4), seed=st.integers(0, 50))
def test_indices_do_not_depend_on_brightness(gain: float, seed: int) -> None:
    indices = Indices(list(INDICES), L4S_CHANNELS)
    assert torch.allclose(indices(some(seed) * gain), indices(some(seed)), atol=1e-4)


def test_dark_pixels_have_index_0_and_indices_stay_in_range() -> None:
    indices = Indices(list(INDICES), L4S_CHANNELS)
    assert torch.equal(indices(torch.zeros(1, 14, 2, 2)), torch.zeros(1, len(INDICES), 2, 2))
    noise = torch.randn(1, 14, 16, 16, generator=torch.Generator().manual_seed(1)) * 1000
    assert indices(noise).abs().max() <= 1 / INDEX_STD + 1e-6


def test_the_export_contains_the_indices_and_takes_channels_only() -> None:
    torch.manual_seed(0)
    ones = torch.ones(14)
    plain = {"architecture": "plain-unet", "weights": "none", "decoder_channels": (8, 4)}
    choice = NetworkRecipe.model_validate(plain | {"indices": ("ndvi", "nbr"), "normalisation": "l4s"})
    network = build_network(choice, L4S_CHANNELS, Normalise("l4s", ones, ones, L4S_CHANNELS)).network.eval()
    made = seal(export_graph(network, 1.0, 14), card("indices", L4S_CHANNELS, size_multiple=SIZE_MULTIPLE))
    check_parity(network, made, some().numpy())


def test_indices_are_inputs_that_pretrained_weights_do_not_know() -> None:
    ones = torch.ones(14)
    choice = NetworkRecipe(encoder="efficientnet_lite0", indices=("ndvi", "nbr"), normalisation="l4s")
    built = build_network(choice, L4S_CHANNELS, Normalise("l4s", ones, ones, L4S_CHANNELS))
    assert "ndvi, nbr" in built.initial_weights


def test_a_network_uses_its_indices() -> None:
    torch.manual_seed(0)
    ones = torch.ones(14)
    choice = NetworkRecipe(encoder="efficientnet_lite0", weights="none", indices=("ndvi",), normalisation="l4s")
    network = build_network(choice, L4S_CHANNELS, Normalise("l4s", ones, ones, L4S_CHANNELS)).network.eval()
    before = network(some())
    network.indices = Indices(["nbr"], L4S_CHANNELS)
    assert not torch.equal(before, network(some()))


def test_an_index_that_cannot_be_computed_is_refused() -> None:
    with pytest.raises(RecipeError, match="needs B08 and B04, which"):
        read_recipe("default", ["network.indices=[ndvi]", "channels=[B12]"])
    with pytest.raises(RecipeError, match="unknown index 'evi'"):
        read_recipe("default", ["network.indices=[evi]"])
    with pytest.raises(RecipeError, match="each index may be given once"):
        read_recipe("default", ["network.indices=[grvi,grvi]"])


def test_removing_a_channel_removes_its_indices() -> None:
    recipe = read_recipe("default", ["channels=[B04,B03,B02,B08]", "network.indices=[grvi,ndvi]"])
    assert remove_channels(recipe, ("B08",)).network.indices == ("grvi",)
    assert remove_channels(recipe, ("B08",)).channels == TRUE_COLOUR
    assert add_index(recipe, "ndwi").inputs == (*TRUE_COLOUR, "B08", "grvi", "ndvi", "ndwi")
    assert available_indices(TRUE_COLOUR) == ("grvi",)
