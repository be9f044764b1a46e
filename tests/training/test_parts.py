"""Which patches a recipe learns from: parts never share a patch, however they are named; what is not known is out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from l4s_made import make_l4s, truth, whole
from landslip.datasets.l4s import open_l4s
from landslip.datasets.patch_set import EntrySet, Patch, Split
from landslip.datasets.protocols import SplitRecipe, divide
from landslip.datasets.splits import Division, Part, patch_key
from landslip.errors import ChannelError, LandslipError, PatchesError, RecipeError
from landslip.training.data.feeding import EpochLoader, iterate_batches, load_part
from landslip.training.data.parts import find_parts


@dataclass(frozen=True)
class Named:
    id: int
    scene: str
    row: int | None
    col: int | None
    split: Split = "train"


@dataclass(frozen=True)
class Set(EntrySet[Named]):
    """Patches of one pixel of each of two channels: the number of the patch, and its negative."""

    entries: tuple[Named, ...]
    channels: tuple[str, ...] = ("B04", "B03")
    unlabelled: frozenset[int] = frozenset()

    def read(self, entry: Named) -> Patch:
        values = np.array([[[entry.id]], [[-entry.id]]], np.float32)
        mask = np.array([[255 if entry.id in self.unlabelled else entry.id % 2]], np.uint8)
        return Patch(entry.id, entry.scene, entry.row, entry.col, self.channels, values, mask)


def two_scenes(unplaced: int = 0) -> Set:
    placed = [
        Named(number, scene, row, col)
        for number, (scene, row, col) in enumerate(
            (scene, row, col) for scene in "AB" for row in range(24) for col in range(3)
        )
    ]
    lost = [Named(1000 + number, "unknown", None, None) for number in range(unplaced)]
    return Set((*placed, *lost))


WAYS = {
    "paper": SplitRecipe(protocol="paper"),
    "blocks": SplitRecipe(protocol="blocks", validation_fraction=0.2),
    "scene-out": SplitRecipe(protocol="scene-out", scene="B"),
    "k-fold": SplitRecipe(protocol="k-fold", folds=4, fold=4),
}


@pytest.mark.parametrize("way", list(WAYS))
def test_parts_of_a_protocol_share_no_patch(way: str) -> None:
    patches = two_scenes(unplaced=5)
    division = divide(WAYS[way], patches.entries)
    report = (Part(parts=("test",)),) if "test" in division.parts else ()
    parts = find_parts(patches, Part(parts=("train",)), Part(parts=("validation",)), report, division)
    keys = [
        patch_key(entry)
        for one in (parts.train, parts.validation, *(some for _, some in parts.test))
        for entry in one.entries
    ]
    assert len(keys) == len(set(keys))
    assert len(parts.train) > len(parts.validation)
    if way != "paper":
        # Nobody knows whether a patch without a place touches another: it is in no part.
        assert not any(key.startswith("train/100") and len(key) == len("train/1000") for key in keys)


def test_scene_out_tests_on_the_scene_and_chooses_on_rows_apart_from_those_it_learns_from() -> None:
    patches = two_scenes()
    parts = find_parts(
        patches,
        Part(parts=("train",)),
        Part(parts=("validation",)),
        (Part(parts=("test",)),),
        divide(WAYS["scene-out"], patches.entries),
    )
    assert {entry.scene for entry in parts.test[0][1].entries} == {"B"}
    assert {entry.scene for entry in (*parts.train.entries, *parts.validation.entries)} == {"A"}
    last, first = max(entry.row for entry in parts.train.entries), min(entry.row for entry in parts.validation.entries)
    assert first - last >= 2


def test_every_fold_is_tested_on_once() -> None:
    patches = two_scenes()
    tested = [
        set(divide(SplitRecipe(protocol="k-fold", folds=4, fold=fold), patches.entries).parts["test"])
        for fold in range(1, 5)
    ]
    assert sum(map(len, tested)) == len(set().union(*tested))


def test_names_and_places_narrow_each_other_down() -> None:
    patches = two_scenes()
    division = divide(WAYS["blocks"], patches.entries)
    both = Part(parts=("train",), scenes=("A",), rows=(0, 3))
    parts = find_parts(patches, both, Part(parts=("validation",)), (), division)
    assert {(entry.scene, entry.row) for entry in parts.train.entries} == {("A", row) for row in range(4)}
    assert str(both) == "part train, scene A rows 0-3"


def test_a_division_of_ones_own_comes_from_its_file(tmp_path: Path) -> None:
    patches = two_scenes()
    mine = Division(protocol="blocks", how="by hand", parts={"mine": ("train/1", "train/2"), "yours": ("train/3",)})
    mine.write(tmp_path / "mine.json")
    division = divide(SplitRecipe(file=str(tmp_path / "mine.json")), patches.entries)
    parts = find_parts(patches, Part(parts=("mine",)), Part(parts=("yours",)), (), division)
    assert [entry.id for entry in parts.train.entries] == [1, 2]
    with pytest.raises(RecipeError, match="has no part train: it has mine, yours"):
        find_parts(patches, Part(parts=("train",)), Part(parts=("yours",)), (), division)


@pytest.mark.parametrize(
    ("train", "choose", "message"),
    [
        (Part(scenes=("A",)), Part(rows=(20, 23)), "share 12 patches"),
        (Part(scenes=("A",)), Part(scenes=("C",)), "no patch in scene C: the set has 144 patches of the scenes A, B"),
        (Part(parts=("train",)), Part(scenes=("B",)), "needs a split"),
    ],
)
def test_parts_that_cannot_be_are_named(train: Part, choose: Part, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        find_parts(two_scenes(), train, choose, (), None)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"protocol": "paper", "file": "d.json"},
        {"protocol": "blocks", "scene": "A"},
        {"protocol": "k-fold", "fold": 6},
    ],
)
def test_a_division_that_contradicts_itself_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"a split needs|scene is for|fold must be"):
        SplitRecipe.model_validate(wrong)


# Ready to be fed


def test_channels_are_picked_by_name_and_what_nobody_knows_is_left_out() -> None:
    patches = Set(two_scenes().entries[:10], unlabelled=frozenset({2, 5}))
    part = load_part(patches, ("B03",), "ten")
    assert (len(part), part.unlabelled) == (8, 2)
    assert part.keys == tuple(f"train/{number}" for number in (0, 1, 3, 4, 6, 7, 8, 9))
    fed = next(iterate_batches(part, np.arange(8)))
    assert fed.values[:, 0, 0, 0].tolist() == [0, -1, -3, -4, -6, -7, -8, -9]
    assert part.landslide_fraction.tolist() == [0, 1, 1, 0, 0, 1, 0, 1]
    assert part.mean.tolist() == [np.mean([0, -1, -3, -4, -6, -7, -8, -9])]
    with pytest.raises(ChannelError, match="lack the channel B08"):
        load_part(patches, ("B08",), "ten")
    with pytest.raises(PatchesError, match="none of the 2 patches of two is labelled"):
        load_part(patches.where(lambda entry: entry.id in (2, 5)), ("B04",), "two")


def test_some_of_a_part_are_fed_again_and_again() -> None:
    part = load_part(Set(two_scenes().entries[:10]), ("B04", "B03"), "ten")
    some = part.subset([7, 2, 7])
    assert some.keys == ("train/7", "train/2", "train/7")
    feeding = EpochLoader(some, 2, 2, lambda: np.array([2, 1, 0]))
    for _ in range(2):
        fed = list(feeding)
        assert [one.values[:, 0, 0, 0].tolist() for one in fed] == [[7, 2], [7]]
        assert [one.step for one in fed] == [0, 1]


def test_files_of_hdf5_are_fed_as_they_are_read(tmp_path: Path) -> None:
    patches = open_l4s(make_l4s(tmp_path, {"train": [1, 2, 3]}, masks={"train": [1, 3]}))
    part = load_part(patches, ("slope", "B02"), "three")
    assert part.keys == ("train/1", "train/3")
    fed = next(iterate_batches(part, np.array([1, 0])))
    for place, number in enumerate((3, 1)):
        np.testing.assert_allclose(fed.values[place].numpy(), whole(number)[..., [12, 1]].transpose(2, 0, 1), rtol=1e-5)
        np.testing.assert_array_equal(fed.masks[place].numpy(), truth(number))
    held = part.stack()
    np.testing.assert_array_equal(held.values[[1, 0]], fed.values.numpy())


def test_whatever_is_wrong_is_ours_to_say() -> None:
    for recipe in (SplitRecipe(protocol="official"), SplitRecipe(protocol="scene-out", scene="Z")):
        with pytest.raises(LandslipError):
            divide(recipe, two_scenes().entries)
