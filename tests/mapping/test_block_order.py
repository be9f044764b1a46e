"""Order of blocks: every block has its tiles within the budget, and no tile is run without need."""

from hypothesis import given
from hypothesis import strategies as st

from landslip.grid.lattice import Lattice, split_blocks
from landslip.grid.window import Window
from landslip.mapping.raster.block_order import plan_steps


@st.composite
def works(draw: st.DrawFn) -> tuple[Lattice, list[Window]]:
    """A lattice and the blocks to be mapped: all of the scene or of a part of it, or what a kill left over."""
    tile = draw(st.integers(1, 40))
    lattice = Lattice.over(
        draw(st.integers(1, 150)),
        draw(st.integers(1, 150)),
        tile=tile,
        overlap=draw(st.integers(0, tile - 1)) // 2,
        multiple=1,
    )
    row, col = draw(st.integers(0, lattice.height - 1)), draw(st.integers(0, lattice.width - 1))
    region = Window(row, col, draw(st.integers(1, lattice.height - row)), draw(st.integers(1, lattice.width - col)))
    cut = list(split_blocks(region, draw(st.integers(8, 80))))
    return lattice, cut[draw(st.integers(0, len(cut) - 1)) :]


@given(works(), st.integers(0, 60))
def test_every_block_has_its_tiles_within_the_budget(work: tuple[Lattice, list[Window]], kept_tiles: int) -> None:
    lattice, wanted = work
    held: set[Window] = set()
    steps = list(plan_steps(lattice, wanted, kept_tiles))
    assert [step.block for step in steps] == wanted
    for step in steps:
        assert not held & set(step.tiles), "a tile at hand was run again"
        held |= set(step.tiles)
        assert held >= set(lattice.tiles_touching(step.block))
        held -= set(step.release)
        assert len(held) <= kept_tiles


@given(works())
def test_with_a_large_budget_every_tile_is_run_once_and_released(work: tuple[Lattice, list[Window]]) -> None:
    lattice, wanted = work
    steps = list(plan_steps(lattice, wanted, 10**9))
    run = [tile for step in steps for tile in step.tiles]
    assert len(run) == len(set(run))
    assert sorted(map(repr, run)) == sorted(repr(tile) for step in steps for tile in step.release)


@given(works(), st.integers(0, 60))
def test_the_window_to_read_contains_block_and_new_tiles(work: tuple[Lattice, list[Window]], kept_tiles: int) -> None:
    lattice, wanted = work
    scene = Window(0, 0, lattice.height, lattice.width)
    for step in plan_steps(lattice, wanted, kept_tiles):
        assert scene.contains(step.read)
        assert step.read.contains(step.block)
        assert all(step.read.contains(tile.intersection(scene)) for tile in step.tiles)
        # Never more than a tile beyond the block: what is read at once does not grow with the scene.
        around = Window(
            step.block.row - lattice.tile_height,
            step.block.col - lattice.tile_width,
            step.block.height + 2 * lattice.tile_height,
            step.block.width + 2 * lattice.tile_width,
        )
        assert around.contains(step.read)


def test_no_blocks_give_no_steps() -> None:
    assert list(plan_steps(Lattice(10, 10, 8, 8, 2), [], 5)) == []
