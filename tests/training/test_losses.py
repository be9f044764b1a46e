"""Laws of every loss term, and of their sum."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from landslip.training.data.target import Target
from landslip.training.losses import Loss, LossRecipe, build_loss
from landslip.training.losses.overlap import (
    Dice,
    Lovasz,
    Tversky,
)
from landslip.training.losses.physics import (
    FlatGround,
    Runout,
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

CHANNELS = ("B04", "slope", "elevation")
N, SIZE = 3, 16
PAPER_SMOOTHING_PX = 1e-6
"""What arXiv 2507.01123 adds to both sides of Dice."""

SUPERVISED = (
    CrossEntropy(),
    CrossEntropy(positive_weight=7.5),
    CrossEntropy(positive_weight="balanced"),
    PaperCrossEntropy(),
    SoftCrossEntropy(),
    Focal(),
    Focal(gamma=0.5, alpha=None),
    Dice(),
    Dice(smoothing_px=PAPER_SMOOTHING_PX),
    Tversky(),
    Lovasz(),
    HardPixels(),
    Boundary(),
)
"""Terms that use labels."""

PRIORS = (FlatGround(), FlatGround(midpoint_deg=25, width_deg=5), Runout())
"""Terms that use terrain only."""


def in_words(term: LossTerm) -> str:
    return " ".join([term.kind, *(f"{name}={getattr(term, name)}" for name in sorted(term.model_fields_set))])


every_term = pytest.mark.parametrize("term", (*SUPERVISED, *PRIORS), ids=in_words)
every_supervised = pytest.mark.parametrize("term", SUPERVISED, ids=in_words)
seeds = st.integers(0, 2**31 - 1)


def chance_of(seed: int) -> "torch.Generator":
    return torch.Generator().manual_seed(seed)


def loss_of(*terms: LossTerm) -> Loss:
    return build_loss(LossRecipe(terms=terms), CHANNELS)


def target_of(share: float, seed: int = 0, observed: float = 1.0) -> Target:
    """Landslides of several pixels; the share of pixels that are observed."""
    chance = chance_of(seed)
    coarse = torch.rand((N, 1, SIZE // 2, SIZE // 2), generator=chance) < share
    landslide = torch.nn.functional.interpolate(coarse.float(), scale_factor=2).squeeze(1)
    seen = torch.rand((N, SIZE, SIZE), generator=chance) < observed
    return Target(landslide * seen, seen)


def logits_of(seed: int = 1, spread: float = 2.0) -> "torch.Tensor":
    return spread * torch.randn((N, SIZE, SIZE), generator=chance_of(seed))


def values_of(seed: int = 2) -> "torch.Tensor":
    """DN, slopes of 0 to 45 degrees, and rough ground that falls to the lower right."""
    draw = torch.rand((N, 3, SIZE, SIZE), generator=chance_of(seed))
    rows = torch.arange(SIZE).float().reshape(1, SIZE, 1)
    draw[:, 0] *= 3000
    draw[:, 1] *= 45
    draw[:, 2] = 500 - 6 * rows - 2 * rows.transpose(1, 2) + 4 * draw[:, 2]
    return draw


def gradient_of(loss: Loss, logits: "torch.Tensor", target: Target, values: "torch.Tensor") -> "torch.Tensor":
    free = logits.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(free, target, values), free)
    return gradient


@every_supervised
def test_right_predictions_cost_less_than_wrong_ones(term: LossTerm) -> None:
    loss, target, values = loss_of(term), target_of(0.3), values_of()
    right = 20 * (2 * target.landslide - 1)
    if isinstance(term, SoftCrossEntropy):
        right = right / 20 * 2.944  # The logit of 0.95, where its least lies.
    costs = [float(loss(way * right, target, values)) for way in (1.0, 0.0, -1.0)]
    least = 0.1986 if isinstance(term, SoftCrossEntropy) else 0.0  # The entropy of 0.95.
    assert costs == sorted(costs)
    assert costs[0] == pytest.approx(least, abs=1e-3)
    assert costs[2] > 1.5 * costs[1] > 0.1


@every_supervised
@settings(max_examples=8)  # For each of many terms.
@given(seed=seeds, step=st.floats(0.01, 1))
def test_a_step_towards_the_labels_lowers_the_loss(term: LossTerm, seed: int, step: float) -> None:
    loss, target, values = loss_of(term), target_of(0.3, seed), values_of()
    logits = logits_of(seed).clamp(-1.9, 1.9)
    nearer = logits + step * (2 * target.landslide - 1)
    assert float(loss(nearer, target, values)) < float(loss(logits, target, values))


@every_supervised
def test_soft_labels_are_their_own_best_prediction(term: LossTerm) -> None:
    target, values = target_of(0.3, observed=0.9), values_of()
    soft = Target((0.1 + 0.8 * target.landslide) * target.valid, target.valid)
    loss = loss_of(term)
    kept = float(loss(soft.landslide.logit(eps=1e-6), soft, values))
    blurred = 0.5 * soft.landslide + 0.5 * soft.landslide.mean()
    assert kept < float(loss(blurred.logit(eps=1e-6), soft, values))
    if isinstance(term, Lovasz):
        assert float(loss(logits_of(), soft, values)) == float(loss(logits_of(), target, values))


@every_term
@settings(max_examples=8)  # For each of many terms.
@given(seed=seeds)
def test_the_order_of_patches_does_not_matter(term: LossTerm, seed: int) -> None:
    loss, target, values, logits = loss_of(term), target_of(0.2, seed, observed=0.8), values_of(), logits_of(seed)
    order = torch.randperm(N, generator=chance_of(seed))
    turned = Target(target.landslide[order], target.valid[order])
    assert float(loss(logits[order], turned, values[order])) == pytest.approx(
        float(loss(logits, target, values)), rel=1e-5, abs=1e-7
    )


@every_term
@settings(max_examples=8)  # For each of many terms.
@given(seed=seeds, other=st.sampled_from([-60.0, 0.0, 60.0, float("nan"), float("inf")]))
def test_nodata_pixels_do_not_matter(term: LossTerm, seed: int, other: float) -> None:
    loss, target, values, logits = loss_of(term), target_of(0.3, seed, observed=0.7), values_of(), logits_of(seed)
    elsewhere = ~target.valid
    changed = Target(target.landslide + elsewhere * 1.0, target.valid)
    stranger = logits.masked_fill(elsewhere, other)
    ground = values.masked_fill(elsewhere.unsqueeze(1), torch.nan)
    before, after = gradient_of(loss, logits, target, values), gradient_of(loss, stranger, changed, ground)
    assert float(loss(stranger, changed, ground)) == float(loss(logits, target, values))
    assert torch.equal(before, after)
    assert not bool(before[elsewhere].any())


@every_term
def test_a_batch_of_nodata_has_no_loss_and_no_gradient(term: LossTerm) -> None:
    nothing = torch.zeros((N, SIZE, SIZE))
    target = Target(nothing, nothing.bool())
    assert float(loss_of(term)(logits_of(), target, values_of())) == 0
    assert not bool(gradient_of(loss_of(term), logits_of(), target, values_of()).any())


@every_supervised
def test_a_batch_without_landslides_penalises_false_positives(term: LossTerm) -> None:
    loss, target, values = loss_of(term), target_of(0), values_of()
    logits = logits_of(spread=0.5) - 1
    gradient = gradient_of(loss, logits, target, values)
    assert bool((gradient >= 0).all())
    if isinstance(term, Lovasz):
        # Its equation has it so: one false alarm is as bad as all of them.
        assert gradient.nonzero().tolist() == [list(torch.unravel_index(logits.argmax(), logits.shape))]
    elif isinstance(term, Dice) and term.smoothing_px == PAPER_SMOOTHING_PX:
        # Wrong by one pixel or by all is the same to it, which is why ours is smoothed by more.
        assert float(loss(logits, target, values)) == float(loss(logits - 0.5, target, values)) == 1
        return
    elif isinstance(term, HardPixels):
        assert int((gradient > 0).sum()) == -(-N * SIZE * SIZE // 10)
    else:
        assert bool((gradient > 0).all())
    assert float(loss(logits - 0.5, target, values)) < float(loss(logits, target, values))


@every_term
@pytest.mark.parametrize("size", [60.0, 1e4])
def test_large_logits_give_a_finite_loss(term: LossTerm, size: float) -> None:
    target = target_of(0.3, observed=0.9)
    for logits in (torch.full((N, SIZE, SIZE), size), torch.full((N, SIZE, SIZE), -size), size * logits_of().sign()):
        assert bool(torch.isfinite(loss_of(term)(logits, target, values_of())))
        assert bool(torch.isfinite(gradient_of(loss_of(term), logits, target, values_of())).all())


@every_term
def test_half_precision_logits_are_computed_in_float32(term: LossTerm) -> None:
    logits, target = logits_of().bfloat16(), target_of(0.3)
    exact = loss_of(term)(logits.float(), target, values_of())
    with torch.autocast("cpu", torch.bfloat16):
        value = loss_of(term)(logits, target, values_of())
    assert value.dtype == torch.float32
    assert float(value) == float(exact)
    assert gradient_of(loss_of(term), logits, target, values_of()).dtype == torch.bfloat16


@every_term
def test_the_gradient_is_that_of_finite_differences(term: LossTerm) -> None:
    target, values = target_of(0.4, observed=0.8), values_of().double()
    small = Target(target.landslide[:1, :6, :6].double(), target.valid[:1, :6, :6])
    logits = logits_of()[:1, :6, :6].double().requires_grad_()
    ground = values[:1, :, :6, :6]
    # The Lovasz loss computes in float32, and is linear between changes of the order of errors.
    step = {"eps": 1e-3, "atol": 1e-3} if isinstance(term, Lovasz) else {}
    assert torch.autograd.gradcheck(lambda free: loss_of(term)(free, small, ground), (logits,), **step)


def test_the_loss_is_the_weighted_sum_of_its_terms() -> None:
    terms = tuple(
        {
            term.kind: term.model_copy(update={"weight": 0.3 + place})
            for place, term in enumerate((*SUPERVISED, *PRIORS))
        }.values()
    )
    loss, batch = loss_of(*terms), (logits_of(), target_of(0.3), values_of())
    parts = loss.compute_terms(*batch)
    assert list(parts) == [term.kind for term in terms]
    assert float(loss(*batch)) == pytest.approx(sum(term.weight * float(parts[term.kind]) for term in terms))
    for term in terms:
        assert float(loss_of(term.model_copy(update={"weight": 1.0}))(*batch)) == float(parts[term.kind])


def test_a_term_of_weight_0_is_logged_and_has_no_gradient() -> None:
    loss, batch = loss_of(CrossEntropy(), Lovasz(weight=0)), (logits_of(), target_of(0.3), values_of())
    assert float(loss.compute_terms(*batch)["lovasz"]) > 0
    assert torch.equal(gradient_of(loss, *batch), gradient_of(loss_of(CrossEntropy()), *batch))


def test_the_default_is_half_cross_entropy_and_half_dice() -> None:
    logits, target = logits_of(), target_of(0.3)
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, target.landslide)
    probability = logits.sigmoid()
    dice = 1 - (2 * (probability * target.landslide).sum() + 64) / (probability.sum() + target.landslide.sum() + 64)
    value = build_loss(LossRecipe(), CHANNELS)(logits, target, values_of())
    assert float(value) == pytest.approx(0.5 * float(entropy) + 0.5 * float(dice), rel=1e-6)


def test_terms_are_read_by_kind_and_unknown_ones_are_refused() -> None:
    read = LossRecipe.model_validate({"terms": [{"kind": "tversky", "weight": 2, "false_negative_weight": 0.8}]})
    assert read.terms == (Tversky(weight=2, false_negative_weight=0.8),)
    assert LossRecipe.model_validate(read.model_dump(mode="json")) == read
    for wrong, says in (
        ([{"kind": "dyce"}], "dyce"),
        ([{"kind": "dice", "gamma": 2}], "gamma"),
        ([{"kind": "dice"}, {"kind": "dice", "smoothing_px": 1}], "more than once"),
        ([{"kind": "dice", "weight": 0}], "weight above 0"),
        ([], "weight above 0"),
        ([{"kind": "dice", "smoothing_px": 0}], "greater than 0"),
    ):
        with pytest.raises(ValueError, match=says):
            LossRecipe.model_validate({"terms": wrong})


def test_wrong_shapes_are_refused_and_not_broadcast() -> None:
    loss, target = loss_of(CrossEntropy()), target_of(0.3)
    with pytest.raises(ValueError, match="must have the shapes"):
        loss(logits_of().unsqueeze(1), target, values_of())
    with pytest.raises(ValueError, match="must have the shapes"):
        loss(logits_of(), target, values_of()[:, :2])
