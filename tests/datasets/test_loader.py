"""An epoch has every patch once, in the order of the seed, from files, store and memory alike."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from l4s_made import make_l4s
from landslip.datasets.l4s import open_l4s
from landslip.datasets.loader import Batch, MemorySource, Source, batches
from landslip.datasets.patch_set import PatchStack, stack_patches
from landslip.datasets.store.pack import pack_l4s
from landslip.errors import PatchesError, SettingsError


def numbered(count: int) -> MemorySource:
    """Tiny patches that each hold their own position."""
    values = np.broadcast_to(np.arange(count, dtype=np.float32)[:, None, None, None], (count, 2, 3, 3))
    return MemorySource(PatchStack(("B04", "B03"), values, values[:, 0].astype(np.uint8)))


@given(
    st.integers(1, 40), st.integers(1, 50), st.none() | st.integers(0, 2**32), st.booleans(),
    st.integers(1, 4), st.integers(1, 6),
)  # fmt: skip
def test_every_patch_is_read_once_with_any_number_of_threads(
    count: int, size: int, seed: int | None, drop_last: bool, threads: int, ahead: int
) -> None:
    fed = list(batches(numbered(count), size, seed=seed, drop_last=drop_last, threads=threads, ahead=ahead))
    positions = np.concatenate([batch.positions for batch in fed]) if fed else np.array([], int)
    assert len(set(positions.tolist())) == len(positions) == (count // size * size if drop_last else count)
    assert all(len(batch.positions) == size for batch in fed[: count // size])
    for batch in fed:
        np.testing.assert_array_equal(batch.values[:, 1, 2, 2], batch.positions)
        np.testing.assert_array_equal(batch.masks[:, 0, 1], batch.positions)
    again = batches(numbered(count), size, seed=seed, drop_last=drop_last)
    for batch, same in zip(fed, again, strict=True):
        np.testing.assert_array_equal(batch.positions, same.positions)


def test_each_epoch_and_seed_has_its_own_order() -> None:
    def order(**settings: int) -> tuple[int, ...]:
        return tuple(position for batch in batches(numbered(50), 7, **settings) for position in batch.positions)

    assert order() == tuple(range(50))
    assert len({order(seed=1, epoch=epoch) for epoch in range(5)} | {order(seed=2), order()}) == 7


@given(st.lists(st.integers(0, 8), max_size=30), st.integers(1, 7))
def test_a_given_order_is_kept_with_repeated_and_missing_indices(order: list[int], size: int) -> None:
    fed = list(batches(numbered(9), size, order=np.array(order, np.intp)))
    assert [int(position) for batch in fed for position in batch.positions] == order
    for batch in fed:
        np.testing.assert_array_equal(batch.values[:, 0, 0, 0], batch.positions)


def test_an_order_with_invalid_indices_is_refused() -> None:
    with pytest.raises(SettingsError, match="order and seed were both given"):
        batches(numbered(4), 2, seed=1, order=np.array([0]))
    for wrong in ([0, 4], [-1, 2]):
        with pytest.raises(SettingsError, match="from 0 to 3"):
            batches(numbered(4), 2, order=np.array(wrong))


def test_files_store_and_memory_give_equal_batches(tmp_path: Path) -> None:
    files = open_l4s(make_l4s(tmp_path / "set", {"train": [1, 2, 3], "test": [4, 5]}, masks={"train": [1, 3]}))
    store = pack_l4s(files.folder, tmp_path / "store").store
    sources: tuple[Source, ...] = (files, store, MemorySource(stack_patches(files)))

    def all_of(source: Source) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        fed = list(batches(source, 2, seed=3))
        return np.concatenate([batch.values for batch in fed]), np.concatenate([batch.masks for batch in fed])

    values, masks = all_of(sources[0])
    assert values.shape == (5, 14, 128, 128)
    for source in sources[1:]:
        for ours, theirs in zip(all_of(source), (values, masks), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    part = store.where(lambda entry: entry.split == "test")
    np.testing.assert_array_equal(next(batches(part, 2)).values[1], files.read(files.entries[4]).values)


@given(st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_referenced_batches_are_not_overwritten(choices: list[int]) -> None:
    """Whether a batch, a part of it or a view of a view is held: it stays; memory that nobody holds is used again."""
    held: list[tuple[NDArray[np.float32], int]] = []
    places = set()
    for number, batch in enumerate(batches(numbered(12), 1, ahead=2)):
        places.add(batch.values.ctypes.data)
        kept = (None, batch.values, batch.values[0, 1], batch.values.reshape(2, 9).T[3:5])[choices[number]]
        if kept is not None:
            held.append((kept, number))
        del batch, kept
    for array, number in held:
        assert (array == number).all()
    assert len(places) <= len(held) + 4


def test_only_the_requested_number_of_batches_is_read_ahead() -> None:
    class Counting(MemorySource):
        read = 0

        def fill(self, positions: NDArray[np.intp], values: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
            Counting.read += len(positions)

    fed: Iterator[Batch] = batches(Counting(numbered(100).stack), 1, threads=1, ahead=3)
    next(fed)
    assert Counting.read <= 3
    fed.close()  # type: ignore[attr-defined] # it is a generator
    assert Counting.read <= 3


def test_a_damaged_file_raises_an_error_in_its_batch(tmp_path: Path) -> None:
    folder = make_l4s(tmp_path, {"train": [1, 2, 3]})
    (folder / "TrainData/img/image_2.h5").write_bytes(b"nothing")
    fed = batches(open_l4s(folder), 1)
    assert next(fed).positions == [0]
    with pytest.raises(PatchesError, match=r"image_2\.h5 is not HDF5"):
        next(fed)


@pytest.mark.parametrize("settings", [{"size": 0}, {"size": 4, "threads": 0}, {"size": 4, "ahead": 0}])
def test_numbers_below_one_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match="must be 1 or more"):
        batches(numbered(4), **settings)
