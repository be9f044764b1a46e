"""Laws of teaching: what is believed of a teacher, that it moves with the patch, and that hidden truth stays hidden."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from landslip.datasets.loader import MemorySource
from landslip.datasets.patch_set import PatchStack, stack_patches
from landslip.datasets.rgb import open_rgb_set
from landslip.datasets.splits import (
    Part,
    patch_key,
)
from landslip.detector.detector import Detector
from landslip.errors import PatchesError, RecipeError, RunError
from landslip.training.augmentation import Augmentation, AugmentationRecipe
from landslip.training.data.feeding import JoinedSource, RelabelledSource, join_parts, load_part
from landslip.training.data.target import Target
from landslip.training.distillation.self_training import (
    PseudoLabelCounts,
    exclude_duplicates,
    pseudo_labels,
    sample_patches,
)
from landslip.training.distillation.soft_labels import (
    SoftLabels,
    build_soft_labels,
    predict_soft_labels,
)
from landslip.training.loop.trainer import fit
from landslip.training.networks.run_weights import read_weights
from landslip.training.recipe.recipe import Recipe, read_recipe
from landslip.training.recipe.sections import DistillationRecipe, SelfTrainingRecipe
from landslip.training.train import train
from patches_made import make_rgb_set, scar
from tiny_detectors import brightness, identity

STILL = AugmentationRecipe(
    dihedral=False,
    **dict.fromkeys(
        (
            "zoom",
            "rotation_deg",
            "background_fill",
            "channel_gain",
            "haze",
            "haze_removal",
            "illumination",
            "noise",
            "blur",
            "edge_nodata",
        ),
        0,
    ),
    **dict.fromkeys(("gain", "gamma"), 1),
)


def tiny(**changes: object) -> Recipe:
    """A recipe for the tiny sets of these tests."""
    recipe = read_recipe("default")
    values = {
        "name": "tiny",
        "train": Part(scenes=("A",)),
        "validation": Part(scenes=("B",)),
        "test": (),
        "network": recipe.network.model_copy(
            update={"architecture": "plain-unet", "weights": "none", "decoder_channels": (8, 4)}
        ),
        "augmentation": AugmentationRecipe(background_fill=0),
        "fit": recipe.fit.model_copy(update={"epochs": 2, "validate_every": 1, "batch_size": 4, "monitor": "f1"}),
        "detector": recipe.detector.model_copy(update={"tile_px": 64}),
        "calibration": recipe.calibration.model_copy(update={"photometric_robustness": False}),
        "log": recipe.log.model_copy(update={"tensorboard": False}),
    }
    return Recipe.model_validate(recipe.model_copy(update=values | changes).model_dump())


def masks(seed: int, count: int = 5, side: int = 8) -> "torch.Tensor":
    kinds = torch.tensor([0, 1, 255], dtype=torch.uint8)
    return kinds[torch.randint(3, (count, side, side), generator=torch.Generator().manual_seed(seed))]


def said_of(seed: int, count: int = 5, side: int = 8) -> "np.ndarray[tuple[int, ...], np.dtype[np.float16]]":
    said = np.random.default_rng(seed).random((count, side, side)).astype(np.float16)
    said[0, :2] = np.nan
    return said


@given(seed=st.integers(0, 20), share=st.floats(0, 1))
def test_a_target_is_drawn_towards_what_is_said(seed: int, share: float) -> None:
    said, truth = said_of(seed), Target.of_masks(masks(seed, 3))
    positions = torch.tensor([4, 0, 2])
    softened = SoftLabels(said, share)(positions, truth)
    heard = torch.from_numpy(said[positions].astype(np.float32))
    nothing = heard.isnan()
    mixed = (1 - share) * truth.landslide + share * heard
    known = truth.valid & ~nothing
    torch.testing.assert_close(softened.landslide[known], mixed[known])
    # Of nothing said, nothing changes.
    assert torch.equal(softened.landslide[nothing], truth.landslide[nothing])
    assert torch.equal(softened.valid[nothing], truth.valid[nothing])
    # Where nothing else is known, the teacher is believed, if it is believed at all.
    unknown = ~truth.valid & ~nothing
    assert bool((softened.valid[unknown] == (share > 0)).all())
    if share > 0:
        torch.testing.assert_close(softened.landslide[unknown], heard[unknown])
    assert 0 <= float(softened.landslide.min()) <= float(softened.landslide.max()) <= 1


def test_a_share_of_nothing_changes_no_bit() -> None:
    truth = Target.of_masks(masks(0))
    softened = SoftLabels(said_of(0), 0.0)(torch.arange(5), truth)
    assert torch.equal(softened.landslide, truth.landslide)
    assert torch.equal(softened.valid, truth.valid)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_a_share(share: float) -> None:
    with pytest.raises(RecipeError, match="weight must be between 0 and 1"):
        SoftLabels(said_of(0), share)


def test_what_is_said_moves_with_the_patch() -> None:
    said = np.random.default_rng(0).random((6, 16, 16)).astype(np.float16)
    values = torch.from_numpy(said.astype(np.float32))[:, None] * 1000
    unknown = Target.of_masks(torch.full((6, 16, 16), 255, dtype=torch.uint8))
    target = SoftLabels(said, 1.0)(torch.arange(6), unknown)
    turning = Augmentation(STILL.model_copy(update={"dihedral": True}), ["B04"])
    moved, moved_target = turning(values, target, torch.Generator().manual_seed(1))
    assert not torch.equal(moved, values)
    torch.testing.assert_close(moved[:, 0] / 1000, moved_target.landslide)


def test_quiet_ground_is_still_found_under_a_teacher() -> None:
    """A softened truth is never exactly nothing; ground that teacher and truth take for quiet is quiet all the same."""
    truth = torch.zeros((1, 8, 8), dtype=torch.uint8)
    truth[0, :4, :4] = 1
    said = np.full((1, 8, 8), 0.02, np.float16)
    target = SoftLabels(said, 0.5)(torch.arange(1), Target.of_masks(truth))
    quietening = Augmentation(STILL.model_copy(update={"background_fill": 1.0}), ["B04"])
    _, quiet = quietening(torch.ones((1, 1, 8, 8)), target, torch.Generator().manual_seed(0))
    assert float(quiet.landslide.max()) < 0.1


def test_opinions_are_those_of_the_path_that_maps_take(tmp_path: Path) -> None:
    patches = open_rgb_set(make_rgb_set(tmp_path / "set", {"A": range(3)}))
    said = predict_soft_labels([identity("B04")], patches)
    expected = np.stack([patch.values[0] / 10_000 for patch in patches])
    np.testing.assert_allclose(said, np.clip(expected, 0, 1), atol=1e-3)
    both = predict_soft_labels([identity("B04"), brightness()], patches, tta="flips")
    np.testing.assert_allclose(
        both, (said.astype(np.float32) + predict_soft_labels([brightness()], patches)) / 2, atol=1e-3
    )


@pytest.mark.slow
def test_a_teacher_who_is_not_believed_leaves_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    patches = open_rgb_set(make_rgb_set(tmp_path / "set", {"A": range(8), "B": range(20, 23)}))
    recipe = tiny()
    train, choose = (
        load_part(patches.where(part.contains), recipe.channels, str(part))
        for part in (recipe.train, recipe.validation)
    )
    said = np.random.default_rng(0).random((8, 64, 64)).astype(np.float16)
    weights = []
    for name, teacher in (("plain", None), ("deaf", SoftLabels(said, 0.0)), ("heard", SoftLabels(said, 0.5))):
        (tmp_path / name).mkdir()
        fitted = fit(recipe, train, choose, tmp_path / name, change_target=teacher)
        weights.append(fitted.network.state_dict())
    plain, deaf, heard = weights
    assert all(torch.equal(plain[name], deaf[name]) for name in plain)
    assert not all(torch.equal(plain[name], heard[name]) for name in plain)


def test_a_teacher_is_asked_about_just_the_patches_that_are_learned_from(tmp_path: Path) -> None:
    patches = open_rgb_set(make_rgb_set(tmp_path / "set", {"A": range(4)}))
    identity("B04").save(tmp_path / "teacher.onnx")
    recipe = DistillationRecipe(teachers=(str(tmp_path / "teacher.onnx"),), weight=1.0)
    keys = [patch_key(entry) for entry in patches.entries][1:3]
    teaching = build_soft_labels(recipe, patches, keys)
    softened = teaching(torch.arange(2), Target.of_masks(torch.zeros((2, 64, 64), dtype=torch.uint8)))
    expected = np.stack([patch.values[0] / 10_000 for patch in patches])[1:3]
    np.testing.assert_allclose(softened.landslide.numpy(), expected, atol=1e-3)


@given(low=st.floats(0, 0.45), high=st.floats(0.55, 1), seed=st.integers(0, 9))
def test_only_what_is_sure_becomes_truth(low: float, high: float, seed: int) -> None:
    said = said_of(seed)
    truth = pseudo_labels(said, low, high)
    exact = said.astype(np.float64)
    assert not np.isin(truth[np.isnan(exact)], (0, 1)).any()
    # Half precision rounds the bounds as it rounds what is said.
    assert (exact[truth == 1] >= high - 1e-3).all()
    assert (exact[truth == 0] <= low + 1e-3).all()
    taken = PseudoLabelCounts.of(truth)
    assert taken.landslide_px + taken.background_px + taken.nodata_px == truth.size
    assert taken.patches == 5
    # To be more sure is to take less.
    stricter = PseudoLabelCounts.of(pseudo_labels(said, low / 2, (1 + high) / 2))
    assert stricter.landslide_px <= taken.landslide_px
    assert stricter.background_px <= taken.background_px


def test_bounds_that_cross_are_refused() -> None:
    with pytest.raises(ValidationError, match="must be less than"):
        SelfTrainingRecipe(background_below=0.6, landslide_above=0.5)


def stack(seeds: "list[int]") -> PatchStack:
    pairs = [scar(seed, 32) for seed in seeds]
    values = np.stack([np.moveaxis(image, -1, 0) for image, _ in pairs]).astype(np.float32)
    return PatchStack(("B04", "B03", "B02"), values, np.stack([mask for _, mask in pairs]))


def test_joined_and_relabelled_sources_say_what_theirs_say() -> None:
    one, two = stack([1, 2, 3]), stack([4, 5])
    other = np.full_like(two.masks, 255)
    joined = JoinedSource(MemorySource(one), RelabelledSource(MemorySource(two), other))
    assert len(joined) == 5
    positions = np.array([4, 0, 3, 2, 0])
    values, truth = np.empty((5, *joined.shape), np.float32), np.empty((5, *joined.shape[1:]), np.uint8)
    joined.fill(positions, values, truth)
    np.testing.assert_array_equal(values, np.concatenate([one.values, two.values])[positions])
    np.testing.assert_array_equal(truth, np.concatenate([one.masks, other])[positions])


def test_parts_are_joined_with_the_numbers_of_both(tmp_path: Path) -> None:
    patches = open_rgb_set(make_rgb_set(tmp_path / "set", {"A": range(3), "B": range(10, 15)}))
    one, two, both = (
        load_part(patches.where(lambda entry, wanted=wanted: entry.scene in wanted), patches.channels, "x")
        for wanted in ("A", "B", "AB")
    )
    joined = join_parts(one, two)
    np.testing.assert_allclose(joined.mean, both.mean)
    np.testing.assert_allclose(joined.deviation, both.deviation)
    np.testing.assert_array_equal(joined.landslide_fraction, both.landslide_fraction)
    assert joined.scenes == both.scenes
    with pytest.raises(PatchesError, match="cannot be joined"):
        join_parts(one, load_part(patches, ("B04",), "other"))


def test_patches_that_are_held_back_are_known_by_their_image_whatever_their_number(tmp_path: Path) -> None:
    held = open_rgb_set(make_rgb_set(tmp_path / "held", {"A": [7, 8]}))
    given = make_rgb_set(tmp_path / "given", {"A": [1, 7, 9]})
    for part, stem in (("img", "image"), ("mask", "mask")):
        (given / part / f"{stem}_7.png").rename(given / part / f"{stem}_70.png")
    (given / "manifest.csv").unlink()
    left, doubles = exclude_duplicates(open_rgb_set(given), [held])
    assert doubles == 1
    assert [entry.id for entry in left.entries] == [1, 9]
    with pytest.raises(PatchesError, match="all 2 unlabelled patches"):
        exclude_duplicates(held, [held])


def test_a_draw_keeps_the_order_and_takes_no_more_than_there_are(tmp_path: Path) -> None:
    patches = open_rgb_set(make_rgb_set(tmp_path / "set", {"A": range(9)}))
    few = sample_patches(patches, 4, np.random.default_rng(0))
    numbers = [entry.id for entry in few.entries]
    assert len(few) == 4
    assert numbers == sorted(numbers)
    assert sample_patches(patches, 20, np.random.default_rng(0)).entries == patches.entries


def test_patches_without_truth_need_a_section_and_a_section_needs_patches(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="need a section self_training"):
        train(tiny(), tmp_path, tmp_path / "out", unlabelled=tmp_path)
    with pytest.raises(RecipeError, match="needs unlabelled patches"):
        train(tiny(self_training=SelfTrainingRecipe()), tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_self_training_never_looks_at_hidden_truth(tmp_path: Path) -> None:
    """The mechanics on synthetic patches: what is taken, what the card says, and that masks may be poison."""
    data = make_rgb_set(tmp_path / "data", {"A": range(12), "B": range(20, 24)})
    numbers = [*range(40, 50), 20]
    poison = {number: 1 - scar(number)[1] for number in numbers}
    recipe = tiny(
        fit=tiny().fit.model_copy(update={"epochs": 12, "learning_rate": 0.01}),
        self_training=SelfTrainingRecipe(rounds=1, background_below=0.3, landslide_above=0.5, max_fraction=0.4),
    )
    made = {}
    for name, masks_there in (("clean", None), ("poisoned", poison)):
        where = make_rgb_set(tmp_path / name, {"U": numbers}, masks=masks_there)
        made[name] = train(recipe, data, tmp_path / f"{name}-run", unlabelled=where)
    clean, poisoned = made["clean"], made["poisoned"]
    assert poisoned.detector.card.graph_sha256 == clean.detector.card.graph_sha256
    learned = [read_weights(one.weights_path)[0] for one in (clean, poisoned)]
    assert all(torch.equal(learned[0][name], learned[1][name]) for name in learned[0])
    header, row = (tmp_path / "clean-run/self_training.csv").read_text().splitlines()
    log = dict(zip(header.split(","), row.split(","), strict=True))
    # 40 % of what is learned from, beside 12 patches with truth; the one that is also chosen by is left out.
    assert int(log["patches"]) == 8
    assert int(log["duplicates_left_out"]) == 1
    assert int(log["landslide_px"]) > 0
    assert sum(int(log[name]) for name in ("landslide_px", "background_px", "nodata_px")) == 8 * 64 * 64
    teacher = Detector.open(tmp_path / "clean-run/round-0/tiny.onnx")
    assert teacher.card.graph_sha256 != clean.detector.card.graph_sha256
    assert "Self-training" in clean.detector.card.trained_on
    assert clean.detector.card.recipe["self_training"]["rounds"] == 1
    # What was learned from is what the teacher said, not what is true.
    said = predict_soft_labels([teacher], open_rgb_set(tmp_path / "poisoned"))
    truth = stack_patches(open_rgb_set(tmp_path / "poisoned")).masks
    sure = pseudo_labels(said, 0.3, 0.5)
    assert (sure[sure == 1] == truth[sure == 1]).mean() < 0.5


@pytest.mark.slow
def test_a_teacher_without_an_idea_is_said_so(tmp_path: Path) -> None:
    data = make_rgb_set(tmp_path / "data", {"A": range(4), "B": range(20, 22)})
    where = make_rgb_set(tmp_path / "more", {"U": range(40, 43)})
    recipe = tiny(
        fit=tiny().fit.model_copy(update={"epochs": 1}), self_training=SelfTrainingRecipe(landslide_above=1.0)
    )
    with pytest.raises(RunError, match="predicts no landslide"):
        train(recipe, data, tmp_path / "run", unlabelled=where)


@pytest.mark.slow
def test_a_pupil_learns_where_only_its_teacher_knows(tmp_path: Path) -> None:
    """Distillation end to end; the card names the teacher, turns are in the graph, parts say what chose what."""
    data = make_rgb_set(tmp_path / "data", {"A": range(8), "B": range(20, 23), "C": range(30, 33)})
    brightness(tile_px=64).save(tmp_path / "teacher.onnx")
    recipe = tiny(
        distillation=DistillationRecipe(teachers=(str(tmp_path / "teacher.onnx"),), weight=0.5),
        calibration=tiny().calibration.model_copy(update={"parts": (Part(scenes=("B",)), Part(scenes=("C",)))}),
        detector=tiny().detector.model_copy(update={"tta": "flips"}),
        test=(Part(scenes=("C",), rows=(0, 1)),),
    )
    made = train(recipe, data, tmp_path / "run")
    card = made.detector.card
    assert "Distilled from `brightness` (sha256" in card.trained_on
    assert card.forward_passes == 4
    assert card.tta == "flips"
    assert card.name == "tiny"
    assert card.threshold_selection == "highest F1 on scene B; scene C, mean over the 2 parts"
    assert card.input_ranges is None
    assert [score.protocol.split("; ")[1] for score in card.scores] == [
        "epoch, threshold and temperature were selected on it",
        "threshold and temperature were selected on it",
        "threshold and temperature were selected on it",
    ]
