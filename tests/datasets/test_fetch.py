"""Downloads are complete and verified whatever the server does, and write nothing outside the folder."""

import io
import json
import stat
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fetch_server import Faults, serving
from landslip.cli.data.fetch import command
from landslip.datasets.fetch import fetch, list_files
from landslip.errors import MissingExtraError, OutputError, PatchesError, RunError
from landslip.files.unpacking import Limits, unpack

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


IMAGES = {f"TrainData/img/image_{one}.h5": np.random.default_rng(one).bytes(40_000) for one in range(1, 4)}
ARCHIVE = zipped(IMAGES)
FILES = {"TrainData.zip": ARCHIVE, "readme.txt": b"labelled patches"}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


def fetched(
    folder: Path, files: dict[str, bytes], faults: Faults | None = None, source: str = "zenodo"
) -> list[str | None]:
    """Fetch, and tell the ranges that were asked for."""
    with serving(files, faults) as served:
        fetch(folder, source, base_url=served.url)  # type: ignore[arg-type]
        return [span for _, span in served.asked]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_whole(folder: Path) -> None:
    found = contents(folder)
    assert found.pop("fetched.json")
    assert found == IMAGES | {"readme.txt": b"labelled patches"}


@pytest.mark.parametrize(
    "faults",
    [
        Faults(),
        Faults(break_after=30_000),
        Faults(length_off_by=5_000),
        Faults(ignore_range=True),
        Faults(endless=True),
        Faults(busy=3),
    ],
    ids=["well", "breaks", "says too long", "no ranges", "endless", "busy"],
)  # fmt: skip
def test_faults_of_the_server_do_not_change_the_result(tmp_path: Path, faults: Faults) -> None:
    fetched(tmp_path / "l4s", FILES, faults)
    assert_whole(tmp_path / "l4s")


def test_a_broken_connection_resumes_by_range(tmp_path: Path) -> None:
    spans = fetched(tmp_path / "l4s", FILES, Faults(break_after=50_000))
    assert spans[:3] == [None, "bytes=50000-", "bytes=100000-"]


def test_a_killed_call_is_resumed(tmp_path: Path) -> None:
    (tmp_path / "l4s" / ".archives").mkdir(parents=True)
    (tmp_path / "l4s" / ".archives" / "TrainData.zip.part").write_bytes(ARCHIVE[:70_000])
    assert fetched(tmp_path / "l4s", FILES)[0] == "bytes=70000-"
    assert_whole(tmp_path / "l4s")


@pytest.mark.parametrize("left", [b"another version" * 1000, ARCHIVE + b"more"], ids=["other", "longer"])
def test_a_wrong_partial_file_is_discarded(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "l4s" / ".archives").mkdir(parents=True)
    (tmp_path / "l4s" / ".archives" / "TrainData.zip.part").write_bytes(left)
    fetched(tmp_path / "l4s", FILES)
    assert_whole(tmp_path / "l4s")


def test_wrong_bytes_never_get_the_final_name(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="checksum that its source lists"):
        fetched(tmp_path / "l4s", FILES, Faults(wrong_bytes=9))
    assert contents(tmp_path / "l4s") == {}


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (Faults(missing=True), "404"),
        (Faults(busy=99), "503"),
        (Faults(break_after=0), "invalid answer"),
        (Faults(length_off_by=-5_000), "ended after 115,"),
        (Faults(leads_to="ftp://127.0.0.1/x"), "invalid answer .*ftp://"),
        (Faults(break_after=30_000, wrong_range=True), "invalid answer"),
    ],
    ids=["missing", "busy", "silent", "says too short", "ftp", "wrong range"],
)
def test_permanent_faults_are_an_error_of_one_sentence(tmp_path: Path, faults: Faults, words: str) -> None:
    with pytest.raises(RunError, match=words):
        fetched(tmp_path / "l4s", FILES, faults)
    assert "fetched.json" not in contents(tmp_path / "l4s")


