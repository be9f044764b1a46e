"""Out-of-distribution distance of images, and its use in maps and evaluation."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import ValidationError
from scipy.spatial.distance import mahalanobis
from scipy.stats import spearmanr

from landslip.datasets.patch_set import Patch
from landslip.datasets.rgb import open_rgb_set
from landslip.datasets.splits import Part
from landslip.detector.card import Card, OodStatistics
from landslip.detector.detector import DEFAULT, Detector
from landslip.detector.ood_distance import OodDistance, fit_ood_statistics
from landslip.detector.ood_statistics import image_statistics, statistic_names
from landslip.errors import ChannelError, DetectorError, PatchesError, PredictionsError
from landslip.evaluation.domain_shift import patch_distances, rank_correlation, score_domain_shift
from landslip.evaluation.predict import predict
from landslip.evaluation.predictions import PatchPosition
from landslip.mapping.domain_shift import unsure_warnings
from landslip.mapping.inventory.files import read_geopackage
from landslip.mapping.job import MapSettings
from landslip.mapping.run import map_scene
from landslip.probability import decode_probability
from predictions_made import held
from scenes_made import memory_scene
from tiny_detectors import TRUE_COLOUR, brightness, card

MANY = ("B02", "B03", "B04", "B08", "slope", "elevation")


def ground(seed: int, *, side: int = 48, roughness: float = 1.0, colour: float = 1.0) -> np.ndarray:
    """Hills of brightness in three colours, (3, side, side) DN."""
    chance = np.random.default_rng(seed)
    rows, cols = np.mgrid[:side, :side]
    hills = np.sin(rows / chance.uniform(4, 9)) + np.cos(cols / chance.uniform(4, 9))
    layers = [
        share * (1500 + 300 * hills + 120 * roughness * chance.normal(size=(side, side)))
        for share in (colour, 0.9, 0.8)
    ]
    return np.clip(np.stack(layers), 50, 9000).astype(np.float32)


def patches(count: int = 60, **how: float) -> list[Patch]:
    none = np.zeros((48, 48), np.uint8)
    return [Patch(number, "S", 0, number, TRUE_COLOUR, ground(number, **how), none) for number in range(count)]


def images(count: int = 60) -> list[np.ndarray]:
    return [patch.values for patch in patches(count)]


@pytest.fixture(scope="module")
def training() -> OodStatistics:
    return fit_ood_statistics(images(), TRUE_COLOUR, relative=True)


def distance(training: OodStatistics, values: np.ndarray) -> float:
    ood = OodDistance(training, TRUE_COLOUR)
    vector = ood.describe(values, np.ones(values.shape[1:], bool))
    assert vector is not None
    return float(ood.distances(vector[None])[0])


@given(st.floats(0.3, 3), st.integers(0, 20))
def test_relative_statistics_do_not_change_with_brightness(gain: float, seed: int) -> None:
    values, everything = ground(seed), np.ones((48, 48), bool)
    one, other = (
        image_statistics(image, TRUE_COLOUR, everything, relative=True) for image in (values, values * np.float32(gain))
    )
    np.testing.assert_allclose(one, other, atol=1e-4)
    changed = image_statistics(values * np.float32(gain), TRUE_COLOUR, everything, relative=False)
    plain = image_statistics(values, TRUE_COLOUR, everything, relative=False)
    np.testing.assert_allclose(changed[:3] - plain[:3], np.log(gain), atol=1e-4)
    np.testing.assert_allclose(changed[3:], plain[3:], atol=1e-4)


@given(st.integers(0, 30))
def test_statistics_do_not_depend_on_rotation_or_values_in_gaps(seed: int) -> None:
    chance = np.random.default_rng(seed)
    values = np.concatenate([ground(seed), chance.uniform(0, 60, (1, 48, 48)).astype(np.float32)])
    channels = (*TRUE_COLOUR, "slope")
    observed = chance.random((48, 48)) < 0.7
    plain = image_statistics(values, channels, observed, relative=True)
    gaps = np.where(observed, values, np.float32(np.nan))
    np.testing.assert_array_equal(image_statistics(gaps, channels, observed, relative=True), plain)
    turned = image_statistics(np.rot90(values, axes=(1, 2)), channels, np.rot90(observed), relative=True)
    np.testing.assert_allclose(turned, plain, atol=1e-9)


@given(hnp.arrays(np.float32, (6, 5, 7), elements=st.floats(-1000, 20_000, width=32)), st.booleans())
def test_any_image_has_one_statistic_per_name(values: np.ndarray, relative: bool) -> None:
    vector = image_statistics(values, MANY, np.ones((5, 7), bool), relative=relative)
    assert (
        len(vector)
        == len(statistic_names(MANY, relative=relative))
        == len(set(statistic_names(MANY, relative=relative)))
    )
    assert np.isfinite(vector).all()


def test_the_distance_is_that_of_scipy(training: OodStatistics) -> None:
    ood = OodDistance(training, TRUE_COLOUR)
    inverse = np.linalg.inv(np.array(training.covariance))
    for number in range(5):
        vector = image_statistics(ground(100 + number, roughness=2), TRUE_COLOUR, relative=True)
        expected = mahalanobis(vector, np.array(training.mean), inverse) / np.sqrt(len(vector))
        assert ood.distances(vector[None])[0] == pytest.approx(expected, rel=1e-6)


def test_training_images_are_near_and_different_images_far(training: OodStatistics) -> None:
    ood = OodDistance(training, TRUE_COLOUR)
    fresh = [distance(training, ground(1000 + number)) for number in range(40)]
    assert np.median(fresh) < ood.quantile(0.95)
    for unlike in ({"roughness": 4.0}, {"colour": 1.6}):
        far = [distance(training, ground(2000 + number, **unlike)) for number in range(20)]
        assert min(far) > ood.quantile(0.99)
    assert distance(training, np.ascontiguousarray(ground(5)[::-1])) > ood.quantile(0.99)


def test_quantiles_of_the_training_distances(training: OodStatistics) -> None:
    ood = OodDistance(training, TRUE_COLOUR)
    own = np.array([distance(training, patch.values) for patch in patches()])
    assert float((own <= ood.quantile(0.9)).mean()) == pytest.approx(0.9, abs=0.02)


def test_the_largest_deviations_of_an_image_are_named(training: OodStatistics) -> None:
    ood = OodDistance(training, TRUE_COLOUR)
    vectors = [ood.describe(ground(number, colour=1.6), np.ones((48, 48), bool)) for number in range(5)]
    assert ood.largest_deviations(np.stack(vectors))[0] == "B04/B03 ratio"
    assert ood.largest_deviations(np.array(training.mean)[None]) == ()


def test_ood_statistics_survive_json_and_are_optional(training: OodStatistics) -> None:
    kept = card("c", TRUE_COLOUR, ood=training)
    assert Card.model_validate_json(kept.model_dump_json()).ood == training
    older = json.loads(kept.model_dump_json())
    del older["ood"]
    assert Card.model_validate(older).ood is None
    assert Detector.open(DEFAULT).card.channels == TRUE_COLOUR


def test_damaged_or_foreign_statistics_are_refused(training: OodStatistics) -> None:
    with pytest.raises(ValidationError, match="need 10 means"):
        OodStatistics.model_validate(training.model_dump() | {"mean": training.mean[1:]})
    with pytest.raises(ValidationError, match="must rise"):
        OodStatistics.model_validate(training.model_dump() | {"distance_quantiles": training.distance_quantiles[::-1]})
    for changes in ({"names": ("a", *training.names[1:])}, {"covariance": tuple((0.0,) * 10 for _ in range(10))}):
        with pytest.raises(DetectorError, match="update landslip or the detector"):
            OodDistance(training.model_copy(update=changes), TRUE_COLOUR)
    with pytest.raises(PatchesError, match="at least two"):
        fit_ood_statistics(images(1), TRUE_COLOUR, relative=True)
    with pytest.raises(ChannelError, match="patch 0 lacks channel B08"):
        patches(1)[0].select(("B08",))


def mapped(tmp_path: Path, detector: Detector, values: np.ndarray, observed: np.ndarray | None = None):
    return map_scene(
        memory_scene(values, observed=observed), detector, tmp_path / "map", MapSettings(resume=False)
    ).summary


def wide(**how: float) -> np.ndarray:
    """A scene of 5 x 6 patches."""
    rows = [np.concatenate([ground(10 * row + col + 500, **how) for col in range(6)], axis=2) for row in range(5)]
    return np.concatenate(rows, axis=1)


def test_a_map_of_in_distribution_images_has_no_warning(training: OodStatistics, tmp_path: Path) -> None:
    summary = mapped(tmp_path, brightness(ood=training), wide())
    assert summary.domain_shift is not None
    assert summary.domain_shift.windows == 30
    assert summary.domain_shift.far_fraction is not None
    assert summary.domain_shift.far_fraction < 0.2
    assert not any("out of distribution" in warning for warning in summary.warnings)


def test_a_map_of_out_of_distribution_images_names_the_largest_deviation(
    training: OodStatistics, tmp_path: Path
) -> None:
    observed = np.ones((240, 288), bool)
    observed[:96] = False
    summary = mapped(tmp_path, brightness(ood=training), wide(colour=1.6), observed)
    assert summary.domain_shift is not None
    assert (summary.domain_shift.windows, summary.domain_shift.far_fraction) == (18, 1.0)
    assert "B04/B03 ratio" in summary.domain_shift.largest_deviations


def test_landslides_of_low_probability_give_a_warning(tmp_path: Path) -> None:
    """The mean probability of the landslides is that of their pixels, and is compared with the card's."""
    summary = mapped(tmp_path / "a", brightness(mapped_probability=0.99), wide())
    with rasterio.open(tmp_path / "a" / "map" / "probability.tif") as raster:
        probability = decode_probability(raster.read(1))
    landslides = read_geopackage(tmp_path / "a" / "map" / "landslides.gpkg")
    mean = sum((one["area_m2"] * one["probability_mean"]).sum() for one in landslides) / summary.landslide_area_m2
    assert summary.mean_probability == pytest.approx(mean)
    assert summary.threshold <= summary.mean_probability <= probability.max()
    (warning,) = [one for one in summary.warnings if "out of distribution" in one]
    assert f"a mean probability of {summary.mean_probability:.2f}" in warning
    assert "Out of distribution" in (tmp_path / "a" / "map" / "report.html").read_text()
    sure = mapped(tmp_path / "b", brightness(mapped_probability=summary.mean_probability), wide())
    assert not any("out of distribution" in one for one in sure.warnings)


