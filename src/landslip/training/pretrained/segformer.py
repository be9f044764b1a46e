"""SegFormer as the package transformers builds it, under the names and in the modules of segmentation-models-pytorch.

Both are the same network (Xie et al. 2021, arXiv 2105.15203), but for four things. Names differ. transformers has a
query, a key and a value where the other has key and value in one tensor. Its layer norms all add 1e-5 (the other's
blocks 1e-6). It leaves the answer at a quarter of the resolution, from where it is brought up with the corners of
pixels, not their centres, in the corners of the image. And its decoder is 768 wide from B2 on, not 256.

``tests/training/test_pretrained_segformer.py`` runs it side by side with transformers itself.
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
"""What a SegFormer of transformers brings from a quarter of the resolution to the whole."""


class PretrainedRecipe(Frozen):
    """How foreign weights are to be understood, and what the card says of them."""

    name: Name
    """Of the detector."""
    network: Text
    """A network of the paper by its name, such as unet-resnet34; or architecture/encoder, such as unet/resnet18."""
    channels: tuple[str, ...] = Field(min_length=1)
    """In the order in which the network was trained on them."""
    inputs: Inputs
    """dn: DN, degrees and metres as they are; l4s: the values of Landslide4Sense's files, each over a divisor."""
    classes: int = Field(default=1, ge=1, le=100)
    """1 for one logit of landslide; more for a softmax."""
    landslide_class: int = Field(default=1, ge=0)
    """Which class is landslide, where there are more than one."""
    upsampling: Upsampling = "logits"
    leave_out: tuple[str, ...] = ()
    """Beginnings of names in the file that are no part of the network."""
    threshold: float = Field(default=0.5, gt=0, lt=1)
    threshold_selection: Text = "by default: nobody has chosen one for these weights on data that landslip knows"
    half_precision_storage: bool = False
    title: str = ""
    """Left empty: the network and the file."""
    trained_on: Text = "not known: these weights were trained elsewhere"
    not_good_for: tuple[Text, ...] = (
        "anything, until it was scored: landslip knows no accuracy of these weights (landslip evaluate)",
    )
    licence: Text = "not known: ask the author of the weights before you pass them on"
    attribution: tuple[Text, ...] = ()
    """Added to the name of the file that the weights came in."""


_FUSE: Final = "decode_head.linear_fuse.weight"
_NORM_ADDS: Final = 1e-5
_DEEPEST: Final = 3
# Inside a block: transformers before its version 5, and since.
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
    """Whether tensors are those of a SegFormer of transformers."""
    return any(name == _FUSE or name.endswith("." + _FUSE) for name in given)


def rename_tensors(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under the names of segmentation-models-pytorch; what is not the network's keeps its own."""
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
    words: NetworkName, given: Mapping[str, Tensor], channels: int, classes: int, upsampling: Upsampling
) -> nn.Module:
    """A SegFormer that computes what transformers does, as wide as the tensors say.

    Args:
        words: segformer and an encoder mit_b0 to mit_b5.
        given: tensors under transformers' names.
        channels: how many it takes.
        classes: how many it gives.
        upsampling: what is brought up to the whole resolution; probabilities only for one class.
    """
    width = next(value for name, value in given.items() if name.endswith(_FUSE)).shape[0]
    body = smp.Segformer(
        words.encoder,
        encoder_weights=None,
        in_channels=channels,
        classes=classes,
        decoder_segmentation_channels=width,
    )
    for module in body.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = _NORM_ADDS
    body.segmentation_head[1] = UpsampleLogits(upsampling)
    return cast(nn.Module, body)


class UpsampleLogits(nn.Module):
    """Brings logits (N, K, H, W) to (N, K, 4 H, 4 W): themselves, or by way of their probabilities."""

    def __init__(self, upsampling: Upsampling) -> None:
        super().__init__()
        self.upsampling = upsampling

    def forward(self, logits: Tensor) -> Tensor:
        """Logits at four times the height and width."""
        if self.upsampling == "logits":
            return functional.interpolate(logits, scale_factor=4.0, mode="bilinear", align_corners=False)
        upsampling = functional.interpolate(torch.sigmoid(logits), scale_factor=4.0, mode="bilinear", align_corners=False)
        return torch.logit(upsampling, eps=1e-6)


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
        return f"decoder.mlp_stage.{_DEEPEST - int(found[1])}.linear.{found[2]}"
    for theirs, ours in (
        ("decode_head.linear_fuse.", "decoder.fuse_stage.0."),
        ("decode_head.batch_norm.", "decoder.fuse_stage.1."),
        ("decode_head.classifier.", "segmentation_head.0."),
    ):
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name
