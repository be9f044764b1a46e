"""Follower: strips are yielded from top to bottom, after their rows are written, and no thread waits forever."""

import threading
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.mapping.raster import block_order
from landslip.mapping.raster.fill import Follower
from landslip.mapping.raster.probability import ProbabilityRaster
from landslip.probability import NODATA


@pytest.fixture
def raster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProbabilityRaster:
    """A raster of 100 rows that is followed in strips of 16."""
    monkeypatch.setattr(block_order, "STRIP_PX", 16 * 40)
    grid = MapGrid(CRS.from_epsg(32646), Affine(10, 0, 4e5, 0, -10, 25e5), 100, 40)
    raster = ProbabilityRaster(tmp_path / "encoded.tif", grid)
    raster.create()
    return raster


def test_strips_wait_for_their_rows(raster: ProbabilityRaster) -> None:
    follower, strips_read, rows_done = Follower(raster), [], 0
    encoded = np.random.default_rng(0).integers(0, 251, (100, 40)).astype(np.uint8)

    def follow() -> None:
        for window, strip in follower.strips():
            assert window.bottom <= rows_done, "a strip came before its rows"
            strips_read.append((window, strip))

    thread = threading.Thread(target=follow)
    thread.start()
    for row in range(0, 100, 9):
        window = Window(row, 0, min(9, 100 - row), 40)
        raster.write(window, encoded[window.slices])
        rows_done = window.bottom
        follower.set_rows_done(window.bottom)
    thread.join(timeout=30)
    assert not thread.is_alive()
    np.testing.assert_array_equal(np.concatenate([strip for _, strip in strips_read]), encoded)
    assert [window.row for window, _ in strips_read] == list(range(0, 100, 16))


@pytest.mark.parametrize("rows", [0, 20, 100])
def test_after_a_stop_only_finished_strips_are_yielded(raster: ProbabilityRaster, rows: int) -> None:
    follower = Follower(raster)
    follower.set_rows_done(rows)
    follower.stop()
    ends = [window.bottom for window, _ in follower.strips()]
    assert ends == [bottom for bottom in (*range(16, 100, 16), 100) if bottom <= rows]


def test_a_stop_wakes_a_waiting_thread(raster: ProbabilityRaster) -> None:
    follower = Follower(raster)
    thread = threading.Thread(target=lambda: list(follower.strips()))
    thread.start()
    follower.stop()
    thread.join(timeout=30)
    assert not thread.is_alive()


def test_a_new_raster_is_nodata(raster: ProbabilityRaster) -> None:
    assert (raster.read(Window(0, 0, 100, 40)) == NODATA).all()
