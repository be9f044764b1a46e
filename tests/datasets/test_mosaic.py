"""Scenes are recovered from the edges of their patches, without false neighbours."""

import shutil
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from landslip.channels import TRUE_COLOUR
from landslip.cli import landslip
from landslip.datasets.formats import open_patches
from landslip.datasets.manifest import read_positions
from landslip.datasets.mosaic.assembly import assemble
from landslip.datasets.mosaic.edges import Direction, extract_edges
from landslip.datasets.mosaic.files import write_mosaics
from landslip.datasets.mosaic.matches import match_edges
from landslip.datasets.mosaic.recovery import Recovery, certainty, recover, scene_name
from landslip.datasets.patch_set import Patch, Split, attribution
from landslip.datasets.rgb import open_rgb_set
from landslip.errors import OutputError, PatchesError
from landslip.files.georeference_warnings import ignore_missing_crs
from landslip.scenes.rasters import open_scene

SIDE = 32
Place = tuple[str, int, int]


@dataclass(frozen=True)
class MadeEntry:
    id: int
    scene: str = "unknown"
    row: int | None = None
    col: int | None = None
    split: Split = "train"


class MadeSet:
    """Patches in memory, with no word of where they lie."""

    def __init__(self, patches: Sequence[Patch]) -> None:
        self._patches = {patch.id: patch for patch in patches}
        self.entries = tuple(MadeEntry(patch.id) for patch in patches)
        self.channels = patches[0].channels

    def __len__(self) -> int:
        return len(self.entries)

    def read(self, entry: MadeEntry) -> Patch:
        return self._patches[entry.id]


def ground(rows: int, cols: int, layers: int, seed: int, roughness: float = 1.6) -> NDArray[np.float64]:
    """Random ground (layers, rows, cols) with detail at every length: fractal noise, its amplitude by frequency.

    The amplitude of real relief falls with about the square of the frequency (Turcotte 1997, Fractals and Chaos in
    Geology and Geophysics).
    """
    random = np.random.default_rng(seed)
    # Such noise goes on where it began: only a part of it is taken, or its opposite borders would be neighbours.
    height, width = 2 * rows * SIDE, 2 * cols * SIDE
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(random.normal(size=(layers, height, width))) * frequency**-roughness
    spectrum[:, 0, 0] = 0
    made = np.fft.irfft2(spectrum, s=(height, width))[:, : rows * SIDE, : cols * SIDE]
    return made / made.std(axis=(1, 2), keepdims=True)


def cut(
    values: NDArray[np.float64],
    channels: tuple[str, ...],
    gains: NDArray[np.float64],
    keep: NDArray[np.bool_],
    seed: int,
    scene: str = "A",
) -> tuple[list[Patch], list[Place]]:
    """Cut ground into patches in a random order, each with its gain."""
    rows, cols = keep.shape
    places = [(row, col) for row in range(rows) for col in range(cols) if keep[row, col]]
    np.random.default_rng(seed).shuffle(places)
    patches = []
    for number, (row, col) in enumerate(places):
        here = values[:, row * SIDE : (row + 1) * SIDE, col * SIDE : (col + 1) * SIDE] * gains[row, col]
        mask = np.full((SIDE, SIDE), (row + col) % 2, np.uint8)
        patches.append(Patch(number, "unknown", None, None, channels, here.astype(np.float32), mask))
    return patches, [(scene, int(row), int(col)) for row, col in places]


