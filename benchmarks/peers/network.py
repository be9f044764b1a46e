"""The network of the comparison in PyTorch, for environments without landslip: from DN to probability.

Import it before the peer: where only the CPU build of PyTorch is at hand, torchvision needs what it declares.
"""

import json
import runpy
from pathlib import Path

import torch
from safetensors.torch import load_file

OPERATORS = runpy.run_path(
    str(Path(__file__).parents[2] / "src" / "landslip" / "training" / "torchvision_operators.py")
)
OPERATORS["declare_missing_operators"]()

import segmentation_models_pytorch as smp  # noqa: E402 - imports torchvision


class Network(torch.nn.Module):
    """U-Net ResNet34 with the normalisation of the detector before and a sigmoid after it.

    Args:
        folder: with ``weights.safetensors`` of the run, and ``normalisation.json``.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        facts = json.loads((folder / "normalisation.json").read_text())
        self.mean, self.deviation = (torch.tensor(facts[name]).reshape(1, -1, 1, 1) for name in ("mean", "deviation"))
        self.temperature = facts["temperature"]
        self.body = smp.Unet("resnet34", encoder_weights=None, in_channels=3, classes=1)
        self.body.load_state_dict(load_file(folder / "weights.safetensors"), strict=True)
        self.eval()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        logits = self.body((values.float() - self.mean) / self.deviation)
        return torch.sigmoid(logits / self.temperature)
