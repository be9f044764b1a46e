"""Landslides as objects: against scikit-image and scipy, by their identities, and in edge cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.stats import binomtest, zipfian
from skimage.measure import label, regionprops
from skimage.segmentation import find_boundaries

from landslip.errors import PredictionsError, SettingsError
from landslip.evaluation.objects.boundary import boundary_scores, distance_px, find_outline
from landslip.evaluation.objects.frequency import MIN_TO_FIT, fit_power_law, frequency_areas
from landslip.evaluation.objects.inventories import find_inventories, find_overlaps, label_landslides, match_overlaps
from landslip.evaluation.objects.mosaics import find_mosaics
from landslip.evaluation.objects.score import IOUS, score_objects, wilson_interval
from landslip.evaluation.predictions import PatchPosition, Predictions
from predictions_made import from_bits, held, predictions

bits = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))
SHAPE = (9, 11)
same_bits = hnp.arrays(np.bool_, SHAPE)
EIGHT = np.ones((3, 3), bool)


def observed_everywhere(where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.ones_like(where)


# Labelling and overlaps


@given(bits)
def test_landslides_are_those_of_scikit_image(where: NDArray[np.bool_]) -> None:
    everything = observed_everywhere(where)
    made = label_landslides(where, everything, everything)
    other = label(where, connectivity=2)
    assert sorted(made.area_px.tolist()) == sorted(int(region.area) for region in regionprops(other))
    # The same pixels hang together, whatever they are numbered.
    pairs = {(one, two) for one, two in zip(made.labels.ravel().tolist(), other.ravel().tolist(), strict=True)}
    assert len(pairs) == len({one for one, _ in pairs}) == len({two for _, two in pairs})


@given(same_bits, same_bits, same_bits)
def test_landslides_at_nodata_or_an_edge_are_cut(where: np.ndarray, observed: np.ndarray, more: np.ndarray) -> None:
    seen = observed & (more | where)
    made = label_landslides(where, observed, seen)
    at_edge = binary_dilation(~seen, EIGHT)
    at_edge[[0, -1]] = at_edge[:, [0, -1]] = True
    for number, (area, cut) in enumerate(zip(made.area_px, made.cut, strict=True), start=1):
        inside = made.labels == number
        assert area == np.count_nonzero(inside & observed)
        assert cut == bool((inside & at_edge).any())


@given(same_bits, same_bits, same_bits)
def test_overlaps_are_pixels_in_both_by_pixels_in_either(
    one: np.ndarray, two: np.ndarray, observed: np.ndarray
) -> None:
    truth, mapped = label_landslides(one & observed, observed, observed), label_landslides(two, observed, observed)
    expected = {}
    for t in range(1, len(truth.area_px) + 1):
        for m in range(1, len(mapped.area_px) + 1):
            first, second = (truth.labels == t) & observed, (mapped.labels == m) & observed
            if (first & second).any():
                expected[t - 1, m - 1] = (first & second).sum() / (first | second).sum()
    found = find_overlaps(truth, mapped, observed)
    assert {(t, m): iou for t, m, iou in zip(*(part.tolist() for part in found), strict=True)} == pytest.approx(
        expected
    )


# Matching


@st.composite
def offers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pairs = draw(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), unique=True, max_size=30))
    truth, mapped = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    ious = draw(st.lists(st.floats(0.05, 1), min_size=len(pairs), max_size=len(pairs)))
    return truth, mapped, np.array(ious, np.float64)


@given(offers(), st.sampled_from(IOUS))
def test_pairs_are_one_to_one_and_as_many_as_scipy_finds(offered: tuple, min_iou: float) -> None:
    truth, mapped, iou = offered
    chosen = match_overlaps(truth, mapped, iou, min_iou)
    assert len(set(truth[chosen].tolist())) == len(set(mapped[chosen].tolist())) == len(chosen)
    assert (iou[chosen] >= min_iou).all()
    good = iou >= min_iou
    graph = coo_array((np.ones(good.sum()), (truth[good], mapped[good])), shape=(8, 8)).tocsr()
    assert len(chosen) == (maximum_bipartite_matching(graph) >= 0).sum()


@given(offers())
def test_a_higher_overlap_never_finds_more_pairs(offered: tuple) -> None:
    counts = [len(match_overlaps(*offered, min_iou)) for min_iou in IOUS]
    assert counts == sorted(counts, reverse=True)


@given(same_bits, same_bits)
def test_above_an_iou_of_half_the_matching_is_unique(found: np.ndarray, truth: np.ndarray) -> None:
    """Kirillov et al. 2019: two landslides of one side cannot both overlap a third by more than half."""
    inventories = find_inventories(from_bits(found, truth))
    above = np.flatnonzero(inventories.pair_iou > 0.5)
    assert inventories.match(0.5 + 1e-9).tolist() == above.tolist()


# Distances and outlines


@given(bits, st.floats(0.5, 20))
def test_distances_are_those_of_scipy_up_to_the_limit(where: NDArray[np.bool_], limit_px: float) -> None:
    expected = distance_transform_edt(~where) if where.any() else np.full(where.shape, np.inf)
    got = distance_px(where, limit_px)
    near = expected <= limit_px - 1e-6
    np.testing.assert_allclose(got[near], expected[near], atol=1e-5)
    assert np.isinf(got[expected > limit_px + 1e-6]).all()


@given(bits)
def test_outlines_are_those_of_scikit_image(where: NDArray[np.bool_]) -> None:
    if min(where.shape) > 1:
        expected = find_boundaries(where, connectivity=1, mode="inner")
        np.testing.assert_array_equal(find_outline(where, observed_everywhere(where)), expected)


def test_where_the_observed_ends_there_is_no_outline() -> None:
    where = np.zeros((6, 6), bool)
    where[:3] = True
    observed = np.ones_like(where)
    observed[3:] = False
    assert not find_outline(where, observed).any()
    observed[3, 2] = True
    assert np.argwhere(find_outline(where, observed)).tolist() == [[2, 2]]


@given(same_bits, same_bits, st.sampled_from([0.0, 10.0, 20.0, 35.0]))
def test_boundary_figures_are_those_of_a_plain_second_method(
    found: np.ndarray, truth: np.ndarray, tolerance_m: float
) -> None:
    (score,) = boundary_scores(from_bits(found, truth), [tolerance_m])
    edges = [find_boundaries(one, connectivity=1, mode="inner") for one in (truth, found)]
    near = [
        np.count_nonzero(distance_transform_edt(~other)[one] * 10 <= tolerance_m + 1e-6) if other.any() else 0
        for one, other in (edges, edges[::-1])
    ]
    assert (score.reference_px, score.mapped_px) == tuple(np.count_nonzero(edge) for edge in edges)
    assert [score.reference_near_px, score.mapped_near_px] == near
    wider, exact = (boundary_scores(from_bits(found, truth), [one])[0].f1 for one in (tolerance_m + 15, tolerance_m))
    assert wider >= exact


@given(same_bits)
def test_a_perfect_map_has_a_perfect_outline(truth: np.ndarray) -> None:
    for score in boundary_scores(from_bits(truth, truth)):
        assert (score.precision, score.recall, score.f1) == (1, 1, 1)
    with pytest.raises(SettingsError, match="at least 0, got -1 m"):
        boundary_scores(from_bits(truth, truth), [-1.0])


# Mosaics


@given(predictions(placed=True))
def test_every_patch_lies_in_one_mosaic_where_it_belongs(made: Predictions) -> None:
    parts = find_mosaics(made.entries)
    places = [place for part in parts for place, _ in part.cells]
    assert sorted(places) == list(range(len(made)))
    for part in parts:
        image = part.join(made.encoded, 255)
        height, width = made.encoded.shape[1:]
        for place, (row, col) in part.cells:
            here = image[row * height : (row + 1) * height, col * width : (col + 1) * width]
            np.testing.assert_array_equal(here, made.encoded[place])
            assert made.entries[place].scene == part.scene


def test_a_landslide_across_patches_is_one_and_positions_are_unique() -> None:
    truth = np.zeros((3, 4, 4), int)
    truth[0, 1, 2:], truth[1, 1, :2], truth[2, 0, 0] = 1, 1, 1
    places = (
        PatchPosition("train", 1, "S", 0, 0),
        PatchPosition("train", 2, "S", 0, 1),
        PatchPosition("train", 3, "S", 1, 2),
    )
    joined = find_inventories(held(truth * 250, truth, places)).reference
    assert sorted(joined.area_m2.tolist()) == [100.0, 400.0]
    unplaced = find_inventories(held(truth * 250, truth)).reference
    assert sorted(unplaced.area_m2.tolist()) == [100.0, 200.0, 200.0]
    # Over a corner too: row 0, column 1 and row 1, column 2.
    truth[1, 3, 3] = 1
    corner = find_inventories(held(truth * 250, truth, places)).reference
    assert sorted(corner.area_m2.tolist()) == [200.0, 400.0]
    with pytest.raises(PredictionsError, match="both lie at row 0, column 0"):
        find_inventories(held(truth, truth, (places[0], places[0], places[1])))


# Scores


@given(predictions(placed=True), st.sampled_from(IOUS))
def test_counts_by_object_hang_together(made: Predictions, min_iou: float) -> None:
    found = find_inventories(made)
    score = score_objects(found, min_iou=min_iou)
    assert score.matches <= min(score.reference, score.mapped)
    assert score.matches <= min(score.touched_reference, score.touched_mapped)
    assert sum(one.reference for one in score.sizes) == score.reference
    assert sum(one.detected for one in score.sizes) == sum(one.correct for one in score.sizes) == score.matches
    assert sum(one.mapped for one in score.sizes) == score.mapped
    assert sum(one.touched for one in score.sizes) == score.touched_reference
    for ratio in (score.precision, score.recall, score.f1, score.panoptic_quality):
        assert 0 <= ratio <= 1
    if score.mean_iou is not None:
        assert min_iou <= score.mean_iou <= 1
    tp, fp, fn, _ = made.counts().sum(axis=0).tolist()
    assert score.reference_area_m2 == pytest.approx(100 * (tp + fn))
    assert score.mapped_area_m2 == pytest.approx(100 * (tp + fp))
    assert dict(score.f1_by_iou)[min_iou] == score.f1
    score.as_dict()


@given(predictions(placed=True))
def test_scenes_add_up(made: Predictions) -> None:
    found = find_inventories(made)
    whole, parts = score_objects(found), [score_objects(found.in_scene(scene)) for scene in found.scenes]
    for name in (
        "reference",
        "mapped",
        "matches",
        "touched_reference",
        "touched_mapped",
        "cut_reference",
        "cut_mapped",
    ):
        assert getattr(whole, name) == sum(getattr(part, name) for part in parts)


@given(same_bits)
def test_a_perfect_map_detects_every_landslide(truth: np.ndarray) -> None:
    score = score_objects(find_inventories(from_bits(truth, truth)), min_iou=1.0)
    assert score.reference == score.mapped == score.matches == label(truth, connectivity=2).max()
    assert (score.precision, score.recall, score.f1, score.panoptic_quality) == (1, 1, 1, 1)
    assert (score.count_error, score.area_error) == ((0, 0) if truth.any() else (None, None))


def test_empty_reference_empty_map_and_nodata_are_defined() -> None:
    some = np.zeros((1, 6, 6), int)
    some[0, 1:3, 1:3] = 1
    none = some * 0
    only_map = score_objects(find_inventories(held(some * 250, none)))
    assert (only_map.reference, only_map.mapped, only_map.matches) == (0, 1, 0)
    assert (only_map.precision, only_map.recall, only_map.f1, only_map.panoptic_quality) == (0, 0, 0, 0)
    only_truth = score_objects(find_inventories(held(none, some)))
    assert (only_truth.precision, only_truth.recall, only_truth.f1) == (0, 0, 0)
    assert (only_truth.count_error, only_truth.area_error) == (-1, -1)
    for levels, masks in ((none, none), (some * 250, none + 255), (none + 255, none)):
        made = held(levels, masks)
        nothing = score_objects(find_inventories(made))
        assert (nothing.reference, nothing.mapped) == (0, 0)
        assert (nothing.precision, nothing.recall, nothing.f1, nothing.panoptic_quality) == (1, 1, 1, 1)
        assert all(score.f1 == 1 for score in boundary_scores(made))
        assert frequency_areas(find_inventories(made), 10.0)["reference"].density is None
    unseen = score_objects(find_inventories(held(none + 255, some)))
    assert (unseen.reference, unseen.matches, unseen.touched_reference) == (1, 0, 0)


def test_two_mapped_pieces_of_one_landslide_are_one_pair() -> None:
    truth, found = np.zeros((12, 12), bool), np.zeros((12, 12), bool)
    truth[2:10, 2:10] = True
    found[2:8, 2:10], found[9, 2:10] = True, True
    score = score_objects(find_inventories(from_bits(found, truth)), min_iou=0.5)
    assert (score.reference, score.mapped, score.matches, score.touched_mapped) == (1, 2, 1, 2)
    assert score.mean_iou == pytest.approx(48 / 64)
    assert score.median_area_ratio == pytest.approx(0.75)
    assert score.count_error == 1
    with pytest.raises(SettingsError, match="min_iou must be above 0"):
        score_objects(find_inventories(from_bits(found, truth)), min_iou=0)


@given(st.integers(1, 200), st.data())
def test_the_interval_of_a_rate_is_that_of_scipy(whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole))
    expected = binomtest(part, whole).proportion_ci(method="wilson")
    assert wilson_interval(part, whole) == pytest.approx((expected.low, expected.high), abs=1e-9)


# Sizes


@pytest.mark.parametrize("alpha", [2.2, 2.8])
def test_the_law_of_sizes_drawn_from_it_is_found_again(alpha: float) -> None:
    areas_px = zipfian.rvs(alpha, 10**6, size=2500, random_state=1)
    law = fit_power_law(areas_px * 100.0, 10.0)
    assert law is not None
    assert law.alpha == pytest.approx(alpha, abs=4 * law.alpha_error)
    assert law.min_area_m2 >= 100
    assert law.tail <= 2500


def test_distributions_of_reference_and_map_are_equal_for_equal_masks() -> None:
    chance = np.random.default_rng(0)
    truth = chance.random((1, 90, 90)) < 0.12
    made = from_bits(truth[0], truth[0])
    both = frequency_areas(find_inventories(made), 10.0)
    assert both["reference"].as_dict() == both["map"].as_dict()
    assert both["reference"].landslides > MIN_TO_FIT
    assert sum(both["reference"].as_dict()["count"]) == both["reference"].landslides
    assert fit_power_law(np.full(80, 300.0), 10.0) is None