def wrong(truth: Sequence[Place], recovery: Recovery) -> tuple[list[int], int, int]:
    """Judge a recovery by the truth, up to a shift.

    A true component is what hangs together by sides. A patch is right if it has the group and the shift (found less
    true) that most of its component have. So a component that falls into parts has only its largest part right.

    Returns:
        The patches that are wrong; how many have a neighbour; how many touching sides of the result are false.
    """
    at = {place: number for number, place in enumerate(truth)}
    component: dict[int, int] = {}
    for start in range(len(truth)):
        stack = [start] if start not in component else []
        while stack:
            number = stack.pop()
            if number in component:
                continue
            component[number] = start
            scene, row, col = truth[number]
            around = ((row + 1, col), (row - 1, col), (row, col + 1), (row, col - 1))
            stack += [at[(scene, *cell)] for cell in around if (scene, *cell) in at]
    members = defaultdict(list)
    for number, start in component.items():
        one = recovery.placed[number]
        members[start].append((number, (one.group, one.row - truth[number][1], one.col - truth[number][2])))
    with_neighbour = [group for group in members.values() if len(group) > 1]
    misplaced = []
    for group in with_neighbour:
        usual = Counter(key for _, key in group).most_common(1)[0][0]
        misplaced += [number for number, key in group if key != usual]
    found = {(one.group, one.row, one.col): number for number, one in enumerate(recovery.placed)}
    assert len(found) == len(truth), "two patches lie on each other"
    false = 0
    for (group, row, col), number in found.items():
        scene, true_row, true_col = truth[number]
        for down, across in (way.step for way in Direction):
            mate = found.get((group, row + down, col + across))
            false += mate is not None and truth[mate] != (scene, true_row + down, true_col + across)
    return misplaced, sum(map(len, with_neighbour)), false


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(2, 7))
@settings(max_examples=15)
def test_scenes_are_recovered_from_colour_with_unknown_gains(seed: int, rows: int, cols: int) -> None:
    random = np.random.default_rng(seed)
    dn = 600 * np.exp(0.5 * ground(rows, cols, 3, seed))
    gains = np.exp(random.uniform(-1, 1, (rows, cols)))
    patches, truth = cut(dn, TRUE_COLOUR, gains, np.ones((rows, cols), np.bool_), seed)
    recovery = recover(MadeSet(patches))
    assert wrong(truth, recovery) == ([], rows * cols, 0)
    # The gains are found but for one factor: how bright the whole scene is, nothing says.
    ratio = recovery.gains / np.array([gains[row, col] for _, row, col in truth])
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=0.1)


@given(st.integers(0, 10_000))
@settings(max_examples=15)
def test_two_scenes_with_gaps_are_recovered_from_elevation(seed: int) -> None:
    random = np.random.default_rng(seed)
    patches: list[Patch] = []
    truth: list[Place] = []
    for scene, (rows, cols) in enumerate(((5, 6), (3, 4))):
        metres = np.rint(1200 + 300 * ground(rows, cols, 1, seed + scene, roughness=2.0))
        made, places = cut(
            metres, ("elevation",), np.ones((rows, cols)), random.random((rows, cols)) < 0.8, seed, f"scene {scene}"
        )
        patches += [
            Patch(len(patches) + n, one.scene, None, None, one.channels, one.values, one.mask)
            for n, one in enumerate(made)
        ]
        truth += places
    recovery = recover(MadeSet(patches))
    misplaced, _, false = wrong(truth, recovery)
    assert misplaced == []
    assert false == 0
    assert (recovery.gains == 1).all()


def test_positions_do_not_depend_on_the_order_of_the_patches() -> None:
    dn = 600 * np.exp(0.5 * ground(4, 5, 3, 7))
    patches, _ = cut(dn, TRUE_COLOUR, np.ones((4, 5)), np.ones((4, 5), np.bool_), 7)
    forward = {
        e.id: (p.row, p.col) for e, p in zip(MadeSet(patches).entries, recover(MadeSet(patches)).placed, strict=True)
    }
    turned = MadeSet(patches[::-1])
    assert {e.id: (p.row, p.col) for e, p in zip(turned.entries, recover(turned).placed, strict=True)} == forward


def test_identical_patches_are_not_joined() -> None:
    flat = [
        Patch(
            n,
            "unknown",
            None,
            None,
            ("elevation",),
            np.full((1, SIDE, SIDE), 3, np.float32),
            np.zeros((SIDE, SIDE), np.uint8),
        )
        for n in range(6)
    ]
    recovery = recover(MadeSet(flat))
    assert {certainty(one) for one in recovery.placed} == {"isolated"}
    assert set(recovery.scenes.values()) == {1}
    single = recover(MadeSet(flat[:1]))
    assert (single.placed[0].row, single.placed[0].col, certainty(single.placed[0])) == (0, 0, "isolated")


def test_comparing_in_chunks_gives_equal_results(monkeypatch: pytest.MonkeyPatch) -> None:
    dn = 600 * np.exp(0.5 * ground(4, 5, 3, 3))
    patches, _ = cut(dn, TRUE_COLOUR, np.ones((4, 5)), np.ones((4, 5), np.bool_), 3)
    edges = extract_edges(patches)
    at_once = match_edges(edges)
    monkeypatch.setattr("landslip.datasets.mosaic.matches._CHUNK", 3)
    portions = match_edges(edges)
    assert set(portions.candidates) == set(at_once.candidates)
    np.testing.assert_array_equal(portions.before.best, at_once.before.best)
    np.testing.assert_allclose(portions.after.next_distance, at_once.after.next_distance)
    for pair in at_once.candidates:
        assert portions.evidence(pair) == pytest.approx(at_once.evidence(pair))


