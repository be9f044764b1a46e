"""The store is lossless, a quarter of the size, written atomically, and resumes to the same bytes after a kill."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from click.testing import CliRunner

from l4s_made import make_l4s, truth, whole, write_image
from landslip.cli import landslip
from landslip.datasets.l4s import open_l4s
from landslip.datasets.patch_set import MARK, SENTINEL, SYNTHETIC, attribution
from landslip.datasets.store.format import HEADER, IMAGES, MASKS, TABLE, StoreEntry
from landslip.datasets.store.pack import pack_l4s
from landslip.datasets.store.reading import open_store, verify_store
from landslip.datasets.store.writing import StoreWriter, crc32_of, unfinished_folder
from landslip.errors import LandslipError, OutputError, PatchesError, RunError

NUMBERS = {"train": [1, 2, 3, 10], "validation": [1, 2], "test": [7]}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = make_l4s(tmp_path / "set", NUMBERS, masks={"train": [1, 2, 3, 10], "test": [7]})
    (folder / "manifest.csv").write_text('id,scene,row,col\n1,A,0,0\n2,A,0,1\n3,"B, left",4,2\n')
    return folder


def files_of(store: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.iterdir()}


def test_a_store_of_real_files_is_lossless_and_has_a_quarter_of_the_size(shared_data: Path, tmp_path: Path) -> None:
    packed = pack_l4s(shared_data / "l4s-h5", tmp_path / "store")
    assert packed.size_ratio <= 0.28
    files = open_l4s(shared_data / "l4s-h5")
    assert verify_store(packed.store, files) == len(files) > 0


def test_a_store_has_the_patches_of_its_files(source: Path, tmp_path: Path) -> None:
    files, store = open_l4s(source), pack_l4s(source, tmp_path / "store").store
    assert len(files) == len(store) == 7
    assert verify_store(store, files) == 7
    assert (store.channels, store.shape, store.scenes) == (files.channels, files.shape, files.scenes)
    for ours, theirs in zip(store.entries, files.entries, strict=True):
        assert (ours.split, ours.id, ours.scene, ours.row, ours.col) == (
            theirs.split, theirs.id, theirs.scene, theirs.row, theirs.col
        )  # fmt: skip
        patch, file = store.read(ours), files.read(theirs)
        np.testing.assert_array_equal(patch.values, file.values)
        np.testing.assert_array_equal(patch.mask, file.mask)
    assert [entry.landslide_px for entry in store.entries] == [
        *(int(truth(number).sum()) for number in (1, 2, 3, 10)), None, None, int(truth(20_007).sum())
    ]  # fmt: skip
    assert [patch.id for patch in store.where(lambda entry: entry.scene == "B, left")] == [3]
    assert store.header.check.usable == 7


def test_a_store_of_synthetic_patches_is_marked(source: Path, tmp_path: Path) -> None:
    assert attribution(pack_l4s(source, tmp_path / "real").store.folder) == SENTINEL
    (source / MARK).write_text("{}")
    assert attribution(pack_l4s(source, tmp_path / "made").store.folder) == SYNTHETIC


def test_packing_again_changes_nothing_and_other_files_need_overwrite(source: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    pack_l4s(source, store)
    before = files_of(store)
    assert pack_l4s(source, store).resumed == 7
    assert files_of(store) == before
    write_image(source / "TestData/img/image_7.h5", whole(5))
    with pytest.raises(OutputError, match="store of other files"):
        pack_l4s(source, store)
    assert files_of(store) == before
    assert verify_store(pack_l4s(source, store, overwrite=True).store, open_l4s(source)) == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "store"]


def test_other_folders_are_never_replaced(source: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    for place in (precious, precious / "thesis.txt"):
        with pytest.raises(OutputError, match="is not a store"):
            pack_l4s(source, place, overwrite=True)
    assert (precious / "thesis.txt").read_text() == "years of work"


def test_refused_files_are_named_and_nothing_is_written(source: Path, tmp_path: Path) -> None:
    write_image(source / "TrainData/img/image_2.h5", whole(2) + 0.25)
    (source / "TrainData/mask/mask_3.h5").write_bytes(b"nothing")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(
        PatchesError, match=r"2 files .*image_2\.h5 is not DN / divisor .*mask_3\.h5 .* leave out their patches"
    ):
        pack_l4s(source, tmp_path / "store")
    assert sorted(tmp_path.rglob("*")) == before
    store = pack_l4s(source, tmp_path / "store", leave_out=True).store
    assert [entry.id for entry in store.entries if entry.split == "train"] == [1, 10]
    assert store.header.left_out == ("TrainData/img/image_2.h5", "TrainData/img/image_3.h5")
    assert {finding.kind for finding in store.header.check.refused} == {"not DN / divisor", "not HDF5"}
    assert verify_store(store, open_l4s(source)) == 5


def test_verification_finds_a_changed_bit_in_store_or_file(source: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    pack_l4s(source, store)
    for name in (IMAGES, MASKS):
        whole_bytes = (store / name).read_bytes()
        changed = bytearray(whole_bytes)
        changed[-1] ^= 1
        (store / name).write_bytes(changed)
        with pytest.raises(RunError, match=r"patch 7 .* differs"):
            verify_store(open_store(store), open_l4s(source))
        (store / name).write_bytes(whole_bytes)
    write_image(source / "TestData/img/image_7.h5", whole(5))
    with pytest.raises(RunError, match=r"patch 7 .* differs"):
        verify_store(open_store(store), open_l4s(source))
    write_image(source / "TestData/img/image_8.h5", whole(8))
    with pytest.raises(RunError, match=r"lacks 1 patches, such as TestData/img/image_8\.h5"):
        verify_store(open_store(store), open_l4s(source))


@pytest.mark.parametrize("cut", [0, 1, 2, 100, 10_000, 458_752, 500_000])
@pytest.mark.parametrize("name", [IMAGES, MASKS, TABLE])
def test_writing_resumes_after_the_last_complete_patch(tmp_path: Path, name: str, cut: int) -> None:
    """Whatever file lost its end: the rows that are whole are kept, and the files end in the same bytes."""
    numbers = (1, 2, 3, 4)

    def write(folder: Path) -> int:
        folder.mkdir(exist_ok=True)
        with StoreWriter(folder, len(numbers)) as writer:
            there = len(writer.entries)
            for index in range(there, len(numbers)):
                image = np.ascontiguousarray(np.moveaxis(whole(numbers[index]), -1, 0)).astype(np.uint16)
                mask = truth(numbers[index])
                crc32 = crc32_of(image, mask)
                name = f"image_{index}.h5"
                writer.add(StoreEntry(index, index, "train", 'A, "b"', index, None, 3, name, None, crc32), image, mask)
        return there

    write(tmp_path / "store")
    before = files_of(tmp_path / "store")
    path = tmp_path / "store" / name
    path.write_bytes(before[name][: max(0, len(before[name]) - cut)])
    assert write(tmp_path / "store") <= 4 - (cut > 0)
    assert files_of(tmp_path / "store") == before


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    source = make_l4s(tmp_path / "set", {"train": list(range(1, 81))})
    pack_l4s(source, tmp_path / "whole")
    store = tmp_path / "store"
    command = [sys.executable, "-c", "from landslip.cli import main; main()", "data", "pack", str(source), str(store)]
    resumed = []
    for rows in (1, 30, 60):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        table = unfinished_folder(store) / TABLE
        while process.poll() is None and not (table.exists() and table.read_bytes().count(b"\n") > rows):
            time.sleep(0.001)
        psutil.Process(process.pid).kill() if process.poll() is None else None
        process.wait()
        assert not store.exists(), "the run ended before it was killed"
        resumed.append(table.read_bytes().count(b"\n") - 1)
    packed = pack_l4s(source, store)
    assert packed.resumed >= resumed[-1] - 1 >= 60 - 1
    assert files_of(store) == files_of(tmp_path / "whole")
    assert not unfinished_folder(store).exists()
    assert verify_store(packed.store, open_l4s(source)) == 80


def test_two_runs_cannot_write_the_same_store(source: Path, tmp_path: Path) -> None:
    import fcntl

    unfinished = unfinished_folder(tmp_path / "store")
    unfinished.mkdir()
    with (unfinished / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(OutputError, match="another run is packing"):
            pack_l4s(source, tmp_path / "store")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (HEADER, b"{}"),
        (HEADER, b"\xff\xfe"),
        (HEADER, None),
        (IMAGES, b"\x93NUMPY"),
        (IMAGES, b""),
        (MASKS, None),
        (TABLE, b"id\n1\n"),
        (TABLE, b""),
        (TABLE, b"\xff"),
    ],
)
def test_a_damaged_store_is_refused(source: Path, tmp_path: Path, name: str, content: bytes | None) -> None:
    store = tmp_path / "store"
    pack_l4s(source, store)
    (store / name).unlink() if content is None else (store / name).write_bytes(content)
    with pytest.raises(PatchesError, match="pack"):
        open_store(store)


def test_arrays_of_another_shape_or_type_are_refused(source: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    pack_l4s(source, store)
    masks = np.load(store / MASKS)
    for other in (masks[:-1], masks.astype(np.uint16), np.asfortranarray(masks), np.array([object()])):
        np.save(store / MASKS, other, allow_pickle=True)
        with pytest.raises(PatchesError, match=r"masks\.npy"):
            open_store(store)
    np.save(store / MASKS, masks)
    header = json.loads((store / HEADER).read_text())
    for key, value in {"offsets": [0.0] * 14, "patches": 8, "version": 2, "more": 1}.items():
        (store / HEADER).write_text(json.dumps(header | {key: value}))
        with pytest.raises(PatchesError):
            open_store(store)


def test_a_full_disk_is_an_error(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OutputError, match="free disk space"):
        pack_l4s(source, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_the_command_packs_verifies_and_prints_the_size(source: Path, tmp_path: Path) -> None:
    arguments = ["data", "pack", str(source), str(tmp_path / "store"), "--verify"]
    result = CliRunner().invoke(landslip, arguments)
    assert result.exit_code == 0
    assert "7 patches in" in result.stdout
    assert "verified: all 7 patches equal their HDF5 files, bit for bit" in result.stdout
    places = tmp_path / "positions.csv"
    places.write_text("id,scene,row,col\n1,C,5,6\n")
    result = CliRunner().invoke(landslip, [*arguments, "--positions", str(places)])
    assert isinstance(result.exception, LandslipError)
    assert CliRunner().invoke(landslip, [*arguments, "--positions", str(places), "--overwrite"]).exit_code == 0
    assert open_store(tmp_path / "store").scenes == ("C", "unknown")
