"""Laws of the loss: what is not observed counts for nothing, false alarms cost also where there is no landslide."""

import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from landslip.training.losses import CrossEntropyAndDice  # noqa: E402 - after the check for torch


def truth(share: float, seed: int = 0) -> "torch.Tensor":
    chance = torch.Generator().manual_seed(seed)
    return (torch.rand((2, 16, 16), generator=chance) < share).to(torch.uint8)


def test_right_is_cheap_and_wrong_is_dear() -> None:
    loss, mask = CrossEntropyAndDice(smoothing=1), truth(0.3)
    right = (mask.float() * 2 - 1).unsqueeze(1) * 20
    assert float(loss(right, mask)) < 1e-3
    assert float(loss(-right, mask)) > 5
    assert float(loss(-right, mask)) > float(loss(torch.zeros_like(right), mask)) > float(loss(right, mask))


@pytest.mark.parametrize("dice_share", [0.0, 0.5, 1.0])
def test_a_batch_without_a_landslide_still_punishes_false_alarms(dice_share: float) -> None:
    loss, mask = CrossEntropyAndDice(dice_share), truth(0)
    logits = torch.full((2, 1, 16, 16), -2.0, requires_grad=True)
    value = loss(logits, mask)
    value.backward()
    assert float(value.detach()) > float(loss(torch.full_like(logits, -8.0), mask))
    assert logits.grad is not None
    # Downhill is towards fewer false alarms, at every pixel.
    assert bool((logits.grad > 0).all())


def test_pixels_not_observed_do_not_matter() -> None:
    loss, mask = CrossEntropyAndDice(), truth(0.3)
    mask[:, :5] = 255
    logits = torch.randn((2, 1, 16, 16), generator=torch.Generator().manual_seed(1), requires_grad=True)
    value = loss(logits, mask)
    value.backward()
    assert logits.grad is not None
    assert not bool(logits.grad[:, :, :5].any())
    other = logits.detach().clone()
    other[:, :, :5] = 30.0
    assert float(loss(other, mask)) == pytest.approx(float(value.detach()))


def test_a_batch_of_nothing_observed_has_a_loss_without_a_slope() -> None:
    mask = torch.full((1, 8, 8), 255, dtype=torch.uint8)
    logits = torch.zeros((1, 1, 8, 8), requires_grad=True)
    value = CrossEntropyAndDice()(logits, mask)
    value.backward()
    assert logits.grad is not None
    assert torch.isfinite(value)
    assert not bool(logits.grad.any())
