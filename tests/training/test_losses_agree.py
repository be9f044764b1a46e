"""Loss terms against other implementations: segmentation-models-pytorch, torch, and their equations.

The first tests state which losses of segmentation-models-pytorch meet the laws of ``Loss``: those are used, the others
are implemented in landslip.
"""

from collections.abc import Callable

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from landslip.training.data.target import Target
from landslip.training.losses import LossRecipe, build_loss
from landslip.training.losses.overlap import (
    Dice,
    Lovasz,
    Tversky,
)
from landslip.training.losses.pixel_losses import (
    Boundary,
    CrossEntropy,
    Focal,
    HardPixels,
    PaperCrossEntropy,
    SoftCrossEntropy,
)
from landslip.training.losses.pixels import LossTerm

NODATA = 255
few = settings(max_examples=10)
seeds = st.integers(0, 2**31 - 1)


def ours(term: LossTerm, logits: "torch.Tensor", masks: "torch.Tensor") -> "torch.Tensor":
    loss = build_loss(LossRecipe(terms=(term,)), ("B04",))
    return loss(logits, Target.of_masks(masks), torch.ones((len(logits), 1, *logits.shape[1:])))


def drawn(seed: int, share: float = 0.3, gaps: float = 0.0) -> "tuple[torch.Tensor, torch.Tensor]":
    chance = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn((2, 12, 10), generator=chance)
    masks = (torch.rand(logits.shape, generator=chance) < share).to(torch.uint8)
    return logits, masks.masked_fill(torch.rand(logits.shape, generator=chance) < gaps, NODATA)


def loss_and_gradient(
    loss: "Callable[[torch.Tensor], torch.Tensor]", logits: "torch.Tensor"
) -> "tuple[float, torch.Tensor]":
    free = logits.clone().requires_grad_()
    value = loss(free)
    (gradient,) = torch.autograd.grad(value, free)
    return float(value.detach()), gradient


SMP_LOSSES = {
    "FocalLoss": {"gamma": 2.0},
    "TverskyLoss": {"smooth": 32.0},
    "LovaszLoss": {"per_image": False},
    "SoftBCEWithLogitsLoss": {"smooth_factor": 0.1},
    "SoftCrossEntropyLoss": {"smooth_factor": 0.1},
}
"""Losses that could replace those of landslip, with settings."""


def smp_loss(name: str, logits: "torch.Tensor", masks: "torch.Tensor", **settings: object) -> "torch.Tensor":
    """A loss of segmentation-models-pytorch that is told to ignore nodata."""
    kind, settings = getattr(smp.losses, name), SMP_LOSSES[name] | settings
    if name == "SoftCrossEntropyLoss":
        two = torch.stack([torch.zeros_like(logits), logits], dim=1)
        return kind(ignore_index=NODATA, **settings)(two, masks.long())
    mode = () if name == "SoftBCEWithLogitsLoss" else ("binary",)
    return kind(*mode, ignore_index=NODATA, **settings)(logits.unsqueeze(1), masks.unsqueeze(1).float())


def ignores_nodata(name: str) -> bool:
    """Whether value and gradient equal those of the valid pixels alone, whatever the logits of nodata pixels hold."""
    for seed in range(5):
        logits, masks = drawn(seed, gaps=0.3)
        valid = masks != NODATA
        alone = logits[valid][None, None], masks[valid][None, None]
        value, gradient = loss_and_gradient(lambda free, masks=alone[1]: smp_loss(name, free, masks), alone[0])
        for other in (0.0, 60.0, float("nan")):
            with_nodata = logits.masked_fill(~valid, other)
            found, found_gradient = loss_and_gradient(lambda free, m=masks: smp_loss(name, free, m), with_nodata)
            same = found == pytest.approx(value, rel=1e-6)
            if not same or not torch.allclose(found_gradient[valid], gradient.flatten(), rtol=1e-5, atol=1e-9):
                return False
            if bool(found_gradient[~valid].any()):
                return False
    return True


def costs_nothing_without_valid_pixels(name: str) -> bool:
    nothing = torch.full((2, 6, 6), NODATA, dtype=torch.uint8)
    value, gradient = loss_and_gradient(lambda free: smp_loss(name, free, nothing), torch.ones((2, 6, 6)))
    return value == 0 and not bool(gradient.any())