def test_a_second_call_downloads_no_files(tmp_path: Path) -> None:
    fetched(tmp_path / "l4s", FILES)
    assert fetched(tmp_path / "l4s", FILES) == []


def test_the_mirror_is_listed_by_pages_and_verified_by_sha256_and_git_sha1(tmp_path: Path) -> None:
    files = {"README.md": b"# mirror\n", ".gitattributes": b"x"} | {
        f"images/train/image_{one}.h5": bytes([one]) * 5000 for one in range(5)
    }
    fetched(tmp_path / "l4s", files, Faults(break_after=3000), "hugging-face")
    found = contents(tmp_path / "l4s")
    listed = json.loads(found.pop("fetched.json"))["files"]
    assert found == {name: content for name, content in files.items() if name != ".gitattributes"}
    assert {"git-sha1", "sha256"} == {key for entry in listed for key in entry} - {"name", "bytes"}


@pytest.mark.parametrize(
    "text",
    [
        "<html>", "[]", '{"files": 3}', '{"files": []}', '{"files": [{"key": "a"}]}', "[" * 100_000,
        *(
            json.dumps({"files": [{"key": key, "size": size, "checksum": checksum, "links": {"self": url}}]})
            for key, size, checksum, url in (
                ("../a.zip", 1, "md5:" + "0" * 32, "http://127.0.0.1/a"),
                ("/etc/a", 1, "md5:" + "0" * 32, "http://127.0.0.1/a"),
                ("a", -1, "md5:" + "0" * 32, "http://127.0.0.1/a"),
                ("a", 1, "md5:0", "http://127.0.0.1/a"),
                ("a", 1, "crc32:" + "0" * 8, "http://127.0.0.1/a"),
                ("a", 1, "md5:" + "0" * 32, "file:///etc/passwd"),
            )
        ),
    ],
)  # fmt: skip
def test_an_invalid_record_of_zenodo_is_refused(text: str) -> None:
    with serving({}, Faults(list_text=text)) as served, pytest.raises(RunError):
        list_files("zenodo", served.url)


def test_an_endless_record_of_zenodo_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landslip.files.download._LARGEST_LIST_BYTES", 100)
    with serving(FILES) as served, pytest.raises(RunError, match="longer than 100 bytes"):
        list_files("zenodo", served.url)


@pytest.mark.parametrize(
    "text",
    [
        "<html>", '{"error": "x"}', "[3]", '[{"type": "file"}]',
        '[{"type": "file", "path": "../a", "size": 1, "oid": "' + "0" * 40 + '"}]',
        '[{"type": "file", "path": "a", "size": 1, "oid": "0"}]',
        '[{"type": "file", "path": "a", "size": -1, "oid": "' + "0" * 40 + '"}]',
        '[{"type": "file", "path": "a", "size": 1, "oid": "0", "lfs": {"oid": "0", "size": 1, "pointerSize": 1}}]',
    ],
)  # fmt: skip
def test_an_invalid_list_of_the_hub_is_refused(text: str) -> None:
    wrong = pytest.raises(RunError, match=r"not a list of files|lists no files")
    with serving({}, Faults(list_text=text)) as served, wrong:
        list_files("hugging-face", served.url)


@pytest.mark.parametrize(("source", "package"), [("zenodo", "pooch"), ("hugging-face", "huggingface_hub")])
def test_a_missing_package_is_named_with_its_extra(
    source: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"'{package}'.*landslip\[fetch\]"):
        fetch(tmp_path, source)  # type: ignore[arg-type]


def test_the_users_token_of_the_hub_is_not_sent_to_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with serving({"a.h5": b"a"}) as served:
        list_files("hugging-face", served.url)
        assert served.headers
        assert not any("hf_secret" in one for one in served.headers)


def test_offline_the_error_names_the_page_for_a_download_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving({}) as served:
        gone = served.url
    with pytest.raises(RunError, match=r"cannot be reached.*internet connection.*zenodo.org/records/10463239"):
        fetch(tmp_path / "l4s", base_url=gone)
    assert not (tmp_path / "l4s").exists()


