"""The SegFormer of the package transformers, with the names and modules of segmentation-models-pytorch (smp).

Both implement Xie et al. 2021 (arXiv 2105.15203), with these differences: names; transformers stores key and value as
two tensors, smp as one; its layer norms all have an epsilon of 1e-5 (1e-6 in the blocks of smp); its logits have a
quarter of the resolution and are interpolated with ``align_corners=False``; its decoder has 768 channels from B2 on,
not 256. ``tests/training/test_pretrained_segformer.py`` compares it with transformers itself.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, cast

import segmentation_models_pytorch as smp
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from landslip.detector.card import Name, Text
from landslip.files.model import Frozen
from landslip.training.networks.catalogue import NetworkName

Inputs = Literal["dn", "l4s"]
Upsampling = Literal["logits", "probabilities"]
"""What a SegFormer of transformers upsamples from a quarter of the resolution."""


class PretrainedRecipe(Frozen):
    """Description of pretrained weights: network, inputs, and texts of the card."""

    name: Name
    """Of the detector."""
    network: Text
    """A network of arXiv 2507.01123 by name, such as unet-resnet34, or architecture/encoder, such as unet/resnet18."""
    channels: tuple[str, ...] = Field(min_length=1)
    """In the order of training."""
    inputs: Inputs
    """dn: DN, degrees and metres; l4s: values of Landslide4Sense files."""
    classes: int = Field(default=1, ge=1, le=100)
    """Number of outputs: 1 for a logit of landslide, more for a softmax."""
    landslide_class: int = Field(default=1, ge=0)
    """Index of landslide among several classes."""
    upsampling: Upsampling = "logits"
    leave_out: tuple[str, ...] = ()
    """Prefixes of names in the file that are not part of the network."""
    threshold: float = Field(default=0.5, gt=0, lt=1)
    threshold_selection: Text = "default, not selected on data"
    half_precision_storage: bool = False
    title: str = ""
    """Empty: the network and the file."""
    trained_on: Text = "unknown data (pretrained weights)"
    not_good_for: tuple[Text, ...] = (
        "any use before an evaluation (landslip evaluate): the accuracy of these weights is unknown",
    )
    licence: Text = "unknown: ask the author of the weights before you distribute them"
    attribution: tuple[Text, ...] = ()
    """In addition to the name of the file."""


_FUSE: Final = "decode_head.linear_fuse.weight"
_NORM_EPSILON: Final = 1e-5
_DEEPEST_STAGE: Final = 3
# Inside a block: names of transformers before version 5, and since.
_INNER: Final = {
    "layer_norm_1": "norm1",
    "layernorm_before": "norm1",
    "layer_norm_2": "norm2",
    "layernorm_after": "norm2",
    "attention.self.query": "attn.q",
    "attention.q_proj": "attn.q",
    "attention.self.key": "attn.kv.key",
    "attention.k_proj": "attn.kv.key",
    "attention.self.value": "attn.kv.value",
    "attention.v_proj": "attn.kv.value",
    "attention.output.dense": "attn.proj",
    "attention.o_proj": "attn.proj",
    "attention.self.sr": "attn.sr",
    "attention.sequence_reduction.sequence_reduction": "attn.sr",
    "attention.self.layer_norm": "attn.norm",
    "attention.sequence_reduction.layer_norm": "attn.norm",
    "mlp.dense1": "mlp.fc1",
    "mlp.fc1": "mlp.fc1",
    "mlp.dwconv.dwconv": "mlp.dwconv.dwconv",
    "mlp.dense2": "mlp.fc2",
    "mlp.fc2": "mlp.fc2",
}
_HALVES: Final = (".attn.kv.key.", ".attn.kv.value.")
_BLOCK: Final = re.compile(r"segformer\.(?:encoder\.block\.(\d)|stages\.(\d)\.blocks)\.(\d+)\.(.+)\.(weight|bias)")
_STAGE: Final = re.compile(
    r"segformer\.(?:encoder\.(?P<old>patch_embeddings|layer_norm)\.(?P<at>\d)|stages\.(?P<stage>\d)\."
    r"(?P<new>patch_embeddings|layer_norm))(?P<part>\.proj|\.layer_norm)?\.(?P<end>weight|bias)"
)
_LINEAR: Final = re.compile(r"decode_head\.(?:linear_c|linear_projections)\.(\d)\.proj\.(weight|bias)")


def is_hf_segformer(given: Mapping[str, Tensor]) -> bool:
    """Return whether tensors are those of a SegFormer of transformers."""
    return any(name == _FUSE or name.endswith("." + _FUSE) for name in given)


def rename_tensors(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a SegFormer as in smp; tensors of other modules keep their names."""
    prefix = next(name for name in given if name.endswith(_FUSE)).removesuffix(_FUSE)
    tensors: dict[str, Tensor] = {}
    named: dict[str, str] = {}
    for old in given:
        name = prefix + _name(old.removeprefix(prefix)) if old.startswith(prefix) else old
        named[old if name in named else name] = old
    for name, old in named.items():
        key, value = (
            named.get(name.replace(".attn.kv.value.", part).replace(".attn.kv.key.", part)) for part in _HALVES
        )
        if not any(part in name for part in _HALVES):
            tensors[name] = given[old]
        elif key is None or value is None:
            tensors[old] = given[old]
        elif old == key:
            tensors[name.replace(_HALVES[0], ".attn.kv.")] = torch.cat([given[key], given[value]])
    return tensors