def test_probabilities_at_another_threshold_or_without_landslides_are_not_compared() -> None:
    usual = card("sure", TRUE_COLOUR, mapped_probability=0.8, threshold=0.5)
    assert unsure_warnings(0.6, 0.5, usual)
    assert unsure_warnings(0.8, 0.5, usual) == unsure_warnings(0.6, 0.4, usual) == []
    assert unsure_warnings(None, 0.5, usual) == unsure_warnings(0.6, 0.5, card("sure", TRUE_COLOUR)) == []
    (warning,) = unsure_warnings(0.6, 0.5, usual, surface_reflectance=True)
    assert "set to_toa to convert it" in warning


def test_values_outside_the_input_ranges_are_reported_by_channel(tmp_path: Path) -> None:
    ranges = {"B04": (0.0, 1e5), "B03": (0.0, 100.0), "B02": (0.0, 1e5)}
    summary = mapped(tmp_path, brightness(input_ranges=ranges), wide())
    assert summary.domain_shift is not None
    assert summary.domain_shift.out_of_range == {"B04": 0.0, "B03": pytest.approx(1, abs=0.01), "B02": 0.0}
    assert summary.domain_shift.distance is None
    assert any("B03 in 100%" in warning for warning in summary.warnings)


def test_without_statistics_or_enough_valid_pixels_there_is_no_domain_shift(
    training: OodStatistics, tmp_path: Path
) -> None:
    assert mapped(tmp_path / "a", brightness(), wide()).domain_shift is None
    assert mapped(tmp_path / "b", brightness(ood=training), wide()[:, :20]).domain_shift is None
    none = np.zeros((240, 288), bool)
    assert mapped(tmp_path / "c", brightness(ood=training), wide(), none).domain_shift is None