def test_disk_space_is_checked_before_the_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(OutputError, match="free"):
        fetched(tmp_path / "l4s", FILES)
    assert not (tmp_path / "l4s").exists()


def test_files_of_the_user_are_not_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "l4s" / "TrainData" / "img" / "image_1.h5"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(PatchesError, match="move it away"):
        fetched(tmp_path / "l4s", FILES)
    assert mine.read_bytes() == b"mine"


def special(name: str, mode: int, content: bytes = b"/etc/passwd") -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def hostile() -> dict[str, bytes]:
    archives = {
        "upwards": zipped({"../out.h5": b"x"}),
        "upwards inside": zipped({"a/../../out.h5": b"x"}),
        "absolute": zipped({"/out.h5": b"x"}),
        "backslash": zipped({"a\\..\\..\\out.h5": b"x"}),
        "drive": zipped({"C:out.h5": b"x"}),
        "control": zipped({"a\nb": b"x"}),
        "bomb": zipped({"zeros": bytes(5_000_000)}),
        "file as folder": zipped({"a": b"x", "a/b": b"x"}),
        "same but for case": zipped({"A.h5": b"x", "a.h5": b"y"}),
        "no zip": b"PK but no more",
        "cut": ARCHIVE[: len(ARCHIVE) // 2],
        "flipped": ARCHIVE[:5000] + bytes([ARCHIVE[5000] ^ 255]) + ARCHIVE[5001:],
        "many": zipped({f"{one}.h5": b"" for one in range(60)}),
    }
    for kind, mode in (("symlink", stat.S_IFLNK | 0o777), ("pipe", stat.S_IFIFO | 0o644), ("device", stat.S_IFCHR)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(special("link", mode), b"/etc/passwd")
        archives[kind] = buffer.getvalue()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.h5", b"x" * 100)
    archives["lzma"] = buffer.getvalue()
    return archives


@pytest.mark.parametrize("kind", sorted(hostile()))
def test_a_hostile_archive_is_refused_and_writes_nothing_outside(tmp_path: Path, kind: str) -> None:
    archive = tmp_path / "bad.zip"
    archive.write_bytes(hostile()[kind])
    inside = tmp_path / "deep" / "inside"
    with pytest.raises(PatchesError):
        unpack(archive, inside, limits=Limits(files=50))
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - {archive}
    # A damaged member is found on the way: those before it are whole, and it has no name.
    assert all(IMAGES.get(str(path.relative_to(inside))) == path.read_bytes() for path in written)


def test_a_member_longer_than_declared_is_refused(tmp_path: Path) -> None:
    content = zipped({"a.h5": b"x" * 1000})
    # The uncompressed size stands in the directory at the end, and in the member's own head.
    lying = content.replace((1000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    (tmp_path / "lying.zip").write_bytes(lying)
    with pytest.raises(PatchesError):
        unpack(tmp_path / "lying.zip", tmp_path / "inside")
    assert not [path for path in (tmp_path / "inside").rglob("*") if path.is_file()]


def test_files_are_not_written_through_links(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"a.h5": b"new"}))
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside.h5").write_bytes(b"old")
    (tmp_path / "inside" / "a.h5").symlink_to(tmp_path / "outside.h5")
    with pytest.raises(PatchesError, match="move it away"):
        unpack(tmp_path / "a.zip", tmp_path / "inside")
    assert (tmp_path / "outside.h5").read_bytes() == b"old"


def test_the_command_prints_files_licence_and_next_step(tmp_path: Path) -> None:
    with serving(FILES) as served:
        for words in ("2 files", "already"):
            result = CliRunner().invoke(command, [str(tmp_path / "l4s"), "--base-url", served.url, "--quiet"])
            assert result.exit_code == 0, result.output
            assert words in result.output
            assert "CC BY 4.0" in result.output
            assert "landslip data check" in result.output
