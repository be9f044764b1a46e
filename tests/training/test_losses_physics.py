"""Laws of the loss terms of slope and elevation: flat-ground and runout."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landslip.datasets.l4s import open_l4s
from landslip.errors import RecipeError
from landslip.training.data.target import Target
from landslip.training.losses import LossRecipe, build_loss
from landslip.training.losses.physics import (
    FlatGround,
    Runout,
)
from landslip.training.losses.pixels import LossTerm

SIZE = 24
CHANNELS = ("slope", "elevation")
seeds = st.integers(0, 2**31 - 1)


def cost(
    term: LossTerm, probability: "torch.Tensor", slope_deg: "torch.Tensor", elevation_m: "torch.Tensor"
) -> "torch.Tensor":
    """The term for one image (H, W) in float64, all of it observed."""
    image = probability.double().clamp(1e-9, 1 - 1e-9).unsqueeze(0)
    target = Target(torch.zeros_like(image), torch.ones_like(image).bool())
    values = torch.stack([slope_deg, elevation_m]).double().unsqueeze(0)
    return build_loss(LossRecipe(terms=(term,)), CHANNELS)(image.logit(), target, values)


def even(value: float) -> "torch.Tensor":
    return torch.full((SIZE, SIZE), value)


def ground_falling(towards_deg: float, rise_m: float = 5.0) -> "torch.Tensor":
    """A plane that falls by so many metres a pixel, towards so many degrees clockwise from up."""
    way = torch.deg2rad(torch.tensor(towards_deg))
    rows, cols = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    return 1000 - rise_m * (cols * torch.sin(way) - rows * torch.cos(way))


def blob(seed: int = 0) -> "torch.Tensor":
    draw = torch.rand((1, 1, 6, 6), generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(draw, size=(SIZE, SIZE), mode="bicubic", align_corners=False)[0, 0]


def bar() -> "torch.Tensor":
    """A landslide three columns wide and twelve rows long."""
    image = even(0.0)
    image[6:18, 10:13] = 1
    return image


@given(steep=st.floats(0, 89), gentler=st.floats(0.1, 30), middle=st.floats(1, 60), width=st.floats(0.5, 10))
def test_flatter_ground_costs_more(steep: float, gentler: float, middle: float, width: float) -> None:
    term = FlatGround(midpoint_deg=middle, width_deg=width)
    flat, hill = (float(term.flatness(torch.tensor(slope))) for slope in (max(steep - gentler, 0.0), steep))
    assert 0 <= hill <= flat <= 1


def test_level_ground_costs_the_probability_and_steep_ground_nothing() -> None:
    term = FlatGround()
    assert float(cost(term, even(0.8), even(0), even(0))) == pytest.approx(0.8, rel=0.01)
    assert float(cost(term, even(0.8), even(term.midpoint_deg), even(0))) == pytest.approx(0.4)
    assert float(cost(term, even(0.8), even(40), even(0))) < 1e-6


def test_flat_ground_lowers_probability_on_level_ground_only() -> None:
    slope = torch.cat([even(0)[:12], even(40)[12:]]).unsqueeze(0)
    logits = torch.zeros((1, SIZE, SIZE), requires_grad=True)
    target = Target(torch.ones_like(slope), torch.ones_like(slope).bool())
    loss = build_loss(LossRecipe(terms=(FlatGround(),)), ("slope",))
    (gradient,) = torch.autograd.grad(loss(logits, target, slope.unsqueeze(1)), logits)
    assert bool((gradient[0, :12] > 1e-4).all())
    assert float(gradient[0, 12:].abs().max()) < 1e-6 * float(gradient[0, :12].min())


@pytest.mark.parametrize("term", [FlatGround(), Runout()], ids=["flat-ground", "runout"])
def test_unknown_terrain_costs_nothing(term: LossTerm) -> None:
    unknown = even(float("nan"))
    assert float(cost(term, blob(), unknown, unknown)) == 0


@pytest.mark.parametrize("term", [FlatGround(), Runout()], ids=["flat-ground", "runout"])
@given(seed=seeds)
def test_rotating_image_and_terrain_together_changes_nothing(term: LossTerm, seed: int) -> None:
    probability, slope, elevation = blob(seed), 40 * blob(seed + 1), ground_falling(30) + 20 * blob(seed + 2)
    straight = float(cost(term, probability, slope, elevation))
    for turn in (lambda image: image.rot90(), lambda image: image.flip(0), lambda image: image.T):
        assert float(cost(term, *map(turn, (probability, slope, elevation)))) == pytest.approx(straight, rel=1e-9)


@pytest.mark.parametrize("way_deg", [0, 180])
def test_a_landslide_down_the_slope_is_cheaper_than_one_across_it(way_deg: float) -> None:
    down, across = (float(cost(Runout(), bar(), even(0), ground_falling(way_deg + turn))) for turn in (0, 90))
    # Its two ends are three pixels wide, its two flanks twelve long.
    assert 0 < down < 0.5 * across


def test_changes_along_the_contour_cost_nothing() -> None:
    stripes = torch.sigmoid(torch.arange(SIZE) - 12.0).expand(SIZE, SIZE)
    assert float(cost(Runout(), stripes, even(0), ground_falling(180))) == pytest.approx(0, abs=1e-12)
    assert float(cost(Runout(), stripes, even(0), ground_falling(90))) > 1e-4


def test_runout_costs_the_square_of_the_change_down_the_fall_line() -> None:
    ramp = (0.2 + 0.02 * torch.arange(SIZE)).expand(SIZE, SIZE)
    for way_deg in (0, 45, 60, 90):
        along = 0.02 * torch.sin(torch.deg2rad(torch.tensor(float(way_deg))))
        assert float(cost(Runout(), ramp, even(0), ground_falling(way_deg))) == pytest.approx(
            25 / 26 * float(along) ** 2, rel=1e-4, abs=1e-12
        )


def test_runout_closes_a_gap_along_the_track_and_not_beside_it() -> None:
    broken = bar().clamp(0.02, 0.98)
    broken[12, 10:13] = 0.02
    logits = broken.double().logit().unsqueeze(0).requires_grad_()
    target = Target(torch.zeros((1, SIZE, SIZE)), torch.ones((1, SIZE, SIZE)).bool())
    values = torch.stack([even(30), ground_falling(180)]).double().unsqueeze(0)
    loss = build_loss(LossRecipe(terms=(Runout(),)), CHANNELS)
    (gradient,) = torch.autograd.grad(loss(logits, target, values), logits)
    assert float(gradient[0, 12, 11]) < -1e-6  # Downhill is towards more probability in the gap ...
    assert float(gradient[0, 12, 7].abs()) < 1e-3 * float(gradient[0, 12, 11].abs())  # ... and none beside the track.


def test_level_ground_has_no_fall_line() -> None:
    assert float(cost(Runout(), bar(), even(0), even(1234.0))) == 0
    costs = [float(cost(Runout(), bar(), even(0), ground_falling(180, rise))) for rise in (10.0, 1.0, 0.1)]
    assert costs[1] == pytest.approx(costs[0] / 2, rel=0.02)
    assert costs[2] < costs[0] / 90


def test_an_image_of_two_pixels_a_side_has_no_fall_line() -> None:
    small = torch.tensor([[0.2, 0.9], [0.5, 0.1]])
    assert float(cost(Runout(), small, small, 100 * small)) == 0


@pytest.mark.parametrize("term", [FlatGround(), Runout()], ids=["flat-ground", "runout"])
def test_without_the_channel_it_needs_a_loss_is_refused(term: LossTerm) -> None:
    with pytest.raises(RecipeError, match=rf"{term.kind} needs {term.needs[0]}"):
        build_loss(LossRecipe(terms=(term,)), ("B04", "B03", "B02"))


def test_real_landslides_lie_on_steeper_ground_and_mostly_along_the_fall_line(shared_data: Path) -> None:
    """Pooled over the labelled real patches with landslides, both terms prefer the reference."""
    flatness: dict[bool, list[torch.Tensor]] = {True: [], False: []}
    costs = []
    for patch in open_l4s(shared_data / "l4s-h5"):
        landslide = torch.from_numpy(patch.mask == 1)
        if not bool(landslide.any()):
            continue
        terrain = dict(zip(patch.channels, torch.from_numpy(patch.values), strict=True))
        for inside in (True, False):
            flatness[inside].append(FlatGround().flatness(terrain["slope"])[landslide == inside])
        rotated = (terrain["elevation"].rot90(quarters) for quarters in range(4))
        costs.append([float(cost(Runout(), landslide.double(), terrain["slope"], one)) for one in rotated])
    assert len(costs) >= 3
    on_landslides, elsewhere = (float(torch.cat(flatness[inside]).mean()) for inside in (True, False))
    assert on_landslides < 0.5 * elsewhere
    own, *others = torch.tensor(costs).T
    assert float(own.sum()) < 0.9 * float(sum(others).sum()) / 3
    assert float((own < sum(others) / 3).float().mean()) > 0.8
