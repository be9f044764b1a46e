"""Accuracy by strata, against plain loops, and galleries of the patches with the largest errors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from landslip.datasets.patch_set import EntrySet, Patch
from landslip.datasets.rgb import open_rgb_set
from landslip.errors import ChannelError, PredictionsError, SettingsError
from landslip.evaluation.predictions import PatchPosition, Predictions, resampling_units
from landslip.evaluation.strata.covariates import Covariate, covariates_for, illumination
from landslip.evaluation.strata.gallery import DETECTED, FALSE_ALARM, MISSED, draw_gallery, draw_outcome, find_worst
from landslip.evaluation.strata.stratify import BORDER_EDGES_M, stratify, stratify_by_border
from landslip.metrics.counts import count_pixels
from landslip.metrics.intervals import MIN_UNITS
from landslip.synthetic.patch_set import make_patches, plan_patch_set
from predictions_made import held, predictions


@dataclass(frozen=True, repr=False)
class Held(EntrySet[PatchPosition]):
    """A patch set in memory."""

    names: tuple[str, ...]
    held: dict[int, Patch]
    entries: tuple[PatchPosition, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        return self.names

    def read(self, entry: PatchPosition) -> Patch:
        return self.held[entry.id]


def patches_for(made: Predictions, channels: tuple[str, ...], seed: int = 0) -> Held:
    chance = np.random.default_rng(seed)
    shape = (len(channels), *made.masks.shape[1:])
    patches = {
        entry.id: Patch(
            entry.id,
            entry.scene,
            entry.row,
            entry.col,
            channels,
            chance.uniform(1, 60, shape).astype(np.float32),
            made.masks[place],
        )
        for place, entry in enumerate(made.entries)
    }
    return Held(channels, patches, made.entries)


@given(predictions(placed=True), st.integers(0, 5))
def test_strata_agree_with_a_plain_loop(made: Predictions, seed: int) -> None:
    patches = patches_for(made, ("B04", "B03", "B02", "B08", "slope"), seed)
    for strata in stratify(made, patches, draws=5):
        (covariate,) = [one for one in covariates_for(patches.channels) if one.name == strata.name]
        layers = np.stack([covariate.compute(patch, 10.0) for patch in patches])
        known = 0
        for stratum, low, high in zip(strata.strata, covariate.edges[:-1], covariate.edges[1:], strict=True):
            last = high == covariate.edges[-1]
            inside = (layers >= low) & ((layers <= high) if last else (layers < high))
            expected = count_pixels(made.found[inside], made.masks[inside])
            assert (stratum.tp, stratum.fp, stratum.fn, stratum.tn) == (
                expected.tp, expected.fp, expected.fn, expected.tn,
            )  # fmt: skip
            assert (stratum.f1, stratum.precision, stratum.recall) == (expected.f1, expected.precision, expected.recall)
            if resampling_units(made.entries).count < MIN_UNITS:
                assert (stratum.f1_low, stratum.f1_high) == (None, None)
            else:
                assert 0 <= stratum.f1_low <= stratum.f1_high <= 1
            known += stratum.pixels
        assert known + strata.unknown_px == np.count_nonzero(made.masks != 255)


@given(predictions(placed=True))
def test_distance_to_the_border_is_that_of_scipy_over_joined_patches(made: Predictions) -> None:
    strata = stratify_by_border(made, draws=5)
    assert sum(one.pixels for one in strata.strata) == np.count_nonzero(made.masks != 255)
    for stratum in strata.strata:
        inside = stratum.low is not None and stratum.low >= 0
        assert (stratum.fp + stratum.tn if inside else stratum.tp + stratum.fn) == 0
    if len(made) == 1:
        mask, found = made.masks[0], made.found[0]
        away = {
            kind: distance_transform_edt(mask != kind) if (mask == kind).any() else np.full(mask.shape, np.inf)
            for kind in (0, 1)
        }
        signed = 10 * np.where(mask == 1, away[0] - 0.5, 0.5 - away[1])
        for stratum, low, high in zip(strata.strata, BORDER_EDGES_M[:-1], BORDER_EDGES_M[1:], strict=True):
            here = (signed >= low) & ((signed < high) | (signed == np.inf) & (high == np.inf))
            assert stratum.pixels == np.count_nonzero(here & (mask != 255))
            assert stratum.tp == np.count_nonzero(here & (mask == 1) & found)


def test_a_landslide_across_two_patches_has_no_border_between_them() -> None:
    masks = np.zeros((2, 40, 40))
    masks[0, 10:30, 20:], masks[1, 10:30, :20] = 1, 1
    entries = (PatchPosition("train", 1, "S", 0, 0), PatchPosition("train", 2, "S", 0, 1))
    deepest = max(one.low or 0 for one in stratify_by_border(held(masks * 0, masks, entries), draws=5).strata if one.fn)
    assert deepest == 50
    apart = (PatchPosition("train", 1, "S", 0, 0), PatchPosition("train", 2, "S", 5, 5))
    joined, parted = (
        {one.label: one.fn for one in stratify_by_border(held(masks * 0, masks, places), draws=5).strata}
        for places in (entries, apart)
    )
    assert joined["0 to 10 m"] == 2 * 20 + 2 * 38 == parted["0 to 10 m"]


def test_covariates_depend_on_the_channels() -> None:
    def names(*channels: str) -> list[str]:
        return [one.name for one in covariates_for(channels)]

    assert names("B04", "B03", "B02") == ["brightness", "redness"]
    assert names("B04", "B08") == ["ndvi"]
    assert names("elevation") == ["slope", "elevation", "aspect"]
    assert names("slope") == ["slope"]


def of(covariate: Covariate, values: np.ndarray, channels: tuple[str, ...]) -> np.ndarray:
    values = values.astype(np.float32)
    return covariate.compute(Patch(1, "S", 0, 0, channels, values, np.zeros(values.shape[1:], np.uint8)), 10.0)


def covariate(name: str, *channels: str) -> Covariate:
    return next(one for one in covariates_for(channels) if one.name == name)


def test_slope_aspect_and_illumination_follow_their_definitions() -> None:
    rows, cols = np.mgrid[:8, :8].astype(float)
    facing_east, facing_south = -10 * cols, -10 * rows
    slope = of(covariate("slope", "elevation"), facing_east[None], ("elevation",))
    np.testing.assert_allclose(slope, 45, atol=1e-4)
    for ground, sector in ((facing_east, "E"), (facing_south, "S"), (-facing_south, "N"), (-facing_east, "W")):
        aspect = covariate("aspect", "elevation")
        faced = of(aspect, ground[None], ("elevation",))
        place = int(np.searchsorted(aspect.edges, faced[4, 4], side="right")) - 1
        assert aspect.labels[place] == sector
    assert np.isnan(of(covariate("aspect", "elevation"), 0.05 * facing_east[None], ("elevation",))).all()
    sun = illumination(90, 45)
    np.testing.assert_allclose(of(sun, facing_east[None], ("elevation",)), 1, atol=1e-5)
    np.testing.assert_allclose(of(sun, -facing_east[None], ("elevation",)), 0, atol=1e-5)
    np.testing.assert_allclose(of(sun, 0 * facing_east[None], ("elevation",)), np.sin(np.pi / 4), atol=1e-5)
    with pytest.raises(SettingsError, match="sun_height_deg must be above 0"):
        illumination(90, -3)


@given(st.floats(0.2, 5))
def test_brightness_and_redness_do_not_depend_on_gain(gain: float) -> None:
    values = np.random.default_rng(0).uniform(100, 3000, (3, 6, 6))
    for name in ("brightness", "redness"):
        one, other = (
            of(covariate(name, "B04", "B03", "B02"), values * light, ("B04", "B03", "B02")) for light in (1, gain)
        )
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_synthetic_patches_with_all_channels_have_all_strata() -> None:
    (plan,) = plan_patch_set(2, 1, seed=0)
    patches = {patch.id: patch for patch in make_patches(plan)}
    entries = tuple(PatchPosition("train", one.id, one.scene, one.row, one.col) for one in patches.values())
    made = held(
        np.stack([one.mask * 250 for one in patches.values()]),
        np.stack([one.mask for one in patches.values()]),
        entries,
    )
    every = stratify(made, Held(next(iter(patches.values())).channels, patches, entries), draws=5)
    assert [one.name for one in every] == ["slope", "elevation", "aspect", "ndvi", "brightness", "redness"]
    for one in every:
        assert all(stratum.f1 == 1 for stratum in one.strata)
        assert one.as_dict()["strata"][0]["pixels"] == one.strata[0].pixels
        assert one.unknown_px < 0.3 * made.masks.size or one.name == "aspect"


def test_other_patches_than_those_predicted_are_refused() -> None:
    made = held(np.zeros((2, 5, 5)), np.zeros((2, 5, 5)))
    other = held(np.zeros((1, 5, 5)), np.zeros((1, 5, 5)))
    with pytest.raises(PredictionsError, match="or in another order"):
        stratify(made, patches_for(other, ("slope",)))


@given(predictions(), st.integers(1, 3))
def test_the_worst_are_chosen_by_area(made: Predictions, count: int) -> None:
    gallery, counts = find_worst(made, count), made.counts()
    for chosen, column in ((gallery.false_alarms, 1), (gallery.missed, 2)):
        sizes = [one.false_px if column == 1 else one.missed_px for one in chosen]
        assert sizes == sorted(counts[:, column][counts[:, column] > 0].tolist(), reverse=True)[:count]
        for one in chosen:
            assert (one.detected_px, one.false_px, one.missed_px) == tuple(counts[one.position, :3])


def test_outcomes_have_colours_of_their_own() -> None:
    found = np.array([[True, True, False, False, True]])
    mask = np.array([[1, 0, 1, 0, 255]], np.uint8)
    rgb = draw_outcome(found, mask, np.full((1, 5, 3), 100, np.uint8))
    assert [tuple(pixel) for pixel in rgb[0, :3].tolist()] == [DETECTED, FALSE_ALARM, MISSED]
    assert len(set(rgb[0, 3].tolist())) == 1
    assert len({tuple(pixel) for pixel in rgb[0].tolist()}) == 5


def test_a_gallery_of_real_patches_is_drawn(examples: Path, tmp_path: Path) -> None:
    patches = open_rgb_set(examples / "l4s-rgb-scene-b").where(lambda entry: entry.id % 7 == 0)
    masks = np.stack([patch.mask for patch in patches])
    encoded = np.where(np.roll(masks, 9, axis=2) == 1, 240, 10)
    encoded[:, :5] = 255
    entries = tuple(PatchPosition(one.split, one.id, one.scene, one.row, one.col) for one in patches.entries)
    made = held(encoded, masks, entries)
    gallery = find_worst(made, 3)
    assert gallery.false_alarms
    picture = draw_gallery(gallery, made, patches)
    assert picture.mode == "RGB"
    seen = {colour for _, colour in picture.getcolors(maxcolors=2**24) or []}
    assert {DETECTED, FALSE_ALARM, MISSED} <= seen
    nothing = draw_gallery(find_worst(held(masks * 250, masks, entries)), held(masks * 250, masks, entries), patches)
    assert nothing.height < picture.height
    turned = made.take(np.arange(len(made))[::-1])
    with pytest.raises(PredictionsError, match="give the patches that were predicted"):
        draw_gallery(find_worst(turned), turned, patches)
    with pytest.raises(ChannelError, match="needs the channels B04"):
        draw_gallery(gallery, made, patches_for(made, ("slope",)))