def build_hf_segformer(
    network: NetworkName, given: Mapping[str, Tensor], channels: int, classes: int, upsampling: Upsampling
) -> nn.Module:
    """Build a SegFormer that computes what transformers does, with the decoder width of given tensors.

    Args:
        network: segformer and an encoder mit_b0 to mit_b5.
        given: tensors with the names of transformers.
        channels: number of inputs.
        classes: number of outputs.
        upsampling: what is upsampled; probabilities only for one class.
    """
    width = next(value for name, value in given.items() if name.endswith(_FUSE)).shape[0]
    body = smp.Segformer(
        network.encoder,
        encoder_weights=None,
        in_channels=channels,
        classes=classes,
        decoder_segmentation_channels=width,
    )
    for module in body.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = _NORM_EPSILON
    body.segmentation_head[1] = UpsampleLogits(upsampling)
    return cast(nn.Module, body)


class UpsampleLogits(nn.Module):
    """Upsamples logits (N, K, H, W) to (N, K, 4 H, 4 W), directly or as probabilities."""

    def __init__(self, upsampling: Upsampling) -> None:
        super().__init__()
        self.upsampling = upsampling

    def forward(self, logits: Tensor) -> Tensor:
        """Return logits at four times the height and width."""
        if self.upsampling == "logits":
            return functional.interpolate(logits, scale_factor=4.0, mode="bilinear", align_corners=False)
        upsampled = functional.interpolate(
            torch.sigmoid(logits), scale_factor=4.0, mode="bilinear", align_corners=False
        )
        return torch.logit(upsampled, eps=1e-6)


def _name(name: str) -> str:
    if found := _BLOCK.fullmatch(name):
        stage, block, inner, end = int(found[1] or found[2]) + 1, found[3], _INNER.get(found[4]), found[5]
        return f"encoder.block{stage}.{block}.{inner}.{end}" if inner else name
    if found := _STAGE.fullmatch(name):
        stage = int(found["at"] or found["stage"]) + 1
        if (found["old"] or found["new"]) == "layer_norm":
            return name if found["part"] else f"encoder.norm{stage}.{found['end']}"
        part = {".proj": "proj", ".layer_norm": "norm"}.get(found["part"] or "")
        return f"encoder.patch_embed{stage}.{part}.{found['end']}" if part else name
    if found := _LINEAR.fullmatch(name):
        return f"decoder.mlp_stage.{_DEEPEST_STAGE - int(found[1])}.linear.{found[2]}"
    for theirs, ours in (
        ("decode_head.linear_fuse.", "decoder.fuse_stage.0."),
        ("decode_head.batch_norm.", "decoder.fuse_stage.1."),
        ("decode_head.classifier.", "segmentation_head.0."),
    ):
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name