def test_unknown_ood_statistics_do_not_stop_a_map(training: OodStatistics, tmp_path: Path) -> None:
    other = training.model_copy(update={"names": ("something else", *training.names[1:])})
    summary = mapped(tmp_path, brightness(ood=other), wide())
    assert summary.domain_shift is not None
    assert summary.domain_shift.distance is None
    assert any("domain shift was not measured" in warning for warning in summary.warnings)


@given(hnp.arrays(np.float64, st.integers(3, 30), elements=st.integers(0, 6).map(float)), st.integers(0, 9))
def test_rank_correlation_is_that_of_scipy(one: np.ndarray, seed: int) -> None:
    other = np.random.default_rng(seed).integers(0, 5, len(one)).astype(float)
    if len(set(one)) > 1 and len(set(other)) > 1:
        assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other)[0], abs=1e-9)
    assert rank_correlation(one, np.zeros(len(one))) == 0
    assert abs(rank_correlation(one, -one)) == pytest.approx(1 if len(set(one)) > 1 else 0)


def test_f1_that_falls_with_distance_is_detected() -> None:
    """F1 falls with distance by design, from place to place and within each."""
    chance = np.random.default_rng(0)
    entries = tuple(
        PatchPosition("train", number, "AB"[number % 2], number // 10, number % 10) for number in range(100)
    )
    far_off = np.arange(100) / 50 + np.array([0, 2] * 50)
    truth = (chance.random((100, 30, 30)) < 0.2).astype(np.uint8)
    wrong = chance.random(truth.shape) < (far_off / 8)[:, None, None]
    score = score_domain_shift(held(np.where(wrong, 1 - truth, truth) * 250, truth, entries), far_off, far=2.0)
    assert score.by_patch < -0.9
    assert score.low <= score.by_block <= score.high < 0
    assert [scene.far_fraction for scene in score.scenes] == [0, 1]
    assert all(scene.within is not None and scene.within < -0.8 for scene in score.scenes)
    with pytest.raises(PredictionsError, match="one value for each of 100 patches"):
        score_domain_shift(held(truth, truth, entries), far_off[1:], far=2.0)
    with pytest.raises(PredictionsError, match="a rank correlation needs 3"):
        score_domain_shift(held(truth, truth * 0, entries), far_off, far=2.0)


@pytest.mark.slow
def test_other_real_scenes_are_further_than_unseen_rows_of_the_training_scene(shared_data: Path) -> None:
    """Every sixth patch of l4s-rgb: scene A beyond the training part, B, C."""
    patches, detector = open_rgb_set(shared_data / "l4s-rgb"), Detector.open("s2-rgb")
    train = patches.where(Part(scenes=("A",), rows=(0, 47)).contains).where(lambda entry: entry.id % 6 == 0)
    test = patches.where(lambda entry: entry.id % 6 == 0 and not (entry.scene == "A" and (entry.row or 0) < 50))
    ood = OodDistance(
        fit_ood_statistics((patch.values for patch in train), detector.card.channels, relative=True),
        detector.card.channels,
    )
    score = score_domain_shift(predict(detector, test), patch_distances(ood, test), ood.quantile(0.99))
    near, *far = sorted(score.scenes, key=lambda scene: scene.distance)
    assert near.scene == "A"
    assert all(scene.far_fraction > near.far_fraction + 0.2 for scene in far)
