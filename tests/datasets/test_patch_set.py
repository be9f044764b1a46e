"""Patch sets: short representations, and PyTorch datasets of the same values."""

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

import landslip
from l4s_made import make_l4s
from landslip.datasets.check import check_l4s
from landslip.datasets.formats import open_patches
from landslip.datasets.leakage import find_leaks
from landslip.datasets.loader import MemorySource, batches
from landslip.datasets.mosaic.recovery import recover
from landslip.datasets.patch_set import PatchStack, stack_patches
from landslip.datasets.protocols import official_split
from landslip.datasets.store.pack import pack_l4s
from landslip.errors import MissingExtraError

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_l4s(tmp_path / "set", {"train": [1, 2], "test": [1]}, masks={"train": [1]})


def test_every_public_object_fits_a_line(folder: Path, tmp_path: Path) -> None:
    patches = open_patches(folder)
    packed = pack_l4s(folder, tmp_path / "store")
    division = official_split(patches.entries)
    stack: PatchStack = stack_patches(patches)
    objects = [
        patches, packed.store, next(iter(patches)), stack, patches.as_torch(), recover(patches),
        find_leaks(division, patches.entries), open_patches(EXAMPLES / "l4s-rgb-scene-b"), division,
        packed, check_l4s(folder), next(batches(MemorySource(stack), 2)),
    ]  # fmt: skip
    for one in objects:
        assert len(repr(one)) <= 160, repr(one)
        assert "\n" not in repr(one)


def test_a_torch_dataset_has_the_values_and_masks_of_the_patches(folder: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    for path in (folder, pack_l4s(folder, tmp_path / "store").store.folder, EXAMPLES / "l4s-rgb-scene-b"):
        patches = landslip.open_patches(str(path))
        dataset = patches.as_torch()
        assert isinstance(dataset, torch.utils.data.Dataset)
        assert len(dataset) == len(patches)  # type: ignore[arg-type]  # torch's base declares no length
        for number, patch in enumerate(patches):
            values, mask = dataset[number]
            assert (values.dtype, mask.dtype) == (torch.float32, torch.uint8)
            np.testing.assert_array_equal(values.numpy(), patch.values)
            np.testing.assert_array_equal(mask.numpy(), patch.mask)
        with pytest.raises(IndexError):
            dataset[len(patches)]


def test_a_torch_dataset_can_be_sent_to_the_workers_of_a_loader(folder: Path) -> None:
    torch = pytest.importorskip("torch")
    dataset = open_patches(folder).as_torch()
    again = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(again[1][0], dataset[1][0])
    values, masks = next(iter(torch.utils.data.DataLoader(dataset, batch_size=3)))
    assert (values.shape, masks.shape) == ((3, 14, 128, 128), (3, 128, 128))


def test_a_pickled_store_is_a_reference_to_its_files(folder: Path, tmp_path: Path) -> None:
    store = pack_l4s(folder, tmp_path / "store").store.where(lambda entry: entry.id == 2)
    content = pickle.dumps(store)
    assert len(content) < 1000
    again = pickle.loads(content)
    assert again.entries == store.entries
    np.testing.assert_array_equal(next(iter(again)).values, next(iter(store)).values)


def test_without_torch_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from landslip.datasets import torch_dataset

    torch_dataset._dataset_class.cache_clear()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"landslip\[train\]"):
        open_patches(folder).as_torch()