def penalises_false_positives_without_landslides(name: str) -> bool:
    masks = torch.zeros((2, 6, 6), dtype=torch.uint8)
    _, gradient = loss_and_gradient(lambda free: smp_loss(name, free, masks), torch.ones((2, 6, 6)))
    return bool((gradient > 0).any())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("FocalLoss", (True, False, True)),
        ("TverskyLoss", (False, True, False)),
        ("LovaszLoss", (True, True, True)),
        ("SoftBCEWithLogitsLoss", (False, True, True)),
        ("SoftCrossEntropyLoss", (False, True, True)),
    ],
)
def test_only_the_lovasz_loss_of_smp_meets_the_laws(name: str, expected: tuple[bool, ...]) -> None:
    """It is used; a loss of another version of the library that meets them too should replace ours."""
    laws = ignores_nodata, costs_nothing_without_valid_pixels, penalises_false_positives_without_landslides
    assert tuple(law(name) for law in laws) == expected


def test_the_focal_loss_of_smp_has_no_gradient_for_small_gamma() -> None:
    masks = torch.ones((1, 2, 2), dtype=torch.uint8)
    for gamma, finite in ((2.0, True), (0.5, False)):
        _, gradient = loss_and_gradient(
            lambda free, gamma=gamma: smp_loss("FocalLoss", free, masks, gamma=gamma), torch.full((1, 2, 2), 60.0)
        )
        assert bool(torch.isfinite(gradient).all()) == finite


def theirs(name: str, logits: "torch.Tensor", masks: "torch.Tensor", **settings: object) -> "torch.Tensor":
    """A loss of segmentation-models-pytorch over the same pixels."""
    loss = getattr(smp.losses, name)("binary", ignore_index=NODATA, **settings)
    return loss(logits.unsqueeze(1), masks.unsqueeze(1).float())


@few
@given(seed=seeds)
@pytest.mark.parametrize(
    ("term", "name", "same"),
    [
        (Focal(), "FocalLoss", {"alpha": 0.25, "gamma": 2.0}),
        (Focal(gamma=1.5, alpha=None), "FocalLoss", {"gamma": 1.5}),
        (Dice(smoothing_px=20), "DiceLoss", {"smooth": 10.0}),
        (Dice(smoothing_px=1e-6), "DiceLoss", {"smooth": 0.0}),
        (Tversky(smoothing_px=5), "TverskyLoss", {"alpha": 0.3, "beta": 0.7, "smooth": 5.0}),
        (Lovasz(), "LovaszLoss", {}),
    ],
    ids=str,
)
def test_terms_agree_with_segmentation_models_pytorch(
    term: LossTerm, name: str, same: dict[str, float], seed: int
) -> None:
    logits, masks = drawn(seed, gaps=0.2)
    values, gradients = [], []
    for loss in (lambda free: ours(term, free, masks), lambda free: theirs(name, free, masks, **same)):
        free = logits.clone().requires_grad_()
        values.append(float(loss(free).detach()))
        gradients.append(torch.autograd.grad(loss(free), free)[0])
    assert values[0] == pytest.approx(values[1], rel=1e-5, abs=1e-6)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-7)


@few
@given(seed=seeds, smoothing=st.floats(0, 0.5))
def test_soft_cross_entropy_agrees_with_smp_on_two_classes(seed: int, smoothing: float) -> None:
    logits, masks = drawn(seed)
    two = torch.stack([torch.zeros_like(logits), logits], dim=1)
    other = smp.losses.SoftCrossEntropyLoss(smooth_factor=smoothing)(two, masks.long())
    assert float(ours(SoftCrossEntropy(smoothing=smoothing), logits, masks)) == pytest.approx(float(other), rel=1e-5)


@few
@given(seed=seeds, weight=st.floats(0.1, 50))
def test_weighted_cross_entropy_agrees_with_torch(seed: int, weight: float) -> None:
    logits, masks = drawn(seed)
    other = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor([weight]))(logits, masks.float())
    assert float(ours(CrossEntropy(positive_weight=weight), logits, masks)) == pytest.approx(float(other), rel=1e-5)


@few
@given(seed=seeds)
def test_balanced_classes_have_equal_gradients(seed: int) -> None:
    logits, masks = drawn(seed, share=0.1, gaps=0.2)
    level = torch.zeros_like(logits).requires_grad_()
    (gradient,) = torch.autograd.grad(ours(CrossEntropy(positive_weight="balanced"), level, masks), level)
    up, down = (float(gradient[masks == kind].sum()) for kind in (1, 0))
    assert up == pytest.approx(-down, rel=1e-5)


