"""Weights from the hub: offline is an error and never a random start; online every tensor arrives, by channel name.

The hub is out of reach of the machines that run these tests: its download is replaced by files that the encoders
themselves wrote. What is tested is all that follows a download.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import torch
from safetensors.torch import save_file

from fetch_server import serving
from landslip.channels import TRUE_COLOUR
from landslip.datasets.l4s_values import L4S_CHANNELS
from landslip.errors import RecipeError
from landslip.training.networks.build import BuiltNetwork, build_network
from landslip.training.networks.catalogue import PAPER, smp_encoder_name
from landslip.training.networks.normalise import Normalise
from landslip.training.networks.weights import find_stem
from landslip.training.recipe.sections import NetworkRecipe

QUICK = ("unet-mobilenet-v2", "unet-efficientnet-b0", "unet-densenet121")
WITH_ENCODER = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in PAPER if name != "plain-unet"
]
Downloads = Callable[..., str]


def built(name: str, channels: tuple[str, ...], weights: str = "imagenet") -> BuiltNetwork:
    ones = torch.ones(len(channels))
    return build_network(NetworkRecipe(name=name, weights=weights), channels, Normalise("l4s", ones, ones, channels))


def unreachable(*_: object, **__: object) -> str:
    raise OSError("We couldn't connect to 'https://huggingface.co'\nand a page of advice")


def written(encoder: "torch.nn.Module", folder: Path) -> Downloads:
    """What the hub would send: the encoder's tensors, for red, green and blue."""
    save_file({name: value.contiguous() for name, value in encoder.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    return lambda _repository, filename, **_: str(folder / filename)


@pytest.mark.parametrize("name", WITH_ENCODER)
def test_all_downloaded_weights_are_loaded_and_fitted_by_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    source = smp.encoders.get_encoder(smp_encoder_name(PAPER[name]), in_channels=3, weights=None)
    monkeypatch.setattr("segmentation_models_pytorch.encoders.hf_hub_download", written(source, tmp_path))
    started = built(name, L4S_CHANNELS)
    mine, theirs = started.network.body.encoder.state_dict(), source.state_dict()
    stem = find_stem(source, 3)
    assert set(mine) == set(theirs)
    for tensor in theirs:
        if tensor != stem:
            assert torch.equal(mine[tensor], theirs[tensor]), tensor
    for place, channel in enumerate(TRUE_COLOUR):
        assert torch.allclose(mine[stem][:, L4S_CHANNELS.index(channel)], theirs[stem][:, place] * 3 / 14)
    mean = theirs[stem].mean(dim=1) * 3 / 14
    for channel in set(L4S_CHANNELS) - set(TRUE_COLOUR):
        assert torch.allclose(mine[stem][:, L4S_CHANNELS.index(channel)], mean, atol=1e-7)
    assert f"ImageNet weights of {PAPER[name].encoder}" in started.initial_weights
    assert "B02, B03, B04 from their own filters" in started.initial_weights
    assert "elevation from the mean of 3 filters" in started.initial_weights


@pytest.mark.parametrize("name", WITH_ENCODER)
def test_offline_is_an_error_and_not_a_random_start(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segmentation_models_pytorch.encoders.hf_hub_download", unreachable)
    with pytest.raises(
        RecipeError, match=r"cannot be loaded .*couldn't connect.*connect to the internet.*weights: none"
    ):
        built(name, TRUE_COLOUR)


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_offline_is_an_error_with_the_client_of_the_hub_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Its cache, which it looks into first, is empty; where it asks, nobody answers.
    with serving({}) as served:
        nobody = served.url
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", nobody)
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", nobody + "/{repo_id}/{filename}")
    with pytest.raises(RecipeError, match="cannot be loaded"):
        built("unet-mobilenet-v2", TRUE_COLOUR)


def test_weights_of_another_encoder_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = smp.encoders.get_encoder("mobilenet_v2", in_channels=3, weights=None)
    monkeypatch.setattr("segmentation_models_pytorch.encoders.hf_hub_download", written(other, tmp_path))
    with pytest.raises(RecipeError, match="cannot be loaded"):
        built("unet-efficientnet-b0", TRUE_COLOUR)


def test_the_plain_unet_has_no_weights_to_download() -> None:
    with pytest.raises(RecipeError, match="no encoder"):
        built("plain-unet", TRUE_COLOUR)