def test_patches_of_different_kinds_are_refused() -> None:
    def patch(channels: tuple[str, ...], height: int = SIDE, width: int = SIDE) -> Patch:
        values = np.ones((len(channels), height, width), np.float32)
        return Patch(1, "unknown", None, None, channels, values, np.zeros((height, width), np.uint8))

    with pytest.raises(PatchesError, match="equal channels"):
        extract_edges([patch(TRUE_COLOUR), patch(("elevation",))])
    with pytest.raises(PatchesError, match="cannot be matched"):
        extract_edges([patch(("slope",))])
    with pytest.raises(PatchesError, match="square patches"):
        extract_edges([patch(TRUE_COLOUR, SIDE, SIDE + 1)])
    with pytest.raises(PatchesError, match="no patch"):
        extract_edges([])


def test_the_files_have_every_patch_at_its_position_and_gaps_are_nodata(tmp_path: Path) -> None:
    keep = np.ones((4, 5), np.bool_)
    keep[1, 2] = False
    dn = 600 * np.exp(0.5 * ground(4, 5, 3, 11))
    patches, truth = cut(dn, TRUE_COLOUR, np.ones((4, 5)), keep, 11)
    held = MadeSet(patches)
    recovery = recover(held)
    files = write_mosaics(held, recovery, tmp_path / "out")
    assert sorted(path.name for path in files) == ["S1.png", "S1.tif", "S1_mask.tif", "positions.csv"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in files)
    with (
        ignore_missing_crs(None),
        rasterio.open(tmp_path / "out/S1.tif") as raster,
        rasterio.open(tmp_path / "out/S1_mask.tif") as masks,
    ):
        assert raster.crs is None
        assert raster.transform.is_identity
        assert raster.descriptions == TRUE_COLOUR
        values, observed, mask = raster.read(), raster.dataset_mask() > 0, masks.read(1)
    np.testing.assert_array_equal(observed, np.kron(keep, np.ones((SIDE, SIDE))).astype(bool))
    np.testing.assert_array_equal(mask == 255, ~observed)
    for (_, row, col), gain in zip(truth, recovery.gains, strict=True):
        here = slice(row * SIDE, (row + 1) * SIDE), slice(col * SIDE, (col + 1) * SIDE)
        np.testing.assert_allclose(values[:, *here], dn[:, *here] / gain, atol=0.51, rtol=1e-5)
        assert (mask[here] == (row + col) % 2).all()
    places = read_positions(tmp_path / "out/positions.csv")
    assert {key[1]: (p.scene, p.row, p.col) for key, p in places.items()} == {
        entry.id: (scene_name(one.group), one.row, one.col)
        for entry, one in zip(held.entries, recovery.placed, strict=True)
    }
    with pytest.raises(OutputError, match="has a mosaic already"):
        write_mosaics(held, recovery, tmp_path / "out")
    write_mosaics(held, recovery, tmp_path / "out", overwrite=True)


def rgb_folder(folder: Path, rows: int, cols: int) -> Path:
    """A set of RGB patches on disk, each scaled to its own brightest pixel, without a manifest."""
    dn = 600 * np.exp(0.5 * ground(rows, cols, 3, 5))
    patches, _ = cut(dn, TRUE_COLOUR, np.ones((rows, cols)), np.ones((rows, cols), np.bool_), 5)
    for part in ("img", "mask"):
        (folder / part).mkdir(parents=True)
    for one in patches:
        shown = np.floor(255 * one.values / one.values.max()).astype(np.uint8)
        Image.fromarray(np.moveaxis(shown, 0, -1)).save(folder / f"img/image_{one.id}.png")
        Image.fromarray(one.mask.astype(bool)).save(folder / f"mask/mask_{one.id}.png")
    return folder