def test_the_balance_is_limited() -> None:
    masks = torch.zeros((1, 40, 40), dtype=torch.uint8)
    masks[0, 0, 0] = 1
    logits = torch.zeros(masks.shape)
    balanced, most = (ours(CrossEntropy(positive_weight=weight), logits, masks) for weight in ("balanced", 100))
    assert float(balanced) == float(most)


@few
@given(seed=seeds)
def test_the_loss_of_the_paper(seed: int) -> None:
    logits, masks = drawn(seed)
    logits = logits.double()  # In float32 the formula itself rounds 1 - p.
    truth, probability = masks.double(), logits.sigmoid()
    entropy = torch.nn.BCELoss(weight=torch.tensor([5.0]))(probability, truth)
    shared = (probability * truth).sum()
    dice = 1 - (2 * shared + 1e-6) / (probability.sum() + truth.sum() + 1e-6)
    terms = (PaperCrossEntropy(weight=0.5), Dice(weight=0.5, smoothing_px=1e-6))
    loss = build_loss(LossRecipe(terms=terms), ("B04",))
    value = loss(logits, Target.of_masks(masks), torch.ones((2, 1, 12, 10)))
    assert float(value) == pytest.approx(0.5 * float(entropy) + 0.5 * float(dice), rel=1e-5)


@few
@given(seed=seeds)
def test_the_weight_of_the_paper_does_not_balance_the_classes(seed: int) -> None:
    logits, masks = drawn(seed)
    assert float(ours(PaperCrossEntropy(), logits, masks)) == pytest.approx(
        5 * float(ours(CrossEntropy(), logits, masks)), rel=1e-5
    )


@few
@given(seed=seeds, share=st.sampled_from([0.0, 0.3, 1.0]))
def test_lovasz_is_the_jaccard_loss_grown_pixel_by_pixel(seed: int, share: float) -> None:
    logits, masks = drawn(seed, share, gaps=0.2)
    seen = (masks != NODATA).numpy()
    scores, truth = logits.numpy()[seen].astype(float), masks.numpy()[seen] == 1
    errors = 1 - scores * np.where(truth, 1, -1)
    wrong, expected, before = np.zeros(len(truth), bool), 0.0, 0.0
    for place in np.argsort(-errors):
        wrong[place] = True
        mapped = truth ^ wrong
        now = 1 - (mapped & truth).sum() / (mapped | truth).sum()
        expected, before = expected + max(errors[place], 0.0) * (now - before), now
    assert float(ours(Lovasz(), logits, masks)) == pytest.approx(expected, rel=1e-5)


def test_lovasz_of_logits_at_one_is_the_jaccard_loss() -> None:
    # The surrogate and what it stands for meet where each logit is 1 or -1: an error is then 0 or 2.
    logits, masks = drawn(3)
    mapped, truth = logits > 0, masks == 1
    jaccard_loss = 1 - float((mapped & truth).sum() / (mapped | truth).sum())
    assert float(ours(Lovasz(), logits.sign(), masks)) == pytest.approx(2 * jaccard_loss, rel=1e-5)


@few
@given(seed=seeds, share=st.floats(0.01, 1))
def test_hard_pixels_have_the_highest_cross_entropy(seed: int, share: float) -> None:
    logits, masks = drawn(seed, gaps=0.2)
    seen = masks != NODATA
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(
        logits[seen], masks[seen].float(), reduction="none"
    ).sort(descending=True)[0]
    count = int(np.ceil(np.float32(len(entropy)) * np.float32(share)))
    assert float(ours(HardPixels(fraction=share), logits, masks)) == pytest.approx(
        float(entropy[:count].mean()), rel=1e-5
    )


@few
@given(seed=seeds, width=st.integers(1, 4), weight=st.floats(1, 10))
def test_boundary_pixels_are_near_the_other_class(seed: int, width: int, weight: float) -> None:
    logits, masks = drawn(seed, share=0.03, gaps=0.05)
    total = cost = 0.0
    for n, row, col in np.argwhere((masks != NODATA).numpy()):
        window = masks[n, max(row - width, 0) : row + width + 1, max(col - width, 0) : col + width + 1]
        counted = weight if bool((window == 1).any() and (window == 0).any()) else 1.0
        logit, truth = logits[n, row, col], masks[n, row, col].float()
        total += counted
        cost += counted * float(torch.nn.functional.binary_cross_entropy_with_logits(logit, truth))
    term = Boundary(width_px=width, boundary_weight=weight)
    assert float(ours(term, logits, masks)) == pytest.approx(cost / total, rel=1e-4)
