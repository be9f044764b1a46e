"""Parts: every tile is run once, whatever the blocks that are left and the number of threads."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from landslip.cluster.parts import plan_parts
from landslip.grid.lattice import Lattice, split_blocks
from landslip.grid.window import Window


@st.composite
def layouts(draw: st.DrawFn) -> tuple[Lattice, list[Window], int]:
    height, width = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    lattice = Lattice.over(height, width, tile=32, overlap=draw(st.integers(0, 20)), multiple=4)
    blocks = list(split_blocks(Window(0, 0, height, width), draw(st.integers(16, 120))))
    left = [block for block in blocks if draw(st.booleans())] or blocks
    return lattice, left, draw(st.integers(1, 5))


@given(layouts())
def test_blocks_come_in_order_and_each_tile_is_run_once(layout: tuple[Lattice, list[Window], int]) -> None:
    lattice, blocks, threads = layout
    parts = list(plan_parts(lattice, blocks, threads))
    assert [block for part in parts for block in part.blocks] == blocks
    assert [part.number for part in parts] == list(range(len(parts)))
    seams = {key: tiles for part in parts for key, tiles in part.seams.items()}
    runs: Counter[Window] = Counter(tile for tiles in seams.values() for tile in tiles)
    for part in parts:
        touching = {tile for block in part.blocks for tile in lattice.tiles_touching(block)}
        shared = {tile for tiles in part.seams.values() for tile in tiles}
        assert shared <= touching
        runs.update(touching - shared)
        for key, tiles in part.seams.items():
            assert part.number in key
            assert tiles == seams[key], "the same in each of its parts"
    assert set(runs.values()) == {1}
    assert runs.keys() == {tile for block in blocks for tile in lattice.tiles_touching(block)}


def test_more_threads_make_smaller_parts() -> None:
    lattice = Lattice.over(1000, 1000, tile=32, overlap=8, multiple=4)
    blocks = list(split_blocks(Window(0, 0, 1000, 1000), 50))
    counts = [len(list(plan_parts(lattice, blocks, threads))) for threads in (1, 2, 8, 100)]
    assert counts == sorted(counts)
    assert counts[-1] == len(blocks)
