"""SegFormer side by side with the package that its weights come from: transformers itself."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file
from torch.nn import functional

from command_line import run
from fetch_server import serving
from foreign_made import amplify, shake
from landslip.datasets.l4s_values import DIVISORS, L4S_CHANNELS
from landslip.detector.detector import Detector
from landslip.errors import WeightsError
from landslip.inference.engine import open_engine
from landslip.inference.synthetic_inputs import synthetic_images
from landslip.training.pretrained.fitting import FittedBody, fit_checkpoint
from landslip.training.pretrained.published import published_recipe
from landslip.training.pretrained.reading import CheckpointFile
from landslip.training.pretrained.segformer import UpsampleLogits, rename_tensors

B0: dict[str, object] = {}
B2: dict[str, object] = {
    "depths": [3, 4, 6, 3],
    "hidden_sizes": [64, 128, 320, 512],
    "decoder_hidden_size": 768,
}
"""As in nvidia/segformer-b2-finetuned-ade-512-512."""


def theirs(**sizes: object) -> "torch.nn.Module":
    torch.manual_seed(0)
    config = transformers.SegformerConfig(num_channels=14, num_labels=1, **sizes)
    network = transformers.SegformerForSemanticSegmentation(config).eval()
    shake(network)
    with torch.no_grad():
        for name, value in network.named_parameters():
            # So small that what the next norm adds to the variance counts.
            if "patch_embeddings" in name and "norm" in name:
                value.mul_(0.003)
    return network


def fitted(tensors: "dict[str, torch.Tensor]", network: str, upsampling: str = "logits") -> FittedBody:
    recipe = published_recipe("segformer").model_copy(update={"network": network, "upsampling": upsampling})
    return fit_checkpoint(CheckpointFile("segformer.pth", "0" * 64, tensors), recipe)


def names_before_5(network: "torch.nn.Module", folder: Path) -> "dict[str, torch.Tensor]":
    """The names that transformers writes to files, which are those of its versions before 5."""
    network.save_pretrained(folder)
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize(
    ("sizes", "network"), [(B0, "segformer/mit_b0"), pytest.param(B2, "segformer-b2", marks=pytest.mark.slow)]
)
def test_it_equals_transformers(sizes: dict[str, object], network: str, tmp_path: Path) -> None:
    original = theirs(**sizes)
    values = torch.randn(2, 14, 64, 96)
    old = names_before_5(original, tmp_path)
    assert "segformer.encoder.block.0.0.attention.self.query.weight" in old
    for tensors in (dict(original.state_dict()), old):
        ours = fitted(
            {f"model.{name}": value for name, value in tensors.items()} | {"wce.weight": torch.ones(1)}, network
        )
        assert ours.match.ignored == ("wce.weight",)
        with torch.inference_mode():
            quarter = original(values).logits
            wanted = functional.interpolate(quarter, size=values.shape[2:], mode="bilinear", align_corners=False)
            assert torch.allclose(ours.body(values), wanted, atol=1e-5, rtol=1e-5)
    assert wanted.std() > 1e-3


def test_the_epsilon_of_its_norms_matters(tmp_path: Path) -> None:
    original = theirs(**B0)
    ours = fitted(dict(original.state_dict()), "segformer/mit_b0").body
    values = torch.randn(1, 14, 64, 64)
    with torch.inference_mode():
        before = ours(values)
        for module in ours.modules():
            if isinstance(module, torch.nn.LayerNorm):
                module.eps = 1e-6
        assert (ours(values) - before).abs().max() > 1e-4


def test_probabilities_are_upsampled_as_in_the_authors_code(tmp_path: Path) -> None:
    original = theirs(**B0)
    ours = fitted(dict(original.state_dict()), "segformer/mit_b0", "probabilities").body
    values = torch.randn(1, 14, 64, 64)
    with torch.inference_mode():
        quarter = torch.sigmoid(original(values).logits)
        wanted = functional.interpolate(quarter, size=values.shape[2:], mode="bilinear", align_corners=False)
        assert torch.allclose(torch.sigmoid(ours(values)), wanted, atol=1e-5)


def test_upsampling_keeps_a_constant_and_stays_finite_at_probability_1() -> None:
    for upsampling in ("logits", "probabilities"):
        up = UpsampleLogits(upsampling)
        assert torch.allclose(up(torch.full((1, 1, 3, 5), 0.7)), torch.tensor(0.7), atol=1e-4)
        assert torch.isfinite(up(torch.full((1, 1, 3, 5), 1e4))).all()


def test_every_tensor_exists_once_after_renaming(tmp_path: Path) -> None:
    original = theirs(**B0)
    for tensors in (dict(original.state_dict()), names_before_5(original, tmp_path)):
        more = tensors | {"wce.weight": torch.ones(1), "segformer.other.weight": torch.ones(2)}
        after = rename_tensors(more)
        assert sum(value.numel() for value in after.values()) == sum(value.numel() for value in more.values())
        assert {"wce.weight", "segformer.other.weight"} <= set(after)


@pytest.mark.parametrize(
    "gone", ["key.weight", "value.bias", "layer_norm_1.weight", "linear_c.2.proj.bias", "batch_norm.weight"]
)
def test_missing_tensors_are_not_invented(gone: str, tmp_path: Path) -> None:
    tensors = names_before_5(theirs(**B0), tmp_path)
    name = next(one for one in tensors if gone in one)
    del tensors[name]
    with pytest.raises(WeightsError, match="missing"):
        fitted(tensors, "segformer/mit_b0")


def test_another_size_is_an_error_that_names_tensors(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="other shape"):
        fitted(dict(theirs(**B0).state_dict()), "segformer/mit_b1")


def test_a_segformer_for_another_network_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="SegFormer of transformers"):
        fitted(dict(theirs(**B0).state_dict()), "unet-resnet34")


@pytest.mark.slow
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_from_the_hub_to_a_detector_that_equals_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDSLIP_HOME", str(tmp_path / "kept"))
    original = theirs(**B2)
    amplify(original, 200)
    old = {f"model.{name}": value for name, value in names_before_5(original, tmp_path / "theirs").items()}
    torch.save(old | {"wce.weight": torch.ones(1)}, tmp_path / "segformer.pth")
    with serving({"segformer.pth": (tmp_path / "segformer.pth").read_bytes()}) as served:
        told = run(
            "detector",
            "fetch",
            "deepslide/segformer",
            "--base-url",
            served.url,
            "--output",
            tmp_path / "d.onnx",
            "--quiet",
        )
    assert told.code == 0, told.err
    values = synthetic_images(L4S_CHANNELS, 1, 64, 96, seed=5)
    with torch.inference_mode():
        quarter = torch.sigmoid(
            original(torch.from_numpy((values / DIVISORS[:, None, None]).astype(np.float32))).logits
        )
        wanted = functional.interpolate(quarter, size=values.shape[2:], mode="bilinear", align_corners=False)
    answers = open_engine(Detector.open(tmp_path / "d.onnx"), height=64, width=96)(values)
    assert np.abs(answers - wanted[:, 0].numpy()).max() < 1e-3
    assert wanted.std() > 0.02
