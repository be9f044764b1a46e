"""Losses: binary cross-entropy and Dice, over observed pixels."""

from torch import Tensor, nn
from torch.nn import functional

NOT_OBSERVED = 255


class CrossEntropyAndDice(nn.Module):
    """A weighted sum of binary cross-entropy and Dice loss; pixels not observed count for nothing.

    Dice is taken over the whole batch, as F1 is pooled over all pixels (Milletari et al. 2016, arXiv 1606.04797,
    with plain sums in the denominator). ``smoothing`` pixels are added to both of its sides: a batch without a
    landslide has a loss that falls as false alarms vanish, instead of 0 / 0.
    """

    def __init__(self, dice_share: float = 0.5, smoothing: float = 64.0) -> None:
        super().__init__()
        self.dice_share = dice_share
        self.smoothing = smoothing

    def forward(self, logits: Tensor, truth: Tensor) -> Tensor:
        """Loss of logits (N, 1, H, W) against truth (N, H, W) uint8: 1, 0, or 255 where not observed."""
        logits = logits.squeeze(1).float()
        observed = (truth != NOT_OBSERVED).float()
        target = (truth == 1).float()
        cross_entropy = functional.binary_cross_entropy_with_logits(logits, target, weight=observed, reduction="sum")
        cross_entropy = cross_entropy / observed.sum().clamp_min(1.0)
        probability = logits.sigmoid() * observed
        shared = (probability * target).sum()
        dice = 1 - (2 * shared + self.smoothing) / (probability.sum() + target.sum() + self.smoothing)
        return (1 - self.dice_share) * cross_entropy + self.dice_share * dice
