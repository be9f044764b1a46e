"""Foreign state dicts as their authors' code makes them: modules of training that hold a network inside."""

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn


class Inner(nn.Module):
    """A network behind ``model.``, some with a 1 x 1 convolution ahead that mixes its channels to three."""

    def __init__(
        self, architecture: str, encoder: str, channels: int, *, mixed: bool = False, classes: int = 1
    ) -> None:
        super().__init__()
        if mixed:
            self.conv = nn.Conv2d(channels, 3, kernel_size=1)
        make = smp.MODEL_ARCHITECTURES_MAPPING[architecture]
        self.model = make(encoder, encoder_weights=None, in_channels=3 if mixed else channels, classes=classes)

    def forward(self, values: Tensor) -> Tensor:
        return self.model(self.conv(values) if hasattr(self, "conv") else values)


class Trained(nn.Module):
    """What the author of DeepSlide saves: ``model.model.*``, and the weight of the loss as ``wce.weight``."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.model = inner
        self.wce = nn.BCELoss(weight=torch.tensor([5.0]))

    def forward(self, values: Tensor) -> Tensor:
        return self.model(values)


def trained(network: str, channels: int = 14, *, seed: int = 0, classes: int = 1) -> Trained:
    """An untrained network in the author's wrapping, its batch norms with numbers of their own."""
    from landslip.training.networks.catalogue import PAPER, Words, encoder_name

    architecture, slash, encoder = network.partition("/")
    words = Words(architecture, encoder) if slash else PAPER[network]
    torch.manual_seed(seed)
    inner = Inner(words.architecture, encoder_name(words), channels, mixed=words.encoder == "mit_b1", classes=classes)
    whole = Trained(inner).eval()
    shake(whole)
    amplify(whole)
    return whole


def amplify(network: nn.Module, times: float = 20) -> None:
    """Let an untrained network say something: probabilities all near one half would hide a difference."""
    with torch.no_grad():
        [parameter for parameter in network.parameters() if parameter.ndim > 1][-1].mul_(times)


def shake(network: nn.Module) -> None:
    """Move what starts at 0 or 1, so that no tensor can be taken for another unseen."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.8, 1.2)
            if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
                module.weight.uniform_(0.8, 1.2)
                module.bias.normal_(0, 0.1)
