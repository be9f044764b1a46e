"""Divisions are partitions, survive their file, and have no leaks except for two protocols."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from landslip.datasets.leakage import find_leaks
from landslip.datasets.patch_set import Split
from landslip.datasets.protocols import block_split, k_fold_split, official_split, paper_split, scene_out_split
from landslip.datasets.rgb import open_rgb_set
from landslip.datasets.splits import Division, patch_key, read_division
from landslip.errors import OutputError, PatchesError


@dataclass(frozen=True)
class MadeEntry:
    id: int
    scene: str = "unknown"
    row: int | None = None
    col: int | None = None
    split: Split = "train"


@st.composite
def scenes_with_holes(draw: st.DrawFn) -> list[MadeEntry]:
    """Some scenes of 14 rows or more with holes, and perhaps patches whose place is not known."""
    entries: list[MadeEntry] = []
    for scene in draw(st.lists(st.sampled_from("ABCD"), min_size=2, max_size=3, unique=True)):
        rows, cols = draw(st.integers(14, 24)), draw(st.integers(1, 6))
        holes = draw(
            st.sets(
                st.tuples(st.integers(0, rows - 1), st.integers(0, cols - 1)), max_size=rows // (4 if cols == 1 else 2)
            )
        )
        for row in range(rows):
            entries += [MadeEntry(len(entries) + c, scene, row, c) for c in range(cols) if (row, c) not in holes]
        entries = [MadeEntry(n, e.scene, e.row, e.col) for n, e in enumerate(entries)]
    entries += [MadeEntry(len(entries) + n) for n in range(draw(st.integers(0, 3)))]
    return entries


MAKERS: dict[str, Callable[[Sequence[MadeEntry]], Division]] = {
    "paper": paper_split,
    "blocks": block_split,
    "wide gap": lambda entries: block_split(entries, fractions={"train": 3, "test": 1}, gap_rows=3),
    "scene-out": lambda entries: scene_out_split(entries, entries[0].scene),
    "k-fold": lambda entries: k_fold_split(entries, folds=4),
}


@pytest.mark.parametrize("maker", MAKERS)
@given(entries=scenes_with_holes())
def test_every_patch_is_in_one_part_or_left_out(maker: str, entries: list[MadeEntry]) -> None:
    division = MAKERS[maker](entries)
    named = [key for keys in (*division.parts.values(), division.left_out) for key in keys]
    assert sorted(named) == sorted(patch_key(entry) for entry in entries)
    for entry in entries:
        part = division.part_of(entry)
        assert (part is None) == (patch_key(entry) in division.left_out)
        assert part is None or patch_key(entry) in division.parts[part]


@pytest.mark.parametrize("maker", [name for name in MAKERS if name != "paper"])
@given(entries=scenes_with_holes())
def test_patches_of_different_parts_do_not_touch(maker: str, entries: list[MadeEntry]) -> None:
    division = MAKERS[maker](entries)
    leaks = find_leaks(division, entries)
    assert leaks.clean
    # The same, looked at in the plainest way.
    placed = [(division.part_of(entry), entry) for entry in entries if division.part_of(entry)]
    for part, one in placed:
        for other_part, other in placed:
            if part != other_part and one.scene == other.scene:
                assert max(abs((one.row or 0) - (other.row or 0)), abs((one.col or 0) - (other.col or 0))) > 1


@given(entries=scenes_with_holes())
def test_blocks_and_folds_have_about_the_requested_sizes(entries: list[MadeEntry]) -> None:
    placed = sum(entry.row is not None for entry in entries)
    sizes = {part: len(keys) for part, keys in block_split(entries).parts.items()}
    assert set(sizes) == {"train", "validation", "test"}
    assert sizes["train"] > 0.5 * placed
    assert len(k_fold_split(entries, folds=4).parts) == 4


@pytest.mark.parametrize("maker", MAKERS)
def test_a_division_is_equal_after_writing_and_reading(maker: str, tmp_path: Path) -> None:
    entries = [MadeEntry(n, "AB"[n % 2], n // 4, n // 2 % 2) for n in range(80)]
    division = MAKERS[maker](entries)
    division.write(tmp_path / "division.json")
    assert read_division(tmp_path / "division.json") == division
    assert [path.name for path in tmp_path.iterdir()] == ["division.json"]


def test_the_random_split_depends_only_on_seed_and_patches() -> None:
    entries = [MadeEntry(n) for n in range(1, 3800)]
    division = paper_split(entries)
    assert (len(division.parts["train"]), len(division.parts["validation"])) == (3039, 760)
    assert {part: set(keys) for part, keys in paper_split(entries[::-1]).parts.items()} == {
        part: set(keys) for part, keys in division.parts.items()
    }
    # These very patches, on any machine, with any version.
    assert division.parts["validation"][:5] == ("train/2", "train/5", "train/10", "train/12", "train/26")
    assert set(paper_split(entries, seed=1).parts["validation"]) != set(division.parts["validation"])


def test_the_official_split_is_that_of_the_entries() -> None:
    entries = [MadeEntry(1, split="train"), MadeEntry(1, split="test"), MadeEntry(2, split="validation")]
    division = official_split(entries)
    assert dict(division.parts) == {"train": ("train/1",), "validation": ("validation/2",), "test": ("test/1",)}
    assert not find_leaks(division, entries).clean
    assert "3 patches have an unknown position" in str(find_leaks(division, entries))
    with pytest.raises(PatchesError, match="makes only the part train"):
        official_split(entries[:1])


def test_a_leak_is_found() -> None:
    entries = [MadeEntry(n, "A", n // 5, n % 5) for n in range(25)]
    corner = Division(protocol="paper", how="by hand", parts={"train": ("train/0",), "test": ("train/6",)})
    leaks = find_leaks(corner, entries)
    assert len(leaks.pairs) == 1
    assert leaks.touched == {"train": 1, "test": 1}
    apart = Division(protocol="paper", how="by hand", parts={"train": ("train/0",), "test": ("train/7", "train/2")})
    assert find_leaks(apart, entries).clean
    # The end of a row and the start of the next have numbers that follow each other, and do not touch.
    ends = Division(protocol="paper", how="by hand", parts={"train": ("train/4",), "test": ("train/5",)})
    assert find_leaks(ends, entries).clean


def test_impossible_divisions_are_refused() -> None:
    unknown = [MadeEntry(n) for n in range(9)]
    one_scene = [MadeEntry(n, "A", n, 0) for n in range(9)]
    with pytest.raises(PatchesError, match="landslip data mosaic"):
        block_split(unknown)
    with pytest.raises(PatchesError, match="makes only the part test"):
        scene_out_split(one_scene, "A")
    with pytest.raises(PatchesError, match="no scene Z"):
        scene_out_split(one_scene, "Z")
    with pytest.raises(PatchesError, match="blocks without a gap touch"):
        block_split(one_scene, gap_rows=0)
    with pytest.raises(PatchesError, match="folds must be 2 or more"):
        k_fold_split(one_scene, folds=1)
    with pytest.raises(PatchesError, match="between 0 and 1"):
        paper_split(one_scene, train_fraction=1)


def test_damaged_division_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "division.json"
    for text, message in (
        ("{", "not a division"),
        ('{"protocol": "paper", "how": "", "parts": {"a": ["train/1"], "b": ["train/1"]}}', "listed twice"),
        ('{"protocol": "paper", "how": "", "parts": {"a": ["train/1"], "b": ["one"]}}', "not the key of a patch"),
        ('{"protocol": "paper", "how": "", "parts": {"a": ["train/1"], "b": []}}', "empty: b"),
        ('{"protocol": "luck", "how": "", "parts": {"a": ["train/1"], "b": ["train/2"]}}', "protocol"),
    ):
        path.write_text(text)
        with pytest.raises(PatchesError, match=message):
            read_division(path)
    with pytest.raises(PatchesError, match="cannot be read"):
        read_division(tmp_path / "none.json")
    with pytest.raises(ValidationError):
        Division(protocol="paper", how="", parts={"a": ("train/1",)})
    with pytest.raises(OutputError, match="cannot be written"):
        paper_split([MadeEntry(n) for n in range(5)]).write(tmp_path / "no folder" / "division.json")


def test_protocols_on_the_real_set(shared_data: Path) -> None:
    patches = open_rgb_set(shared_data / "l4s-rgb")
    leaks = find_leaks(paper_split(patches.entries), patches.entries)
    # Nearly every patch that a random split sets aside touches one that was trained on.
    assert leaks.touched["validation"] / leaks.sizes["validation"] > 0.95
    entries = patches.entries
    for division in (block_split(entries), k_fold_split(entries), scene_out_split(entries, "B")):
        assert find_leaks(division, patches.entries).clean
    assert len(scene_out_split(patches.entries, "B").choose(patches, "test")) == 114
    with pytest.raises(PatchesError, match="no part fold"):
        block_split(patches.entries).choose(patches, "fold")
    with pytest.raises(PatchesError, match="the set lacks"):
        block_split(patches.entries).choose(patches.where(lambda entry: entry.scene == "B"), "train")
