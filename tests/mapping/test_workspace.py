"""Workspace: one run at a time, no incomplete file under a final name, nothing lost by a kill."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from landslip.errors import OutputError
from landslip.files.atomic import check_disk_space
from landslip.grid.window import Window
from landslip.mapping.workspace import UNFINISHED, Workspace, open_workspace, sha256_of

PRODUCTS = ("a.tif", "b.gpkg", "summary.json")
ONE, OTHER = Window(0, 0, 16, 16), Window(0, 16, 16, 9)


@contextmanager
def opened(out: Path, made_of: str = "x", threshold: float = 0.5, **changes: bool) -> Iterator[Workspace]:
    options = {"resume": True, "overwrite": False} | changes
    raster = {"made_of": made_of}
    with open_workspace(
        out, PRODUCTS, raster_identity=raster, identity=raster | {"threshold": threshold}, **options
    ) as workspace:
        yield workspace


def make(workspace: Workspace, text: str = "new") -> None:
    for name in PRODUCTS:
        workspace.path(name).write_text(f"{text} {name}")


def contents(out: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in out.iterdir() if path.is_file()}


def test_products_are_published_and_the_workspace_is_removed(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    with opened(out) as workspace:
        make(workspace)
        assert contents(out) == {}
        workspace.publish()
    assert contents(out) == {name: f"new {name}" for name in PRODUCTS}
    assert not (out / UNFINISHED).exists()


def test_a_run_that_made_no_file_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.tif").write_text("old")
    with pytest.raises(OutputError, match=r"already holds a map \(a\.tif\).*overwritten"), opened(tmp_path / "there"):
        pass
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["a.tif"]
    with pytest.raises(KeyError), opened(tmp_path / "new") as workspace:
        workspace.clear()
        raise KeyError
    assert not (tmp_path / "new").exists()


def test_finished_blocks_are_kept_only_for_the_same_identity(tmp_path: Path) -> None:
    def blocks(**changes: object) -> set[Window]:
        with opened(tmp_path, **changes) as workspace:
            assert workspace.resumed == bool(workspace.blocks_done())
            return workspace.blocks_done()

    with opened(tmp_path) as workspace:
        assert workspace.blocks_done() == set()
        workspace.record_block(ONE)
        workspace.record_block(OTHER)
    assert blocks() == {ONE, OTHER}
    assert blocks(threshold=0.9) == {ONE, OTHER}, "the threshold has no part in the probability"
    assert blocks(resume=False) == set()
    assert blocks() == set()
    with opened(tmp_path) as workspace:
        workspace.record_block(ONE)
    assert blocks(made_of="y") == set()
    assert blocks() == set()


@pytest.mark.parametrize("written", range(len("0 16 16 9\n")))
def test_an_incomplete_line_of_the_journal_is_removed(tmp_path: Path, written: int) -> None:
    with opened(tmp_path) as workspace:
        workspace.record_block(ONE)
        journal = workspace.path("blocks-done.txt")
        journal.write_text(journal.read_text() + "0 16 16 9\n"[:written])
    with opened(tmp_path) as workspace:
        assert workspace.blocks_done() == {ONE}
        workspace.record_block(Window(16, 0, 16, 16))
    with opened(tmp_path) as workspace:
        assert workspace.blocks_done() == {ONE, Window(16, 0, 16, 16)}


class KilledError(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("moved", range(len(PRODUCTS) + 1))
@pytest.mark.parametrize("old", [False, True])
def test_a_run_killed_while_publishing_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: int, old: bool
) -> None:
    if old:
        for name in PRODUCTS:
            (tmp_path / name).write_text(f"old {name}")
    count = 0
    move = Path.replace

    def replace(path: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count > moved:
            raise KilledError
        return move(path, target)

    with monkeypatch.context() as patch, pytest.raises(KilledError), opened(tmp_path, overwrite=old) as workspace:
        patch.setattr(Path, "replace", replace)
        patch.setattr("shutil.rmtree", lambda _: (_ for _ in ()).throw(KilledError))
        make(workspace)
        workspace.publish()
    there = contents(tmp_path)
    assert all(text.split()[0] in ("old", "new") for text in there.values())
    if moved < len(PRODUCTS):
        assert "summary.json" not in there, "where the summary is, the map is whole"
    with opened(tmp_path) as workspace:
        assert workspace.publishing
        workspace.publish()
    assert contents(tmp_path) == {name: f"new {name}" for name in PRODUCTS}
    assert not (tmp_path / UNFINISHED).exists()


def test_a_partly_published_map_is_not_finished_with_other_settings(tmp_path: Path) -> None:
    with opened(tmp_path) as workspace:
        make(workspace)
        workspace.path("publishing.json").write_text('{"made_of": "x", "threshold": 0.5}')
    with opened(tmp_path, threshold=0.9) as workspace:
        assert not workspace.publishing
    with opened(tmp_path) as workspace:
        assert workspace.publishing


def test_two_runs_cannot_write_into_one_folder_at_once(tmp_path: Path) -> None:
    with opened(tmp_path) as first:
        first.record_block(ONE)
        with pytest.raises(OutputError, match="another run is writing"), opened(tmp_path):
            pass
        assert first.blocks_done() == {ONE}
        first.record_block(OTHER)
    with opened(tmp_path) as second:
        assert second.blocks_done() == {ONE, OTHER}


def test_a_file_system_without_locks_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl", reason="Windows has other locks")

    def flock(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    with opened(tmp_path) as workspace:
        make(workspace)
        workspace.publish()
    assert set(contents(tmp_path)) == set(PRODUCTS)


def test_a_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for out in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(OutputError, match=r"cannot be written|is too long"), opened(out):
            pass


def test_a_disk_without_room_is_named_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_disk_space(tmp_path / "a" / "b", 1)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 3_000_000})())
    with pytest.raises(OutputError, match=r"has 3 MB of free disk space, about 70 MB are needed"):
        check_disk_space(tmp_path / "a" / "b", 70_000_000)
    assert list(tmp_path.iterdir()) == []


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    assert sha256_of(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