def test_the_command_recovers_8_bit_pictures_and_its_table_is_a_manifest(tmp_path: Path) -> None:
    folder, out = rgb_folder(tmp_path / "set", 3, 4), tmp_path / "out"
    run = CliRunner().invoke(landslip, ["data", "mosaic", str(folder), "-o", str(out), "-q"])
    assert run.exit_code == 0, run.output
    assert "12 patches" in run.output
    assert "S1 12" in run.output
    shutil.copy(out / "positions.csv", folder / "manifest.csv")
    placed = open_rgb_set(folder)
    assert placed.scenes == ("S1",)
    assert {(entry.row, entry.col) for entry in placed.entries} == {(row, col) for row in range(3) for col in range(4)}
    # The mosaic is a scene that can be mapped.
    scene = open_scene([out / "S1.tif"], pixel_size_m=10)
    assert set(scene.channels) == set(TRUE_COLOUR)
    assert not scene.georeferenced


def test_an_earlier_mosaic_is_replaced_completely_or_not_at_all(tmp_path: Path) -> None:
    folder, out = rgb_folder(tmp_path / "set", 2, 3), tmp_path / "out"
    command = ["data", "mosaic", str(folder), "-o", str(out), "-q"]
    assert CliRunner().invoke(landslip, command).exit_code == 0
    for name in ("S7.tif", "S7_mask.tif", "mine.tif"):
        (out / name).touch()
    refused = CliRunner().invoke(landslip, command)
    assert isinstance(refused.exception, OutputError)
    assert (out / "S7.tif").exists()
    assert CliRunner().invoke(landslip, [*command, "--overwrite"]).exit_code == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == ["S1.png", "S1.tif", "S1_mask.tif", "mine.tif", "positions.csv"]


def test_synthetic_patches_have_no_sentinel_attribution(tmp_path: Path) -> None:
    assert attribution(tmp_path) == "Contains modified Copernicus Sentinel data."
    (tmp_path / "synthetic.json").write_text("{}")
    assert attribution(tmp_path) == "Synthetic data: not a real area, not measured."


def test_of_scattered_real_patches_exactly_those_that_touch_are_joined(shared_data: Path) -> None:
    """Scene A has 41 columns, and its patches (train 1 to 3034) are numbered row by row."""
    pytest.importorskip("h5py", reason="the original files are HDF5")
    recovery = recover(open_patches(shared_data / "l4s-h5"))
    truth: dict[int, tuple[int, int]] = {}
    for number, entry in enumerate(recovery.entries):
        if entry.split == "train" and entry.id <= 3034:
            truth[number] = divmod(entry.id - 1, 41)
    at = {cell: number for number, cell in truth.items()}
    shifts = defaultdict(set)
    for number, one in enumerate(recovery.placed):
        row, col = truth.get(number, (-9, -9))
        touches = any((row + down, col + across) in at for down, across in ((0, 1), (0, -1), (1, 0), (-1, 0)))
        assert (certainty(one) != "isolated") == touches
        shifts[one.group].add((one.row - row, one.col - col))
    assert all(len(found) == 1 for found in shifts.values())


@pytest.mark.slow
def test_the_scenes_of_the_real_set_are_recovered_without_its_manifest(shared_data: Path) -> None:
    patches = open_rgb_set(shared_data / "l4s-rgb")
    truth = [(entry.scene, entry.row or 0, entry.col or 0) for entry in patches.entries]
    recovery = recover(patches)
    misplaced, with_neighbour, false = wrong(truth, recovery)
    assert with_neighbour == 1597
    assert len(misplaced) <= 0.01 * with_neighbour
    assert false == 0


@pytest.mark.slow
@pytest.mark.parametrize("side", [128, 32])
def test_real_relief_is_recovered(shared_data: Path, side: int) -> None:
    with rasterio.open(next((shared_data / "scenes/copdem30-n00e006").rglob("*.tif"))) as raster:
        metres = np.rint(raster.read(1))[None]
    patches, truth = [], []
    for row in range(metres.shape[1] // side):
        for col in range(metres.shape[2] // side):
            here = metres[:, row * side : (row + 1) * side, col * side : (col + 1) * side]
            if (here > 0).mean() > 0.9:
                truth.append(("island", row, col))
                patches.append(
                    Patch(
                        len(patches),
                        "unknown",
                        None,
                        None,
                        ("elevation",),
                        here.astype(np.float32),
                        np.zeros((side, side), np.uint8),
                    )
                )
    order = np.random.default_rng(0).permutation(len(patches))
    edges = extract_edges([patches[number] for number in order])
    recovery = Recovery((), assemble(edges), np.ones(len(patches)))
    misplaced, _, false = wrong([truth[number] for number in order], recovery)
    assert misplaced == []
    assert false == 0
